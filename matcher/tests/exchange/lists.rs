//! Lists of orders: what they hold, that only one of two trades, and that nothing of a hold stays.

use matcher::{Exchange, limits::OPEN_ORDERS_PER_ACCOUNT_MAX};
use model::{
    Contingency, Instructions, KeyText, OrderId, Price, Quantity, Side, TimeInForce, Trigger,
    TriggerKind,
};
use proto::{
    command::{Ask, Command, Key, KeySpace, Leg, PlaceList},
    draft::Draft,
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
    trading::OrderListStatus,
};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::venue::{BTC, BTC_USD, Became, USD, Venue, became, limit, market, movement};

const COIN: i128 = 100_000_000;

fn leg(side: Side, ask: Ask, instructions: Instructions) -> Leg {
    let time_in_force = match ask {
        Ask::Limit { .. } => TimeInForce::Gtc,
        _ => TimeInForce::Ioc,
    };
    Leg { side, ask, time_in_force, instructions }
}

fn price(ticks: u64) -> Price {
    Price::from_ticks(ticks).expect("in range")
}

fn lots(count: u64) -> Quantity {
    Quantity::from_lots(count).expect("in range")
}

fn priced(side: Side, ticks: u64, count: u64) -> Leg {
    let ask = Ask::Limit { price: price(ticks), quantity: lots(count) };
    leg(side, ask, Instructions::default())
}

fn resting(side: Side, ticks: u64, count: u64) -> Leg {
    let instructions = Instructions { post_only: true, ..Instructions::default() };
    Leg { instructions, ..priced(side, ticks, count) }
}

/// The same order, asleep until a trade is at so many ticks or beyond.
fn waking(leg: Leg, kind: TriggerKind, ticks: u64) -> Leg {
    let trigger = Some(Trigger { kind, price: price(ticks) });
    Leg { instructions: Instructions { trigger, ..Instructions::default() }, ..leg }
}

fn stop(side: Side, ticks: u64, count: u64) -> Leg {
    let market = leg(side, Ask::Market { quantity: lots(count) }, Instructions::default());
    waking(market, TriggerKind::StopLoss, ticks)
}

fn list(key: &str, contingency: Contingency, legs: &[Leg]) -> Command {
    let key = Key { space: KeySpace::ClientOrderId, text: KeyText::new(key).expect("a good key") };
    Command::PlaceList(PlaceList { key, instrument: BTC_USD, contingency, legs: legs.to_vec() })
}

/// A seller's pair around 10,000 ticks.
pub(crate) fn pair(key: &str, count: u64) -> Command {
    let legs = [resting(Side::Sell, 11_000, count), stop(Side::Sell, 9_000, count)];
    list(key, Contingency::Oco, &legs)
}

/// A buyer's order far below 10,000 ticks, and what sells again once it is filled.
pub(crate) fn working(key: &str, count: u64) -> Command {
    let legs = [priced(Side::Buy, 8_000, count), priced(Side::Sell, 12_000, count)];
    list(key, Contingency::Oto, &legs)
}

/// A list for random flows, around 10,000 ticks: most of them good.
pub(crate) fn drawn(random: &mut Pcg64Mcg) -> Command {
    let key = format!("list-{}", random.random_range(0..200));
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let count = random.random_range(1..200_000);
    let mut near = |from: u64, to: u64| 10_000 - from + random.random_range(0..from + to);
    let (up, down, at, then) = (near(10, 90), near(90, 10), near(60, 60), near(90, 90));
    let (gain, loss) = if side == Side::Sell { (up, down) } else { (down, up) };
    let gain = match random.random_range(0..3) {
        0 => resting(side, gain, count),
        1 => waking(priced(side, gain, count), TriggerKind::TakeProfit, gain),
        _ => waking(stop(side, gain, count), TriggerKind::TakeProfit, gain),
    };
    let loss = match random.random_bool(0.5) {
        true => stop(side, loss, count),
        false => waking(priced(side, then, count), TriggerKind::StopLoss, loss),
    };
    let pair = if side == Side::Sell { [gain, loss] } else { [loss, gain] };
    let working = priced(side.opposite(), at, count);
    match random.random_range(0..3) {
        0 => list(&key, Contingency::Oco, &pair),
        1 => list(&key, Contingency::Otoco, &[working, pair[0], pair[1]]),
        _ => {
            let one = match random.random_range(0..3) {
                0 => leg(side, Ask::Market { quantity: lots(count) }, Instructions::default()),
                1 => priced(side, then, count),
                _ => loss,
            };
            list(&key, Contingency::Oto, &[working, one])
        }
    }
}

