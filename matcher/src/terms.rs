//! How an order is written down: its terms, where it comes from, and the key of its retries.

use matcher_core::OrderKey;
use model::{AccountName, InstrumentId, OrderId};
use proto::{
    command::{Key, KeySpace, PlaceOrder},
    convert,
    draft::Draft,
    log::{self, RefusalReason, event},
};

/// Where an order comes from that is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Its own record, just now.
    Record,
    /// The same, to come instead of another: which that is, where it was open.
    Replacement(Option<OrderId>),
    /// It has waited for money.
    Parking,
}

impl Origin {
    /// The id that an event names: none where it is that of the answered input.
    pub(crate) const fn named(self, id: OrderId) -> u64 {
        match self {
            Origin::Record | Origin::Replacement(_) => 0,
            Origin::Parking => id.number(),
        }
    }

    pub(crate) const fn replaces(self) -> bool {
        matches!(self, Origin::Replacement(_))
    }

    /// The order that went for it; 0 where none did.
    pub(crate) const fn replaced_order_id(self) -> u64 {
        match self {
            Origin::Replacement(Some(old)) => old.number(),
            Origin::Replacement(None) | Origin::Record | Origin::Parking => 0,
        }
    }
}

/// An order is refused.
pub(crate) fn write_rejected(
    id: OrderId,
    origin: Origin,
    account: &AccountName,
    place: &PlaceOrder,
    reason: RefusalReason,
    body: &mut Draft,
) {
    let index = body.account(account.as_str());
    let terms = log::OrderTerms { replaces: origin.replaces(), ..terms(place, index) };
    let (terms, reason, order_id) = (Some(terms), reason.into(), origin.named(id));
    let rejected = log::OrderRejected { terms, reason, order_id };
    body.event(&event::Kind::OrderRejected(rejected));
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
