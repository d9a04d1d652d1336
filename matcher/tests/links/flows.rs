//! Random flows over three shards whose links are as bad as they may be: runs come late, cut,
//! repeated, and beyond the next item, clients go on meanwhile, and time passes; and over one shard
//! that has no links. After every input the money of every account is where it should be, fees
//! included; in the end nothing waits, and everything that ever waited has become one thing.
//!
//! `TRADESPINE_TEST_SEEDS=2000` makes half a million choices on three shards and as many on one.

use std::{cell::Cell, collections::BTreeMap};

use model::{AccountName, FeeTier, OrderId, Partition, Quantity, ReplaceMode, Side};
use proto::{
    command::{Command, OperatorWord, OrderName, ReplaceOrder},
    log::{self, EndReason, event::Kind, outcome},
    reference::{FeeAsset, InstrumentListing, ListingTier},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Answer;

use crate::{
    built::Wrong,
    world::{
        BASE_GRANT, BASES, COIN, SECOND, USD, USD_GRANT, World, buyers_pair, limit, market,
        movement, name, partition, transfer,
    },
};

/// How many flows there are where `TRADESPINE_TEST_SEEDS` says nothing.
const SEEDS: u64 = 700;
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
    /// Whether trades cost what [`fees_of`] says.
    is_charging: bool,
    /// What the house has earned, by asset.
    earned: BTreeMap<u32, i128>,
    charges: usize,
    /// The fee tier of each account on each shard.
    tiers: BTreeMap<(Partition, AccountName), u8>,
    /// The tier that its account had when an order was accepted.
    accepted_at: BTreeMap<u64, u8>,
    assigned: usize,
    charged_by_tier: usize,
    /// Charges of orders whose account has another tier by now.
    kept: usize,
    cut: usize,
}

const MILLION: i128 = 1_000_000;

/// What maker and taker are charged in each instrument, in millionths: in the quote asset, with
/// rebates in the first two; in the third in what each receives. Tiers 1 and 3 are listed: a tier
/// may be dearer than the one below, and the rebate of one more than what another pays.
const RATES: [[[i128; 2]; 3]; 3] = [
    [[-1_200, 2_000], [800, 700], [-2_500, 3_000]],
    [[-500, 2_000], [-1_400, 1_500], [100, 300]],
    [[900, 1_000], [700, 5_000], [0, 0]],
];

fn rates_of(base: u32) -> [[i128; 2]; 3] {
    RATES[BASES.iter().position(|one| *one == base).expect("one of the instruments")]
}

/// What an order is charged that was accepted from an account of this tier.
fn fees_of(base: u32, tier: u8) -> [i128; 2] {
    let [standard, first, third] = rates_of(base);
    match tier {
        0 => standard,
        1 | 2 => first,
        _ => third,
    }
}

