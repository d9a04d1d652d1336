//! What must be true of any answer, whichever rules it follows: it knows orders and events only, no
//! book, and shares nothing with the naive implementation, which could be wrong in the same way.
//!
//! - A trade is between two orders that are there, for more than nothing, at the maker's price and
//!   within the taker's limit; a command's trades go away from the best price, and nothing better
//!   is left behind.
//! - What an order asked for is what traded, what was prevented and what is left, at every step; an
//!   amend only lowers what is left, and never to nothing.
//! - An order ends once, and nothing is heard of it after.
//! - IOC, FOK and market orders never rest; FOK trades whole or not at all; post-only never takes;
//!   where the taker asks for self-trade prevention no account trades with itself or with its
//!   group.
//! - An iceberg never shows or trades more at once than it said, and shows its next part only while
//!   it rests.
//! - A command that does nothing tells nothing.
//!
//! That a refused order changes nothing needs no test: it is refused by a look
//! ([`Books::check`] cannot change them). A refused amend tells nothing.

use std::collections::BTreeMap;

use matcher_core::{
    Amended, BookEvent, Books, BooksImage, End, Fill, NewOrder, Outcome, Prevented, Refill, Rested,
    Size,
};
use model::{
    AccountHandle, InstrumentId, OrderId, OrderType, Price, SelfTradePrevention, Side, TimeInForce,
};

use crate::flow::{Command, Refusal, lists};

/// Every order that is open, as its events tell it.
#[derive(Default)]
pub struct Laws {
    lives: BTreeMap<OrderId, Life>,
    groups: BTreeMap<AccountHandle, u64>,
}

struct Life {
    order: NewOrder,
    /// `None` for an order by quote amount, which asked for no quantity.
    left: Option<u64>,
    has_traded: bool,
    /// Where it rests, once it does.
    rests_at: Option<Price>,
}

/// Where a command's trades have come to: in which book, on which side the makers are, at which
/// price.
type Reached = Option<(InstrumentId, Side, Price)>;

impl Laws {
    /// Looks at what a command did.
    ///
    /// # Errors
    /// The first law that it broke.
    pub fn watch(
        &mut self,
        command: &Command,
        refused: Option<Refusal>,
        out: &Outcome,
        books: &Books,
    ) -> Result<(), String> {
        if refused.is_some() {
            ensure(*out == Outcome::new(), || "a refused order did something".to_owned())?;
            return Ok(());
        }
        if let Command::Join(account, group) = *command {
            self.groups.remove(&AccountHandle(account));
            self.groups.extend(group.map(|group| (AccountHandle(account), group)));
        }
        let one = match command {
            Command::Place(order) => Some(*order),
            _ => None,
        };
        for order in one.into_iter().chain(lists::brought(command)) {
            let life = Life::new(order);
            let before = self.lives.insert(order.id, life);
            ensure(before.is_none(), || format!("order {} is there twice", order.id))?;
        }
        let mut reached = None;
        for event in &out.events {
            self.event(event, &mut reached, books).map_err(|why| format!("{why}: {event:?}"))?;
        }
        let Some((instrument, side, price)) = reached else { return Ok(()) };
        let depth = books.depth(instrument, 1);
        let best = match side {
            Side::Buy => depth.bids.first(),
            Side::Sell => depth.asks.first(),
        };
        let is_better = best.is_some_and(|(best, _)| side.improves(*best, price));
        ensure(!is_better, || format!("{best:?} is better than the last trade's {price:?}"))
    }

    fn event(
        &mut self,
        event: &BookEvent,
        reached: &mut Reached,
        books: &Books,
    ) -> Result<(), String> {
        match event {
            BookEvent::Fill(fill) => self.trade(fill, reached),
            BookEvent::Prevented(met) => self.prevented(met),
            BookEvent::Refilled(refill) => self.refilled(refill),
            BookEvent::Rested(rested) => self.rested(rested),
            BookEvent::Sleeps(order) => {
                let waits = self.life(*order)?.order.instructions.waits_for().is_some();
                ensure(waits, || "it waits for nothing".to_owned())
            }
            // It is about a book: which trades are left out is told by the naive implementation.
            BookEvent::Interrupted(_) => Ok(()),
            BookEvent::Amended(amended) => self.amended(amended),
            BookEvent::Ended(end) => self.ended(end, books),
            BookEvent::Dropped(end) => {
                let life = self.life(end.order)?;
                let is_new = !life.has_traded && life.rests_at.is_none();
                ensure(is_new, || "it was placed before".to_owned())?;
                self.ended(end, books)
            }
        }
    }

    fn are_one(&self, one: AccountHandle, other: AccountHandle) -> bool {
        let group = |account| self.groups.get(&account);
        one == other || (group(one).is_some() && group(one) == group(other))
    }

    fn life(&mut self, order: OrderId) -> Result<&mut Life, String> {
        self.lives.get_mut(&order).ok_or_else(|| format!("order {order} is not there"))
    }

