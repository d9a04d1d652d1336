//! What the books did, settled and written down.

use ledger_core::{Settlement, hold_for};
use matcher_core::{BookEvent, End, EndReason, Fill, LevelChange, NewOrder};
use model::{Amount, Side};
use proto::{
    convert,
    log::{self, event},
};

use crate::{answer, exchange::Exchange};

impl Exchange {
    /// Settles every trade of an order that has just been placed, and lets go of what it held
    /// beyond that, where it has ended.
    pub(crate) fn settle_taker(&mut self, order: &NewOrder, budget: Amount) {
        let Exchange { matched, books, accounts, postings, .. } = self;
        let Some(instrument) = books.instrument(order.instrument) else { return };
        let mut given = Amount::ZERO;
        for fill in matched.fills() {
            let (buyer, seller, buyer_limit) = match fill.maker_side {
                Side::Buy => (fill.maker_account, fill.taker_account, Some(fill.price)),
                Side::Sell => (fill.taker_account, fill.maker_account, fill.taker_limit),
            };
            let Fill { trade, price, quantity, .. } = *fill;
            let settlement =
                Settlement { instrument, trade, price, quantity, buyer, buyer_limit, seller };
            accounts.settle(&settlement, postings);
            let (_, gave) = hold_for(order.side, instrument, price, quantity);
            given = given.checked_add(gave).expect("at most the budget");
        }
        let Some(end) = matched.ends().find(|end| end.order == order.id) else { return };
        let rest = match end.limit {
            Some(limit) => hold_for(end.side, instrument, limit, end.remaining).1,
            None => budget.checked_sub(given).expect("at most the budget was given"),
        };
        let asset = hold_for(order.side, instrument, model::Price::MIN, end.remaining).0;
        accounts.release(order.account, asset, rest, order.id, postings);
    }

    /// Writes down what the books did: trades and ends in their order, then the changed levels.
    pub(crate) fn write_matched(&mut self, body: &mut log::AnswerBody) {
        for position in 0..self.matched.events.len() {
            let kind = match self.matched.events[position] {
                BookEvent::Fill(fill) => event::Kind::Trade(self.trade(&fill, body)),
                BookEvent::Ended(end) => event::Kind::OrderEnded(self.ended(&end, body)),
                // An order that was placed and has no end rests: that is all a reader needs.
                BookEvent::Rested(_) => continue,
            };
            body.events.push(answer::event(kind));
        }
        for levels in self.matched.levels.chunk_by(|one, next| one.instrument == next.instrument) {
            let kind = event::Kind::BookChanged(book_changed(levels));
            body.events.push(answer::event(kind));
        }
    }

    fn trade(&mut self, fill: &Fill, body: &mut log::AnswerBody) -> log::TradeExecuted {
        let Exchange { named, accounts, .. } = self;
        log::TradeExecuted {
            instrument_id: fill.instrument.0,
            trade_id: fill.trade.0,
            price_ticks: fill.price.ticks(),
            quantity_lots: fill.quantity.lots(),
            maker_order_id: fill.maker.number(),
            taker_order_id: fill.taker.number(),
            maker_account: named.index(fill.maker_account, accounts, body),
            taker_account: named.index(fill.taker_account, accounts, body),
            maker_remaining_lots: fill.maker_remaining.lots(),
            taker_remaining_lots: fill.taker_remaining.lots(),
            taker_side: convert::side_to_wire(fill.maker_side.opposite()).into(),
        }
    }

    fn ended(&mut self, end: &End, body: &mut log::AnswerBody) -> log::OrderEnded {
        log::OrderEnded {
            order_id: end.order.number(),
            account: self.named.index(end.account, &self.accounts, body),
            instrument_id: end.instrument.0,
            reason: end_reason(end.reason).into(),
            remaining_lots: end.remaining.lots(),
        }
    }
}

fn book_changed(levels: &[LevelChange]) -> log::BookChanged {
    let of_side = |side| {
        let levels = levels.iter().filter(move |level| level.side == side);
        levels
            .map(|level| log::Level {
                price_ticks: level.price.ticks(),
                total_lots: level.total_lots,
            })
            .collect()
    };
    log::BookChanged {
        instrument_id: levels[0].instrument.0,
        sequence: levels[0].sequence,
        bids: of_side(Side::Buy),
        asks: of_side(Side::Sell),
    }
}

const fn end_reason(reason: EndReason) -> log::EndReason {
    match reason {
        EndReason::Filled => log::EndReason::Filled,
        EndReason::Cancelled => log::EndReason::Cancelled,
        EndReason::ImmediateOrCancel => log::EndReason::ImmediateOrCancel,
        EndReason::InsufficientLiquidity => log::EndReason::InsufficientLiquidity,
        EndReason::PriceProtection => log::EndReason::PriceProtection,
        EndReason::InsufficientFunds => log::EndReason::InsufficientFunds,
        EndReason::SweepLimit => log::EndReason::SweepLimit,
    }
}
