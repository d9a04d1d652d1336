//! A client that trades over one gRPC stream and writes down what it sent and what it was told.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use ledger::tables::Tables;
use model::{OrderId, TradeId};
use proto::{
    convert,
    orders::{
        PlaceOrderRequest, StreamOrdersRequest, StreamOrdersResponse,
        order_entry_service_client::OrderEntryServiceClient, stream_orders_request::Request,
        stream_orders_response::Result as StreamResult,
    },
    trading::{OrderType, Side, TimeInForce},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

use crate::platform::Platform;

/// How many orders may be on their way.
const IN_FLIGHT_MAX: usize = 200;

const INSTRUMENTS: [&str; 3] = ["BTC-USDT", "ETH-USD", "DOGE-USD"];

/// What the client knows.
#[derive(Default)]
pub(crate) struct History {
    /// Sent and not answered yet, by key.
    waiting: BTreeMap<String, PlaceOrderRequest>,
    told: BTreeMap<String, Told>,
}

/// What the client was told of one order.
pub(crate) struct Told {
    pub(crate) id: OrderId,
    pub(crate) trades: Vec<ToldTrade>,
}

/// A trade that a result named, such as `BTC-USDT-17`.
#[derive(Debug)]
pub(crate) struct ToldTrade(String);

impl ToldTrade {
    pub(crate) fn is_in(&self, tables: &Tables) -> bool {
        let (symbol, number) = self.0.rsplit_once('-').expect("a symbol and a number");
        let trade = TradeId(number.parse().expect("a number"));
        let code = |asset| tables.assets.get(asset).map_or("", |row| row.code.as_str());
        let instrument = tables.instruments.iter().find(|(_, listed)| {
            format!("{}-{}", code(&listed.base), code(&listed.quote)) == symbol
        });
        instrument.is_some_and(|(id, _)| tables.trades.contains_key(&(*id, trade)))
    }
}

impl History {
    pub(crate) fn unanswered(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.told.len()
    }

    pub(crate) fn told(&self) -> impl Iterator<Item = (&str, &Told)> {
        self.told.iter().map(|(key, told)| (key.as_str(), told))
    }

    /// An answer must never contradict an earlier one.
    fn take(&mut self, key: &str, response: StreamOrdersResponse) {
        let order = match response.result {
            Some(StreamResult::Place(place)) => place.order.expect("a result has its order"),
            // Not known or not taken now: the key stays to be resolved.
            _ => return,
        };
        if order.status() == proto::trading::OrderStatus::Unknown {
            return;
        }
        self.waiting.remove(key);
        let id = convert::order_id(order.id).expect("a good id");
        let trades = order.fills.into_iter().map(|fill| ToldTrade(fill.trade_id)).collect();
        let told = Told { id, trades };
        if let Some(before) = self.told.insert(key.to_owned(), told) {
            assert_eq!(before.id, id, "{key} was two orders");
        }
    }
}

/// How fast it went.
pub(crate) struct Rate {
    pub(crate) sent: u64,
    pub(crate) per_second: f64,
}

pub(crate) struct Client {
    requests: mpsc::Sender<StreamOrdersRequest>,
    results: Streaming<StreamOrdersResponse>,
    keys: BTreeMap<u64, String>,
    next_id: u64,
}

impl Client {
    pub(crate) async fn connect(gateway: &str) -> Client {
        let channel = Channel::from_shared(gateway.to_owned()).expect("an address");
        let channel = channel.connect().await.expect("the gateway is up");
        let (requests, receiver) = mpsc::channel(IN_FLIGHT_MAX);
        let results = OrderEntryServiceClient::new(channel)
            .stream_orders(ReceiverStream::new(receiver))
            .await
            .expect("a stream of orders")
            .into_inner();
        Client { requests, results, keys: BTreeMap::new(), next_id: 0 }
    }

    /// Sends everything that was not answered again, under the same keys, until all is known.
    pub(crate) async fn resolve(&mut self, history: &mut History) {
        while history.unanswered() > 0 {
            let again: Vec<_> = history.waiting.values().take(IN_FLIGHT_MAX).cloned().collect();
            for order in again {
                self.send(order, history).await.expect("the platform runs");
            }
            while !self.keys.is_empty() {
                self.receive(history).await.expect("the platform runs");
            }
        }
    }

    /// Trades, and kills the platform when the moment has come, in the middle of it.
    pub(crate) async fn trade_until_killed(
        mut self,
        kill: u32,
        moment: Duration,
        mut platform: Platform,
        history: &mut History,
    ) -> (Rate, Platform) {
        let mut random = Pcg64Mcg::seed_from_u64(kill.into());
        let (started, mut sent) = (Instant::now(), 0);
        let mut is_killed = false;
        loop {
            if !is_killed && started.elapsed() >= moment {
                platform.kill();
                is_killed = true;
            }
            let order = order(&mut random, kill, sent);
            let went = match self.keys.len() {
                0..IN_FLIGHT_MAX => self.send(order, history).await.map(|()| sent += 1),
                _ => self.receive(history).await,
            };
            if let Err(ended) = went {
                assert!(is_killed, "the stream ended before the kill: {ended}");
                break;
            }
        }
        let per_second = sent as f64 / moment.as_secs_f64();
        (Rate { sent, per_second }, platform)
    }

    async fn send(
        &mut self,
        order: PlaceOrderRequest,
        history: &mut History,
    ) -> Result<(), String> {
        let key = order.client_order_id.clone();
        history.waiting.insert(key.clone(), order.clone());
        self.keys.insert(self.next_id, key);
        let request = Some(Request::Place(order));
        let request = StreamOrdersRequest { correlation_id: self.next_id, request };
        self.next_id += 1;
        let sent = self.requests.send(request).await;
        sent.map_err(|_| "nobody takes requests".to_owned())
    }

    async fn receive(&mut self, history: &mut History) -> Result<(), String> {
        let response = self.results.message().await.map_err(|status| status.to_string())?;
        let response = response.ok_or("there are no more results")?;
        let key = self.keys.remove(&response.correlation_id).expect("a result of its request");
        history.take(&key, response);
        Ok(())
    }
}

fn order(random: &mut Pcg64Mcg, kill: u32, number: u64) -> PlaceOrderRequest {
    let instrument = INSTRUMENTS[random.random_range(0..INSTRUMENTS.len())];
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let is_ioc = random.random_bool(0.2);
    let time_in_force = if is_ioc { TimeInForce::Ioc } else { TimeInForce::Gtc };
    PlaceOrderRequest {
        client_id: format!("trader-{}", random.random_range(0..50)),
        client_order_id: format!("kill-{kill}-{number}"),
        instrument: instrument.to_owned(),
        side: side.into(),
        r#type: OrderType::Limit.into(),
        time_in_force: time_in_force.into(),
        price: format!("10.{:02}", random.random_range(0..20)),
        quantity: format!("0.{:02}", random.random_range(1..50)),
        wait_for_result: true,
        ..Default::default()
    }
}
