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

/// The claim of the order whose record `answer` answers; `None` where there is none, or its key was
/// left free.
pub(super) fn asked(answer: &Answer) -> Option<Claim> {
    if !consumes_key(answer) {
        return None;
    }
    // An order's own event names no id: it is that of the input. Others waited, and woke by it.
    let terms = answer.body.events.iter().find_map(|event| match event.kind.as_ref()? {
        event::Kind::OrderPlaced(placed) if placed.order_id == 0 => placed.terms.as_ref(),
        event::Kind::OrderParked(parked) => parked.terms.as_ref(),
        event::Kind::OrderRejected(rejected) if rejected.order_id == 0 => rejected.terms.as_ref(),
        _ => None,
    })?;
    if terms.replaces {
        // Under its key stands more than the order: which one it was to come instead of.
        return None;
    }
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
        instructions: terms.instructions,
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Instructions, InstrumentId, KeyText, Price, Quantity, RequestId, Side, TimeInForce,
        Timestamp,
    };
    use proto::{
        command::{Ask, Key, KeySpace},
        convert,
        log::{Applied, Duplicate, Event, OrderPlaced, OrderRejected, RefusalReason, outcome},
    };
    use spine::Chain;

    use super::*;

    fn bid() -> PlaceOrder {
        let text = KeyText::new("k-1").expect("a good key");
        PlaceOrder {
            key: Key { space: KeySpace::ClientOrderId, text },
            instrument: InstrumentId(3),
            side: Side::Buy,
            ask: Ask::Limit {
                price: Price::from_ticks(5).expect("in range"),
                quantity: Quantity::from_lots(7).expect("in range"),
            },
            time_in_force: TimeInForce::Gtc,
            instructions: Instructions { post_only: true, ..Instructions::default() },
        }
    }

    /// As a shard writes them; of the second account that the answer names.
    fn terms(order: &PlaceOrder) -> OrderTerms {
        let (price_ticks, quantity_lots, quote_quantity) = order.ask.into();
        OrderTerms {
            account: 1,
            key_space: log::KeySpace::from(order.key.space).into(),
            key: order.key.text.as_str().to_owned(),
            instrument_id: order.instrument.0,
            side: convert::side_to_wire(order.side).into(),
            r#type: convert::type_to_wire(order.ask.order_type()).into(),
            time_in_force: convert::time_in_force_to_wire(order.time_in_force).into(),
            price_ticks,
            quantity_lots,
            quote_quantity,
            instructions: convert::instructions_to_wire(&order.instructions),
            replaces: false,
        }
    }

    fn answer(kind: outcome::Kind, event: Option<event::Kind>) -> Answer {
        let body = log::AnswerBody {
            outcome: Some(log::Outcome { kind: Some(kind) }),
            events: event.map(|kind| Event { kind: Some(kind) }).into_iter().collect(),
            accounts: vec!["bob".to_owned(), "alice".to_owned()],
            ..Default::default()
        };
        Answer {
            out_seq: 1,
            in_offset: 0,
            epoch: 1,
            behaviour: 1,
            input_hash: Chain::default(),
            prev_chain: Chain::default(),
            chain: Chain::default(),
            now: Timestamp::EPOCH,
            request_id: RequestId(1),
            body,
        }
    }

    fn refused(reason: RefusalReason) -> Answer {
        let rejected =
            OrderRejected { order_id: 0, terms: Some(terms(&bid())), reason: reason.into() };
        let kind = outcome::Kind::Refused(log::Refused { reason: reason.into() });
        answer(kind, Some(event::Kind::OrderRejected(rejected)))
    }

    fn placed(terms: OrderTerms) -> Answer {
        let placed = OrderPlaced { terms: Some(terms), ..Default::default() };
        answer(outcome::Kind::Applied(Applied {}), Some(event::Kind::OrderPlaced(placed)))
    }

    #[test]
    fn what_used_its_key_up_tells_what_was_asked() {
        let account = AccountName::new("alice").expect("a good name");
        let claim = Some(Claim::new(&account, &bid()));
        assert_eq!(asked(&placed(terms(&bid()))), claim);
        assert_eq!(asked(&refused(RefusalReason::InsufficientFunds)), claim);
        let other = PlaceOrder { side: Side::Sell, ..bid() };
        let told = asked(&placed(terms(&other))).expect("it used its key up");
        assert_eq!(Some(&told.key), claim.as_ref().map(|claim| &claim.key));
        assert_ne!(Some(told.content), claim.map(|claim| claim.content));
    }

    #[test]
    fn everything_else_tells_nothing() {
        let duplicate = outcome::Kind::Duplicate(Duplicate { original_order_id: 1 });
        for nothing in [
            refused(RefusalReason::Late),
            refused(RefusalReason::KeyReused),
            answer(duplicate, None),
            answer(outcome::Kind::Applied(Applied {}), None),
            placed(OrderTerms { account: 2, ..terms(&bid()) }),
            placed(OrderTerms { replaces: true, ..terms(&bid()) }),
            placed(OrderTerms { key: String::new(), ..terms(&bid()) }),
            placed(OrderTerms { quantity_lots: 0, ..terms(&bid()) }),
            placed(OrderTerms { time_in_force: 4, ..terms(&bid()) }),
        ] {
            assert_eq!(asked(&nothing), None, "{nothing:?}");
        }
    }
}
