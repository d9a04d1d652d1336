//! Iceberg orders: that all of one is held though a part is shown, that nothing of a hold stays
//! however it ends, and what an answer tells of its parts.

use matcher::Exchange;
use model::{Instructions, Quantity, SelfTradePrevention, Side, TimeInForce};
use proto::{
    command::Command,
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
};
use spine::Core;

use crate::venue::{BTC, Became, USD, Venue, became, limit, saying};

const COIN: i128 = 100_000_000;

/// The same order, of which so many lots are shown at a time.
fn showing(command: Command, lots: u64) -> Command {
    let display = Quantity::from_lots(lots).ok();
    saying(command, TimeInForce::Gtc, Instructions { display, ..Instructions::default() })
}

fn preventing(command: Command, self_trade: SelfTradePrevention) -> Command {
    saying(command, TimeInForce::Gtc, Instructions { self_trade, ..Instructions::default() })
}

/// What happened, in short and in order.
fn told(body: &AnswerBody) -> Vec<String> {
    let told = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::Trade(trade) => Some(format!(
            "{} lots of {}, {} left",
            trade.quantity_lots, trade.maker_order_id, trade.maker_remaining_lots
        )),
        Kind::OrderRefilled(refilled) => {
            Some(format!("{} shows {}", refilled.order_id, refilled.shown_lots))
        }
        Kind::OrderEnded(end) => Some(format!("{} ends", end.order_id)),
        Kind::BookChanged(changed) => {
            let levels = changed.bids.iter().chain(&changed.asks);
            let levels = levels.map(|level| format!("{}: {}", level.price_ticks, level.total_lots));
            Some(levels.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    });
    told.collect()
}

fn restore(venue: &mut Venue) {
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
}

/// 100 ticks are one USD and 100,000 lots one BTC. Alice offers 3 BTC at 100 USD, a tenth at a
/// time; a part is bought; then it ends in each way that there is.
#[test]
fn all_of_it_is_held_and_every_end_lets_all_of_it_go() {
    use SelfTradePrevention::{ExpireBoth, ExpireMaker};
    let meet = |mode| preventing(limit("m", Side::Buy, 10_000, 1_000), mode);
    let ends: [(&str, Command); 4] = [
        ("alice", Command::CancelAll { instrument: None }),
        ("alice", meet(ExpireMaker)),
        ("alice", meet(ExpireBoth)),
        ("bob", limit("b", Side::Buy, 10_000, 285_000)),
    ];
    for (who, end) in ends {
        let mut venue = Venue::new(true);
        venue.apply("alice", showing(limit("1", Side::Sell, 10_000, 300_000), 10_000));
        assert_eq!(venue.balance("alice", BTC), (7 * COIN, 3 * COIN));
        venue.apply("bob", limit("1", Side::Buy, 10_000, 15_000));
        let left = 285 * COIN / 100;
        assert_eq!(venue.balance("alice", BTC), (7 * COIN, left), "{end:?}");
        restore(&mut venue);
        let body = venue.apply(who, end.clone());
        assert_eq!(became(&body), Became::Applied, "{end:?}");
        venue.exchange.check_invariants().expect("all holds");
        assert_eq!(venue.balance("alice", BTC).1, 0, "{end:?}: nothing stays held");
    }
}

#[test]
fn an_answer_tells_each_part_in_its_place_and_of_the_book_only_what_is_shown() {
    let mut venue = Venue::new(true);
    let body = venue.apply("alice", showing(limit("1", Side::Sell, 10_000, 5_000), 2_000));
    let alice = venue.last_order();
    assert_eq!(told(&body), ["10000: 2000"]);
    let body = venue.apply("bert", limit("1", Side::Sell, 10_000, 1_000));
    let bert = venue.last_order();
    assert_eq!(told(&body), ["10000: 3000"]);
    let body = venue.apply("carl", limit("1", Side::Buy, 10_000, 4_500));
    let carl = venue.last_order();
    assert_eq!(
        told(&body),
        [
            format!("2000 lots of {alice}, 3000 left"),
            format!("{alice} shows 2000"),
            format!("1000 lots of {bert}, 0 left"),
            format!("{bert} ends"),
            format!("1500 lots of {alice}, 1500 left"),
            format!("{carl} ends"),
            "10000: 500".to_owned(),
        ]
    );
    let body = venue.apply("carl", limit("2", Side::Buy, 10_000, 500));
    assert_eq!(told(&body)[1], format!("{alice} shows 1000"));
    let body = venue.apply("carl", limit("3", Side::Buy, 10_000, 1_000));
    assert_eq!(told(&body)[1], format!("{alice} ends"));
    venue.exchange.check_invariants().expect("all holds");
    assert_eq!(venue.balance("alice", USD), (1_005 * COIN, 0));
}

#[test]
fn a_snapshot_keeps_what_is_shown_and_whose_turn_it_is() {
    let mut venue = Venue::new(true);
    venue.apply("alice", showing(limit("1", Side::Sell, 10_000, 6_000), 2_000));
    let alice = venue.last_order();
    venue.apply("bert", limit("1", Side::Sell, 10_000, 1_000));
    let bert = venue.last_order();
    venue.apply("carl", limit("1", Side::Buy, 10_000, 2_000));
    restore(&mut venue);
    let depth = venue.exchange.books().depth(crate::venue::BTC_USD, 5);
    assert_eq!(depth.asks.iter().map(|(_, lots)| *lots).collect::<Vec<_>>(), [3_000]);
    let body = venue.apply("carl", limit("2", Side::Buy, 10_000, 2_500));
    assert_eq!(
        told(&body)[..3],
        [
            format!("1000 lots of {bert}, 0 left"),
            format!("{bert} ends"),
            format!("1500 lots of {alice}, 2500 left"),
        ]
    );
    restore(&mut venue);
    let image = venue.exchange.books().image();
    let iceberg = image.orders[0].iceberg.expect("it is one");
    assert_eq!((iceberg.display.lots(), iceberg.shown.lots()), (2_000, 500));
}

#[test]
fn more_parts_than_may_be_and_a_log_without_them_are_refused() {
    let mut venue = Venue::new(true);
    // Time has passed before.
    venue.apply("nobody", Command::CancelAll { instrument: None });
    let before = (venue.exchange.books().image(), venue.exchange.accounts().image());
    let many = || showing(limit("1", Side::Sell, 10_000, 100_001), 1_000);
    let body = venue.apply("alice", many());
    assert_eq!(became(&body), Became::Refused(RefusalReason::TooManyParts));
    assert_eq!(before, (venue.exchange.books().image(), venue.exchange.accounts().image()));
    let first = venue.last_order().number();
    assert_eq!(became(&venue.apply("alice", many())), Became::Duplicate(first));
    venue.behaviour = 3;
    let good = || showing(limit("2", Side::Sell, 10_000, 100_000), 1_000);
    let refused = Became::Refused(RefusalReason::NotInForce);
    assert_eq!(became(&venue.apply("alice", good())), refused);
    venue.behaviour = 4;
    assert_eq!(became(&venue.apply("alice", good())), Became::Applied, "the key was free");
    let body = venue.apply("alice", Command::CancelAll { instrument: None });
    let ended = body.events.iter().find_map(|event| match event.kind.as_ref()? {
        Kind::OrderEnded(end) => Some((end.reason(), end.remaining_lots)),
        _ => None,
    });
    assert_eq!(ended, Some((EndReason::Cancelled, 100_000)));
}
