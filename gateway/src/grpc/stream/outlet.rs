//! The writing half of a stream: news become results, in the order in which they came.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, stream};
use model::{AccountName, InstrumentId, OrderId};
use proto::{
    orders::{
        CancelAllOrdersResponse, CancelOrderResponse, PlaceOrderResponse, StreamOrdersResponse,
        stream_orders_response::Result as Answer,
    },
    trading::{Order, OrderStatus},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::Status;

use super::{About, Told};
use crate::{
    desk::{Answered, News},
    entry::Placed,
    office::{Office, brief, ended_by},
    problem::Problem,
    result,
};

/// What the client reads.
pub(in super::super) type Results =
    Pin<Box<dyn Stream<Item = Result<StreamOrdersResponse, Status>> + Send>>;

/// A result and the depth sequence that goes with it.
type Made = (Answer, u64);

/// Makes results of what is told, and gives a permit back for each.
pub(super) fn results(
    office: Arc<Office>,
    receiver: mpsc::Receiver<Told>,
    permits: Arc<Semaphore>,
    place: OwnedSemaphorePermit,
) -> Results {
    let outlet = Outlet { office, receiver, permits, _place: place };
    Box::pin(stream::unfold(outlet, |mut outlet| async move {
        let told = outlet.receiver.recv().await?;
        outlet.permits.add_permits(1);
        let response = outlet.response(told).await;
        Some((Ok(response), outlet))
    }))
}

struct Outlet {
    office: Arc<Office>,
    receiver: mpsc::Receiver<Told>,
    permits: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
}

impl Outlet {
    async fn response(&self, told: Told) -> StreamOrdersResponse {
        let correlation_id = told.correlation_id;
        let made = match told.about {
            About::Place { placed, news } => self.placed(&placed, news).await,
            About::Cancel { account, order_id, news } => self.cancelled(&account, order_id, &news),
            About::CancelAll { results, depth_sequence } => {
                Ok((Answer::CancelAll(CancelAllOrdersResponse { results }), depth_sequence))
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
    fn cancelled(
        &self,
        account: &AccountName,
        order_id: u64,
        news: &News,
    ) -> Result<Made, Problem> {
        let (order, depth_sequence) = match news {
            News::Answered(answered) => self.ended(account, order_id, answered)?,
            News::NotWritten(problem) => return Err(problem.clone()),
            News::Appended { .. } | News::Unknown { .. } => {
                let order = Order {
                    id: order_id,
                    client_id: account.as_str().to_owned(),
                    status: OrderStatus::Unknown.into(),
                    receipt: result::receipt(order_id),
                    ..Order::default()
                };
                (order, 0)
            }
        };
        Ok((Answer::Cancel(CancelOrderResponse { order: Some(order) }), depth_sequence))
    }

    fn ended(
        &self,
        account: &AccountName,
        order_id: u64,
        answered: &Answered,
    ) -> Result<(Order, u64), Problem> {
        let id = OrderId::from_number(order_id).ok_or_else(|| Problem::missing("order_id"))?;
        let ended = ended_by(answered, id)?;
        let instrument = InstrumentId(ended.instrument_id);
        let catalogue = self.office.reference.catalogue();
        let listed = catalogue.instrument_by_id(instrument).map(AsRef::as_ref);
        let order = brief(account, ended, listed, answered.answer.now);
        Ok((order, result::depth_sequence(&answered.answer, Some(instrument))))
    }
}
