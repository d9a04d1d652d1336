//! What one transaction writes: rows as they are after it, each once.

use std::collections::{BTreeMap, BTreeSet};

use model::{AccountName, Amount, AssetId, InstrumentId, MarketState, OrderId, Partition};

use super::Folded;
use crate::{
    control::{AccountControl, ControlKey, SwitchKey},
    row::{
        AssetRow, Balance, BalanceKey, IncomeKey, InstrumentRow, OrderRow, OrderState, PostingKey,
        PostingRow, Progress, TradeRow,
    },
};

/// What one transaction writes. It is applied only where the store stands at `expected`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where the store must stand.
    pub expected: Folded,
    /// Where it stands afterwards.
    pub progress: Progress,
    /// The rows.
    pub changes: Changes,
}

/// The rows of a batch. Maps are ordered, so that the same answers make the same writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Orders by id.
    pub orders: BTreeMap<OrderId, OrderChange>,
    /// Ids that duplicates were given, each with the id of the first order.
    pub aliases: Vec<(OrderId, OrderId)>,
    /// New trades, in the order in which they happened.
    pub trades: Vec<TradeRow>,
    /// Accounts whose earlier balances on this partition are removed before `balances` are written.
    pub compacted: BTreeSet<AccountName>,
    /// New balances.
    pub balances: BTreeMap<BalanceKey, Balance>,
    /// What the house has earned.
    pub fee_income: BTreeMap<IncomeKey, Amount>,
    /// Listed assets.
    pub assets: BTreeMap<AssetId, AssetRow>,
    /// Listed instruments.
    pub instruments: BTreeMap<InstrumentId, InstrumentRow>,
    /// What is in force of accounts on this partition.
    pub controls: BTreeMap<ControlKey, AccountControl>,
    /// Which kill switches of this partition are engaged.
    pub switches: BTreeMap<SwitchKey, bool>,
    /// What markets of this partition are open for.
    pub market_states: BTreeMap<InstrumentId, MarketState>,
    /// New postings, in the order in which they happened.
    pub postings: Vec<(PostingKey, PostingRow)>,
    /// How many legs all `postings` have.
    pub legs: usize,
}

/// What a batch does to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// It is new.
    New(OrderRow),
    /// It was there before; this has become of it.
    Moved(OrderState),
}

impl Changes {
    /// How many rows are written.
    pub fn rows(&self) -> usize {
        self.orders.len()
            + self.aliases.len()
            + self.trades.len()
            + self.compacted.len()
            + self.balances.len()
            + self.fee_income.len()
            + self.assets.len()
            + self.instruments.len()
            + self.controls.len()
            + self.switches.len()
            + self.market_states.len()
            + self.postings.len()
            + self.legs
    }

    /// An order is new.
    pub(super) fn order(&mut self, row: OrderRow) {
        self.orders.insert(row.id, OrderChange::New(row));
    }

    /// This has become of an order that is new in this batch or was there before it.
    pub(super) fn move_order(&mut self, id: OrderId, state: OrderState) {
        match self.orders.get_mut(&id) {
            Some(OrderChange::New(row)) => row.state = state.after(&row.state),
            Some(OrderChange::Moved(earlier)) => *earlier = state.after(earlier),
            None => {
                self.orders.insert(id, OrderChange::Moved(state));
            }
        }
    }

    /// An account is back at its grant: it has no balances on this partition until new ones come.
    pub(super) fn compact(&mut self, account: &AccountName) {
        let first =
            BalanceKey { account: account.clone(), asset: AssetId(0), partition: Partition::FIRST };
        let keys: Vec<BalanceKey> = self
            .balances
            .range(first..)
            .map(|(key, _)| key)
            .take_while(|key| key.account == *account)
            .cloned()
            .collect();
        for key in keys {
            self.balances.remove(&key);
        }
        self.compacted.insert(account.clone());
    }

    /// An asset was listed; an earlier version never replaces a later one.
    pub(super) fn asset(&mut self, row: AssetRow) {
        let is_newer = self.assets.get(&row.id).is_none_or(|known| known.version < row.version);
        if is_newer {
            self.assets.insert(row.id, row);
        }
    }

    /// An instrument was listed; an earlier version never replaces a later one.
    pub(super) fn instrument(&mut self, row: InstrumentRow) {
        let is_newer =
            self.instruments.get(&row.id).is_none_or(|known| known.version < row.version);
        if is_newer {
            self.instruments.insert(row.id, row);
        }
    }
}
