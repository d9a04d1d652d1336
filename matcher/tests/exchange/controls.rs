//! What those who run the platform let accounts do: states, and the kill switch.

use matcher::{Exchange, limits::ORDER_EXPIRIES_MAX};
use model::{
    AccountName, AccountState, Instructions, InstrumentId, Price, Quantity, ReplaceMode, Side,
    TimeInForce, Trigger, TriggerKind,
};
use proto::{
    command::{Command, KillScope, OperatorWord, OrderName, ReplaceOrder},
    draft::Draft,
    log::{AnswerBody, EndReason, RefusalReason, event::Kind},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Core;

use crate::{
    flows::{account, command},
    lists::{pair, working},
    venue::{BTC, BTC_USD, Became, SECOND, USD, Venue, became, limit, movement, saying},
};

const COIN: i128 = 100_000_000;

fn name(account: &str) -> AccountName {
    AccountName::new(account).expect("a good name")
}

pub(crate) fn set(account: &str, state: AccountState) -> OperatorWord {
    OperatorWord::SetAccountState { account: name(account), state }
}

fn kill(scope: KillScope) -> OperatorWord {
    OperatorWord::SetKillSwitch { scope, is_engaged: true }
}

fn release(scope: KillScope) -> OperatorWord {
    OperatorWord::SetKillSwitch { scope, is_engaged: false }
}

fn refused(reason: RefusalReason) -> Became {
    Became::Refused(reason)
}

fn buy(key: &str) -> Command {
    limit(key, Side::Buy, 9_000, 1_000)
}

fn sell(key: &str) -> Command {
    limit(key, Side::Sell, 11_000, 1_000)
}

fn asleep(key: &str) -> Command {
    let price = Price::from_ticks(12_000).expect("in range");
    let trigger = Some(Trigger { kind: TriggerKind::StopLoss, price });
    saying(buy(key), TimeInForce::Gtc, Instructions { trigger, ..Instructions::default() })
}

fn killed(body: &AnswerBody) -> usize {
    let ends = body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        Kind::OrderEnded(end) => Some(end.reason()),
        _ => None,
    });
    ends.inspect(|reason| assert_eq!(*reason, EndReason::KillSwitch)).count()
}

