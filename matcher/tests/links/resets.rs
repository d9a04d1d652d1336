//! A sandbox account that begins anew on three shards: each does its part.

use model::{KeyText, OrderId, Side};
use proto::{
    command::{Command, OperatorWord},
    log::outcome,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::world::{
    BASE_GRANT, BASES, COIN, USD, USD_GRANT, World, limit, market, movement, name, transfer,
};

const SEEDS: u64 = 40;
const CLIENTS: usize = 4;

fn step(random: &mut Pcg64Mcg, number: usize, placed: &[OrderId]) -> Command {
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let instrument = BASES[random.random_range(0..3)];
    let (key, lots) = (number.to_string(), random.random_range(1..600_000));
    match random.random_range(0..10) {
        0..6 => limit(instrument, &key, side, random.random_range(9_900..10_100), lots),
        6 => market(instrument, &key, side, lots),
        7 => Command::Deposit(movement(USD, random.random_range(1..100 * COIN), &key)),
        8 if !placed.is_empty() => {
            Command::Cancel { order_id: placed[random.random_range(0..placed.len())] }
        }
        _ => {
            let receiver = format!("client-{}", random.random_range(0..CLIENTS));
            transfer(USD, random.random_range(1..80 * COIN), &key, &receiver)
        }
    }
}

#[test]
fn after_a_reset_on_every_shard_an_account_has_its_grant_and_no_more() {
    let mut resets = 0;
    for seed in 0..SEEDS {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut world = World::new(3, true);
        let mut placed = Vec::new();
        for number in 0..240 {
            let account = format!("client-{}", random.random_range(0..CLIENTS));
            let (id, _) = world.client(&account, step(&mut random, number, &placed));
            placed.push(id);
            if random.random_bool(0.5) {
                world.settle();
            }
            if number % 30 != 29 {
                continue;
            }
            // Nothing is on its way, so that nothing comes in afterwards.
            world.wait(12);
            world.settle();
            let account = format!("client-{}", random.random_range(0..CLIENTS));
            let id = KeyText::new(&number.to_string()).expect("a good id");
            for shard in 0..3 {
                let word = OperatorWord::Reset { account: name(&account), id: id.clone() };
                for is_first in [true, false] {
                    let answer = world.operate(shard, word.clone());
                    let kind = answer.body.outcome.and_then(|outcome| outcome.kind);
                    let is_applied = matches!(kind, Some(outcome::Kind::Applied(_)));
                    assert_eq!(is_applied, is_first, "once on each shard: {kind:?}");
                }
                resets += 1;
            }
            world.settle();
            for asset in BASES.into_iter().chain([USD]) {
                let grant = if asset == USD { USD_GRANT } else { BASE_GRANT };
                assert_eq!(world.balance(&account, asset), (grant, 0), "seed {seed} of {asset}");
            }
            world.check();
        }
    }
    assert!(resets >= 900, "only {resets} resets");
}
