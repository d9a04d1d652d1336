//! `MarketDataService`: the same feeds as over WebSocket, under the same rules.

pub(crate) mod entrance;
mod refusal;

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use model::InstrumentId;
use proto::marketdata::{
    GetOrderBookRequest, GetOrderBookResponse, ListMarketsRequest, ListMarketsResponse,
    StreamDepthRequest, StreamDepthResponse, StreamTradesRequest, StreamTradesResponse,
    market_data_service_server::MarketDataService, stream_depth_response, stream_trades_response,
};
use tonic::{Request, Response, Status};

use crate::{
    hub::{Feed, Subscription, Turn},
    market::{Frame, Message},
    service::{Edge, Place},
};

/// The levels a side of an order book where the request says 0.
pub const DEPTH_DEFAULT: u32 = 20;

/// The most levels a side of an order book: an answer of some 300 kilobytes.
pub const DEPTH_MAX: u32 = 5000;

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct MarketData {
    edge: Edge,
}

impl MarketData {
    pub(crate) fn new(edge: Edge) -> MarketData {
        MarketData { edge }
    }

    fn ready(&self) -> Result<(), Status> {
        let ready = self.edge.is_ready();
        ready.then_some(()).ok_or_else(refusal::not_ready)
    }

    fn listed(&self, symbol: &str) -> Result<InstrumentId, Status> {
        if symbol.is_empty() {
            return Err(refusal::field_at_fault("instrument", "is missing"));
        }
        self.edge.hub.find(symbol).ok_or_else(|| refusal::not_listed(symbol))
    }

    fn take_place(&self) -> Result<Place, Status> {
        self.edge.take_place().ok_or_else(refusal::too_many_listeners)
    }

    fn trades_feed(&self, request: &StreamTradesRequest) -> Result<Feed, Status> {
        match (request.instrument.as_str(), request.since_sequence) {
            ("", None) => Ok(Feed::AllTrades),
            ("", Some(_)) => {
                let description = "is missing: since_sequence counts the trades of one instrument";
                Err(refusal::field_at_fault("instrument", description))
            }
            (symbol, since) => Ok(Feed::Trades { instrument: self.listed(symbol)?, since }),
        }
    }

    fn listen(&self, subscription: Subscription, place: Place) -> impl Stream<Item = Told> + use<> {
        let listener = Listener { subscription, edge: self.edge.clone(), _place: place };
        stream::unfold(Some(listener), Listener::turn).flat_map(stream::iter)
    }
}

type Told = Result<Arc<Frame>, Status>;
type Frames<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

#[tonic::async_trait]
impl MarketDataService for MarketData {
    async fn list_markets(
        &self,
        _request: Request<ListMarketsRequest>,
    ) -> Result<Response<ListMarketsResponse>, Status> {
        self.ready()?;
        Ok(Response::new(ListMarketsResponse { markets: self.edge.hub.statuses() }))
    }

    async fn get_order_book(
        &self,
        request: Request<GetOrderBookRequest>,
    ) -> Result<Response<GetOrderBookResponse>, Status> {
        let request = request.into_inner();
        self.ready()?;
        let depth = match request.depth {
            0 => DEPTH_DEFAULT,
            depth @ 1..=DEPTH_MAX => depth,
            _ => return Err(refusal::field_at_fault("depth", "is at most 5000")),
        };
        let instrument = self.listed(&request.instrument)?;
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        let book = self.edge.hub.order_book(instrument, depth);
        book.map(Response::new).ok_or_else(|| refusal::not_listed(&request.instrument))
    }

    type StreamTradesStream = Frames<StreamTradesResponse>;

    async fn stream_trades(
        &self,
        request: Request<StreamTradesRequest>,
    ) -> Result<Response<Self::StreamTradesStream>, Status> {
        let request = request.into_inner();
        self.ready()?;
        let feed = self.trades_feed(&request)?;
        let place = self.take_place()?;
        let since = request.since_sequence.unwrap_or_default();
        let subscription = self
            .edge
            .hub
            .subscribe_without_gap(feed)
            .map_err(|forgotten| refusal::too_old(&request.instrument, since, forgotten))?;
        let told = self.listen(subscription, place);
        Ok(Response::new(Box::pin(told.map(|told| told.map(|frame| trades_response(&frame))))))
    }

    type StreamDepthStream = Frames<StreamDepthResponse>;

    async fn stream_depth(
        &self,
        request: Request<StreamDepthRequest>,
    ) -> Result<Response<Self::StreamDepthStream>, Status> {
        let symbol = request.into_inner().instrument;
        self.ready()?;
        let feed = Feed::Depth { instrument: self.listed(&symbol)? };
        let place = self.take_place()?;
        let told = self.listen(self.edge.hub.subscribe(feed), place);
        Ok(Response::new(Box::pin(told.map(|told| told.map(|frame| depth_response(&frame))))))
    }
}

/// A listener over gRPC. The stream asks for its next turn only when the client takes more, so a
/// client that does not is found out by its queue.
struct Listener {
    subscription: Subscription,
    edge: Edge,
    _place: Place,
}

impl Listener {
    async fn turn(listener: Option<Listener>) -> Option<(Vec<Told>, Option<Listener>)> {
        let mut listener = listener?;
        let mut frames = Vec::new();
        let turn = tokio::select! {
            biased;
            () = listener.edge.stop.cancelled() => {
                return Some((vec![Err(refusal::going_away())], None));
            }
            turn = listener.subscription.next(&mut frames) => turn,
        };
        let mut told: Vec<Told> = frames.into_iter().map(Ok).collect();
        if turn == Turn::GoOn {
            return Some((told, Some(listener)));
        }
        told.push(Err(refusal::too_slow(turn)));
        Some((told, None))
    }
}

fn trades_response(frame: &Frame) -> StreamTradesResponse {
    use stream_trades_response::Frame as Wire;
    let frame = match frame.message() {
        Message::Trade(trade) => Some(Wire::Trade(trade.clone())),
        Message::Gap(gap) => Some(Wire::Gap(gap.clone())),
        Message::Depth(_) | Message::Snapshot(_) | Message::Status(_) | Message::Indication(_) => {
            None
        }
    };
    StreamTradesResponse { frame }
}

fn depth_response(frame: &Frame) -> StreamDepthResponse {
    use stream_depth_response::Frame as Wire;
    let frame = match frame.message() {
        Message::Snapshot(book) => Some(Wire::Snapshot(book.clone())),
        Message::Depth(change) => Some(Wire::Change(change.clone())),
        Message::Status(status) => Some(Wire::Status(status.clone())),
        Message::Indication(told) => Some(Wire::Indication(told.clone())),
        Message::Gap(gap) => Some(Wire::Gap(gap.clone())),
        Message::Trade(_) => None,
    };
    StreamDepthResponse { frame }
}
