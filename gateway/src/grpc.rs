//! gRPC: the same desk, pipelined where a client streams.

mod admin;
mod batch;
mod door;
mod funding;
#[cfg(fuzzing)]
pub(crate) mod fuzzed;
mod guard;
mod lists;
mod orders;
mod reference;
mod status;
mod stream;
mod tokens;
mod trace;

use std::{sync::Arc, time::Duration};

use proto::{
    funding::funding_service_server::{self, FundingServiceServer},
    orders::order_entry_service_server::{self, OrderEntryServiceServer},
    reference::reference_service_server::{self, ReferenceServiceServer},
};
use tokio_util::sync::CancellationToken;
use tonic::{service::LayerExt, transport::server::Router};

pub(crate) use self::admin::router as admin_router;
use self::{
    door::DoorLayer, funding::Funding, guard::GuardLayer, orders::OrderEntry,
    reference::ReferenceData,
};
use crate::office::Office;

/// The largest request: an order with every field at its longest is below 2 KiB.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The largest to order entry, where a batch of a hundred of them can come.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// How often a connection is asked whether it is still there, and how long it may take to say so:
/// one whose other end is gone without a word is noticed within half a minute, and with it the end
/// of its streams.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(10);
/// See [`PING_EVERY`].
pub(crate) const PING_WAIT: Duration = Duration::from_secs(20);

/// What health checks may ask about: all of it, or one service.
pub(crate) const HEALTH_NAMES: [&str; 4] = [
    "",
    order_entry_service_server::SERVICE_NAME,
    funding_service_server::SERVICE_NAME,
    reference_service_server::SERVICE_NAME,
];

/// How much may be in progress at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Calls that have no answer yet.
    pub(crate) calls_max: usize,
    /// Streams of orders.
    pub(crate) order_streams_max: usize,
}

/// The services of this gateway.
pub(crate) fn add_services(
    router: Router,
    office: &Arc<Office>,
    bounds: Bounds,
    stop: CancellationToken,
) -> Router {
    let entry = OrderEntry::new(Arc::clone(office), bounds.order_streams_max, stop);
    let funding = Funding { office: Arc::clone(office) };
    let reference = ReferenceData { office: Arc::clone(office) };
    let entry = OrderEntryServiceServer::new(entry).max_decoding_message_size(BATCH_BYTES_MAX);
    let funding = FundingServiceServer::new(funding).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let reference =
        ReferenceServiceServer::new(reference).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let door = DoorLayer::new(bounds.calls_max);
    let guard = GuardLayer(office.gate.clone());
    router
        .add_service(guard.named_layer(door.named_layer(entry)))
        .add_service(guard.named_layer(door.named_layer(funding)))
        .add_service(door.named_layer(reference))
}

/// A field of a request: an empty text is one that was not given.
fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
