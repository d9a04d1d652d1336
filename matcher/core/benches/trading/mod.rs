//! A seeded flow like that of a real book: the middle price wanders, distances from it follow a
//! power law, half of the commands are new orders (15 % of them IOC), 42 % cancels, 8 % change an
//! order: half of these lower what it has left, half place another instead. Most that are cancelled
//! are young.
//!
//! As in a real book, most orders end because they are cancelled: who means to rest stays behind
//! the other side's best price, and a taker asks for a tenth of what a maker offers. The book keeps
//! its size: where it became smaller, an order comes in place of a cancel. Other shapes of book and
//! flow are beside it, so that none costs much more than that.

use matcher_core::{Books, NewOrder, Outcome, Size};
use model::{
    AccountHandle, Amount, Asset, AssetId, Fees, Instructions, Instrument, InstrumentId, OrderId,
    OrderType, Price, Quantity, Side, TimeInForce, instrument::Listing,
};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

/// One command, ready to run.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Place an order.
    Place(NewOrder),
    /// Cancel one.
    Cancel(OrderId),
    /// Lower what one asks for in all.
    Amend(OrderId, Quantity),
}

/// Runs a command.
pub fn run(books: &mut Books, command: &Command, out: &mut Outcome) {
    out.clear();
    match command {
        Command::Place(order) => books.place(order, out),
        Command::Cancel(id) => {
            books.cancel(*id, out);
        }
        Command::Amend(id, quantity) => {
            books.amend(*id, *quantity, out).expect("it is open and asks for more");
        }
    }
}

/// What a book and its flow are like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many orders rest.
    pub resting: usize,
    /// Where.
    pub prices: Prices,
    /// Which are cancelled.
    pub ends: Ends,
}

/// Which orders are cancelled or changed.
#[allow(dead_code, reason = "not every bench has every shape")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// One before which `n` others came with a chance of about 1/`n`: most are cancelled young,
    /// and some stay for ever, as in real books.
    Young,
    /// Any of them alike: no cache helps.
    Any,
    /// One of the latest, and nearly all that comes is cancelled.
    Fleeting,
}

/// How far from the middle orders are placed.
#[allow(dead_code, reason = "not every bench has every shape")]
#[derive(Clone, Copy, Debug)]
pub enum Prices {
    /// At a distance of `d` ticks with a chance of about 1/`d`, and none beyond 2^(n + 1).
    Near(u32),
    /// Anywhere among so many ticks on each side.
    Even(u64),
    /// At one price on each side; the middle stands still.
    One,
}

impl Shape {
    /// The realistic flow on a book of this size.
    pub const fn realistic(resting: usize) -> Shape {
        Shape { resting, prices: Prices::Near(12), ends: Ends::Young }
    }
}

/// A book that is in use, with the commands that come next.
pub struct Trading {
    /// The state to start from.
    pub books: Books,
    random: Pcg64,
    shape: Shape,
    middle: u64,
    next_id: u64,
    open: Vec<OrderId>,
}

const INSTRUMENT: InstrumentId = InstrumentId(1);

/// Far from both ends of the range of prices.
const MIDDLE_FIRST: u64 = 1 << 39;

/// After how many commands, on average, the middle moves by a tick.
const STILL: u64 = 100;

/// The most that an order asks for that rests, and one that takes.
const MAKER_LOTS: u64 = 100;
const TAKER_LOTS: u64 = 10;

/// Among how many of the latest orders one is chosen that is fleeting.
const LATEST: u64 = 20;

impl Trading {
    /// A book of this shape.
    pub fn new(shape: Shape) -> Trading {
        let mut books = Books::new();
        let one = Amount::from_units(1);
        let asset = |id, code: &str| Asset { id: AssetId(id), code: code.to_owned(), decimals: 0 };
        let listing =
            Listing { id: INSTRUMENT, tick_size: one, lot_size: one, price_protection_bps: 500 };
        let instrument = Instrument::list(&asset(1, "BTC"), &asset(2, "USD"), listing);
        assert!(books.list(instrument.expect("a good listing")));
        let random = Pcg64::seed_from_u64(2_026);
        let mut trading =
            Trading { books, random, shape, middle: MIDDLE_FIRST, next_id: 1, open: Vec::new() };
        let mut out = Outcome::new();
        while trading.books.len() < shape.resting {
            let command = Command::Place(trading.passive());
            run(&mut trading.books, &command, &mut out);
            trading.note(&command, &out);
        }
        trading
    }

