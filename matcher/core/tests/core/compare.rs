//! The core and the naive implementation side by side: every event, every level, every open order
//! must be equal after every command, the books' invariants must hold, and so must the laws.
//!
//! What drives it is in `prove.rs`; what is compared is an [`Engine`], so that a core that is built
//! wrong on purpose (`mutants.rs`) can stand in for the right one.

use std::collections::BTreeMap;

use matcher_core::{BookEvent, Books, EndReason, NewOrder, OpenOrder, Outcome, Size};
use model::{
    AccountHandle, Fees, OrderFilter, OrderId, OrderType, Price, Quantity, SelfTradePrevention,
    Timestamp, TriggerKind,
};

use crate::{
    flow::{self, Command, Refusal, lists},
    laws::Laws,
    naive::{self, Event, LevelLine, Naive, Party},
    setup::{A, B, banding, id, plain},
};

/// What runs commands as the core does.
pub trait Engine {
    /// Runs one, where it is not refused, and writes down what it did.
    fn run(&mut self, command: Command, out: &mut Outcome) -> Option<Refusal>;

    /// The books that it runs them on.
    fn books(&mut self) -> &mut Books;
}

impl Engine for Books {
    fn run(&mut self, command: Command, out: &mut Outcome) -> Option<Refusal> {
        flow::run(self, command, out)
    }

    fn books(&mut self) -> &mut Books {
        self
    }
}

/// How often each kind of event, reason and refusal was seen.
pub type Seen = BTreeMap<&'static str, u64>;

/// How many commands pass between two comparisons of all open orders.
const IMAGE_EVERY: u64 = 64;

/// An engine and the naive implementation, after the same commands.
pub struct Pair<E> {
    engine: E,
    naive: Naive,
    laws: Laws,
    out: Outcome,
    commands: u64,
}

impl<E: Engine> Pair<E> {
    /// An engine with the books of `setup::books`, and nothing done yet.
    pub fn of(engine: E) -> Pair<E> {
        let mut naive = Naive::default();
        naive.list(plain(A, 500));
        naive.list(plain(B, 500));
        Pair { engine, naive, laws: Laws::default(), out: Outcome::new(), commands: 0 }
    }

    /// How many orders rest.
    pub fn open(&self) -> usize {
        self.naive.open.len()
    }

    /// Whether somebody has woken and not gone on.
    pub fn has_woken(&self) -> bool {
        !self.naive.woken.is_empty()
    }

    /// Both run a command; what was seen is counted.
    ///
    /// # Errors
    /// The first difference, or the first invariant or law that does not hold.
    pub fn step(&mut self, command: Command, seen: &mut Seen) -> Result<(), String> {
        let Pair { engine, naive, laws, out, .. } = self;
        let refused = engine.run(command, out);
        let expected = run_naive(naive, command);
        let actual = match refused {
            Some(refused) => Err(refused),
            None => Ok(in_naive_words(out)),
        };
        if actual != expected {
            return Err(format!("the core says {actual:?}, the naive one {expected:?}"));
        }
        let books = engine.books();
        books.check_invariants()?;
        laws.watch(&command, refused, out, books)?;
        let instruments = books.instruments().map(|instrument| instrument.id);
        if instruments.into_iter().any(|id| books.auction(id).is_some()) != books.has_auction() {
            return Err("whether there is an auction is told wrongly".to_owned());
        }
        if books.has_woken() == naive.woken.is_empty() {
            return Err("whether somebody has woken is told wrongly".to_owned());
        }
        count(&command, &expected, seen);
        self.commands += 1;
        if self.commands.is_multiple_of(IMAGE_EVERY) { self.compare_images() } else { Ok(()) }
    }

    /// The core goes on from an image of itself, as it does after a restart.
    ///
    /// # Errors
    /// Where the image is refused, or another image is made of what it was restored to.
    pub fn restore(&mut self) -> Result<(), String> {
        let books = self.engine.books();
        let image = books.image();
        *books = Books::restore(image.clone()).map_err(|why| why.to_string())?;
        if books.image() == image { Ok(()) } else { Err("an image restores to another".to_owned()) }
    }

