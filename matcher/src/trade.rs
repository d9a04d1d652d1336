//! What the books did, settled and written down.

use ledger_core::{Accounts, Fee, Postings, Settled, Settlement, hold_for};
use matcher_core::{
    Amended, BookEvent, End, EndReason, Fill, Interrupted, LevelChange, NewOrder, Prevented, Refill,
};
use model::{Amount, Instrument, Side};
use proto::{
    convert,
    draft::Draft,
    log::{self, event},
};

use crate::exchange::Exchange;

impl Exchange {
    /// Settles what an order did that has just been placed: every trade, and what it and those that
    /// it met hold no longer because they ended or were prevented from trading.
    pub(crate) fn settle_taker(&mut self, order: &NewOrder, budget: Amount) {
        let Exchange { matched, settled, books, accounts, postings, shared, .. } = self;
        settled.clear();
        let Some(instrument) = books.instrument(order.instrument) else { return };
        let mut given = Amount::ZERO;
        for event in &matched.events {
            match event {
                BookEvent::Fill(fill) => {
                    let trade = settle(fill, instrument, accounts, postings);
                    settled.push(trade);
                    let gave = match order.side {
                        Side::Buy => trade.let_go,
                        Side::Sell => instrument.base_amount(fill.quantity),
                    };
                    given = given.checked_add(gave).expect("at most the budget");
                }
                BookEvent::Prevented(met) => let_go(met, instrument, accounts, postings),
                BookEvent::Ended(end) if end.limit.is_some() || end.order != order.id => {
                    let (asset, freed) = shared.freed(end, instrument);
                    accounts.release(end.account, asset, freed, end.order, postings);
                }
                BookEvent::Ended(end) => {
                    let rest = budget.checked_sub(given).expect("at most the budget was given");
                    let asset = match end.side {
                        Side::Buy => instrument.quote,
                        Side::Sell => instrument.base,
                    };
                    accounts.release(end.account, asset, rest, end.order, postings);
                }
                // Who was not placed holds nothing.
                BookEvent::Refilled(_)
                | BookEvent::Rested(_)
                | BookEvent::Sleeps(_)
                | BookEvent::Amended(_)
                | BookEvent::Interrupted(_)
                | BookEvent::Dropped(_) => {}
            }
        }
    }

    /// Settles a step of an auction: every trade between two that rested, and what those hold no
    /// longer that ended.
    pub(crate) fn settle_auction(&mut self) {
        let Exchange { matched, settled, books, accounts, postings, shared, .. } = self;
        settled.clear();
        for event in &matched.events {
            match event {
                BookEvent::Fill(fill) => {
                    let instrument = books.instrument(fill.instrument).expect("it just traded");
                    settled.push(settle(fill, instrument, accounts, postings));
                }
                BookEvent::Ended(end) => {
                    let instrument = books.instrument(end.instrument).expect("it was in its book");
                    let (asset, freed) = shared.freed(end, instrument);
                    accounts.release(end.account, asset, freed, end.order, postings);
                }
                _ => {}
            }
        }
    }

    /// Lets go of what orders held that have ended without a taker: cancelled, or expired. First of
    /// limit orders, then of market orders that slept: so are the postings of logs that there are.
    pub(crate) fn settle_ends(&mut self) {
        let Exchange { matched, books, accounts, postings, shared, .. } = self;
        let limits = matched.ends().filter(|end| end.limit.is_some());
        let markets = matched.ends().filter(|end| end.limit.is_none());
        for end in limits.chain(markets) {
            if let Some(instrument) = books.instrument(end.instrument) {
                let (asset, freed) = shared.freed(end, instrument);
                accounts.release(end.account, asset, freed, end.order, postings);
            }
        }
    }

