//! Who asks, and whose rows may be told to whom.

use std::sync::Arc;

use access::{Access, Denied, Known};
use model::AccountName;
use tonic::{Request, Status};

use super::refusal;

/// Who asks for something.
pub(super) enum Asker {
    /// Whoever it says: a sandbox.
    Trusted,
    /// The bearer of a token.
    Known(Arc<Known>),
    /// Nobody that is known, and why.
    Nobody(Denied),
}

impl Asker {
    pub(super) fn of<T>(access: &Access, request: &Request<T>) -> Asker {
        let authorization = request.metadata().get("authorization");
        let source = request.remote_addr().map(|address| address.ip());
        match access.who(authorization.map(|value| value.as_bytes()), source) {
            Ok(None) => Asker::Trusted,
            Ok(Some(known)) => Asker::Known(known),
            Err(why) => Asker::Nobody(why),
        }
    }

    /// The account that a request is about; `unknown` says that there is nothing of another's.
    pub(super) fn account(
        &self,
        said: String,
        unknown: impl FnOnce() -> Status,
    ) -> Result<String, Status> {
        match self {
            Asker::Trusted => Ok(said),
            Asker::Known(known) => match known.account() {
                // Whoever runs the platform looks at all of it.
                None => Ok(said),
                Some(own) if said.is_empty() || said == own => Ok(own.to_owned()),
                Some(_) => Err(unknown()),
            },
            Asker::Nobody(why) => Err(refusal::denied(*why)),
        }
    }

    pub(super) fn check_known(&self) -> Result<(), Status> {
        match self {
            Asker::Trusted | Asker::Known(_) => Ok(()),
            Asker::Nobody(why) => Err(refusal::denied(*why)),
        }
    }

    pub(super) fn may_see(&self, account: &AccountName) -> bool {
        match self {
            Asker::Trusted => true,
            Asker::Known(known) => known.account().is_none_or(|own| own == account.as_str()),
            Asker::Nobody(_) => false,
        }
    }

    /// What is of no account is nothing for the token of one.
    pub(super) fn check_is_of_the_house(&self) -> Result<(), Status> {
        match self {
            Asker::Trusted => Ok(()),
            Asker::Known(known) if known.account().is_none() => Ok(()),
            Asker::Known(_) => Err(refusal::of_the_house()),
            Asker::Nobody(why) => Err(refusal::denied(*why)),
        }
    }
}
