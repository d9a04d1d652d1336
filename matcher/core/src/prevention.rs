//! Self-trade prevention: what happens where a taker meets an order with which it must not trade.
//!
//! The question is asked of each resting order at the moment at which the two would trade, and the
//! taker's own mode answers it. A prevented match counts against the bound of a command as a trade
//! does, for it makes an answer as long. Accounts of one group are one account here.

use model::{
    AccountHandle, Amount, Fees, InstrumentId, OrderId, Price, Quantity, SelfTradePrevention, Side,
};

use crate::{
    BookEvent, Books, End, EndReason, Outcome,
    book::{Level, Resting},
    sweep::Taker,
};

/// What becomes of a taker and a maker that meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// They trade.
    Trades,
    /// The maker ends and the taker goes on.
    MakerGoes {
        /// For this reason, where it is not because of whose it is.
        overdue: Option<EndReason>,
    },
    /// The taker ends and the maker stays.
    TakerGoes,
    /// Both end.
    BothGo,
    /// Both lose what would have traded.
    BothShrink,
}

/// A trade that did not happen because both orders are one account's, or one group's. What it took
/// off the two is neither traded nor open: an order's quantity is what traded, what was prevented,
/// and what remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prevented {
    /// Its number within the instrument: 1, 2, 3 ...
    pub number: u64,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// The price at which they would have traded: the maker's.
    pub price: Price,
    /// The taker's mode, which decided.
    pub mode: SelfTradePrevention,
    /// The resting order.
    pub maker: OrderId,
    /// Whose the maker is.
    pub maker_account: AccountHandle,
    /// The maker's side; the taker's is the opposite.
    pub maker_side: Side,
    /// The schedule that the maker is charged by.
    pub maker_fees: Fees,
    /// What it took off the maker; may be nothing.
    pub maker_prevented: Quantity,
    /// The same with every prevented trade before.
    pub maker_prevented_total: Quantity,
    /// What of the maker has traded.
    pub maker_traded: Quantity,
    /// What of the maker is left; its end follows at once where that is nothing.
    pub maker_remaining: Quantity,
    /// The incoming order.
    pub taker: OrderId,
    /// Whose the taker is.
    pub taker_account: AccountHandle,
    /// What it took off the taker; zero for an order by quote amount, which asked for no quantity.
    pub taker_prevented: Quantity,
    /// The same with every prevented trade before; likewise.
    pub taker_prevented_total: Quantity,
    /// What of the taker has traded; likewise.
    pub taker_traded: Quantity,
    /// What of the taker is left; zero for an order by quote amount.
    pub taker_remaining: Quantity,
    /// The taker's limit; `None` for a market order.
    pub taker_limit: Option<Price>,
    /// The schedule that the taker is charged by.
    pub taker_fees: Fees,
}

impl Books {
    /// What becomes of the taker and the order at `place` when they meet.
    pub(crate) fn meeting(&self, taker: &Taker<'_>, place: u32) -> Meeting {
        if !taker.looks_at_makers {
            return Meeting::Trades;
        }
        if let Some(reason) = self.overdue(place) {
            return Meeting::MakerGoes { overdue: Some(reason) };
        }
        let whose = self.orders.slab[place].owner.account();
        if !self.groups.are_one(whose, taker.order.account.0) {
            return Meeting::Trades;
        }
        match taker.order.instructions.self_trade {
            SelfTradePrevention::None => Meeting::Trades,
            SelfTradePrevention::ExpireTaker => Meeting::TakerGoes,
            SelfTradePrevention::ExpireMaker => Meeting::MakerGoes { overdue: None },
            SelfTradePrevention::ExpireBoth => Meeting::BothGo,
            SelfTradePrevention::Decrement => Meeting::BothShrink,
        }
    }

