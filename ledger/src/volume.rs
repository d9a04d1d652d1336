//! How much accounts have traded in a time of the log: what fee tiers are measured by.
//!
//! A trade counts for both its sides, each with the whole of what was paid, in the quote asset of
//! its instrument. One of an account with itself counts for nothing: nobody reaches a tier alone.

use std::collections::BTreeMap;

use model::{AccountName, Amount, AssetId, InstrumentId, Price, Quantity, Span, Timestamp};

use crate::{row::TradeRow, store::Catalog};

/// The time that counts, up to an instant: thirty days.
pub const VOLUME_SPAN: Span = Span::from_secs(30 * 86_400);

/// How much of a time a database adds up at once: a day, so that no query of it is long, and no sum
/// of it comes near what a column holds.
pub(crate) const SLICE: Span = Span::from_secs(86_400);

/// Whose volume of which time is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumesQuery {
    /// Only this account's.
    pub account: Option<AccountName>,
    /// Of trades after this instant,
    pub after: Timestamp,
    /// and up to this one, which is in it.
    pub until: Timestamp,
}

impl VolumesQuery {
    /// The thirty days up to `until`.
    pub fn up_to(until: Timestamp, account: Option<AccountName>) -> VolumesQuery {
        let after = until.unix_nanos().saturating_sub(VOLUME_SPAN.nanos());
        VolumesQuery { account, after: Timestamp::from_unix_nanos(after), until }
    }

    /// Whether a trade is of the time, and not of an account with itself.
    pub(crate) fn counts(&self, trade: &TradeRow) -> bool {
        trade.executed_at > self.after
            && trade.executed_at <= self.until
            && trade.maker_account != trade.taker_account
    }

    /// The same in pieces of [`SLICE`] that follow one another.
    pub(crate) fn slices(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> + use<> {
        let (mut after, until) = (self.after, self.until);
        std::iter::from_fn(move || {
            let begin = after;
            after = begin.plus(SLICE).min(until);
            (begin < until).then_some((begin, after))
        })
    }
}

/// Of each account and instrument the sum of price times quantity, in ticks and lots.
pub type Traded = BTreeMap<AccountName, BTreeMap<InstrumentId, i128>>;

/// Of each account and asset what it has traded that was paid in it.
pub type Volumes = BTreeMap<AccountName, BTreeMap<AssetId, Amount>>;

/// What was traded, in whole units. `None` where an instrument is not listed, or a sum is beyond
/// what an amount holds.
pub fn in_units(traded: Traded, catalog: &Catalog) -> Option<Volumes> {
    let mut volumes = Volumes::new();
    for (account, instruments) in traded {
        let of_account = volumes.entry(account).or_default();
        for (id, ticks_lots) in instruments {
            let instrument = catalog.instruments.get(&id)?;
            let one = Quantity::from_lots(1).ok()?;
            let worth = instrument.notional(Price::MIN, one).units();
            let units = Amount::from_units(ticks_lots.checked_mul(worth)?);
            let sum = of_account.entry(instrument.quote).or_default();
            *sum = sum.checked_add(units)?;
        }
    }
    Some(volumes)
}

/// What of `trades` counts, added up in memory.
pub(crate) fn traded<'a>(
    trades: impl Iterator<Item = &'a TradeRow>,
    query: &VolumesQuery,
) -> Traded {
    let mut traded = Traded::new();
    for trade in trades.filter(|trade| query.counts(trade)) {
        let product = i128::from(trade.price.ticks()) * i128::from(trade.quantity.lots());
        for account in [&trade.maker_account, &trade.taker_account] {
            if query.account.as_ref().is_none_or(|one| one == account) {
                let of_account = traded.entry(account.clone()).or_default();
                *of_account.entry(trade.instrument).or_insert(0) += product;
            }
        }
    }
    traded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_into_days_that_follow_one_another() {
        let day = SLICE.nanos();
        let at = Timestamp::from_unix_nanos;
        let query = VolumesQuery::up_to(at(40 * day + 5), None);
        let slices: Vec<_> = query.slices().collect();
        assert_eq!(slices.len(), 30);
        assert_eq!((slices[0].0, slices[29].1), (at(10 * day + 5), at(40 * day + 5)));
        assert!(slices.windows(2).all(|pair| pair[0].1 == pair[1].0));
        let young = VolumesQuery::up_to(at(day + 1), None);
        assert_eq!(young.slices().collect::<Vec<_>>(), [(at(0), at(day)), (at(day), at(day + 1))]);
    }
}
