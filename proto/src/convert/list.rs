//! Lists of orders between the log's wire form and the domain.

use model::{Contingency, InstrumentId, KeyText};

use super::command::{Malformed, key_space};
use crate::{
    command::{Key, Leg, PlaceList, PlaceOrder},
    log, trading,
};

impl TryFrom<log::PlaceOrderList> for PlaceList {
    type Error = Malformed;

    fn try_from(wire: log::PlaceOrderList) -> Result<Self, Malformed> {
        let contingency = contingency_from_wire(wire.contingency)?;
        let key = Key {
            space: key_space(wire.key_space)?,
            text: KeyText::new(&wire.key).map_err(|_| Malformed("key"))?,
        };
        let leg = |order: log::PlaceOrder| {
            let is_bare = order.key_space == 0 && order.key.is_empty() && order.instrument_id == 0;
            let (key_space, key) = (wire.key_space, wire.key.clone());
            let order = log::PlaceOrder { key_space, key, ..order };
            let PlaceOrder { side, ask, time_in_force, instructions, .. } = order.try_into()?;
            is_bare
                .then_some(Leg { side, ask, time_in_force, instructions })
                .ok_or(Malformed("key"))
        };
        let legs = wire.orders.into_iter().map(leg).collect::<Result<_, _>>()?;
        let instrument = InstrumentId(wire.instrument_id);
        let list = PlaceList { key, instrument, contingency, legs };
        list.check().map_err(|_| Malformed("orders"))?;
        Ok(list)
    }
}

impl From<&PlaceList> for log::PlaceOrderList {
    fn from(list: &PlaceList) -> Self {
        let bare = |at| log::PlaceOrder {
            key_space: 0,
            key: String::new(),
            instrument_id: 0,
            ..log::PlaceOrder::from(&list.order(at))
        };
        log::PlaceOrderList {
            key_space: log::KeySpace::from(list.key.space).into(),
            key: list.key.text.as_str().to_owned(),
            instrument_id: list.instrument.0,
            contingency: contingency_to_wire(list.contingency).into(),
            orders: (0..list.legs.len()).map(bare).collect(),
        }
    }
}

/// A contingency on the wire.
pub const fn contingency_to_wire(contingency: Contingency) -> trading::Contingency {
    match contingency {
        Contingency::Oco => trading::Contingency::Oco,
        Contingency::Oto => trading::Contingency::Oto,
        Contingency::Otoco => trading::Contingency::Otoco,
    }
}

/// A contingency from the wire.
///
/// # Errors
/// [`Malformed`] where it is none, or unspecified.
pub fn contingency_from_wire(wire: i32) -> Result<Contingency, Malformed> {
    let known = Contingency::ALL.into_iter();
    let mut known = known.filter(|one| i32::from(contingency_to_wire(*one)) == wire);
    known.next().ok_or(Malformed("contingency"))
}

#[cfg(test)]
mod tests {
    use model::{Instructions, Price, Quantity, Side, TimeInForce, Trigger, TriggerKind};

    use super::*;
    use crate::command::{Ask, KeySpace, ListError};

    fn price(ticks: u64) -> Price {
        Price::from_ticks(ticks).expect("in range")
    }

    fn limit(side: Side, ticks: u64, post_only: bool) -> Leg {
        let quantity = Quantity::from_lots(5).expect("in range");
        let ask = Ask::Limit { price: price(ticks), quantity };
        let instructions = Instructions { post_only, ..Instructions::default() };
        Leg { side, ask, time_in_force: TimeInForce::Gtc, instructions }
    }

    fn waking(leg: Leg, kind: TriggerKind, ticks: u64) -> Leg {
        let trigger = Some(Trigger { kind, price: price(ticks) });
        let instructions = Instructions { trigger, ..Instructions::default() };
        Leg { instructions, ..leg }
    }

