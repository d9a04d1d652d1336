//! What the auction of a market would do that collects orders: told to everybody, as long as it
//! collects.
//!
//! It is computed by the log's own time and no more often than once a second for each market: with
//! a tick, so that no order pays for it, and told only where it is another than before. Icebergs
//! count with all that is hidden, as they will in the auction.

use std::collections::BTreeMap;

use matcher_core::Indication;
use model::{InstrumentId, MarketState, Side, Span, Timestamp};
use proto::{
    convert,
    draft::Draft,
    log::{self, event},
};

use crate::exchange::Exchange;

/// How long one stands before the next is computed: as long as a tick is after the one before.
const STANDS_FOR: Span = Span::from_millis(900);

/// What was told last of a market that collects, and when it was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indicated {
    pub(crate) at: Timestamp,
    /// `None`: nothing would trade.
    pub(crate) what: Option<Indication>,
}

/// Of the markets that collect orders.
pub(crate) type Indications = BTreeMap<InstrumentId, Indicated>;

impl Exchange {
    /// Tells what the auctions of all markets that collect would do, where it is time.
    pub(crate) fn indicate(&mut self, now: Timestamp, body: &mut Draft) {
        let is_due = |instrument: &InstrumentId| {
            let last = self.indications.get(instrument);
            last.is_none_or(|last| last.at.plus(STANDS_FOR) <= now)
        };
        let due: Vec<InstrumentId> = self.books.collecting().filter(is_due).collect();
        for instrument in due {
            let what = self.books.indication(instrument);
            let last = self.indications.insert(instrument, Indicated { at: now, what });
            if last.and_then(|last| last.what) != what {
                self.write_indication(instrument, what, body);
            }
        }
    }

    /// A market is open for something else: what was told of its auction counts no more.
    pub(crate) fn forget_indication(&mut self, instrument: InstrumentId, state: MarketState) {
        if !state.collects() {
            self.indications.remove(&instrument);
        }
    }

    fn write_indication(
        &self,
        instrument: InstrumentId,
        what: Option<Indication>,
        body: &mut Draft,
    ) {
        let surplus = what.map_or(0, |what| what.surplus);
        let side = if surplus > 0 { Side::Buy } else { Side::Sell };
        let told = log::AuctionIndicated {
            instrument_id: instrument.0,
            sequence: self.books.depth(instrument, 0).sequence,
            price_ticks: what.map_or(0, |what| what.price.ticks()),
            volume_lots: what.map_or(0, |what| what.volume),
            // What rests is below 2^64 lots: see `matcher_core::ORDERS_MAX`.
            imbalance_lots: u64::try_from(surplus.unsigned_abs()).unwrap_or(u64::MAX),
            imbalance_side: if surplus == 0 { 0 } else { convert::side_to_wire(side).into() },
        };
        body.event(&event::Kind::AuctionIndicated(told));
    }

    /// Only of markets that collect is anything remembered.
    pub(crate) fn check_indications(&self) -> Result<(), String> {
        let collecting =
            |of: &InstrumentId| self.books.market_state(*of).is_some_and(MarketState::collects);
        match self.indications.keys().find(|instrument| !collecting(instrument)) {
            Some(instrument) => Err(format!("instrument {} collects no orders", instrument.0)),
            None => Ok(()),
        }
    }
}
