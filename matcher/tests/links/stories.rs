//! What two or three shards do with money between them, told step by step.
//!
//! Of the accounts, dave is at home on shard 0, bob on shard 1 and alice on shard 2.

use model::Side;
use proto::{
    command::Command,
    log::{EndReason, LinkItem, RefusalReason, event::Kind, link_item, outcome},
    reference::{InstrumentListing, ListingFilters},
};

use crate::world::{
    AT_HOME, BASES, COIN, SECOND, USD, USD_GRANT, World, buyers_pair, limit, market, movement,
    name, partition,
};

fn kinds(world: &mut World) -> Vec<Kind> {
    world.take_events().into_iter().map(|(_, _, kind)| kind).collect()
}

/// The one event that decides what waited, in words.
fn decision(world: &mut World) -> String {
    let decisions = decisions(world);
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    decisions.into_iter().next().unwrap_or_default()
}

/// The events that decide what waited, in words.
fn decisions(world: &mut World) -> Vec<String> {
    kinds(world)
        .into_iter()
        .filter_map(|kind| match kind {
            Kind::OrderPlaced(placed) if placed.order_id > 0 => Some("placed".to_owned()),
            Kind::OrderRejected(rejected) if rejected.order_id > 0 => {
                Some(format!("rejected {:?}", rejected.reason()))
            }
            Kind::ListPlaced(placed) if placed.list_id > 0 => Some("list placed".to_owned()),
            Kind::ListRejected(rejected) if rejected.list_id > 0 => {
                Some(format!("list rejected {:?}", rejected.reason()))
            }
            Kind::OrderEnded(end) => Some(format!("ended {:?}", end.reason())),
            Kind::WithdrawalDecided(decided) => match decided.outcome.and_then(|it| it.kind) {
                Some(outcome::Kind::Applied(_)) => Some("applied".to_owned()),
                Some(outcome::Kind::Refused(refused)) => {
                    Some(format!("refused {:?}", refused.reason()))
                }
                Some(outcome::Kind::Duplicate(_)) => Some("duplicate".to_owned()),
                other => panic!("{other:?}"),
            },
            _ => None,
        })
        .collect()
}

#[test]
fn the_accounts_are_where_the_stories_say() {
    for (number, account) in AT_HOME.into_iter().enumerate() {
        assert_eq!(model::home::home(&name(account), 3), partition(number));
    }
}

#[test]
fn only_home_gives_a_grant_and_an_order_elsewhere_waits_for_it() {
    let mut world = World::new(3, true);
    // 100 USD at shard 1 (instrument 2) by alice, who is at home on shard 2.
    world.client("alice", limit(2, "a", Side::Buy, 10_000, 100_000));
    let [parked] = &kinds(&mut world)[..] else { panic!("one event") };
    assert!(matches!(parked, Kind::OrderParked(_)), "{parked:?}");
    assert_eq!(world.at(1, "alice", USD), [0, 0, 0]);
    world.settle();
    assert_eq!(decision(&mut world), "placed");
    // Home sent what was wanted and a third of the rest on top.
    let share = (USD_GRANT - 100 * COIN) / 3;
    assert_eq!(world.at(1, "alice", USD), [share, 100 * COIN, -(100 * COIN + share)]);
    let [at_home, _, link] = world.at(2, "alice", USD);
    assert_eq!((at_home + link, link), (USD_GRANT, 100 * COIN + share));
    world.check();
}

