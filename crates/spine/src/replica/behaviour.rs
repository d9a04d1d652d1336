//! Which behaviours there are: what a log may ask of whoever applies it.

use super::ReplicaError;
use crate::log::Stored;

/// The behaviour that this binary has. Inputs after an upgrade beyond it need a newer one.
///
/// | behaviour | since it, orders may |
/// |---|---|
/// | 1 | be limit or market, GTC or IOC |
/// | 2 | be FOK, GTD, for the day, post-only, and prevent trades with themselves |
/// | 3 | sleep until the price of a trade wakes them |
/// | 4 | come as a list, be icebergs, trail the price, be kept from those of other accounts of a group, be amended, replace another, be cancelled in more ways |
///
/// Since behaviour 4 there are commands of those who run the platform.
pub const BEHAVIOUR: u32 = 4;

/// Since when commands of those who run the platform count.
pub(super) const KNOWS_OPERATORS: u32 = 4;

/// Whether this binary has the behaviour that a log asks for, by its genesis or by an upgrade.
pub(super) fn check(asked: u32, stored: &Stored) -> Result<(), ReplicaError> {
    if asked <= BEHAVIOUR {
        return Ok(());
    }
    Err(ReplicaError::NewerBehaviour { asked, offset: stored.offset })
}
