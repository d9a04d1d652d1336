//! What is written field by field is what any protobuf writer would write of the same message.

use model::{
    AccountName, Amount, AssetId, Instructions, InstrumentId, KeyText, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use prost::Message;

use super::*;
use crate::{
    command::{Ask, Key, KeySpace, PlaceOrder},
    convert,
    log::PostingCause,
};

/// Numbers that take one byte and more, and none at all.
const NUMBERS: [u64; 6] = [0, 1, 127, 128, 1 << 40, (1 << 53) - 1];

fn units(number: u64, sign: i128) -> Amount {
    Amount::from_units(i128::from(number) * sign * (1 << 30))
}

/// Every field at every one of the numbers, with the others at different ones.
fn places() -> Vec<PlaceOrder> {
    let text = |length: usize| KeyText::new(&"k".repeat(length)).expect("a good key");
    let price = |number: u64| Price::from_ticks(number.clamp(1, 1 << 40)).expect("in range");
    let lots = |number: u64| Quantity::from_lots(number.clamp(1, 1 << 40)).expect("in range");
    let mut places = Vec::new();
    for (at, number) in NUMBERS.into_iter().enumerate() {
        let asks = [
            Ask::Limit { price: price(number), quantity: lots(NUMBERS[5 - at]) },
            Ask::Market { quantity: lots(number) },
            Ask::MarketByQuote { amount: units(number, 1) },
        ];
        let instructions = [
            Instructions::default(),
            Instructions {
                post_only: at.is_multiple_of(2),
                self_trade: SelfTradePrevention::Decrement,
                expires_at: Some(Timestamp::from_unix_nanos(number)),
                display: Some(lots(number)),
                ..Instructions::default()
            },
        ];
        for (ask, instructions) in asks.into_iter().zip(instructions.into_iter().cycle()) {
            places.push(PlaceOrder {
                key: Key {
                    space: [KeySpace::ClientOrderId, KeySpace::Generated][at % 2],
                    text: text(1 + at * 12),
                },
                instrument: InstrumentId(u32::try_from(number % 1_000).expect("small")),
                side: [Side::Buy, Side::Sell][at % 2],
                ask,
                time_in_force: [TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Day][at % 3],
                instructions,
            });
        }
    }
    places
}

#[test]
fn what_an_order_asks_for_is_written_as_its_message() {
    for place in places() {
        let mut bytes = Vec::new();
        encode_place_order(&place, &mut bytes);
        let message = log::PlaceOrder::from(&place);
        assert_eq!(bytes, message.encode_length_delimited_to_vec(), "{place:?}");
    }
}

#[test]
fn what_orders_did_is_written_as_its_message() {
    let (mut draft, mut body) = (Draft::default(), log::AnswerBody::default());
    let mut tell = |kind| body.events.push(log::Event { kind: Some(kind) });
    for (at, place) in places().iter().enumerate() {
        let (account, number) = (u32::try_from(at % 3).expect("small"), NUMBERS[at % 6]);
        let terms = Terms { account, place, replaces: at.is_multiple_of(2) };
        draft.placed(&Placed {
            terms,
            order_id: number,
            expires_at_unix_nanos: NUMBERS[(at + 1) % 6],
            replaced_order_id: NUMBERS[(at + 2) % 6],
        });
        let asked = log::PlaceOrder::from(place);
        let terms = log::OrderTerms {
            account,
            key_space: asked.key_space,
            key: asked.key,
            instrument_id: asked.instrument_id,
            side: asked.side,
            r#type: asked.r#type,
            time_in_force: asked.time_in_force,
            price_ticks: asked.price_ticks,
            quantity_lots: asked.quantity_lots,
            quote_quantity: asked.quote_quantity,
            instructions: asked.instructions,
            replaces: at.is_multiple_of(2),
        };
        tell(event::Kind::OrderPlaced(log::OrderPlaced {
            terms: Some(terms),
            order_id: number,
            expires_at_unix_nanos: NUMBERS[(at + 1) % 6],
            replaced_order_id: NUMBERS[(at + 2) % 6],
        }));
        let ended = log::OrderEnded {
            order_id: number,
            account,
            instrument_id: 7,
            reason: log::EndReason::KillSwitch.into(),
            remaining_lots: NUMBERS[(at + 3) % 6],
        };
        draft.ended(&ended);
        tell(event::Kind::OrderEnded(ended));
        let trade = trade(at);
        draft.trade(&trade);
        tell(event::Kind::Trade(trade));
        let levels: Vec<_> = (0..at as u64).map(|level| (level * 100, level % 3)).collect();
        draft.book_changed(3, number, levels.iter().copied(), levels.iter().copied().take(1));
        let of_wire = |(price_ticks, total_lots)| log::Level { price_ticks, total_lots };
        let bids: Vec<_> = levels.into_iter().map(of_wire).collect();
        let asks = bids.iter().take(1).copied().collect();
        let changed = log::BookChanged { instrument_id: 3, sequence: number, bids, asks };
        tell(event::Kind::BookChanged(changed));
    }
    is_written_alike(&draft, &body);
}

fn trade(at: usize) -> log::TradeExecuted {
    let number = |more: usize| NUMBERS[(at + more) % 6];
    log::TradeExecuted {
        instrument_id: 1,
        trade_id: number(0),
        price_ticks: number(1),
        quantity_lots: number(2),
        maker_order_id: number(3),
        taker_order_id: number(4),
        maker_account: u32::try_from(at).expect("small"),
        taker_account: 1,
        maker_remaining_lots: number(5),
        taker_remaining_lots: number(1),
        taker_side: 1 + i32::from(at.is_multiple_of(2)),
        maker_fee: at.is_multiple_of(2).then(|| convert::to_amount(units(number(0), -1))),
        taker_fee: at.is_multiple_of(3).then(|| convert::to_amount(units(number(0), 1))),
        in_auction: at.is_multiple_of(4),
        buyer_fee_in_base: at.is_multiple_of(5),
    }
}

#[test]
fn money_is_written_as_its_messages() {
    let (mut draft, mut body) = (Draft::default(), log::AnswerBody::default());
    let name = |number: u32| {
        AccountName::new(&format!("client-{number}")).expect("a good name").as_str().to_owned()
    };
    for (at, number) in NUMBERS.into_iter().enumerate() {
        let head = PostingHead {
            cause: [PostingCause::Trade, PostingCause::Transfer][at % 2],
            order_id: number,
            instrument_id: u32::try_from(at).expect("small"),
            trade_id: NUMBERS[5 - at],
            external_id: ["", "of-outside"][at % 2],
            link_partition: u32::try_from(at % 2).expect("small"),
        };
        let count = u32::try_from(at * 3).expect("small");
        let mut next = 0;
        draft.posting(&head, |draft| {
            next += 1;
            (next <= count).then(|| PostedLeg {
                bucket: [log::Bucket::Available, log::Bucket::Fees][at % 2],
                account: draft.account(&name(next)),
                asset: AssetId(next),
                amount: units(number, [1, -1][at % 2]),
            })
        });
        let first = u32::try_from(body.accounts.len()).expect("small");
        body.accounts.extend((1..=count).map(name));
        let leg = |leg| log::Leg {
            bucket: [log::Bucket::Available, log::Bucket::Fees][at % 2].into(),
            account: first + leg - 1,
            asset_id: leg,
            amount: Some(convert::to_amount(units(number, [1, -1][at % 2]))),
        };
        body.postings.push(log::Posting {
            cause: head.cause.into(),
            order_id: head.order_id,
            instrument_id: head.instrument_id,
            trade_id: head.trade_id,
            external_id: head.external_id.to_owned(),
            legs: (1..=count).map(leg).collect(),
            link_partition: head.link_partition,
        });
        let link = at.is_multiple_of(2).then(|| units(number, -1));
        draft.balance(count, AssetId(5), units(number, 1), units(1, 1), link);
        body.balances.push(log::Balance {
            account: count,
            asset_id: 5,
            available: Some(convert::to_amount(units(number, 1))),
            held: Some(convert::to_amount(units(1, 1))),
            link: link.map(convert::to_amount),
        });
        draft.fee_income(AssetId(9), units(number, 1));
        let amount = Some(convert::to_amount(units(number, 1)));
        body.fee_income.push(log::FeeIncome { asset_id: 9, amount });
    }
    is_written_alike(&draft, &body);
}

/// The draft has the bytes of the message, also as the body of an answer, and comes back from it.
fn is_written_alike(draft: &Draft, body: &log::AnswerBody) {
    let (mut draft, mut body) = (draft.clone(), body.clone());
    let applied = log::outcome::Kind::Applied(log::Applied {});
    draft.outcome = Some(log::Outcome { kind: Some(applied) });
    draft.links_sent = vec![log::LinkSent { destination: 2, link_seq: 300, item: None }];
    draft.link_progress =
        vec![log::LinkProgress { partition: 1, taken: 500, ..Default::default() }];
    body.outcome = draft.outcome.clone();
    (body.links_sent, body.link_progress) = (draft.links_sent.clone(), draft.link_progress.clone());
    let mut bytes = Vec::new();
    draft.encode(&mut bytes);
    assert_eq!(draft.body(), body);
    assert_eq!(bytes, body.encode_to_vec());
    let mut again = Vec::new();
    Draft::from(body.clone()).encode(&mut again);
    assert_eq!(again, bytes);
    let head = Head {
        out_seq: 5,
        in_offset: 0,
        epoch: 300,
        behaviour: 4,
        input_hash: &[1; 16],
        prev_chain: &[2; 16],
        now_unix_nanos: 9,
        request_id: u128::MAX - 1,
    };
    let answer = log::Answer {
        out_seq: 5,
        in_offset: 0,
        epoch: 300,
        behaviour: 4,
        input_hash: vec![1; 16],
        prev_chain: vec![2; 16],
        now_unix_nanos: 9,
        request_id_high: u64::MAX,
        request_id_low: u64::MAX - 1,
        body: Some(body),
        chain: Vec::new(),
    };
    assert_eq!(draft.encode_answer(&head), answer.encode_to_vec());
    draft.clear();
    assert_eq!(draft.body(), log::AnswerBody::default());
}
