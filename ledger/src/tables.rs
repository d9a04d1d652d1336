//! Everything that a ledger keeps, in one canonical form: the memory store is one of these, and
//! any store can be read as one, so that two stores can be compared row by row.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use model::{Amount, AssetId, InstrumentId, OrderId, Partition, Side};
use proto::log::Bucket;

use crate::{
    control::{AccountControl, ControlKey, MarketControls},
    row::{
        AssetRow, Balance, BalanceKey, IncomeKey, InstrumentRow, OrderRow, PostingKey, PostingRow,
        Progress, TradeKey, TradeRow,
    },
    solvency::AssetSums,
};

/// How many differences of each table are told in full: enough to see what kind they are.
const DIFFERENCES_TOLD_MAX: usize = 5;

/// All rows of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// How far each partition is projected.
    pub progress: BTreeMap<Partition, Progress>,
    /// Assets.
    pub assets: BTreeMap<AssetId, AssetRow>,
    /// Instruments.
    pub instruments: BTreeMap<InstrumentId, InstrumentRow>,
    /// Orders.
    pub orders: BTreeMap<OrderId, OrderRow>,
    /// Ids that duplicates were given, each with the id of the first order.
    pub aliases: BTreeMap<OrderId, OrderId>,
    /// Trades.
    pub trades: BTreeMap<TradeKey, TradeRow>,
    /// Balances.
    pub balances: BTreeMap<BalanceKey, Balance>,
    /// What the house has earned.
    pub fee_income: BTreeMap<IncomeKey, Amount>,
    /// What is in force of accounts.
    pub controls: BTreeMap<ControlKey, AccountControl>,
    /// What is stopped, and what markets are open for.
    pub markets: MarketControls,
    /// Postings.
    pub postings: BTreeMap<PostingKey, PostingRow>,
}

/// One row that two ledgers do not have alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which table.
    pub table: &'static str,
    /// Which row, and what each ledger has; or how many more rows of the table differ.
    pub text: String,
}

impl Tables {
    /// What differs between this ledger and `other`: of each table the first few rows in full, then
    /// how many more. Empty where the two are alike.
    pub fn differences(&self, other: &Tables) -> Vec<Difference> {
        let mut found = Vec::new();
        compare("progress", &self.progress, &other.progress, &mut found);
        compare("assets", &self.assets, &other.assets, &mut found);
        compare("instruments", &self.instruments, &other.instruments, &mut found);
        compare("orders", &self.orders, &other.orders, &mut found);
        compare("order_aliases", &self.aliases, &other.aliases, &mut found);
        compare("trades", &self.trades, &other.trades, &mut found);
        compare("balances", &self.balances, &other.balances, &mut found);
        compare("fee_income", &self.fee_income, &other.fee_income, &mut found);
        compare("account_controls", &self.controls, &other.controls, &mut found);
        let (markets, others) = (&self.markets, &other.markets);
        compare("kill_switches", &markets.switches, &others.switches, &mut found);
        compare("market_states", &markets.states, &others.states, &mut found);
        compare("postings", &self.postings, &other.postings, &mut found);
        found
    }

    /// What there is of each asset. `None` where a sum is beyond what an amount holds, which no
    /// sound ledger comes to.
    pub fn asset_sums(&self) -> Option<AssetSums> {
        let mut sums = AssetSums::new();
        for (key, balance) in &self.balances {
            let sum = sums.entry(key.asset).or_default();
            sum.available = sum.available.checked_add(balance.available)?;
            sum.held = sum.held.checked_add(balance.held)?;
            sum.link = sum.link.checked_add(balance.link)?;
        }
        for ((asset, _), income) in &self.fee_income {
            let sum = sums.entry(*asset).or_default();
            sum.fees = sum.fees.checked_add(*income)?;
        }
        for leg in self.postings.values().flat_map(|posting| &posting.legs) {
            sums.entry(leg.asset).or_default().count_outside(leg.bucket, leg.amount)?;
        }
        Some(sums)
    }

    /// The balances as the postings make them: the fold of every leg, without those that come to
    /// nothing. `None` on overflow. Equal to [`Tables::balances`] without its zeros.
    pub fn folded_balances(&self) -> Option<BTreeMap<BalanceKey, Balance>> {
        let mut balances: BTreeMap<BalanceKey, Balance> = BTreeMap::new();
        for (key, posting) in &self.postings {
            for leg in &posting.legs {
                let Some(account) = leg.account.clone() else { continue };
                let partition = key.partition;
                let balance = balances
                    .entry(BalanceKey { account, asset: leg.asset, partition })
                    .or_default();
                let bucket = match leg.bucket {
                    Bucket::Held => &mut balance.held,
                    Bucket::Link => &mut balance.link,
                    _ => &mut balance.available,
                };
                *bucket = bucket.checked_add(leg.amount)?;
            }
        }
        balances.retain(|_, balance| *balance != Balance::default());
        Some(balances)
    }

    /// What the house has earned as the postings make it. `None` on overflow. Equal to
    /// [`Tables::fee_income`] without its zeros.
    pub fn folded_income(&self) -> Option<BTreeMap<IncomeKey, Amount>> {
        let mut income: BTreeMap<IncomeKey, Amount> = BTreeMap::new();
        for (key, posting) in &self.postings {
            for leg in posting.legs.iter().filter(|leg| leg.bucket == Bucket::Fees) {
                let earned = income.entry((leg.asset, key.partition)).or_default();
                *earned = earned.checked_add(leg.amount)?;
            }
        }
        income.retain(|_, earned| !earned.is_zero());
        Some(income)
    }

    /// What the house has earned as the trades tell it, each fee by itself. `None` on overflow, or
    /// where an instrument is not listed. Equal to [`Tables::fee_income`] without its zeros.
    pub fn traded_income(&self) -> Option<BTreeMap<IncomeKey, Amount>> {
        let mut income: BTreeMap<IncomeKey, Amount> = BTreeMap::new();
        for trade in self.trades.values() {
            let instrument = self.instruments.get(&trade.instrument)?;
            for (fee, side) in [
                (trade.taker_fee, trade.taker_side),
                (trade.maker_fee, trade.taker_side.opposite()),
            ] {
                let is_in_base = trade.buyer_fee_in_base && side == Side::Buy;
                let asset = if is_in_base { instrument.base } else { instrument.quote };
                let earned = income.entry((asset, instrument.partition)).or_default();
                *earned = earned.checked_add(fee)?;
            }
        }
        income.retain(|_, earned| !earned.is_zero());
        Some(income)
    }
}

fn compare<K: Ord + Debug, R: PartialEq + Debug>(
    table: &'static str,
    one: &BTreeMap<K, R>,
    other: &BTreeMap<K, R>,
    found: &mut Vec<Difference>,
) {
    let keys: BTreeSet<&K> = one.keys().chain(other.keys()).collect();
    let mut different = keys.into_iter().filter(|key| one.get(*key) != other.get(*key));
    for key in different.by_ref().take(DIFFERENCES_TOLD_MAX) {
        let (left, right) = (one.get(key), other.get(key));
        found.push(Difference { table, text: format!("{key:?}: {left:?} is not {right:?}") });
    }
    let more = different.count();
    if more > 0 {
        found.push(Difference { table, text: format!("{more} more rows differ") });
    }
}