/// What happened, in short; orders by their leg, or by `?` where it is not of a list.
fn told(body: &AnswerBody) -> Vec<String> {
    let leg = |number: u64| match OrderId::from_number(number).expect("an id").leg() {
        0 => "?".to_owned(),
        leg => leg.to_string(),
    };
    let told = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::ListPlaced(_) => Some("placed".to_owned()),
        Kind::ListRejected(rejected) => Some(format!("rejected {:?}", rejected.reason())),
        Kind::PendingPlaced(placed) => Some(format!("{} goes on", leg(placed.order_id))),
        Kind::ListStatus(status) if status.status() == OrderListStatus::AllDone => {
            Some("all done".to_owned())
        }
        Kind::OrderTriggered(woken) => Some(format!("{} wakes", leg(woken.order_id))),
        Kind::Trade(trade) => {
            Some(format!("{} takes {}", leg(trade.taker_order_id), leg(trade.maker_order_id)))
        }
        Kind::OrderEnded(end) => Some(format!("{} ends, {:?}", leg(end.order_id), end.reason())),
        _ => None,
    });
    told.collect()
}

fn applied(venue: &mut Venue, account: &str, command: Command) -> AnswerBody {
    let body = venue.apply(account, command);
    assert_eq!(became(&body), Became::Applied, "{:?}", told(&body));
    venue.exchange.check_invariants().expect("all holds");
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    body
}

fn held(venue: &Venue, account: &str) -> (i128, i128) {
    (venue.balance(account, USD).1, venue.balance(account, BTC).1)
}

/// 100 ticks are one USD and 100,000 lots one BTC; the price protection is 5 %.
#[test]
fn two_orders_hold_what_the_larger_of_them_needs() {
    let table = [
        // Above, below, and what they hold of USD and BTC in hundredths of coins.
        (resting(Side::Sell, 11_000, 100_000), stop(Side::Sell, 9_000, 100_000), 0, 100),
        (stop(Side::Buy, 20_000, 100_000), resting(Side::Buy, 9_000, 100_000), 21_000, 0),
        (
            waking(priced(Side::Buy, 8_000, 100_000), TriggerKind::StopLoss, 20_000),
            resting(Side::Buy, 9_000, 100_000),
            9_000,
            0,
        ),
        (
            waking(priced(Side::Buy, 20_500, 100_000), TriggerKind::StopLoss, 20_000),
            waking(stop(Side::Buy, 1, 100_000), TriggerKind::TakeProfit, 10_000),
            20_500,
            0,
        ),
    ];
    for (above, below, usd, btc) in table {
        for how in 0..4 {
            let mut venue = Venue::new(true);
            let body = applied(&mut venue, "anna", list("1", Contingency::Oco, &[above, below]));
            assert_eq!(told(&body), ["placed"]);
            let hundredth = COIN / 100;
            assert_eq!(held(&venue, "anna"), (usd * hundredth, btc * hundredth), "{above:?}");
            let id = venue.last_order();
            let body = venue.apply("bob", Command::Cancel { order_id: id });
            assert_eq!(became(&body), Became::Refused(RefusalReason::UnknownOrder));
            let cancel = match id.with_leg(how) {
                Some(order_id) if how < 3 => Command::Cancel { order_id },
                _ => Command::CancelAll { instrument: None },
            };
            let mut ends = told(&applied(&mut venue, "anna", cancel));
            ends.sort_unstable();
            assert_eq!(ends, ["1 ends, Cancelled", "2 ends, Cancelled", "all done"]);
            assert_eq!(venue.exchange.accounts().count(), 0, "nothing stays held");
        }
    }
}

