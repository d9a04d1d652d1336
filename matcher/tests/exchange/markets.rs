//! What markets are open for: who is told what, what waits, and how a delisting ends all that is
//! open and lets go of what it held.

use matcher::{Exchange, limits::ORDER_EXPIRIES_MAX};
use model::{
    Instructions, InstrumentId, MarketState, Price, Quantity, ReplaceMode, Side, TimeInForce,
    Trigger, TriggerKind,
};
use proto::{
    command::{Command, OperatorWord, OrderName, ReplaceOrder},
    convert,
    draft::Draft,
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    flows::{account, command},
    venue::{BTC, BTC_USD, Became, SECOND, USD, Venue, became, limit, market, saying},
};

const SHUT: [(MarketState, RefusalReason); 5] = [
    (MarketState::PostOnly, RefusalReason::MarketPostOnly),
    (MarketState::LimitOnly, RefusalReason::MarketLimitOnly),
    (MarketState::CancelOnly, RefusalReason::MarketCancelOnly),
    (MarketState::Halted, RefusalReason::MarketHalted),
    (MarketState::Delisted, RefusalReason::MarketDelisted),
];

pub(crate) fn set(state: MarketState) -> OperatorWord {
    OperatorWord::SetMarketState { instrument: BTC_USD, state }
}

fn stop(command: Command, ticks: u64) -> Command {
    let price = Price::from_ticks(ticks).expect("in range");
    let trigger = Some(Trigger { kind: TriggerKind::StopLoss, price });
    saying(command, TimeInForce::Gtc, Instructions { trigger, ..Instructions::default() })
}

fn post_only(command: Command) -> Command {
    let instructions = Instructions { post_only: true, ..Instructions::default() };
    saying(command, TimeInForce::Gtc, instructions)
}

fn ends(body: &AnswerBody) -> Vec<EndReason> {
    let end = |event: &proto::log::Event| match event.kind.as_ref()? {
        Kind::OrderEnded(end) => Some(end.reason()),
        _ => None,
    };
    body.events.iter().filter_map(end).collect()
}

fn amend(venue: &Venue, lots: u64) -> Command {
    let quantity = Quantity::from_lots(lots).expect("in range");
    Command::Amend { order: OrderName::Id(venue.last_order()), quantity }
}

#[test]
fn a_state_is_set_once_and_whoever_repeats_it_is_told() {
    let mut venue = Venue::new(true);
    venue.apply("maker", limit("1", Side::Sell, 10_000, 1_000));
    let late = venue.operate_until(set(MarketState::Halted), venue.now - 1);
    assert_eq!(became(&late), Became::Refused(RefusalReason::Late));
    let elsewhere =
        OperatorWord::SetMarketState { instrument: InstrumentId(7), state: MarketState::Halted };
    let unknown = Became::Refused(RefusalReason::UnknownInstrument);
    assert_eq!(became(&venue.operate(elsewhere)), unknown);
    let body = venue.operate(set(MarketState::Halted));
    assert_eq!(became(&body), Became::Applied);
    let [event] = &body.events[..] else { panic!("it is told once: {body:?}") };
    let Some(Kind::MarketStateChanged(changed)) = &event.kind else { panic!("{event:?}") };
    assert_eq!(convert::market_state_from_wire(changed.state), Ok(MarketState::Halted));
    assert_eq!((changed.instrument_id, changed.sequence), (BTC_USD.0, 1), "after the one change");
    let again = venue.operate(set(MarketState::Halted));
    assert_eq!((became(&again), again.events.len()), (Became::Duplicate(0), 0));
    assert_eq!(became(&venue.operate(set(MarketState::Trading))), Became::Applied);
    assert_eq!(became(&venue.operate(set(MarketState::Delisted))), Became::Applied);
    let stays = Became::Refused(RefusalReason::MarketDelisted);
    assert_eq!(became(&venue.operate(set(MarketState::Trading))), stays);
    assert_eq!(became(&venue.operate(set(MarketState::Delisted))), Became::Duplicate(0));
}

