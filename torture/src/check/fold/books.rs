//! Books: once from the changes that the log publishes, once from the orders that rest. The two
//! must agree level by level, and with every book that a client followed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Fold, Now,
    orders::{BUY, Status},
};
use crate::{
    check::{
        finding::Check,
        wire::{Broken, Message},
    },
    history::Seen,
};

/// Levels by price, in ticks and lots.
type Levels = BTreeMap<u64, u64>;

/// One instrument's book.
#[derive(Clone, Debug, Default)]
pub(in crate::check) struct Book {
    pub(in crate::check) sequence: u64,
    bids: Levels,
    asks: Levels,
    resting_bids: Levels,
    resting_asks: Levels,
}

impl Book {
    fn published(&mut self, is_bid: bool) -> &mut Levels {
        if is_bid { &mut self.bids } else { &mut self.asks }
    }

    fn resting(&mut self, is_bid: bool) -> &mut Levels {
        if is_bid { &mut self.resting_bids } else { &mut self.resting_asks }
    }

    fn is_crossed(&self) -> bool {
        let best = self.bids.last_key_value().zip(self.asks.first_key_value());
        best.is_some_and(|((bid, _), (ask, _))| bid >= ask)
    }
}

impl Fold {
    /// After an answer: takes its published changes in, and holds them against the orders that it
    /// touched.
    pub(super) fn books_after(&mut self, now: &Now<'_>, touched: &[u64]) -> Result<(), Broken> {
        let mut levels = BTreeSet::new();
        for id in touched {
            levels.extend(self.rest(*id));
        }
        for (kind, event) in &now.events {
            if *kind == 7 {
                let instrument = event.small(1)?;
                levels.extend(self.published(instrument, event)?);
                // Orders that money woke change a book several times in one answer, and clients may
                // see it between.
                self.after_change(instrument);
            }
        }
        for (instrument, is_bid, price) in levels {
            let book = self.books.entry(instrument).or_default();
            let published = book.published(is_bid).get(&price).copied();
            let resting = book.resting(is_bid).get(&price).copied();
            self.findings.hold(Check::Books, published == resting, || {
                format!(
                    "answer {} of partition {}, instrument {instrument}, {} ticks: published \
                     {published:?} lots, orders rest with {resting:?}",
                    now.out_seq, now.partition, price
                )
            });
        }
        Ok(())
    }

    /// Moves an order's part of its level to what rests of it now; returns the level.
    fn rest(&mut self, id: u64) -> Option<(u32, bool, u64)> {
        let order = self.orders.get_mut(&id)?;
        let is_open = matches!(order.status, Status::Open | Status::PartiallyFilled);
        let rests = if is_open { order.remaining_lots } else { 0 };
        let before = std::mem::replace(&mut order.resting_lots, rests);
        if rests == before {
            return None;
        }
        let (instrument, price) = (order.terms.instrument, order.terms.price_ticks);
        let is_bid = order.terms.side == BUY;
        let levels = self.books.entry(instrument).or_default().resting(is_bid);
        let total = levels.entry(price).or_default();
        *total = *total + rests - before;
        if *total == 0 {
            levels.remove(&price);
        }
        Some((instrument, is_bid, price))
    }

    fn published(
        &mut self,
        instrument: u32,
        event: &Message<'_>,
    ) -> Result<Vec<(u32, bool, u64)>, Broken> {
        let book = self.books.entry(instrument).or_default();
        let sequence = event.number(2);
        let follows = sequence == book.sequence + 1;
        book.sequence = sequence;
        let mut changed = Vec::new();
        for (field, is_bid) in [(3, true), (4, false)] {
            for level in event.messages(field)? {
                let (price, lots) = (level.number(1), level.number(2));
                let levels = book.published(is_bid);
                if lots == 0 {
                    levels.remove(&price);
                } else {
                    levels.insert(price, lots);
                }
                changed.push((instrument, is_bid, price));
            }
        }
        let is_crossed = book.is_crossed();
        self.findings.hold(Check::Books, follows && !is_crossed, || {
            format!("instrument {instrument}, sequence {sequence}: a gap, or bids reach asks")
        });
        Ok(changed)
    }

