//! A world of one partition: a client, two owners that come and go, a log whose every delivery is
//! the schedule's choice, and readers.

use std::{sync::Arc, time::Duration};

use model::{AccountName, Partition, RequestId, Span, Timestamp};
use prost::Message;
use proto::{
    command::{ClientCommand, Command, Stamp},
    log,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::{
    Log, Place, Position, Record, Replica, Stored, Visibility,
    answer::{self, Answer},
    genesis::{self, Identity},
    log::{
        Producer, ReadLimit, WriterRole,
        memory::{Delivery, Lane, MemoryLog},
    },
    replay::Begin,
    shard::{Shard, ShardError, ShardSettings},
    snapshot::{self, MemorySnapshots},
};

use crate::{
    readers::{self, TestReader},
    toy::Toy,
};

const PARTITION: Partition = Partition::FIRST;

/// How many client records one schedule appends.
const RECORDS: u64 = 12;

/// How many choices one schedule makes before it heals.
const CHOICES: usize = 120;

/// How many steps a healed world may take to answer everything.
const HEALED_STEPS_MAX: usize = 5_000;

/// What is built wrong, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// Readers take any answer whose number is above the last.
    HighWaterReaders,
    /// Snapshots claim the state after the last physical answer, accepted or not.
    SnapshotOfTheLastPhysicalAnswer,
    /// Snapshots are of a state whose last answer nobody has published.
    SnapshotAheadOfItsAnswer,
}

/// What a schedule found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    ReadersDisagree,
    NotTheTrueSequence,
    QuarantinedByNobody,
    Unanswered { answered: u64, inputs: u64 },
    OwnerStopped(String),
}

pub(crate) struct World {
    random: Pcg64Mcg,
    broken: Broken,
    memory: MemoryLog,
    log: Arc<dyn Log>,
    identity: Identity,
    client: Arc<dyn Producer>,
    sent: u64,
    owners: [Option<Shard<Toy>>; 2],
    incarnations: u64,
    snapshots: Arc<MemorySnapshots>,
    readers: Vec<TestReader>,
    now: Duration,
}

/// Runs the schedule of this seed.
pub(crate) fn run(seed: u64, broken: Broken) -> Result<(), Fault> {
    let mut world = World::new(seed, broken);
    for _ in 0..CHOICES {
        world.choose()?;
    }
    world.heal()?;
    let inputs = world.physical(Place::orders(PARTITION));
    readers::check(&world.identity, &inputs, &world.readers)
}

impl World {
    fn new(seed: u64, broken: Broken) -> World {
        let memory = MemoryLog::controlled(1);
        memory.set_now(Timestamp::from_unix_nanos(1_000_000_000));
        let log: Arc<dyn Log> = Arc::new(memory.clone());
        let genesis = log::Genesis {
            log_id: vec![9; 16],
            partition_count: 1,
            sandbox: false,
            key_retention_nanos: 0,
            behaviour: 0,
        };
        let client =
            log.producer(WriterRole::Edge { give_up_after: Duration::ZERO }).expect("made");
        let input = log::Input { kind: Some(log::input::Kind::Genesis(genesis.clone())) };
        let record = Record::of(input.encode_to_vec());
        client.append(Place::orders(PARTITION), record, Box::new(|_| {}));
        memory.deliver(memory.lanes()[0], Delivery::Land);
        let identity = genesis::found(log.as_ref(), &genesis).expect("it is founded");
        World {
            random: Pcg64Mcg::seed_from_u64(seed),
            broken,
            memory,
            log,
            identity,
            client,
            sent: 0,
            owners: [None, None],
            incarnations: 0,
            snapshots: Arc::default(),
            readers: Vec::new(),
            now: Duration::ZERO,
        }
    }

    fn choose(&mut self) -> Result<(), Fault> {
        let owner = self.random.random_range(0..2);
        match self.random.random_range(0..104) {
            0..10 => self.send(),
            10..50 => self.step(owner)?,
            50..80 => self.deliver(),
            80..86 => self.pass_time(),
            86..90 => self.owners[owner] = None,
            90..95 => self.start(owner)?,
            95..97 => self.take_snapshot(),
            97..100 => self.read(),
            100..102 => self.quarantine(),
            _ => self.intrude(),
        }
        Ok(())
    }

