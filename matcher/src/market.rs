//! What a market is open for: as an operator says, and as everybody is told.

use matcher_core::StateRefused;
use model::{InstrumentId, MarketState};
use proto::{
    convert,
    draft::Draft,
    log::{self, RefusalReason, event},
};

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    limits::{REOPENED_MAX, UNCROSSED_MAX},
};

impl Exchange {
    /// Sets what a market is open for. Who had woken in it and waited goes on in the same answer,
    /// as far as that holds; what is to end of one that is delisted ends with the inputs that
    /// follow, ticks among them that come at once.
    pub(crate) fn set_market_state(
        &mut self,
        instrument: InstrumentId,
        state: MarketState,
        body: &mut Draft,
    ) {
        let opens_for = self.books.auction(instrument).map(|auction| auction.then);
        let in_force = opens_for.or_else(|| self.books.market_state(instrument));
        // No command sets the state of one that has stopped by itself, not even again.
        let is_set = self.books.interruption(instrument).is_none();
        if in_force == Some(state) && is_set {
            body.outcome = duplicate(0);
            return;
        }
        if let Err(reason) = self.books.set_market_state(instrument, state) {
            body.outcome = refused(match reason {
                StateRefused::UnknownInstrument => RefusalReason::UnknownInstrument,
                StateRefused::Delisted => RefusalReason::MarketDelisted,
                StateRefused::NotSet => RefusalReason::AuctionNotSet,
            });
            return;
        }
        self.write_market_state(instrument, body);
        self.uncross(body);
        self.let_woken_go_on(body);
        body.outcome = applied();
    }

    /// A step of an auction, where one is under way: the rest follows with ticks that come at once.
    pub(crate) fn uncross(&mut self, body: &mut Draft) {
        self.matched.clear();
        let Some(step) = self.books.uncross(UNCROSSED_MAX, &mut self.matched) else { return };
        self.settle_auction();
        self.write_matched(body);
        self.matched.clear();
        if step.state != MarketState::Auction {
            self.write_market_state(step.instrument, body);
        }
    }

    /// Markets that have stopped by their price bands open again, or put that off: as many as one
    /// input does. Where orders cross, the auction goes on with the inputs that follow.
    pub(crate) fn reopen_markets(&mut self, body: &mut Draft) {
        for _ in 0..REOPENED_MAX {
            let Some(reopened) = self.books.reopen() else { break };
            self.write_market_state(reopened.instrument, body);
        }
    }

    pub(crate) fn write_market_state(&mut self, instrument: InstrumentId, body: &mut Draft) {
        let Some(state) = self.books.market_state(instrument) else { return };
        self.forget_indication(instrument, state);
        let opens_at = self.books.interruption(instrument);
        let changed = log::MarketStateChanged {
            instrument_id: instrument.0,
            state: convert::market_state_to_wire(state).into(),
            sequence: self.books.depth(instrument, 0).sequence,
            opens_at_unix_nanos: opens_at.map_or(0, |stands| stands.opens_at.unix_nanos()),
        };
        body.event(&event::Kind::MarketStateChanged(changed));
    }
}
