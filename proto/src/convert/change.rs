//! Changes of open orders, between the log's wire form and the domain.

use model::{CancelOnly, InstrumentId, KeyText, OrderFilter, Price, Quantity, ReplaceMode, Span};

use super::{Malformed, order_id, price, quantity, side_from_wire, side_to_wire};
use crate::{
    command::{CancelAfter, Command, OrderName, ReplaceOrder},
    log, trading,
};

impl TryFrom<log::OrderName> for OrderName {
    type Error = Malformed;

    fn try_from(wire: log::OrderName) -> Result<Self, Malformed> {
        let key = match wire.client_order_id.as_str() {
            "" => None,
            text => Some(KeyText::new(text).map_err(|_| Malformed("client_order_id"))?),
        };
        match (wire.order_id, key, wire.instrument_id) {
            (0, Some(key), 1..) => {
                Ok(OrderName::Own { instrument: InstrumentId(wire.instrument_id), key })
            }
            (_, _, 1..) | (0, Some(_), 0) => Err(Malformed("instrument_id")),
            (0, None, 0) => Err(Malformed("order_id")),
            (number, None, 0) => Ok(OrderName::Id(order_id(number)?)),
            (number, Some(key), 0) => Ok(OrderName::Both { id: order_id(number)?, key }),
        }
    }
}

impl From<&OrderName> for log::OrderName {
    fn from(name: &OrderName) -> Self {
        match name {
            OrderName::Id(id) => log::OrderName { order_id: id.number(), ..Default::default() },
            OrderName::Own { instrument, key } => log::OrderName {
                order_id: 0,
                client_order_id: key.as_str().to_owned(),
                instrument_id: instrument.0,
            },
            OrderName::Both { id, key } => log::OrderName {
                order_id: id.number(),
                client_order_id: key.as_str().to_owned(),
                instrument_id: 0,
            },
        }
    }
}

fn order_name(wire: Option<log::OrderName>) -> Result<OrderName, Malformed> {
    wire.ok_or(Malformed("order"))?.try_into()
}

pub(super) fn amend(wire: log::AmendOrder) -> Result<Command, Malformed> {
    let quantity = quantity(wire.quantity_lots)?;
    if quantity.is_zero() {
        return Err(Malformed("quantity_lots"));
    }
    Ok(Command::Amend { order: order_name(wire.order)?, quantity })
}

pub(super) fn amend_to_wire(order: &OrderName, quantity: Quantity) -> log::AmendOrder {
    log::AmendOrder { order: Some(order.into()), quantity_lots: quantity.lots() }
}

pub(super) fn cancel_named(wire: log::CancelNamedOrder) -> Result<Command, Malformed> {
    let only = match trading::CancelOnly::try_from(wire.only) {
        Ok(trading::CancelOnly::Unspecified) => None,
        Ok(trading::CancelOnly::New) => Some(CancelOnly::New),
        Ok(trading::CancelOnly::PartiallyFilled) => Some(CancelOnly::PartiallyFilled),
        Err(_) => return Err(Malformed("only")),
    };
    Ok(Command::CancelNamed { order: order_name(wire.order)?, only })
}

pub(super) fn cancel_named_to_wire(
    order: &OrderName,
    only: Option<CancelOnly>,
) -> log::CancelNamedOrder {
    let only = match only {
        None => trading::CancelOnly::Unspecified,
        Some(CancelOnly::New) => trading::CancelOnly::New,
        Some(CancelOnly::PartiallyFilled) => trading::CancelOnly::PartiallyFilled,
    };
    log::CancelNamedOrder { order: Some(order.into()), only: only.into() }
}

impl TryFrom<log::ReplaceOrder> for ReplaceOrder {
    type Error = Malformed;

    fn try_from(wire: log::ReplaceOrder) -> Result<Self, Malformed> {
        Ok(ReplaceOrder {
            replaced: order_name(wire.replaced)?,
            mode: match trading::ReplaceMode::try_from(wire.mode) {
                Ok(trading::ReplaceMode::StopOnFailure) => ReplaceMode::StopOnFailure,
                Ok(trading::ReplaceMode::AllowFailure) => ReplaceMode::AllowFailure,
                Ok(trading::ReplaceMode::Unspecified) | Err(_) => return Err(Malformed("mode")),
            },
            place: wire.place.ok_or(Malformed("place"))?.try_into()?,
        })
    }
}

