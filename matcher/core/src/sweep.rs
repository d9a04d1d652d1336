//! Placing an order: it takes what the book offers, then rests or ends.
//!
//! A sweep goes level by level from the best price, within a level from the oldest order, and stops
//! for one of eight reasons (`Stop`). It is a loop, never a recursion, and bounded by
//! [`FILLS_MAX`].

mod rest;

use model::{
    AccountHandle, Amount, FeeRate, Instrument, OrderType, Price, Quantity, Role,
    SelfTradePrevention, Side, TimeInForce,
};

use crate::{
    ACCOUNTS_END, BookEvent, Books, End, EndReason, Fill, LevelChange, NewOrder, Outcome, Size,
    book::Level, prevention::Meeting, slab::NIL,
};

/// How many matches one command may make, traded or prevented, so that its answer is always one
/// record of the log.
pub const FILLS_MAX: usize = 5_000;

/// An order while it takes.
pub(crate) struct Taker<'a> {
    pub(crate) order: &'a NewOrder,
    pub(crate) book: u32,
    /// No trade beyond this price.
    pub(crate) bound: Price,
    /// Where there is a price band, the last price within it.
    band: Option<Price>,
    /// Whether it would have traded outside the band.
    is_outside: bool,
    /// What it may take in all, and what of that is left, in lots.
    pub(crate) asked: Quantity,
    pub(crate) remaining: Quantity,
    /// What self-trade prevention has taken off it.
    pub(crate) prevented: Quantity,
    /// What it may still spend of the quote asset; for a sell, still receive. `None`: no such
    /// bound.
    budget: Option<Amount>,
    /// What each of its trades costs on top of the price, out of the budget.
    on_top: FeeRate,
    /// How many orders it has met, and whether it traded with one of them.
    pub(crate) matches: usize,
    /// The price of its first trade, if it made one.
    first_price: Option<Price>,
    /// Whether it may meet orders that it does not trade with: its own, or overdue ones.
    pub(crate) looks_at_makers: bool,
    /// Whether prevention has taken something off it since its last trade, or all of it.
    pub(crate) is_prevented: bool,
    pub(crate) is_gone: bool,
    /// The book's sequence after this command, if it changes a level.
    sequence: u64,
}

/// Why a sweep went no further.
enum Stop {
    /// The order got what it asked for.
    Done,
    /// Nothing is left to trade with.
    NothingLeft,
    /// The next price is beyond the bound.
    Beyond,
    /// The next trade would be outside the price band.
    OutsideBand,
    /// The money or the funds do not reach one more lot.
    Spent,
    /// The matches of one command are used up.
    Limit,
    /// Self-trade prevention has left nothing of it.
    Prevented,
    /// It is to be filled whole or not at all, and cannot be.
    Infeasible,
}

impl Books {
    /// Runs one accepted order: it trades with the best orders of the other side, then rests, or
    /// ends with its reason. Never refuses; see [`NewOrder`] for what the caller has checked.
    ///
    /// # Panics
    /// Where the caller has not: for an instrument that is not listed, a limit order without a
    /// price or with a size in quote amount, an account number at or beyond [`ACCOUNTS_END`], or an
    /// order that comes to rest under the id of one that is open.
    pub fn place(&mut self, order: &NewOrder, out: &mut Outcome) {
        assert!(order.account.0 < ACCOUNTS_END, "the account's number is out of range");
        let book = self.slot(order.instrument).expect("the instrument is listed");
        if order.instructions.waits_for().is_some() {
            return self.put_to_sleep(*order, book, out);
        }
        let (first_event, first_level) = (out.events.len(), out.levels.len());
        let mut taker = self.taker(order, book);
        let is_infeasible = order.time_in_force == TimeInForce::Fok && !self.can_fill(&taker);
        let stop = match self.books[book as usize].state {
            _ if is_infeasible => Stop::Infeasible,
            state if state.collects() => Stop::Beyond,
            _ => self.sweep(&mut taker, out),
        };
        match taker.end_reason(&stop) {
            Some(reason) => {
                out.events.push(BookEvent::Ended(taker.end(reason)));
                self.follow_end(order.id, reason, out);
            }
            None => self.rest(&taker, first_level, out),
        }
        if taker.is_outside {
            self.interrupt(taker.book, out);
        }
        let book = &mut self.books[book as usize];
        if out.levels.len() > first_level {
            book.sequence = taker.sequence;
        }
        debug_assert!(!book.is_wrongly_crossed(), "an open book is never left crossed");
        if taker.first_price.is_some() {
            self.wake_sleepers(taker.book, &out.events[first_event..]);
        }
    }