    /// A meeting without a trade with the order at the head of the level at `at`; tells what is
    /// left of `allowed`.
    pub(crate) fn pass_head(
        &mut self,
        meeting: Meeting,
        taker: &mut Taker<'_>,
        at: u32,
        allowed: Quantity,
        out: &mut Outcome,
    ) -> Quantity {
        let place = self.levels[at].head;
        let (maker, all) = (self.orders.slab[place], self.orders.remaining(place));
        taker.matches += self.matches_of(maker.id);
        if let Meeting::MakerGoes { overdue: Some(reason) } = meeting {
            self.levels[at].total_lots -= maker.shown.lots();
            self.end_head(taker, at, all, reason, out);
            return allowed;
        }
        let both = allowed.min(maker.shown);
        let (from_maker, from_taker) = match meeting {
            Meeting::BothShrink => (both, both),
            Meeting::TakerGoes => (Quantity::ZERO, taker.remaining),
            Meeting::BothGo => (all, taker.remaining),
            Meeting::MakerGoes { .. } | Meeting::Trades => (all, Quantity::ZERO),
        };
        taker.remaining = taker.remaining.minus(from_taker);
        taker.prevented = taker.prevented.plus(from_taker);
        taker.is_prevented |= from_taker > Quantity::ZERO;
        taker.is_gone = matches!(meeting, Meeting::TakerGoes | Meeting::BothGo);
        if from_maker > Quantity::ZERO {
            self.decide_pair(maker.id, out);
        }
        self.levels[at].total_lots -= from_maker.min(maker.shown).lots();
        self.orders.prevent(place, from_maker);
        self.write_prevented(taker, at, &maker, (from_maker, from_taker), out);
        if from_maker == all {
            self.end_head(taker, at, Quantity::ZERO, EndReason::SelfTradePrevented, out);
        } else {
            self.refill_head(at, out);
        }
        match meeting {
            Meeting::BothShrink => allowed.minus(both),
            Meeting::TakerGoes | Meeting::BothGo => Quantity::ZERO,
            Meeting::MakerGoes { .. } | Meeting::Trades => allowed,
        }
    }

    fn write_prevented(
        &mut self,
        taker: &Taker<'_>,
        at: u32,
        maker: &Resting,
        (from_maker, from_taker): (Quantity, Quantity),
        out: &mut Outcome,
    ) {
        let Level { price, side, head, .. } = self.levels[at];
        let (maker_total, maker_remaining) =
            (self.orders.prevented(head), self.orders.remaining(head));
        let maker_fees = self.orders.fees(head);
        let book = &mut self.books[taker.book as usize];
        book.prevented += 1;
        let told = |quantity| if taker.is_by_quote() { Quantity::ZERO } else { quantity };
        let taker_gone = taker.prevented.plus(taker.remaining);
        out.events.push(BookEvent::Prevented(Prevented {
            number: book.prevented,
            instrument: taker.order.instrument,
            price,
            mode: taker.order.instructions.self_trade,
            maker: maker.id,
            maker_account: AccountHandle(maker.owner.account()),
            maker_side: side,
            maker_fees,
            maker_prevented: from_maker,
            maker_prevented_total: maker_total,
            maker_traded: maker.quantity.minus(maker_total).minus(maker_remaining),
            maker_remaining,
            taker: taker.order.id,
            taker_account: taker.order.account,
            taker_prevented: told(from_taker),
            taker_prevented_total: told(taker.prevented),
            taker_traded: told(taker.asked.minus(taker_gone)),
            taker_remaining: taker.told_remaining(),
            taker_limit: taker.order.price,
            taker_fees: taker.order.fees,
        }));
    }

    /// Ends the order at the head of a level, of which `remaining` is told as left, and what hangs
    /// on it.
    pub(crate) fn end_head(
        &mut self,
        taker: &Taker<'_>,
        at: u32,
        remaining: Quantity,
        reason: EndReason,
        out: &mut Outcome,
    ) {
        let place = self.levels[at].head;
        let Resting { id, owner, .. } = self.orders.slab[place];
        let level = &self.levels[at];
        out.events.push(BookEvent::Ended(End {
            order: id,
            account: AccountHandle(owner.account()),
            instrument: taker.order.instrument,
            side: level.side,
            limit: Some(level.price),
            fees: self.orders.fees(place),
            remaining,
            reason,
            funds: Amount::ZERO,
        }));
        self.unlink(place);
        self.remove(place, taker.order.instrument);
        self.follow_end(id, reason, out);
    }
}
