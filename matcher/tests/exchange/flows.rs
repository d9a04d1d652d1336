//! Random flows: what must hold after every command does, a refused one changes nothing, a restored
//! state goes on as the original does, and no client is told a lie about its keys.

use std::collections::BTreeMap;

use matcher::Exchange;
use model::{
    AccountName, CancelOnly, Instructions, InstrumentId, KeyText, OrderFilter, OrderId, Partition,
    Price, Quantity, ReplaceMode, SelfTradePrevention, Side, Span, TimeInForce, Timestamp,
    Trailing, Trigger, TriggerKind,
};
use proto::{
    command::{Ask, CancelAfter, Command, OrderName, ReplaceOrder, Transfer},
    log::RefusalReason,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::venue::{Became, SECOND, USD, Venue, became, limit, market, movement, place, saying};

const COMMANDS: usize = 4_000;
const SEEDS: u64 = 8;

pub(crate) fn account(random: &mut Pcg64Mcg) -> String {
    format!("client-{}", random.random_range(0..8))
}

/// A command, and where it is an order what else that says.
pub(crate) fn command(random: &mut Pcg64Mcg, venue: &Venue) -> Command {
    if random.random_range(0..6) == 0 {
        return crate::lists::drawn(random);
    }
    let plain = plain_command(random, venue.next_offset);
    let said = said(random, venue, plain);
    match said {
        Command::Place(place) if random.random_bool(0.15) => {
            let offset =
                random.random_range(venue.next_offset.saturating_sub(20)..venue.next_offset);
            let modes = [ReplaceMode::StopOnFailure, ReplaceMode::AllowFailure];
            Command::Replace(ReplaceOrder {
                replaced: OrderName::Id(OrderId::at(Partition::FIRST, offset).expect("in range")),
                mode: modes[random.random_range(0..2)],
                place,
            })
        }
        command => command,
    }
}

fn said(random: &mut Pcg64Mcg, venue: &Venue, plain: Command) -> Command {
    let (ask, time_in_force) = match &plain {
        Command::Place(place) => (place.ask, place.time_in_force),
        _ => return plain,
    };
    let is_limit = matches!(ask, Ask::Limit { .. });
    let mode = random.random_range(0..10);
    let self_trade = SelfTradePrevention::ALL.get(mode).copied().unwrap_or_default();
    let plainly = Instructions { self_trade, ..Instructions::default() };
    let (time_in_force, instructions) = match random.random_range(0..10) {
        0 if is_limit => (TimeInForce::Fok, plainly),
        1..3 if is_limit => {
            let until = Timestamp::from_unix_nanos(venue.now + random.random_range(0..4 * SECOND));
            (TimeInForce::Gtd, Instructions { expires_at: Some(until), ..plainly })
        }
        3 if is_limit => (TimeInForce::Day, Instructions { post_only: true, ..plainly }),
        6..8 if is_limit => {
            let Ask::Limit { quantity, .. } = ask else { unreachable!("it is a limit order") };
            let display = quantity.lots().div_ceil(random.random_range(1..104));
            let display = Quantity::from_lots(display).ok();
            (TimeInForce::Gtc, Instructions { display, ..plainly })
        }
        4..6 if !matches!(ask, Ask::MarketByQuote { .. }) => {
            let kinds = [TriggerKind::StopLoss, TriggerKind::TakeProfit];
            let kind = kinds[random.random_range(0..2)];
            let price = Price::from_ticks(random.random_range(9_900..10_100)).expect("in range");
            let trailing = Trailing::new(kind, random.random_range(0..80));
            let trigger = Some(Trigger { kind, price });
            let trigger = trigger.filter(|_| trailing.is_none() || random.random_bool(0.5));
            (time_in_force, Instructions { trigger, trailing, ..plainly })
        }
        _ => (time_in_force, plainly),
    };
    saying(plain, time_in_force, instructions)
}

fn plain_command(random: &mut Pcg64Mcg, next_offset: u64) -> Command {
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let key = random.random_range(0..400).to_string();
    let lots = random.random_range(1..200_000);
    match random.random_range(0..100) {
        0..45 => limit(&key, side, random.random_range(9_900..10_100), lots),
        45..55 => {
            let price = Price::from_ticks(random.random_range(9_900..10_100)).expect("in range");
            let quantity = Quantity::from_lots(lots).expect("in range");
            place(&key, side, Ask::Limit { price, quantity }, TimeInForce::Ioc)
        }
        55..62 => market(&key, side, lots),
        62..68 => {
            let amount = model::Amount::from_units(random.random_range(1..20_000_000_000));
            place(&key, side, Ask::MarketByQuote { amount }, TimeInForce::Ioc)
        }
        68..84 => {
            let offset = random.random_range(next_offset.saturating_sub(60)..next_offset);
            let record = OrderId::at(Partition::FIRST, offset).expect("in range");
            let leg = if random.random_bool(0.5) { 0 } else { random.random_range(1..4) };
            Command::Cancel { order_id: record.with_leg(leg).expect("at most three") }
        }
        84..89 => change(random, next_offset, lots),
        89 => Command::SetTradeGroup { group: Some(random.random_range(1..4)) },
        90..93 => {
            Command::CancelAll { instrument: random.random_bool(0.5).then_some(InstrumentId(1)) }
        }
        93..97 => {
            let id = random.random_range(0..50).to_string();
            Command::Deposit(movement(USD, random.random_range(1..1_000_000), &id))
        }
        97 => {
            let id = random.random_range(0..50).to_string();
            let movement = movement(USD, random.random_range(1..1_000_000), &id);
            let receiver = AccountName::new(&account(random)).expect("a good name");
            Command::Transfer(Transfer { movement, receiver })
        }
        _ => {
            let id = random.random_range(0..50).to_string();
            Command::Withdraw(movement(USD, random.random_range(1..1_000_000_000), &id))
        }
    }
}

/// A change of an order that may be open, by either id or both.
fn change(random: &mut Pcg64Mcg, next_offset: u64, lots: u64) -> Command {
    let offset = random.random_range(next_offset.saturating_sub(60)..next_offset);
    let id = OrderId::at(Partition::FIRST, offset).expect("in range");
    let key = KeyText::new(&random.random_range(0..400).to_string()).expect("a good key");
    let order = match random.random_range(0..4) {
        0 => OrderName::Own { instrument: InstrumentId(1), key },
        1 => OrderName::Both { id, key },
        _ => OrderName::Id(id),
    };
    let only = [None, Some(CancelOnly::New), Some(CancelOnly::PartiallyFilled)];
    let ticks = |ticks| Price::from_ticks(ticks).ok();
    let low = random.random_range(9_900..10_100);
    match random.random_range(0..10) {
        0 => Command::CancelMatching(OrderFilter {
            side: random.random_bool(0.5).then_some(Side::Sell),
            price_from: ticks(low),
            price_to: ticks(low + random.random_range(0..50)),
            ..OrderFilter::all(Some(InstrumentId(1)))
        }),
        1 => {
            let session = random.random_range(0..3);
            let has_ended = session > 0 && random.random_bool(0.2);
            let seconds = if has_ended { 0 } else { random.random_range(0..4) };
            let instrument = random.random_bool(0.5).then_some(InstrumentId(1));
            let own = CancelAfter::own(instrument, Span::from_secs(seconds));
            Command::CancelAfter(CancelAfter { session, has_ended, ..own })
        }
        2..5 => Command::CancelNamed { order, only: only[random.random_range(0..3)] },
        _ => Command::Amend { order, quantity: Quantity::from_lots(lots).expect("in range") },
    }
}

#[test]
fn every_command_leaves_a_state_in_which_everything_holds() {
    for seed in 0..SEEDS {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut venue = Venue::new(seed % 2 == 0);
        for number in 0..COMMANDS {
            venue.now += random.random_range(0..SECOND / 4);
            let name = account(&mut random);
            let command = command(&mut random, &venue);
            venue.apply(&name, command.clone());
            if let Err(broken) = venue.exchange.check_invariants() {
                panic!("seed {seed}, command {number} {command:?}: {broken}");
            }
        }
        let totals: Vec<_> = venue.exchange.accounts().totals().collect();
        assert!(totals.iter().all(|(_, total)| total.is_zero()), "{totals:?}");
    }
}

#[test]
fn a_refused_command_changes_no_book_balance_or_order() {
    let mut random = Pcg64Mcg::seed_from_u64(99);
    let mut venue = Venue::new(true);
    let mut refused = 0;
    for _ in 0..COMMANDS {
        let name = account(&mut random);
        let command = command(&mut random, &venue);
        // Time's own effects come first, refused or not.
        venue.apply("nobody", Command::CancelAll { instrument: None });
        let before = (venue.exchange.books().image(), venue.exchange.accounts().image());
        let body = venue.apply(&name, command);
        if became(&body) != Became::Applied {
            refused += 1;
            let after = (venue.exchange.books().image(), venue.exchange.accounts().image());
            assert_eq!(before, after);
            assert!(body.postings.is_empty() && body.balances.is_empty());
        }
    }
    assert!(refused > COMMANDS / 10, "only {refused} were refused: nothing was shown");
}

#[test]
fn a_restored_state_goes_on_as_the_original_does() {
    for seed in 0..SEEDS {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut venue = Venue::new(true);
        let mut twin: Option<Venue> = None;
        for number in 0..COMMANDS {
            if number % 250 == 0 {
                let bytes = venue.exchange.encode();
                let exchange = Exchange::decode(&bytes).expect("it was just encoded");
                assert_eq!(exchange.encode(), bytes, "the encoding is canonical");
                let accounts = exchange.accounts().image();
                assert_eq!(accounts, venue.exchange.accounts().image());
                assert_eq!(accounts.seed, u128::from_be_bytes([7; 16]), "the log's id");
                let Venue { partition, next_offset, now, behaviour, .. } = venue;
                twin = Some(Venue { exchange, partition, next_offset, now, behaviour });
            }
            venue.now += random.random_range(0..SECOND);
            let name = account(&mut random);
            let command = command(&mut random, &venue);
            let body = venue.apply(&name, command.clone());
            let twin = twin.as_mut().expect("made at the first command");
            twin.now = venue.now;
            assert_eq!(twin.apply(&name, command), body, "seed {seed}, command {number}");
        }
    }
}

/// What a client was told of one key of one account.
#[derive(Debug, Default)]
struct Told {
    /// The orders that were accepted under it.
    accepted: Vec<u64>,
    /// Whether its latest attempt was refused in a way that says: nothing happened.
    denied_after_acceptance: bool,
}

/// Runs retries of a few keys, many of them late, and tells what clients were told. `answer` may
/// change an answer on its way, as a shard would that is built wrong.
fn told(seed: u64, answer: impl Fn(Became, bool) -> Became) -> BTreeMap<(String, u64), Told> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut venue = Venue::new(true);
    let mut told: BTreeMap<(String, u64), Told> = BTreeMap::new();
    for _ in 0..500 {
        let (name, key) = (account(&mut random), random.random_range(0..10));
        let is_late = random.random_bool(0.3);
        let valid_until = if is_late { venue.now - 1 } else { venue.now + 1 };
        let command = limit(&key.to_string(), Side::Buy, 100 + key, 1_000);
        let body = venue.apply_until(&name, command, valid_until);
        let told = told.entry((name, key)).or_default();
        match answer(became(&body), is_late) {
            Became::Applied => told.accepted.push(venue.last_order().number()),
            Became::Refused(RefusalReason::Late) if !told.accepted.is_empty() => {
                told.denied_after_acceptance = true;
            }
            _ => {}
        }
    }
    told
}

fn is_truthful(told: &BTreeMap<(String, u64), Told>) -> bool {
    told.values().all(|told| told.accepted.len() <= 1 && !told.denied_after_acceptance)
}

#[test]
fn no_key_makes_two_orders_and_no_retry_denies_one() {
    for seed in 0..20 {
        assert!(is_truthful(&told(seed, |became, _| became)), "seed {seed}");
    }
}

#[test]
fn a_shard_that_looks_at_lateness_before_the_key_is_caught() {
    let late_first = |became, is_late| {
        if is_late { Became::Refused(RefusalReason::Late) } else { became }
    };
    assert!((0..20).any(|seed| !is_truthful(&told(seed, late_first))));
}