    fn taker<'a>(&mut self, order: &'a NewOrder, slot: u32) -> Taker<'a> {
        let band = self.band_bound(slot, order.side);
        let book = &self.books[slot as usize];
        let bound = match order.order_type.awake() {
            OrderType::Limit => order.price.expect("a limit order has a price"),
            // Nothing to trade with: any bound will do.
            _ => book.market_bound(order.side).unwrap_or(Price::MIN),
        };
        let (asked, budget) = limits(order, &book.instrument);
        let prevents = order.instructions.self_trade != SelfTradePrevention::None;
        Taker {
            order,
            book: slot,
            bound,
            band,
            is_outside: false,
            asked,
            remaining: asked,
            prevented: Quantity::ZERO,
            budget,
            on_top: order.fees.on_top(order.side, Role::Taker),
            matches: 0,
            first_price: None,
            looks_at_makers: prevents || self.has_overdue(),
            is_prevented: false,
            is_gone: false,
            sequence: book.sequence + 1,
        }
    }

    fn sweep(&mut self, taker: &mut Taker<'_>, out: &mut Outcome) -> Stop {
        let side = taker.order.side;
        loop {
            if taker.remaining.is_zero() && !taker.is_by_quote() {
                return if taker.is_prevented { Stop::Prevented } else { Stop::Done };
            }
            let book = &self.books[taker.book as usize];
            let Some((price, level)) = book.ladder(side.opposite()).best() else {
                return Stop::NothingLeft;
            };
            if !side.accepts(taker.bound, price) {
                return Stop::Beyond;
            }
            let allowed = taker.allowed(&book.instrument, price);
            if allowed.is_zero() {
                return Stop::Spent;
            }
            if taker.matches >= FILLS_MAX {
                return Stop::Limit;
            }
            self.take_level(taker, level, allowed, out);
            let instrument = &self.books[taker.book as usize].instrument;
            if taker.is_gone {
                return Stop::Prevented;
            }
            if taker.is_outside {
                return Stop::OutsideBand;
            }
            if taker.has_reached(instrument, price) {
                return if taker.is_prevented { Stop::Prevented } else { Stop::Done };
            }
        }
    }

    /// Meets the queue of one level, oldest first, for up to `allowed` lots.
    fn take_level(&mut self, taker: &mut Taker<'_>, at: u32, allowed: Quantity, out: &mut Outcome) {
        let Level { price, total_lots: total_before, .. } = self.levels[at];
        let mut left = allowed;
        while !left.is_zero() && self.levels[at].head != NIL && taker.matches < FILLS_MAX {
            let after = match self.meeting(taker, self.levels[at].head) {
                Meeting::Trades if taker.is_banned_at(price) => {
                    taker.is_outside = true;
                    break;
                }
                Meeting::Trades => self.take_head(taker, at, left, out),
                meeting => self.pass_head(meeting, taker, at, left, out),
            };
            let instrument = &self.books[taker.book as usize].instrument;
            left = taker.pay(instrument, price, left.minus(after), after);
        }
        let level = self.levels[at];
        let book = &mut self.books[taker.book as usize];
        if level.head == NIL {
            book.ladder_mut(level.side).remove(level.price);
            self.levels.free(at);
        }
        if level.total_lots != total_before {
            out.levels.push(LevelChange {
                instrument: book.instrument.id,
                sequence: taker.sequence,
                side: level.side,
                price: level.price,
                total_lots: level.total_lots,
            });
        }
    }

    /// One trade with the oldest order of a level; tells what is left of `allowed`.
    fn take_head(
        &mut self,
        taker: &mut Taker<'_>,
        at: u32,
        allowed: Quantity,
        out: &mut Outcome,
    ) -> Quantity {
        let place = self.levels[at].head;
        let id = self.orders.slab[place].id;
        taker.matches += self.matches_of(id);
        self.decide_pair(id, out);
        let level = &mut self.levels[at];
        let maker_fees = self.orders.fees(place);
        let hidden = self.orders.aside(place).hidden;
        let maker = &mut self.orders.slab[place];
        let quantity = allowed.min(maker.shown);
        maker.shown = maker.shown.minus(quantity);
        let maker_remaining = maker.shown.plus(hidden);
        taker.remaining = taker.remaining.minus(quantity);
        taker.first_price = taker.first_price.or(Some(level.price));
        taker.is_prevented = false;
        level.total_lots -= quantity.lots();
        let fill = Fill {
            trade: self.books[taker.book as usize].next_trade(level.price),
            instrument: taker.order.instrument,
            price: level.price,
            quantity,
            maker: maker.id,
            maker_account: AccountHandle(maker.owner.account()),
            maker_remaining,
            maker_side: level.side,
            maker_limit: level.price,
            maker_fees,
            taker: taker.order.id,
            taker_account: taker.order.account,
            taker_remaining: taker.told_remaining(),
            taker_limit: taker.order.price,
            taker_fees: taker.order.fees,
            maker_done: maker_remaining.is_zero(),
            in_auction: false,
        };
        out.events.push(BookEvent::Fill(fill));
        if fill.maker_done {
            self.end_head(taker, at, Quantity::ZERO, EndReason::Filled, out);
        } else {
            self.refill_head(at, out);
        }
        allowed.minus(quantity)
    }
}

