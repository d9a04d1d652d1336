//! A broadcaster with one book.

use std::pin::Pin;

use futures_util::{Stream, stream};
use proto::{
    marketdata::{
        AuctionIndication, GetOrderBookRequest, GetOrderBookResponse, ListMarketsRequest,
        ListMarketsResponse, MarketStatus, PriceLevel, StreamDepthRequest, StreamDepthResponse,
        StreamTradesRequest, StreamTradesResponse,
        market_data_service_server::{MarketDataService, MarketDataServiceServer},
    },
    trading::{MarketState, Side},
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// Starts one and tells its address.
pub async fn start_broadcaster() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let service = MarketDataServiceServer::new(FakeBroadcaster);
    let router = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
    format!("http://{address}")
}

struct FakeBroadcaster;

type Frames<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

#[tonic::async_trait]
impl MarketDataService for FakeBroadcaster {
    /// As many levels a side as are asked for; each tells its number.
    async fn get_order_book(
        &self,
        request: Request<GetOrderBookRequest>,
    ) -> Result<Response<GetOrderBookResponse>, Status> {
        let GetOrderBookRequest { instrument, depth } = request.into_inner();
        let levels = |price: u32| {
            let level = move |number: u32| PriceLevel {
                price: (price + number).to_string(),
                quantity: "0.5".to_owned(),
            };
            (0..depth).map(level).collect()
        };
        let (bids, asks) = (levels(100), levels(200));
        Ok(Response::new(GetOrderBookResponse {
            instrument,
            sequence: 7,
            bids,
            asks,
            state: MarketState::VolatilityAuction.into(),
            opens_at: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            indication: Some(AuctionIndication {
                price: "150".to_owned(),
                volume: "3".to_owned(),
                imbalance: "0.5".to_owned(),
                imbalance_side: Side::Sell.into(),
            }),
        }))
    }

    /// One market is closed for a while; of the others nothing is told.
    async fn list_markets(
        &self,
        _request: Request<ListMarketsRequest>,
    ) -> Result<Response<ListMarketsResponse>, Status> {
        let halted = MarketStatus {
            instrument: "BTC-USDT".to_owned(),
            state: MarketState::Halted.into(),
            sequence: 7,
            ..Default::default()
        };
        Ok(Response::new(ListMarketsResponse { markets: vec![halted] }))
    }

    type StreamTradesStream = Frames<StreamTradesResponse>;

    async fn stream_trades(
        &self,
        _request: Request<StreamTradesRequest>,
    ) -> Result<Response<Self::StreamTradesStream>, Status> {
        Ok(Response::new(Box::pin(stream::empty())))
    }

    type StreamDepthStream = Frames<StreamDepthResponse>;

    async fn stream_depth(
        &self,
        _request: Request<StreamDepthRequest>,
    ) -> Result<Response<Self::StreamDepthStream>, Status> {
        Ok(Response::new(Box::pin(stream::empty())))
    }
}
