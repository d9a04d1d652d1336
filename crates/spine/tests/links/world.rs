//! A world of three partitions: a client, owners and senders that come and go, and a log whose
//! every delivery is the schedule's choice.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use model::{AccountName, Partition, RequestId, Span, Timestamp};
use prost::Message;
use proto::{
    command::{ClientCommand, Command, Stamp},
    log,
    topic::Topic,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::{
    Log, Place, Record, Stored, Visibility,
    genesis::{self, Identity},
    link::sender::{LinkSender, SenderError},
    log::{
        Producer, ReadLimit, WriterRole,
        memory::{Delivery, Lane, MemoryLog},
    },
    replay::{Begin, Replay},
    shard::{Shard, ShardError, ShardSettings},
    snapshot::{self, MemorySnapshots},
};

use crate::{check, purse::Purse};

const SHARDS: usize = 3;
const SHARD_COUNT: u16 = 3;

/// How many client records one schedule appends.
const RECORDS: u64 = 12;

/// How many choices one schedule makes before it heals.
const CHOICES: usize = 160;

/// How many rounds a healed world may take until nothing is on its way.
const HEALED_ROUNDS_MAX: usize = 400;

/// What is built wrong, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// Runs tell of one item more than was taken.
    ToldTooMuch,
    /// Runs are numbered anew by whoever carries them.
    NumberedOnTheWay,
}

/// What a schedule found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Coins { found: i64, expected: i64 },
    NeverArrived { coins: i64 },
    TakenTwice,
    TakenBeforeSent,
    NotNumberedInOrder,
    Stopped(String),
}

struct World {
    random: Pcg64Mcg,
    broken: Broken,
    memory: MemoryLog,
    log: Arc<dyn Log>,
    identity: Identity,
    client: Arc<dyn Producer>,
    sent: u64,
    owners: [Option<Shard<Purse>>; SHARDS],
    senders: [[Option<LinkSender>; 2]; SHARDS],
    /// The numbers of the senders' producers.
    sender_producers: BTreeSet<usize>,
    incarnations: u64,
    snapshots: Arc<MemorySnapshots>,
    now: Duration,
}

/// Runs the schedule of this seed, and tells how many items were taken.
pub(crate) fn run(seed: u64, broken: Broken) -> Result<u64, Fault> {
    let mut world = World::new(seed, broken);
    for _ in 0..CHOICES {
        world.choose()?;
    }
    world.heal()?;
    let inputs: Vec<_> = (0..SHARDS).map(|shard| world.inputs(partition(shard))).collect();
    check::check(&world.identity, &inputs)
}

fn partition(shard: usize) -> Partition {
    Partition::new(u16::try_from(shard).expect("small")).expect("in range")
}

impl World {
    fn new(seed: u64, broken: Broken) -> World {
        let memory = MemoryLog::controlled(SHARD_COUNT);
        memory.set_now(Timestamp::from_unix_nanos(1_000_000_000));
        let log: Arc<dyn Log> = Arc::new(memory.clone());
        let genesis = log::Genesis {
            log_id: vec![9; 16],
            partition_count: SHARD_COUNT.into(),
            sandbox: false,
            key_retention_nanos: 0,
            behaviour: 0,
        };
        let client =
            log.producer(WriterRole::Edge { give_up_after: Duration::ZERO }).expect("made");
        for shard in 0..SHARDS {
            let input = log::Input { kind: Some(log::input::Kind::Genesis(genesis.clone())) };
            let record = Record::of(input.encode_to_vec());
            client.append(Place::orders(partition(shard)), record, Box::new(|_| {}));
        }
        for lane in memory.lanes() {
            memory.deliver(lane, Delivery::Land);
        }
        let identity = genesis::found(log.as_ref(), &genesis).expect("it is founded");
        World {
            random: Pcg64Mcg::seed_from_u64(seed),
            broken,
            memory,
            log,
            identity,
            client,
            sent: 0,
            owners: Default::default(),
            senders: Default::default(),
            sender_producers: BTreeSet::new(),
            incarnations: 0,
            snapshots: Arc::default(),
            now: Duration::ZERO,
        }
    }

