//! A store in memory: for tests and simulations, and what a verifier folds a log into.
//!
//! Queries look at every row: it is the plain reading of the contract that SQL is held to.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use model::{AccountName, Amount, AssetId, FeeTier, KeyText, OrderId, Partition};
use proto::{log::RefusalReason, text};
use spine::Chain;
use tonic::async_trait;

use super::{
    Catalog, OrderCursor, OrdersQuery, POSTINGS_SCANNED_ANSWERS, Page, Postings, PostingsQuery,
    Store, StoreError, TradeCursor, TradesQuery,
};
use crate::{
    control::{AccountControl, ControlKey, MarketControls},
    projection::{Batch, Changes, OrderChange},
    row::{Balance, BalanceKey, IncomeKey, OrderRow, PostingRow, Progress, TradeRow},
    solvency::Cut,
    tables::Tables,
    volume::{self, Traded, VolumesQuery},
};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: RwLock<Tables>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Writes `batch`, as [`Store::apply`] does, without an async runtime.
    ///
    /// # Errors
    /// [`StoreError::Moved`] and [`StoreError::Damaged`].
    pub fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        // A batch is checked before anything is written, so a panic leaves nothing half done.
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        check(&tables, batch)?;
        put(&mut tables, batch);
        Ok(())
    }

    /// All rows, without a copy.
    pub fn into_tables(self) -> Tables {
        self.tables.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(tables: &Tables, batch: &Batch) -> Result<(), StoreError> {
    let partition = batch.progress.partition;
    let start = (0, Chain::start(batch.progress.log_id, partition));
    let stands = tables
        .progress
        .get(&partition)
        .map_or(start, |progress| (progress.out_seq, progress.chain));
    if stands != (batch.expected.out_seq, batch.expected.chain) {
        return Err(StoreError::Moved { partition, expected: batch.expected.out_seq });
    }
    let changes = &batch.changes;
    for (id, change) in &changes.orders {
        let is_known = tables.orders.contains_key(id);
        if is_known == matches!(change, OrderChange::New(_)) {
            return Err(StoreError::Damaged(format!("order {id} is new twice or never was")));
        }
    }
    let again =
        changes.trades.iter().any(|row| tables.trades.contains_key(&(row.instrument, row.id)))
            || changes.aliases.iter().any(|(alias, _)| tables.aliases.contains_key(alias))
            || changes.postings.iter().any(|(key, _)| tables.postings.contains_key(key));
    if again {
        return Err(StoreError::Damaged("a trade, an alias or a posting is new twice".to_owned()));
    }
    Ok(())
}

fn put(tables: &mut Tables, batch: &Batch) {
    let Changes { orders, aliases, trades, compacted, balances, .. } = &batch.changes;
    let partition = batch.progress.partition;
    for (id, change) in orders {
        match change {
            OrderChange::New(row) => {
                tables.orders.insert(*id, row.clone());
            }
            OrderChange::Moved(state) => {
                if let Some(row) = tables.orders.get_mut(id) {
                    row.state = state.clone().after(&row.state);
                }
            }
        }
    }
    tables.aliases.extend(aliases.iter().copied());
    tables.trades.extend(trades.iter().map(|row| ((row.instrument, row.id), row.clone())));
    for account in compacted {
        let keys: Vec<BalanceKey> = of_account(tables, account)
            .filter(|(key, _)| key.partition == partition)
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            tables.balances.remove(&key);
        }
    }
    tables.balances.extend(balances.iter().map(|(key, balance)| (key.clone(), *balance)));
    tables.fee_income.extend(&batch.changes.fee_income);
    put_controls(tables, &batch.changes);
    put_listed(tables, &batch.changes);
    tables.postings.extend(batch.changes.postings.iter().cloned());
    tables.progress.insert(partition, batch.progress);
}

fn put_controls(tables: &mut Tables, changes: &Changes) {
    let controls = changes.controls.iter().map(|(key, control)| (key.clone(), control.clone()));
    tables.controls.extend(controls);
    tables.markets.switches.extend(&changes.switches);
    tables.markets.states.extend(&changes.market_states);
}

/// Every partition brings the same listings; an earlier version never replaces a later one.
fn put_listed(tables: &mut Tables, changes: &Changes) {
    for (id, row) in &changes.assets {
        if tables.assets.get(id).is_none_or(|known| known.version < row.version) {
            tables.assets.insert(*id, row.clone());
        }
    }
    for (id, row) in &changes.instruments {
        if tables.instruments.get(id).is_none_or(|known| known.version < row.version) {
            tables.instruments.insert(*id, *row);
        }
    }
}

fn of_account<'a>(
    tables: &'a Tables,
    account: &'a AccountName,
) -> impl Iterator<Item = (&'a BalanceKey, &'a Balance)> {
    let first =
        BalanceKey { account: account.clone(), asset: AssetId(0), partition: Partition::FIRST };
    tables.balances.range(first..).take_while(move |(key, _)| key.account == *account)
}

/// The page of `found`, newest first.
fn page<R: Clone, C: Ord + Copy>(
    mut found: Vec<&R>,
    cursor: impl Fn(&R) -> C,
    page: &Page<C>,
) -> Vec<R> {
    found.sort_by_key(|row| std::cmp::Reverse(cursor(row)));
    found
        .into_iter()
        .filter(|row| page.after.is_none_or(|after| cursor(row) < after))
        .skip(page.skip as usize)
        .take(page.limit as usize)
        .cloned()
        .collect()
}

