//! One replay: the maker, the taker, the watcher, and the recorded book between them.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use model::{
    Amount, Asset, AssetId, Instrument, InstrumentId, Price, Quantity, Side, instrument::Listing,
};
use proto::{
    convert,
    funding::{DepositRequest, funding_service_client::FundingServiceClient},
    marketdata::{GetOrderBookRequest, market_data_service_client::MarketDataServiceClient},
    orders::{
        CancelAllOrdersRequest, PlaceOrderRequest, StreamOrdersResponse,
        order_entry_service_client::OrderEntryServiceClient, stream_orders_request::Request,
        stream_orders_response::Result as StreamResult,
    },
    reference::{ListInstrumentsRequest, reference_service_client::ReferenceServiceClient},
    trading::{Order, OrderStatus, OrderType, TimeInForce},
};
use tonic::transport::Channel;

use super::{
    feed::{Frame, Levels as Changes},
    maker::{Level, Maker},
    recorded::Levels,
    report::{Difference, Report},
    watcher::Watcher,
};
use crate::{arguments::ReplayArguments, desk::Desk};

/// Whose orders stand for the recorded depth.
const MAKER: &str = "replay-maker";
/// Whose orders stand for the recorded trades.
const TAKER: &str = "replay-taker";
/// How many levels of each side are compared.
const LEVELS_COMPARED: usize = 10;
/// Enough of each asset for any recorded book: more than was ever on one.
const DEPOSIT: &str = "10000000000";
/// How many depth frames may come before the snapshot: a minute of them.
const EARLY_MAX: usize = 600;
/// How often, and for how long, the book is looked at until it is empty: two seconds.
const EMPTY_LOOKS: u32 = 40;
const EMPTY_LOOK_EVERY: Duration = Duration::from_millis(50);

/// A replay under way.
pub struct Session {
    instrument: Instrument,
    desk: Desk,
    watcher: Watcher,
    maker: Maker,
    recorded: Levels,
    /// The last update that the recorded book contains; `None` before the snapshot.
    last_update: Option<u64>,
    /// Depth frames that were received before the snapshot; some may be newer than it.
    early: Vec<(u64, u64, Changes)>,
    /// Takers that were recorded since the last depth frame.
    takers: Vec<Request>,
    /// The public sequence of the book after everything that was answered.
    sequence: u64,
    report: Report,
}

impl Session {
    /// Connects, clears the instrument's book of what it may clear, and brings the money in.
    ///
    /// # Errors
    /// Where a service does not answer, or others have orders in the book.
    pub async fn open(arguments: &ReplayArguments) -> anyhow::Result<Session> {
        let gateway = connect(&arguments.gateway).await?;
        let instrument = instrument(gateway.clone(), &arguments.instrument).await?;
        let mut orders = OrderEntryServiceClient::new(gateway.clone());
        for account in [crate::up::MARKET_MAKER, MAKER, TAKER] {
            clear(&mut orders, account, &arguments.instrument).await?;
        }
        check_empty(&arguments.market_data, &arguments.instrument).await?;
        let watcher = Watcher::connect(&arguments.websocket, instrument.clone()).await?;
        let mut funding = FundingServiceClient::new(gateway);
        for account in [MAKER, TAKER] {
            deposit(&mut funding, account, &arguments.instrument).await?;
        }
        Ok(Session {
            desk: Desk::open(orders).await?,
            watcher,
            maker: Maker::new(MAKER, instrument.clone()),
            instrument,
            recorded: Levels::default(),
            last_update: None,
            early: Vec::new(),
            takers: Vec::new(),
            sequence: 0,
            report: Report::default(),
        })
    }

    /// The instrument that is traded.
    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// What has been done so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What was done in all.
    pub fn finish(mut self, floored: u64) -> Report {
        self.report.floored = floored;
        self.report.take_latencies(&self.desk);
        self.report
    }

