//! Which open order a client means: by its id, by the client's own, or by both.

use matcher_core::{NewOrder, OpenOrder, OrderKey};
use model::{
    AccountHandle, AccountName, Amount, AssetId, CancelOnly, InstrumentId, KeyText, OrderId,
    Quantity,
};
use proto::{
    command::{Key, KeySpace, OrderName},
    draft::Draft,
    log::{EndReason, RefusalReason},
};

use crate::{exchange::Exchange, park::Waiting, terms::order_key};

/// An open order, wherever it is: copies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Open {
    /// In its book.
    Resting(OpenOrder),
    /// Until a trade wakes it.
    Asleep(NewOrder),
    /// It waits for money: its instrument, and what it holds of what.
    Parked(InstrumentId, AssetId, Amount),
    /// Of a list: an order that is not placed yet, or the list by its own id, of which so much has
    /// traded.
    Listed(InstrumentId, Quantity),
}

impl Open {
    pub(crate) fn instrument(&self) -> InstrumentId {
        match self {
            Open::Resting(order) => order.instrument,
            Open::Asleep(order) => order.instrument,
            Open::Parked(instrument, ..) | Open::Listed(instrument, _) => *instrument,
        }
    }

    /// Whether it is in the one state in which it may be cancelled. Only what rests has traded.
    fn is(&self, only: CancelOnly) -> bool {
        let traded = match self {
            Open::Resting(order) => order.traded(),
            Open::Asleep(_) | Open::Parked(..) => Quantity::ZERO,
            Open::Listed(_, traded) => *traded,
        };
        traded.is_zero() == (only == CancelOnly::New)
    }

    /// Whether it may be cancelled where the client says so.
    pub(crate) fn check(&self, only: Option<CancelOnly>) -> Result<(), RefusalReason> {
        let is_it = only.is_none_or(|only| self.is(only));
        is_it.then_some(()).ok_or(RefusalReason::CancelRestricted)
    }
}

impl Exchange {
    /// The open order of this account that is meant. One that is not open, one that is another's
    /// and one that only one of two names fits are refused alike: nobody learns of an order that is
    /// not theirs.
    pub(crate) fn find_open(
        &self,
        name: &AccountName,
        asked: &OrderName,
    ) -> Result<(OrderId, Open), RefusalReason> {
        let found = match asked {
            OrderName::Id(id) => self.open_of(name, self.meant(*id)),
            OrderName::Own { instrument, key } => self
                .keys
                .find(&own_key(name, *instrument, key))
                .and_then(|id| self.open_of(name, id)),
            OrderName::Both { id, key } => {
                self.open_of(name, self.meant(*id)).filter(|(id, open)| {
                    self.keys.find(&own_key(name, open.instrument(), key)) == Some(id.record())
                })
            }
        };
        found.ok_or(RefusalReason::UnknownOrder)
    }

    /// A duplicate is told the first id, and the orders of a list that is one are that list's.
    fn meant(&self, asked: OrderId) -> OrderId {
        let record = self.keys.resolve(asked.record());
        record.with_leg(asked.leg()).unwrap_or(record)
    }

    fn open_of(&self, name: &AccountName, id: OrderId) -> Option<(OrderId, Open)> {
        let owner = self.accounts.find(name)?;
        let is_owners = |(whose, _): &(AccountHandle, Open)| *whose == owner;
        self.open_at(id).filter(is_owners).map(|(_, open)| (id, open))
    }

    fn open_at(&self, id: OrderId) -> Option<(AccountHandle, Open)> {
        if let Some(order) = self.books.order(id) {
            return Some((order.account, Open::Resting(order)));
        }
        if let Some(sleeper) = self.books.sleeper(id) {
            return Some((sleeper.order.account, Open::Asleep(sleeper.order)));
        }
        if let Some(order) = self.books.pending_order(id) {
            return Some((order.account, Open::Listed(order.instrument, Quantity::ZERO)));
        }
        self.parked_at(id).or_else(|| self.list_at(id))
    }

    fn parked_at(&self, id: OrderId) -> Option<(AccountHandle, Open)> {
        let parked = self.park.get(id.record())?;
        let (account, asset) = parked.purse;
        let instrument = match &parked.waiting {
            Waiting::Order(place) if id.leg() == 0 => place.instrument,
            Waiting::List(list) if usize::from(id.leg()) <= list.legs.len() => list.instrument,
            _ => return None,
        };
        Some((account, Open::Parked(instrument, asset, parked.held)))
    }

    fn list_at(&self, id: OrderId) -> Option<(AccountHandle, Open)> {
        let traded = id.legs().filter_map(|leg| self.books.order(leg)).map(|order| order.traded());
        let traded = traded.max().unwrap_or_default();
        let (account, open) = id.legs().find_map(|leg| self.open_at(leg))?;
        Some((account, Open::Listed(open.instrument(), traded)))
    }

    /// What an open order holds.
    pub(crate) fn held_by(&self, open: &Open) -> Option<(AssetId, Amount)> {
        match open {
            Open::Resting(order) => {
                let instrument = self.books.instrument(order.instrument)?;
                let remaining = order.remaining;
                let OpenOrder { side, ref fees, price, .. } = *order;
                Some(ledger_core::hold_for(side, instrument, fees, price, remaining))
            }
            Open::Asleep(order) => self.hold_of(order),
            Open::Parked(_, asset, held) => Some((*asset, *held)),
            Open::Listed(..) => None,
        }
    }

    /// Cancels an open order, or what is open of a list, and lets go of what it held.
    pub(crate) fn end_open(&mut self, id: OrderId, open: &Open, body: &mut Draft) {
        if matches!(open, Open::Parked(..)) {
            return self.end_parked(id.record(), EndReason::Cancelled, body);
        }
        self.books.cancel(id, &mut self.matched);
        self.settle_ends();
        self.write_matched(body);
    }
}

fn own_key(name: &AccountName, instrument: InstrumentId, key: &KeyText) -> OrderKey {
    let key = Key { space: KeySpace::ClientOrderId, text: key.clone() };
    order_key(name, instrument, &key)
}