#[test]
fn together_they_need_not_be_affordable_but_each_must_be() {
    let mut venue = Venue::new(false);
    applied(&mut venue, "anna", Command::Deposit(movement(USD, 120 * COIN, "1")));
    let legs = |stop_at| {
        let stop = waking(priced(Side::Buy, stop_at, 100_000), TriggerKind::StopLoss, 11_000);
        [stop, resting(Side::Buy, 9_000, 100_000)]
    };
    let body = venue.apply("anna", list("1", Contingency::Oco, &legs(12_001)));
    assert_eq!(became(&body), Became::Refused(RefusalReason::InsufficientFunds));
    applied(&mut venue, "anna", list("2", Contingency::Oco, &legs(12_000)));
    assert_eq!(venue.balance("anna", USD), (0, 120 * COIN));
}

#[test]
fn the_first_trade_of_one_ends_the_other_and_frees_what_only_that_needed() {
    let mut venue = Venue::new(true);
    let stop = waking(priced(Side::Buy, 12_000, 200_000), TriggerKind::StopLoss, 11_000);
    let legs = [stop, resting(Side::Buy, 9_000, 200_000)];
    applied(&mut venue, "anna", list("1", Contingency::Oco, &legs));
    let id = venue.last_order();
    assert_eq!(held(&venue, "anna"), (240 * COIN, 0));
    let body = applied(&mut venue, "bert", limit("1", Side::Sell, 9_000, 50_000));
    assert_eq!(told(&body), ["1 ends, OrderList", "? takes 2", "? ends, Filled"]);
    assert_eq!(held(&venue, "anna"), (135 * COIN, 0), "what is left at its own price");
    // The list's own id still means what is left of it.
    let body = applied(&mut venue, "anna", Command::Cancel { order_id: id });
    assert_eq!(told(&body), ["2 ends, Cancelled", "all done"]);
    assert_eq!(held(&venue, "anna"), (0, 0));
    assert_eq!(venue.balance("anna", USD).0, 955 * COIN);
}

#[test]
fn the_stop_goes_on_with_what_it_alone_holds() {
    let mut venue = Venue::new(true);
    applied(&mut venue, "anna", pair("1", 100_000));
    applied(&mut venue, "bert", limit("1", Side::Buy, 8_900, 300_000));
    let body = applied(&mut venue, "carl", limit("1", Side::Sell, 8_900, 1_000));
    assert_eq!(
        told(&body),
        [
            "? takes ?",
            "? ends, Filled",
            "2 wakes",
            "1 ends, OrderList",
            "2 takes ?",
            "2 ends, Filled",
            "all done"
        ]
    );
    let changes = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::BookChanged(change) => Some((change.sequence, change.asks.len(), change.bids.len())),
        _ => None,
    });
    // The other leaves the book as a change of its own, before the one that has woken trades.
    assert_eq!(changes.collect::<Vec<_>>(), [(3, 0, 1), (4, 1, 0), (5, 0, 1)]);
    assert_eq!(held(&venue, "anna"), (0, 0));
    assert_eq!(venue.balance("anna", BTC).0, 9 * COIN);
}