fn charge(world: &mut World) {
    for base in BASES {
        let rates = rates_of(base).map(|of| of.map(|rate| i32::try_from(rate).expect("small")));
        let [[maker, taker], first, third] = rates;
        let tier = |tier, [maker_fee_millionths, taker_fee_millionths]: [i32; 2]| ListingTier {
            tier,
            maker_fee_millionths,
            taker_fee_millionths,
        };
        let is_received = base == BASES[2];
        let charged_in = if is_received { FeeAsset::Received } else { FeeAsset::Quote };
        world.relist(base, |listing| InstrumentListing {
            maker_fee_millionths: maker,
            taker_fee_millionths: taker,
            fee_asset: charged_in.into(),
            fee_tiers: vec![tier(1, first), tier(3, third)],
            ..listing
        });
    }
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

    /// An account has this tier on a shard from now on.
    fn assign(&mut self, shard: Partition, account: &str, tier: u8) {
        let before = self.tiers.insert((shard, name(account)), tier).unwrap_or(0);
        self.assigned += usize::from(before != tier);
    }

    fn tier(&self, shard: Partition, account: &str) -> u8 {
        self.tiers.get(&(shard, name(account))).copied().unwrap_or(0)
    }

    /// Which orders are accepted, and of whom.
    fn accept(&mut self, shard: Partition, own: OrderId, names: &[String], kind: &Kind) {
        let (id, terms) = match kind {
            Kind::OrderPlaced(placed) => (placed.order_id, placed.terms.as_ref()),
            Kind::ListPlaced(placed) => {
                (placed.list_id, placed.listed.as_ref().and_then(|listed| listed.orders.first()))
            }
            _ => return,
        };
        let record = if id == 0 { own } else { OrderId::from_number(id).expect("an order") };
        let account = &names[terms.expect("it has terms").account as usize];
        let tier = self.tier(shard, account);
        for id in std::iter::once(record).chain(record.legs()) {
            self.accepted_at.insert(id.number(), tier);
        }
    }

    fn event(&mut self, (shard, offset): (Partition, u64), names: &[String], kind: &Kind) {
        self.accept(shard, OrderId::at(shard, offset).expect("in range"), names, kind);
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
            Kind::Trade(trade) => self.trade(shard, names, trade),
            _ => {}
        }
    }

    fn trade(&mut self, shard: Partition, names: &[String], trade: &log::TradeExecuted) {
        let base = trade.instrument_id;
        let lots = i128::from(trade.quantity_lots);
        let (paid, delivered) = (lots * i128::from(trade.price_ticks) * 10, lots * 1_000);
        let maker = names[trade.maker_account as usize].clone();
        let taker = names[trade.taker_account as usize].clone();
        let is_buy = trade.taker_side() == proto::trading::Side::Buy;
        let (buyer, seller) = if is_buy { (&taker, &maker) } else { (&maker, &taker) };
        self.add(buyer, USD, -paid);
        self.add(seller, USD, paid);
        self.add(buyer, base, delivered);
        self.add(seller, base, -delivered);
        if !self.is_charging {
            return;
        }
        let (of_maker, of_taker) = (trade.maker_order_id, trade.taker_order_id);
        let tiers = [of_maker, of_taker].map(|id| self.accepted_at[&id]);
        let [maker_rate, taker_rate] = [fees_of(base, tiers[0])[0], fees_of(base, tiers[1])[1]];
        // A charge is rounded up and a rebate down.
        let fee = |rate: i128, is_in_base: bool| {
            let product = if is_in_base { delivered } else { paid } * rate;
            product.div_euclid(MILLION) + i128::from(product.rem_euclid(MILLION) > 0)
        };
        let is_received = base == BASES[2];
        let sides = [
            (&maker, maker_rate, is_received && !is_buy, trade.maker_fee.as_ref()),
            (&taker, taker_rate, is_received && is_buy, trade.taker_fee.as_ref()),
        ];
        let full = [0, 1].map(|side| fee(sides[side].1, sides[side].2));
        for (side, (who, rate, is_in_base, told)) in sides.into_iter().enumerate() {
            let asset = if is_in_base { base } else { USD };
            // No more of a rebate than the other side pays. There are none in what is received.
            let fee = full[side].max(-full[1 - side].max(0));
            self.cut += usize::from(fee != full[side]);
            let told = proto::convert::amount(told).expect("in range").units();
            assert_eq!(told, fee, "{rate} of asset {asset} by tiers {tiers:?}");
            self.charged_by_tier += usize::from(tiers[side] > 0);
            self.kept += usize::from(tiers[side] != self.tier(shard, who));
            self.add(who, asset, -fee);
            *self.earned.entry(asset).or_insert(0) += fee;
            self.charges += usize::from(fee != 0);
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
        for asset in BASES.into_iter().chain([USD]) {
            let incomes = world
                .exchanges()
                .map(|exchange| exchange.accounts().fee_income(model::AssetId(asset)).units());
            let earned = self.earned.get(&asset).copied().unwrap_or(0);
            assert_eq!(incomes.sum::<i128>(), earned, "what the house has earned of {asset}");
        }
    }
}

