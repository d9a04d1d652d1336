//! What every store promises of what is in force of accounts and of trading, and of volumes.

use std::collections::BTreeMap;

use ledger::{
    control::{AccountControl, MarketControls},
    row::TradeRow,
    store::Store,
    volume::{self, Traded, VolumesQuery},
};
use model::{
    AccountState, FeeTier, InstrumentId, MarketState, Partition, Price, Quantity, RiskLimits, Side,
    Timestamp, TradeId,
};
use proto::{
    convert,
    log::{self, event},
    trading,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Answer;

use crate::{
    all::{apply_all, name, order_id},
    answers::{Scribe, applied, batches, instrument, listings, of},
};

fn controlled(state: trading::AccountState, fee_tier: u32, max_open_orders: u32) -> event::Kind {
    let assets = vec![log::AssetLimit {
        asset_id: 2,
        max_order_notional: Some(log::Amount { units: 7, units_high: 3 }),
        max_position: None,
    }];
    let limits = log::RiskLimits { assets, max_open_orders, ..Default::default() };
    event::Kind::AccountControlled(log::AccountControlled {
        account: 0,
        state: state.into(),
        killed: fee_tier > 2,
        limits: (max_open_orders > 0).then_some(limits),
        fee_tier,
    })
}

fn turned(instrument_id: u32, engaged: bool) -> event::Kind {
    event::Kind::KillSwitchTurned(log::KillSwitchTurned { instrument_id, engaged })
}

fn market(instrument_id: u32, state: MarketState) -> event::Kind {
    let state = convert::market_state_to_wire(state).into();
    let changed = log::MarketStateChanged { instrument_id, state, ..Default::default() };
    event::Kind::MarketStateChanged(changed)
}

pub async fn what_is_in_force_is_kept_by_shard_and_replaced(store: &dyn Store) {
    use trading::AccountState::{Active, ReduceOnly, Suspended};
    let shards = [0, 1].map(|number| Partition::new(number).expect("in range"));
    let histories = [
        vec![
            of("alice", applied(vec![controlled(ReduceOnly, 1, 5)])),
            of("bob", applied(vec![controlled(Active, 2, 0)])),
            of("alice", applied(vec![controlled(Suspended, 3, 6)])),
            applied(vec![turned(0, true), turned(1, true), market(1, MarketState::Halted)]),
            applied(vec![turned(0, false), market(1, MarketState::PostOnly)]),
        ],
        vec![
            of("alice", applied(vec![controlled(Active, 0, 0)])),
            applied(vec![turned(0, true), market(2, MarketState::PreOpen)]),
        ],
    ];
    for (partition, bodies) in shards.into_iter().zip(histories) {
        let mut scribe = Scribe::new(partition);
        let answers: Vec<Answer> = bodies.into_iter().map(|body| scribe.answer(body)).collect();
        for batch in batches(partition, &answers, 2) {
            store.apply(&batch).await.expect("it follows");
        }
    }
    let found = store.controls(&name("alice")).await.expect("it reads");
    let tier = |number| FeeTier::new(number).expect("a tier");
    let first = &found[&shards[0]];
    let said = (first.state, first.is_killed, first.tier, first.limits.max_open_orders);
    assert_eq!(said, (AccountState::Suspended, true, tier(3), 6));
    let notional = first.limits.assets[0].max_order_notional.units();
    assert_eq!(notional, (3 << 63) + 7, "no unit of it is lost");
    assert_eq!(found[&shards[1]], AccountControl::default());
    let bobs = store.controls(&name("bob")).await.expect("it reads");
    assert_eq!(bobs[&shards[0]].limits, RiskLimits::default());
    assert_eq!(store.controls(&name("carol")).await, Ok(BTreeMap::new()));
    let tiers = store.tiers().await.expect("it reads");
    let expected = [("alice", 3), ("bob", 2)].map(|(who, of)| ((name(who), shards[0]), tier(of)));
    assert_eq!(tiers, BTreeMap::from(expected), "the standard one is none");
    let one = Some(InstrumentId(1));
    let markets = MarketControls {
        switches: [((shards[0], None), false), ((shards[0], one), true), ((shards[1], None), true)]
            .into(),
        states: [(InstrumentId(1), MarketState::PostOnly), (InstrumentId(2), MarketState::PreOpen)]
            .into(),
    };
    assert_eq!(store.market_controls().await, Ok(markets.clone()));
    assert_eq!(markets.killed_partitions().collect::<Vec<_>>(), [shards[1]]);
    assert!(markets.is_killed(InstrumentId(1)) && !markets.is_killed(InstrumentId(2)));
    assert_eq!(markets.state(InstrumentId(3)), MarketState::Trading);
    let tables = store.tables().await.expect("it reads");
    assert_eq!((tables.controls.len(), tables.markets), (3, markets));
}

const DAY: u64 = 86_400 * 1_000_000_000;

/// Trades of five accounts in two instruments over sixty days, some of an account with itself, and
/// of the largest prices and quantities.
fn some_trades(random: &mut Pcg64Mcg) -> Vec<TradeRow> {
    let trade = |number: u64| {
        let mut account = || name(&format!("account-{}", random.random_range(0..5)));
        let (maker_account, taker_account) = (account(), account());
        let mut within = |most: u64| match random.random_range(0..4) {
            0 => most,
            1 => random.random_range(1..=3),
            _ => random.random_range(1..=most),
        };
        let price = Price::from_ticks(within(Price::TICKS_MAX)).expect("in range");
        let quantity = Quantity::from_lots(within(Quantity::LOTS_MAX)).expect("in range");
        TradeRow {
            instrument: InstrumentId(1 + u32::try_from(number % 2).expect("small")),
            id: TradeId(number),
            price,
            quantity,
            maker_order: order_id(1),
            taker_order: order_id(2),
            maker_account,
            taker_account,
            taker_side: Side::Buy,
            // Some just at the edges of days.
            executed_at: Timestamp::from_unix_nanos(number * DAY / 10 + number % 3),
            maker_fee: model::Amount::ZERO,
            taker_fee: model::Amount::ZERO,
            buyer_fee_in_base: false,
            in_auction: false,
        }
    };
    (1..600).map(trade).collect()
}

pub async fn volumes_are_the_sums_of_the_trades_of_their_time(store: &dyn Store) {
    let mut random = Pcg64Mcg::seed_from_u64(5);
    let trades = some_trades(&mut random);
    let mut scribe = Scribe::new(Partition::FIRST);
    let mut bodies = listings();
    bodies.push(applied(vec![]));
    let answers: Vec<Answer> = bodies.into_iter().map(|body| scribe.answer(body)).collect();
    let mut batch = batches(Partition::FIRST, &answers, answers.len()).remove(0);
    batch.changes.trades = trades.clone();
    store.apply(&batch).await.expect("it follows");
    let mut seen = 0;
    for until in [0, DAY / 10, 3 * DAY, 30 * DAY + 1, 45 * DAY, 59 * DAY + 7, 200 * DAY] {
        for account in [None, Some(name("account-3")), Some(name("nobody"))] {
            let query = VolumesQuery::up_to(Timestamp::from_unix_nanos(until), account);
            let mut expected = Traded::new();
            for trade in &trades {
                let at = trade.executed_at.unix_nanos();
                let begin = until.saturating_sub(30 * DAY);
                if at <= begin || at > until || trade.maker_account == trade.taker_account {
                    continue;
                }
                let product = i128::from(trade.price.ticks()) * i128::from(trade.quantity.lots());
                for party in [&trade.maker_account, &trade.taker_account] {
                    if query.account.as_ref().is_none_or(|account| account == party) {
                        let of_party = expected.entry(party.clone()).or_default();
                        *of_party.entry(trade.instrument).or_default() += product;
                        seen += 1;
                    }
                }
            }
            let found = store.traded(&query).await.expect("it reads");
            assert_eq!(found, expected, "{query:?}");
            let catalog = store.catalog().await.expect("it reads");
            let volumes = volume::in_units(found, &catalog).expect("they fit");
            for (account, of_assets) in volumes {
                // Both are paid in the first asset, and a lot at a tick is 10 units.
                let ticks_lots: i128 = expected[&account].values().sum();
                let units: Vec<_> =
                    of_assets.into_iter().map(|(asset, sum)| (asset.0, sum.units())).collect();
                assert_eq!(units, [(1, ticks_lots * 10)]);
            }
        }
    }
    assert!(seen > 1_000, "only {seen} were counted");
}

pub async fn a_listing_keeps_its_fee_tiers(store: &dyn Store) {
    let event::Kind::ReferenceApplied(mut record) = instrument(1, 2, 1) else {
        panic!("it is a listing")
    };
    let tier = |tier, maker_fee_millionths, taker_fee_millionths| proto::reference::ListingTier {
        tier,
        maker_fee_millionths,
        taker_fee_millionths,
    };
    if let Some(proto::reference::reference_body::Body::Instrument(listing)) =
        record.body.as_mut().and_then(|body| body.body.as_mut())
    {
        listing.fee_tiers = vec![tier(1, -15, 900), tier(10, -100, 100_000)];
    }
    record.version = 2;
    let mut bodies = listings();
    bodies.push(applied(vec![event::Kind::ReferenceApplied(record)]));
    let mut scribe = Scribe::new(Partition::FIRST);
    let answers: Vec<Answer> = bodies.into_iter().map(|body| scribe.answer(body)).collect();
    apply_all(store, &answers, 3).await;
    let catalog = store.catalog().await.expect("it reads");
    let listed = |id| catalog.instruments[&InstrumentId(id)].tier_fees.to_text();
    assert_eq!(listed(1), "1:-0.000015:0.0009,10:-0.0001:0.1");
    assert_eq!(listed(2), "");
    assert_eq!(catalog.partitions[&InstrumentId(1)], Partition::FIRST);
}