    fn send(&mut self) {
        if self.sent == RECORDS {
            return;
        }
        self.sent += 1;
        let command = ClientCommand {
            stamp: Stamp {
                request_id: RequestId(self.sent.into()),
                valid_until: Timestamp::from_unix_nanos(u64::MAX),
            },
            account: AccountName::new(&format!("client-{}", self.sent)).expect("a good name"),
            command: Command::CancelAll { instrument: None },
        };
        let kind = log::input::Kind::Client((&command).into());
        let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
        self.client.append(Place::orders(PARTITION), record, Box::new(|_| {}));
    }

    /// An operator has one of the inputs quarantined, answered or not. What is built wrong must be
    /// caught without that.
    fn quarantine(&mut self) {
        if self.broken != Broken::Nothing {
            return;
        }
        let end = self.log.end(Place::orders(PARTITION), Visibility::Synced).expect("it is there");
        let offset = self.random.random_range(0..end);
        let quarantine = log::Quarantine { offset, reason: "it panics".to_owned() };
        let kind = log::input::Kind::Quarantine(quarantine);
        let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
        self.client.append(Place::orders(PARTITION), record, Box::new(|_| {}));
    }

    /// Somebody who may append writes to the events what is no answer: noise, or an answer of which
    /// a bit was changed.
    fn intrude(&mut self) {
        let events = self.physical(Place::events(PARTITION));
        let mut value = vec![0; 40];
        self.random.fill(&mut value[..]);
        if let Some(stored) = events.get(self.random.random_range(0..=events.len())) {
            value = stored.record.value.to_vec();
            let altered = self.random.random_range(0..value.len());
            value[altered] ^= 1;
        }
        self.client.append(Place::events(PARTITION), Record::of(value), Box::new(|_| {}));
    }

    fn start(&mut self, owner: usize) -> Result<(), Fault> {
        if self.owners[owner].is_some() {
            return Ok(());
        }
        self.incarnations += 1;
        let memory = self.memory.clone();
        let settings = ShardSettings {
            incarnation: self.incarnations,
            wall_clock: Arc::new(move || memory.now()),
            read_limit: ReadLimit { records: self.random.random_range(1..8), bytes: 1 << 20 },
        };
        let begin = Begin::Newest(Arc::clone(&self.snapshots) as _);
        let (log, identity, now) = (&self.log, &self.identity, self.now);
        let recovered = Shard::recover(log, identity, PARTITION, &begin, settings, now);
        self.owners[owner] =
            Some(recovered.map_err(|error| Fault::OwnerStopped(error.to_string()))?);
        Ok(())
    }

    fn step(&mut self, owner: usize) -> Result<(), Fault> {
        let Some(shard) = &mut self.owners[owner] else { return Ok(()) };
        let computed = shard.replica().out_seq();
        let Err(error) = shard.step(self.now, Duration::ZERO) else { return Ok(()) };
        if !self.is_no_fault(&error, computed) {
            return Err(Fault::OwnerStopped(error.to_string()));
        }
        self.owners[owner] = None;
        Ok(())
    }

    /// Whether an owner that had computed so many answers ends itself for this without anything
    /// being wrong.
    fn is_no_fault(&self, error: &ShardError, computed: u64) -> bool {
        match error {
            ShardError::Append(_) | ShardError::SteppedDown { .. } => true,
            // It had answered an input before it could know that somebody else, who came later,
            // would find it quarantined. Number and offset go together: all inputs are answered.
            ShardError::Contradicted { out_seq, .. } if computed >= *out_seq => {
                let inputs = self.physical(Place::orders(PARTITION));
                readers::quarantines_in(&inputs).contains(&(out_seq - 1))
            }
            _ => false,
        }
    }

    fn deliver(&mut self) {
        let lanes = self.memory.lanes();
        if lanes.is_empty() {
            return;
        }
        let lane = lanes[self.random.random_range(0..lanes.len())];
        let delivery = match self.random.random_range(0..100) {
            0..80 => Delivery::Land,
            80..86 => Delivery::LandTwice,
            86..91 => Delivery::LandUnconfirmed,
            91..95 => Delivery::LandUnheard,
            _ => Delivery::Lose,
        };
        self.memory.deliver(lane, Self::possible(lane, delivery));
    }

    /// A record of the orders topic that lands twice is two inputs, which is the edge's affair.
    fn possible(lane: Lane, delivery: Delivery) -> Delivery {
        let is_answer = lane.place == Place::events(PARTITION);
        if is_answer || delivery != Delivery::LandTwice { delivery } else { Delivery::Land }
    }

