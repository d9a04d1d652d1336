//! What is built wrong, on purpose: each is put around a sound part, and must be found.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use prost::Message;
use proto::{
    log::{Input, Tick, input},
    topic::Topic,
};
use spine::{
    Log, Place, Position, Record, Stored, Visibility,
    answer::Sealed,
    log::{
        Acknowledge, Appended, LogError, Producer, ReachedEnd, ReadLimit, Reader, WriterRole,
        walker::Walker,
    },
};

/// What is built wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Nothing.
    Nothing,
    /// Gateways tell that a record is in the log before the log has said so.
    ToldBeforeAcknowledged,
    /// Clients try again under a new key.
    FreshKeys,
    /// The store takes note of how far it is before it has the rows.
    ProgressBeforeRows,
    /// Broadcasters go on one answer too late after a restart.
    SkippedAnswer,
    /// Owners do not hear of it when another takes over.
    DeafOwners,
    /// Gateways never look whose time is up.
    NoSweep,
    /// Shards credit what other shards grant twice.
    GrantTwice,
    /// Shards do not say what became of what waited for money in vain.
    ForgottenParked,
    /// Gateways take it for a result that an order waits for money.
    WaitIsResult,
}

/// A log whose producers acknowledge at once, and hope.
pub(crate) struct Hopeful(pub(crate) Arc<dyn Log>);

struct HopefulProducer {
    log: Arc<dyn Log>,
    producer: Arc<dyn Producer>,
}

impl Producer for HopefulProducer {
    fn append(&self, place: Place, record: Record, acknowledge: Acknowledge) {
        let end = self.log.end(place, Visibility::Synced);
        self.producer.append(place, record, Box::new(|_| {}));
        acknowledge(end.map_or(Err(spine::log::AppendError::Unknown), |offset| {
            Ok(Appended { offset, appended_at: None })
        }));
    }
}

impl Log for Hopeful {
    fn partition_count(&self, topic: Topic) -> Result<u16, LogError> {
        self.0.partition_count(topic)
    }

    fn producer(&self, role: WriterRole) -> Result<Arc<dyn Producer>, LogError> {
        let producer = self.0.producer(role)?;
        Ok(Arc::new(HopefulProducer { log: Arc::clone(&self.0), producer }))
    }

    fn reader(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
    ) -> Result<Box<dyn Reader>, LogError> {
        self.0.reader(place, from, visibility)
    }

    fn end(&self, place: Place, visibility: Visibility) -> Result<u64, LogError> {
        self.0.end(place, visibility)
    }

    fn walk(&self, name: String, walker: Box<dyn Walker>) -> Result<(), LogError> {
        self.0.walk(name, walker)
    }

    fn is_exclusive(&self) -> bool {
        self.0.is_exclusive()
    }
}

/// A log that does not show an owner that others take over.
pub(crate) struct Deaf {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) incarnation: u64,
    /// Whether who reads owns its partition: else it must hear everything, or it never would.
    pub(crate) owns: Arc<AtomicBool>,
}

struct DeafReader {
    reader: Box<dyn Reader>,
    incarnation: u64,
    owns: Arc<AtomicBool>,
}

impl Reader for DeafReader {
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        let before = into.len();
        let reached = self.reader.poll(limit, wait, into)?;
        if self.owns.load(Ordering::Relaxed) {
            into[before..].iter_mut().for_each(|stored| self.deafen(stored));
        }
        Ok(reached)
    }
}

impl DeafReader {
    fn deafen(&self, stored: &mut Stored) {
        let input = Input::decode(stored.record.value.as_ref()).ok();
        if let Some(input::Kind::TakeOver(take_over)) = input.and_then(|input| input.kind)
            && take_over.incarnation != self.incarnation
        {
            let tick = Input { kind: Some(input::Kind::Tick(Tick {})) };
            stored.record.value = tick.encode_to_vec().into();
        }
    }
}

impl Log for Deaf {
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
        if place.topic != Topic::Orders {
            return Ok(reader);
        }
        let (incarnation, owns) = (self.incarnation, Arc::clone(&self.owns));
        Ok(Box::new(DeafReader { reader, incarnation, owns }))
    }

    fn end(&self, place: Place, visibility: Visibility) -> Result<u64, LogError> {
        self.log.end(place, visibility)
    }

    fn is_exclusive(&self) -> bool {
        self.log.is_exclusive()
    }
}

/// The position one answer later than `position`, where there is such an answer.
pub(crate) fn one_later(log: &dyn Log, place: Place, position: Position) -> Position {
    let Ok(mut reader) = log.reader(place, position.next_offset, Visibility::Synced) else {
        return position;
    };
    let mut polled = Vec::new();
    let all = ReadLimit { records: usize::MAX, bytes: usize::MAX };
    if reader.poll(all, Duration::ZERO, &mut polled).is_err() {
        return position;
    }
    let next = polled.iter().find_map(|stored| {
        let answer = Sealed::read(&stored.record.value).ok()?;
        let is_next = answer.out_seq == position.out_seq + 1 && answer.prev_chain == position.chain;
        is_next.then_some((stored.offset, answer))
    });
    next.map_or(position, |(offset, answer)| Position {
        out_seq: answer.out_seq,
        chain: answer.chain,
        next_offset: offset + 1,
    })
}
