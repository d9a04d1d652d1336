//! Beside a platform that goes on, and with snapshots that are not as they should be.

use ledger::row::Progress;
use prost::Message;
use proto::log::{self as wire, input};
use spine::{
    Record, Replica,
    acceptor::Position,
    log::{ReachedEnd, ReadLimit, WriterRole, append_blocking, memory::MemoryLog},
    snapshot::{self, MemorySnapshots, SnapshotStore},
};

use super::*;

const PARTITION: Partition = Partition::FIRST;

/// A log with one shard, which answers every input.
struct World {
    log: Arc<dyn Log>,
    identity: Identity,
    replica: Replica<Exchange>,
    kept: MemorySnapshots,
}

impl World {
    /// With this many inputs answered.
    fn with(inputs: usize) -> World {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new(1));
        let proposal =
            wire::Genesis { log_id: vec![9; 16], partition_count: 1, ..Default::default() };
        let identity = genesis::found(log.as_ref(), &proposal).expect("it is founded");
        let replica = Replica::new(&identity, PARTITION);
        let mut world = World { log, identity, replica, kept: MemorySnapshots::default() };
        // The first input is the log's own.
        world.answer(1);
        world.ask(inputs - 1);
        world.answer(inputs - 1);
        world
    }

    fn append(&self, place: Place, value: impl Into<bytes::Bytes>) {
        let producer = self.log.producer(WriterRole::Shard).expect("made");
        append_blocking(&*producer, place, Record::of(value)).expect("it is appended");
    }

    fn ask(&self, count: usize) {
        let tick = wire::Input { kind: Some(input::Kind::Tick(wire::Tick {})) }.encode_to_vec();
        (0..count).for_each(|_| self.append(Place::orders(PARTITION), tick.clone()));
    }

    fn answer(&mut self, count: usize) {
        let (place, due) = (Place::orders(PARTITION), self.replica.next_offset());
        let mut reader = self.log.reader(place, due, Visibility::Synced).expect("a reader");
        let (limit, mut inputs) = (ReadLimit { records: count, bytes: 1 << 20 }, Vec::new());
        if count > 0 {
            let _: ReachedEnd = reader.poll(limit, POLL_WAIT, &mut inputs).expect("it is read");
        }
        assert_eq!(inputs.len(), count);
        for stored in &inputs {
            let computed = self.replica.apply(stored).expect("it can be applied");
            self.append(Place::events(PARTITION), computed.value);
        }
    }

    fn take_snapshot(&self) {
        let next_offset = self.log.end(Place::events(PARTITION), Visibility::Synced).expect("told");
        let (out_seq, chain) = (self.replica.out_seq(), self.replica.chain());
        let position = Position { out_seq, chain, next_offset };
        snapshot::take(&self.kept, &self.identity, &self.replica, position).expect("it is kept");
    }

    fn copies(&self) -> Copies {
        Copies::take(&self.kept, &self.identity).expect("they can be read")
    }

    fn still(&self) -> Arc<dyn Log> {
        Arc::new(hold_still(Arc::clone(&self.log), &self.identity).expect("it is held"))
    }

    fn verify(&self, log: &Arc<dyn Log>, tables: &Tables, copies: &Copies) -> String {
        let mut report = Report::new(self.identity.log_id, Vec::new());
        verify(log, &self.identity, tables, copies, &mut report).expect("it can be read");
        let text = report.to_string();
        assert_eq!(report.verdict().is_ok(), text.ends_with("\nsound"), "{text}");
        text
    }

    fn verified(&self) -> String {
        self.verify(&self.still(), &Tables::default(), &self.copies())
    }
}

#[test]
fn what_comes_while_it_is_verified_is_not_looked_at() {
    let mut world = World::with(4);
    world.take_snapshot();
    world.ask(1);
    let (copies, still) = (world.copies(), world.still());
    // The platform goes on: snapshots that the log held still knows nothing of, and no old ones.
    for _ in 0..snapshot::KEPT {
        world.ask(3);
        world.answer(3);
        world.take_snapshot();
    }
    let text = world.verify(&still, &Tables::default(), &copies);
    assert!(text.ends_with("\nsound"), "{text}");
    assert!(text.contains("partition 0: 4 answers replayed, every chain equal"), "{text}");
    assert!(text.contains("; 1 of 5 inputs unanswered; the tables are 4 answers"), "{text}");
    assert!(text.contains("partition 0: snapshot 4 leads to the same state"), "{text}");
    let text = world.verified();
    assert!(text.contains("partition 0: snapshot 13 leads to the same state"), "{text}");
}

#[test]
fn tables_beyond_the_log_are_a_problem() {
    let world = World::with(2);
    let progress = Progress {
        partition: PARTITION,
        log_id: world.identity.log_id,
        out_seq: 3,
        in_offset: 2,
        chain: world.replica.chain(),
        next_offset: 3,
        now: world.replica.now(),
    };
    let tables = Tables { progress: [(PARTITION, progress)].into(), ..Tables::default() };
    let text = world.verify(&world.still(), &tables, &world.copies());
    assert!(text.contains("PROBLEM partition 0: the tables are at answer 3, beyond"), "{text}");
}

#[test]
fn where_there_is_no_snapshot_it_says_so() {
    let text = World::with(2).verified();
    assert!(text.contains("partition 0: there is no snapshot to check"), "{text}");
    assert!(text.ends_with("\nsound"), "{text}");
}

#[test]
fn a_snapshot_that_is_damaged_is_named_and_an_older_one_checked() {
    let world = World::with(3);
    let damage = || world.kept.put(PARTITION, 9, b"not a snapshot".to_vec()).expect("it is kept");
    damage();
    let text = world.verified();
    let named = "PROBLEM partition 0: snapshot 9 is damaged, or of another log";
    assert!(text.contains(named) && !text.contains("leads to"), "{text}");
    world.take_snapshot();
    let text = world.verified();
    assert!(text.contains(named) && text.contains("snapshot 3 leads to the same state"), "{text}");
}

#[test]
fn a_snapshot_of_answers_that_the_log_lost_is_a_problem() {
    let mut ahead = World::with(5);
    ahead.take_snapshot();
    let behind = World::with(3);
    assert_eq!(ahead.identity, behind.identity);
    ahead.log = behind.log;
    let text = ahead.verified();
    let named = "PROBLEM partition 0: snapshot 5 is beyond or beside the log";
    assert!(text.contains(named), "{text}");
}