    fn choose(&mut self) -> Result<(), Fault> {
        let shard = self.random.random_range(0..SHARDS);
        let sender = self.random.random_range(0..2);
        match self.random.random_range(0..100) {
            0..9 => self.send(),
            9..34 => self.step(shard)?,
            34..46 => self.step_sender(shard, sender)?,
            46..78 => self.deliver(),
            78..84 => self.pass_time(),
            84..86 => self.owners[shard] = None,
            86..88 => self.senders[shard][sender] = None,
            88..94 => self.start(shard)?,
            94..97 => self.start_sender(shard, sender)?,
            _ => self.take_snapshot(shard),
        }
        Ok(())
    }

    /// A client has some coins sent somewhere.
    fn send(&mut self) {
        if self.sent == RECORDS {
            return;
        }
        self.sent += 1;
        let [at, to] = [0; 2].map(|_: i32| self.random.random_range(0..SHARDS));
        let account = format!("to-{to}-{}", self.random.random_range(1..600));
        let valid_until = Timestamp::from_unix_nanos(u64::MAX);
        let command = ClientCommand {
            stamp: Stamp { request_id: RequestId(self.sent.into()), valid_until },
            account: AccountName::new(&account).expect("a good name"),
            command: Command::CancelAll { instrument: None },
        };
        let kind = log::input::Kind::Client((&command).into());
        self.append(at, kind);
    }

    fn append(&self, at: usize, kind: log::input::Kind) {
        let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
        self.client.append(Place::orders(partition(at)), record, Box::new(|_| {}));
    }

