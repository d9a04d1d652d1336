//! The core and the naive implementation on the same random flows: every event, every level, every
//! open order must be equal, and the invariants hold after every command.

use std::collections::BTreeMap;

use matcher_core::{BookEvent, Books, EndReason, NewOrder, Outcome, Refused, Size};
use model::{
    AccountHandle, Amount, InstrumentId, OrderType, SelfTradePrevention, Side, TimeInForce,
    Timestamp, Trigger, TriggerKind,
};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    naive::{self, Event, LevelLine, Naive, Party},
    setup::{A, B, books, id, limit, lots, market, plain, price},
};

#[derive(Clone, Copy, Debug)]
pub enum Command {
    Place(NewOrder),
    Cancel(u64),
    CancelAll(u32, Option<InstrumentId>),
    Protect(InstrumentId, u32),
    /// Time passes to this instant, and at most so many orders end of it.
    PassTime(u64, usize),
    /// The next order that has woken goes on, if one has.
    GoOn,
}

/// A seeded flow around a wandering price, with few prices and small sizes, so that queues are
/// long, levels empty often and everything meets.
pub struct Flow {
    random: Pcg64,
    middle: [u64; 2],
    next_id: u64,
    now: u64,
    /// How many orders to keep open.
    target: usize,
}

impl Flow {
    pub fn new(seed: u64, target: usize) -> Flow {
        let random = Pcg64::seed_from_u64(seed);
        Flow { random, middle: [100, 1_000], next_id: 1, now: 0, target }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub fn next(&mut self, open: usize) -> Command {
        let cancels = if open > self.target { 67 } else { 38 };
        match self.below(1_000) {
            0..2 => Command::CancelAll(self.below(6) as u32, None),
            2..6 => {
                Command::CancelAll(self.below(6) as u32, Some(if self.one_in(2) { A } else { B }))
            }
            9..30 => {
                self.now += self.below(8);
                let most = if self.one_in(3) { self.below(2) } else { 100 };
                Command::PassTime(self.now, most as usize)
            }
            6..9 => Command::Protect(A, [1, 100, 500, 2_000, 10_000][self.below(5) as usize]),
            30..200 => Command::GoOn,
            draw if draw < cancels * 10 => {
                let recent = 1 + self.below(4 * self.target as u64);
                Command::Cancel(self.next_id.saturating_sub(recent) + self.below(2))
            }
            _ => Command::Place(self.order()),
        }
    }

    fn order(&mut self) -> NewOrder {
        let which = self.below(2) as usize;
        let step = self.below(3);
        self.middle[which] = (self.middle[which] + step).saturating_sub(1).clamp(20, 2_000);
        let number = self.next_id;
        self.next_id += 1;
        let side = if self.one_in(2) { Side::Buy } else { Side::Sell };
        let account = self.below(6) as u32;
        let count = if self.one_in(50) { 1_000 } else { 1 + self.below(20) };
        let mut order = match self.below(10) {
            0..8 => self.limit_order(number, account, side, count, self.middle[which]),
            _ => self.market_order(number, account, side, count, self.middle[which]),
        };
        order.instrument = [A, B][which];
        let can_sleep = !order.instructions.post_only && order.instructions.expires_at.is_none();
        if can_sleep && matches!(order.size, Size::Base(_)) && self.one_in(6) {
            order.instructions.trigger = Some(self.trigger(side, self.middle[which]));
        }
        order
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
        // Some far away, most within a few ticks, a third of those crossing.
        let away = if self.one_in(20) { self.below(1 + near / 2) } else { self.below(9) };
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

/// Runs a command on the core, where it is not refused.
pub fn run(books: &mut Books, command: Command, out: &mut Outcome) -> Option<Refused> {
    out.clear();
    match command {
        Command::Place(order) => {
            match books.check(order.instrument, order.side, order.price, &order.instructions) {
                Ok(()) => books.place(&order, out),
                Err(refused) => return Some(refused),
            }
        }
        Command::PassTime(now, most) => {
            let count = books.expire(Timestamp::from_unix_nanos(now), most, out);
            assert_eq!(count, out.events.len());
        }
        Command::Cancel(number) => {
            let is_open = books.is_open(id(number));
            assert_eq!(books.cancel(id(number), out), is_open);
        }
        Command::GoOn => {
            if let Some(order) = books.next_woken() {
                books.place(&order, out);
            }
        }
        Command::CancelAll(account, only) => {
            let count = books.cancel_all(AccountHandle(account), only, out);
            assert_eq!(count, out.events.len());
        }
        Command::Protect(instrument, bps) => assert!(books.list(plain(instrument, bps))),
    }
    None
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
        trigger: order.instructions.trigger,
    }
}

fn run_naive(naive: &mut Naive, command: Command) -> Result<Told, &'static str> {
    Ok(match command {
        Command::Place(order) => {
            let ask = naive_ask(&order);
            if let Some(why) = naive.refuses(&ask) {
                return Err(why);
            }
            naive.place(&ask)
        }
        Command::PassTime(now, most) => naive.pass_time(Timestamp::from_unix_nanos(now), most),
        Command::GoOn => naive.go_on(),
        Command::Cancel(number) => naive.cancel(id(number)),
        Command::CancelAll(account, only) => naive.cancel_all(AccountHandle(account), only),
        Command::Protect(instrument, bps) => {
            naive.list(plain(instrument, bps));
            (Vec::new(), Vec::new())
        }
    })
}

pub fn in_naive_refusal(refused: Refused) -> &'static str {
    match refused {
        Refused::WouldTake => "would take",
        Refused::AlreadyExpired => "already expired",
        Refused::WouldTrigger => "would trigger",
    }
}

