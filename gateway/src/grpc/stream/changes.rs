//! Changes of open orders over a stream: amending, and replacing.
//!
//! Nothing is looked up on the way, so that no request waits for the ledger: an amend says what its
//! order trades, and is told as much of the order as the answer to it tells.

use proto::{
    command::{Command, OrderName},
    orders::{
        AmendOrderRequest, AmendOrderResponse, ReplaceOrderRequest, ReplaceOrderResponse,
        stream_orders_response::Result as Answer,
    },
    trading::{Order, OrderStatus},
};

use super::{
    super::{
        given,
        orders::{named_order, replacing},
    },
    About, Inlet, Made, Outlet, tell,
};
use crate::{
    desk::{Hear, News, OUTCOME_WAIT, Wants},
    entry::{self, Named, Replacing},
    office::{Replaced, amended_by},
    problem::Problem,
    result,
    trace::Trace,
};

impl Inlet {
    pub(super) fn amend(
        &self,
        correlation_id: u64,
        request: &AmendOrderRequest,
        trace: Trace,
    ) -> Result<(), Problem> {
        let asker = self.office.asker();
        let account = entry::client(asker.account(given(&request.client_id))?)?;
        let id = entry::order_id_of(request.order_id)?;
        let text = given(&request.quantity).ok_or_else(|| Problem::missing("quantity"))?;
        let catalogue = self.office.reference.loaded()?;
        let listed = entry::instrument(given(&request.instrument), &catalogue)?;
        let quantity = entry::new_quantity(text, listed)?;
        let named = Named { account, order: OrderName::Id(id), partition: id.partition() };
        let command = Command::Amend { order: named.order.clone(), quantity };
        let (traceparent, span) = trace.into_parts();
        let wants = Wants::Answer(OUTCOME_WAIT);
        let submission = self.office.change(&named, command, wants, traceparent)?;
        let sender = self.sender.clone();
        let hear: Hear = Box::new(move |news| {
            tell(&sender, correlation_id, About::Amend { named: Box::new(named), news });
            drop(span);
        });
        self.office.desk.submit(submission, hear)
    }

    pub(super) fn replace(
        &self,
        correlation_id: u64,
        request: &ReplaceOrderRequest,
        trace: Trace,
    ) -> Result<(), Problem> {
        let replacing = Box::new(replacing(request, &self.office)?);
        let (traceparent, span) = trace.into_parts();
        let submission = replacing.submission(Wants::Answer(OUTCOME_WAIT), traceparent);
        let sender = self.sender.clone();
        let hear: Hear = Box::new(move |news| {
            tell(&sender, correlation_id, About::Replace { replacing, news });
            drop(span);
        });
        self.office.desk.submit(submission, hear)
    }
}

impl Outlet {
    pub(super) fn amended(&self, named: &Named, news: &News) -> Result<Made, Problem> {
        let (order, depth_sequence) = match news {
            News::Answered(answered) => {
                let amended = amended_by(answered)?;
                let instrument = model::InstrumentId(amended.instrument_id);
                let catalogue = self.office.reference.catalogue();
                let listed = catalogue.instrument_by_id(instrument);
                let listed = listed.ok_or_else(|| Problem::missing("instrument"))?;
                let order = Order {
                    client_id: named.account.as_str().to_owned(),
                    instrument: listed.symbol().to_owned(),
                    ..Order::default()
                };
                let order = result::amended(order, amended, listed, answered.answer.now);
                (order, result::depth_sequence(&answered.answer, Some(instrument)))
            }
            News::NotWritten(problem) => return Err(problem.clone()),
            News::Appended { .. } | News::Unknown { .. } => {
                (named_order(named, OrderStatus::Unknown), 0)
            }
        };
        Ok((Answer::Amend(AmendOrderResponse { order: Some(order) }), depth_sequence))
    }

    pub(super) async fn replaced(
        &self,
        replacing: &Replacing,
        news: News,
    ) -> Result<Made, Problem> {
        let instrument = Some(replacing.placed.order.instrument);
        let depth_sequence = match &news {
            News::Answered(answered) => result::depth_sequence(&answered.answer, instrument),
            _ => 0,
        };
        let Replaced { cancel, place, order } = self.office.replaced(replacing, news).await?;
        let response = ReplaceOrderResponse {
            cancel_result: cancel.into(),
            new_order_result: place.into(),
            order: Some(order.into_order()),
        };
        Ok((Answer::Replace(response), depth_sequence))
    }
}