impl From<&ReplaceOrder> for log::ReplaceOrder {
    fn from(replace: &ReplaceOrder) -> Self {
        let mode = match replace.mode {
            ReplaceMode::StopOnFailure => trading::ReplaceMode::StopOnFailure,
            ReplaceMode::AllowFailure => trading::ReplaceMode::AllowFailure,
        };
        log::ReplaceOrder {
            replaced: Some((&replace.replaced).into()),
            mode: mode.into(),
            place: Some((&replace.place).into()),
        }
    }
}

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

impl TryFrom<log::CancelAfter> for CancelAfter {
    type Error = Malformed;

    fn try_from(wire: log::CancelAfter) -> Result<Self, Malformed> {
        if wire.timeout_seconds > CancelAfter::SECONDS_MAX {
            return Err(Malformed("timeout_seconds"));
        }
        if wire.session_ended && (wire.session == 0 || wire.timeout_seconds > 0) {
            return Err(Malformed("session_ended"));
        }
        Ok(CancelAfter {
            instrument: (wire.instrument_id > 0).then_some(InstrumentId(wire.instrument_id)),
            timeout: Span::from_secs(wire.timeout_seconds.into()),
            session: wire.session,
            has_ended: wire.session_ended,
        })
    }
}

impl From<&CancelAfter> for log::CancelAfter {
    fn from(after: &CancelAfter) -> Self {
        log::CancelAfter {
            instrument_id: after.instrument.map_or(0, |instrument| instrument.0),
            timeout_seconds: u32::try_from(after.timeout.nanos() / SECOND).unwrap_or(u32::MAX),
            session: after.session,
            session_ended: after.has_ended,
        }
    }
}

impl TryFrom<log::CancelMatchingOrders> for OrderFilter {
    type Error = Malformed;

    fn try_from(wire: log::CancelMatchingOrders) -> Result<Self, Malformed> {
        let bound = |ticks| if ticks == 0 { Ok(None) } else { price(ticks).map(Some) };
        let filter = OrderFilter {
            instrument: (wire.instrument_id > 0).then_some(InstrumentId(wire.instrument_id)),
            side: match trading::Side::try_from(wire.side) {
                Ok(trading::Side::Unspecified) => None,
                _ => Some(side_from_wire(wire.side)?),
            },
            price_from: bound(wire.price_from_ticks)?,
            price_to: bound(wire.price_to_ticks)?,
        };
        let has_range = filter.price_from.is_some() || filter.price_to.is_some();
        if has_range && filter.instrument.is_none() {
            return Err(Malformed("instrument_id"));
        }
        Ok(filter)
    }
}

