//! The truth is the inputs, applied one by one to a fresh state.

use std::{collections::BTreeMap, time::Duration};

use gateway::desk::Answered;
use model::{OrderId, Partition, RequestId};
use prost::Message;
use proto::{
    command::ClientCommand,
    log::{Event, Input, event, input, outcome},
    text,
};
use spine::{
    Acceptor, Answer, Judged, Place, Position, Replica, Stored, Visibility, log::ReadLimit,
};

use super::waits::{self, Waits};
use crate::{fault::Fault, planted::Planted, tally::Tally, world::World};

/// One partition's inputs, accepted answers, and the state after them.
pub(crate) struct Truth {
    pub(crate) partition: Partition,
    /// One for each input, in order, with the physical offset of each.
    pub(crate) answers: Vec<(u64, Answer)>,
    /// What clients asked for, by offset.
    pub(crate) commands: BTreeMap<u64, ClientCommand>,
    pub(crate) replica: Replica<Planted>,
}

/// All partitions.
pub(crate) struct Truths {
    pub(crate) of: Vec<Truth>,
    /// Where the record of each request stands.
    places: BTreeMap<u128, OrderId>,
    /// What waited for money.
    pub(crate) waits: Waits,
}

impl Truths {
    pub(super) fn read(world: &World) -> Result<Truths, Fault> {
        let partitions = world.around.partitions();
        let of = partitions.map(|one| Truth::read(world, one)).collect::<Result<Vec<_>, _>>()?;
        let mut places = BTreeMap::new();
        for truth in &of {
            for (offset, command) in &truth.commands {
                let place = OrderId::at(truth.partition, *offset).expect("a small number");
                if places.insert(command.stamp.request_id.0, place).is_some() {
                    return Err(Fault::Once(format!("the record at {place} stands twice")));
                }
            }
        }
        let waits = waits::read(&of)?;
        Ok(Truths { of, places, waits })
    }

    /// Where the record of this request stands, if it does.
    pub(super) fn place(&self, request: RequestId) -> Option<OrderId> {
        self.places.get(&request.0).copied()
    }

    /// What was asked by the record at this place.
    pub(super) fn command(&self, place: OrderId) -> Option<&ClientCommand> {
        self.truth(place.partition())?.commands.get(&place.offset())
    }

    /// What was answered to the record at this place.
    pub(super) fn answer(&self, place: OrderId) -> Option<&Answer> {
        let answers = &self.truth(place.partition())?.answers;
        answers.get(usize::try_from(place.offset()).ok()?).map(|(_, answer)| answer)
    }

    /// What became of the record at this place in the end.
    pub(super) fn result(&self, place: OrderId) -> Option<Answered> {
        let own = self.answer(place)?;
        let Some(decided_at) = self.waits.get(&place) else {
            return Some(Answered::at_once(place.partition(), own.clone()));
        };
        let decided = self.answer(OrderId::at(place.partition(), (*decided_at)?)?)?;
        Some(Answered::after_waiting(decided, place, own.now))
    }

    fn truth(&self, partition: Partition) -> Option<&Truth> {
        self.of.get(usize::from(partition.number()))
    }

    /// Counts what was answered, by kind.
    pub(super) fn count(&self, tally: &Tally) {
        for (_, answer) in self.of.iter().flat_map(|truth| &truth.answers) {
            if let Some(kind) = kind(answer) {
                tally.count(outcome_word(kind));
            }
            if let Some(outcome::Kind::Refused(refused)) = kind(answer) {
                tally.count(format!("refused: {}", text::refusal(refused.reason())));
            }
            for event in &answer.body.events {
                count_event(event, tally);
            }
            if answer.body.link_progress.iter().any(|progress| progress.repeated > 0) {
                tally.count("link: items came again");
            }
        }
    }
}

impl Truth {
    fn read(world: &World, partition: Partition) -> Result<Truth, Fault> {
        let inputs = physical(world, Place::orders(partition));
        let events = physical(world, Place::events(partition));
        let identity = &world.around.identity;
        let mut acceptor = Acceptor::at(Position::start(identity.log_id, partition));
        let mut answers = Vec::with_capacity(inputs.len());
        for stored in events {
            if let Judged::Accepted(accepted) = acceptor.read(stored) {
                let answer = accepted.answer.open();
                let answer = answer.map_err(|error| Fault::Sequence(error.to_string()))?;
                answers.push((accepted.offset, answer));
            }
        }
        let mut truth = Truth {
            partition,
            answers,
            commands: BTreeMap::new(),
            replica: Replica::new(identity, partition),
        };
        inputs.iter().try_for_each(|input| truth.apply(input))?;
        if truth.answers.len() != inputs.len() {
            let (answers, inputs) = (truth.answers.len(), inputs.len());
            return Err(Fault::Sequence(format!("{answers} answers to {inputs} inputs")));
        }
        Ok(truth)
    }

