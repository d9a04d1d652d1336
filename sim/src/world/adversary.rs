//! What makes life hard: records that are late, lost, repeated, or acknowledged to nobody;
//! processes that end or stop for a while; writers of nonsense; time that jumps.

use std::{sync::Arc, time::Duration};

use proto::topic::Topic;
use spine::{
    Place, Record, Visibility,
    log::memory::{Delivery, Lane},
    replay::{Begin, Replay},
    snapshot,
};

use super::World;
use crate::{fault::Fault, planted::Planted, process::ProcessId};

impl World {
    /// Decides what becomes of the first record of some lane.
    pub(super) fn deliver_something(&mut self) {
        let now = self.around.timeline.now();
        let is_open = |lane: &Lane| {
            let is_clogged =
                self.clogged_until.get(&lane.producer).is_some_and(|until| now < *until);
            // What a stopped process sends is still in its own machine.
            let owner = self.producers.get(&lane.producer);
            !is_clogged && !owner.is_some_and(|owner| self.is_paused(*owner))
        };
        let lanes: Vec<Lane> = self.around.memory.lanes().into_iter().filter(is_open).collect();
        if lanes.is_empty() {
            return;
        }
        let lane = *self.around.random.pick(&lanes);
        let delivery = self.fate(lane);
        let owner = self.producers.get(&lane.producer).copied();
        let from = owner.map_or_else(|| "nobody".to_owned(), |owner| owner.to_string());
        let offset = self.around.memory.deliver(lane, delivery);
        let Place { topic, partition } = lane.place;
        self.note(format_args!(
            "{} {partition}: {delivery:?} of {from} at {offset:?}",
            topic.name()
        ));
        self.around.tally.count(word(delivery));
        // A log tells a writer that lives what became of its record; this one hears nothing, so it
        // does not live.
        if delivery == Delivery::LandUnheard
            && let Some(owner @ ProcessId::Shard(_)) = owner
        {
            self.crash(owner);
        }
    }

    fn fate(&mut self, lane: Lane) -> Delivery {
        let random = &mut self.around.random;
        if random.chance(self.plan.losses) {
            return Delivery::Lose;
        }
        if random.chance(self.plan.lost_words) {
            return if random.chance(500) {
                Delivery::LandUnconfirmed
            } else {
                Delivery::LandUnheard
            };
        }
        // An input that stands twice is two inputs, which the log's contract rules out; but items
        // have numbers.
        let is_run = matches!(self.producers.get(&lane.producer), Some(ProcessId::Sender(_)));
        let may_repeat = is_run || lane.place.topic == Topic::Events;
        if may_repeat && random.chance(self.plan.repeats) {
            return Delivery::LandTwice;
        }
        Delivery::Land
    }

    pub(super) fn disturb(&mut self) -> Result<(), Fault> {
        let processes = self.processes();
        let process = *self.around.random.pick(&processes);
        if self.around.random.chance(self.plan.crashes) {
            self.crash(process);
        }
        if self.around.random.chance(self.plan.pauses) && self.is_running(process) {
            self.pause(process);
        }
        if self.around.random.chance(self.plan.clogs) {
            self.clog();
        }
        if self.around.random.chance(self.plan.noise) {
            self.intrude();
        }
        if self.around.random.chance(self.plan.snapshots) {
            self.take_snapshot()?;
        }
        Ok(())
    }

    fn crash(&mut self, process: ProcessId) {
        if !self.is_running(process) {
            return;
        }
        self.note(format_args!("{process} crashes"));
        self.around.tally.count(format!("crash: {}", process.kind()));
        let around = &mut self.around;
        match process {
            ProcessId::Shard(seat) => self.seats[seat].shard = None,
            ProcessId::Sender(sender) => self.senders[sender].end(),
            ProcessId::Gateway(gateway) => self.gateways[gateway].end(),
            ProcessId::Projector(projector) => self.projectors[projector].end(),
            ProcessId::Broadcaster(broadcaster) => {
                let is_told = around.random.chance(500);
                self.broadcasters[broadcaster].end(around, is_told);
            }
        }
        self.forget(process);
    }

    /// A process stops, and does not know of it: perhaps for longer than it takes another to take
    /// its place.
    fn pause(&mut self, process: ProcessId) {
        let longest = *self.around.random.pick(&[300, 3_000, 20_000]);
        let span = Duration::from_millis(self.around.random.within(1..longest));
        self.note(format_args!("{process} stops for {span:?}"));
        self.around.tally.count(format!("pause: {}", process.kind()));
        self.paused_until.insert(process, self.around.timeline.now() + span);
    }

    /// What a producer has sent does not arrive for a while: perhaps not before it is too late.
    fn clog(&mut self) {
        let lanes = self.around.memory.lanes();
        if lanes.is_empty() {
            return;
        }
        let producer = self.around.random.pick(&lanes).producer;
        let longest = *self.around.random.pick(&[500, 5_000, 30_000]);
        let span = Duration::from_millis(self.around.random.within(1..longest));
        self.note(format_args!("what producer {producer} sends is held up for {span:?}"));
        self.around.tally.count("lane clogged");
        self.clogged_until.insert(producer, self.around.timeline.now() + span);
    }

    /// Somebody who may append writes what nobody understands.
    fn intrude(&mut self) {
        let random = &mut self.around.random;
        let partitions: Vec<_> = self.around.identity.partitions().collect();
        let partition = *random.pick(&partitions);
        let is_input = random.chance(500);
        let (place, word) = if is_input {
            (Place::orders(partition), "noise: orders")
        } else {
            (Place::events(partition), "noise: events")
        };
        let noise = random.bytes(24);
        self.around.tally.count(word);
        self.stranger.append(place, Record::of(noise), Box::new(|_| {}));
    }

    fn take_snapshot(&mut self) -> Result<(), Fault> {
        let partitions: Vec<_> = self.around.identity.partitions().collect();
        let partition = *self.around.random.pick(&partitions);
        let (log, identity) = (self.around.log.as_ref(), &self.around.identity);
        let begin = Begin::Newest(Arc::clone(&self.around.snapshots) as _);
        let seen = Visibility::Synced;
        let taken = Replay::<Planted>::open(log, identity, partition, &begin, seen)
            .and_then(|mut replay| replay.advance_to_end(log, seen).map(|()| replay));
        let replay = taken.map_err(|error| Fault::Sequence(format!("a replay: {error}")))?;
        let position = replay.position();
        if position.out_seq == 0 {
            return Ok(());
        }
        let store = self.around.snapshots.as_ref();
        let taken = snapshot::take(store, identity, replay.replica(), position);
        taken.map_err(|error| Fault::Sequence(format!("a snapshot: {error}")))?;
        self.around.tally.count("snapshot: shard");
        self.note(format_args!("a snapshot of partition {partition} at {}", position.out_seq));
        Ok(())
    }

    /// Mostly little; now and then more than the log's time moves by itself, as when a whole
    /// machine was stopped.
    pub(super) fn pass_time(&mut self) {
        let random = &mut self.around.random;
        let millis = match random.within(0..1_000) {
            0..940 => random.within(1..60),
            940..996 => random.within(60..2_000),
            _ => {
                self.around.tally.count("everybody pauses");
                random.within(11_000..30_000)
            }
        };
        self.around.timeline.pass(Duration::from_millis(millis));
    }
}

const fn word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Land => "delivery: land",
        Delivery::LandTwice => "delivery: land twice",
        Delivery::LandUnconfirmed => "delivery: land unconfirmed",
        Delivery::LandUnheard => "delivery: land unheard",
        Delivery::Lose => "delivery: lose",
    }
}