#[test]
fn what_waits_needs_no_money_until_it_is_placed_and_is_placed_with_what_came_in() {
    let mut venue = Venue::new(false);
    applied(&mut venue, "anna", Command::Deposit(movement(USD, 99 * COIN, "1")));
    applied(&mut venue, "bert", Command::Deposit(movement(BTC, COIN, "1")));
    let sell = [resting(Side::Sell, 11_000, 100_000), stop(Side::Sell, 9_000, 100_000)];
    let bracket = [priced(Side::Buy, 9_900, 100_000), sell[0], sell[1]];
    applied(&mut venue, "anna", list("1", Contingency::Otoco, &bracket));
    assert_eq!(held(&venue, "anna"), (99 * COIN, 0));
    let body = applied(&mut venue, "bert", limit("1", Side::Sell, 9_900, 60_000));
    assert_eq!(told(&body), ["? takes 1", "? ends, Filled"]);
    let body = applied(&mut venue, "bert", limit("2", Side::Sell, 9_900, 40_000));
    assert_eq!(
        told(&body),
        ["? takes 1", "1 ends, Filled", "? ends, Filled", "2 goes on", "3 goes on"]
    );
    assert_eq!(held(&venue, "anna"), (0, COIN), "one hold for both");
    assert_eq!(venue.exchange.books().len(), 2);
    let order_id = venue.last_order();
    assert_eq!(
        became(&venue.apply("anna", Command::Cancel { order_id })),
        Became::Refused(RefusalReason::UnknownOrder)
    );
    applied(&mut venue, "anna", Command::CancelAll { instrument: None });
    assert_eq!(venue.balance("anna", BTC), (COIN, 0));
}

#[test]
fn what_has_no_money_behind_it_when_its_turn_comes_is_not_placed() {
    let mut venue = Venue::new(false);
    applied(&mut venue, "anna", Command::Deposit(movement(USD, 99 * COIN, "1")));
    applied(&mut venue, "bert", Command::Deposit(movement(BTC, COIN, "1")));
    let legs = [priced(Side::Buy, 9_900, 100_000), priced(Side::Sell, 11_000, 100_001)];
    applied(&mut venue, "anna", list("1", Contingency::Oto, &legs));
    let body = applied(&mut venue, "bert", limit("1", Side::Sell, 9_900, 100_000));
    assert_eq!(
        told(&body)[2..],
        ["? ends, Filled", "2 ends, InsufficientFunds", "all done"],
        "{body:?}"
    );
    assert_eq!((held(&venue, "anna"), venue.balance("anna", BTC).0), ((0, 0), COIN));
}

#[test]
fn a_working_order_that_ends_otherwise_takes_what_waits_along() {
    let ioc = |leg: Leg| Leg { time_in_force: TimeInForce::Ioc, ..leg };
    let mut venue = Venue::new(true);
    let legs = [priced(Side::Buy, 9_900, 100_000), priced(Side::Sell, 11_000, 100_000)];
    let body = applied(&mut venue, "anna", list("1", Contingency::Oto, &[ioc(legs[0]), legs[1]]));
    assert_eq!(
        told(&body),
        ["placed", "1 ends, ImmediateOrCancel", "2 ends, OrderList", "all done"]
    );
    assert_eq!(venue.exchange.accounts().count(), 0);
    applied(&mut venue, "anna", list("2", Contingency::Oto, &legs));
    let order_id = venue.last_order().with_leg(2).expect("two");
    let body = applied(&mut venue, "anna", Command::Cancel { order_id });
    assert_eq!(told(&body), ["2 ends, Cancelled", "1 ends, Cancelled", "all done"]);
    assert_eq!(venue.exchange.accounts().count(), 0);
}

#[test]
fn a_list_again_is_its_duplicate_whose_orders_have_names_of_it_too() {
    let mut venue = Venue::new(true);
    applied(&mut venue, "anna", pair("1", 1_000));
    let first = venue.last_order();
    let body = venue.apply("anna", pair("1", 1_000));
    assert_eq!(became(&body), Became::Duplicate(first.number()));
    let again = venue.last_order();
    let other = venue.apply("anna", pair("1", 1_001));
    assert_eq!(became(&other), Became::Refused(RefusalReason::KeyReused));
    let plain = venue.apply("anna", limit("1", Side::Sell, 11_000, 1_000));
    assert_eq!(became(&plain), Became::Refused(RefusalReason::KeyReused), "one name space");
    let order_id = again.with_leg(1).expect("one");
    let body = applied(&mut venue, "anna", Command::Cancel { order_id });
    assert_eq!(told(&body), ["1 ends, Cancelled", "2 ends, Cancelled", "all done"]);
    // The key is remembered while any of its orders is open, and for as long as any.
    assert_eq!(became(&venue.apply("anna", pair("1", 1_000))), Became::Duplicate(first.number()));
}

