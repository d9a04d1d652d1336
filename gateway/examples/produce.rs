//! An HTTP route that appends the body it was sent to Kafka, answers once that is acknowledged, and
//! does nothing else: what the REST edge of services apart is measured beside. The producer is the
//! log's own, told what a gateway's is told. See docs/benchmarks.md.

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use model::Partition;
use proto::topic::Topic;
use spine::{
    Log, Place, Record,
    log::{
        Producer, WriterRole,
        kafka::{KafkaLog, KafkaSettings},
    },
};
use tokio::{net::TcpListener, sync::oneshot};

/// The platform's own, so that the difference is not the allocator's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As long as a gateway tries.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Where records go: every partition in turn.
struct Topics {
    producer: Arc<dyn Producer>,
    partitions: Vec<Partition>,
    next: AtomicU16,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let mut word = |default: &str| words.next().unwrap_or_else(|| default.to_owned());
    let (address, brokers) = (word("127.0.0.1:8091"), word("127.0.0.1:9092"));
    let log =
        KafkaLog::open(KafkaSettings { topic_prefix: word(""), ..KafkaSettings::new(brokers) })?;
    let count = log.partition_count(Topic::Orders)?;
    let partitions = (0..count).filter_map(Partition::new).collect();
    let producer = log.producer(WriterRole::Edge { give_up_after: GIVE_UP_AFTER })?;
    let topics = Arc::new(Topics { producer, partitions, next: AtomicU16::new(0) });
    let listener = TcpListener::bind(&address).await?;
    println!("appends what comes to http://{address}/api/v1/orders");
    let router = Router::new().route("/api/v1/orders", post(append)).with_state(topics);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn append(State(topics): State<Arc<Topics>>, body: Bytes) -> (StatusCode, String) {
    let turn = usize::from(topics.next.fetch_add(1, Relaxed)) % topics.partitions.len();
    let place = Place::orders(topics.partitions[turn]);
    let (tell, heard) = oneshot::channel();
    let acknowledge = Box::new(move |told| drop(tell.send(told)));
    topics.producer.append(place, Record::of(body), acknowledge);
    match heard.await {
        Ok(Ok(appended)) => (StatusCode::CREATED, appended.offset.to_string()),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "nobody told".to_owned()),
    }
}
