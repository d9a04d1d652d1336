//! The writing half of a stream: news become results, in the order in which they came.

use std::{pin::Pin, sync::Arc};

use access::Denied;
use futures_util::{Stream, stream};
use model::InstrumentId;
use proto::{
    orders::{
        CancelAfterResponse, CancelAllOrdersResponse, CancelOrderResponse, PlaceOrderResponse,
        StreamOrdersResponse, stream_orders_response::Result as Answer,
    },
    trading::{Order, OrderStatus},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::Status;

use super::super::orders::named_order;
use super::{About, Told};
use crate::{
    caller::{Caller, denied},
    desk::{Answered, News},
    entry::{Cancel, Named, Placed},
    office::{Office, brief, ended_by},
    problem::Problem,
    result,
};

/// What the client reads.
pub(in super::super) type Results =
    Pin<Box<dyn Stream<Item = Result<StreamOrdersResponse, Status>> + Send>>;

/// A result and the depth sequence that goes with it.
pub(super) type Made = (Answer, u64);

/// Makes results of what is told, and gives a permit back for each.
pub(super) fn results(
    office: Arc<Office>,
    receiver: mpsc::Receiver<Told>,
    permits: Arc<Semaphore>,
    place: OwnedSemaphorePermit,
    caller: Option<Caller>,
) -> Results {
    let outlet = Outlet { office, receiver, permits, caller, _place: place };
    Box::pin(stream::unfold(outlet, |mut outlet| async move {
        let Some(told) = outlet.receiver.recv().await else {
            return outlet.last_word().map(|status| (Err(status), outlet));
        };
        outlet.permits.add_permits(1);
        let response = match outlet.caller.clone() {
            None => outlet.response(told).await,
            Some(caller) => caller.scope(outlet.response(told)).await,
        };
        Some((Ok(response), outlet))
    }))
}

pub(super) struct Outlet {
    pub(super) office: Arc<Office>,
    receiver: mpsc::Receiver<Told>,
    permits: Arc<Semaphore>,
    /// In whose name it looks things up, where anybody is asked.
    caller: Option<Caller>,
    _place: OwnedSemaphorePermit,
}

impl Outlet {
    /// Where the token that opened the stream was revoked, its end is told as that, once.
    fn last_word(&mut self) -> Option<Status> {
        let caller = self.caller.take()?;
        let is_revoked = caller.known.revoked.is_cancelled();
        is_revoked.then(|| Status::from(denied(Denied::Unknown)))
    }

    async fn response(&self, told: Told) -> StreamOrdersResponse {
        let correlation_id = told.correlation_id;
        let made = match told.about {
            About::Place { placed, news } => self.placed(&placed, news).await,
            About::Cancel { cancel, news } => self.cancelled(&cancel, &news),
            About::Amend { named, news } => self.amended(&named, &news),
            About::Replace { replacing, news } => self.replaced(&replacing, news).await,
            About::CancelAll { results, depth_sequence } => {
                Ok((Answer::CancelAll(CancelAllOrdersResponse { results }), depth_sequence))
            }
            About::CancelOnDisconnect { results } => {
                Ok((Answer::CancelOnDisconnect(CancelAfterResponse { results }), 0))
            }
            About::Problem(problem) => Err(problem),
        };
        let (result, depth_sequence) =
            made.unwrap_or_else(|problem| (Answer::Error(problem.into()), 0));
        StreamOrdersResponse { correlation_id, result: Some(result), depth_sequence }
    }

    async fn placed(&self, placed: &Placed, news: News) -> Result<Made, Problem> {
        let instrument = Some(placed.order.instrument);
        let depth_sequence = match &news {
            News::Answered(answered) => result::depth_sequence(&answered.answer, instrument),
            _ => 0,
        };
        let order = self.office.told(placed, news).await?.into_order();
        Ok((Answer::Place(PlaceOrderResponse { order: Some(order) }), depth_sequence))
    }

    /// The cancelled order as far as the answer tells: looking its terms up would hold the stream
    /// up.
    fn cancelled(&self, cancel: &Cancel, news: &News) -> Result<Made, Problem> {
        let (order, depth_sequence) = match news {
            News::Answered(answered) => self.ended(&cancel.named, answered)?,
            News::NotWritten(problem) => return Err(problem.clone()),
            News::Appended { .. } | News::Unknown { .. } => {
                (named_order(&cancel.named, OrderStatus::Unknown), 0)
            }
        };
        Ok((Answer::Cancel(CancelOrderResponse { order: Some(order) }), depth_sequence))
    }

    fn ended(&self, named: &Named, answered: &Answered) -> Result<(Order, u64), Problem> {
        let ended = ended_by(answered, named.id())?;
        let instrument = InstrumentId(ended.instrument_id);
        let catalogue = self.office.reference.catalogue();
        let listed = catalogue.instrument_by_id(instrument).map(AsRef::as_ref);
        let order = brief(&named.account, ended, listed, answered.answer.now);
        Ok((order, result::depth_sequence(&answered.answer, Some(instrument))))
    }
}