/// How many lots an order may take, and how much of the quote asset it may spend or receive.
fn limits(order: &NewOrder, instrument: &Instrument) -> (Quantity, Option<Amount>) {
    let largest = Quantity::from_lots(Quantity::LOTS_MAX).expect("the maximum");
    let is_limit = order.order_type.awake() == OrderType::Limit;
    match (order.size, order.side) {
        (Size::Base(quantity), _) if is_limit => (quantity, None),
        (Size::Quote(_), _) if is_limit => panic!("a limit order's size is a base quantity"),
        (Size::Base(quantity), Side::Buy) => (quantity, Some(order.funds)),
        (Size::Base(quantity), Side::Sell) => (quantity, None),
        (Size::Quote(amount), Side::Buy) => (largest, Some(amount.min(order.funds))),
        (Size::Quote(amount), Side::Sell) => {
            let lot = Quantity::from_lots(1).expect("one is a quantity");
            let lots = order.funds.units().max(0) / instrument.base_amount(lot).units();
            let lots = u64::try_from(lots).unwrap_or(u64::MAX).min(Quantity::LOTS_MAX);
            (Quantity::from_lots(lots).expect("capped at the maximum"), Some(amount))
        }
    }
}

impl Taker<'_> {
    pub(crate) fn is_by_quote(&self) -> bool {
        matches!(self.order.size, Size::Quote(_))
    }

    /// What is told as remaining: an order by quote amount asked for no quantity.
    pub(crate) fn told_remaining(&self) -> Quantity {
        if self.is_by_quote() { Quantity::ZERO } else { self.remaining }
    }

    /// Whether a trade at this price would be outside the price band.
    pub(crate) fn is_banned_at(&self, price: Price) -> bool {
        self.band.is_some_and(|band| !self.order.side.accepts(band, price))
    }

    /// How much it may take at `price` in one trade, floored to the lot. Where nothing comes on top
    /// of the price it makes no difference whether the floor is taken for each trade at that price
    /// or for all together.
    fn allowed(&self, instrument: &Instrument, price: Price) -> Quantity {
        match self.budget {
            None => self.remaining,
            Some(budget) => {
                let affordable = instrument.affordable(self.on_top.net(budget), price);
                self.remaining.min(affordable)
            }
        }
    }

    /// Accounts for what was taken at `price` by one meeting. Tells how much of what is left it may
    /// still take there: what comes on top is rounded up for each trade by itself.
    fn pay(
        &mut self,
        instrument: &Instrument,
        price: Price,
        taken: Quantity,
        left: Quantity,
    ) -> Quantity {
        let Some(budget) = &mut self.budget else { return left };
        let paid = instrument.notional(price, taken);
        let cost = paid.checked_add(self.on_top.on(paid)).expect("notionals are below 2^112");
        *budget = budget.checked_sub(cost).expect("taken within the budget");
        if self.on_top == FeeRate::FREE { left } else { left.min(self.allowed(instrument, price)) }
    }

    /// Whether an order by quote amount is complete: no further lot fits its amount, even at this
    /// price.
    fn has_reached(&self, instrument: &Instrument, price: Price) -> bool {
        let Some(budget) = self.budget else { return false };
        let reached = instrument.affordable(self.on_top.net(budget), price).is_zero();
        let is_short = self.order.side == Side::Buy && self.is_short();
        reached && self.is_by_quote() && !is_short
    }

    /// Whether the account's own funds, not the amount asked for, end an order by quote amount.
    fn is_short(&self) -> bool {
        match (self.order.size, self.order.side) {
            (Size::Base(_), _) => false,
            (Size::Quote(amount), Side::Buy) => self.order.funds < amount,
            (Size::Quote(_), Side::Sell) => self.remaining.is_zero(),
        }
    }

    /// Why it ends; `None` where its rest is to rest.
    fn end_reason(&self, stop: &Stop) -> Option<EndReason> {
        let is_market = self.order.order_type.awake() == OrderType::Market;
        let rests = !is_market && self.order.time_in_force != TimeInForce::Ioc;
        let has_all_of_amount = self.is_by_quote() && !self.is_short();
        Some(match stop {
            Stop::Done => EndReason::Filled,
            Stop::Prevented => EndReason::SelfTradePrevented,
            Stop::Infeasible => EndReason::FillOrKill,
            Stop::OutsideBand if !rests => EndReason::PriceBand,
            Stop::Spent if has_all_of_amount && self.is_prevented => EndReason::SelfTradePrevented,
            Stop::Spent if has_all_of_amount && self.first_price.is_some() => EndReason::Filled,
            Stop::Spent => EndReason::InsufficientFunds,
            Stop::Limit => EndReason::SweepLimit,
            Stop::NothingLeft if is_market => EndReason::InsufficientLiquidity,
            Stop::Beyond if is_market => EndReason::PriceProtection,
            _ if self.order.time_in_force == TimeInForce::Ioc => EndReason::ImmediateOrCancel,
            _ => return None,
        })
    }

    fn end(&self, reason: EndReason) -> End {
        End {
            order: self.order.id,
            account: self.order.account,
            instrument: self.order.instrument,
            side: self.order.side,
            limit: self.order.price,
            fees: self.order.fees,
            remaining: self.told_remaining(),
            reason,
            funds: Amount::ZERO,
        }
    }
}
