//! Reads one partition from an offset on.
//!
//! A reader that is behind has a consumer of its own. Once it has reached the end it sits down at
//! the [`Trunk`], which reads for all who are there; should it fall behind so far that the trunk
//! does not keep what it is to read next, it has a consumer of its own again.

mod cursor;

use std::{
    mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    producer::Producer as _,
};

use self::cursor::Cursor;
use super::{
    KafkaSettings, MESSAGE_BYTES_MAX, Questions,
    client::{self, Listener},
    failed, message,
    trunk::{Look, Seat, Trunk},
};
use crate::log::{LogError, Pace, Place, ReachedEnd, ReadLimit, Reader, Stored};

/// How long a broker holds a fetch that finds nothing, in milliseconds; a new record ends it at
/// once. This is also how long it takes to learn that the end is reached.
const FETCH_WAIT_MS: &str = "50";

/// How much a reader keeps fetched ahead of its owner.
const AHEAD_KIBIBYTES_MAX: usize = 16 * 1024;

/// With how many records ahead of its owner a reader asks for no more. A client asks for the next
/// as soon as it has something unless it is told so, which under a steady load is a request, an
/// answer and a handful of switches of context for each record or two, at both ends. So it rests
/// for its pace while its owner has not taken what came, and one request brings what came
/// meanwhile.
const AHEAD_RECORDS_ENOUGH: &str = "1";

/// The pace of an eager reader under load: what is waited there is won twice (docs/adr/0009). A
/// record after a quiet time is fetched at once.
pub(super) const EAGER_PACE: Duration = Duration::from_millis(2);

/// How long a reader that was sent away from the trunk reads alone at the least: whatever the
/// reason was, it does not come back for the same at once.
const ALONE_FOR: Duration = Duration::from_secs(1);

/// What the readers of a log have in common.
pub(super) struct Library {
    pub(super) settings: KafkaSettings,
    /// Asks about topics and offsets. A producer that produces nothing, since its thread also
    /// empties the queue of what librdkafka has to say while nobody asks.
    pub(super) questions: Questions,
    pub(super) trunk: Arc<Trunk>,
}

/// A reader of one partition.
pub(super) struct KafkaReader {
    library: Arc<Library>,
    pace: Pace,
    source: Source,
    cursor: Cursor,
    alone_until: Instant,
}

/// Where a reader has its records from.
enum Source {
    /// It has not asked for any.
    None,
    Own(BaseConsumer<Listener>),
    Shared(Shared),
}

struct Shared {
    seat: Seat,
    interruptions: u64,
    /// Until when this reader, whose pace is slower than the trunk's, looks no more.
    rests_until: Instant,
}

impl KafkaReader {
    /// A reader of `place` from offset `from` on, which was found to be there, as `end` was to be
    /// the end.
    pub(super) fn new(
        library: Arc<Library>,
        place: Place,
        (from, end): (u64, u64),
        pace: Pace,
    ) -> Result<KafkaReader, LogError> {
        let name = library.settings.topic_name(place.topic);
        let cursor = Cursor::new(name, place, from, end);
        let (source, alone_until) = (Source::None, Instant::now());
        let mut reader = KafkaReader { library, pace, source, cursor, alone_until };
        if !reader.cursor.at_end {
            reader.read_alone()?;
        }
        Ok(reader)
    }

    /// Goes on with a consumer of its own.
    fn read_alone(&mut self) -> Result<(), LogError> {
        let failed = |error| failed("making a reader", &error);
        let settings = &self.library.settings;
        let consumer: BaseConsumer<Listener> =
            config(settings, self.pace).create_with_context(Listener::default()).map_err(failed)?;
        let Cursor { place, next, .. } = &self.cursor;
        let first = Offset::Offset(i64::try_from(*next).unwrap_or(i64::MAX));
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(
                &settings.topic_name(place.topic),
                place.partition.number().into(),
                first,
            )
            .map_err(failed)?;
        consumer.assign(&assignment).map_err(failed)?;
        self.source = Source::Own(consumer);
        Ok(())
    }

    /// Finds out where to read from now.
    fn settle(&mut self) -> Result<(), LogError> {
        if matches!(self.source, Source::Shared(_)) {
            return Ok(());
        }
        let Cursor { place, next, at_end, .. } = &self.cursor;
        let may_share = *at_end && Instant::now() >= self.alone_until;
        if may_share && let Some(seat) = self.library.trunk.sit(*place, *next, self.pace) {
            let shared = Shared { seat, interruptions: 0, rests_until: Instant::now() };
            if let Source::Own(consumer) = mem::replace(&mut self.source, Source::Shared(shared)) {
                close(consumer);
            }
        }
        if matches!(self.source, Source::None) { self.read_alone() } else { Ok(()) }
    }
}

