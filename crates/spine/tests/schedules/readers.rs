//! Readers of a world, and the truth that they are held against.

use std::{collections::BTreeSet, time::Duration};

use model::Partition;
use prost::Message;
use proto::log::{self, outcome};
use spine::{
    Acceptor, Chain, Judged, Position, Replica, Stored,
    answer::{self, Answer},
    genesis::Identity,
    log::{ReadLimit, Reader},
};

use crate::{toy::Toy, world::Fault};

/// A service that follows the events, as all services do.
pub(crate) struct TestReader {
    physical: Box<dyn Reader>,
    acceptor: Acceptor,
    /// The last number, where it takes any answer whose number is above the last.
    high_water: Option<u64>,
    /// What it took, in order.
    taken: Vec<Taken>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken {
    out_seq: u64,
    chain: Chain,
    in_offset: u64,
    /// The toy understands every record, so what is poison was quarantined.
    quarantined: bool,
}

impl TestReader {
    pub(crate) fn new(physical: Box<dyn Reader>, start: Position, high_water: bool) -> TestReader {
        let high_water = high_water.then_some(0);
        TestReader { physical, acceptor: Acceptor::at(start), high_water, taken: Vec::new() }
    }

    pub(crate) fn read(&mut self, records: usize) {
        let mut stored = Vec::new();
        let limit = ReadLimit { records, bytes: usize::MAX };
        self.physical.poll(limit, Duration::ZERO, &mut stored).expect("a memory is read");
        for stored in stored {
            if let Some(answer) = self.take(stored) {
                let quarantined = is_poison(&answer);
                let Answer { out_seq, chain, in_offset, .. } = answer;
                self.taken.push(Taken { out_seq, chain, in_offset, quarantined });
            }
        }
    }

    fn take(&mut self, stored: Stored) -> Option<Answer> {
        if let Some(high_water) = &mut self.high_water {
            let answer = answer::read(&stored.record.value).ok()?;
            let above = answer.out_seq > *high_water;
            *high_water = answer.out_seq.max(*high_water);
            return above.then_some(answer);
        }
        match self.acceptor.read(stored) {
            Judged::Accepted(accepted) => accepted.answer.open().ok(),
            _ => None,
        }
    }
}

fn is_poison(answer: &Answer) -> bool {
    let outcome = answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
    matches!(outcome, Some(outcome::Kind::Poison(_)))
}

/// The truth is the inputs, applied one by one to a fresh state. Where an operator had asked for it
/// before an input was answered, the accepted answer rules whether that input was quarantined.
pub(crate) fn check(
    identity: &Identity,
    inputs: &[Stored],
    readers: &[TestReader],
) -> Result<(), Fault> {
    let quarantined: BTreeSet<_> = readers[0]
        .taken
        .iter()
        .filter(|taken| taken.quarantined)
        .map(|taken| taken.in_offset)
        .collect();
    if !quarantined.is_subset(&quarantines_in(inputs)) {
        return Err(Fault::QuarantinedByNobody);
    }
    let mut replica = Replica::<Toy>::new(identity, Partition::FIRST);
    let truth: Vec<_> = inputs
        .iter()
        .map(|stored| {
            let quarantined = quarantined.contains(&stored.offset);
            let computed =
                if quarantined { replica.apply_quarantined(stored) } else { replica.apply(stored) };
            let computed = computed.expect("the inputs are dense");
            let (out_seq, chain, in_offset) = (computed.out_seq, computed.chain, stored.offset);
            Taken { out_seq, chain, in_offset, quarantined }
        })
        .collect();
    if readers.iter().any(|reader| !truth.starts_with(&reader.taken)) {
        return Err(Fault::NotTheTrueSequence);
    }
    let lengths: Vec<_> = readers.iter().map(|reader| reader.taken.len()).collect();
    if lengths.iter().any(|length| *length != lengths[0]) {
        return Err(Fault::ReadersDisagree);
    }
    let (answered, inputs) = (lengths[0] as u64, inputs.len() as u64);
    if answered != inputs {
        return Err(Fault::Unanswered { answered, inputs });
    }
    Ok(())
}

/// The offsets that these inputs ask to quarantine.
pub(crate) fn quarantines_in(inputs: &[Stored]) -> BTreeSet<u64> {
    let quarantine_in = |stored: &Stored| match log::Input::decode(stored.record.value.as_ref()) {
        Ok(log::Input { kind: Some(log::input::Kind::Quarantine(quarantine)) })
            if quarantine.offset < stored.offset =>
        {
            Some(quarantine.offset)
        }
        _ => None,
    };
    inputs.iter().filter_map(quarantine_in).collect()
}