    fn apply(&mut self, stored: &Stored) -> Result<(), Fault> {
        let partition = self.partition;
        let wrong = |what: &dyn std::fmt::Display| {
            Fault::Sequence(format!("partition {partition}, input {}: {what}", stored.offset))
        };
        let computed = self.replica.apply(stored).map_err(|error| wrong(&error))?;
        let index = usize::try_from(stored.offset).expect("a small number");
        let accepted = self.answers.get(index).map(|(_, answer)| answer.chain);
        if accepted != Some(computed.chain) {
            return Err(wrong(&"another answer was accepted than it comes to"));
        }
        let invariants = self.replica.core().exchange().check_invariants();
        invariants.map_err(|broken| wrong(&broken))?;
        let input = Input::decode(stored.record.value.as_ref()).ok();
        if let Some(input::Kind::Client(wire)) = input.and_then(|input| input.kind)
            && let Ok(command) = ClientCommand::try_from(wire)
        {
            self.commands.insert(stored.offset, command);
        }
        Ok(())
    }
}

/// Every record of a place.
pub(super) fn physical(world: &World, place: Place) -> Vec<Stored> {
    let mut stored = Vec::new();
    let reader = world.around.log.reader(place, 0, Visibility::Synced);
    let all = ReadLimit { records: usize::MAX, bytes: usize::MAX };
    let mut reader = reader.expect("a memory is read from its start");
    reader.poll(all, Duration::ZERO, &mut stored).expect("a memory is read");
    stored
}

/// What became of the input.
pub(super) fn kind(answer: &Answer) -> Option<&outcome::Kind> {
    answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref())
}

const fn outcome_word(kind: &outcome::Kind) -> &'static str {
    match kind {
        outcome::Kind::Applied(_) => "outcome: applied",
        outcome::Kind::Refused(_) => "outcome: refused",
        outcome::Kind::Duplicate(_) => "outcome: duplicate",
        outcome::Kind::Stale(_) => "outcome: stale",
        outcome::Kind::Poison(_) => "outcome: poison",
        outcome::Kind::Gap(_) => "outcome: gap",
    }
}

fn count_event(event: &Event, tally: &Tally) {
    let word = match &event.kind {
        Some(event::Kind::Founded(_)) => "event: founded",
        Some(event::Kind::ReferenceApplied(_)) => "event: reference applied",
        Some(event::Kind::OrderPlaced(_)) => "event: order placed",
        Some(event::Kind::OrderRejected(_)) => "event: order rejected",
        Some(event::Kind::Trade(_)) => "event: trade",
        Some(event::Kind::TradePrevented(_)) => "event: trade prevented",
        Some(event::Kind::OrderTriggered(_)) => "event: order triggered",
        Some(event::Kind::MarketStateChanged(_)) => "event: market state changed",
        Some(event::Kind::AccountControlled(_)) => "event: account controlled",
        Some(event::Kind::KillSwitchTurned(_)) => "event: kill switch turned",
        Some(event::Kind::AuctionIndicated(_)) => "event: auction indicated",
        Some(event::Kind::CancelAfterSet(_)) => "event: cancel-after set",
        Some(event::Kind::OrderAmended(_)) => "event: order amended",
        Some(event::Kind::OrderRefilled(_)) => "event: order refilled",
        Some(event::Kind::TradeGroupSet(_)) => "event: trade group set",
        Some(event::Kind::AdminCallRecorded(_)) => "event: admin call recorded",
        Some(event::Kind::OrderEnded(ended)) => {
            tally.count(format!("end: {}", text::end(ended.reason())));
            "event: order ended"
        }
        Some(event::Kind::BookChanged(_)) => "event: book changed",
        Some(event::Kind::TakenOver(_)) => "event: taken over",
        Some(event::Kind::AccountCompacted(_)) => "event: account compacted",
        Some(event::Kind::OrderParked(_)) => "event: order parked",
        Some(event::Kind::ListPlaced(_)) => "event: list placed",
        Some(event::Kind::ListRejected(_)) => "event: list rejected",
        Some(event::Kind::ListParked(_)) => "event: list parked",
        Some(event::Kind::ListStatus(_)) => "event: list status",
        Some(event::Kind::PendingPlaced(_)) => "event: pending placed",
        Some(event::Kind::WithdrawalParked(_)) => "event: withdrawal parked",
        Some(event::Kind::WithdrawalDecided(_)) => "event: withdrawal decided",
        None => "event: of no kind",
    };
    tally.count(word);
}
