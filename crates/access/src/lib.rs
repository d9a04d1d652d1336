//! Who may do what: whoever calls bears a token, of which only a hash is kept.
//!
//! Services that answer callers hold the credentials in force in memory, from the reference topic,
//! so that asking who somebody is takes one hash and one look into a map. Nobody is asked where the
//! log was founded for a sandbox.
//!
//! # Layout
//!
//! - [`token`]: what is borne, and how it comes in a request.
//! - [`credentials`]: those in force; [`follow`](mod@follow) keeps them so.
//! - [`attempts`]: sources that show tokens which are none.
//!
//! What will never live here: what a service does for whom it knows.

#![forbid(unsafe_code)]

pub mod attempts;
pub mod credentials;
pub mod follow;
pub mod token;

use std::{net::IpAddr, sync::Arc};

use daemon::clock::Clock;
use spine::{Log, log::LogError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use self::{
    credentials::{Credentials, Denied, Known},
    token::Token,
};

/// What [`open`] opens.
pub struct Opened {
    /// Whom to believe: in a sandbox everybody, else bearers of tokens.
    pub access: Access,
    /// The tokens in force, as far as they are followed.
    pub credentials: Arc<Credentials>,
    /// Tells why they no longer can be followed, where they are.
    pub end: Option<oneshot::Receiver<LogError>>,
}

/// Whom a service believes. Tokens are followed until `stop`; in a sandbox only where the service
/// also hears those who run it.
///
/// # Errors
/// [`LogError`] where the log cannot be read.
pub fn open(
    log: &Arc<dyn Log>,
    is_sandbox: bool,
    hears_operators: bool,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> Result<Opened, LogError> {
    let credentials = Arc::new(Credentials::new(Arc::clone(clock)));
    let follow = || follow::follow(log.as_ref(), Arc::clone(&credentials), stop.clone()).map(Some);
    let end = if is_sandbox && !hears_operators { None } else { follow()? };
    let access = if is_sandbox { Access::Trusts } else { Access::Asks(Arc::clone(&credentials)) };
    Ok(Opened { access, credentials, end })
}

/// Whom a service believes.
#[derive(Clone)]
pub enum Access {
    /// Whoever reaches it, under the name that they give: a sandbox.
    Trusts,
    /// Who bears a token that is in force.
    Asks(Arc<Credentials>),
}

impl Access {
    /// Whether nobody is asked.
    pub const fn trusts(&self) -> bool {
        matches!(self, Access::Trusts)
    }

    /// Who calls, by the value of the request's `authorization`: `None` where that is believed to
    /// be whom the request names.
    ///
    /// # Errors
    /// [`Denied`] where the token is missing, or none.
    pub fn who(
        &self,
        authorization: Option<&[u8]>,
        source: Option<IpAddr>,
    ) -> Result<Option<Arc<Known>>, Denied> {
        match self {
            Access::Trusts => Ok(None),
            Access::Asks(credentials) => credentials.who(authorization, source).map(Some),
        }
    }
}