#[test]
fn a_list_waits_for_its_money_as_one() {
    // A stop that needs 120 USD, and a bid that needs 100.
    let list = |key: &str, lots| buyers_pair(2, key, [12_000, 11_000, 10_000], lots);
    let mut world = World::new(3, true);
    let (id, _) = world.client("alice", list("a", 100_000));
    let [parked] = &kinds(&mut world)[..] else { panic!("one event") };
    assert!(matches!(parked, Kind::ListParked(_)), "{parked:?}");
    world.settle();
    assert_eq!(decision(&mut world), "list placed");
    assert_eq!(world.at(1, "alice", USD)[1], 120 * COIN, "one hold for both");
    world.check();
    let order_id = id.with_leg(2).expect("at most three");
    world.client("alice", Command::Cancel { order_id });
    assert_eq!(decisions(&mut world), ["ended Cancelled", "ended Cancelled"]);
    assert_eq!(world.at(1, "alice", USD)[1], 0);
    // More than there is anywhere: it is refused whole. Or it is cancelled while it waits.
    world.client("alice", list("b", 1_000_000));
    world.told.clear();
    world.settle();
    assert_eq!(decision(&mut world), "list rejected InsufficientFunds");
    for leg in [0, 1] {
        let (id, _) = world.client("alice", list(&format!("c-{leg}"), 1_000_000));
        world.told.clear();
        let order_id = id.with_leg(leg).expect("at most three");
        world.client("alice", Command::Cancel { order_id });
        assert_eq!(decisions(&mut world), ["ended Cancelled", "ended Cancelled"]);
        world.settle();
        world.told.clear();
    }
    world.check();
    assert!(world.is_at_rest());
}

/// What waits for money is not open: it is asked when it is decided, under what is in force then.
#[test]
fn an_order_that_waited_is_filtered_when_its_money_has_come() {
    let mut world = World::new(3, true);
    world.client("alice", limit(2, "a", Side::Buy, 10_000, 100_000));
    assert!(matches!(kinds(&mut world)[..], [Kind::OrderParked(_)]));
    world.relist(2, |listing| InstrumentListing {
        filters: Some(ListingFilters { max_quantity_lots: 50_000, ..Default::default() }),
        ..listing
    });
    world.told.clear();
    world.settle();
    assert_eq!(decision(&mut world), "rejected LotSize");
    world.client("alice", limit(2, "b", Side::Buy, 10_000, 50_000));
    assert!(matches!(kinds(&mut world)[..], [Kind::OrderPlaced(_), Kind::BookChanged(_)]));
    world.check();
}

#[test]
fn an_order_never_waits_where_its_money_is() {
    let mut world = World::new(3, true);
    world.client("alice", limit(3, "a", Side::Buy, 10_000, 100_000));
    world.client("alice", limit(2, "b", Side::Buy, 10_000, 100_000));
    world.settle();
    world.told.clear();
    // One that is far too large waits, and none that comes after it.
    world.client("alice", limit(2, "c", Side::Buy, 100_000, 1_000_000));
    assert!(matches!(kinds(&mut world)[..], [Kind::OrderParked(_)]));
    // It holds all that was here; at home there is plenty.
    world.client("alice", limit(3, "d", Side::Buy, 10_000, 100_000));
    assert!(matches!(kinds(&mut world)[..], [Kind::OrderPlaced(_), Kind::BookChanged(_)]));
    world.settle();
    assert_eq!(decision(&mut world), "rejected InsufficientFunds");
    world.check();
}

#[test]
fn home_recalls_what_others_do_not_hold() {
    let mut world = World::new(3, true);
    // Alice rests 100 USD on shard 1, and has a share there beside it.
    world.client("alice", limit(2, "a", Side::Buy, 10_000, 100_000));
    world.settle();
    let [free, held, _] = world.at(1, "alice", USD);
    assert!(free > 0 && held == 100 * COIN);
    world.told.clear();
    // All that she has beside what is held, on shard 0.
    world.client("alice", limit(1, "b", Side::Buy, 90_000, 100_000));
    world.settle();
    assert_eq!(decision(&mut world), "placed");
    assert_eq!(world.at(0, "alice", USD)[..2], [0, 900 * COIN]);
    assert_eq!(world.at(1, "alice", USD)[..2], [0, 100 * COIN]);
    // One cent more than nothing is more than there is.
    world.client("alice", limit(1, "c", Side::Buy, 1, 100));
    world.told.clear();
    world.settle();
    assert_eq!(decision(&mut world), "rejected InsufficientFunds");
    assert!(world.is_at_rest());
    world.check();
}