    /// Does what a recorded frame asks for.
    ///
    /// # Errors
    /// Where the recording contradicts itself or the platform does not answer.
    pub async fn trade(&mut self, frame: Frame) -> anyhow::Result<()> {
        match frame {
            Frame::Snapshot { last_update, levels } => {
                ensure!(self.last_update.is_none(), "the recording has a second snapshot");
                self.last_update = Some(last_update);
                self.follow(&levels).await?;
                for (first_update, last_update, levels) in std::mem::take(&mut self.early) {
                    self.depth(first_update, last_update, &levels).await?;
                }
                Ok(())
            }
            Frame::Depth { first_update, last_update, levels } if self.last_update.is_none() => {
                ensure!(self.early.len() < EARLY_MAX, "the recording has no snapshot");
                self.early.push((first_update, last_update, levels));
                Ok(())
            }
            Frame::Depth { first_update, last_update, levels } => {
                self.depth(first_update, last_update, &levels).await
            }
            Frame::Trade { taker, price, quantity } => {
                if self.last_update.is_some() {
                    self.takers.push(self.take(taker, price, quantity));
                }
                Ok(())
            }
            Frame::Other => Ok(()),
        }
    }

    /// Frames that the snapshot contains already are passed over; after it none may be missing.
    async fn depth(&mut self, first: u64, last: u64, levels: &Changes) -> anyhow::Result<()> {
        let seen = self.last_update.unwrap_or_default();
        if last <= seen {
            return Ok(());
        }
        ensure!(first <= seen + 1, "the recording has a gap: update {first} came after {seen}");
        self.last_update = Some(last);
        self.follow(levels).await
    }

    /// Takers first, for they came before the frame; then the maker follows it; then both books are
    /// compared.
    async fn follow(&mut self, changes: &Changes) -> anyhow::Result<()> {
        for (side, price, total) in changes {
            self.recorded.set(*side, *price, *total);
        }
        self.send_takers().await?;
        self.send_maker(changes).await?;
        self.compare().await?;
        self.report.take_latencies(&self.desk);
        Ok(())
    }

    async fn send_takers(&mut self) -> anyhow::Result<()> {
        let takers = std::mem::take(&mut self.takers);
        self.report.takers += takers.len() as u64;
        let Session { desk, maker, report, sequence, instrument, .. } = self;
        desk.run(takers, |_, result| {
            *sequence = (*sequence).max(result.depth_sequence);
            let order = order_of(result)?;
            report.trades += order.fills.len() as u64;
            note_refusal(report, &order);
            for fill in &order.fills {
                let quantity = instrument.parse_quantity(&fill.quantity)?;
                maker.traded(convert::order_id(fill.maker_order_id)?, quantity);
            }
            Ok(())
        })
        .await
    }

    async fn send_maker(&mut self, changes: &Changes) -> anyhow::Result<()> {
        let steps = self.maker.steps(&self.recorded, changes);
        let (levels, requests): (Vec<Level>, Vec<Request>) =
            steps.into_iter().map(|step| (step.level, step.request)).unzip();
        let Session { desk, maker, report, sequence, .. } = self;
        desk.run(requests, |number, result| {
            *sequence = (*sequence).max(result.depth_sequence);
            let is_place = matches!(result.result, Some(StreamResult::Place(_)));
            let order = order_of(result)?;
            note_refusal(report, &order);
            report.trades += order.fills.len() as u64;
            if is_place && order.status() == OrderStatus::Open {
                maker.rests(levels[number], &order)?;
            }
            Ok(())
        })
        .await
    }

    async fn compare(&mut self) -> anyhow::Result<()> {
        let received = self.watcher.book_at(self.sequence).await?.top(LEVELS_COMPARED);
        let recorded = self.recorded.top(LEVELS_COMPARED);
        self.report.frames_compared += 1;
        if received == recorded {
            self.report.frames_equal += 1;
        } else if self.report.first_difference.is_none() {
            let frame = self.report.frames_compared;
            self.report.first_difference = Some(Difference { frame, recorded, received });
        }
        Ok(())
    }

    fn take(&self, side: Side, price: Price, quantity: Quantity) -> Request {
        Request::Place(PlaceOrderRequest {
            client_id: TAKER.to_owned(),
            instrument: self.instrument.symbol.to_string(),
            side: convert::side_to_wire(side).into(),
            r#type: OrderType::Limit.into(),
            time_in_force: TimeInForce::Ioc.into(),
            price: self.instrument.format_price(price),
            quantity: self.instrument.format_quantity(quantity),
            wait_for_result: true,
            ..Default::default()
        })
    }
}

