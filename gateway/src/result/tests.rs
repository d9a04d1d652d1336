//! What each kind of answer makes of an order.

use model::{KeyText, RequestId};
use proto::command::Key;
use spine::Chain;

use super::*;
use crate::{
    entry::{OrderFields, Word, place},
    reference::{Catalogue, tests::bodies},
};

const ID: u64 = 7;

fn placed(fields: OrderFields<'_>) -> Placed {
    let generated =
        || Key { space: KeySpace::Generated, text: KeyText::new("made-up").expect("a good key") };
    place(&fields, &Catalogue::of(&bodies()), generated).expect("a good order")
}

fn limit() -> Placed {
    placed(OrderFields {
        client_id: Some("alice"),
        client_order_id: Some("a-1"),
        instrument: Some("BTC-USDT"),
        side: Word::Text("buy"),
        order_type: Word::Text("limit"),
        price: Some("100.01"),
        quantity: Some("0.5"),
        ..OrderFields::default()
    })
}

fn answer(kind: outcome::Kind, events: Vec<event::Kind>) -> Answer {
    let events = events.into_iter().map(|kind| log::Event { kind: Some(kind) }).collect();
    Answer {
        out_seq: 1,
        in_offset: ID,
        epoch: 1,
        behaviour: 1,
        input_hash: Chain::default(),
        prev_chain: Chain::default(),
        chain: Chain::default(),
        now: Timestamp::from_unix_nanos(9_000),
        request_id: RequestId(1),
        body: log::AnswerBody {
            outcome: Some(log::Outcome { kind: Some(kind) }),
            events,
            ..Default::default()
        },
    }
}

fn trade(lots: u64, remaining: u64) -> event::Kind {
    event::Kind::Trade(TradeExecuted {
        instrument_id: 1,
        trade_id: 17,
        price_ticks: 10_000,
        quantity_lots: lots,
        maker_order_id: 3,
        taker_order_id: ID,
        taker_remaining_lots: remaining,
        ..Default::default()
    })
}

fn prevented(total: u64, remaining: u64) -> event::Kind {
    event::Kind::TradePrevented(log::TradePrevented {
        taker_order_id: ID,
        taker_prevented_total_lots: total,
        taker_remaining_lots: remaining,
        ..Default::default()
    })
}

fn end(order_id: u64, reason: EndReason, remaining_lots: u64) -> event::Kind {
    let reason = reason.into();
    event::Kind::OrderEnded(OrderEnded { order_id, reason, remaining_lots, ..Default::default() })
}

fn decided(kind: outcome::Kind, events: Vec<event::Kind>) -> Decision {
    let id = OrderId::from_number(ID).expect("in range");
    let answered = Answered::at_once(id.partition(), answer(kind, events));
    decide(&limit(), id, &answered)
}

fn applied() -> outcome::Kind {
    outcome::Kind::Applied(log::Applied {})
}

fn refused(reason: RefusalReason) -> outcome::Kind {
    outcome::Kind::Refused(log::Refused { reason: reason.into() })
}

#[test]
fn the_events_make_the_status() {
    use OrderStatus::{Expired, Filled, Open, PartiallyFilled, Rejected};
    let others = end(3, EndReason::Filled, 0);
    #[rustfmt::skip]
    let table = [
        (Open, "0.5", 0, "", applied(), vec![]),
        (PartiallyFilled, "0.1", 1, "", applied(), vec![trade(40_000, 10_000), others.clone()]),
        (Filled, "0", 2, "", applied(), vec![trade(40_000, 10_000), trade(10_000, 0), others, end(ID, EndReason::Filled, 0)]),
        (Expired, "0.5", 0, "immediate_or_cancel", applied(), vec![end(ID, EndReason::ImmediateOrCancel, 50_000)]),
        (Expired, "0.1", 1, "price_protection", applied(), vec![trade(40_000, 10_000), end(ID, EndReason::PriceProtection, 10_000)]),
        (Expired, "0.5", 0, "fill_or_kill", applied(), vec![end(ID, EndReason::FillOrKill, 50_000)]),
        (Open, "0.3", 0, "", applied(), vec![prevented(20_000, 30_000)]),
        (Expired, "0", 0, "self_trade_prevented", applied(), vec![prevented(50_000, 0), end(ID, EndReason::SelfTradePrevented, 0)]),
        (Rejected, "0.5", 0, "would_take", refused(RefusalReason::WouldTake), vec![]),
        (Rejected, "0.5", 0, "insufficient_funds", refused(RefusalReason::InsufficientFunds), vec![]),
        (Rejected, "0.5", 0, "poison", outcome::Kind::Poison(log::Poison::default()), vec![]),
    ];
    for (status, remaining, fills, reason, kind, events) in table {
        let Decision::Decided(order) = decided(kind, events) else { panic!("it is decided") };
        assert_eq!(order.status(), status);
        assert_eq!((order.remaining.as_str(), order.fills.len()), (remaining, fills), "{status:?}");
        assert_eq!(order.reject_reason, reason);
        assert_eq!((order.id, order.client_order_id.as_str()), (ID, "a-1"));
        assert_eq!(order.receipt, Some(Receipt { partition: 0, offset: ID }));
    }
}

