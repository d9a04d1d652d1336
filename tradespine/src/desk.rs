//! Orders over one gRPC stream, each with its result.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use proto::orders::{
    StreamOrdersRequest, StreamOrdersResponse, order_entry_service_client::OrderEntryServiceClient,
    stream_orders_request::Request,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

/// How many requests may be on their way: enough to keep the gateway busy, few enough that a stall
/// is felt at once.
const IN_FLIGHT_MAX: usize = 256;

/// One stream of orders.
pub struct Desk {
    requests: mpsc::Sender<StreamOrdersRequest>,
    results: Streaming<StreamOrdersResponse>,
    sent_at: BTreeMap<u64, Instant>,
    next_id: u64,
    /// Microseconds from sending a request to its result.
    latency_micros: Histogram<u64>,
}

impl Desk {
    /// Opens a stream.
    ///
    /// # Errors
    /// Where the gateway does not answer.
    pub async fn open(mut client: OrderEntryServiceClient<Channel>) -> anyhow::Result<Desk> {
        let (requests, receiver) = mpsc::channel(IN_FLIGHT_MAX);
        let response = client
            .stream_orders(ReceiverStream::new(receiver))
            .await
            .context("the gateway did not open a stream of orders")?;
        Ok(Desk {
            requests,
            results: response.into_inner(),
            sent_at: BTreeMap::new(),
            next_id: 0,
            latency_micros: Histogram::new(3)?,
        })
    }

    /// Sends every request in order and gives each result to `take` with the number of its request
    /// among these; returns when all have come.
    ///
    /// # Errors
    /// Where the stream breaks or a request gets no result.
    pub async fn run(
        &mut self,
        requests: Vec<Request>,
        mut take: impl FnMut(usize, StreamOrdersResponse) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let first_id = self.next_id;
        let mut waiting = requests.into_iter();
        let mut is_sending = true;
        while is_sending || !self.sent_at.is_empty() {
            while is_sending && self.sent_at.len() < IN_FLIGHT_MAX {
                match waiting.next() {
                    Some(request) => self.send(request).await?,
                    None => is_sending = false,
                }
            }
            if self.sent_at.is_empty() {
                break;
            }
            let result = self.next_result().await?;
            let number = usize::try_from(result.correlation_id - first_id)?;
            take(number, result)?;
        }
        Ok(())
    }

    async fn send(&mut self, request: Request) -> anyhow::Result<()> {
        let correlation_id = self.next_id;
        self.next_id += 1;
        self.sent_at.insert(correlation_id, Instant::now());
        let request = StreamOrdersRequest { correlation_id, request: Some(request) };
        self.requests.send(request).await.context("the stream of orders was closed")
    }

    async fn next_result(&mut self) -> anyhow::Result<StreamOrdersResponse> {
        let Some(result) = self.results.message().await? else {
            bail!("the gateway ended the stream with {} requests unanswered", self.sent_at.len());
        };
        let sent_at = self.sent_at.remove(&result.correlation_id);
        let sent_at = sent_at.context("a result of a request that was not sent")?;
        let micros = u64::try_from(sent_at.elapsed().as_micros())?;
        self.latency_micros.record(micros.max(1))?;
        Ok(result)
    }

    /// How many requests were sent.
    pub fn sent(&self) -> u64 {
        self.next_id
    }

    /// The microseconds within which this share of results came.
    pub fn latency_micros_at(&self, quantile: f64) -> u64 {
        self.latency_micros.value_at_quantile(quantile)
    }
}