fn command(random: &mut Pcg64Mcg, number: usize, placed: &[OrderId]) -> Command {
    let side = if random.random_bool(0.5) { Side::Buy } else { Side::Sell };
    let instrument = BASES[random.random_range(0..3)];
    let (key, lots) = (number.to_string(), random.random_range(1..600_000));
    match random.random_range(0..100) {
        0..48 => limit(instrument, &key, side, random.random_range(9_900..10_100), lots),
        48..60 => market(instrument, &key, side, lots),
        60..64 => buyers_pair(instrument, &key, [10_300, 10_200, 9_800], lots),
        64..67 if !placed.is_empty() => Command::Amend {
            order: OrderName::Id(placed[random.random_range(0..placed.len())]),
            quantity: Quantity::from_lots(lots).expect("in range"),
        },
        67..70 if !placed.is_empty() => {
            let of = placed[random.random_range(0..placed.len())];
            replacement(of, side, random.random_range(9_900..10_100), lots, &key)
        }
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

/// Another order instead of one that may be open, in an instrument of the same shard.
fn replacement(replaced: OrderId, side: Side, ticks: u64, lots: u64, key: &str) -> Command {
    let instrument = BASES[usize::from(replaced.partition().number())];
    let Command::Place(place) = limit(instrument, key, side, ticks, lots) else {
        panic!("it places an order");
    };
    let mode = ReplaceMode::AllowFailure;
    Command::Replace(ReplaceOrder { replaced: OrderName::Id(replaced), mode, place })
}

/// A run as a bad link brings it: from anywhere up to a little beyond what is due, of any length.
fn bad_run(random: &mut Pcg64Mcg, world: &mut World) {
    let count = usize::from(world.count());
    if count == 1 {
        world.tick(0);
        return;
    }
    let from = random.random_range(0..count);
    let to = (from + random.random_range(1..count)) % count;
    let (_, taken) = world.link(from, to);
    let first = random.random_range(taken.saturating_sub(3).max(1)..=taken + 2);
    world.run(from, to, first, random.random_range(0..6));
}

/// Says which tier a few accounts have on one shard: elsewhere they have another meanwhile.
fn assign_tiers(random: &mut Pcg64Mcg, world: &mut World, naive: &mut Naive) {
    let shard = random.random_range(0..usize::from(world.count()));
    let first = random.random_range(0..CLIENTS);
    let clients = first..(first + random.random_range(1..3)).min(CLIENTS);
    let assigned: Vec<_> =
        clients.map(|client| (format!("client-{client}"), random.random_range(0..=4))).collect();
    let of = |(account, tier): &(String, u8)| (name(account), FeeTier::new(*tier).expect("one"));
    world.operate(shard, OperatorWord::AssignFeeTiers(assigned.iter().map(of).collect()));
    for (account, tier) in assigned {
        naive.assign(partition(shard), &account, tier);
    }
}

#[test]
fn no_money_is_made_or_lost_and_everything_that_waits_becomes_one_thing() {
    let seen = run(3);
    let waited = [seen.waited, seen.placed_after, seen.expired];
    assert!(waited.iter().all(|count| *count > 1_000), "waited, placed, expired: {waited:?}");
    let Seen { transfers, returned, .. } = seen;
    assert!(transfers > 400 && returned > 10, "{transfers} transfers, {returned} came back");
    seen.check_fees();
}

#[test]
fn no_money_is_made_or_lost_on_one_shard() {
    let seen = run(1);
    assert!(seen.transfers > 400, "{} transfers", seen.transfers);
    assert_eq!(seen.waited, 0, "all money is here");
    seen.check_fees();
}

/// How often something was seen.
#[derive(Default)]
pub(crate) struct Seen {
    waited: usize,
    placed_after: usize,
    expired: usize,
    transfers: usize,
    returned: usize,
    charges: usize,
    assigned: usize,
    charged_by_tier: usize,
    kept: usize,
    cut: usize,
}

impl Seen {
    fn check_fees(&self) {
        let Seen { charges, assigned, charged_by_tier, kept, cut, .. } = self;
        let fees = [charges, assigned, charged_by_tier, kept, cut];
        assert!(
            fees.iter().all(|count| **count > 1_000),
            "charges, tiers assigned, charged by one, kept through a change, rebates cut: {fees:?}"
        );
    }
}

/// Flows over so many shards.
fn run(count: u16) -> Seen {
    let mut seen = Seen::default();
    let seeds = std::env::var("TRADESPINE_TEST_SEEDS").ok();
    let seeds = seeds.map_or(SEEDS, |seeds| seeds.parse().expect("a number of seeds"));
    for seed in 0..seeds {
        flow((count, seed), Wrong::Nothing, &mut seen, &Cell::new(0));
    }
    seen
}

/// One flow over so many shards, with something wrong in each; counts its choices.
pub(crate) fn flow(
    (count, seed): (u16, u64),
    wrong: Wrong,
    seen: &mut Seen,
    choices: &Cell<usize>,
) {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let sandbox = seed % 4 != 0;
    let mut world = World::built(count, sandbox, wrong);
    let is_charging = seed % 8 != 0;
    if is_charging {
        charge(&mut world);
    }
    let naive = Naive { is_charging, ..Naive::default() };
    let (mut naive, mut placed) = (naive, Vec::new());
    for number in 0..CHOICES {
        choices.set(choices.get() + 1);
        match random.random_range(0..100) {
            0..45 => {
                let account = format!("client-{}", random.random_range(0..CLIENTS));
                let command = command(&mut random, number, &placed);
                let (id, answer) = match command {
                    Command::CancelAll { .. } => {
                        let shard = random.random_range(0..usize::from(count));
                        world.client_at(shard, &account, command.clone())
                    }
                    _ => world.client(&account, command.clone()),
                };
                naive.movement(&account, &command, id, &answer);
                placed.extend(matches!(command, Command::Place(_)).then_some(id));
            }
            45..82 => bad_run(&mut random, &mut world),
            82..90 => assign_tiers(&mut random, &mut world, &mut naive),
            90..98 => {
                let shard = random.random_range(0..usize::from(count));
                world.tick(shard);
            }
            // Owners tick, so that no shard's time makes a step that it would not believe.
            _ => {
                world.now += random.random_range(0..5 * SECOND);
                (0..usize::from(count)).for_each(|shard| drop(world.tick(shard)));
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
    seen.waited += naive.waiting.len();
    seen.placed_after += naive.placed_after;
    seen.expired += naive.expired;
    seen.transfers += naive.transfers;
    seen.returned += naive.returned;
    seen.charges += naive.charges;
    seen.assigned += naive.assigned;
    seen.charged_by_tier += naive.charged_by_tier;
    seen.kept += naive.kept;
    seen.cut += naive.cut;
}
