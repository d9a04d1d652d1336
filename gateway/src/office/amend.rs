//! Amending one order.

use bytes::Bytes;
use model::OrderId;
use proto::{
    command::{Command, OrderName},
    log::{OrderAmended, RefusalReason, event},
};

use super::{Changed, Office, applied};
use crate::{
    desk::{Answered, News, RESULT_WAIT, Wants},
    entry::{self, Named},
    problem::Problem,
    result,
};

impl Office {
    /// Lowers the quantity of one order. What a quantity is follows from what the order trades, so
    /// the order is looked up first.
    pub(crate) async fn amend(
        &self,
        client_id: Option<&str>,
        id: OrderId,
        quantity: Option<&str>,
        wait: bool,
        traceparent: Option<Bytes>,
    ) -> Result<Changed, Problem> {
        let account = entry::client(client_id)?;
        let text = quantity.ok_or_else(|| Problem::missing("quantity"))?;
        let unknown = || Problem::refused(RefusalReason::UnknownOrder).at("id");
        let catalogue = self.reference.loaded()?;
        let order = self.order(id).await?;
        let listed = catalogue.instrument(&order.instrument);
        let listed = listed.filter(|_| order.client_id == account.as_str()).ok_or_else(unknown)?;
        let quantity = entry::new_quantity(text, listed)?;
        let named = Named { account, order: OrderName::Id(id), partition: id.partition() };
        let command = Command::Amend { order: named.order.clone(), quantity };
        let wants = if wait { Wants::Answer(RESULT_WAIT) } else { Wants::Receipt };
        let submission = self.change(&named, command, wants, traceparent)?;
        match self.desk.send(submission).await? {
            News::Appended { id, .. } => Ok(Changed::Taken(id)),
            News::Answered(answered) => match amended_by(&answered) {
                Ok(amended) => {
                    let at = answered.answer.now;
                    Ok(Changed::Done(Box::new(result::amended(order, amended, listed, at))))
                }
                Err(problem) => Err(self.explained(problem, &named).await),
            },
            News::NotWritten(problem) => Err(problem),
            News::Unknown { .. } => Ok(Changed::Unknown),
        }
    }
}

/// What an answer says of the order that was amended.
pub(crate) fn amended_by(answered: &Answered) -> Result<&OrderAmended, Problem> {
    applied(answered)?;
    let amended = answered.answer.body.events.iter().find_map(|event| match &event.kind {
        Some(event::Kind::OrderAmended(amended)) => Some(amended),
        _ => None,
    });
    amended.ok_or_else(|| Problem::refused(RefusalReason::Unspecified))
}
