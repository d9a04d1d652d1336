//! Appends to Kafka, and tells exactly once what became of each record.
//!
//! Every producer is idempotent: retries after a lost answer neither repeat nor reorder. A shard's
//! never gives a record up and never leaves a gap; an edge's gives up in time, refuses rather than
//! waits, and says that it does not know.

mod deliveries;
mod room;
mod waves;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use proto::topic::{RECORD_BYTES_MAX, Topic};
use rdkafka::{
    ClientConfig,
    error::RDKafkaErrorCode,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use self::{
    deliveries::{Deliveries, Failure, Pending, fail},
    room::{Room, UNACKNOWLEDGED_BYTES_MAX, records_max},
    waves::Waves,
};
use super::{KafkaSettings, MESSAGE_BYTES_MAX, client, failed};
use crate::{
    header::Headers,
    log::{Acknowledge, AppendError, LogError, Place, Producer, Record, WriterRole},
};

/// How long a record that goes alone waits for company, in milliseconds. Nothing: it is
/// acknowledged after 0.6 ms instead of 1.6 ms.
const ALONE_LINGER_MS: &str = "0";

/// How long the first record of a wave waits for the others, in milliseconds: longer than a wave
/// takes to be handed over, so that it is sent whole; a fraction of what it takes to be answered.
const TOGETHER_LINGER_MS: &str = "0.3";

/// From how many records on a wave is one that librdkafka could begin to send too early.
const TOGETHER_RECORDS_MIN: usize = 2;

/// How many requests may be on their way to one broker: the most at which a broker still keeps an
/// idempotent producer's order. A wave larger than a batch needs some.
const REQUESTS_IN_FLIGHT_MAX: &str = "5";

/// By how much librdkafka's own limits are wider than ours, so that what was let in here has room
/// there, however it counts.
const WIDER: usize = 2;

/// How long a shard sleeps before it looks again for room. Room comes by hundreds of records.
const ROOM_WAIT: Duration = Duration::from_millis(1);

/// How long the thread that hears of records waits before it looks whether it is to end.
const HEAR_WAIT: Duration = Duration::from_millis(100);

/// A producer with threads of its own, which call the acknowledgements, in the log's order for
/// each partition. A shard must not append from inside one: it could wait there for room that only
/// these threads make.
pub(super) struct KafkaProducer {
    way: Arc<Way>,
    hearing: Vec<JoinHandle<()>>,
}

impl KafkaProducer {
    pub(super) fn new(
        settings: &KafkaSettings,
        role: WriterRole,
    ) -> Result<KafkaProducer, LogError> {
        let failure = Failure::default();
        let client = |linger_ms| client(settings, role, linger_ms, &failure);
        let way = Arc::new(Way {
            alone: client(ALONE_LINGER_MS)?,
            together: client(TOGETHER_LINGER_MS)?,
            role,
            failure: Arc::clone(&failure),
            waves: Waves::new(),
            room: Room::of(role),
            names: Topic::ALL.map(|topic| settings.topic_name(topic)),
            is_closed: AtomicBool::new(false),
        });
        let clients: [fn(&Way) -> &Client; 2] = [|way| &way.alone, |way| &way.together];
        let mut producer = KafkaProducer { way, hearing: Vec::with_capacity(clients.len()) };
        for client in clients {
            let way = Arc::clone(&producer.way);
            client(&way).client().context().go_on_by(&way);
            let hearing = thread::Builder::new()
                .name("kafka-producer".to_owned())
                .spawn(move || way.hear(client(&way)))
                .map_err(|error| LogError::Failed(format!("starting a producer: {error}")))?;
            producer.hearing.push(hearing);
        }
        Ok(producer)
    }
}

impl Drop for KafkaProducer {
    /// What is on its way is given up, and so is what waits.
    fn drop(&mut self) {
        self.way.is_closed.store(true, Ordering::Release);
        for hearing in self.hearing.drain(..) {
            // The last handle may be dropped in an acknowledgement, which is that thread.
            if hearing.thread().id() != thread::current().id() {
                let _ = hearing.join();
            }
        }
        for held in self.way.waves.give_up() {
            (held.acknowledge)(Err(AppendError::Unknown));
        }
    }
}

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KafkaProducer").field("role", &self.way.role).finish()
    }
}

impl Producer for KafkaProducer {
    fn append(&self, place: Place, record: Record, acknowledge: Acknowledge) {
        self.way.take_in(place, [(record, acknowledge)]);
    }

