//! Who calls. In a sandbox that is whom the request names; else whose token it bears, and of
//! another's account nobody is told so much as whether there is one.
//!
//! Handlers ask an [`Asker`] for the account that they act for; the desk asks once more before
//! anything goes into the log, and the ledger is shown the token and asks for itself. So a handler
//! that forgot to ask lets nobody in.

mod guarded;

use std::{net::IpAddr, sync::Arc};

use access::{Access, Denied, Known};
use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use model::AccountName;
use proto::{command::Command, credential::Scope};
use tokio::task::futures::TaskLocalFuture;

pub(crate) use self::guarded::Guarded;
use crate::problem::{Kind, Problem};

tokio::task_local! {
    /// Who calls in this task.
    static CALLER: Caller;
}

/// Whoever bears a token that is in force.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) known: Arc<Known>,
    /// What was borne, for the ledger to look at; never printed.
    authorization: HeaderValue,
}

impl Caller {
    /// Does work in the name of this caller.
    pub(crate) fn scope<F: Future>(self, work: F) -> TaskLocalFuture<Caller, F> {
        CALLER.scope(self, work)
    }
}

/// What the caller of this task bears, for the services behind this one.
pub(crate) fn authorization() -> Option<HeaderValue> {
    CALLER.try_with(|caller| caller.authorization.clone()).ok()
}

/// Whom this gateway believes.
#[derive(Clone)]
pub(crate) struct Gate(Access);

impl Gate {
    pub(crate) const fn of(access: Access) -> Gate {
        Gate(access)
    }

    /// Whether nobody is asked.
    pub(crate) const fn trusts(&self) -> bool {
        self.0.trusts()
    }

    /// Why nobody can be asked yet, where that is so.
    pub(crate) fn objection(&self) -> Option<&'static str> {
        match &self.0 {
            Access::Asks(credentials) if !credentials.is_loaded() => {
                Some("has not read the tokens yet")
            }
            Access::Trusts | Access::Asks(_) => None,
        }
    }

    /// Whether a token of this hash is known here already; also where nobody is asked.
    pub(crate) fn knows(&self, hash: &blake3::Hash) -> bool {
        match &self.0 {
            Access::Trusts => true,
            Access::Asks(credentials) => credentials.knows(hash),
        }
    }

    /// Who calls, by a request's headers; `None` where it does not say, or is believed anyway.
    ///
    /// # Errors
    /// [`Problem`] where it bears something that opens nothing.
    pub(crate) fn caller(
        &self,
        headers: &HeaderMap,
        source: Option<IpAddr>,
    ) -> Result<Option<Caller>, Problem> {
        let Some(value) = headers.get(AUTHORIZATION).filter(|_| !self.trusts()) else {
            return Ok(None);
        };
        let known = self.0.who(Some(value.as_bytes()), source).map_err(denied)?;
        // Whoever runs the platform has no account to trade with.
        if known.as_ref().is_some_and(|known| known.account().is_none()) {
            return Err(denied(Denied::Unknown));
        }
        let mut authorization = value.clone();
        authorization.set_sensitive(true);
        Ok(known.map(|known| Caller { known, authorization }))
    }

    /// Who asks in this task.
    pub(crate) fn asker(&self) -> Asker {
        match &self.0 {
            Access::Trusts => Asker::Trusted,
            Access::Asks(credentials) => match CALLER.try_with(Caller::clone) {
                Ok(caller) if credentials.opens(&caller.known) => Asker::Known(caller),
                Ok(_) => Asker::Nobody(Denied::Unknown),
                Err(_) => Asker::Nobody(Denied::Missing),
            },
        }
    }

    /// Whether whoever asks in this task may send this command of the account.
    ///
    /// # Errors
    /// [`Problem`] where it may not.
    pub(crate) fn check(&self, account: &AccountName, command: &Command) -> Result<(), Problem> {
        if self.trusts() {
            return Ok(());
        }
        let asker = self.asker();
        asker.account(Some(account.as_str()))?;
        let needed =
            if matches!(command, Command::Deposit(_)) { Scope::Fund } else { Scope::Trade };
        match asker {
            Asker::Known(caller) if !caller.known.may(needed) => Err(beyond(needed)),
            _ => Ok(()),
        }
    }
}

/// Who asks for something.
pub(crate) enum Asker {
    /// Whoever it says.
    Trusted,
    /// The bearer of a token.
    Known(Caller),
    /// Nobody that is known, and why.
    Nobody(Denied),
}

impl Asker {
    /// The account that a request is about, which may say which one that is.
    ///
    /// # Errors
    /// [`Problem`] where it is another's, or nobody's.
    pub(crate) fn account<'a>(&'a self, said: Option<&'a str>) -> Result<Option<&'a str>, Problem> {
        match self {
            Asker::Trusted => Ok(said),
            Asker::Known(caller) => match (said, caller.known.account()) {
                (None, Some(own)) => Ok(Some(own)),
                (Some(said), Some(own)) if said == own => Ok(Some(own)),
                _ => Err(no_account()),
            },
            Asker::Nobody(why) => Err(denied(*why)),
        }
    }

    /// The caller, for work that outlives this call; `None` where nobody is asked.
    ///
    /// # Errors
    /// [`Problem`] where it is nobody.
    pub(crate) fn caller(self) -> Result<Option<Caller>, Problem> {
        match self {
            Asker::Trusted => Ok(None),
            Asker::Known(caller) => Ok(Some(caller)),
            Asker::Nobody(why) => Err(denied(why)),
        }
    }

    /// Whether what is this account's may be shown.
    pub(crate) fn may_see(&self, account: &str) -> bool {
        match self {
            Asker::Trusted => true,
            Asker::Known(caller) => caller.known.account() == Some(account),
            Asker::Nobody(_) => false,
        }
    }
}

/// The word for an account of which nothing is known: as the ledger says it.
fn no_account() -> Problem {
    Problem::new(Kind::NotFound, "not_found", "there is no such account")
}

/// The token is the account's, and made for less.
fn beyond(needed: Scope) -> Problem {
    let message = match needed {
        Scope::Fund => "the token books no deposits; bear one of scope fund",
        Scope::Trade | Scope::Read => "the token only reads; bear one of scope trade",
    };
    Problem::new(Kind::Forbidden, "beyond_scope", message)
}

/// Why a caller is not let in.
pub(crate) fn denied(why: Denied) -> Problem {
    let (kind, code) = match why {
        Denied::NotReady => (Kind::Unavailable, "starting"),
        Denied::Missing => (Kind::Unauthenticated, "no_token"),
        Denied::Unknown => (Kind::Unauthenticated, "bad_token"),
        Denied::TooMany => (Kind::TooMany, "too_many_bad_tokens"),
    };
    Problem::new(kind, code, why.to_string())
}
