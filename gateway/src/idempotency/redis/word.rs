//! What stands in Redis under a key; pure.

use model::OrderId;

/// Tells the claims of one gateway from those of others.
pub(super) type Token = [u8; 16];

/// The first bytes of each kind; the second is the version of this format.
const CLAIM: &[u8; 2] = b"c1";
const ORDER: &[u8; 2] = b"o1";

/// One thing that a gateway tells the others of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The gateway with this token is at it.
    Claim(Token),
    /// This order used it up.
    Order(OrderId),
}

impl Word {
    pub(super) fn encode(self) -> Vec<u8> {
        match self {
            Word::Claim(token) => [&CLAIM[..], &token].concat(),
            Word::Order(id) => [&ORDER[..], &id.number().to_be_bytes()].concat(),
        }
    }

    /// `None` where no gateway wrote this.
    pub(super) fn decode(bytes: &[u8]) -> Option<Word> {
        let (kind, rest) = bytes.split_first_chunk::<2>()?;
        match kind {
            CLAIM => Some(Word::Claim(rest.try_into().ok()?)),
            ORDER => {
                let number = u64::from_be_bytes(rest.try_into().ok()?);
                OrderId::from_number(number).map(Word::Order)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Partition;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let id = OrderId::at(Partition::new(7).expect("in range"), 1 << 40).expect("in range");
        for word in [Word::Claim([3; 16]), Word::Order(id)] {
            assert_eq!(Word::decode(&word.encode()), Some(word));
        }
    }

    #[test]
    fn what_nobody_wrote_is_nothing() {
        let too_large = [&ORDER[..], &u64::MAX.to_be_bytes()].concat();
        let cut = &Word::Claim([3; 16]).encode()[..17];
        for bytes in [b"".as_slice(), b"c", b"c1", b"o1", b"c2x", b"OK", cut, &too_large] {
            assert_eq!(Word::decode(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_is_more_than_what_is_written(bytes: Vec<u8>) {
            if let Some(word) = Word::decode(&bytes) {
                prop_assert_eq!(word.encode(), bytes);
            }
        }
    }
}
