//! Hashes: of an input, of an answer, and the chain that every answer extends.
//!
//! BLAKE3 cut to 128 bits: nobody can find another value for a given hash, and a link costs 16
//! bytes in the log.

use std::fmt;

use model::{Partition, Timestamp};

/// The length of a hash in the log, in bytes.
pub const HASH_BYTES: usize = 16;

/// An input up to this length, its instant included, is hashed in one piece: nearly every one, for
/// less than half of what a hasher costs that takes pieces.
const JOINED_BYTES_MAX: usize = 512;

/// A hash of 128 bits: of an input, or of everything up to an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain(pub [u8; HASH_BYTES]);

/// Where an answer stands in the sequence: its number, and the chain before and with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The number.
    pub out_seq: u64,
    /// The chain of the answer before.
    pub prev_chain: Chain,
    /// The chain up to and with this one.
    pub chain: Chain,
}

impl Chain {
    /// The hash before the first answer of a partition.
    pub fn start(log_id: LogId, partition: Partition) -> Chain {
        digest(&[b"tradespine chain", &log_id.0, &partition.number().to_be_bytes()])
    }

    /// The hash of an answer: of every byte of it before its own chain field.
    pub fn of_answer(unchained: &[u8]) -> Chain {
        cut(blake3::hash(unchained))
    }

    /// The hash of an input: its raw bytes and its append time.
    pub fn of_input(value: &[u8], appended_at: Timestamp) -> Chain {
        let instant = appended_at.unix_nanos().to_be_bytes();
        let length = instant.len() + value.len();
        let mut both = [0; JOINED_BYTES_MAX];
        let Some(joined) = both.get_mut(..length) else { return digest(&[&instant, value]) };
        joined[..instant.len()].copy_from_slice(&instant);
        joined[instant.len()..].copy_from_slice(value);
        cut(blake3::hash(joined))
    }

    /// The hash in these bytes, where they are as many as a hash has.
    pub fn from_slice(bytes: &[u8]) -> Option<Chain> {
        bytes.try_into().ok().map(Chain)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

fn digest(parts: &[&[u8]]) -> Chain {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    cut(hasher.finalize())
}

fn cut(whole: blake3::Hash) -> Chain {
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&whole.as_bytes()[..HASH_BYTES]);
    Chain(hash)
}

/// The identity of a log: 16 random bytes, chosen when it was founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogId(pub [u8; 16]);

impl fmt::Display for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Chain(self.0).fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_what_they_always_were() {
        let log_id = LogId([7; 16]);
        let start = Chain::start(log_id, Partition::FIRST);
        assert_eq!(start, Chain::start(log_id, Partition::FIRST));
        assert_ne!(start, Chain::start(log_id, Partition::new(1).expect("in range")));
        assert_ne!(start, Chain::start(LogId([8; 16]), Partition::FIRST));
        let at = Timestamp::from_unix_nanos;
        assert_ne!(Chain::of_input(b"x", at(1)), Chain::of_input(b"x", at(2)));
        let value = [7; 2 * JOINED_BYTES_MAX];
        for length in [0, 1, 100, JOINED_BYTES_MAX - 8, JOINED_BYTES_MAX - 7, JOINED_BYTES_MAX] {
            let in_pieces = digest(&[&5_u64.to_be_bytes(), &value[..length]]);
            assert_eq!(Chain::of_input(&value[..length], at(5)), in_pieces, "{length}");
            let in_pieces = digest(&[&value[..length / 2], &value[length / 2..length]]);
            assert_eq!(Chain::of_answer(&value[..length]), in_pieces, "{length}");
        }
    }
}