#[test]
fn a_reduce_only_account_sells_cancels_and_withdraws_and_does_not_buy() {
    let mut venue = Venue::new(true);
    venue.apply("alice", buy("a"));
    let resting = venue.last_order();
    let word = set("alice", AccountState::ReduceOnly);
    assert_eq!(became(&venue.operate(word.clone())), Became::Applied);
    assert_eq!(became(&venue.operate(word)), Became::Duplicate(0), "said again it is nothing new");
    let bytes = venue.exchange.encode();
    venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(venue.exchange.encode(), bytes);
    let reduce_only = refused(RefusalReason::ReduceOnly);
    assert_eq!(became(&venue.apply("alice", buy("b"))), reduce_only);
    assert_eq!(became(&venue.apply("alice", asleep("c"))), reduce_only, "asleep or not");
    assert_eq!(
        became(&venue.apply("alice", working("d", 1_000))),
        reduce_only,
        "a list with a buy"
    );
    assert_eq!(became(&venue.apply("alice", pair("e", 1_000))), Became::Applied, "two sells");
    assert_eq!(became(&venue.apply("alice", sell("f"))), Became::Applied);
    assert!(venue.exchange.books().is_open(resting), "what is open stays");
    let quantity = Quantity::from_lots(500).expect("in range");
    let amend = Command::Amend { order: OrderName::Id(resting), quantity };
    assert_eq!(became(&venue.apply("alice", amend)), Became::Applied);
    let Command::Place(place) = buy("g") else { panic!("it is an order") };
    let replaced = OrderName::Id(resting);
    let replace = ReplaceOrder { replaced, mode: ReplaceMode::AllowFailure, place };
    assert_eq!(became(&venue.apply("alice", Command::Replace(replace))), reduce_only);
    let cancel = Command::Cancel { order_id: resting };
    assert_eq!(became(&venue.apply("alice", cancel)), Became::Applied);
    let out = Command::Withdraw(movement(USD, 5, "out"));
    assert_eq!(became(&venue.apply("alice", out)), Became::Applied);
    assert_eq!(became(&venue.apply("bob", buy("b"))), Became::Applied, "nobody else is meant");
    let active = set("alice", AccountState::Active);
    assert_eq!(became(&venue.operate(active)), Became::Applied);
    assert_eq!(became(&venue.apply("alice", buy("b"))), Became::Applied, "the key was free");
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_suspended_account_cancels_and_is_paid_and_nothing_else() {
    let mut venue = Venue::new(true);
    venue.apply("alice", sell("a"));
    let resting = venue.last_order();
    venue.operate(set("alice", AccountState::Suspended));
    let suspended = refused(RefusalReason::AccountSuspended);
    assert_eq!(became(&venue.apply("alice", sell("b"))), suspended);
    assert_eq!(became(&venue.apply("alice", pair("c", 1_000))), suspended);
    let out = Command::Withdraw(movement(USD, 5, "out"));
    assert_eq!(became(&venue.apply("alice", out.clone())), suspended);
    let deposit = Command::Deposit(movement(USD, 5, "in"));
    assert_eq!(became(&venue.apply("alice", deposit)), Became::Applied);
    let filled = venue.apply("bob", limit("d", Side::Buy, 11_000, 400));
    assert_eq!(became(&filled), Became::Applied, "what rests still trades");
    let cancel = Command::Cancel { order_id: resting };
    assert_eq!(became(&venue.apply("alice", cancel)), Became::Applied);
    venue.operate(set("alice", AccountState::Active));
    assert_eq!(became(&venue.apply("alice", out)), Became::Applied);
    // In a sandbox an account that is back at its grant is forgotten; one with a state is not.
    let mut venue = Venue::new(true);
    venue.operate(set("carl", AccountState::Suspended));
    venue.operate(set("dora", AccountState::ReduceOnly));
    for client in ["dora", "emma"] {
        venue.apply(client, sell("a"));
        let order_id = venue.last_order();
        venue.apply(client, Command::Cancel { order_id });
    }
    let find = |client| venue.exchange.accounts().find(&name(client));
    assert_eq!((find("carl"), find("emma")), (None, None), "nobody opens an account by a word");
    assert!(find("dora").is_some(), "with a state she stays");
    assert_eq!(became(&venue.apply("carl", sell("a"))), suspended, "and he is found by his name");
    venue.operate(set("dora", AccountState::Active));
    venue.apply("nobody", Command::CancelAll { instrument: None });
    assert_eq!(venue.exchange.accounts().find(&name("dora")), None);
    venue.exchange.check_invariants().expect("all holds");
}

#[test]
fn a_switch_ends_all_that_is_open_and_takes_nothing_until_it_is_released() {
    for scope in
        [KillScope::Venue, KillScope::Instrument(BTC_USD), KillScope::Account(name("alice"))]
    {
        let mut venue = Venue::new(true);
        venue.apply("alice", sell("a"));
        venue.apply("alice", asleep("b"));
        venue.apply("alice", pair("c", 1_000));
        venue.apply("bob", buy("a"));
        let body = venue.operate(kill(scope.clone()));
        assert_eq!(became(&body), Became::Applied);
        let is_alices = matches!(scope, KillScope::Account(_));
        assert_eq!(killed(&body), if is_alices { 4 } else { 5 }, "{scope:?}: in the same answer");
        // Back at her grant she is forgotten, but not with a switch of her own.
        let whole = if is_alices { (1_000 * COIN, 10 * COIN) } else { (0, 0) };
        assert_eq!(venue.balance("alice", USD), (whole.0, 0));
        assert_eq!(venue.balance("alice", BTC), (whole.1, 0));
        let again = venue.operate(kill(scope.clone()));
        assert_eq!(became(&again), Became::Duplicate(0));
        let stopped = refused(RefusalReason::KillSwitch);
        assert_eq!(became(&venue.apply("alice", sell("d"))), stopped);
        assert_eq!(became(&venue.apply("alice", pair("e", 1_000))), stopped);
        let bob = if is_alices { Became::Applied } else { stopped };
        assert_eq!(became(&venue.apply("bob", buy("d"))), bob);
        let bytes = venue.exchange.encode();
        venue.exchange = Exchange::decode(&bytes).expect("it was just encoded");
        assert_eq!(venue.exchange.encode(), bytes);
        assert_eq!(became(&venue.apply("alice", sell("d"))), stopped, "after a restart too");
        assert_eq!(became(&venue.operate(release(scope.clone()))), Became::Applied);
        assert_eq!(became(&venue.operate(release(scope))), Became::Duplicate(0));
        assert_eq!(became(&venue.apply("alice", sell("d"))), Became::Applied, "the key was free");
        venue.exchange.check_invariants().expect("all holds");
    }
    let mut venue = Venue::new(true);
    let unknown = venue.operate(kill(KillScope::Instrument(InstrumentId(9))));
    assert_eq!(became(&unknown), refused(RefusalReason::UnknownInstrument));
}

#[test]
fn more_than_fits_an_answer_ends_in_steps_and_trades_no_more() {
    let mut venue = Venue::new(true);
    let count = ORDER_EXPIRIES_MAX + 500;
    for number in 0..count {
        let client = format!("client-{}", number % 7);
        venue.apply(&client, limit(&number.to_string(), Side::Sell, 11_000, 100));
    }
    assert_eq!(killed(&venue.operate(kill(KillScope::Venue))), ORDER_EXPIRIES_MAX);
    assert!(venue.exchange.has_more_to_expire(), "the next tick comes at once");
    venue.operate(release(KillScope::Venue));
    let bytes = venue.exchange.encode();
    let mut twin = Exchange::decode(&bytes).expect("it was just encoded");
    assert_eq!(twin.encode(), bytes);
    // What is left does not trade, and ends where it is met.
    let mut body = Draft::default();
    twin.pass_time(model::Timestamp::from_unix_nanos(venue.now), &mut body);
    assert_eq!(killed(&body.body()), 0, "that was done with the release");
    assert_eq!(venue.exchange.books().len(), 0);
    assert!(!venue.exchange.has_more_to_expire());
    assert_eq!(became(&venue.apply("bob", sell("a"))), Became::Applied);
    venue.exchange.check_invariants().expect("all holds");
}

/// A word of an operator about one of the flow's accounts, or about all.
fn word(random: &mut Pcg64Mcg) -> OperatorWord {
    let states = [AccountState::Active, AccountState::ReduceOnly, AccountState::Suspended];
    let account = name(&account(random));
    let scope = match random.random_range(0..6) {
        0 => KillScope::Venue,
        1 => KillScope::Instrument(BTC_USD),
        _ => KillScope::Account(account.clone()),
    };
    match random.random_range(0..4) {
        0 => OperatorWord::SetAccountState { account, state: states[random.random_range(0..3)] },
        1 => OperatorWord::SetAccountState { account, state: AccountState::Active },
        2 => kill(scope),
        _ => release(scope),
    }
}

#[test]
fn under_states_and_switches_all_money_is_where_it_should_be_and_a_copy_says_the_same() {
    for seed in 0..10 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let (mut venue, mut twin) = (Venue::new(seed % 2 == 0), Venue::new(seed % 2 == 0));
        for number in 0..1_500 {
            venue.now += random.random_range(0..SECOND / 4);
            twin.now = venue.now;
            if number % 250 == 0 {
                let bytes = venue.exchange.encode();
                twin.exchange = Exchange::decode(&bytes).expect("it was just encoded");
                assert_eq!(twin.exchange.encode(), bytes);
            }
            let (one, other) = if random.random_bool(0.1) {
                let word = word(&mut random);
                (venue.operate(word.clone()), twin.operate(word))
            } else if random.random_bool(0.1) {
                for scope in [KillScope::Venue, KillScope::Instrument(BTC_USD)] {
                    assert_eq!(venue.operate(release(scope.clone())), twin.operate(release(scope)));
                }
                continue;
            } else {
                let (name, command) = (account(&mut random), command(&mut random, &venue));
                (venue.apply(&name, command.clone()), twin.apply(&name, command))
            };
            assert_eq!(one, other, "seed {seed}, step {number}");
            venue.exchange.check_invariants().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        let totals: Vec<_> = venue.exchange.accounts().totals().collect();
        assert!(totals.iter().all(|(_, total)| total.is_zero()), "{totals:?}");
    }
}