    fn start(&mut self, shard: usize) -> Result<(), Fault> {
        if self.owners[shard].is_some() {
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
        let recovered = Shard::recover(log, identity, partition(shard), &begin, settings, now);
        let stopped = |error: ShardError| Fault::Stopped(error.to_string());
        self.owners[shard] = Some(recovered.map_err(stopped)?);
        Ok(())
    }

    fn step(&mut self, shard: usize) -> Result<(), Fault> {
        let Some(owner) = &mut self.owners[shard] else { return Ok(()) };
        match owner.step(self.now, Duration::ZERO) {
            Ok(_) => {}
            Err(ShardError::Append(_) | ShardError::SteppedDown { .. }) => {
                self.owners[shard] = None;
            }
            Err(error) => return Err(Fault::Stopped(error.to_string())),
        }
        Ok(())
    }

    fn start_sender(&mut self, shard: usize, sender: usize) -> Result<(), Fault> {
        if self.senders[shard][sender].is_none() {
            self.sender_producers.insert(self.memory.producers());
            let (log, store) = (self.log.as_ref(), self.snapshots.as_ref());
            let opened = LinkSender::open(log, &self.identity, partition(shard), store);
            let stopped = |error: SenderError| Fault::Stopped(error.to_string());
            self.senders[shard][sender] = Some(opened.map_err(stopped)?);
        }
        Ok(())
    }

    fn step_sender(&mut self, shard: usize, sender: usize) -> Result<(), Fault> {
        let Some(running) = &mut self.senders[shard][sender] else { return Ok(()) };
        match running.step(self.now, Duration::ZERO, true) {
            Ok(()) => {}
            Err(SenderError::Producer) => self.senders[shard][sender] = None,
            Err(error) => return Err(Fault::Stopped(error.to_string())),
        }
        Ok(())
    }

    fn deliver(&mut self) {
        let lanes = self.memory.lanes();
        if lanes.is_empty() {
            return;
        }
        let lane = lanes[self.random.random_range(0..lanes.len())];
        let delivery = match self.random.random_range(0..100) {
            0..72 => Delivery::Land,
            72..82 => Delivery::LandTwice,
            82..88 => Delivery::LandUnconfirmed,
            88..92 => Delivery::LandUnheard,
            _ => Delivery::Lose,
        };
        self.land(lane, delivery);
    }

    /// Answers and runs may land twice; of other inputs that is the edge's affair. What is built
    /// wrong tampers with runs on their way.
    fn land(&mut self, lane: Lane, delivery: Delivery) {
        let is_input = lane.place.topic == Topic::Orders;
        let may_repeat = !is_input || self.sender_producers.contains(&lane.producer);
        let delivery = match delivery {
            Delivery::LandTwice if !may_repeat => Delivery::Land,
            delivery => delivery,
        };
        let landed = self.memory.deliver(lane, delivery);
        if let Some(offset) = landed.filter(|_| is_input && self.broken != Broken::Nothing) {
            self.tamper(lane.place, offset);
        }
    }

    /// Whoever carries a run changes it: here a changed copy of it comes first of all to the next.
    fn tamper(&mut self, place: Place, offset: u64) {
        let mut reader = self.log.reader(place, offset, Visibility::Synced).expect("it landed");
        let mut stored = Vec::new();
        let one = ReadLimit { records: 1, bytes: 1 };
        reader.poll(one, Duration::ZERO, &mut stored).expect("a memory is read");
        let Some(stored) = stored.pop() else { return };
        let input = log::Input::decode(stored.record.value.as_ref()).ok();
        let Some(log::input::Kind::LinkRun(mut run)) = input.and_then(|input| input.kind) else {
            return;
        };
        match self.broken {
            Broken::NumberedOnTheWay if !run.items.is_empty() => {
                run.first_link_seq += run.items.len() as u64;
            }
            Broken::ToldTooMuch => run.taken += 1,
            _ => return,
        }
        let at = usize::from(place.partition.number());
        self.append(at, log::input::Kind::LinkRun(run));
    }

    fn pass_time(&mut self) {
        let millis = self.random.random_range(1..1_500);
        self.now += Duration::from_millis(millis);
        self.memory.advance(Span::from_millis(millis));
    }

    fn take_snapshot(&mut self, shard: usize) {
        let begin = Begin::Newest(Arc::clone(&self.snapshots) as _);
        let (log, seen) = (self.log.as_ref(), Visibility::Synced);
        let opened = Replay::<Purse>::open(log, &self.identity, partition(shard), &begin, seen);
        let Ok(mut replay) = opened else { return };
        if replay.advance_to_end(log, seen).is_err() || replay.position().out_seq == 0 {
            return;
        }
        let store = self.snapshots.as_ref();
        snapshot::take(store, &self.identity, replay.replica(), replay.position())
            .expect("a memory takes everything");
    }

    fn inputs(&self, at: Partition) -> Vec<Stored> {
        let place = Place::orders(at);
        let mut reader = self.log.reader(place, 0, Visibility::Synced).expect("from the start");
        let mut stored = Vec::new();
        let all = ReadLimit { records: usize::MAX, bytes: usize::MAX };
        reader.poll(all, Duration::ZERO, &mut stored).expect("a memory is read");
        stored
    }

    /// Everything in flight lands, new owners and senders run, until nothing is on its way.
    fn heal(&mut self) -> Result<(), Fault> {
        self.owners = Default::default();
        self.senders = Default::default();
        for _ in 0..HEALED_ROUNDS_MAX {
            for lane in self.memory.lanes() {
                self.land(lane, Delivery::Land);
            }
            for shard in 0..SHARDS {
                self.start(shard)?;
                self.step(shard)?;
                self.start_sender(shard, 0)?;
                self.step_sender(shard, 0)?;
            }
            self.now += Duration::from_millis(100);
            self.memory.advance(Span::from_millis(100));
            if self.is_at_rest() {
                break;
            }
        }
        Ok(())
    }

    /// Whether every input is answered and every item taken, and known to be.
    fn is_at_rest(&self) -> bool {
        let lanes = self.memory.lanes();
        let is_quiet = lanes.is_empty();
        is_quiet
            && self.owners.iter().enumerate().all(|(shard, owner)| {
                let end = self.log.end(Place::orders(partition(shard)), Visibility::Synced).ok();
                owner.as_ref().is_some_and(|owner| {
                    owner.is_owner()
                        && Some(owner.accepted()) == end
                        && owner.replica().links().unacknowledged().next().is_none()
                })
            })
    }
}
