//! Floors below the log: what librdkafka and the broker do on this machine by themselves, told the
//! very properties that the log's producers and readers tell them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use proto::topic::Topic;
use rdkafka::{
    ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
    util::Timeout,
};
use spine::log::{WriterRole, kafka::KafkaSettings};

use crate::{outcome::Latencies, schedule::Schedule};

/// As large as the record of an order.
const RECORD_BYTES: usize = 150;

/// How long a record is tried, and how long a reader waits for one.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a poll waits before it looks whether it is to stop.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// How long the producer waits for room where its queue is full.
const ROOM_WAIT: Duration = Duration::from_micros(200);

/// The topics below the floor, which are nobody else's.
pub(crate) struct Floor {
    settings: KafkaSettings,
    partitions: u16,
}

impl Floor {
    /// On the topics with this prefix.
    pub(crate) fn new(brokers: &str, topic_prefix: &str, partitions: u16) -> Floor {
        let settings =
            KafkaSettings { topic_prefix: topic_prefix.to_owned(), ..KafkaSettings::new(brokers) };
        Floor { settings, partitions }
    }

    /// Records a second, as fast as one thread hands them over.
    ///
    /// # Errors
    /// Where a record is not acknowledged.
    pub(crate) fn produce(&self, duration: Duration) -> Result<f64> {
        let counts = Counts::default();
        let producer = self.producer(counts.clone())?;
        let name = self.settings.topic_name(Topic::Orders);
        let payload = [b'x'; RECORD_BYTES];
        let began = Instant::now();
        let mut sent: u64 = 0;
        while began.elapsed() < duration {
            let partition = (sent % u64::from(self.partitions)) as i32;
            let record = BaseRecord::<(), _>::to(&name).partition(partition).payload(&payload[..]);
            match producer.send(record) {
                Ok(()) => sent += 1,
                Err((error, _)) => {
                    let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    ensure!(is_full, "librdkafka refuses a record: {error}");
                    thread::sleep(ROOM_WAIT);
                }
            }
        }
        producer.flush(Timeout::After(PATIENCE))?;
        let rate = counts.delivered.load(Relaxed) as f64 / began.elapsed().as_secs_f64();
        ensure!(counts.delivered.load(Relaxed) == sent, "a record was not acknowledged");
        Ok(rate)
    }

    /// From handing a record over to its acknowledgement, one after the other.
    ///
    /// # Errors
    /// Where a record is not acknowledged.
    pub(crate) fn acknowledge(&self, duration: Duration) -> Result<Latencies> {
        let (tell, heard) = mpsc::channel();
        let producer = self.producer(Tell(tell))?;
        let name = self.settings.topic_name(Topic::Orders);
        let began = Instant::now();
        let mut latencies = Latencies::new();
        let mut is_first = true;
        while began.elapsed() < duration {
            let sent = Instant::now();
            hand_over(&producer, &name, &[b'x'; RECORD_BYTES])?;
            heard.recv_timeout(PATIENCE)?.context("a record was not acknowledged")?;
            // The first one connects.
            if !std::mem::take(&mut is_first) {
                latencies.record(sent.elapsed());
            }
        }
        Ok(latencies)
    }

    /// From handing a record over to a reader having it, at a constant rate: with `two`, through
    /// somebody who reads it and appends it to another topic, as a shard does.
    ///
    /// # Errors
    /// Where a record does not arrive.
    pub(crate) fn hop(&self, two: bool, rate: u32, duration: Duration) -> Result<Latencies> {
        let stop = Arc::new(AtomicBool::new(false));
        let last = if two { Topic::Events } else { Topic::Orders };
        let reader = self.reader(last)?;
        let relay = if two { Some(self.relay(Arc::clone(&stop))?) } else { None };
        let schedule = Arc::new(Schedule::new(rate, duration));
        let sending = {
            let (producer, schedule) = (self.producer(Counts::default())?, Arc::clone(&schedule));
            let name = self.settings.topic_name(Topic::Orders);
            thread::spawn(move || send(&producer, &schedule, &name))
        };
        let mut latencies = Latencies::new();
        let patience = Instant::now() + duration + PATIENCE;
        while latencies.count() < schedule.count() {
            ensure!(Instant::now() < patience, "{} records arrived", latencies.count());
            if let Some(number) = next(&reader)? {
                latencies.record(schedule.due(number).elapsed());
            }
        }
        stop.store(true, Relaxed);
        let threads = [Some(sending), relay];
        for thread in threads.into_iter().flatten() {
            thread.join().map_err(|_| anyhow!("a thread of the floor panicked"))??;
        }
        Ok(latencies)
    }

