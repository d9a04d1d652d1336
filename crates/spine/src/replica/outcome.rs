//! The outcomes that the protocol itself gives.

use proto::log::{self, outcome};

pub(super) fn applied() -> log::Outcome {
    log::Outcome { kind: Some(outcome::Kind::Applied(log::Applied {})) }
}

pub(super) fn stale() -> log::Outcome {
    log::Outcome { kind: Some(outcome::Kind::Stale(log::Stale {})) }
}

pub(super) fn poisoned(reason: &str) -> log::Outcome {
    log::Outcome { kind: Some(outcome::Kind::Poison(log::Poison { reason: reason.to_owned() })) }
}
