//! Owners and candidates in situations that the schedules do not bring about by themselves.

use std::sync::Mutex;

use model::{AccountName, RequestId};
use proto::{
    command::{ClientCommand, Command, Stamp},
    draft::Draft,
    log::outcome,
    reference::ReferenceRecord,
    topic::Topic,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    Chain, ClientInput, genesis,
    log::{
        LogError, Producer, ReachedEnd,
        memory::{Delivery, MemoryLog},
    },
    replay::Begin,
};

const PARTITION: Partition = Partition::FIRST;

/// A core whose answers to clients have so many bytes, or that panics at them.
#[derive(Debug)]
struct TestCore<const BYTES: usize>;

const PANICS: usize = usize::MAX;

impl<const BYTES: usize> Core for TestCore<BYTES> {
    fn new(_genesis: &log::Genesis, _partition: Partition) -> Self {
        TestCore
    }

    fn pass_time(&mut self, _now: Timestamp, _body: &mut Draft) {}

    fn apply(&mut self, _input: &ClientInput<'_>, body: &mut Draft) {
        assert_ne!(BYTES, PANICS, "a bug of the core");
        body.account(&"x".repeat(BYTES));
        body.outcome = Some(log::Outcome { kind: Some(outcome::Kind::Applied(log::Applied {})) });
    }

    fn change_reference(&mut self, _change: &ReferenceRecord, _body: &mut Draft) {}

    fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    fn decode(_bytes: &[u8]) -> Result<Self, String> {
        Ok(TestCore)
    }
}

type SmallCore = TestCore<1>;
type BulkyCore = TestCore<{ 1024 * 1024 }>;
type FragileCore = TestCore<PANICS>;

/// A log with one partition, and whoever appends to it beside the shard.
struct Bench {
    memory: MemoryLog,
    log: Arc<dyn Log>,
    identity: Identity,
    producer: Arc<dyn Producer>,
}

impl Bench {
    fn new(memory: MemoryLog) -> Bench {
        let log: Arc<dyn Log> = Arc::new(memory.clone());
        let genesis =
            log::Genesis { log_id: vec![9; 16], partition_count: 1, ..Default::default() };
        let producer = log.producer(WriterRole::Shard).expect("made");
        append(producer.as_ref(), input::Kind::Genesis(genesis.clone()));
        deliver(&memory, Topic::Orders);
        let identity = genesis::found(log.as_ref(), &genesis).expect("it is founded");
        Bench { memory, log, identity, producer }
    }

    fn append(&self, kind: input::Kind) {
        append(self.producer.as_ref(), kind);
        deliver(&self.memory, Topic::Orders);
    }

    fn settings(&self) -> ShardSettings {
        let memory = self.memory.clone();
        let wall_clock: WallClock = Arc::new(move || memory.now());
        ShardSettings { incarnation: 5, wall_clock, read_limit: READ_LIMIT }
    }

    fn candidate<C: Core>(&self) -> Shard<C> {
        let (log, settings) = (&self.log, self.settings());
        Shard::recover(log, &self.identity, PARTITION, &Begin::First, settings, Duration::ZERO)
            .expect("there is no doubt")
    }

    /// Somebody else answers all inputs there are, these of them as quarantined. The last chain.
    fn answer_all(&self, quarantined: &[u64]) -> Chain {
        let mut replica = Replica::<SmallCore>::new(&self.identity, PARTITION);
        for stored in self.all(Place::orders(PARTITION)) {
            let computed = if quarantined.contains(&stored.offset) {
                replica.apply_quarantined(&stored)
            } else {
                replica.apply(&stored)
            };
            let record = Record::of(computed.expect("the inputs are dense").value);
            self.producer.append(Place::events(PARTITION), record, Box::new(|_| {}));
        }
        replica.chain()
    }

    fn all(&self, place: Place) -> Vec<Stored> {
        let mut reader = self.log.reader(place, 0, Visibility::Synced).expect("from the start");
        let mut stored = Vec::new();
        reader.poll(READ_LIMIT, Duration::ZERO, &mut stored).expect("a memory is read");
        stored
    }

    fn answers_in_flight(&self) -> usize {
        let lanes = self.memory.lanes();
        let of_events = lanes.into_iter().filter(|lane| lane.place == Place::events(PARTITION));
        of_events.map(|lane| self.memory.in_flight(lane)).sum()
    }
}

fn append(producer: &dyn Producer, kind: input::Kind) {
    let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
    producer.append(Place::orders(PARTITION), record, Box::new(|_| {}));
}

/// Everything on its way to `topic` lands, where the log is controlled.
fn deliver(memory: &MemoryLog, topic: Topic) {
    while let Some(lane) = memory.lanes().into_iter().find(|lane| lane.place.topic == topic) {
        memory.deliver(lane, Delivery::Land);
    }
}

fn client() -> input::Kind {
    let valid_until = Timestamp::from_unix_nanos(u64::MAX);
    let command = ClientCommand {
        stamp: Stamp { request_id: RequestId(1), valid_until },
        account: AccountName::new("alice").expect("a good name"),
        command: Command::CancelAll { instrument: None },
    };
    input::Kind::Client((&command).into())
}

fn quarantine_of(offset: u64) -> input::Kind {
    input::Kind::Quarantine(log::Quarantine { offset, reason: "it panics".to_owned() })
}

/// Steps until it has caught up with what was accepted.
fn catch_up<C: Core>(shard: &mut Shard<C>) -> Result<(u64, Chain), ShardError> {
    for _ in 0..10 {
        shard.step(Duration::ZERO, Duration::ZERO)?;
    }
    Ok((shard.replica().out_seq(), shard.replica().chain()))
}