    /// The next `count` commands, without running them on [`Trading::books`].
    pub fn commands(&mut self, count: usize) -> Vec<Command> {
        let before = self.books.clone();
        let (mut commands, mut out) = (Vec::with_capacity(count + 1), Outcome::new());
        while commands.len() < count {
            let draw = self.random.next_u64() % 100;
            let moves = self.below(2 * STILL);
            if moves < 2 && !matches!(self.shape.prices, Prices::One) {
                self.middle = self.middle + 2 * moves - 1;
            }
            let first = commands.len();
            let is_full = self.books.len() > self.shape.resting;
            let is_fleeting = self.shape.ends == Ends::Fleeting;
            match draw {
                2..100 if is_fleeting && is_full => commands.extend(self.cancel()),
                2..100 if is_fleeting => commands.push(Command::Place(self.passive())),
                0..8 => commands.push(Command::Place(self.taking())),
                8..50 => commands.push(Command::Place(self.passive())),
                50..92 if is_full => commands.extend(self.cancel()),
                50..92 => commands.push(Command::Place(self.passive())),
                92..96 => {
                    let amend = self.amend();
                    commands.push(amend);
                }
                _ => {
                    commands.extend(self.cancel());
                    commands.push(Command::Place(self.passive()));
                }
            }
            for command in &commands[first..] {
                run(&mut self.books, command, &mut out);
                self.note(command, &out);
            }
        }
        self.books = before;
        commands
    }

    fn note(&mut self, command: &Command, out: &Outcome) {
        if let (Command::Place(order), Some(_)) = (command, out.rested()) {
            self.open.push(order.id);
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    fn cancel(&mut self) -> Option<Command> {
        while !self.open.is_empty() {
            let count = self.open.len();
            let back = self.age(count as u64);
            let id = self.open.swap_remove(count - 1 - usize::try_from(back).expect("an index"));
            if self.books.order(id).is_some() {
                return Some(Command::Cancel(id));
            }
        }
        None
    }

    /// How many of `count` open orders came after the one that is chosen.
    fn age(&mut self, count: u64) -> u64 {
        match self.shape.ends {
            Ends::Any => self.below(count),
            Ends::Fleeting => self.below(LATEST.min(count)),
            Ends::Young => {
                let octave = self.below(u64::from(count.ilog2()) + 1);
                ((1 << octave) - 1 + self.below(1 << octave)).min(count - 1)
            }
        }
    }

    /// Halves what an order has left; where nothing can be taken off it is cancelled, and where
    /// there is none another comes.
    fn amend(&mut self) -> Command {
        let Some(Command::Cancel(id)) = self.cancel() else {
            return Command::Place(self.passive());
        };
        let open = self.books.order(id).expect("it was just found");
        let asked = open.quantity.lots() - open.remaining.lots() / 2;
        if asked == open.quantity.lots() {
            return Command::Cancel(id);
        }
        self.open.push(id);
        Command::Amend(id, Quantity::from_lots(asked).expect("at least a half"))
    }

    fn distance(&mut self) -> u64 {
        match self.shape.prices {
            Prices::One => 1,
            Prices::Even(ticks) => 1 + self.below(ticks),
            Prices::Near(spread) => {
                let octave = self.random.next_u64().trailing_zeros().min(spread);
                (1 << octave) + self.below(1 << octave)
            }
        }
    }

    fn passive(&mut self) -> NewOrder {
        let away = self.distance();
        let side = if self.below(2) == 0 { Side::Buy } else { Side::Sell };
        let other = self.best(side.opposite());
        let ticks = match side {
            Side::Buy => other.map_or(u64::MAX, |ask| ask - 1).min(self.middle - away),
            Side::Sell => other.map_or(0, |bid| bid + 1).max(self.middle + away),
        };
        self.order(side, ticks, TimeInForce::Gtc, MAKER_LOTS)
    }

    /// The best price on this side, in ticks.
    fn best(&self, side: Side) -> Option<u64> {
        let depth = self.books.depth(INSTRUMENT, 1);
        let levels = if side == Side::Buy { depth.bids } else { depth.asks };
        levels.first().map(|(price, _)| price.ticks())
    }

    /// One order that takes as much as one may.
    #[allow(dead_code, reason = "not every bench sweeps")]
    pub fn taking_all(&mut self) -> Command {
        let mut order = self.order(Side::Buy, Price::TICKS_MAX, TimeInForce::Ioc, 1);
        order.size = Size::Base(Quantity::from_lots(Quantity::LOTS_MAX).expect("the maximum"));
        Command::Place(order)
    }

    fn taking(&mut self) -> NewOrder {
        let side = if self.below(2) == 0 { Side::Buy } else { Side::Sell };
        let ticks = if side == Side::Buy { self.middle + 8 } else { self.middle - 8 };
        self.order(side, ticks, TimeInForce::Ioc, TAKER_LOTS)
    }

    fn order(
        &mut self,
        side: Side,
        ticks: u64,
        time_in_force: TimeInForce,
        most_lots: u64,
    ) -> NewOrder {
        let id = OrderId::from_number(self.next_id).expect("in range");
        self.next_id += 1;
        let quantity = Quantity::from_lots(1 + self.below(most_lots)).expect("in range");
        NewOrder {
            id,
            account: AccountHandle(u32::try_from(self.below(10_000)).expect("small")),
            instrument: INSTRUMENT,
            side,
            order_type: OrderType::Limit,
            time_in_force,
            price: Some(Price::from_ticks(ticks).expect("in range")),
            size: Size::Base(quantity),
            funds: Amount::ZERO,
            fees: Fees::NONE,
            instructions: Instructions::default(),
        }
    }
}