/// A shard that is told in one record of a grant and of a recall for somebody else keeps what it
/// was granted. If it gave that back, the two would pull the same money to and fro without end.
#[test]
fn two_orders_that_want_the_same_money_do_not_take_it_from_each_other() {
    for price in [6_000, 10_000] {
        let mut world = World::new(3, true);
        // 600 of the grant of 1,000 USD at shard 0, and as much or all at shard 1.
        world.client("alice", limit(1, "a", Side::Buy, 6_000, 1_000_000));
        world.client("alice", limit(2, "b", Side::Buy, price, 1_000_000));
        world.told.clear();
        world.settle();
        assert_eq!(decisions(&mut world), ["placed", "rejected InsufficientFunds"]);
        assert_eq!(world.at(0, "alice", USD)[1], 600 * COIN);
        world.check();
    }
}

#[test]
fn an_order_at_home_waits_for_what_is_elsewhere() {
    let mut world = World::new(3, true);
    world.client("bob", limit(1, "a", Side::Buy, 60_000, 100_000));
    world.settle();
    let order_id =
        world.take_events().first().and_then(|(at, offset, _)| model::OrderId::at(*at, *offset));
    let order_id = order_id.expect("it was parked");
    world.client("bob", Command::Cancel { order_id });
    world.settle();
    world.told.clear();
    assert_eq!(world.at(0, "bob", USD)[0], 600 * COIN + 400 * COIN / 3);
    world.client("bob", limit(2, "b", Side::Buy, 100_000, 100_000));
    assert!(matches!(kinds(&mut world)[..], [Kind::OrderParked(_)]));
    world.settle();
    assert_eq!(decision(&mut world), "placed");
    assert_eq!(world.at(1, "bob", USD)[..2], [0, USD_GRANT]);
    world.check();
}

#[test]
fn a_cancelled_order_waits_no_more_and_the_grant_is_free_money() {
    let mut world = World::new(3, true);
    let (order_id, _) = world.client("alice", limit(1, "a", Side::Buy, 10_000, 100_000));
    world.told.clear();
    world.client("bob", Command::Cancel { order_id });
    assert!(kinds(&mut world).is_empty(), "it is not his");
    world.client("alice", Command::Cancel { order_id });
    assert_eq!(decision(&mut world), "ended Cancelled");
    world.settle();
    assert!(kinds(&mut world).is_empty(), "it is decided once");
    let [free, held, _] = world.at(0, "alice", USD);
    assert!(free >= 100 * COIN && held == 0);
    world.check();
}

#[test]
fn cancel_all_ends_what_waits_too() {
    let mut world = World::new(3, true);
    for number in 0..3 {
        world.client("alice", limit(1, &number.to_string(), Side::Buy, 10_000, 100_000));
    }
    world.client("alice", market(1, "sell", Side::Sell, 100_000));
    world.told.clear();
    let cancel_all = |instrument| Command::CancelAll { instrument };
    world.client_at(0, "alice", cancel_all(Some(model::InstrumentId(2))));
    assert!(kinds(&mut world).is_empty());
    world.client_at(0, "alice", cancel_all(None));
    let ended = kinds(&mut world);
    assert_eq!(ended.len(), 4);
    let is_cancelled =
        |kind: &Kind| matches!(kind, Kind::OrderEnded(end) if end.reason() == EndReason::Cancelled);
    assert!(ended.iter().all(is_cancelled), "{ended:?}");
    world.settle();
    assert!(world.is_at_rest());
    world.check();
}