    /// Holds what clients saw at this sequence against the book.
    fn after_change(&mut self, instrument: u32) {
        let Some(sequence) = self.books.get(&instrument).map(|book| book.sequence) else { return };
        let Some((symbol, _)) = self.symbols.iter().find(|(_, id)| **id == instrument) else {
            return;
        };
        let symbol = symbol.clone();
        let seen = self.seen.get_mut(&symbol).and_then(|seen| seen.remove(&sequence));
        for seen in seen.unwrap_or_default() {
            let is_equal = self.shows(instrument, &seen);
            self.findings.hold(Check::Followed, is_equal, || {
                let book = &self.books[&instrument];
                format!("{symbol} at {sequence}: {seen:?} was seen, and it is {book:?}")
            });
        }
    }

    /// Whether a followed book has the levels of this one.
    fn shows(&self, instrument: u32, seen: &Seen) -> bool {
        let Some(listed) = self.instruments.get(&instrument) else { return false };
        let decimals = |asset| self.assets.get(asset).map_or(0, |asset| asset.decimals);
        let (base, quote) = (decimals(&listed.base), decimals(&listed.quote));
        let of_text = |levels: &[(String, String)]| -> Option<BTreeMap<u128, u128>> {
            let level = |(price, quantity): &(String, String)| {
                Some((units(price, quote)?, units(quantity, base)?))
            };
            levels.iter().map(level).collect()
        };
        let of_book = |levels: &Levels| -> BTreeMap<u128, u128> {
            let (tick, lot) = (u128::from(listed.tick_units), u128::from(listed.lot_units));
            let level =
                |(price, lots): (&u64, &u64)| (u128::from(*price) * tick, u128::from(*lots) * lot);
            levels.iter().map(level).collect()
        };
        let book = self.books.get(&instrument).cloned().unwrap_or_default();
        of_text(&seen.bids) == Some(of_book(&book.bids))
            && of_text(&seen.asks) == Some(of_book(&book.asks))
    }

    /// Every book was followed to its end. And what clients saw and the log never was: a sequence
    /// beyond the log's own, or before any change a book that is not empty.
    pub(in crate::check) fn unseen(&mut self) {
        for (symbol, last) in std::mem::take(&mut self.last_seen) {
            let book = self.symbols.get(&symbol).and_then(|id| self.books.get(id));
            let end = book.map_or(0, |book| book.sequence);
            self.findings.hold(Check::Followed, last == end, || {
                format!("{symbol} was followed to {last}, and ends at {end}")
            });
        }
        for (symbol, seen) in std::mem::take(&mut self.seen) {
            for (sequence, seen) in
                seen.into_iter().flat_map(|(at, all)| all.into_iter().map(move |one| (at, one)))
            {
                let is_empty = seen.bids.is_empty() && seen.asks.is_empty();
                self.findings.hold(Check::Followed, sequence == 0 && is_empty, || {
                    format!("{symbol} at {sequence} was seen and is not in the log")
                });
            }
        }
    }
}

/// Decimal text in smallest units; `None` where it is none, or not exact.
pub(in crate::check) fn units(text: &str, decimals: u32) -> Option<u128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let missing = decimals.checked_sub(u32::try_from(part.len()).ok()?)?;
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) {
        return None;
    }
    let digits: u128 = format!("{whole}{part}").parse().ok()?;
    digits.checked_mul(10_u128.checked_pow(missing)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, expected) in [
            ("100.01", Some(10_001_000_000)),
            ("0.5", Some(50_000_000)),
            ("7", Some(700_000_000)),
            ("0.000000010", Some(1)),
            ("0.000000001", None),
            ("1e3", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(units(text, 8), expected, "{text}");
        }
    }
}
