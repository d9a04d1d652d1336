//! What becomes of money that one account sends to another, told step by step.
//!
//! Of the accounts, dave is at home on shard 0, bob on shard 1 and alice on shard 2.

use model::Side;
use proto::{
    command::{Command, OperatorWord},
    log::{LinkItem, LinkRun, PostingCause, RefusalReason, event::Kind, input, link_item, outcome},
};
use spine::Answer;

use crate::world::{COIN, USD, USD_GRANT, World, limit, movement, name, transfer};

fn outcome_of(answer: &Answer) -> String {
    match answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref()) {
        Some(outcome::Kind::Applied(_)) => "applied".to_owned(),
        Some(outcome::Kind::Duplicate(_)) => "duplicate".to_owned(),
        Some(outcome::Kind::Refused(refused)) => format!("{:?}", refused.reason()),
        other => panic!("{other:?}"),
    }
}

/// Does it, and says what came of it at once.
fn told(world: &mut World, account: &str, command: Command) -> String {
    outcome_of(&world.client(account, command).1)
}

fn causes(world: &World) -> Vec<PostingCause> {
    let postings = world.told.iter().flat_map(|(_, answer)| &answer.body.postings);
    postings.map(|posting| posting.cause()).collect()
}

#[test]
fn money_goes_to_the_receivers_home_and_is_nobodys_on_the_way() {
    let mut world = World::new(3, true);
    assert_eq!(told(&mut world, "alice", transfer(USD, 70 * COIN, "t1", "bob")), "applied");
    assert_eq!(world.at(2, "alice", USD), [USD_GRANT - 70 * COIN, 0, 0]);
    assert_eq!(world.at(2, "bob", USD), [0, 0, 70 * COIN]);
    assert_eq!(world.in_flight()[&(name("bob"), USD)], 70 * COIN);
    world.check();
    assert_eq!(told(&mut world, "alice", transfer(USD, 70 * COIN, "t1", "bob")), "duplicate");
    assert_eq!(told(&mut world, "alice", transfer(USD, 71 * COIN, "t1", "bob")), "KeyReused");
    assert_eq!(told(&mut world, "alice", transfer(USD, 70 * COIN, "t1", "dave")), "KeyReused");
    world.settle();
    assert_eq!(world.at(1, "bob", USD), [USD_GRANT + 70 * COIN, 0, -70 * COIN]);
    assert!(world.is_at_rest());
    world.check();
    assert_eq!(told(&mut world, "alice", transfer(USD, 70 * COIN, "t1", "bob")), "duplicate");
    // What bob has he can send on, here and there.
    let all = USD_GRANT + 70 * COIN;
    assert_eq!(told(&mut world, "bob", transfer(USD, all, "t1", "dave")), "applied");
    world.settle();
    assert_eq!(world.balance("bob", USD), (0, 0));
    assert_eq!(world.balance("dave", USD), (USD_GRANT + all, 0));
    world.check();
}

#[test]
fn outside_a_sandbox_what_comes_to_nobody_comes_back() {
    let mut world = World::new(3, false);
    world.client("alice", Command::Deposit(movement(USD, 100 * COIN, "in")));
    assert_eq!(told(&mut world, "alice", transfer(USD, 60 * COIN, "t1", "bob")), "applied");
    assert_eq!(world.balance("alice", USD), (40 * COIN, 0));
    world.told.clear();
    world.settle();
    assert_eq!(causes(&world), [PostingCause::TransferReturned]);
    assert_eq!(world.balance("alice", USD), (100 * COIN, 0));
    assert_eq!(world.balance("bob", USD), (0, 0));
    assert!(world.is_at_rest());
    world.check();
    // Its id stays used.
    assert_eq!(told(&mut world, "alice", transfer(USD, 60 * COIN, "t1", "bob")), "duplicate");
    world.client("bob", Command::Deposit(movement(USD, COIN, "in")));
    assert_eq!(told(&mut world, "alice", transfer(USD, 60 * COIN, "t2", "bob")), "applied");
    world.settle();
    assert_eq!(world.balance("bob", USD), (61 * COIN, 0));
    world.check();
}