    fn compare_images(&mut self) -> Result<(), String> {
        let (image, naive) = (self.engine.books().image(), &self.naive);
        self.laws.check_open(&image)?;
        let asleep = image.sleepers.iter().map(|sleeper| sleeper.order.id);
        if !asleep.eq(naive.asleep.iter().map(|ask| ask.id)) {
            return Err(format!("asleep are {:?} and {:?}", image.sleepers, naive.asleep));
        }
        let held = naive.held();
        let is_asleep =
            |ask: &&naive::Ask| !naive.woken.contains(&ask.id) && !held.contains(&ask.id);
        let follows = |ask: &naive::Ask| ask.watermark.map(|best| (ask.id, best));
        let expected: Vec<_> = naive.asleep.iter().filter(is_asleep).filter_map(follows).collect();
        let found = image.watermarks.iter().map(|watermark| (watermark.order, watermark.price));
        if !found.eq(expected.iter().copied()) {
            return Err(format!("watermarks are {:?} and {expected:?}", image.watermarks));
        }
        if image.held != naive.held() {
            return Err(format!("waiting are {:?} and {:?}", image.held, naive.held()));
        }
        for book in &image.books {
            let (core, naive) = (book.state, self.naive.state(book.instrument.id));
            if core != naive {
                return Err(format!("the state is {core:?}, {naive:?} with the naive one"));
            }
            let opens_at = book.interruption.map(|stands| stands.opens_at.unix_nanos());
            let core = (opens_at, book.reference.map(|reference| reference.price));
            let naive = self.naive.standing(book.instrument.id);
            if core != naive {
                return Err(format!("it stands at {core:?}, {naive:?} with the naive one"));
            }
        }
        if image.woken != naive.woken {
            return Err(format!("woken are {:?} and {:?}", image.woken, naive.woken));
        }
        if lists::linked(&image) != lists::linked_naively(naive) {
            return Err(format!("lists are {:?}, due {:?}", image.lists, image.due));
        }
        let open: Vec<naive::Open> = image.orders.iter().map(in_naive_order).collect();
        if open != naive.open {
            return Err(format!("open are {open:?} and {:?}", naive.open));
        }
        Ok(())
    }
}

fn in_naive_order(order: &OpenOrder) -> naive::Open {
    naive::Open {
        party: party(order.id, order.account, order.remaining, order.fees),
        instrument: order.instrument,
        side: order.side,
        price: order.price,
        until: order.expires_at,
        display: order.iceberg.map_or(u64::MAX, |iceberg| iceberg.display.lots()),
        shown: order.iceberg.map_or(order.remaining, |iceberg| iceberg.shown).lots(),
        shares: naive::Shares {
            off: 0,
            prevented: order.prevented.lots(),
            traded: order.traded().lots(),
        },
    }
}

fn party(order: OrderId, account: AccountHandle, left: Quantity, fees: Fees) -> Party {
    Party { order, account, left: left.lots(), fees }
}

type Told = (Vec<Event>, Vec<LevelLine>);

fn naive_ask(order: &NewOrder) -> naive::Ask {
    naive::Ask {
        id: order.id,
        account: order.account,
        instrument: order.instrument,
        side: order.side,
        limit: (order.order_type == OrderType::Limit).then_some(order.price).flatten(),
        lasts: order.time_in_force,
        until: order.instructions.expires_at,
        post_only: order.instructions.post_only,
        mode: order.instructions.self_trade,
        size: match order.size {
            Size::Base(quantity) => naive::Size::Base(quantity),
            Size::Quote(amount) => naive::Size::Quote(amount),
        },
        funds: order.funds,
        fees: order.fees,
        trigger: order.instructions.trigger,
        trailing: order.instructions.trailing,
        watermark: None,
        display: order.instructions.display.map(Quantity::lots),
    }
}

fn run_naive(naive: &mut Naive, command: Command) -> Result<Told, &'static str> {
    Ok(match command {
        Command::Place(order) => {
            let ask = naive_ask(&order);
            if let Some(why) = naive.filters(&[ask]).or_else(|| naive.refuses(&ask)) {
                return Err(why);
            }
            naive.place(&ask)
        }
        Command::PassTime(now, most) => naive.pass_time(Timestamp::from_unix_nanos(now), most),
        Command::GoOn => naive.go_on(),
        Command::PlacePair(pair) => {
            let pair = pair.map(|order| naive_ask(&order));
            if let Some(why) = naive.filters(&pair).or_else(|| naive.refuses_pair(&pair)) {
                return Err(why);
            }
            naive.place_pair(&pair)
        }
        Command::PlaceWorking(order, pending) => {
            let ask = naive_ask(&order);
            let pending: Vec<_> = pending.orders().iter().map(naive_ask).collect();
            let all = [&[ask], &pending[..]].concat();
            if let Some(why) = naive.filters(&all).or_else(|| naive.refuses(&ask)) {
                return Err(why);
            }
            naive.place_working(&ask, &pending)
        }
        Command::PlaceDue => naive.place_due(),
        Command::Cancel(number) => naive.cancel(id(number)),
        Command::Amend(number, quantity) => return naive.amend(id(number), quantity),
        Command::CancelAll(account, only) => {
            naive.cancel_all(AccountHandle(account), only, None, None)
        }
        Command::Close(account, only) => {
            (naive.close("closed", Some(AccountHandle(account)), only), Vec::new())
        }
        Command::Kill(account, only) => {
            (naive.close("killed", account.map(AccountHandle), only), Vec::new())
        }
        Command::CancelMatching(account, filter) => {
            let OrderFilter { instrument, side, price_from, price_to } = filter;
            let from = price_from.map_or(0, Price::ticks);
            let to = price_to.map_or(u64::MAX, Price::ticks);
            naive.cancel_all(AccountHandle(account), instrument, side, Some((from, to)))
        }
        Command::Join(account, group) => {
            naive.join(AccountHandle(account), group);
            (Vec::new(), Vec::new())
        }
        Command::Uncross(most) => naive.uncross(most),
        Command::SetState(instrument, state) => {
            naive.set_state(instrument, state)?;
            (Vec::new(), Vec::new())
        }
        Command::Protect(instrument, bps) => {
            naive.list(plain(instrument, bps));
            (Vec::new(), Vec::new())
        }
        Command::Reopen => {
            let Some((_, state)) = naive.reopen() else { return Ok(Told::default()) };
            return Err(flow::reopened(state));
        }
        Command::Filter(instrument, filters, band) => {
            naive.list(banding(instrument, filters, band));
            (Vec::new(), Vec::new())
        }
    })
}