impl From<&OrderFilter> for log::CancelMatchingOrders {
    fn from(filter: &OrderFilter) -> Self {
        let side = filter.side.map_or(trading::Side::Unspecified, side_to_wire);
        log::CancelMatchingOrders {
            instrument_id: filter.instrument.map_or(0, |instrument| instrument.0),
            side: side.into(),
            price_from_ticks: filter.price_from.map_or(0, Price::ticks),
            price_to_ticks: filter.price_to.map_or(0, Price::ticks),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Instructions, OrderId, Partition, Side, TimeInForce};

    use super::*;

    fn name(order_id: u64, client_order_id: &str, instrument_id: u32) -> log::OrderName {
        log::OrderName { order_id, client_order_id: client_order_id.to_owned(), instrument_id }
    }

    #[test]
    fn commands_come_back_as_they_went() {
        let id = OrderId::at(Partition::FIRST, 7).expect("in range");
        let key = KeyText::new("alice-1").expect("a good key");
        let names = [
            OrderName::Id(id),
            OrderName::Own { instrument: InstrumentId(3), key: key.clone() },
            OrderName::Both { id, key },
        ];
        let five = Quantity::from_lots(5).expect("in range");
        for order in names {
            let amended = amend(amend_to_wire(&order, five));
            assert_eq!(amended, Ok(Command::Amend { order: order.clone(), quantity: five }));
            for only in [None, Some(CancelOnly::New), Some(CancelOnly::PartiallyFilled)] {
                let cancelled = cancel_named(cancel_named_to_wire(&order, only));
                assert_eq!(cancelled, Ok(Command::CancelNamed { order: order.clone(), only }));
            }
        }
    }

    #[test]
    fn a_replacement_comes_back_as_it_went() {
        use crate::command::{Ask, Key, KeySpace, PlaceOrder};
        let text = KeyText::new("b").expect("a good key");
        let quantity = Quantity::from_lots(5).expect("in range");
        let place = PlaceOrder {
            key: Key { space: KeySpace::ClientOrderId, text },
            instrument: InstrumentId(3),
            side: Side::Sell,
            ask: Ask::Limit { price: Price::MIN, quantity },
            time_in_force: TimeInForce::Gtc,
            instructions: Instructions::default(),
        };
        let replaced = OrderName::Id(OrderId::at(Partition::FIRST, 7).expect("in range"));
        for mode in [ReplaceMode::StopOnFailure, ReplaceMode::AllowFailure] {
            let (replaced, place) = (replaced.clone(), place.clone());
            let replace = ReplaceOrder { replaced, mode, place };
            let wire = log::ReplaceOrder::from(&replace);
            assert_eq!(Command::Replace(replace.clone()).behaviour(), 4);
            for (field, broken) in [
                ("mode", log::ReplaceOrder { mode: 0, ..wire.clone() }),
                ("order", log::ReplaceOrder { replaced: None, ..wire.clone() }),
                ("place", log::ReplaceOrder { place: None, ..wire.clone() }),
            ] {
                assert_eq!(ReplaceOrder::try_from(broken), Err(Malformed(field)));
            }
            assert_eq!(wire.try_into(), Ok(replace));
        }
    }

    #[test]
    fn a_timeout_comes_back_as_it_went_and_has_a_bound() {
        for (instrument, seconds) in [(None, 0), (Some(InstrumentId(3)), 86_400)] {
            let after = CancelAfter::own(instrument, Span::from_secs(seconds));
            assert_eq!(log::CancelAfter::from(&after).try_into(), Ok(after));
        }
        let session = CancelAfter {
            session: 7,
            has_ended: true,
            ..CancelAfter::own(None, Span::from_secs(0))
        };
        assert_eq!(log::CancelAfter::from(&session).try_into(), Ok(session));
        let own = log::CancelAfter { session_ended: true, ..Default::default() };
        assert_eq!(CancelAfter::try_from(own), Err(Malformed("session_ended")));
        let wire = log::CancelAfter { timeout_seconds: 86_401, ..Default::default() };
        assert_eq!(CancelAfter::try_from(wire), Err(Malformed("timeout_seconds")));
    }

    #[test]
    fn filters_come_back_as_they_went() {
        let [low, high] = [5, 9].map(|ticks| Price::from_ticks(ticks).ok());
        let instrument = Some(InstrumentId(3));
        for filter in [
            OrderFilter::default(),
            OrderFilter::all(instrument),
            OrderFilter { side: Some(Side::Sell), ..OrderFilter::default() },
            OrderFilter { price_from: low, price_to: high, ..OrderFilter::all(instrument) },
            OrderFilter { price_to: high, ..OrderFilter::all(instrument) },
        ] {
            assert_eq!(log::CancelMatchingOrders::from(&filter).try_into(), Ok(filter));
        }
        let everywhere = log::CancelMatchingOrders { price_to_ticks: 5, ..Default::default() };
        assert_eq!(OrderFilter::try_from(everywhere), Err(Malformed("instrument_id")));
        let wire = log::CancelMatchingOrders { side: 9, ..Default::default() };
        assert_eq!(OrderFilter::try_from(wire), Err(Malformed("side")));
    }

    #[test]
    fn what_names_no_order_or_asks_for_nothing_is_malformed() {
        let table = [
            (name(0, "", 0), "order_id"),
            (name(u64::MAX, "", 0), "order_id"),
            (name(0, "a", 0), "instrument_id"),
            (name(1, "", 3), "instrument_id"),
            (name(1, "a", 3), "instrument_id"),
            (name(0, "", 3), "instrument_id"),
            (name(1, "a b", 0), "client_order_id"),
        ];
        for (wire, field) in table {
            assert_eq!(OrderName::try_from(wire), Err(Malformed(field)));
        }
        let of = |order, quantity_lots| amend(log::AmendOrder { order, quantity_lots });
        assert_eq!(of(None, 1), Err(Malformed("order")));
        assert_eq!(of(Some(name(1, "", 0)), 0), Err(Malformed("quantity_lots")));
        assert_eq!(of(Some(name(1, "", 0)), u64::MAX), Err(Malformed("quantity_lots")));
        let wire = log::CancelNamedOrder { order: Some(name(1, "", 0)), only: 9 };
        assert_eq!(cancel_named(wire), Err(Malformed("only")));
    }
}
