//! Random commands, and how the core runs them.
//!
//! A flow is weighted so that rare states are reached: each kind of event, each reason and each
//! refusal of [`KINDS`](crate::compare::KINDS) a thousand times in a million commands. A new kind
//! of order or command gets its weights here, its rule in `naive.rs`, its words in `compare.rs`,
//! and in `laws.rs` what must be true of it whatever the rest says.

#[path = "flow/filters.rs"]
pub mod filters;
#[path = "flow/lists.rs"]
pub mod lists;
#[path = "flow/states.rs"]
mod states;

use matcher_core::{AmendRefused, Books, NewOrder, Outcome, Pending, Refused, Size};
use model::{
    AccountHandle, Amount, FeeAsset, FeeRate, Fees, Filters, InstrumentId, MarketState,
    OrderFilter, PriceBand, SelfTradePrevention, Side, TimeInForce, Timestamp, Trailing, Trigger,
    TriggerKind,
};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

use self::filters::{in_naive_filter, takes};
use crate::setup::{A, B, banding, id, limit, lots, market, plain, price};

#[derive(Clone, Copy, Debug)]
pub enum Command {
    Place(NewOrder),
    Cancel(u64),
    CancelAll(u32, Option<InstrumentId>),
    CancelMatching(u32, OrderFilter),
    /// All that is open of an account, or in one book, is to end as time passes.
    Close(u32, Option<InstrumentId>),
    /// The same of an account or of all, by those who run the platform.
    Kill(Option<u32>, Option<InstrumentId>),
    /// An order, and what it is to ask for in all.
    Amend(u64, u64),
    Protect(InstrumentId, u32),
    /// What an instrument takes of orders from now on, and its price band; its protection is the
    /// first again.
    Filter(InstrumentId, Filters, Option<PriceBand>),
    /// The first market whose time has come opens, if there is one.
    Reopen,
    /// What a market is open for.
    SetState(InstrumentId, MarketState),
    /// An auction goes on, of so many orders at most, if there is one.
    Uncross(usize),
    /// Time passes to this instant, and at most so many orders end of it.
    PassTime(u64, usize),
    /// The next order that has woken goes on, if one has.
    GoOn,
    /// An account joins a group, or leaves its own.
    Join(u32, Option<u64>),
    /// Two orders of which one is to cancel the other.
    PlacePair([NewOrder; 2]),
    /// An order, and what waits for it.
    PlaceWorking(NewOrder, Pending),
    /// What is due next is placed, if anything is.
    PlaceDue,
}

/// A seeded flow around a wandering price, with few prices and small sizes, so that queues are
/// long, levels empty often and everything meets.
pub struct Flow {
    random: Pcg64,
    middle: [u64; 2],
    /// The two instruments that are traded now, what their markets are open for, and the last that
    /// was listed.
    names: [InstrumentId; 2],
    states: [MarketState; 2],
    last_listed: u32,
    /// One that takes the place of one that was delisted, and is to be listed next.
    to_list: Option<InstrumentId>,
    /// How many steps of an auction are still to be asked for.
    to_uncross: u32,
    next_id: u64,
    /// What each order asked for, by its number less one; 1 where that is no quantity.
    asked: Vec<u64>,
    now: u64,
    /// How many orders to keep open.
    target: usize,
}

/// So many orders to keep open make books large.
const LARGE: usize = 1_000;

/// In large books, of so many changes of a market's state only one is made.
const STATES_SPARED: u64 = 40;