/// The core's events in the naive one's words.
fn in_naive_words(out: &Outcome) -> Told {
    let events = out.events.iter().map(|event| match *event {
        BookEvent::Fill(fill) => {
            assert_eq!(fill.maker_done, fill.maker_remaining.is_zero());
            let maker =
                party(fill.maker, fill.maker_account, fill.maker_remaining, fill.maker_fees);
            let taker =
                party(fill.taker, fill.taker_account, fill.taker_remaining, fill.taker_fees);
            let (number, price, quantity) = (fill.trade, fill.price, fill.quantity.lots());
            let taker_side = fill.maker_side.opposite();
            let in_auction = fill.in_auction;
            Event::Trade { number, price, quantity, taker_side, maker, taker, in_auction }
        }
        BookEvent::Prevented(met) => {
            let maker = party(met.maker, met.maker_account, met.maker_remaining, met.maker_fees);
            let maker_shares = naive::Shares {
                off: met.maker_prevented.lots(),
                prevented: met.maker_prevented_total.lots(),
                traded: met.maker_traded.lots(),
            };
            let maker = (maker, maker_shares);
            let taker = party(met.taker, met.taker_account, met.taker_remaining, met.taker_fees);
            let taker_shares = naive::Shares {
                off: met.taker_prevented.lots(),
                prevented: met.taker_prevented_total.lots(),
                traded: met.taker_traded.lots(),
            };
            let taker = (taker, taker_shares);
            Event::Prevented { number: met.number, price: met.price, mode: met.mode, maker, taker }
        }
        BookEvent::Rested(rested) => {
            let (order, account) = (rested.order, rested.account);
            let party = party(order, account, rested.remaining, Fees::NONE);
            Event::Rests { price: rested.price, party, shown: rested.shown.lots() }
        }
        BookEvent::Refilled(refill) => {
            let party = (refill.order, refill.account);
            Event::Refills { party, shown: refill.shown.lots() }
        }
        BookEvent::Sleeps(order) => Event::Sleeps(order),
        BookEvent::Amended(amended) => {
            let (order, account) = (amended.order, amended.account);
            let party = party(order, account, amended.remaining, Fees::NONE);
            let (quantity, prevented) = (amended.quantity.lots(), amended.prevented.lots());
            Event::Amends { party, quantity, prevented }
        }
        BookEvent::Ended(end) => {
            let party = party(end.order, end.account, end.remaining, end.fees);
            Event::Ends { party, why: in_naive_reason(end.reason) }
        }
        BookEvent::Dropped(end) => {
            let party = party(end.order, end.account, end.remaining, end.fees);
            Event::Drops { party, why: in_naive_reason(end.reason) }
        }
        BookEvent::Interrupted(stopped) => {
            let (instrument, reference) = (stopped.instrument, stopped.reference);
            Event::Interrupts { instrument, reference, opens_at: stopped.opens_at }
        }
    });
    let line =
        |l: &matcher_core::LevelChange| (l.instrument, l.sequence, l.side, l.price, l.total_lots);
    (events.collect(), out.levels.iter().map(line).collect())
}

