//! Orders over gRPC streams: at a constant rate, or as many as the platform takes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use proto::orders::{
    StreamOrdersRequest, StreamOrdersResponse, order_entry_service_client::OrderEntryServiceClient,
    stream_orders_request::Request, stream_orders_response::Result as StreamResult,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Endpoint};

use crate::{
    order::{Keys, Orders},
    outcome::Outcome,
    schedule::Schedule,
};

/// How many requests of one stream wait between the threads that draw and the connection.
const QUEUE_MAX: usize = 256;

/// How much one side may send before the other has read: results are small and many.
const WINDOW_BYTES: u32 = 1 << 20;

type Requests = mpsc::Sender<StreamOrdersRequest>;

/// Opens so many streams to the gateway at `uri`, each with a connection of its own, and sends
/// `rate` orders a second for so long.
///
/// # Errors
/// Where the gateway does not answer, or ends a stream before its time.
pub(crate) async fn open_loop(
    uri: &str,
    streams: u16,
    (rate, duration): (u32, Duration),
    seed: u64,
) -> Result<Outcome> {
    let mut opened = Vec::new();
    for _ in 0..streams {
        opened.push(open(uri).await?);
    }
    // Not before: what is due while streams are opened would be late from the beginning.
    let schedule = Arc::new(Schedule::new(rate, duration));
    let mut lanes = JoinSet::new();
    for (number, (requests, results)) in (0_u64..).zip(opened) {
        let orders = Orders::new(seed ^ number << 32, Keys::Own);
        let pacing = Arc::clone(&schedule);
        // A thread of its own, since its sleep is exact where a timer's is not.
        let pace = thread::spawn(move || pace(&pacing, orders, &requests));
        lanes.spawn(hear_paced(results, Arc::clone(&schedule), pace));
    }
    gather(lanes).await
}

/// Puts each request on the stream when it is due; its number is its correlation id.
fn pace(schedule: &Schedule, mut orders: Orders, requests: &Requests) {
    while let Some(number) = schedule.take() {
        let order = orders.draw();
        schedule.wait(number);
        if requests.blocking_send(request(number, order.into_request())).is_err() {
            return;
        }
    }
}

async fn hear_paced(
    mut results: Streaming<StreamOrdersResponse>,
    schedule: Arc<Schedule>,
    pace: thread::JoinHandle<()>,
) -> Result<Outcome> {
    let mut outcome = Outcome::new();
    while let Some(result) = results.message().await.context("the stream broke")? {
        let due = schedule.due(result.correlation_id);
        note(&mut outcome, result, due);
    }
    outcome.lasted = schedule.began().elapsed();
    pace.join().map_err(|_| anyhow!("the thread that paces panicked"))?;
    Ok(outcome)
}

/// Keeps so many requests without a result on each stream, for so long.
///
/// # Errors
/// Where the gateway does not answer, or ends a stream before its time.
pub(crate) async fn closed_loop(
    uri: &str,
    streams: u16,
    in_flight: usize,
    duration: Duration,
    seed: u64,
) -> Result<Outcome> {
    let mut lanes = JoinSet::new();
    for number in 0..streams {
        let (requests, results) = open(uri).await?;
        let orders = Orders::new(seed ^ u64::from(number) << 32, Keys::Own);
        let (free, slots) = mpsc::channel(in_flight);
        for slot in 0..in_flight as u64 {
            free.try_send(slot).context("each slot has its place")?;
        }
        let window = Arc::new(Window {
            began: Instant::now(),
            duration,
            sent_nanos: (0..in_flight).map(|_| AtomicU64::new(0)).collect(),
        });
        tokio::spawn(send(Arc::clone(&window), orders, slots, requests));
        lanes.spawn(hear_windowed(window, results, free));
    }
    gather(lanes).await
}

/// The requests without a result, each in a slot whose number is its correlation id.
struct Window {
    began: Instant,
    duration: Duration,
    sent_nanos: Vec<AtomicU64>,
}

async fn send(
    window: Arc<Window>,
    mut orders: Orders,
    mut slots: mpsc::Receiver<u64>,
    requests: Requests,
) {
    while window.began.elapsed() < window.duration {
        let Some(slot) = slots.recv().await else { return };
        let request = request(slot, orders.draw().into_request());
        window.sent_nanos[slot as usize].store(window.began.elapsed().as_nanos() as u64, Relaxed);
        if requests.send(request).await.is_err() {
            return;
        }
    }
}

async fn hear_windowed(
    window: Arc<Window>,
    mut results: Streaming<StreamOrdersResponse>,
    free: mpsc::Sender<u64>,
) -> Result<Outcome> {
    let mut outcome = Outcome::new();
    while let Some(result) = results.message().await.context("the stream broke")? {
        let slot = result.correlation_id;
        let sent = window.sent_nanos.get(slot as usize).context("a result of no request")?;
        let sent = window.began + Duration::from_nanos(sent.load(Relaxed));
        note(&mut outcome, result, sent);
        // At the end nobody takes it.
        let _ = free.try_send(slot);
    }
    outcome.lasted = window.began.elapsed();
    Ok(outcome)
}

async fn gather(mut lanes: JoinSet<Result<Outcome>>) -> Result<Outcome> {
    let mut all = Outcome::new();
    while let Some(lane) = lanes.join_next().await {
        all.add(lane??);
    }
    Ok(all)
}

fn note(outcome: &mut Outcome, result: StreamOrdersResponse, due: Instant) {
    match result.result {
        Some(StreamResult::Place(place)) => {
            outcome.latencies.record(due.elapsed());
            let id = place.order.map(|order| order.id);
            outcome.acknowledged.extend(id.map(|id| (id, due)));
        }
        Some(StreamResult::Error(error)) => outcome.refuse(error.code),
        _ => outcome.refuse("a result of something else"),
    }
}

fn request(number: u64, place: proto::orders::PlaceOrderRequest) -> StreamOrdersRequest {
    StreamOrdersRequest { correlation_id: number, request: Some(Request::Place(place)) }
}

async fn open(uri: &str) -> Result<(Requests, Streaming<StreamOrdersResponse>)> {
    let endpoint = Endpoint::from_shared(uri.to_owned())?
        .tcp_nodelay(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let channel = endpoint.connect().await.with_context(|| format!("nobody answers at {uri}"))?;
    let (requests, receiver) = mpsc::channel(QUEUE_MAX);
    let mut client = OrderEntryServiceClient::new(channel);
    let answer = client.stream_orders(ReceiverStream::new(receiver)).await?;
    Ok((requests, answer.into_inner()))
}
