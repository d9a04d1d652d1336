//! Changes of orders where their money may be on another shard.

use model::{InstrumentId, OrderId, Quantity, ReplaceMode, Side, Span};
use proto::{
    command::{CancelAfter, Command, OrderName, ReplaceOrder},
    log::{EndReason, RefusalReason, event::Kind, outcome},
};
use spine::Answer;

use crate::world::{COIN, SECOND, USD, World, limit};

/// The one on shard 1.
const INSTRUMENT: InstrumentId = InstrumentId(2);

fn refused(answer: &Answer) -> Option<RefusalReason> {
    match answer.body.outcome.as_ref()?.kind.as_ref()? {
        outcome::Kind::Refused(refused) => Some(refused.reason()),
        _ => None,
    }
}

fn replace(id: OrderId, order: Command) -> Command {
    let Command::Place(place) = order else { panic!("it is an order") };
    let replaced = OrderName::Id(id);
    Command::Replace(ReplaceOrder { replaced, mode: ReplaceMode::StopOnFailure, place })
}

/// Alice is at home on shard 2 and has 1,000 USD in all; the order is on shard 1.
#[test]
fn a_replacement_never_waits_for_money() {
    let mut world = World::new(3, true);
    let (old, _) = world.client("alice", limit(2, "a", Side::Buy, 10_000, 100_000));
    world.settle();
    let [free, held, _] = world.at(1, "alice", USD);
    assert!(held == 100 * COIN && free > 0 && free < 500 * COIN);
    // All that is on this shard is enough together with what the old order lets go of ...
    let lots = u64::try_from((free + held) / 10_000_000_000 * 100_000).expect("small");
    let (next, answer) =
        world.client("alice", replace(old, limit(2, "b", Side::Buy, 10_000, lots)));
    assert_eq!(refused(&answer), None);
    // ... and one coin more is not, though there is more elsewhere.
    let more = || replace(next, limit(2, "c", Side::Buy, 10_000, lots + 100_000));
    let before = world.at(1, "alice", USD);
    let (_, answer) = world.client("alice", more());
    assert_eq!(refused(&answer), Some(RefusalReason::FundsElsewhere));
    assert_eq!(world.at(1, "alice", USD), before);
    assert!(world.is_at_rest(), "nothing was asked for");
    let (_, answer) = world.client("alice", more());
    assert_eq!(refused(&answer), Some(RefusalReason::FundsElsewhere), "the key is free");
    world.settle();
    world.check();
}

#[test]
fn an_order_that_waits_can_be_replaced_and_cancelled_but_not_amended() {
    let mut world = World::new(3, true);
    world.client("alice", limit(2, "first", Side::Buy, 10_000, 100_000));
    world.settle();
    // It waits for more than is here.
    let (old, _) = world.client("alice", limit(2, "a", Side::Buy, 10_000, 700_000));
    let order = OrderName::Id(old);
    let quantity = Quantity::from_lots(600_000).expect("in range");
    let (_, answer) = world.client("alice", Command::Amend { order, quantity });
    assert_eq!(refused(&answer), Some(RefusalReason::WaitsForFunds));
    let (_, answer) =
        world.client("alice", replace(old, limit(2, "b", Side::Buy, 10_000, 100_000)));
    assert_eq!(refused(&answer), None);
    let ends: Vec<_> = answer
        .body
        .events
        .iter()
        .filter_map(|event| match event.kind.as_ref() {
            Some(Kind::OrderEnded(end)) => Some((end.order_id, end.reason())),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(old.number(), EndReason::Cancelled)]);
    world.settle();
    assert_eq!(world.at(1, "alice", USD)[1], 200 * COIN, "the first and the new one");
    assert!(world.is_at_rest());
    world.check();
}

#[test]
fn what_waits_ends_with_what_is_open_and_does_not_go_on() {
    let mut world = World::new(3, true);
    world.client("alice", limit(2, "first", Side::Buy, 10_000, 100_000));
    world.settle();
    let timeout = Span::from_secs(2);
    world.client("alice", Command::CancelAfter(CancelAfter::own(Some(INSTRUMENT), timeout)));
    let (waits, _) = world.client("alice", limit(2, "a", Side::Buy, 10_000, 700_000));
    world.told.clear();
    world.now += 2 * SECOND;
    let answer = world.tick(1);
    let ends: Vec<_> = answer
        .body
        .events
        .iter()
        .filter_map(|event| match event.kind.as_ref() {
            Some(Kind::OrderEnded(end)) => Some((end.order_id == waits.number(), end.reason())),
            _ => None,
        })
        .collect();
    let reason = EndReason::CancelAfter;
    assert_eq!(ends, [(true, reason), (false, reason)], "what waited, then what rested");
    world.settle();
    assert_eq!(world.at(1, "alice", USD)[1], 0, "nothing is held, and what came is free");
    assert!(world.is_at_rest());
    world.check();
}