fn in_naive_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Filled => "filled",
        EndReason::Cancelled => "cancelled",
        EndReason::ImmediateOrCancel => "ioc",
        EndReason::FillOrKill => "fok",
        EndReason::Expired => "expired",
        EndReason::Closed => "closed",
        EndReason::Killed => "killed",
        EndReason::SelfTradePrevented => "prevented",
        EndReason::InsufficientLiquidity => "no liquidity",
        EndReason::PriceProtection => "protection",
        EndReason::InsufficientFunds => "no funds",
        EndReason::SweepLimit => "sweep limit",
        EndReason::OrderList => "order list",
        EndReason::WouldTake => "would take",
        EndReason::WouldTrigger => "would trigger",
        EndReason::ListPrices => "list prices",
        EndReason::TooManyParts => "too many parts",
        EndReason::Delisted => "delisted",
        EndReason::PriceBand => "band",
        EndReason::MarketState => "market",
    }
}

fn count(command: &Command, told: &Result<Told, &'static str>, seen: &mut Seen) {
    let mut note = |kind| *seen.entry(kind).or_default() += 1;
    let events = match told {
        Ok((events, _)) => events,
        Err(why) => {
            let is_filter = matches!(*why, "lot size" | "market lot size" | "notional");
            if is_filter && matches!(command, Command::Amend(..)) {
                note("amend is filtered");
            }
            return note(why);
        }
    };
    for event in events {
        note(match event {
            Event::Trade { .. } => "trade",
            Event::Prevented { mode, .. } => mode_name(*mode),
            Event::Rests { .. } => "rests",
            Event::Refills { .. } => "refills",
            Event::Sleeps(_) => "sleeps",
            Event::Amends { .. } => "amends",
            Event::Ends { why, .. } => why,
            Event::Drops { why, .. } => lists::dropped(why),
            Event::Interrupts { .. } => "interrupts",
        });
    }
    let in_group = events.iter().filter(|event| match event {
        Event::Prevented { maker, taker, .. } => maker.0.account != taker.0.account,
        _ => false,
    });
    in_group.for_each(|_| note("prevented in a group"));
    if matches!(command, Command::PlaceDue) && lists::is_placed(events) {
        note("due is placed");
    }
    if matches!(command, Command::Uncross(_)) {
        let trades = events.iter().filter(|event| matches!(event, Event::Trade { .. }));
        trades.for_each(|_| note("auction trade"));
        if !events.is_empty() {
            note("uncrosses");
        }
    }
    if matches!(command, Command::SetState(..)) {
        note("state");
    }
    if command_wakes(command) && !events.is_empty() {
        note("goes on");
    }
    if let Command::Place(order) = command
        && let Some(trailing) = order.instructions.trailing
    {
        note(match (trailing.kind, order.instructions.trigger) {
            (TriggerKind::StopLoss, None) => "trails as stop-loss",
            (TriggerKind::StopLoss, Some(_)) => "trails as stop-loss from a price",
            (TriggerKind::TakeProfit, None) => "trails as take-profit",
            (TriggerKind::TakeProfit, Some(_)) => "trails as take-profit from a price",
        });
    }
}

fn mode_name(mode: SelfTradePrevention) -> &'static str {
    match mode {
        SelfTradePrevention::None => "nothing is prevented",
        SelfTradePrevention::ExpireTaker => "expire taker",
        SelfTradePrevention::ExpireMaker => "expire maker",
        SelfTradePrevention::ExpireBoth => "expire both",
        SelfTradePrevention::Decrement => "decrement",
    }
}

fn command_wakes(command: &Command) -> bool {
    matches!(command, Command::GoOn)
}

/// Every reason, refusal and kind of event but the sweep limit, which tests of its own reach.
pub const KINDS: [&str; 62] = [
    "trade",
    "rests",
    "filled",
    "cancelled",
    "ioc",
    "fok",
    "no liquidity",
    "protection",
    "no funds",
    "expired",
    "prevented",
    "expire taker",
    "expire maker",
    "expire both",
    "decrement",
    "would take",
    "already expired",
    "sleeps",
    "goes on",
    "would trigger",
    "refills",
    "too many parts",
    "prevented in a group",
    "trails as stop-loss",
    "trails as stop-loss from a price",
    "trails as take-profit",
    "trails as take-profit from a price",
    "closed",
    "order list",
    "list prices",
    "due is placed",
    "dropped: order list",
    "dropped: cancelled",
    "dropped: refused",
    "dropped: list prices",
    "amends",
    "unknown order",
    "increases",
    "changes nothing",
    "leaves nothing",
    "price filter",
    "lot size",
    "market lot size",
    "iceberg parts",
    "trailing delta",
    "notional",
    "percent price",
    "max orders",
    "max algo orders",
    "amend is filtered",
    "killed",
    "market",
    "delisted",
    "delisted before",
    "state",
    "dropped: market",
    "auction trade",
    "uncrosses",
    "band",
    "interrupts",
    "reopens",
    "put off",
];