    /// Writes down what the books did: trades and ends in their order, then the changed levels.
    pub(crate) fn write_matched(&mut self, body: &mut Draft) {
        let is_match =
            |event: &&BookEvent| matches!(event, BookEvent::Fill(_) | BookEvent::Prevented(_));
        self.matches += self.matched.events.iter().filter(is_match).count();
        let (mut trades, mut interrupted) = (0, None);
        for position in 0..self.matched.events.len() {
            match self.matched.events[position] {
                BookEvent::Fill(fill) => {
                    let settled = self.settled[trades];
                    trades += 1;
                    let trade = self.trade(&fill, &settled, body);
                    body.trade(&trade);
                }
                BookEvent::Prevented(met) => {
                    let prevented = self.prevented(&met, body);
                    body.event(&event::Kind::TradePrevented(prevented));
                }
                BookEvent::Refilled(refill) => {
                    let refilled = self.refilled(&refill, body);
                    body.event(&event::Kind::OrderRefilled(refilled));
                }
                BookEvent::Ended(end) | BookEvent::Dropped(end) => {
                    let ended = self.ended(&end, body);
                    body.ended(&ended);
                }
                BookEvent::Amended(amended) => {
                    let amended = self.amended(&amended, body);
                    body.event(&event::Kind::OrderAmended(amended));
                }
                // An order that was placed and has no end rests, or sleeps if it has a trigger:
                // that is all a reader needs.
                BookEvent::Rested(_) | BookEvent::Sleeps(_) => {}
                // After the change of depth that came with it.
                BookEvent::Interrupted(Interrupted { instrument, .. }) => {
                    interrupted = Some(instrument);
                }
            }
        }
        self.write_lists_done(body);
        let of_change = |level: &LevelChange| (level.instrument, level.sequence);
        let changes = self.matched.levels.chunk_by(|one, next| of_change(one) == of_change(next));
        for levels in changes {
            write_levels(levels, body);
        }
        // One order trades in one book, and stops at most that.
        if let Some(instrument) = interrupted {
            self.write_market_state(instrument, body);
        }
    }

    fn trade(&mut self, fill: &Fill, settled: &Settled, body: &mut Draft) -> log::TradeExecuted {
        let Exchange { named, accounts, .. } = self;
        let (maker_fee, taker_fee) = match fill.maker_side {
            Side::Buy => (settled.buyer_fee, settled.seller_fee),
            Side::Sell => (settled.seller_fee, settled.buyer_fee),
        };
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
            maker_fee: fee(maker_fee),
            taker_fee: fee(taker_fee),
            in_auction: fill.in_auction,
            buyer_fee_in_base: settled.buyer_fee.asset != settled.seller_fee.asset
                && !settled.buyer_fee.amount.is_zero(),
        }
    }

    fn prevented(&mut self, met: &Prevented, body: &mut Draft) -> log::TradePrevented {
        let Exchange { named, accounts, .. } = self;
        log::TradePrevented {
            instrument_id: met.instrument.0,
            number: met.number,
            price_ticks: met.price.ticks(),
            mode: convert::self_trade_to_wire(met.mode).into(),
            maker_order_id: met.maker.number(),
            taker_order_id: met.taker.number(),
            maker_account: named.index(met.maker_account, accounts, body),
            taker_account: named.index(met.taker_account, accounts, body),
            maker_prevented_lots: met.maker_prevented.lots(),
            taker_prevented_lots: met.taker_prevented.lots(),
            maker_remaining_lots: met.maker_remaining.lots(),
            taker_remaining_lots: met.taker_remaining.lots(),
            taker_side: convert::side_to_wire(met.maker_side.opposite()).into(),
            maker_prevented_total_lots: met.maker_prevented_total.lots(),
            taker_prevented_total_lots: met.taker_prevented_total.lots(),
            maker_traded_lots: met.maker_traded.lots(),
            taker_traded_lots: met.taker_traded.lots(),
        }
    }

    fn amended(&mut self, amended: &Amended, body: &mut Draft) -> log::OrderAmended {
        log::OrderAmended {
            order_id: amended.order.number(),
            account: self.named.index(amended.account, &self.accounts, body),
            instrument_id: amended.instrument.0,
            quantity_lots: amended.quantity.lots(),
            remaining_lots: amended.remaining.lots(),
            prevented_lots: amended.prevented.lots(),
        }
    }

    fn refilled(&mut self, refill: &Refill, body: &mut Draft) -> log::OrderRefilled {
        log::OrderRefilled {
            order_id: refill.order.number(),
            account: self.named.index(refill.account, &self.accounts, body),
            instrument_id: refill.instrument.0,
            shown_lots: refill.shown.lots(),
        }
    }

    fn ended(&mut self, end: &End, body: &mut Draft) -> log::OrderEnded {
        log::OrderEnded {
            order_id: end.order.number(),
            account: self.named.index(end.account, &self.accounts, body),
            instrument_id: end.instrument.0,
            reason: end_reason(end.reason).into(),
            remaining_lots: end.remaining.lots(),
        }
    }
}