    fn pass_time(&mut self) {
        // Now and then everybody was paused for longer than the log's time moves by itself.
        let is_pause = self.random.random_bool(0.05);
        let millis = self.random.random_range(if is_pause { 11_000..30_000 } else { 1..700 });
        self.now += Duration::from_millis(millis);
        self.memory.advance(Span::from_millis(millis));
    }

    fn take_snapshot(&mut self) {
        let begin = Begin::Newest(Arc::clone(&self.snapshots) as _);
        let seen = Visibility::Synced;
        let opened = spine::replay::Replay::<Toy>::open(
            self.log.as_ref(),
            &self.identity,
            PARTITION,
            &begin,
            seen,
        );
        let Ok(mut replay) = opened else { return };
        if replay.advance_to_end(self.log.as_ref(), seen).is_err() || replay.position().out_seq == 0
        {
            return;
        }
        let store = self.snapshots.as_ref();
        match self.broken {
            Broken::SnapshotOfTheLastPhysicalAnswer => self.break_snapshot(false),
            Broken::SnapshotAheadOfItsAnswer => self.break_snapshot(true),
            _ => snapshot::take(store, &self.identity, replay.replica(), replay.position())
                .expect("a memory takes everything"),
        }
    }

    /// A snapshot as somebody would write it who trusts the end of the log, or his own memory.
    fn break_snapshot(&mut self, ahead: bool) {
        let events = self.physical(Place::events(PARTITION));
        let mut answers = events.iter().rev().filter_map(answer_in);
        let Some(last) = answers.next() else { return };
        let mut replica = Replica::<Toy>::new(&self.identity, PARTITION);
        let until = if ahead { u64::MAX } else { last.out_seq };
        for stored in &self.physical(Place::orders(PARTITION)) {
            if replica.out_seq() == until || replica.apply(stored).is_err() {
                break;
            }
        }
        let position = Position {
            out_seq: replica.out_seq(),
            chain: replica.chain(),
            next_offset: events.len() as u64,
        };
        snapshot::take(self.snapshots.as_ref(), &self.identity, &replica, position)
            .expect("a memory takes everything");
    }

    fn physical(&self, place: Place) -> Vec<Stored> {
        let mut reader = self.log.reader(place, 0, Visibility::Synced).expect("from the start");
        let mut stored = Vec::new();
        let all = ReadLimit { records: usize::MAX, bytes: usize::MAX };
        reader.poll(all, Duration::ZERO, &mut stored).expect("a memory is read");
        stored
    }

    /// Reads on with every reader, and now and then begins with another one.
    fn read(&mut self) {
        if self.readers.len() < 4 {
            let place = Place::events(PARTITION);
            let start = Position::start(self.identity.log_id, PARTITION);
            let physical = self.log.reader(place, 0, Visibility::Synced).expect("from the start");
            let high_water = self.broken == Broken::HighWaterReaders;
            self.readers.push(TestReader::new(physical, start, high_water));
        }
        for reader in &mut self.readers {
            reader.read(self.random.random_range(0..10));
        }
    }

    /// Everything in flight lands, one new owner runs, everything is read. The old ones may wait
    /// for words that this world has swallowed, which a real log does not.
    fn heal(&mut self) -> Result<(), Fault> {
        self.owners = [None, None];
        for _ in 0..HEALED_STEPS_MAX {
            for lane in self.memory.lanes() {
                self.memory.deliver(lane, Delivery::Land);
            }
            self.start(0)?;
            self.step(0)?;
            self.now += Duration::from_millis(50);
            self.memory.advance(Span::from_millis(50));
            let is_quiet = self.owners[0].as_ref().is_some_and(|shard| {
                shard.is_owner() && shard.accepted() == shard.replica().out_seq()
            });
            if is_quiet && self.memory.lanes().is_empty() && self.all_answered() {
                break;
            }
        }
        self.read();
        for reader in &mut self.readers {
            reader.read(usize::MAX);
        }
        Ok(())
    }

    fn all_answered(&self) -> bool {
        let inputs = self.log.end(Place::orders(PARTITION), Visibility::Synced);
        let accepted = self.owners[0].as_ref().map(Shard::accepted);
        inputs.ok() == accepted
    }
}

fn answer_in(stored: &Stored) -> Option<Answer> {
    answer::read(&stored.record.value).ok()
}