#[test]
fn what_an_order_says_and_what_was_prevented_is_told() {
    let day = event::Kind::OrderPlaced(log::OrderPlaced {
        expires_at_unix_nanos: 5_000_000_000,
        ..Default::default()
    });
    let events = vec![day, prevented(20_000, 30_000)];
    let Decision::Decided(order) = decided(applied(), events) else { panic!("it is decided") };
    assert_eq!(order.prevented_quantity, "0.2");
    assert_eq!(order.expires_at, Some(prost_types::Timestamp { seconds: 5, nanos: 0 }));
    let placed = placed(OrderFields {
        client_id: Some("alice"),
        instrument: Some("BTC-USDT"),
        side: Word::Text("buy"),
        order_type: Word::Text("limit"),
        price: Some("1"),
        quantity: Some("1"),
        post_only: true,
        self_trade_prevention: Word::Text("decrement"),
        ..OrderFields::default()
    });
    let order = pending(&placed, OrderId::from_number(ID).expect("in range"), Timestamp::EPOCH);
    assert!(order.post_only);
    assert_eq!(order.self_trade_prevention(), proto::trading::SelfTradePrevention::Decrement);
}

#[test]
fn a_fill_names_its_trade_globally() {
    let Decision::Decided(order) = decided(applied(), vec![trade(40_000, 10_000)]) else {
        panic!("it is decided");
    };
    let fill = &order.fills[0];
    assert_eq!((fill.trade_id.as_str(), fill.price.as_str()), ("BTC-USDT-17", "100"));
    assert_eq!((fill.quantity.as_str(), fill.maker_order_id), ("0.4", 3));
}

#[test]
fn duplicates_and_reused_keys_are_told_apart() {
    let duplicate = outcome::Kind::Duplicate(log::Duplicate { original_order_id: 5 });
    let original = OrderId::from_number(5).expect("in range");
    assert_eq!(decided(duplicate, vec![]), Decision::Duplicate(original));
    let reused = decided(refused(RefusalReason::KeyReused), vec![]);
    assert!(matches!(reused, Decision::KeyReused(order) if order.reject_reason == "key_reused"));
}

#[test]
fn late_full_and_limit_refusals_leave_the_key() {
    let consumes = |kind| consumes_key(&answer(kind, vec![]));
    assert!(consumes(applied()));
    assert!(consumes(refused(RefusalReason::InsufficientFunds)));
    assert!(consumes(refused(RefusalReason::WouldTake)));
    for reason in [
        RefusalReason::Late,
        RefusalReason::TooManyKeys,
        RefusalReason::TooManyOpenOrders,
        RefusalReason::TooManyAccounts,
        RefusalReason::NotInForce,
    ] {
        assert!(!consumes(refused(reason)), "{reason:?}");
    }
}

#[test]
fn a_market_order_by_quote_amount_has_no_quantity() {
    let placed = placed(OrderFields {
        client_id: Some("alice"),
        instrument: Some("BTC-USDT"),
        side: Word::Text("buy"),
        order_type: Word::Text("market"),
        quote_quantity: Some("12.50"),
        ..OrderFields::default()
    });
    let id = OrderId::from_number(ID).expect("in range");
    let order = pending(&placed, id, Timestamp::EPOCH);
    assert_eq!((order.quantity.as_str(), order.quote_quantity.as_str()), ("", "12.5"));
    assert_eq!(order.client_order_id, "", "a made-up key is not the client's");
    assert_eq!(unknown(&placed, None, Timestamp::EPOCH).receipt, None);
}

#[test]
fn what_ended_by_itself_in_the_same_answer_was_not_cancelled() {
    let events = vec![
        end(3, EndReason::ParkedTooLong, 5),
        end(ID, EndReason::Cancelled, 5),
        end(4, EndReason::ParkedTooLong, 5),
    ];
    let answer = answer(applied(), events);
    let cancelled: Vec<u64> = cancelled_by(&answer).map(|ended| ended.order_id).collect();
    assert_eq!(cancelled, [ID]);
}

#[test]
fn the_depth_sequence_is_that_of_the_instrument() {
    let change = |instrument_id, sequence| {
        event::Kind::BookChanged(log::BookChanged { instrument_id, sequence, ..Default::default() })
    };
    let answer = answer(applied(), vec![change(1, 4), change(2, 9)]);
    assert_eq!(depth_sequence(&answer, Some(InstrumentId(1))), 4);
    assert_eq!(depth_sequence(&answer, Some(InstrumentId(3))), 0);
}

#[test]
fn a_fill_says_what_the_order_was_charged_and_in_what() {
    let charged = |units, buyer_fee_in_base, side: proto::trading::Side| {
        let kind = match trade(50_000, 0) {
            event::Kind::Trade(trade) => event::Kind::Trade(TradeExecuted {
                taker_side: side.into(),
                taker_fee: (units != 0).then_some(log::Amount { units, units_high: 0 }),
                maker_fee: Some(log::Amount { units: 7, units_high: 0 }),
                buyer_fee_in_base,
                ..trade
            }),
            other => other,
        };
        let Decision::Decided(order) = decided(applied(), vec![kind]) else { panic!("decided") };
        let [fill] = &order.fills[..] else { panic!("one fill") };
        (fill.fee.clone(), fill.fee_asset.clone())
    };
    use proto::trading::Side::{Buy, Sell};
    let told = |fee: &str, asset: &str| (fee.to_owned(), asset.to_owned());
    assert_eq!(charged(150, false, Buy), told("0.0000015", "USDT"));
    assert_eq!(charged(150, true, Buy), told("0.0000015", "BTC"));
    assert_eq!(charged(150, true, Sell), told("0.0000015", "USDT"), "the buyer's is the maker's");
    assert_eq!(charged(-150, false, Sell), told("-0.0000015", "USDT"));
    assert_eq!(charged(0, false, Buy), told("", ""));
}
