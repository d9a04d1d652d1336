//! What an answer says that it answers: the order's account, key and terms, as its shard wrote them
//! down; pure.

use model::AccountName;
use proto::{
    command::PlaceOrder,
    log::{self, OrderTerms, event},
};
use spine::Answer;

use super::Claim;
use crate::result::consumes_key;

/// The claim of the order that `answer` decided; `None` where it decided none, or left its key
/// free.
pub(super) fn asked(answer: &Answer) -> Option<Claim> {
    if !consumes_key(answer) {
        return None;
    }
    // An order's own event comes before what it caused, and its id is that of the input.
    let terms = answer.body.events.iter().find_map(|event| match event.kind.as_ref()? {
        event::Kind::OrderPlaced(placed) => placed.terms.as_ref(),
        event::Kind::OrderRejected(rejected) => rejected.terms.as_ref(),
        _ => None,
    })?;
    let account = AccountName::new(answer.account(terms.account)?).ok()?;
    let order = PlaceOrder::try_from(order(terms)).ok()?;
    Some(Claim::new(&account, &order))
}

fn order(terms: &OrderTerms) -> log::PlaceOrder {
    log::PlaceOrder {
        key_space: terms.key_space,
        key: terms.key.clone(),
        instrument_id: terms.instrument_id,
        side: terms.side,
        r#type: terms.r#type,
        time_in_force: terms.time_in_force,
        price_ticks: terms.price_ticks,
        quantity_lots: terms.quantity_lots,
        quote_quantity: terms.quote_quantity,
    }
}