    /// Copies what comes to the first topic into the second.
    fn relay(&self, stop: Arc<AtomicBool>) -> Result<thread::JoinHandle<Result<()>>> {
        let reader = self.reader(Topic::Orders)?;
        let producer = self.producer(Counts::default())?;
        let name = self.settings.topic_name(Topic::Events);
        Ok(thread::spawn(move || {
            while !stop.load(Relaxed) {
                if let Some(number) = next(&reader)? {
                    hand_over(&producer, &name, &payload(number))?;
                }
            }
            Ok(())
        }))
    }

    fn producer<C: ProducerContext>(&self, context: C) -> Result<ThreadedProducer<C>> {
        let role = WriterRole::Edge { give_up_after: PATIENCE };
        let config = config(&self.settings.producer_properties(role));
        Ok(config.create_with_context(context)?)
    }

    /// A reader of the first partition, from its end on; it has asked for that end.
    fn reader(&self, topic: Topic) -> Result<BaseConsumer> {
        let reader: BaseConsumer = config(&self.settings.reader_properties()).create()?;
        let name = self.settings.topic_name(topic);
        let (_, end) = reader.fetch_watermarks(&name, 0, PATIENCE)?;
        let mut places = TopicPartitionList::new();
        places.add_partition_offset(&name, 0, Offset::Offset(end))?;
        reader.assign(&places)?;
        ensure!(next(&reader)?.is_none(), "somebody else writes to {name}");
        Ok(reader)
    }
}

fn config(properties: &BTreeMap<String, String>) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in properties {
        config.set(name, value);
    }
    config
}

/// Sends each record of the schedule when it is due.
fn send(producer: &ThreadedProducer<Counts>, schedule: &Schedule, name: &str) -> Result<()> {
    while let Some(number) = schedule.take() {
        schedule.wait(number);
        hand_over(producer, name, &payload(number))?;
    }
    Ok(producer.flush(Timeout::After(PATIENCE))?)
}

fn hand_over<C: ProducerContext<DeliveryOpaque = ()>>(
    producer: &ThreadedProducer<C>,
    name: &str,
    payload: &[u8],
) -> Result<()> {
    let record = BaseRecord::<(), _>::to(name).partition(0).payload(payload);
    producer.send(record).map_err(|(error, _)| error.into())
}

/// A record that says its number.
fn payload(number: u64) -> [u8; RECORD_BYTES] {
    let mut payload = [b'x'; RECORD_BYTES];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

/// The number of the next record; `None` where none came for a while, or the end was reached.
fn next(reader: &BaseConsumer) -> Result<Option<u64>> {
    match reader.poll(POLL_WAIT) {
        None => Ok(None),
        Some(Err(KafkaError::PartitionEOF(_))) => Ok(None),
        Some(Err(error)) => bail!("a reader failed: {error}"),
        Some(Ok(message)) => {
            let bytes = message.payload().and_then(|payload| payload.first_chunk::<8>());
            Ok(Some(u64::from_le_bytes(*bytes.context("a record of somebody else")?)))
        }
    }
}

/// Counts what was delivered.
#[derive(Clone, Default)]
struct Counts {
    delivered: Arc<AtomicU64>,
}

impl ClientContext for Counts {}

impl ProducerContext for Counts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.delivered.fetch_add(1, Relaxed);
        }
    }
}

/// Tells of each delivery, and `None` of one that failed.
struct Tell(mpsc::Sender<Option<()>>);

impl ClientContext for Tell {}

impl ProducerContext for Tell {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let _ = self.0.send(result.as_ref().ok().map(drop));
    }
}