    fn stop(side: Side, ticks: u64) -> Leg {
        let Ask::Limit { quantity, .. } = limit(side, 1, false).ask else { unreachable!() };
        let market = Leg {
            ask: Ask::Market { quantity },
            time_in_force: TimeInForce::Ioc,
            ..limit(side, 1, false)
        };
        waking(market, TriggerKind::StopLoss, ticks)
    }

    fn list(contingency: Contingency, legs: &[Leg]) -> PlaceList {
        let text = KeyText::new("k").expect("a good key");
        let key = Key { space: KeySpace::ClientOrderId, text };
        PlaceList { key, instrument: InstrumentId(3), contingency, legs: legs.to_vec() }
    }

    #[test]
    fn lists_survive_the_log() {
        use Side::{Buy, Sell};
        let profit = waking(limit(Sell, 121, false), TriggerKind::TakeProfit, 120);
        for good in [
            list(Contingency::Oco, &[limit(Sell, 110, true), stop(Sell, 90)]),
            list(Contingency::Oco, &[stop(Buy, 110), limit(Buy, 90, true)]),
            list(Contingency::Oto, &[limit(Buy, 99, false), stop(Sell, 90)]),
            list(Contingency::Otoco, &[limit(Buy, 99, true), profit, stop(Sell, 90)]),
        ] {
            assert_eq!(good.check(), Ok(()));
            assert_eq!(PlaceList::try_from(log::PlaceOrderList::from(&good)), Ok(good.clone()));
            assert_eq!(good.behaviour(), 4);
        }
    }

    #[test]
    fn what_is_no_list_says_which_order_is_at_fault() {
        use Contingency::{Oco, Oto, Otoco};
        use Side::{Buy, Sell};
        let quote = Ask::MarketByQuote { amount: model::Amount::from_units(5) };
        let by_quote = Leg { ask: quote, time_in_force: TimeInForce::Ioc, ..limit(Sell, 1, false) };
        let more = Leg {
            ask: Ask::Limit {
                price: price(110),
                quantity: Quantity::from_lots(6).expect("in range"),
            },
            ..limit(Sell, 110, true)
        };
        let (gain, loss) = (limit(Sell, 110, true), stop(Sell, 90));
        let table = [
            (list(Oco, &[gain]), ListError::Count),
            (list(Oto, &[gain, loss, loss]), ListError::Count),
            (list(Oto, &[limit(Buy, 99, false), by_quote]), ListError::ByQuote(1)),
            (list(Oto, &[stop(Buy, 99), gain]), ListError::Working(0)),
            (list(Oco, &[more, loss]), ListError::Differs(1)),
            (list(Otoco, &[limit(Buy, 99, false), gain, stop(Buy, 90)]), ListError::Differs(2)),
            (list(Oco, &[limit(Sell, 110, false), loss]), ListError::Kinds(0)),
            (list(Oco, &[gain, limit(Sell, 90, true)]), ListError::Kinds(1)),
            (list(Oco, &[limit(Buy, 110, true), stop(Buy, 90)]), ListError::Kinds(1)),
            (list(Oco, &[limit(Sell, 80, true), loss]), ListError::Order(0)),
            (list(Oco, &[limit(Sell, 90, true), loss]), ListError::Order(0)),
        ];
        for (bad, error) in table {
            assert_eq!(bad.check(), Err(error), "{bad:?}");
            let wire = log::PlaceOrderList::from(&bad);
            assert_eq!(PlaceList::try_from(wire), Err(Malformed("orders")));
        }
        let good = log::PlaceOrderList::from(&list(Oco, &[gain, loss]));
        let mut keyed = good.clone();
        keyed.orders[1].key = "own".to_owned();
        assert_eq!(PlaceList::try_from(keyed), Err(Malformed("key")));
        let unknown = log::PlaceOrderList { contingency: 0, ..good };
        assert_eq!(PlaceList::try_from(unknown), Err(Malformed("contingency")));
    }
}
