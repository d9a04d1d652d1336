//! Random flows over three shards whose links are as bad as they may be: runs come late, cut,
//! repeated, and beyond the next item, clients go on meanwhile, and time passes. After every input
//! the money of every account is where it should be; in the end nothing waits, and everything that
//! ever waited has become one thing.

use std::collections::BTreeMap;

use model::{AccountName, OrderId, Side};
use proto::{
    command::Command,
    log::{self, EndReason, event::Kind, outcome},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Answer;

use crate::world::{
    BASE_GRANT, BASES, COIN, SECOND, USD, USD_GRANT, World, limit, market, movement, name, transfer,
};

const SEEDS: u64 = 300;
const CHOICES: usize = 250;
const CLIENTS: usize = 4;

/// The naive books: what every account has in all, from nothing but trades and movements, and what
/// became of everything that waited.
#[derive(Default)]
struct Naive {
    moved: BTreeMap<(AccountName, u32), i128>,
    waiting: BTreeMap<u64, u32>,
    /// Movements that wait, what they are of, and who is sent it.
    withdrawals: BTreeMap<u64, (AccountName, u32, i128, Option<AccountName>)>,
    placed_after: usize,
    expired: usize,
    transfers: usize,
    returned: usize,
}

impl Naive {
    fn add(&mut self, account: &str, asset: u32, units: i128) {
        *self.moved.entry((name(account), asset)).or_insert(0) += units;
    }

    /// A movement that its own record decided.
    fn movement(&mut self, account: &str, command: &Command, id: OrderId, answer: &Answer) {
        let (movement, sign, receiver) = match command {
            Command::Deposit(movement) => (movement, 1, None),
            Command::Withdraw(movement) => (movement, -1, None),
            Command::Transfer(sent) => (&sent.movement, -1, Some(sent.receiver.clone())),
            _ => return,
        };
        let outcome = answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
        let is_applied = matches!(outcome, Some(outcome::Kind::Applied(_)));
        let waits = answer
            .body
            .events
            .iter()
            .any(|event| matches!(event.kind, Some(Kind::WithdrawalParked(_))));
        let units = movement.amount.units();
        if waits {
            let one = (name(account), movement.asset.0, units, receiver);
            self.withdrawals.insert(id.number(), one);
            self.waiting.insert(id.number(), 0);
        } else if is_applied {
            self.add(account, movement.asset.0, sign * units);
            self.sent(receiver.as_ref(), movement.asset.0, units);
        }
    }

    /// Who is sent something has it from then on, on its way or not.
    fn sent(&mut self, receiver: Option<&AccountName>, asset: u32, units: i128) {
        if let Some(receiver) = receiver {
            self.add(receiver.as_str(), asset, units);
            self.transfers += 1;
        }
    }

    /// What has come back was never theirs who were sent it.
    fn came_back(&mut self, posting: &log::Posting, names: &[String]) {
        if posting.cause() != log::PostingCause::TransferReturned {
            return;
        }
        for leg in &posting.legs {
            let amount = proto::convert::amount(leg.amount.as_ref()).expect("in range");
            self.add(&names[leg.account as usize], leg.asset_id, amount.units());
        }
        self.returned += 1;
    }

    fn decided(&mut self, id: u64) {
        let Some(count) = self.waiting.get_mut(&id) else { return };
        *count += 1;
        assert_eq!(*count, 1, "{id} was decided twice");
    }

    fn event(&mut self, (shard, offset): (model::Partition, u64), names: &[String], kind: &Kind) {
        match kind {
            Kind::OrderParked(_) => {
                let id = OrderId::at(shard, offset).expect("in range").number();
                assert_eq!(self.waiting.insert(id, 0), None);
            }
            Kind::OrderPlaced(log::OrderPlaced { order_id, .. })
            | Kind::OrderRejected(log::OrderRejected { order_id, .. })
                if *order_id > 0 =>
            {
                assert!(self.waiting.contains_key(order_id), "{order_id} did not wait");
                self.decided(*order_id);
                self.placed_after += usize::from(matches!(kind, Kind::OrderPlaced(_)));
            }
            // One that was placed ends too; one that still waits is decided by it.
            Kind::OrderEnded(end) if self.waiting.get(&end.order_id) == Some(&0) => {
                self.decided(end.order_id);
                self.expired += usize::from(end.reason() == EndReason::ParkedTooLong);
            }
            Kind::WithdrawalDecided(decided) => {
                self.decided(decided.record_id);
                let (account, asset, units, receiver) =
                    self.withdrawals[&decided.record_id].clone();
                let outcome = decided.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
                if matches!(outcome, Some(outcome::Kind::Applied(_))) {
                    self.add(account.as_str(), asset, -units);
                    self.sent(receiver.as_ref(), asset, units);
                }
            }
            Kind::Trade(trade) => {
                let base = trade.instrument_id;
                let lots = i128::from(trade.quantity_lots);
                let paid = lots * i128::from(trade.price_ticks) * 10;
                let maker = &names[trade.maker_account as usize];
                let taker = &names[trade.taker_account as usize];
                let is_buy = trade.taker_side() == proto::trading::Side::Buy;
                let (buyer, seller) = if is_buy { (taker, maker) } else { (maker, taker) };
                self.add(buyer, USD, -paid);
                self.add(seller, USD, paid);
                self.add(buyer, base, lots * 1_000);
                self.add(seller, base, -lots * 1_000);
            }
            _ => {}
        }
    }

    fn heed(&mut self, world: &mut World) {
        for (shard, answer) in std::mem::take(&mut world.told) {
            for posting in &answer.body.postings {
                self.came_back(posting, &answer.body.accounts);
            }
            for kind in answer.body.events.iter().filter_map(|event| event.kind.as_ref()) {
                self.event((shard, answer.in_offset), &answer.body.accounts, kind);
            }
        }
    }

    fn compare(&self, world: &World, sandbox: bool) {
        for client in 0..CLIENTS {
            let account = format!("client-{client}");
            for asset in BASES.into_iter().chain([USD]) {
                let grant = if asset == USD { USD_GRANT } else { BASE_GRANT };
                let granted = if sandbox { grant } else { 0 };
                let key = (name(&account), asset);
                let expected = granted + self.moved.get(&key).copied().unwrap_or(0);
                let (available, held) = world.balance(&account, asset);
                assert_eq!(available + held, expected, "{account} of asset {asset}");
                assert!(available >= 0 && held >= 0, "{account} of asset {asset}");
            }
        }
    }
}

fn command(random: &mut Pcg64Mcg, number: usize, placed: &[OrderId]) -> Command {
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let instrument = BASES[random.random_range(0..3)];
    let (key, lots) = (number.to_string(), random.random_range(1..600_000));
    match random.random_range(0..100) {
        0..55 => limit(instrument, &key, side, random.random_range(9_900..10_100), lots),
        55..70 => market(instrument, &key, side, lots),
        70..82 if !placed.is_empty() => {
            Command::Cancel { order_id: placed[random.random_range(0..placed.len())] }
        }
        82..88 => Command::CancelAll { instrument: None },
        88..93 => Command::Deposit(movement(USD, random.random_range(1..100 * COIN), &key)),
        93..96 => Command::Withdraw(movement(USD, random.random_range(1..900 * COIN), &key)),
        _ => {
            // The last few are no clients: outside the sandbox they have no account.
            let receiver = format!("client-{}", random.random_range(0..CLIENTS + 3));
            transfer(USD, random.random_range(1..80 * COIN), &key, &receiver)
        }
    }
}

/// A run as a bad link brings it: from anywhere up to a little beyond what is due, of any length.
fn bad_run(random: &mut Pcg64Mcg, world: &mut World) {
    let from = random.random_range(0..3);
    let to = (from + random.random_range(1..3)) % 3;
    let (_, taken) = world.link(from, to);
    let first = random.random_range(taken.saturating_sub(3).max(1)..=taken + 2);
    world.run(from, to, first, random.random_range(0..6));
}

#[test]
fn no_money_is_made_or_lost_and_everything_that_waits_becomes_one_thing() {
    let (mut waited, mut placed_after, mut expired) = (0, 0, 0);
    let (mut transfers, mut returned) = (0, 0);
    for seed in 0..SEEDS {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let sandbox = seed % 4 != 0;
        let mut world = World::new(3, sandbox);
        let (mut naive, mut placed) = (Naive::default(), Vec::new());
        for number in 0..CHOICES {
            match random.random_range(0..100) {
                0..45 => {
                    let account = format!("client-{}", random.random_range(0..CLIENTS));
                    let command = command(&mut random, number, &placed);
                    let (id, answer) = match command {
                        Command::CancelAll { .. } => {
                            let shard = random.random_range(0..3);
                            world.client_at(shard, &account, command.clone())
                        }
                        _ => world.client(&account, command.clone()),
                    };
                    naive.movement(&account, &command, id, &answer);
                    placed.extend(matches!(command, Command::Place(_)).then_some(id));
                }
                45..90 => bad_run(&mut random, &mut world),
                90..98 => {
                    let shard = random.random_range(0..3);
                    world.tick(shard);
                }
                // Owners tick, so that no shard's time makes a step that it would not believe.
                _ => {
                    world.now += random.random_range(0..5 * SECOND);
                    (0..3).for_each(|shard| drop(world.tick(shard)));
                }
            }
            naive.heed(&mut world);
            naive.compare(&world, sandbox);
            if number % 25 == 0 {
                world.check();
            }
        }
        // The clients are gone and the links are well: within what a record is valid for, nothing
        // waits any more.
        world.wait(12);
        naive.heed(&mut world);
        let before = naive.waiting.values().filter(|count| **count == 0).count();
        assert_eq!(before, 0, "seed {seed}: something waits beyond its time");
        world.settle();
        naive.heed(&mut world);
        world.wait(4);
        world.settle();
        naive.heed(&mut world);
        naive.compare(&world, sandbox);
        world.check();
        assert!(world.is_at_rest(), "seed {seed}");
        waited += naive.waiting.len();
        placed_after += naive.placed_after;
        expired += naive.expired;
        transfers += naive.transfers;
        returned += naive.returned;
    }
    let counts = [waited, placed_after, expired];
    assert!(counts.iter().all(|count| *count > 1_000), "waited, placed, expired: {counts:?}");
    assert!(transfers > 400 && returned > 10, "{transfers} transfers, {returned} came back");
}