#[test]
fn what_a_market_does_not_take_is_refused_with_its_state_and_changes_nothing() {
    for (state, reason) in SHUT {
        let mut venue = Venue::new(true);
        venue.apply("maker", limit("1", Side::Sell, 10_000, 1_000));
        venue.apply("alice", limit("1", Side::Buy, 9_000, 1_000));
        let resting = venue.last_order();
        assert_eq!(became(&venue.operate(set(state))), Became::Applied);
        let before = (venue.exchange.books().image(), venue.exchange.accounts().image());
        let replace = |place| {
            let Command::Place(place) = place else { unreachable!("it is an order") };
            let (replaced, mode) = (OrderName::Id(resting), ReplaceMode::StopOnFailure);
            Command::Replace(ReplaceOrder { replaced, mode, place })
        };
        // Limit-only is asked about what has none.
        let refused = [market("2", Side::Buy, 1_000), stop(market("3", Side::Buy, 10), 12_000)];
        let others = [
            limit("4", Side::Buy, 10_000, 1_000),
            stop(limit("5", Side::Buy, 13_000, 10), 12_000),
            replace(limit("6", Side::Buy, 9_100, 1_000)),
        ];
        let takes_limits = state == MarketState::LimitOnly;
        for command in refused.into_iter().chain(others.into_iter().filter(|_| !takes_limits)) {
            // What is left of a delisted market ends with the next input, whatever that is.
            let body = venue.apply("alice", command.clone());
            assert_eq!(became(&body), Became::Refused(reason), "{command:?}");
            if state != MarketState::Delisted {
                let after = (venue.exchange.books().image(), venue.exchange.accounts().image());
                assert_eq!(before, after);
            }
        }
        venue.exchange.check_invariants().expect("all holds");
    }
}

#[test]
fn what_a_market_takes_it_takes() {
    let mut venue = Venue::new(true);
    venue.operate(set(MarketState::PostOnly));
    venue.apply("maker", post_only(limit("1", Side::Sell, 10_000, 1_000)));
    assert_eq!(became(&venue.apply("maker", amend(&venue, 900))), Became::Applied);
    venue.operate(set(MarketState::LimitOnly));
    let body = venue.apply("taker", limit("1", Side::Buy, 10_000, 100));
    assert_eq!((became(&body), ends(&body)), (Became::Applied, vec![EndReason::Filled]));
    for (state, reason) in [
        (MarketState::CancelOnly, RefusalReason::MarketCancelOnly),
        (MarketState::Halted, RefusalReason::MarketHalted),
    ] {
        venue.operate(set(MarketState::Trading));
        venue.apply("alice", limit(&format!("{state:?}"), Side::Buy, 9_000, 1_000));
        let order_id = venue.last_order();
        let less = amend(&venue, 900);
        venue.operate(set(state));
        let body = venue.apply("alice", less);
        assert_eq!(became(&body), Became::Refused(reason));
        let body = venue.apply("alice", Command::Cancel { order_id });
        assert_eq!((became(&body), ends(&body)), (Became::Applied, vec![EndReason::Cancelled]));
    }
    assert_eq!(venue.balance("alice", USD).1, 0);
}

#[test]
fn a_retry_in_a_halt_is_told_what_became_of_the_first() {
    let mut venue = Venue::new(true);
    let order = limit("1", Side::Sell, 10_000, 1_000);
    venue.apply("maker", order.clone());
    let first = venue.last_order().number();
    venue.operate(set(MarketState::Halted));
    assert_eq!(became(&venue.apply("maker", order)), Became::Duplicate(first));
    // A refusal consumes the key as any by the book does.
    let other = limit("2", Side::Sell, 10_000, 1_000);
    let halted = Became::Refused(RefusalReason::MarketHalted);
    assert_eq!(became(&venue.apply("maker", other.clone())), halted);
    let second = venue.last_order().number();
    venue.operate(set(MarketState::Trading));
    assert_eq!(became(&venue.apply("maker", other)), Became::Duplicate(second));
}

