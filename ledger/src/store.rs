//! What keeps the rows: a trait, with a store in SQL and one in memory under the same suite of
//! tests (`tests/store_contract.rs`).
//!
//! A store writes a batch wholly or not at all, and only where it stands at the batch's
//! predecessor: so a batch is never applied twice, two projectors of one partition cannot mix, and
//! what a crash interrupts is done again from the log.

pub mod memory;
pub mod sql;

use std::collections::BTreeMap;

use model::{
    AccountName, Amount, Asset, AssetId, FeeTier, Instrument, InstrumentId, KeyText, OrderId,
    Partition, Timestamp, TradeId,
};
use proto::trading::OrderStatus;
use thiserror::Error;
use tonic::async_trait;

pub use self::{memory::MemoryStore, sql::SqlStore};
use crate::{
    control::{AccountControl, ControlKey, MarketControls},
    projection::Batch,
    row::{
        AssetRow, Balance, BalanceKey, IncomeKey, InstrumentRow, OrderRow, PostingKey, PostingRow,
        Progress, TradeRow,
    },
    solvency::Cut,
    tables::Tables,
    volume::{Traded, VolumesQuery},
};

/// Why a store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The partition is not where the batch begins: somebody else projects it, or the batch was
    /// applied before. Nothing was changed.
    #[error("partition {partition} does not stand at answer {expected}: somebody moved it")]
    Moved {
        /// The partition.
        partition: Partition,
        /// Where it had to stand.
        expected: u64,
    },
    /// A row is not what a ledger writes, or a row that must be there is not.
    #[error("the ledger's tables are damaged: {0}")]
    Damaged(String),
    /// The tables are older than this program, and somebody else brings them up to date.
    #[error("{lacking} migration(s) are missing, the first of them {first}")]
    Outdated {
        /// How many.
        lacking: usize,
        /// The name of the first.
        first: String,
    },
    /// The database did not do it; it may the next time.
    #[error("the ledger's database failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// A word for it, that programs can tell it apart by.
    pub const fn word(&self) -> &'static str {
        match self {
            StoreError::Moved { .. } => "moved",
            StoreError::Damaged(_) => "damaged",
            StoreError::Failed(_) => "failed",
            StoreError::Outdated { .. } => "outdated",
        }
    }
}

/// Keeps the rows of a ledger.
#[async_trait]
pub trait Store: Send + Sync {
    /// What it is, by the name that OpenTelemetry gives such a database.
    fn system(&self) -> &'static str;

    /// Writes `batch` wholly or not at all.
    ///
    /// # Errors
    /// [`StoreError::Moved`] where the store does not stand where the batch begins. After
    /// [`StoreError::Failed`] the batch is applied or not; the progress tells.
    async fn apply(&self, batch: &Batch) -> Result<(), StoreError>;

    /// How far each partition is projected.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be read.
    async fn progress(&self) -> Result<BTreeMap<Partition, Progress>, StoreError>;

    /// The order with this id, or the first order where this is the id of a duplicate of it.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    async fn order(&self, id: OrderId) -> Result<Option<OrderRow>, StoreError>;

    /// The newest order of `account` with this client order id. One that was refused because the id
    /// belongs to another order does not count.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    async fn order_by_client_id(
        &self,
        account: &AccountName,
        client_order_id: &KeyText,
    ) -> Result<Option<OrderRow>, StoreError>;

    /// Orders, newest first.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    async fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, StoreError>;

    /// Trades, newest first.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    async fn trades(&self, query: &TradesQuery) -> Result<Vec<TradeRow>, StoreError>;

    /// The balances of `account` on every partition; empty where it has none.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    async fn balances(
        &self,
        account: &AccountName,
    ) -> Result<BTreeMap<BalanceKey, Balance>, StoreError>;

    /// What the house has earned, by asset and partition.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    async fn fee_income(&self) -> Result<BTreeMap<IncomeKey, Amount>, StoreError>;

    /// Postings of one partition, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    async fn postings(&self, query: &PostingsQuery) -> Result<Postings, StoreError>;

    /// What there is of each asset, over all partitions, at one moment, and how far they were then.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read, or is beyond what an amount holds.
    async fn cut(&self) -> Result<Cut, StoreError>;

    /// What is in force of `account` on every shard on which anything was said of it.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    async fn controls(
        &self,
        account: &AccountName,
    ) -> Result<BTreeMap<Partition, AccountControl>, StoreError>;

    /// The fee tiers above the standard one.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    async fn tiers(&self) -> Result<BTreeMap<ControlKey, FeeTier>, StoreError>;

    /// What is stopped, and what markets are open for.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    async fn market_controls(&self) -> Result<MarketControls, StoreError>;

    /// What was traded in a time.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    async fn traded(&self, query: &VolumesQuery) -> Result<Traded, StoreError>;

    /// Everything that is listed.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read, or where an instrument's numbers make none.
    async fn catalog(&self) -> Result<Catalog, StoreError>;

    /// All rows, for comparison; reads whole tables into memory.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be read.
    async fn tables(&self) -> Result<Tables, StoreError>;
}

/// Which orders are asked for.
#[derive(Clone, Debug, Default)]
pub struct OrdersQuery {
    /// Only this account's.
    pub account: Option<AccountName>,
    /// Only of this instrument.
    pub instrument: Option<InstrumentId>,
    /// Only with this status.
    pub status: Option<OrderStatus>,
    /// Which of them.
    pub page: Page<OrderCursor>,
}

