//! How an order is written down: its terms, and the key of its retries.

use matcher_core::OrderKey;
use model::{AccountName, InstrumentId};
use proto::{
    command::{Key, KeySpace, PlaceOrder},
    convert,
    log::{self, RefusalReason, event},
};

use crate::answer;

/// An order is refused.
pub(crate) fn write_rejected(
    account: &AccountName,
    place: &PlaceOrder,
    reason: RefusalReason,
    order_id: u64,
    body: &mut log::AnswerBody,
) {
    let index = u32::try_from(body.accounts.len()).unwrap_or(u32::MAX);
    body.accounts.push(account.as_str().to_owned());
    let (terms, reason) = (Some(terms(place, index)), reason.into());
    let rejected = log::OrderRejected { terms, reason, order_id };
    body.events.push(answer::event(event::Kind::OrderRejected(rejected)));
}

/// The key of an order.
pub(crate) fn order_key(account: &AccountName, instrument: InstrumentId, key: &Key) -> OrderKey {
    let Key { space, text } = key;
    OrderKey {
        account: account.clone(),
        instrument,
        space: match space {
            KeySpace::ClientOrderId => matcher_core::KeySpace::ClientOrderId,
            KeySpace::IdempotencyKey => matcher_core::KeySpace::IdempotencyKey,
            KeySpace::Generated => matcher_core::KeySpace::Generated,
        },
        text: text.clone(),
    }
}

/// What an order asks for; its account is named already.
pub(crate) fn terms(place: &PlaceOrder, account: u32) -> log::OrderTerms {
    let (price_ticks, quantity_lots, quote_quantity) = place.ask.into();
    log::OrderTerms {
        account,
        key_space: log::KeySpace::from(place.key.space).into(),
        key: place.key.text.as_str().to_owned(),
        instrument_id: place.instrument.0,
        side: convert::side_to_wire(place.side).into(),
        r#type: convert::type_to_wire(place.ask.order_type()).into(),
        time_in_force: convert::time_in_force_to_wire(place.time_in_force).into(),
        price_ticks,
        quantity_lots,
        quote_quantity,
        instructions: convert::instructions_to_wire(&place.instructions),
        replaces: false,
    }
}