#[test]
fn a_transfer_waits_for_money_that_is_on_other_shards() {
    let mut world = World::new(3, false);
    world.client("alice", Command::Deposit(movement(USD, 500 * COIN, "in")));
    world.client("bob", Command::Deposit(movement(USD, COIN, "in")));
    world.client("alice", limit(1, "a", Side::Buy, 30_000, 100_000));
    world.settle();
    world.told.clear();
    // 300 are held on shard 0, a share lies beside them, the rest is at home.
    assert_eq!(told(&mut world, "alice", transfer(USD, 200 * COIN, "t1", "bob")), "applied");
    let events = world.take_events();
    assert!(matches!(events[..], [(_, _, Kind::WithdrawalParked(_))]), "{events:?}");
    assert_eq!(world.balance("bob", USD), (COIN, 0));
    world.settle();
    assert_eq!(world.balance("bob", USD), (201 * COIN, 0));
    assert_eq!(world.balance("alice", USD), (0, 300 * COIN));
    world.check();
    // There is no more anywhere.
    assert_eq!(told(&mut world, "alice", transfer(USD, 1, "t2", "bob")), "applied");
    world.told.clear();
    world.settle();
    let decided = world.take_events().into_iter().find_map(|(_, _, kind)| match kind {
        Kind::WithdrawalDecided(decided) => decided.outcome.and_then(|outcome| outcome.kind),
        _ => None,
    });
    let Some(outcome::Kind::Refused(refused)) = decided else { panic!("{decided:?}") };
    assert_eq!(refused.reason(), RefusalReason::InsufficientFunds);
    world.check();
}

#[test]
fn what_cannot_be_sent_is_refused_whole() {
    let mut world = World::new(3, false);
    world.client("alice", Command::Deposit(movement(USD, 100 * COIN, "in")));
    let elsewhere = world.client_at(0, "alice", transfer(USD, COIN, "t1", "bob")).1;
    assert_eq!(outcome_of(&elsewhere), "NotHome");
    assert_eq!(told(&mut world, "alice", transfer(USD, COIN, "t1", "alice")), "SameAccount");
    assert_eq!(told(&mut world, "alice", transfer(99, COIN, "t1", "bob")), "UnknownAsset");
    // Nobody knows bob, and where alice is at home nobody knows of a second alice either.
    let at_home = (0..)
        .map(|number| format!("nobody-{number}"))
        .find(|nobody| model::home::home(&name(nobody), 3) == model::home::home(&name("alice"), 3));
    let unknown = transfer(USD, COIN, "t1", &at_home.expect("one of three"));
    assert_eq!(told(&mut world, "alice", unknown), "UnknownAccount");
    assert_eq!(world.balance("alice", USD), (100 * COIN, 0));
    world.check();
}

#[test]
#[should_panic(expected = "alice has sent no such transfer")]
fn a_reply_to_what_was_not_sent_stops_the_shard() {
    let mut world = World::new(3, true);
    world.client("alice", transfer(USD, COIN, "t1", "bob"));
    world.settle();
    let items = world.shards[1].sent.values().flatten();
    let is_reply =
        |item: &&LinkItem| matches!(item.kind, Some(link_item::Kind::TransferAnswered(_)));
    let items: Vec<LinkItem> = items.filter(is_reply).cloned().collect();
    assert_eq!(items.len(), 1, "it was answered once");
    let (first_link_seq, taken) = (world.link(1, 2).1 + 1, 0);
    let run = LinkRun { source: 1, first_link_seq, items, taken };
    world.input(2, input::Kind::LinkRun(run));
}

#[test]
fn an_adjustment_is_done_once_where_the_account_is_at_home() {
    let mut world = World::new(3, false);
    world.client("alice", Command::Deposit(movement(USD, 100 * COIN, "in")));
    let adjust = |account: &str, units, id: &str| OperatorWord::Adjust {
        account: name(account),
        movement: movement(USD, units, id),
    };
    let said = |world: &mut World, shard, word| outcome_of(&world.operate(shard, word));
    assert_eq!(said(&mut world, 2, adjust("alice", 5 * COIN, "a1")), "applied");
    assert_eq!(said(&mut world, 2, adjust("alice", 5 * COIN, "a1")), "duplicate");
    assert_eq!(said(&mut world, 2, adjust("alice", -5 * COIN, "a1")), "KeyReused");
    assert_eq!(said(&mut world, 1, adjust("alice", 5 * COIN, "a2")), "NotHome");
    assert_eq!(said(&mut world, 1, adjust("bob", 5 * COIN, "a1")), "UnknownAccount");
    assert_eq!(said(&mut world, 2, adjust("alice", -106 * COIN, "a3")), "InsufficientFunds");
    assert_eq!(said(&mut world, 2, adjust("alice", -105 * COIN, "a3")), "applied");
    assert_eq!(world.balance("alice", USD), (0, 0));
    world.check();
}