    fn trade(&mut self, fill: &Fill, reached: &mut Reached) -> Result<(), String> {
        let Fill { price, quantity, maker_side: side, .. } = *fill;
        ensure(!quantity.is_zero(), || "nothing is traded".to_owned())?;
        let maker = self.life(fill.maker)?;
        let limit = maker.rests_at.ok_or("the maker does not rest")?;
        ensure(limit == fill.maker_limit, || "the limit is not the maker's".to_owned())?;
        maker.loses(quantity.lots(), fill.maker_remaining.lots())?;
        maker.has_traded = true;
        let display = maker.order.instructions.display;
        let taker = self.life(fill.taker)?;
        taker.loses(quantity.lots(), fill.taker_remaining.lots())?;
        taker.has_traded = true;
        if let Some(other) = taker.rests_at {
            // An auction: both rested, and both accept its price.
            let is_within = side.accepts(limit, price) && side.opposite().accepts(other, price);
            return ensure(is_within, || "the price is beyond a limit".to_owned());
        }
        ensure(limit == price, || "the price is not the maker's".to_owned())?;
        let is_shown = display.is_none_or(|display| quantity <= display);
        ensure(is_shown, || "more is traded at once than is shown".to_owned())?;
        let NewOrder { instructions, price: limit, .. } = taker.order;
        let is_within = limit.is_none_or(|limit| side.opposite().accepts(limit, price));
        ensure(is_within, || "the price is beyond the taker's limit".to_owned())?;
        ensure(!instructions.post_only, || "a post-only order takes".to_owned())?;
        let may_meet_itself = instructions.self_trade == SelfTradePrevention::None;
        let is_own = self.are_one(fill.maker_account, fill.taker_account);
        ensure(may_meet_itself || !is_own, || "an account trades with itself".to_owned())?;
        let before = reached.replace((fill.instrument, side, price));
        let goes_back = before.is_some_and(|(_, _, before)| side.improves(price, before));
        ensure(!goes_back, || "a worse price traded first".to_owned())
    }

    fn prevented(&mut self, met: &Prevented) -> Result<(), String> {
        let is_own = self.are_one(met.maker_account, met.taker_account);
        ensure(is_own, || "strangers may trade".to_owned())?;
        let maker = self.life(met.maker)?;
        ensure(maker.rests_at == Some(met.price), || "the price is not the maker's".to_owned())?;
        maker.loses(met.maker_prevented.lots(), met.maker_remaining.lots())?;
        let taker = self.life(met.taker)?;
        ensure(taker.order.instructions.self_trade == met.mode, || "not its mode".to_owned())?;
        taker.loses(met.taker_prevented.lots(), met.taker_remaining.lots())
    }

    fn refilled(&mut self, refill: &Refill) -> Result<(), String> {
        let life = self.life(refill.order)?;
        ensure(life.rests_at.is_some(), || "it shows more before it rests".to_owned())?;
        let shown = refill.shown.lots();
        let display = life.order.instructions.display.ok_or("it hides nothing")?.lots();
        let is_next = shown > 0 && Some(shown) == life.left.map(|left| left.min(display));
        ensure(is_next, || "what it shows is not its next part".to_owned())
    }

    fn rested(&mut self, rested: &Rested) -> Result<(), String> {
        let life = self.life(rested.order)?;
        let is_limit = life.order.order_type.awake() == OrderType::Limit;
        let stays = !matches!(life.order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        ensure(is_limit && stays, || "it must not rest".to_owned())?;
        ensure(life.rests_at.is_none(), || "it rests twice".to_owned())?;
        ensure(!rested.remaining.is_zero(), || "nothing rests".to_owned())?;
        let (left, display) = (rested.remaining, life.order.instructions.display);
        let shown = display.map_or(left, |display| display.min(left));
        ensure(rested.shown == shown, || format!("it shows {:?}", rested.shown))?;
        life.rests_at = Some(rested.price);
        life.loses(0, rested.remaining.lots())
    }

    fn amended(&mut self, amended: &Amended) -> Result<(), String> {
        let life = self.life(amended.order)?;
        let now = amended.remaining.lots();
        ensure(life.left > Some(now) && now > 0, || "it is not lower, or gone".to_owned())?;
        ensure(amended.remaining <= amended.quantity, || "more is left than all".to_owned())?;
        life.left = Some(now);
        Ok(())
    }

    fn ended(&mut self, end: &End, books: &Books) -> Result<(), String> {
        self.life(end.order)?.loses(0, end.remaining.lots())?;
        let life = self.lives.remove(&end.order).ok_or("it was just there")?;
        let is_partial = life.has_traded && life.left != Some(0);
        let is_fok = life.order.time_in_force == TimeInForce::Fok;
        let may = !is_fok || life.order.order_type.awake() != OrderType::Limit;
        ensure(may || !is_partial, || "a fill-or-kill order traded in part".to_owned())?;
        ensure(!books.is_open(end.order), || "it is still open".to_owned())
    }

    /// Holds all that is open against what the events have told.
    ///
    /// # Errors
    /// The first order that is open on one side only, or with another quantity.
    pub fn check_open(&mut self, image: &BooksImage) -> Result<(), String> {
        let resting = image.orders.iter().map(|order| (order.id, Some(order.remaining.lots())));
        let asleep = image.sleepers.iter().map(|sleeper| {
            let left = Life::new(sleeper.order).left;
            (sleeper.order.id, left)
        });
        let pending = lists::pending(image).map(|order| (order.id, Life::new(*order).left));
        let mut count = 0;
        for (order, left) in resting.chain(asleep).chain(pending) {
            count += 1;
            let told = self.life(order)?.left;
            ensure(told == left, || format!("of order {order} {left:?} is left, not {told:?}"))?;
        }
        ensure(count == self.lives.len(), || "an order is gone and has not ended".to_owned())
    }
}

impl Life {
    fn new(order: NewOrder) -> Life {
        let left = match order.size {
            Size::Base(asked) => Some(asked.lots()),
            Size::Quote(_) => None,
        };
        Life { order, left, has_traded: false, rests_at: None }
    }

    /// So much is taken off it, and so much must be left.
    fn loses(&mut self, off: u64, now: u64) -> Result<(), String> {
        let Some(left) = &mut self.left else {
            return ensure(now == 0, || "an order by amount has a quantity left".to_owned());
        };
        let expected = left.checked_sub(off).ok_or("more than is left")?;
        *left = expected;
        let id = self.order.id;
        ensure(expected == now, || format!("of order {id} {expected} should be left, not {now}"))
    }
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}