#[test]
fn a_follower_applies_what_was_accepted_as_quarantined() {
    let bench = Bench::new(MemoryLog::new(1));
    bench.append(client());
    let mut follower = bench.candidate::<SmallCore>();
    bench.append(quarantine_of(1));
    let chain = bench.answer_all(&[1]);
    assert_eq!(catch_up(&mut follower), Ok((4, chain)));
}

#[test]
fn a_follower_does_not_quarantine_what_was_accepted_as_it_is() {
    let bench = Bench::new(MemoryLog::new(1));
    bench.append(client());
    bench.append(quarantine_of(1));
    let mut follower = bench.candidate::<SmallCore>();
    let chain = bench.answer_all(&[]);
    assert_eq!(catch_up(&mut follower), Ok((4, chain)));
}

#[test]
fn an_owner_quarantines_what_nobody_has_answered() {
    let bench = Bench::new(MemoryLog::new(1));
    bench.append(client());
    bench.append(quarantine_of(1));
    let mut owner = bench.candidate::<FragileCore>();
    let mut now = Duration::ZERO;
    while owner.accepted() < 5 && now < Duration::from_secs(1) {
        owner.step(now, Duration::ZERO).expect("it is not shown what it panics at");
        now += Duration::from_millis(50);
    }
    let inputs = bench.all(Place::orders(PARTITION)).len();
    assert_eq!(usize::try_from(owner.accepted()), Ok(inputs));
}

#[test]
fn noise_among_the_answers_does_not_stop_a_shard() {
    let bench = Bench::new(MemoryLog::new(1));
    let noise = Record::of("noise");
    bench.producer.append(Place::events(PARTITION), noise.clone(), Box::new(|_| {}));
    let mut follower = bench.candidate::<SmallCore>();
    let chain = bench.answer_all(&[]);
    bench.producer.append(Place::events(PARTITION), noise, Box::new(|_| {}));
    assert_eq!(catch_up(&mut follower), Ok((2, chain)));
}

/// A log that notes how long polls of the answers were told to wait.
struct WatchedLog {
    log: Arc<dyn Log>,
    waits: Arc<Mutex<Vec<Duration>>>,
}

struct WatchedReader {
    reader: Box<dyn Reader>,
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl Reader for WatchedReader {
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        self.waits.lock().expect("not poisoned").push(wait);
        self.reader.poll(limit, Duration::ZERO, into)
    }
}

impl Log for WatchedLog {
    fn partition_count(&self, topic: Topic) -> Result<u16, LogError> {
        self.log.partition_count(topic)
    }

    fn producer(&self, role: WriterRole) -> Result<Arc<dyn Producer>, LogError> {
        self.log.producer(role)
    }

    fn reader(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
    ) -> Result<Box<dyn Reader>, LogError> {
        let reader = self.log.reader(place, from, visibility)?;
        if place.topic != Topic::Events {
            return Ok(reader);
        }
        Ok(Box::new(WatchedReader { reader, waits: Arc::clone(&self.waits) }))
    }

    fn end(&self, place: Place, visibility: Visibility) -> Result<u64, LogError> {
        self.log.end(place, visibility)
    }

    fn is_exclusive(&self) -> bool {
        self.log.is_exclusive()
    }
}

#[test]
fn an_owner_that_is_far_ahead_computes_no_more_and_waits_for_answers() {
    /// More than may be unconfirmed: each is answered with a mebibyte.
    const RECORDS: usize = 60;
    const WAIT: Duration = Duration::from_millis(7);
    let mut bench = Bench::new(MemoryLog::controlled(1));
    let waits = Arc::new(Mutex::new(Vec::new()));
    let unwatched = Arc::clone(&bench.log);
    bench.log = Arc::new(WatchedLog { log: unwatched, waits: Arc::clone(&waits) });
    (0..RECORDS).for_each(|_| bench.append(client()));
    let mut owner = bench.candidate::<BulkyCore>();
    let mut now = Duration::ZERO;
    for _ in 0..20 {
        deliver(&bench.memory, Topic::Orders);
        owner.step(now, Duration::ZERO).expect("nothing is wrong");
        now += Duration::from_millis(40);
    }

    // The genesis, whose answer is small, and as many mebibytes as may be.
    let ahead = UNCONFIRMED_BYTES_MAX / (1024 * 1024) + 1;
    assert_eq!(bench.answers_in_flight(), ahead);
    assert!(waits.lock().expect("not poisoned").iter().all(Duration::is_zero));
    assert_eq!(owner.step(now, WAIT), Ok(Progress::Idle));
    assert_eq!(waits.lock().expect("not poisoned").last(), Some(&WAIT));

    for _ in 0..2 * RECORDS {
        deliver(&bench.memory, Topic::Events);
        owner.step(now, Duration::ZERO).expect("nothing is wrong");
    }
    assert_eq!(owner.accepted(), owner.replica().out_seq());
    assert!(owner.accepted() > RECORDS as u64);
}

#[test]
fn a_panic_while_recovering_is_told() {
    let bench = Bench::new(MemoryLog::new(1));
    bench.append(client());
    bench.answer_all(&[]);
    let settings = bench.settings();
    let stop = CancellationToken::new();
    let Bench { log, identity, .. } = bench;
    let handle = spawn::<FragileCore>(log, identity, PARTITION, Begin::First, settings, stop)
        .expect("a thread");
    let status = handle.status();
    let ended = handle.join();
    let Err(ShardError::RecoveryPanicked { message }) = &ended else { panic!("{ended:?}") };
    assert!(message.contains("a bug of the core"), "{message}");
    assert_eq!(*status.borrow(), Status::Failed(ended.expect_err("it was just seen")));
}
