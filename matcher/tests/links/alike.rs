//! Three shards tell a client just what one shard does, where nothing is on its way meanwhile: the
//! shard that has everything is the reference of those that share it.

use std::collections::BTreeMap;

use model::{OrderId, Side};
use proto::{
    command::{Ask, Command},
    log::{event::Kind, outcome},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::world::{
    BASE_GRANT, BASES, COIN, SECOND, USD, World, limit, market, movement, order, transfer,
};

const SEEDS: u64 = 24;
const COMMANDS: usize = 1_200;
const CLIENTS: usize = 6;

/// A command of a flow, with orders named by the number of the command that placed them.
#[derive(Clone, Debug)]
enum Step {
    Do(Command),
    Cancel(usize),
    CancelAll,
}

/// One client of some shards, and what it was told.
struct Told {
    world: World,
    /// Which command an order's id is of.
    numbers: BTreeMap<u64, usize>,
    ids: BTreeMap<usize, OrderId>,
    /// Whether the last command waited for money from other shards.
    has_waited: bool,
}

impl Told {
    fn new(count: u16, sandbox: bool) -> Told {
        Told {
            world: World::new(count, sandbox),
            numbers: BTreeMap::new(),
            ids: BTreeMap::new(),
            has_waited: false,
        }
    }

    /// Does it, lets everything come to rest, and tells what was said, in words and sorted.
    fn step(&mut self, number: usize, account: &str, step: &Step) -> Vec<String> {
        self.world.told.clear();
        match step {
            Step::Do(command) => {
                let (id, _) = self.world.client(account, command.clone());
                self.numbers.insert(id.number(), number);
                self.ids.insert(number, id);
            }
            Step::Cancel(placed) => {
                let order_id = self.ids[placed];
                self.world.client(account, Command::Cancel { order_id });
            }
            Step::CancelAll => {
                for shard in 0..self.world.shards.len() {
                    let all = Command::CancelAll { instrument: None };
                    self.world.client_at(shard, account, all);
                }
            }
        }
        self.world.settle();
        assert!(self.world.is_at_rest(), "something waits where nothing is on its way");
        self.words()
    }

    fn words(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        // What became of a movement is its outcome, or comes later.
        for (_, answer) in &self.world.told {
            let outcome = answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
            if let Some(outcome::Kind::Refused(refused)) = outcome {
                words.push(format!("refused {:?}", refused.reason()));
            }
        }
        let events = self.world.take_events();
        let waits = |kind: &Kind| matches!(kind, Kind::OrderParked(_) | Kind::WithdrawalParked(_));
        self.has_waited = events.iter().any(|(_, _, kind)| waits(kind));
        for (partition, offset, kind) in events {
            let own = || OrderId::at(partition, offset).expect("in range").number();
            let number = |id: u64| self.numbers[&if id == 0 { own() } else { id }];
            words.push(match kind {
                Kind::OrderPlaced(placed) => format!("{} placed", number(placed.order_id)),
                // Which of the two ways it was refused in does not matter.
                Kind::OrderRejected(rejected) if rejected.order_id > 0 => {
                    format!("refused {:?}", rejected.reason())
                }
                Kind::Trade(trade) => format!(
                    "trade {} of {}: {} lots at {}, {} left of {}, {} left of {}",
                    trade.trade_id,
                    trade.instrument_id,
                    trade.quantity_lots,
                    trade.price_ticks,
                    trade.maker_remaining_lots,
                    number(trade.maker_order_id),
                    trade.taker_remaining_lots,
                    number(trade.taker_order_id)
                ),
                Kind::OrderEnded(end) => {
                    let id = number(end.order_id);
                    format!("{id} ended, {:?}, {} left", end.reason(), end.remaining_lots)
                }
                Kind::WithdrawalDecided(decided) => {
                    match decided.outcome.and_then(|outcome| outcome.kind) {
                        Some(outcome::Kind::Refused(refused)) => {
                            format!("refused {:?}", refused.reason())
                        }
                        _ => continue,
                    }
                }
                _ => continue,
            });
        }
        words.sort();
        words
    }
}

/// Prices and sizes are such that accounts run out of money, and of it here and there more often.
fn step(random: &mut Pcg64Mcg, number: usize) -> Step {
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let instrument = BASES[random.random_range(0..3)];
    let key = number.to_string();
    let lots = random.random_range(1..500_000);
    let ticks = random.random_range(9_900..10_100);
    match random.random_range(0..100) {
        0..55 => Step::Do(limit(instrument, &key, side, ticks, lots)),
        55..65 => Step::Do(market(instrument, &key, side, lots)),
        65..70 => {
            let amount = random.random_range(1..500 * COIN);
            let amount = model::Amount::from_units(amount);
            Step::Do(order(instrument, &key, side, Ask::MarketByQuote { amount }))
        }
        70..84 if number > 0 => {
            Step::Cancel(random.random_range(number.saturating_sub(60)..number))
        }
        84..87 => Step::CancelAll,
        87..93 => {
            let asset = if random.random_bool(0.5) { USD } else { instrument };
            Step::Do(Command::Deposit(movement(asset, random.random_range(1..100 * COIN), &key)))
        }
        93..96 => {
            let receiver = format!("client-{}", random.random_range(0..CLIENTS));
            Step::Do(transfer(USD, random.random_range(1..400 * COIN), &key, &receiver))
        }
        _ => {
            let asset = if random.random_bool(0.5) { USD } else { instrument };
            Step::Do(Command::Withdraw(movement(asset, random.random_range(1..400 * COIN), &key)))
        }
    }
}

#[test]
fn three_shards_tell_a_client_what_one_shard_would() {
    for seed in 0..SEEDS {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let sandbox = seed % 3 != 0;
        let [mut one, mut three] = [1, 3].map(|count| Told::new(count, sandbox));
        let (mut waited, mut refused) = (0, 0);
        // Who has nothing has no account, and keys of strangers are counted by shard.
        for (client, asset) in (0..CLIENTS).flat_map(|client| BASES.map(|base| (client, base))) {
            let (account, id) = (format!("client-{client}"), format!("first-{asset}"));
            let deposit = Command::Deposit(movement(asset, COIN, &id));
            for told in [&mut one, &mut three] {
                told.world.client(&account, deposit.clone());
            }
        }
        for number in 0..COMMANDS {
            let account = format!("client-{}", random.random_range(0..CLIENTS));
            let mut step = step(&mut random, number);
            if let Step::Cancel(placed) = step
                && !one.ids.contains_key(&placed)
            {
                step = Step::CancelAll;
            }
            for told in [&mut one, &mut three] {
                told.world.now += SECOND / 100;
            }
            let expected = one.step(number, &account, &step);
            let told = three.step(number, &account, &step);
            assert_eq!(told, expected, "seed {seed}, command {number} of {account}: {step:?}");
            refused += usize::from(told.iter().any(|word| word.contains("InsufficientFunds")));
            waited += usize::from(three.has_waited);
            compare_balances(&one.world, &three.world, (seed, number));
        }
        assert!(refused > 20, "only {refused} were refused: nothing was shown");
        assert!(waited > 50, "only {waited} waited: nothing was shown");
        three.world.check();
    }
}

fn compare_balances(one: &World, three: &World, place: (u64, usize)) {
    for client in 0..CLIENTS {
        let account = format!("client-{client}");
        for asset in BASES.into_iter().chain([USD]) {
            let (expected, found) = (one.balance(&account, asset), three.balance(&account, asset));
            assert_eq!(found, expected, "{account}, asset {asset}, at {place:?}");
        }
    }
}

#[test]
fn what_goes_between_three_shards_is_seldom_asked_for() {
    let mut world = World::new(3, true);
    let trades = 300;
    for number in 0..trades {
        let instrument = BASES[number % 3];
        let (maker, taker) = (format!("m{number}"), format!("t{number}"));
        world.client("maker", limit(instrument, &maker, Side::Sell, 10, 100));
        world.settle();
        world.client("taker", limit(instrument, &taker, Side::Buy, 10, 100));
        world.settle();
    }
    let events = world.take_events();
    let parked = events.iter().filter(|(_, _, kind)| matches!(kind, Kind::OrderParked(_))).count();
    let traded = events.iter().filter(|(_, _, kind)| matches!(kind, Kind::Trade(_))).count();
    assert_eq!(traded, trades);
    assert!(parked <= 4, "{parked} waited: home gives a share on top of what is asked for");
    let sold: i128 = world.balance("taker", BASES[0]).0 - BASE_GRANT;
    assert_eq!(sold, 100 * 100 * 1_000);
}
