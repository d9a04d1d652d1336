//! Holds that two orders share: as much as the larger of the two needs, for only one of them
//! trades.

use std::collections::BTreeMap;

use ledger_core::hold_for;
use matcher_core::{Books, End, Link, NewOrder};
use model::{AccountHandle, Amount, AssetId, Instrument, OrderId, Side};

/// A hold that two open orders share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) account: AccountHandle,
    pub(crate) asset: AssetId,
    /// What each would hold alone.
    alone: [(OrderId, Amount); 2],
}

impl Shared {
    /// Of two orders that came with what each would hold alone.
    pub(crate) fn of(pair: &[NewOrder; 2], asset: AssetId) -> Shared {
        let account = pair[0].account;
        Shared { account, asset, alone: pair.map(|order| (order.id, order.funds)) }
    }

    /// What is held.
    pub(crate) fn whole(&self) -> Amount {
        self.alone[0].1.max(self.alone[1].1)
    }

    /// What the two would hold alone beyond that.
    pub(crate) fn saved(&self) -> Amount {
        self.alone[0].1.min(self.alone[1].1)
    }

    /// What is free once `id` has ended: all that the other does not need.
    fn without(&self, id: OrderId) -> Amount {
        let other = self.alone.iter().find(|(order, _)| *order != id);
        let needed = other.map_or(Amount::ZERO, |(_, amount)| *amount);
        self.whole().checked_sub(needed).unwrap_or_default()
    }
}

/// All holds that are shared, by list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SharedHolds(BTreeMap<OrderId, Shared>);

impl SharedHolds {
    /// Those of all pairs in the books.
    pub(crate) fn of(books: &Books) -> SharedHolds {
        let pairs = books.image().lists.into_iter().filter_map(|list| {
            let Link::Pair(pair) = list.link else { return None };
            let [one, other] = pair.map(|id| alone(books, id));
            let ((account, asset, one), (_, _, other)) = (one?, other?);
            Some((list.id, Shared { account, asset, alone: [(pair[0], one), (pair[1], other)] }))
        });
        SharedHolds(pairs.collect())
    }

    pub(crate) fn insert(&mut self, list: OrderId, shared: Shared) {
        self.0.insert(list, shared);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Shared> {
        self.0.values()
    }

    /// What is held no longer because of this end. Where the order shared its hold, what is left of
    /// that is the other's alone from now on.
    pub(crate) fn freed(&mut self, end: &End, instrument: &Instrument) -> (AssetId, Amount) {
        let (asset, alone) = match end.limit {
            Some(limit) => hold_for(end.side, instrument, &end.fees, limit, end.remaining),
            None => (asset_of(end.side, instrument), end.funds),
        };
        let shared = if end.order.leg() == 0 { None } else { self.0.remove(&end.order.record()) };
        (asset, shared.map_or(alone, |shared| shared.without(end.order)))
    }
}

/// What an order of a pair would hold alone; of a market order that is what it came with.
fn alone(books: &Books, id: OrderId) -> Option<(AccountHandle, AssetId, Amount)> {
    if let Some(open) = books.order(id) {
        let instrument = books.instrument(open.instrument)?;
        let (asset, amount) =
            hold_for(open.side, instrument, &open.fees, open.price, open.remaining);
        return Some((open.account, asset, amount));
    }
    let order = books.sleeper(id)?.order;
    let instrument = books.instrument(order.instrument)?;
    let quantity = match order.size {
        matcher_core::Size::Base(quantity) => quantity,
        matcher_core::Size::Quote(_) => model::Quantity::ZERO,
    };
    let (asset, amount) = match order.price {
        Some(price) => hold_for(order.side, instrument, &order.fees, price, quantity),
        None => (asset_of(order.side, instrument), order.funds),
    };
    Some((order.account, asset, amount))
}

/// What an order of this side gives away.
fn asset_of(side: Side, instrument: &Instrument) -> AssetId {
    match side {
        Side::Buy => instrument.quote,
        Side::Sell => instrument.base,
    }
}