fn order_of(result: StreamOrdersResponse) -> anyhow::Result<Order> {
    let order = match result.result {
        Some(StreamResult::Place(place)) => place.order,
        Some(StreamResult::Cancel(cancel)) => cancel.order,
        Some(StreamResult::Error(error)) => bail!("{}: {}", error.code, error.message),
        Some(StreamResult::Amend(amend)) => amend.order,
        Some(StreamResult::Replace(replace)) => replace.order,
        Some(StreamResult::CancelAll(_) | StreamResult::CancelOnDisconnect(_)) | None => None,
    };
    order.context("a result without its order")
}

fn note_refusal(report: &mut Report, order: &Order) {
    if order.status() == OrderStatus::Rejected {
        report.refused += 1;
        report.first_refusal.get_or_insert_with(|| order.reject_reason.clone());
    }
}

async fn connect(address: &str) -> anyhow::Result<Channel> {
    let endpoint = Channel::from_shared(address.to_owned())?;
    let endpoint = endpoint.initial_connection_window_size(crate::client::WINDOW_BYTES);
    endpoint.connect().await.with_context(|| {
        format!("nobody answers at {address}; start the platform with `cargo xtask up`")
    })
}

async fn instrument(gateway: Channel, symbol: &str) -> anyhow::Result<Instrument> {
    let listed = ReferenceServiceClient::new(gateway)
        .list_instruments(ListInstrumentsRequest {})
        .await?
        .into_inner();
    let summary = listed.instruments.into_iter().find(|listed| listed.symbol == symbol);
    let summary = summary.with_context(|| format!("{symbol} is not listed"))?;
    // Only the text of prices and quantities matters here, so eight decimals serve for any asset.
    let asset = |id, code: &str| Asset { id: AssetId(id), code: code.to_owned(), decimals: 8 };
    let (base, quote) = (asset(1, &summary.base), asset(2, &summary.quote));
    let unit = |asset: &Asset, text: &str| asset.parse_amount(text).unwrap_or(Amount::ZERO);
    let listing = Listing {
        id: InstrumentId(1),
        tick_size: unit(&quote, &summary.tick_size),
        lot_size: unit(&base, &summary.lot_size),
        price_protection_bps: summary.price_protection_bps,
    };
    Ok(Instrument::list(&base, &quote, listing)?)
}

async fn clear(
    orders: &mut OrderEntryServiceClient<Channel>,
    account: &str,
    symbol: &str,
) -> anyhow::Result<()> {
    let request = CancelAllOrdersRequest {
        client_id: account.to_owned(),
        instrument: symbol.to_owned(),
        ..Default::default()
    };
    let results = orders.cancel_all_orders(request).await?.into_inner().results;
    match results.into_iter().find(|result| !result.problem.is_empty()) {
        Some(result) => bail!("the orders of {account} were not cancelled: {}", result.problem),
        None => Ok(()),
    }
}

/// The broadcaster shows a cancel a moment after it was answered; others' orders stay.
async fn check_empty(market_data: &str, symbol: &str) -> anyhow::Result<()> {
    let mut books = MarketDataServiceClient::new(connect(market_data).await?);
    for _ in 0..EMPTY_LOOKS {
        let request = GetOrderBookRequest { instrument: symbol.to_owned(), depth: 1 };
        let book = books.get_order_book(request).await?.into_inner();
        if book.bids.is_empty() && book.asks.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(EMPTY_LOOK_EVERY).await;
    }
    bail!(
        "others have orders in the book of {symbol}; a replay needs it for itself: use another data \
         directory, or another instrument"
    )
}

async fn deposit(
    funding: &mut FundingServiceClient<Channel>,
    account: &str,
    symbol: &str,
) -> anyhow::Result<()> {
    let (base, quote) = symbol.split_once('-').context("a symbol is BASE-QUOTE")?;
    for asset in [base, quote] {
        let request = DepositRequest {
            client_id: account.to_owned(),
            asset: asset.to_owned(),
            amount: DEPOSIT.to_owned(),
            deposit_id: format!("replay-{asset}"),
        };
        funding.deposit(request).await.with_context(|| format!("a deposit of {asset}"))?;
    }
    Ok(())
}