/// 20 stops would wake, of which one answer lets go on no more than fit; a halt comes in between.
#[test]
fn stops_that_woke_wait_for_the_market_and_go_on_with_its_opening() {
    let mut venue = Venue::new(true);
    venue.apply("maker", limit("1", Side::Sell, 10_000, 1_000));
    venue.apply("maker", limit("2", Side::Sell, 10_050, 10_000));
    venue.operate(set(MarketState::LimitOnly));
    venue.operate(set(MarketState::Trading));
    for key in ["a", "b"] {
        venue.apply("anna", stop(market(key, Side::Buy, 1_000), 10_000));
    }
    venue.operate(set(MarketState::LimitOnly));
    let body = venue.apply("bert", limit("1", Side::Buy, 10_000, 1_000));
    assert_eq!(ends(&body), [EndReason::Filled; 2], "and nobody without a limit goes on");
    let held = venue.balance("anna", USD).1;
    assert!(held > 0);
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    let body = venue.operate(set(MarketState::Trading));
    let woken = body.events.iter().filter(|one| matches!(one.kind, Some(Kind::OrderTriggered(_))));
    assert_eq!((woken.count(), ends(&body)), (2, vec![EndReason::Filled; 2]));
    assert_eq!(venue.balance("anna", USD).1, 0);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_delisting_ends_all_in_steps_and_lets_go_of_what_was_held() {
    let mut venue = Venue::new(true);
    let count = ORDER_EXPIRIES_MAX + 10;
    for number in 0..count {
        let name = format!("client-{}", number % 7);
        venue.apply(&name, limit(&number.to_string(), Side::Sell, 10_000 + number as u64, 10));
    }
    venue.apply("anna", stop(market("1", Side::Buy, 1_000), 12_000));
    let body = venue.operate(set(MarketState::Delisted));
    assert_eq!((became(&body), body.events.len()), (Became::Applied, 1));
    let bytes = venue.exchange.encode();
    let nothing = || Command::CancelAll { instrument: None };
    let first = venue.apply("nobody", nothing());
    assert_eq!(ends(&first), vec![EndReason::Delisted; ORDER_EXPIRIES_MAX]);
    assert!(venue.exchange.has_more_to_expire(), "ticks come at once");
    // A state that was restored on the way goes on as the original does.
    let mut twin = Venue::new(true);
    (twin.exchange, twin.next_offset) =
        (Exchange::decode(&bytes).expect("good"), venue.next_offset - 1);
    assert_eq!(twin.apply("nobody", nothing()), first);
    let second = venue.apply("nobody", nothing());
    assert_eq!(ends(&second), vec![EndReason::Delisted; 11]);
    assert_eq!(twin.apply("nobody", nothing()), second);
    assert!(!venue.exchange.has_more_to_expire());
    assert_eq!(venue.exchange.books().len(), 0);
    assert_eq!((venue.balance("anna", USD).1, venue.balance("client-1", BTC).1), (0, 0));
    venue.exchange.check_invariants().expect("all holds");
    assert_eq!(venue.exchange.encode(), twin.exchange.encode());
}

#[test]
fn markets_open_and_close_in_random_flows_and_money_stays_what_it_was() {
    const STATES: [MarketState; 5] = [
        MarketState::PostOnly,
        MarketState::LimitOnly,
        MarketState::CancelOnly,
        MarketState::Halted,
        MarketState::Trading,
    ];
    let mut refused = 0;
    for seed in 0..6 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut venue = Venue::new(seed % 2 == 0);
        if seed % 2 == 1 {
            for number in 0..8 {
                for asset in [USD, BTC] {
                    let movement = crate::venue::movement(asset, 100_000_000_000, "first");
                    venue.apply(&format!("client-{number}"), Command::Deposit(movement));
                }
            }
        }
        for number in 0..3_000 {
            venue.now += random.random_range(0..SECOND / 4);
            let name = account(&mut random);
            let is_shut = venue.exchange.books().market_state(BTC_USD) != Some(STATES[4]);
            let what = if random.random_range(0..if is_shut { 15 } else { 60 }) == 0 {
                let state = STATES[if is_shut { 4 } else { random.random_range(0..5) }];
                venue.operate(set(state));
                format!("{state:?}")
            } else {
                let command = command(&mut random, &venue);
                let body = venue.apply(&name, command.clone());
                if let Became::Refused(reason) = became(&body) {
                    refused += usize::from(SHUT.iter().any(|(_, shut)| *shut == reason));
                }
                format!("{command:?}")
            };
            if let Err(broken) = venue.exchange.check_invariants() {
                panic!("seed {seed}, command {number} {what}: {broken}");
            }
            if number % 500 == 0 {
                let bytes = venue.exchange.encode();
                venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
                assert_eq!(venue.exchange.encode(), bytes, "the encoding is canonical");
            }
        }
        venue.operate(set(MarketState::Delisted));
        while venue.exchange.has_more_to_expire() {
            venue.apply("nobody", Command::CancelAll { instrument: None });
            let now = model::Timestamp::from_unix_nanos(venue.now);
            venue.exchange.go_on(now, &mut Draft::default());
        }
        assert_eq!(venue.exchange.books().len(), 0, "nothing is open in a delisted market");
        venue.exchange.check_invariants().expect("all holds");
        let totals: Vec<_> = venue.exchange.accounts().totals().collect();
        assert!(totals.iter().all(|(_, total)| total.is_zero()), "{totals:?}");
    }
    assert!(refused > 500, "only {refused} were refused by a market: nothing was shown");
}
