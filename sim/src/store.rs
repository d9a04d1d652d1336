//! The ledger's store as a database across a network is: away at times, slow, and not always heard.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ledger::{
    control::{AccountControl, ControlKey, MarketControls},
    projection::{Batch, Changes, Folded},
    row::{Balance, BalanceKey, IncomeKey, OrderRow, Progress, TradeRow},
    solvency::Cut,
    store::{
        Catalog, MemoryStore, OrdersQuery, Postings, PostingsQuery, Store, StoreError, TradesQuery,
    },
    tables::Tables,
    volume::{Traded, VolumesQuery},
};
use model::{AccountName, Amount, FeeTier, KeyText, OrderId, Partition};
use tonic::async_trait;

use crate::{broken::Broken, plan::Plan, random::Random, tally::Tally};

/// See the [module](self).
pub(crate) struct FarStore {
    pub(crate) store: Arc<MemoryStore>,
    random: Mutex<Random>,
    plan: Plan,
    broken: Broken,
    tally: Tally,
    /// Whether nothing goes wrong any more.
    is_healed: AtomicBool,
}

/// What becomes of one batch.
enum Fate {
    Done,
    Late(Duration),
    ToldLate(Duration),
    NotTold,
    Refused,
}

impl FarStore {
    pub(crate) fn new(random: Random, plan: &Plan, broken: Broken, tally: &Tally) -> FarStore {
        FarStore {
            store: Arc::new(MemoryStore::new()),
            random: Mutex::new(random),
            plan: plan.clone(),
            broken,
            tally: tally.clone(),
            is_healed: AtomicBool::new(false),
        }
    }

    /// From now on nothing goes wrong.
    pub(crate) fn heal(&self) {
        self.is_healed.store(true, Ordering::Relaxed);
    }

    fn fate(&self) -> Fate {
        if self.is_healed.load(Ordering::Relaxed) {
            return Fate::Done;
        }
        let random = &mut *self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let span = Duration::from_millis(random.within(1..400));
        if random.chance(self.plan.store_delays) {
            let fate = if random.chance(500) { Fate::Late(span) } else { Fate::ToldLate(span) };
            self.tally.count(match fate {
                Fate::Late(_) => "store: late",
                _ => "store: done, and told late",
            });
            return fate;
        }
        if random.chance(self.plan.store_failures) {
            let is_done = random.chance(500);
            self.tally.count(if is_done { "store: done, and not told" } else { "store: refused" });
            return if is_done { Fate::NotTold } else { Fate::Refused };
        }
        Fate::Done
    }

    /// Two writes where one transaction should be.
    async fn write_in_two(&self, batch: &Batch) -> Result<(), StoreError> {
        let progress = batch.progress;
        let nothing = Changes::default();
        self.store.write(&Batch { expected: batch.expected, progress, changes: nothing })?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let expected = Folded { out_seq: progress.out_seq, chain: progress.chain };
        self.store.write(&Batch { expected, progress, changes: batch.changes.clone() })
    }
}

#[async_trait]
impl Store for FarStore {
    fn system(&self) -> &'static str {
        self.store.system()
    }

    async fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let is_healed = self.is_healed.load(Ordering::Relaxed);
        if self.broken == Broken::ProgressBeforeRows && !is_healed {
            return self.write_in_two(batch).await;
        }
        match self.fate() {
            Fate::Done => self.store.write(batch),
            Fate::Late(span) => {
                tokio::time::sleep(span).await;
                self.store.write(batch)
            }
            Fate::ToldLate(span) => {
                let written = self.store.write(batch);
                tokio::time::sleep(span).await;
                written
            }
            Fate::NotTold => {
                self.store.write(batch)?;
                Err(StoreError::Failed("the connection broke after the commit".to_owned()))
            }
            Fate::Refused => Err(StoreError::Failed("the database is away".to_owned())),
        }
    }

    async fn progress(&self) -> Result<BTreeMap<Partition, Progress>, StoreError> {
        self.store.progress().await
    }

    async fn order(&self, id: OrderId) -> Result<Option<OrderRow>, StoreError> {
        self.store.order(id).await
    }

    async fn order_by_client_id(
        &self,
        account: &AccountName,
        client_order_id: &KeyText,
    ) -> Result<Option<OrderRow>, StoreError> {
        self.store.order_by_client_id(account, client_order_id).await
    }

    async fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, StoreError> {
        self.store.orders(query).await
    }

    async fn trades(&self, query: &TradesQuery) -> Result<Vec<TradeRow>, StoreError> {
        self.store.trades(query).await
    }

    async fn postings(&self, query: &PostingsQuery) -> Result<Postings, StoreError> {
        self.store.postings(query).await
    }

    async fn cut(&self) -> Result<Cut, StoreError> {
        self.store.cut().await
    }

    async fn balances(
        &self,
        account: &AccountName,
    ) -> Result<BTreeMap<BalanceKey, Balance>, StoreError> {
        self.store.balances(account).await
    }

    async fn fee_income(&self) -> Result<BTreeMap<IncomeKey, Amount>, StoreError> {
        self.store.fee_income().await
    }

    async fn controls(
        &self,
        account: &AccountName,
    ) -> Result<BTreeMap<Partition, AccountControl>, StoreError> {
        self.store.controls(account).await
    }

    async fn tiers(&self) -> Result<BTreeMap<ControlKey, FeeTier>, StoreError> {
        self.store.tiers().await
    }

    async fn market_controls(&self) -> Result<MarketControls, StoreError> {
        self.store.market_controls().await
    }

    async fn traded(&self, query: &VolumesQuery) -> Result<Traded, StoreError> {
        self.store.traded(query).await
    }

    async fn catalog(&self) -> Result<Catalog, StoreError> {
        self.store.catalog().await
    }

    async fn tables(&self) -> Result<Tables, StoreError> {
        self.store.tables().await
    }
}