impl Reader for KafkaReader {
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        self.settle()?;
        let KafkaReader { library, pace, source, cursor, .. } = self;
        let polled = match source {
            Source::None => Polled::Alone,
            Source::Own(consumer) => poll_own(consumer, cursor, library, limit, wait, into)?,
            Source::Shared(shared) => shared.poll(*pace, cursor, library, limit, wait, into)?,
        };
        match polled {
            Polled::Looked if self.cursor.at_end => return Ok(ReachedEnd::Yes),
            Polled::Looked | Polled::Rested => {}
            Polled::Alone => {
                self.cursor.at_end = false;
                self.alone_until = Instant::now() + ALONE_FOR;
                self.read_alone()?;
            }
        }
        Ok(ReachedEnd::No)
    }
}

/// What a poll did.
enum Polled {
    /// It looked for records.
    Looked,
    /// It rested; whether there is something nobody knows.
    Rested,
    /// There is nothing to be had at the trunk any more.
    Alone,
}

fn poll_own(
    consumer: &BaseConsumer<Listener>,
    cursor: &mut Cursor,
    library: &Library,
    limit: ReadLimit,
    wait: Duration,
    into: &mut Vec<Stored>,
) -> Result<Polled, LogError> {
    let client = library.questions.client();
    let (mut records, mut bytes) = (0, 0);
    let mut wait = wait;
    while records < limit.records && bytes < limit.bytes {
        match consumer.poll(wait) {
            Some(Ok(message)) => {
                cursor.pass(message::offset(&message))?;
                let stored = message::stored(&message);
                records += 1;
                bytes += stored.record.value.len();
                into.push(stored);
            }
            // Perhaps long ago, if nobody polled since: what came after it stands behind it.
            Some(Err(KafkaError::PartitionEOF(_))) => cursor.is_at_end(),
            Some(Err(error)) => {
                cursor.judge(&error, client)?;
                break;
            }
            None => {
                cursor.doubt_end(wait, client);
                cursor.look_for_end(client);
                break;
            }
        }
        wait = Duration::ZERO;
    }
    Ok(Polled::Looked)
}

impl Shared {
    fn poll(
        &mut self,
        pace: Pace,
        cursor: &mut Cursor,
        library: &Library,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<Polled, LogError> {
        let rest = self.rests_until.saturating_duration_since(Instant::now());
        if !rest.is_zero() {
            thread::sleep(rest.min(wait));
            if wait < rest {
                return Ok(Polled::Rested);
            }
        }
        let (client, wait, before) =
            (library.questions.client(), wait.saturating_sub(rest), into.len());
        let Look::Done { interruptions } = self.seat.take(cursor.next, limit, wait, into) else {
            return Ok(Polled::Alone);
        };
        if mem::replace(&mut self.interruptions, interruptions) != interruptions {
            cursor.at_end = false;
        }
        for stored in &into[before..] {
            cursor.pass(stored.offset)?;
        }
        if into.len() == before {
            cursor.doubt_end(wait, client);
        } else if span(pace) > EAGER_PACE {
            self.rests_until = Instant::now() + span(pace);
        }
        if self.seat.is_through(cursor.next) {
            cursor.look_for_end(client);
        }
        Ok(if cursor.looks_in_vain() { Polled::Alone } else { Polled::Looked })
    }
}

/// Ends a consumer aside: it says goodbye to its brokers, and nobody has to wait for that.
fn close(consumer: BaseConsumer<Listener>) {
    let closing = thread::Builder::new().name("kafka-close".to_owned());
    if let Err(error) = closing.spawn(move || drop(consumer)) {
        tracing::warn!(%error, "a consumer was closed in its reader's time");
    }
}

/// Whether reading goes on by itself after an error of this kind: the connection comes back, or a
/// new leader is found. The coordinator is a thing of consumer groups, which we have none of.
pub(super) const fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
            | Code::GroupAuthorizationFailed
    )
}

/// How long a reader of this pace rests.
pub(super) const fn span(pace: Pace) -> Duration {
    match pace {
        Pace::Eager => EAGER_PACE,
        Pace::AtMostEvery(span) => span,
    }
}

pub(super) fn config(settings: &KafkaSettings, pace: Pace) -> ClientConfig {
    let mut config = client::config(settings);
    config
        // librdkafka wants a group's name even of a reader that joins none.
        .set("group.id", format!("{}-reads-without-a-group", settings.client_id))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", FETCH_WAIT_MS)
        .set("fetch.message.max.bytes", MESSAGE_BYTES_MAX.to_string())
        .set("queued.max.messages.kbytes", AHEAD_KIBIBYTES_MAX.to_string())
        .set("queued.min.messages", AHEAD_RECORDS_ENOUGH)
        // Nought would mean to look without a rest.
        .set("fetch.queue.backoff.ms", span(pace).as_millis().max(1).to_string());
    config
}

#[cfg(test)]
impl KafkaReader {
    fn shares(&self) -> bool {
        matches!(self.source, Source::Shared(_))
    }
}

#[cfg(test)]
mod tests;
