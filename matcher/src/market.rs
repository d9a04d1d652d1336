//! What a market is open for: as an operator says, and as everybody is told.

use matcher_core::StateRefused;
use model::{InstrumentId, MarketState};
use proto::{
    convert,
    log::{self, RefusalReason, event},
};

use crate::{
    answer::{self, applied, duplicate, refused},
    exchange::Exchange,
};

impl Exchange {
    /// Sets what a market is open for. Who had woken in it and waited goes on in the same answer,
    /// as far as that holds; what is to end of one that is delisted ends with the inputs that
    /// follow, ticks among them that come at once.
    pub(crate) fn set_market_state(
        &mut self,
        instrument: InstrumentId,
        state: MarketState,
        body: &mut log::AnswerBody,
    ) {
        if self.books.market_state(instrument) == Some(state) {
            body.outcome = duplicate(0);
            return;
        }
        if let Err(reason) = self.books.set_market_state(instrument, state) {
            body.outcome = refused(match reason {
                StateRefused::UnknownInstrument => RefusalReason::UnknownInstrument,
                StateRefused::Delisted => RefusalReason::MarketDelisted,
            });
            return;
        }
        let changed = log::MarketStateChanged {
            instrument_id: instrument.0,
            state: convert::market_state_to_wire(state).into(),
            sequence: self.books.depth(instrument, 0).sequence,
        };
        body.events.push(answer::event(event::Kind::MarketStateChanged(changed)));
        self.let_woken_go_on(body);
        body.outcome = applied();
    }
}