    fn append_all(&self, place: Place, records: Vec<(Record, Acknowledge)>) {
        self.way.take_in(place, records);
    }
}

/// A record that was let in and is not handed to librdkafka yet.
struct Held {
    record: Record,
    bytes: usize,
    since: Instant,
    acknowledge: Acknowledge,
}

/// An idempotent producer of librdkafka.
type Client = BaseProducer<Deliveries>;

/// The way into librdkafka, which sends what goes alone at once and what goes together when it is
/// whole. A place has one wave on its way, so records keep their order whichever takes them.
struct Way {
    alone: Client,
    together: Client,
    role: WriterRole,
    failure: Failure,
    waves: Waves<Held>,
    room: Room,
    names: [String; Topic::ALL.len()],
    is_closed: AtomicBool,
}

impl Way {
    /// Hears from a client what became of records, until the producer is closed.
    fn hear(&self, client: &Client) {
        while !self.is_closed.load(Ordering::Acquire) {
            client.poll(HEAR_WAIT);
        }
    }

    /// Lets records in that come together, in order; a shard's wait for room. Else tells why not.
    fn take_in(&self, place: Place, records: impl IntoIterator<Item = (Record, Acknowledge)>) {
        let records = records.into_iter();
        let mut entering = Vec::with_capacity(records.size_hint().0);
        for (record, acknowledge) in records {
            let let_in = loop {
                let let_in = self.let_in(&record);
                if let_in != Err(AppendError::Full) || self.role != WriterRole::Shard {
                    break let_in;
                }
                // Room comes of what is on its way, so nothing is kept back meanwhile.
                self.enter(place, std::mem::take(&mut entering));
                thread::sleep(ROOM_WAIT);
            };
            match let_in {
                Ok(bytes) => {
                    entering.push(Held { record, bytes, since: Instant::now(), acknowledge });
                }
                Err(error) => acknowledge(Err(error)),
            }
        }
        self.enter(place, entering);
    }

    /// Takes room for a record where it may be appended, and says of how many bytes.
    fn let_in(&self, record: &Record) -> Result<usize, AppendError> {
        if let Some(reason) = self.failure.get() {
            return Err(AppendError::Fatal(reason.clone()));
        }
        let bytes = record.bytes();
        if bytes > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes });
        }
        if self.room.take(bytes) { Ok(bytes) } else { Err(AppendError::Full) }
    }

    fn enter(&self, place: Place, records: Vec<Held>) {
        if !records.is_empty() {
            self.hand_over(place, self.waves.enter(place, records));
        }
    }

    /// Hands a wave over, and the next one where nothing of it could be.
    fn hand_over(&self, place: Place, wave: Vec<Held>) {
        let mut wave = wave;
        while !wave.is_empty() {
            let client =
                if wave.len() < TOGETHER_RECORDS_MIN { &self.alone } else { &self.together };
            let mut next = Vec::new();
            for held in wave {
                if let Err((error, pending)) = self.send(client, place, held) {
                    self.room.leave(pending.bytes);
                    (pending.into_acknowledge())(Err(error));
                    next.extend(self.waves.told(place));
                }
            }
            wave = next;
        }
    }

    fn send(
        &self,
        client: &Client,
        place: Place,
        held: Held,
    ) -> Result<(), (AppendError, Box<Pending>)> {
        let Held { record, bytes, since, acknowledge } = held;
        let pending = Box::new(Pending::new(place, bytes, acknowledge));
        if let WriterRole::Edge { give_up_after } = self.role
            && since.elapsed() > give_up_after
        {
            // It waited for others that were given up themselves.
            return Err((AppendError::Full, pending));
        }
        let mut message: BaseRecord<'_, [u8], [u8], Box<Pending>> =
            BaseRecord::with_opaque_to(self.name(place.topic), pending)
                .partition(place.partition.number().into())
                .payload(record.value.as_ref());
        if let Some(key) = &record.key {
            message = message.key(key.as_ref());
        }
        if !record.headers.is_empty() {
            message = message.headers(headers(&record.headers));
        }
        client.send(message).map_err(|(error, refused)| {
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            let told = match self.role {
                WriterRole::Edge { .. } if full => AppendError::Full,
                _ => fail(&self.failure, error.to_string()),
            };
            (told, refused.delivery_opaque)
        })
    }

    /// It is known what became of a record.
    fn told(&self, place: Place, bytes: usize) {
        self.room.leave(bytes);
        let next = self.waves.told(place);
        self.hand_over(place, next);
    }

    fn name(&self, topic: Topic) -> &str {
        let index = Topic::ALL.iter().position(|other| *other == topic);
        index.map_or("", |index| &self.names[index])
    }
}

