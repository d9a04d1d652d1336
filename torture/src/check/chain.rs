//! Which records of an events partition are its one true sequence: the readers' rule as the
//! checkers understand it from ARCHITECTURE.md, written again.

use super::wire::{Broken, Message};

/// A hash of 128 bits.
pub(crate) type Hash = [u8; 16];

/// An answer, its hash checked, its body not looked at.
pub(crate) struct Answer<'a> {
    pub(crate) out_seq: u64,
    pub(crate) in_offset: u64,
    pub(crate) input_hash: Hash,
    pub(crate) prev_chain: Hash,
    pub(crate) chain: Hash,
    pub(crate) now_nanos: u64,
    pub(crate) body: Message<'a>,
}

/// What an answer ends with: the key and length of field 15, and the hash of all before.
pub(super) const CHAIN_KEY: [u8; 2] = [15 << 3 | 2, 16];

impl<'a> Answer<'a> {
    /// Reads a record of events.
    pub(crate) fn read(value: &'a [u8]) -> Result<Answer<'a>, Broken> {
        let (before, last) =
            value.split_last_chunk::<18>().ok_or(Broken("too short for an answer"))?;
        let (key, chain) = last.split_first_chunk::<2>().ok_or(Broken("too short"))?;
        let chain: Hash = chain.try_into().map_err(|_| Broken("too short"))?;
        if *key != CHAIN_KEY || chain != hash(&[before]) {
            return Err(Broken("an answer whose hash is not that of its bytes"));
        }
        let message = Message::read(before)?;
        let hash_in = |field| message.bytes(field).try_into().map_err(|_| Broken("no hash"));
        Ok(Answer {
            out_seq: message.number(1),
            in_offset: message.number(2),
            input_hash: hash_in(5)?,
            prev_chain: hash_in(6)?,
            chain,
            now_nanos: message.number(7),
            body: message.message(10)?.unwrap_or_default(),
        })
    }
}

/// The hash of an input: of its append time in nanoseconds and its bytes.
pub(crate) fn of_input(appended_ms: u64, value: &[u8]) -> Hash {
    hash(&[&(appended_ms * 1_000_000).to_be_bytes(), value])
}

/// BLAKE3, cut to 128 bits.
pub(super) fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut short = Hash::default();
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

/// A hash as the tables show it.
pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the rule says of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next of the sequence.
    Accepted,
    /// One that was accepted before, again.
    Repeated,
    /// A number beyond the next: others are missing before it.
    Beyond,
    /// Another answer under a number that has one, or one that does not extend the chain.
    Contradicts,
}

/// How far a partition's sequence was followed.
pub(crate) struct Sequence {
    /// The chain after each answer; the first is that before all.
    chains: Vec<Hash>,
}

impl Sequence {
    /// Before the first answer of a partition of this log.
    pub(crate) fn start(log_id: &[u8], partition: u16) -> Sequence {
        let start = hash(&[b"tradespine chain", log_id, &partition.to_be_bytes()]);
        Sequence { chains: vec![start] }
    }

    /// Judges the record that comes next.
    pub(crate) fn judge(&mut self, answer: &Answer<'_>) -> Verdict {
        let next = self.chains.len() as u64;
        if answer.out_seq > next {
            return Verdict::Beyond;
        }
        let known = usize::try_from(answer.out_seq).ok().and_then(|at| self.chains.get(at));
        match known {
            Some(chain) if *chain == answer.chain => Verdict::Repeated,
            Some(_) => Verdict::Contradicts,
            None if self.chains.last() == Some(&answer.prev_chain) => {
                self.chains.push(answer.chain);
                Verdict::Accepted
            }
            None => Verdict::Contradicts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(out_seq: u64, prev_chain: Hash, chain: u8) -> Answer<'static> {
        let body = Message::default();
        let (in_offset, input_hash, now_nanos) = (out_seq - 1, Hash::default(), 0);
        Answer { out_seq, in_offset, input_hash, prev_chain, chain: [chain; 16], now_nanos, body }
    }

    #[test]
    fn the_first_extension_wins() {
        let mut sequence = Sequence::start(&[7; 16], 0);
        let start = sequence.chains[0];
        let verdicts = [
            (answer(2, [1; 16], 2), Verdict::Beyond),
            (answer(1, [9; 16], 1), Verdict::Contradicts),
            (answer(1, start, 1), Verdict::Accepted),
            (answer(1, start, 1), Verdict::Repeated),
            (answer(1, start, 3), Verdict::Contradicts),
            (answer(2, [1; 16], 2), Verdict::Accepted),
        ];
        for (place, (answer, expected)) in verdicts.into_iter().enumerate() {
            assert_eq!(sequence.judge(&answer), expected, "record {place}");
        }
        assert_eq!(sequence.chains.len(), 3);
    }

    #[test]
    fn what_has_another_hash_is_no_answer() {
        let mut value = vec![0x08, 1];
        value.extend(CHAIN_KEY);
        value.extend(hash(&[&[0x08, 1]]));
        // Without an input's hash it is no answer either, but its own hash is right.
        assert_eq!(Answer::read(&value).err(), Some(Broken("no hash")));
        value[1] = 2;
        let altered = Answer::read(&value).err().expect("it was altered");
        assert!(altered.0.contains("not that of its bytes"));
    }
}