impl Flow {
    pub fn new(seed: u64, target: usize) -> Flow {
        let random = Pcg64::seed_from_u64(seed);
        Flow {
            random,
            middle: [100, 1_000],
            names: [A, B],
            states: [MarketState::Trading; 2],
            last_listed: B.0,
            to_list: None,
            to_uncross: 0,
            next_id: 1,
            asked: Vec::new(),
            now: 0,
            target,
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub fn next(&mut self, open: usize) -> Command {
        if let Some(command) = self.state_command() {
            return command;
        }
        let cancels = if open > self.target { 67 } else { 38 };
        match self.below(1_000) {
            0..6 | 7..9 if self.is_spared() => Command::Place(self.order()),
            0..2 => Command::CancelAll(self.below(6) as u32, None),
            2..6 => {
                Command::CancelAll(self.below(6) as u32, Some(self.names[self.below(2) as usize]))
            }
            9..15 if self.is_large() && self.is_spared() => Command::Place(self.order()),
            9..15 => self.cancel_matching(),
            15..36 => {
                self.now += self.below(8);
                let most = if self.one_in(3) { self.below(2) } else { 100 };
                Command::PassTime(self.now, most as usize)
            }
            7 | 8 => {
                let only = [None, Some(self.names[0]), Some(self.names[1])][self.below(3) as usize];
                let account = self.below(6) as u32;
                match self.below(4) {
                    0 => Command::Kill((!self.one_in(5)).then_some(account), only),
                    _ => Command::Close(account, only),
                }
            }
            6 => Command::Protect(
                self.names[0],
                [1, 100, 500, 2_000, 10_000][self.below(5) as usize],
            ),
            290..294 => {
                let which = self.below(2) as usize;
                let filters = if self.one_in(5) { Filters::NONE } else { self.filters(which) };
                Command::Filter(self.names[which], filters, self.band())
            }
            36..41 => {
                let group = [None, None, Some(7), Some(8)][self.below(4) as usize];
                Command::Join(self.below(6) as u32, group)
            }
            41..110 => Command::GoOn,
            110..150 => Command::PlaceDue,
            150..365 => self.amend(),
            draw if draw < cancels * 10 => {
                let number = self.recent(4);
                Command::Cancel(self.any_leg(number))
            }
            draw if draw % 8 == 0 => Command::PlacePair(self.pair()),
            draw if matches!(draw % 8, 1 | 2) => {
                let (working, pending) = self.working();
                Command::PlaceWorking(working, pending)
            }
            _ => Command::Place(self.order()),
        }
    }

    /// One of the last orders, of so many times as many as are to be open.
    fn recent(&mut self, times: u64) -> u64 {
        let recent = 1 + self.below(times * self.target as u64);
        self.next_id.saturating_sub(recent) + self.below(2)
    }

    fn cancel_matching(&mut self) -> Command {
        let which = self.below(2) as usize;
        let from = (self.middle[which] + self.below(8)).saturating_sub(6);
        let to = from + self.below(8);
        let side = if self.one_in(2) { Side::Buy } else { Side::Sell };
        let is_range = self.below(3);
        let filter = OrderFilter {
            instrument: (!self.one_in(3)).then_some(self.names[which]),
            side: self.one_in(2).then_some(side),
            price_from: (is_range != 0).then(|| price(from)),
            price_to: (is_range != 1).then(|| price(to)),
        };
        Command::CancelMatching(self.below(6) as u32, filter)
    }

    fn amend(&mut self) -> Command {
        let recent = self.recent(1);
        let number = self.any_leg(recent);
        let at = usize::try_from(recent.saturating_sub(1)).expect("small");
        let asked = self.asked.get(at).copied().unwrap_or(1);
        let quantity = match self.below(6) {
            0 => asked,
            1 => asked + 1,
            2..4 => self.below(3),
            _ => 1 + self.below(asked),
        };
        Command::Amend(number, quantity)
    }

    /// Whether many orders are to be open: then what ends or takes many at once is rare, or books
    /// would never fill.
    pub(super) fn is_large(&self) -> bool {
        self.target >= LARGE
    }

    /// Whether an account keeps its orders for once: large books would never fill.
    fn is_spared(&mut self) -> bool {
        let sparing = self.target as u64 / 20;
        sparing > 2 && !self.one_in(sparing)
    }

    fn order(&mut self) -> NewOrder {
        let which = self.below(2) as usize;
        let step = self.below(3);
        self.middle[which] = (self.middle[which] + step).saturating_sub(1).clamp(20, 2_000);
        let number = self.next_id;
        self.next_id += 1;
        let side = if self.one_in(2) { Side::Buy } else { Side::Sell };
        let account = self.below(6) as u32;
        let (seldom, limits) = if self.is_large() { (1_000, 9) } else { (50, 8) };
        let count = if self.one_in(seldom) { 1_000 } else { 1 + self.below(20) };
        let mut order = match self.below(10) {
            draw if draw < limits => {
                self.limit_order(number, account, side, count, self.middle[which])
            }
            _ => self.market_order(number, account, side, count, self.middle[which]),
        };
        order.instrument = self.names[which];
        order.fees = self.fees();
        // Those of pairs are drawn elsewhere.
        self.asked.resize(usize::try_from(number - 1).expect("small"), 1);
        self.asked.push(match order.size {
            Size::Base(quantity) => quantity.lots(),
            Size::Quote(_) => 1,
        });
        let can_sleep = !order.instructions.post_only && order.instructions.expires_at.is_none();
        if can_sleep && matches!(order.size, Size::Base(_)) && self.one_in(5) {
            let trigger = self.trigger(side, self.middle[which]);
            if self.one_in(2) {
                // Few turns, so that many trail alike; most within what the price moves.
                let delta = [1, 50, 100, 100, 200, 300, 700, 9_999][self.below(8) as usize];
                order.instructions.trailing = Trailing::new(trigger.kind, delta);
            }
            let has_trigger = order.instructions.trailing.is_none() || self.one_in(2);
            order.instructions.trigger = has_trigger.then_some(trigger);
        }
        order
    }

    /// Half of the orders are not charged; the others come under one of many schedules.
    fn fees(&mut self) -> Fees {
        if self.one_in(2) {
            return Fees::NONE;
        }
        let asset = if self.one_in(4) { FeeAsset::Received } else { FeeAsset::Quote };
        let taker = [100, 2_000, 20_000, 100_000][self.below(4) as usize];
        let maker = if self.one_in(2) { 5 } else { 70 };
        let rate = |millionths| FeeRate::from_millionths(millionths).expect("in range");
        Fees::new(rate(maker), rate(taker), asset).expect("a schedule")
    }

    /// Mostly on the side of the middle on which it is not met yet.
    fn trigger(&mut self, side: Side, near: u64) -> Trigger {
        let kinds = [TriggerKind::StopLoss, TriggerKind::TakeProfit];
        let kind = kinds[self.below(2) as usize];
        let away = self.below(12);
        let rises = (kind == TriggerKind::StopLoss) == (side == Side::Buy);
        let ticks = if rises { near.saturating_sub(4) + away } else { near + 4 - away.min(near) };
        Trigger { kind, price: price(ticks.max(1)) }
    }

    fn limit_order(
        &mut self,
        number: u64,
        account: u32,
        side: Side,
        count: u64,
        near: u64,
    ) -> NewOrder {
        // Some far away, most within a few ticks, a third of those crossing; fewer in large books.
        let within = 9 + self.target as u64 / 50;
        let away = if self.one_in(20) { self.below(1 + near / 2) } else { self.below(within) };
        let ticks = match side {
            Side::Buy => (near + 3).saturating_sub(away),
            Side::Sell => near.saturating_sub(3) + away,
        };
        let mut order = limit(number, account, side, count, ticks.max(1));
        match self.below(13) {
            0..2 => order.time_in_force = TimeInForce::Ioc,
            2 => order.time_in_force = TimeInForce::Fok,
            3..5 => {
                let ends = [TimeInForce::Gtd, TimeInForce::Day];
                order.time_in_force = ends[self.below(2) as usize];
                let until = (self.now + self.below(24)).saturating_sub(1);
                order.instructions.expires_at = Some(Timestamp::from_unix_nanos(until));
            }
            5 => order.instructions.post_only = true,
            6..8 => {
                let display = 1 + self.below(5);
                let count = if self.one_in(7) { 600 } else { count.min(100 * display) };
                order.size = Size::Base(lots(count.max(display)));
                order.instructions.display = Some(lots(display));
                order.instructions.post_only = self.one_in(8);
            }
            _ => {}
        }
        order.instructions.self_trade = self.mode();
        order
    }

    fn mode(&mut self) -> SelfTradePrevention {
        let draw = self.below(8) as usize;
        SelfTradePrevention::ALL.get(draw).copied().unwrap_or_default()
    }

    fn market_order(
        &mut self,
        number: u64,
        account: u32,
        side: Side,
        count: u64,
        near: u64,
    ) -> NewOrder {
        let rich = Amount::from_units(1_000_000_000);
        let poor = Amount::from_units(i128::from(self.below(near * 12)));
        let funds = if self.one_in(3) { poor } else { rich };
        let amount = Amount::from_units(i128::from(1 + self.below(near * 30)));
        let mut order = if self.one_in(2) {
            let few = Amount::from_units(i128::from(self.below(15)));
            let funds = match side {
                Side::Sell if self.one_in(3) => few,
                _ => funds,
            };
            market(number, account, side, Size::Quote(amount), funds)
        } else {
            market(number, account, side, Size::Base(lots(count)), funds)
        };
        order.instructions.self_trade = self.mode();
        order
    }
}

/// Why a command was refused, in the naive implementation's words.
pub type Refusal = &'static str;

/// Runs a command on the core, where it is not refused.
pub fn run(books: &mut Books, command: Command, out: &mut Outcome) -> Option<Refusal> {
    out.clear();
    match command {
        Command::Place(order) => {
            let taken = takes(books, &[order]);
            let checked = || books.check_order(&order).map_err(in_naive_refusal);
            match taken.and_then(|()| checked()) {
                Ok(()) => books.place(&order, out),
                Err(refused) => return Some(refused),
            }
        }
        Command::PassTime(now, most) => {
            let count = books.expire(Timestamp::from_unix_nanos(now), most, out);
            assert_eq!(count, out.events.len());
        }
        Command::Cancel(number) => {
            let is_open = books.is_open(id(number)) || books.has_open_leg(id(number));
            assert_eq!(books.cancel(id(number), out), is_open);
        }
        Command::Amend(number, quantity) => {
            let is_placed =
                books.order(id(number)).is_some() || books.sleeper(id(number)).is_some();
            let amended = books.amend(id(number), lots(quantity), out);
            assert_eq!(amended == Err(AmendRefused::UnknownOrder), !is_placed);
            return amended.err().map(in_naive_amend_refusal);
        }
        Command::CancelMatching(account, filter) => {
            let count = books.cancel_matching(AccountHandle(account), &filter, out);
            assert_eq!(count, out.events.len());
        }
        Command::Close(account, only) => books.close(AccountHandle(account), only, out),
        Command::Kill(account, only) => books.kill(account.map(AccountHandle), only, out),
        Command::GoOn => {
            if books.end_closed_woken(out) {
                return None;
            }
            if let Some(order) = books.next_woken(out) {
                books.place(&order, out);
            }
        }
        Command::PlacePair(pair) => {
            let taken = takes(books, &pair);
            let pending = Pending::Pair(pair);
            let checked = || books.check_pending(&pending).map_err(in_naive_refusal);
            match taken.and_then(|()| checked()) {
                Ok(()) => books.place_pair(&pair, out),
                Err(refused) => return Some(refused),
            }
        }
        Command::PlaceWorking(order, pending) => {
            let taken = takes(books, &[&[order], pending.orders()].concat());
            let checked = || books.check_order(&order).map_err(in_naive_refusal);
            match taken.and_then(|()| checked()) {
                Ok(()) => books.place_working(&order, pending, out),
                Err(refused) => return Some(refused),
            }
        }
        Command::PlaceDue => lists::place_due(books, out),
        Command::CancelAll(account, only) => {
            let count = books.cancel_all(AccountHandle(account), only, out);
            assert_eq!(count, out.events.len());
        }
        Command::Join(account, group) => books.set_group(AccountHandle(account), group),
        Command::Protect(instrument, bps) => assert!(books.list(plain(instrument, bps))),
        Command::Filter(instrument, filters, band) => {
            assert!(books.list(banding(instrument, filters, band)));
        }
        Command::Reopen => return books.reopen().map(|reopened| self::reopened(reopened.state)),
        Command::Uncross(most) => drop(books.uncross(most, out)),
        Command::SetState(instrument, state) => {
            return books.set_market_state(instrument, state).err().map(|_| "delisted before");
        }
    }
    None
}

/// What became of a market that was to open: no refusal, but a word that both have to say.
pub fn reopened(state: MarketState) -> Refusal {
    if state == MarketState::VolatilityAuction { "put off" } else { "reopens" }
}

pub fn in_naive_refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::WouldTake => "would take",
        Refused::AlreadyExpired => "already expired",
        Refused::WouldTrigger => "would trigger",
        Refused::TooManyParts => "too many parts",
        Refused::ListPrices => "list prices",
        Refused::Market(_) => "market",
    }
}

pub fn in_naive_amend_refusal(refused: AmendRefused) -> Refusal {
    match refused {
        AmendRefused::UnknownOrder => "unknown order",
        AmendRefused::Increases => "increases",
        AmendRefused::ChangesNothing => "changes nothing",
        AmendRefused::LeavesNothing => "leaves nothing",
        AmendRefused::Filtered(filtered) => in_naive_filter(filtered),
        AmendRefused::Market(_) => "market",
    }
}