/// A name that is not text, which none of ours is, is written with marks in place of the rest.
fn headers(headers: &Headers) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new(), |written, (name, value)| {
        written.insert(Header { key: &String::from_utf8_lossy(name), value: Some(value) })
    })
}

/// A client that waits so long for company.
fn client(
    settings: &KafkaSettings,
    role: WriterRole,
    linger_ms: &str,
    failure: &Failure,
) -> Result<Client, LogError> {
    config(settings, role)
        .set("linger.ms", linger_ms)
        .create_with_context(Deliveries::new(role, failure))
        .map_err(|error| failed("making a producer", &error))
}

/// What a client that takes records that go alone is told.
pub(super) fn config(settings: &KafkaSettings, role: WriterRole) -> ClientConfig {
    let mut config = client::config(settings);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", REQUESTS_IN_FLIGHT_MAX)
        .set("linger.ms", ALONE_LINGER_MS)
        .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
        .set("queue.buffering.max.kbytes", (WIDER * UNACKNOWLEDGED_BYTES_MAX / 1024).to_string())
        .set("queue.buffering.max.messages", (WIDER * records_max(role)).to_string());
    match role {
        WriterRole::Shard => {
            config.set("enable.gapless.guarantee", "true").set("message.timeout.ms", "0")
        }
        // Nought would mean never.
        WriterRole::Edge { give_up_after } => {
            config.set("message.timeout.ms", give_up_after.as_millis().max(1).to_string())
        }
    };
    config
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use model::Partition;

    use super::{room::EDGE_RECORDS_MAX, *};
    use crate::log::Appended;

    const TOO_LONG: Duration = Duration::from_secs(30);

    /// A producer whose brokers are not there: nobody listens at this port.
    fn unheard(role: WriterRole) -> KafkaProducer {
        KafkaProducer::new(&KafkaSettings::new("127.0.0.1:1"), role).expect("a producer")
    }

    fn append(producer: &KafkaProducer) -> mpsc::Receiver<Result<Appended, AppendError>> {
        let (tell, heard) = mpsc::channel();
        let acknowledge = Box::new(move |result| drop(tell.send(result)));
        producer.append(Place::orders(Partition::FIRST), Record::of("x"), acknowledge);
        heard
    }

    #[test]
    fn an_edge_gives_up_and_says_that_it_does_not_know() {
        let producer = unheard(WriterRole::Edge { give_up_after: Duration::from_millis(1) });
        let heard = append(&producer);
        assert_eq!(heard.recv_timeout(TOO_LONG), Ok(Err(AppendError::Unknown)));
        assert!(heard.recv_timeout(TOO_LONG).is_err(), "it was told twice");
    }

    #[test]
    fn what_waits_for_a_record_that_is_given_up_is_told_of_too() {
        let producer = unheard(WriterRole::Edge { give_up_after: Duration::from_millis(1) });
        let waiting: Vec<_> = (0..10).map(|_| append(&producer)).collect();
        for heard in waiting {
            let told = heard.recv_timeout(TOO_LONG).expect("it is told");
            assert!(matches!(told, Err(AppendError::Unknown | AppendError::Full)), "{told:?}");
            assert!(heard.recv_timeout(TOO_LONG).is_err(), "it was told twice");
        }
        assert!(producer.way.room.is_empty());
    }

    #[test]
    fn an_edge_is_refused_where_there_is_no_room() {
        let producer = unheard(WriterRole::Edge { give_up_after: TOO_LONG });
        let waiting: Vec<_> = (0..EDGE_RECORDS_MAX).map(|_| append(&producer)).collect();
        assert_eq!(append(&producer).try_recv(), Ok(Err(AppendError::Full)));
        drop(producer);
        let told = waiting.iter().map(|heard| heard.recv_timeout(TOO_LONG));
        assert!(told.into_iter().all(|told| told == Ok(Err(AppendError::Unknown))));
    }

    #[test]
    fn a_producer_that_failed_appends_no_more() {
        let producer = unheard(WriterRole::Shard);
        fail(&producer.way.failure, "first".to_owned());
        fail(&producer.way.failure, "second".to_owned());
        let fatal = AppendError::Fatal("first".to_owned());
        assert_eq!(append(&producer).try_recv(), Ok(Err(fatal)));
    }
}