/// A fee as it is written: not at all where it is nothing.
fn fee(fee: Fee) -> Option<log::Amount> {
    (!fee.amount.is_zero()).then(|| convert::to_amount(fee.amount))
}

/// Both sides of a trade pay and deliver out of what their orders hold.
fn settle(
    fill: &Fill,
    instrument: &Instrument,
    accounts: &mut Accounts,
    postings: &mut Postings,
) -> Settled {
    let maker = (fill.maker_account, fill.maker_fees, Some(fill.maker_limit));
    let taker = (fill.taker_account, fill.taker_fees, fill.taker_limit);
    let (buyer, seller) = match fill.maker_side {
        Side::Buy => (maker, taker),
        Side::Sell => (taker, maker),
    };
    let settlement = Settlement {
        instrument,
        trade: fill.trade,
        price: fill.price,
        quantity: fill.quantity,
        maker_side: fill.maker_side,
        buyer: buyer.0,
        buyer_limit: buyer.2,
        buyer_fees: buyer.1,
        seller: seller.0,
        seller_fees: seller.1,
    };
    accounts.settle(&settlement, postings)
}

/// What a prevented trade took off two orders is held no longer. A market order's hold is a budget,
/// which goes back whole at its end.
fn let_go(
    met: &Prevented,
    instrument: &Instrument,
    accounts: &mut Accounts,
    postings: &mut Postings,
) {
    let Prevented { maker_fees, taker_fees, maker_prevented, taker_prevented, .. } = met;
    let (asset, held) =
        hold_for(met.maker_side, instrument, maker_fees, met.price, *maker_prevented);
    accounts.release(met.maker_account, asset, held, met.maker, postings);
    if let Some(limit) = met.taker_limit {
        let side = met.maker_side.opposite();
        let (asset, held) = hold_for(side, instrument, taker_fees, limit, *taker_prevented);
        accounts.release(met.taker_account, asset, held, met.taker, postings);
    }
}

/// The changed levels of one book.
fn write_levels(levels: &[LevelChange], body: &mut Draft) {
    let of_side = |side| {
        let levels = levels.iter().filter(move |level| level.side == side);
        levels.map(|level| (level.price.ticks(), level.total_lots))
    };
    let LevelChange { instrument, sequence, .. } = levels[0];
    body.book_changed(instrument.0, sequence, of_side(Side::Buy), of_side(Side::Sell));
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
        EndReason::FillOrKill => log::EndReason::FillOrKill,
        EndReason::Expired => log::EndReason::Expired,
        EndReason::Closed => log::EndReason::CancelAfter,
        EndReason::Killed => log::EndReason::KillSwitch,
        EndReason::SelfTradePrevented => log::EndReason::SelfTradePrevented,
        EndReason::OrderList => log::EndReason::OrderList,
        EndReason::WouldTake => log::EndReason::WouldTake,
        EndReason::WouldTrigger => log::EndReason::WouldTrigger,
        EndReason::ListPrices => log::EndReason::ListPrices,
        EndReason::TooManyParts => log::EndReason::TooManyParts,
        EndReason::Delisted => log::EndReason::Delisted,
        EndReason::MarketState => log::EndReason::MarketState,
        EndReason::PriceBand => log::EndReason::PriceBand,
    }
}