#[test]
fn nothing_waits_longer_than_its_record_is_valid() {
    let mut world = World::new(3, true);
    world.client("alice", limit(1, "a", Side::Buy, 10_000, 100_000));
    world.told.clear();
    world.wait(10);
    assert!(kinds(&mut world).is_empty());
    world.now += 1;
    world.tick(0);
    assert_eq!(decision(&mut world), "ended ParkedTooLong");
    // The next waits behind the same ask, and is paid by the same answer.
    world.client("alice", limit(1, "b", Side::Buy, 10_000, 100_000));
    let ask = |world: &World| world.link(0, 2).0;
    assert_eq!(ask(&world), 1, "one ask is out at a time");
    world.told.clear();
    world.settle();
    assert_eq!(decision(&mut world), "placed");
    world.check();
}

#[test]
fn a_shard_that_is_down_holds_nobody_up_for_long() {
    let mut world = World::new(3, true);
    // Most of bob's money is on shard 0, which is down from here on.
    world.client("bob", limit(1, "a", Side::Buy, 80_000, 100_000));
    world.settle();
    world.told.clear();
    world.client("bob", limit(3, "b", Side::Buy, 50_000, 100_000));
    for _ in 0..2 {
        for (from, to) in [(2, 1), (1, 2)] {
            let (sent, taken) = world.link(from, to);
            (taken < sent).then(|| world.run(from, to, taken + 1, 9));
        }
    }
    world.told.clear();
    world.wait(3);
    let (sent, taken) = world.link(1, 2);
    assert_eq!(sent, taken + 1, "home waits for shard 0 no longer");
    world.run(1, 2, sent, 1);
    assert_eq!(decision(&mut world), "rejected InsufficientFunds");
    // What shard 0 returns in the end is credited, and asked for again nowhere.
    world.settle();
    assert!(world.is_at_rest());
    world.check();
}

#[test]
fn a_market_order_takes_what_there_is() {
    let mut world = World::new(3, true);
    // 10 coins at 150 USD are more than alice's 1,000 USD, wherever they are.
    world.client("dave", limit(1, "maker", Side::Sell, 15_000, 1_000_000));
    world.settle();
    world.told.clear();
    world.client("alice", market(1, "taker", Side::Buy, 1_000_000));
    assert!(matches!(kinds(&mut world)[..], [Kind::OrderParked(_)]));
    world.settle();
    let lots: u64 = kinds(&mut world)
        .iter()
        .map(|kind| if let Kind::Trade(trade) = kind { trade.quantity_lots } else { 0 })
        .sum();
    assert_eq!(lots, 1_000 * 100_000 / 150);
    let (available, held) = world.balance("alice", USD);
    assert!(available < COIN && held == 0, "{available} is left");
    world.check();
}