#[async_trait]
impl Store for MemoryStore {
    fn system(&self) -> &'static str {
        "memory"
    }

    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        self.write(batch)
    }

    async fn progress(&self) -> Result<BTreeMap<Partition, Progress>, StoreError> {
        Ok(self.read().progress.clone())
    }

    async fn order(&self, id: OrderId) -> Result<Option<OrderRow>, StoreError> {
        let tables = self.read();
        if let Some(row) = tables.orders.get(&id) {
            return Ok(Some(row.clone()));
        }
        // A record has one alias, which counts for all orders that the record would have brought.
        let original = tables.aliases.get(&id.record()).and_then(|list| list.with_leg(id.leg()));
        Ok(original.and_then(|original| tables.orders.get(&original).cloned()))
    }

    async fn order_by_client_id(
        &self,
        account: &AccountName,
        client_order_id: &KeyText,
    ) -> Result<Option<OrderRow>, StoreError> {
        let tables = self.read();
        let newest = tables
            .orders
            .values()
            .filter(|row| {
                row.account == *account
                    && row.client_order_id.as_ref() == Some(client_order_id)
                    && row.state.reason != text::refusal(RefusalReason::KeyReused)
            })
            .max_by_key(|row| OrderCursor::of(row));
        Ok(newest.cloned())
    }

    async fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, StoreError> {
        let tables = self.read();
        let found = tables.orders.values().filter(|row| {
            query.account.as_ref().is_none_or(|account| row.account == *account)
                && query.instrument.is_none_or(|instrument| row.instrument == instrument)
                && query.status.is_none_or(|status| row.state.status == status)
        });
        Ok(page(found.collect(), OrderCursor::of, &query.page))
    }

    async fn trades(&self, query: &TradesQuery) -> Result<Vec<TradeRow>, StoreError> {
        let tables = self.read();
        let found = tables.trades.values().filter(|row| {
            let is_party = |account| [&row.maker_account, &row.taker_account].contains(&account);
            query.account.as_ref().is_none_or(is_party)
                && query.instrument.is_none_or(|instrument| row.instrument == instrument)
        });
        Ok(page(found.collect(), TradeCursor::of, &query.page))
    }

    async fn balances(
        &self,
        account: &AccountName,
    ) -> Result<BTreeMap<BalanceKey, Balance>, StoreError> {
        let tables = self.read();
        Ok(of_account(&tables, account).map(|(key, balance)| (key.clone(), *balance)).collect())
    }

    async fn fee_income(&self) -> Result<BTreeMap<IncomeKey, Amount>, StoreError> {
        Ok(self.read().fee_income.clone())
    }

    async fn postings(&self, query: &PostingsQuery) -> Result<Postings, StoreError> {
        let tables = self.read();
        let begin = query.after.map_or(0, |after| after.out_seq);
        let end = query.account.as_ref().map(|_| begin.saturating_add(POSTINGS_SCANNED_ANSWERS));
        let is_of = |row: &PostingRow| {
            let account = query.account.as_ref();
            account.is_none_or(|one| row.legs.iter().any(|leg| leg.account.as_ref() == Some(one)))
        };
        let found = tables.postings.iter().filter(|(key, row)| {
            key.partition == query.partition
                && query.after.is_none_or(|after| **key > after)
                && end.is_none_or(|end| key.out_seq <= end)
                && is_of(row)
        });
        let rows: Vec<_> =
            found.take(query.limit as usize).map(|(key, row)| (*key, row.clone())).collect();
        let is_full = rows.len() >= query.limit as usize;
        let looked_to = end.filter(|end| *end < query.out_seq);
        let next = match rows.last() {
            Some((last, _)) if is_full => Some(*last),
            _ => looked_to.map(|end| query.behind(end)),
        };
        Ok(Postings { rows, next })
    }

    async fn cut(&self) -> Result<Cut, StoreError> {
        let tables = self.read();
        let sums = tables.asset_sums();
        let sums = sums.ok_or_else(|| StoreError::Damaged("a sum overflows".to_owned()))?;
        Ok(Cut { as_of: tables.progress.clone(), sums })
    }

    async fn controls(
        &self,
        account: &AccountName,
    ) -> Result<BTreeMap<Partition, AccountControl>, StoreError> {
        let tables = self.read();
        let of_account = tables.controls.iter().filter(|((name, _), _)| name == account);
        Ok(of_account.map(|((_, partition), control)| (*partition, control.clone())).collect())
    }

    async fn tiers(&self) -> Result<BTreeMap<ControlKey, FeeTier>, StoreError> {
        let tables = self.read();
        let tiers = tables.controls.iter().map(|(key, control)| (key, control.tier));
        let above = tiers.filter(|(_, tier)| *tier > FeeTier::STANDARD);
        Ok(above.map(|(key, tier)| (key.clone(), tier)).collect())
    }

    async fn market_controls(&self) -> Result<MarketControls, StoreError> {
        Ok(self.read().markets.clone())
    }

    async fn traded(&self, query: &VolumesQuery) -> Result<Traded, StoreError> {
        Ok(volume::traded(self.read().trades.values(), query))
    }

    async fn catalog(&self) -> Result<Catalog, StoreError> {
        let tables = self.read();
        Catalog::of(tables.assets.values(), tables.instruments.values())
    }

    async fn tables(&self) -> Result<Tables, StoreError> {
        Ok(self.read().clone())
    }
}
