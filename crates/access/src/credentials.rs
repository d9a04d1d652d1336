//! The credentials in force, by the hash of their token.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use blake3::Hash;
use daemon::clock::Clock;
use model::OperatorName;
use proto::credential::{Credential, Holder, Role, Scope};
use rustc_hash::FxHashMap;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::{attempts::Attempts, token};

/// A credential that is in force, or was.
#[derive(Debug)]
pub struct Known {
    /// What it opens.
    pub credential: Credential,
    /// Cancelled once it is revoked: what was opened with it ends.
    pub revoked: CancellationToken,
}

impl Known {
    /// Its account; `None` where it is of one of those who run the platform.
    pub fn account(&self) -> Option<&str> {
        match &self.credential.holder {
            Holder::Account { name, .. } => Some(name.as_str()),
            Holder::Operator { .. } => None,
        }
    }

    /// Who of those who run the platform it is of, and what they may do.
    pub fn operator(&self) -> Option<(&OperatorName, Role)> {
        match &self.credential.holder {
            Holder::Operator { name, role } => Some((name, *role)),
            Holder::Account { .. } => None,
        }
    }

    /// Whether it lets its bearer do with its account what this scope does.
    pub fn may(&self, needed: Scope) -> bool {
        match &self.credential.holder {
            Holder::Account { scope, .. } => *scope >= needed,
            Holder::Operator { .. } => false,
        }
    }
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// The credentials were not read yet.
    #[error("this service has just started and has not read the tokens yet; try again")]
    NotReady,
    /// There is no token in the request.
    #[error("bear a token, as `authorization: Bearer TOKEN`")]
    Missing,
    /// It is not one that opens anything.
    #[error("the token is none, was revoked or has expired; ask whoever runs this for a new one")]
    Unknown,
    /// It is not one either, and there were many of them.
    #[error("too many tokens that are none came from there; try again later")]
    TooMany,
}

type Table = FxHashMap<Hash, Arc<Known>>;

/// See the [module](self).
pub struct Credentials {
    /// Hashes compare in a time that does not depend on where they differ, and those of near
    /// guesses are not near.
    by_hash: ArcSwap<Table>,
    is_loaded: AtomicBool,
    clock: Arc<dyn Clock>,
    attempts: Attempts,
    denied: metrics::Counter,
}

impl Credentials {
    /// None yet; `clock` tells when they expire.
    pub fn new(clock: Arc<dyn Clock>) -> Credentials {
        Credentials {
            by_hash: ArcSwap::default(),
            is_loaded: AtomicBool::new(false),
            clock,
            attempts: Attempts::default(),
            denied: metrics::counter!("tradespine_access_denied_total"),
        }
    }

    /// Who calls, by the value of the request's `authorization`.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn who(
        &self,
        authorization: Option<&[u8]>,
        source: Option<IpAddr>,
    ) -> Result<Arc<Known>, Denied> {
        let Some(authorization) = authorization else { return Err(Denied::Missing) };
        let hash = token::borne(authorization).map(token::hash);
        let found = hash.and_then(|hash| self.by_hash.load().get(&hash).cloned());
        match found.filter(|known| self.opens(known)) {
            Some(known) => Ok(known),
            None if !self.is_loaded() => Err(Denied::NotReady),
            None => {
                self.denied.increment(1);
                let at = Instant::now();
                let is_too_much = source.is_some_and(|source| self.attempts.fail(source, at));
                Err(if is_too_much { Denied::TooMany } else { Denied::Unknown })
            }
        }
    }

    /// Whether it opens anything now.
    pub fn opens(&self, known: &Known) -> bool {
        !known.revoked.is_cancelled() && known.credential.opens_at(self.clock.now())
    }

    /// Whether the token of this hash is known here.
    pub fn knows(&self, hash: &Hash) -> bool {
        self.by_hash.load().contains_key(hash)
    }

    /// Whether the reference topic was read to its end.
    pub fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    pub(crate) fn is_loaded_now(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }

    /// From now on these are in force.
    pub(crate) fn replace(&self, table: Table) {
        metrics::gauge!("tradespine_access_tokens").set(table.len() as f64);
        self.by_hash.store(Arc::new(table));
    }
}