/// Which trades are asked for.
#[derive(Clone, Debug, Default)]
pub struct TradesQuery {
    /// Only those of this account, on either side.
    pub account: Option<AccountName>,
    /// Only of this instrument.
    pub instrument: Option<InstrumentId>,
    /// Which of them.
    pub page: Page<TradeCursor>,
}

/// In how many answers what moved money of one account is looked for at once: some ten times as
/// many postings, which a database reads in a fraction of a second.
pub const POSTINGS_SCANNED_ANSWERS: u64 = 20_000;

/// Which postings are asked for: those of one partition, in the order in which they happened.
#[derive(Clone, Debug)]
pub struct PostingsQuery {
    /// The partition.
    pub partition: Partition,
    /// Only those that moved money of this account.
    pub account: Option<AccountName>,
    /// Only what comes after this one.
    pub after: Option<PostingKey>,
    /// How many at most; above zero.
    pub limit: u32,
    /// The last answer that is projected: nothing is looked for beyond it.
    pub out_seq: u64,
}

impl PostingsQuery {
    /// The place behind everything in this answer.
    pub(crate) fn behind(&self, out_seq: u64) -> PostingKey {
        PostingKey { partition: self.partition, out_seq, number: i32::MAX.cast_unsigned() }
    }
}

/// Some postings, and from where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Postings {
    /// Oldest first. There may be none, though there are more.
    pub rows: Vec<(PostingKey, PostingRow)>,
    /// The place behind which the next come; `None` where there are no more yet.
    pub next: Option<PostingKey>,
}

/// A page of what is newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page<C> {
    /// Only what comes after this one.
    pub after: Option<C>,
    /// How many to pass over.
    pub skip: u32,
    /// How many at most.
    pub limit: u32,
}

impl<C> Default for Page<C> {
    fn default() -> Page<C> {
        Page { after: None, skip: 0, limit: u32::MAX }
    }
}

/// An order's place in the order of age, newest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderCursor {
    /// When it was placed.
    pub created_at: Timestamp,
    /// Its id, which decides among orders of one instant.
    pub id: OrderId,
}

impl OrderCursor {
    /// The place of `row`.
    pub const fn of(row: &OrderRow) -> OrderCursor {
        OrderCursor { created_at: row.created_at, id: row.id }
    }
}

/// A trade's place in the order of age, newest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TradeCursor {
    /// When it happened.
    pub executed_at: Timestamp,
    /// What was traded, which decides among trades of one instant,
    pub instrument: InstrumentId,
    /// and the trade's number.
    pub id: TradeId,
}

impl TradeCursor {
    /// The place of `row`.
    pub const fn of(row: &TradeRow) -> TradeCursor {
        TradeCursor { executed_at: row.executed_at, instrument: row.instrument, id: row.id }
    }
}

/// Everything that is listed, as `model` has it: what turns whole units into decimal text.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Assets, each with what the sandbox gives of it.
    pub assets: BTreeMap<AssetId, (Asset, model::Amount)>,
    /// Instruments.
    pub instruments: BTreeMap<InstrumentId, Instrument>,
    /// The shard that trades each of them.
    pub partitions: BTreeMap<InstrumentId, Partition>,
}

impl Catalog {
    /// Makes the words of `model` of the listed rows.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where an instrument's numbers or assets make none.
    pub fn of<'a>(
        assets: impl IntoIterator<Item = &'a AssetRow>,
        instruments: impl IntoIterator<Item = &'a InstrumentRow>,
    ) -> Result<Catalog, StoreError> {
        let mut catalog = Catalog::default();
        for row in assets {
            let asset = Asset { id: row.id, code: row.code.clone(), decimals: row.decimals };
            let grant = model::Amount::from_units(i128::from(row.sandbox_grant_units));
            catalog.assets.insert(row.id, (asset, grant));
        }
        for row in instruments {
            let instrument = catalog.instrument(row)?;
            catalog.instruments.insert(row.id, instrument);
            catalog.partitions.insert(row.id, row.partition);
        }
        Ok(catalog)
    }

    fn instrument(&self, row: &InstrumentRow) -> Result<Instrument, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("instrument {}: {what}", row.id.0));
        let asset = |id: AssetId| self.assets.get(&id).map(|(asset, _)| asset);
        let (Some(base), Some(quote)) = (asset(row.base), asset(row.quote)) else {
            return Err(damaged("its assets are not listed"));
        };
        let listing = model::instrument::Listing {
            id: row.id,
            tick_size: model::Amount::from_units(i128::from(row.tick_size_units)),
            lot_size: model::Amount::from_units(i128::from(row.lot_size_units)),
            price_protection_bps: row.price_protection_bps,
        };
        let listed = Instrument::list(base, quote, listing);
        let instrument = listed.map_err(|error| damaged(&error.to_string()))?;
        Ok(instrument.charging(row.fees).charging_tiers(row.tier_fees))
    }

    /// The instrument with this symbol.
    pub fn by_symbol(&self, symbol: &str) -> Option<&Instrument> {
        self.instruments.values().find(|instrument| instrument.symbol.as_str() == symbol)
    }
}
