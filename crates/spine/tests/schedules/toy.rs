//! The smallest core whose answers depend on everything before them.

use model::{Partition, Timestamp};
use proto::{
    draft::Draft,
    log::{self, outcome},
    reference::ReferenceRecord,
};
use spine::{ClientInput, Core};

/// Folds the accounts of its commands into a number, which it names in every answer.
#[derive(Debug, Default)]
pub(crate) struct Toy {
    digest: u64,
    applied: u64,
}

impl Core for Toy {
    fn new(_genesis: &log::Genesis, partition: Partition) -> Self {
        Toy { digest: partition.number().into(), applied: 0 }
    }

    fn pass_time(&mut self, now: Timestamp, _body: &mut Draft) {
        self.digest = self.digest.wrapping_mul(31).wrapping_add(now.unix_nanos());
    }

    fn apply(&mut self, input: &ClientInput<'_>, body: &mut Draft) {
        for byte in input.command.account.as_str().bytes() {
            self.digest = self.digest.wrapping_mul(33).wrapping_add(byte.into());
        }
        self.applied += 1;
        body.account(&format!("{}:{}", self.applied, self.digest));
        body.outcome = Some(log::Outcome { kind: Some(outcome::Kind::Applied(log::Applied {})) });
    }

    fn change_reference(&mut self, _change: &ReferenceRecord, body: &mut Draft) {
        body.outcome = Some(log::Outcome { kind: Some(outcome::Kind::Stale(log::Stale {})) });
    }

    fn encode(&self) -> Vec<u8> {
        [self.digest.to_be_bytes(), self.applied.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (digest, applied) = bytes.split_first_chunk::<8>().ok_or("too short")?;
        let applied: [u8; 8] = applied.try_into().map_err(|_| "another length")?;
        let (digest, applied) = (u64::from_be_bytes(*digest), u64::from_be_bytes(applied));
        Ok(Toy { digest, applied })
    }
}