/// The core's events in the naive one's words.
fn in_naive_words(out: &Outcome) -> Told {
    let events = out.events.iter().map(|event| match *event {
        BookEvent::Fill(fill) => {
            assert_eq!(fill.maker_done, fill.maker_remaining.is_zero());
            let (order, account, left) =
                (fill.maker, fill.maker_account, fill.maker_remaining.lots());
            let maker = Party { order, account, left };
            let (order, account, left) =
                (fill.taker, fill.taker_account, fill.taker_remaining.lots());
            let taker = Party { order, account, left };
            let (number, price, quantity) = (fill.trade, fill.price, fill.quantity.lots());
            let taker_side = fill.maker_side.opposite();
            Event::Trade { number, price, quantity, taker_side, maker, taker }
        }
        BookEvent::Prevented(met) => {
            let (order, account, left) = (met.maker, met.maker_account, met.maker_remaining.lots());
            let maker_shares = naive::Shares {
                off: met.maker_prevented.lots(),
                prevented: met.maker_prevented_total.lots(),
                traded: met.maker_traded.lots(),
            };
            let maker = (Party { order, account, left }, maker_shares);
            let (order, account, left) = (met.taker, met.taker_account, met.taker_remaining.lots());
            let taker_shares = naive::Shares {
                off: met.taker_prevented.lots(),
                prevented: met.taker_prevented_total.lots(),
                traded: met.taker_traded.lots(),
            };
            let taker = (Party { order, account, left }, taker_shares);
            Event::Prevented { number: met.number, price: met.price, mode: met.mode, maker, taker }
        }
        BookEvent::Rested(rested) => {
            let (order, account, left) = (rested.order, rested.account, rested.remaining.lots());
            Event::Rests { price: rested.price, party: Party { order, account, left } }
        }
        BookEvent::Sleeps(order) => Event::Sleeps(order),
        BookEvent::Ended(end) => {
            let party =
                Party { order: end.order, account: end.account, left: end.remaining.lots() };
            Event::Ends { party, why: in_naive_reason(end.reason) }
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
        EndReason::SelfTradePrevented => "prevented",
        EndReason::InsufficientLiquidity => "no liquidity",
        EndReason::PriceProtection => "protection",
        EndReason::InsufficientFunds => "no funds",
        EndReason::SweepLimit => "sweep limit",
    }
}

fn compare(seed: u64, commands: u32, target: usize, seen: &mut BTreeMap<&'static str, u64>) {
    let (mut books, mut naive, mut out) = (books(), Naive::default(), Outcome::new());
    naive.list(plain(A, 500));
    naive.list(plain(B, 500));
    let mut flow = Flow::new(seed, target);
    for step in 0..commands {
        let command = flow.next(naive.open.len());
        let refused = run(&mut books, command, &mut out).map(in_naive_refusal);
        let expected = run_naive(&mut naive, command);
        let actual = refused.map_or_else(|| Ok(in_naive_words(&out)), Err);
        assert_eq!(actual, expected, "seed {seed}, step {step}: {command:?}");
        if let Err(why) = books.check_invariants() {
            panic!("seed {seed}, step {step}: {command:?}: {why}");
        }
        if let Err(why) = expected {
            *seen.entry(why).or_default() += 1;
        }
        for event in expected.iter().flat_map(|(events, _)| events) {
            let kind = match event {
                Event::Trade { .. } => "trade",
                Event::Prevented { mode, .. } => mode_name(*mode),
                Event::Rests { .. } => "rests",
                Event::Sleeps(_) => "sleeps",
                Event::Ends { why, .. } => why,
            };
            *seen.entry(kind).or_default() += 1;
        }
        if command_wakes(&command) && expected.as_ref().is_ok_and(|(told, _)| !told.is_empty()) {
            *seen.entry("goes on").or_default() += 1;
        }
        if step % 64 == 0 {
            let image = books.image();
            let asleep = image.sleepers.iter().map(|sleeper| sleeper.order.id);
            assert!(asleep.eq(naive.asleep.iter().map(|ask| ask.id)), "seed {seed}, step {step}");
            assert_eq!(image.woken, naive.woken, "seed {seed}, step {step}");
            let open = books.image().orders;
            assert_eq!(open.len(), naive.open.len());
            for (ours, theirs) in open.iter().zip(&naive.open) {
                let party =
                    Party { order: ours.id, account: ours.account, left: ours.remaining.lots() };
                let ours = naive::Open {
                    party,
                    instrument: ours.instrument,
                    side: ours.side,
                    price: ours.price,
                    until: ours.expires_at,
                    shares: naive::Shares {
                        off: 0,
                        prevented: ours.prevented.lots(),
                        traded: ours.quantity.minus(ours.remaining).minus(ours.prevented).lots(),
                    },
                };
                assert_eq!(ours, *theirs, "seed {seed}, step {step}");
            }
        }
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
const KINDS: [&str; 20] = [
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
];

#[test]
fn the_core_and_the_naive_implementation_say_the_same() {
    let mut seen = BTreeMap::new();
    for seed in 0..9 {
        compare(seed, 25_000, 40, &mut seen);
    }
    for seed in 100..140 {
        compare(seed, 1_000, 5, &mut seen);
    }
    println!("{seen:?}");
    for kind in KINDS {
        let count = seen.get(kind).copied().unwrap_or_default();
        assert!(count >= 1_000, "{kind} was seen only {count} times");
    }
}

#[test]
fn what_is_left_and_what_is_traded_add_up_for_every_order() {
    let (mut books, mut out, mut flow) = (books(), Outcome::new(), Flow::new(7, 40));
    let mut left = BTreeMap::new();
    for _ in 0..20_000 {
        let command = flow.next(left.len());
        let refused = run(&mut books, command, &mut out);
        match command {
            Command::Place(NewOrder { id, size: Size::Base(asked), .. }) if refused.is_none() => {
                left.insert(id, asked);
            }
            _ => {}
        }
        for event in &out.events {
            match event {
                BookEvent::Fill(fill) => {
                    assert!(!fill.quantity.is_zero());
                    for (order, now) in
                        [(fill.maker, fill.maker_remaining), (fill.taker, fill.taker_remaining)]
                    {
                        // Orders by quote amount have no quantity to keep.
                        if let Some(before) = left.get_mut(&order) {
                            assert_eq!(now, before.minus(fill.quantity));
                            *before = now;
                        }
                    }
                }
                BookEvent::Prevented(met) => {
                    for (order, off, now) in [
                        (met.maker, met.maker_prevented, met.maker_remaining),
                        (met.taker, met.taker_prevented, met.taker_remaining),
                    ] {
                        if let Some(before) = left.get_mut(&order) {
                            assert_eq!(now, before.minus(off));
                            *before = now;
                        }
                    }
                }
                BookEvent::Rested(rested) => assert_eq!(left[&rested.order], rested.remaining),
                BookEvent::Sleeps(order) => assert!(left.contains_key(order)),
                // Removed here: a second end would find nothing, by quote amount or not.
                BookEvent::Ended(end) => {
                    let before = left.remove(&end.order).unwrap_or(end.remaining);
                    assert_eq!(before, end.remaining);
                    assert!(!books.is_open(end.order));
                }
            }
        }
    }
    let image = books.image();
    let asleep = image.sleepers.iter().map(|sleeper| {
        let Size::Base(asked) = sleeper.order.size else { panic!("it asks for a quantity") };
        (sleeper.order.id, asked)
    });
    let open: Vec<_> = image.orders.iter().map(|o| (o.id, o.remaining)).chain(asleep).collect();
    assert!(open.iter().all(|(id, remaining)| left[id] == *remaining));
    assert_eq!(open.len(), left.len());
    assert!(books.market_bound(A, Side::Buy).is_none_or(|bound| bound >= price(1)));
}