#[test]
fn a_retry_of_what_waits_is_a_duplicate() {
    let mut world = World::new(3, true);
    let (first, _) = world.client("alice", limit(1, "a", Side::Buy, 10_000, 100_000));
    let (_, again) = world.client("alice", limit(1, "a", Side::Buy, 10_000, 100_000));
    let outcome = again.body.outcome.and_then(|outcome| outcome.kind);
    let Some(outcome::Kind::Duplicate(duplicate)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(duplicate.original_order_id, first.number());
    world.told.clear();
    world.settle();
    assert_eq!(decision(&mut world), "placed");
}

#[test]
fn one_account_cannot_have_more_wait_than_it_may() {
    let mut world = World::new(3, true);
    for number in 0..matcher::limits::PARKED_PER_ACCOUNT_MAX {
        world.client("alice", limit(1, &number.to_string(), Side::Buy, 100, 1_000));
    }
    let (_, refused) = world.client("alice", limit(1, "more", Side::Buy, 100, 1_000));
    let outcome = refused.body.outcome.and_then(|outcome| outcome.kind);
    let Some(outcome::Kind::Refused(refused)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.reason(), RefusalReason::TooManyParked);
    world.settle();
    world.told.clear();
    let (_, placed) = world.client("alice", limit(1, "more", Side::Buy, 100, 1_000));
    let outcome = placed.body.outcome.and_then(|outcome| outcome.kind);
    assert!(matches!(outcome, Some(outcome::Kind::Applied(_))), "the key was free: {outcome:?}");
}

#[test]
fn money_crosses_the_border_at_home_and_a_withdrawal_waits_for_the_rest() {
    let mut world = World::new(3, false);
    let deposit = Command::Deposit(movement(USD, 500 * COIN, "in"));
    let (_, elsewhere) = world.client_at(0, "alice", deposit.clone());
    let outcome = elsewhere.body.outcome.and_then(|outcome| outcome.kind);
    let Some(outcome::Kind::Refused(refused)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.reason(), RefusalReason::NotHome);
    world.client("alice", deposit);
    world.client("alice", limit(1, "a", Side::Buy, 30_000, 100_000));
    world.settle();
    world.told.clear();
    // 300 are held on shard 0, a share lies beside them, the rest is at home.
    world.client("alice", Command::Withdraw(movement(USD, 200 * COIN, "out")));
    world.settle();
    assert_eq!(decision(&mut world), "applied");
    assert_eq!(world.balance("alice", USD), (0, 300 * COIN));
    world.client("alice", Command::Withdraw(movement(USD, 1, "more")));
    world.told.clear();
    world.settle();
    assert_eq!(decision(&mut world), "refused InsufficientFunds");
    // A name that nobody knows has nothing anywhere, and nobody is asked.
    world.client("dave", Command::Withdraw(movement(USD, 1, "none")));
    assert!(world.is_at_rest());
    world.check();
}

#[test]
fn a_withdrawal_that_was_done_meanwhile_is_not_called_late() {
    let mut world = World::new(3, false);
    world.client("alice", Command::Deposit(movement(USD, 500 * COIN, "in")));
    world.client("alice", limit(1, "a", Side::Buy, 30_000, 100_000));
    world.settle();
    // The same three times, before the first is done, and once something else under its id.
    for amount in [200, 200, 200, 190] {
        world.client("alice", Command::Withdraw(movement(USD, amount * COIN, "out")));
    }
    let recalls: Vec<_> = [0, 1].map(|shard| world.link(2, shard)).into();
    for (shard, (sent, taken)) in recalls.into_iter().enumerate() {
        let count = usize::try_from(sent - taken).expect("few");
        world.run(2, shard, taken + 1, count);
    }
    world.told.clear();
    for shard in [0, 1] {
        let (sent, taken) = world.link(shard, 2);
        world.run(shard, 2, taken + 1, usize::try_from(sent - taken).expect("few"));
    }
    assert_eq!(decision(&mut world), "applied");
    // What is recalled for the others does not come, and nobody looks until they wait too long.
    world.wait(2);
    world.now += 9 * SECOND;
    world.tick(2);
    assert_eq!(decisions(&mut world), ["duplicate", "duplicate", "refused KeyReused"]);
    world.settle();
    world.check();
}

#[test]
fn an_answer_for_which_nobody_waits_any_more_leaves_nothing_behind() {
    let mut world = World::new(3, false);
    world.client("alice", Command::Deposit(movement(USD, COIN, "in")));
    let (order_id, _) = world.client("alice", limit(3, "a", Side::Buy, 30_000, 100_000));
    world.client("alice", Command::Cancel { order_id });
    // The order of another asset makes home decide what it was asked for the first.
    world.now += 4 * SECOND;
    world.client("alice", limit(3, "b", Side::Sell, 30_000, 100_000));
    world.check();
    world.settle();
    world.wait(4);
    world.settle();
    assert!(world.is_at_rest());
}

#[test]
fn what_never_had_anything_leaves_no_account_behind() {
    let mut world = World::new(3, false);
    world.client("alice", limit(1, "a", Side::Buy, 30_000, 100_000));
    world.settle();
    assert!(world.is_at_rest());
    world.wait(1);
    for shard in 0..3 {
        assert_eq!(world.shards[shard].replica.core().accounts().count(), 0, "shard {shard}");
    }
}

#[test]
fn a_run_is_taken_once_and_in_order() {
    let mut world = World::new(3, true);
    for (number, instrument) in BASES.into_iter().enumerate() {
        world.client("alice", limit(1, &format!("a{number}"), Side::Sell, 10_000, 10_000));
        world.client("alice", limit(1, &format!("b{instrument}"), Side::Buy, 10_000, 10_000));
    }
    let outcome = |answer: spine::Answer| answer.body.outcome.and_then(|outcome| outcome.kind);
    assert_eq!(world.link(0, 2), (2, 0), "an ask for each asset");
    assert!(
        matches!(outcome(world.run(0, 2, 2, 1)), Some(outcome::Kind::Gap(gap)) if gap.expected == 1)
    );
    assert!(matches!(outcome(world.run(0, 2, 1, 1)), Some(outcome::Kind::Applied(_))));
    assert!(matches!(outcome(world.run(0, 2, 1, 2)), Some(outcome::Kind::Applied(_))));
    let again = world.run(0, 2, 1, 2);
    assert_eq!(again.body.link_progress[0].repeated, 2);
    assert!(matches!(outcome(again), Some(outcome::Kind::Stale(_))));
    assert_eq!(world.link(2, 0), (2, 0), "each ask has one grant");
    world.settle();
    world.check();
    let is_kept = world.shards[0].replica.links().unacknowledged().count();
    assert_eq!(is_kept, 0, "who is answered knows that the ask was taken");
}

#[test]
#[should_panic(expected = "nothing was asked for")]
fn a_grant_that_nobody_asked_for_stops_the_shard() {
    let mut world = World::new(3, true);
    world.client("alice", limit(1, "a", Side::Buy, 10_000, 100_000));
    let amount = Some(proto::log::Amount { units: 1, units_high: 0 });
    let granted = link_item::Kind::Granted(proto::log::FundsGranted { amount });
    let item = |kind| LinkItem { account: "alice".to_owned(), asset_id: USD, kind: Some(kind) };
    let items = vec![item(granted.clone()), item(granted)];
    let run = proto::log::LinkRun { source: 2, first_link_seq: 1, items, taken: 0 };
    world.now += SECOND;
    world.input(0, proto::log::input::Kind::LinkRun(run));
}

/// So many schedules are in use on shard 1 that one more fits, besides those of `rests`.
fn all_but_one_schedule(world: &mut World) {
    world.client("bob", limit(2, "bobs", Side::Buy, 100, 1_000));
    for number in 1..=254 {
        charge_taker(world, number);
        let key = format!("bob-{number}");
        world.client("bob", limit(2, &key, Side::Buy, 100, 1_000));
    }
    world.settle();
    world.told.clear();
}

fn charge_taker(world: &mut World, taker_fee_millionths: i32) {
    world.relist(2, |listing| InstrumentListing { taker_fee_millionths, ..listing });
}

#[test]
fn what_waited_is_asked_for_a_schedule_when_it_is_decided() {
    let order = limit(2, "a", Side::Buy, 10_000, 100_000);
    let list = buyers_pair(2, "a", [12_000, 11_000, 10_000], 100_000);
    for (command, refused) in
        [(order, "rejected TooManySchedules"), (list, "list rejected TooManySchedules")]
    {
        let mut world = World::new(3, true);
        all_but_one_schedule(&mut world);
        charge_taker(&mut world, 255);
        world.client("alice", command.clone());
        // While it waits another order takes the last one.
        world.client("bob", limit(2, "last", Side::Buy, 100, 1_000));
        charge_taker(&mut world, 256);
        world.told.clear();
        world.settle();
        assert_eq!(decision(&mut world), refused);
        world.check();
        // With the last one free it is taken.
        let mut world = World::new(3, true);
        all_but_one_schedule(&mut world);
        charge_taker(&mut world, 255);
        world.client("alice", command);
        world.told.clear();
        world.settle();
        assert!(decision(&mut world).ends_with("placed"));
        world.check();
    }
}