#[test]
fn a_list_is_refused_whole_and_changes_nothing() {
    let mut venue = Venue::new(true);
    venue.behaviour = 3;
    let body = venue.apply("anna", pair("1", 1_000));
    assert_eq!(became(&body), Became::Refused(RefusalReason::NotInForce));
    venue.behaviour = spine::BEHAVIOUR;
    applied(&mut venue, "maker", limit("1", Side::Sell, 8_900, 1_000));
    applied(&mut venue, "taker", market("1", Side::Buy, 1_000));
    let before = (venue.exchange.books().image(), venue.exchange.accounts().image());
    let body = venue.apply("anna", pair("1", 1_000));
    assert_eq!(became(&body), Became::Refused(RefusalReason::ListPrices));
    assert_eq!(told(&body), ["rejected ListPrices"]);
    assert_eq!(before, (venue.exchange.books().image(), venue.exchange.accounts().image()));
    // The key of the refused list is used up.
    for number in 2..=OPEN_ORDERS_PER_ACCOUNT_MAX {
        venue.apply("anna", limit(&number.to_string(), Side::Buy, 1_000, 10));
    }
    let legs = [priced(Side::Buy, 1_000, 10), priced(Side::Sell, 11_000, 10)];
    let body = venue.apply("anna", list("last", Contingency::Oto, &legs));
    assert_eq!(
        became(&body),
        Became::Refused(RefusalReason::TooManyOpenOrders),
        "two are too many"
    );
    let body = venue.apply("anna", limit("last", Side::Buy, 1_000, 10));
    assert_eq!(became(&body), Became::Applied, "and one is not");
}

#[test]
fn what_does_not_fit_an_answer_is_placed_with_the_next_ticks_and_can_be_cancelled() {
    let mut venue = Venue::new(true);
    let count = matcher::limits::WOKEN_MAX + 3;
    for number in 0..count {
        let legs = [priced(Side::Buy, 9_900, 10), priced(Side::Sell, 11_000, 10)];
        venue.apply("anna", list(&number.to_string(), Contingency::Oto, &legs));
    }
    let last = venue.last_order();
    let goes_on =
        |body: &AnswerBody| told(body).iter().filter(|one| one.ends_with("goes on")).count();
    let body = applied(&mut venue, "bert", limit("1", Side::Sell, 9_900, 10 * count as u64));
    assert_eq!(goes_on(&body), matcher::limits::WOKEN_MAX);
    assert!(venue.exchange.has_more_to_expire(), "so that a tick comes at once");
    let body = applied(&mut venue, "anna", Command::Cancel { order_id: last });
    assert_eq!(told(&body), ["2 ends, Cancelled", "all done"]);
    let mut body = Draft::default();
    venue.exchange.go_on(model::Timestamp::from_unix_nanos(venue.now), &mut body);
    assert_eq!(goes_on(&body.body()), 2);
    assert!(!venue.exchange.has_more_to_expire());
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn an_end_by_time_takes_the_other_along() {
    let mut venue = Venue::new(true);
    let until = model::Timestamp::from_unix_nanos(venue.now + 5);
    let mut gain = resting(Side::Sell, 11_000, 1_000);
    gain.time_in_force = TimeInForce::Gtd;
    gain.instructions.expires_at = Some(until);
    let legs = [gain, stop(Side::Sell, 9_000, 1_000)];
    applied(&mut venue, "anna", list("1", Contingency::Oco, &legs));
    venue.now += 10;
    let body = venue.apply("nobody", Command::CancelAll { instrument: None });
    assert_eq!(told(&body), ["1 ends, Expired", "2 ends, OrderList", "all done"]);
    let reasons = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::OrderEnded(end) => Some(end.reason()),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [EndReason::Expired, EndReason::OrderList]);
    assert_eq!(venue.exchange.accounts().count(), 0);
}
