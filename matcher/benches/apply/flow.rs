//! A real book's flow as clients' commands: the middle price wanders, distances from it follow a
//! power law; half of the commands are new orders (15 % of them IOC), 42 % cancels, 8 % amends and
//! replacements. Each is of one of 10,000 funded accounts and has a key of its own.
//!
//! As in a real book, most orders end because they are cancelled: who means to rest stays behind
//! the other side's best price, and a taker asks for a tenth of what a maker offers. The book keeps
//! its size: where it became smaller, an order comes in place of a cancel.

use model::{
    AccountName, Amount, Instructions, InstrumentId, KeyText, OrderId, Partition, Price, Quantity,
    ReplaceMode, RequestId, Side, TimeInForce, Timestamp,
};
use proto::command::{
    Ask, ClientCommand, Command, Key, KeySpace, Movement, OrderName, PlaceOrder, ReplaceOrder,
    Stamp,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::shard::{BASE, INSTRUMENT, QUOTE, Shard};

/// How many accounts there are.
pub(crate) const ACCOUNTS: usize = 10_000;

/// How many orders rest.
const RESTING: usize = 10_000;

/// How far apart commands are in the log's time: 100,000 a second.
pub(crate) const STEP_NANOS: u64 = 10_000;

/// A hundredth of a quote coin is a tick: this is 10,000 of them.
const MIDDLE_FIRST: u64 = 1_000_000;

/// After how many commands, on average, the middle moves by a tick.
const STILL: u32 = 100;

/// The most that an order asks for that rests, and one that takes.
const MAKER_LOTS: u64 = 100;
const TAKER_LOTS: u64 = 10;

/// Orders are at most 2^13 ticks from the middle, mostly next to it.
const SPREAD: u32 = 12;

/// Enough that nobody ever runs out.
const PLENTY: i128 = 1 << 70;

/// An order that may rest.
struct Open {
    id: OrderId,
    account: usize,
    asked: u64,
}

/// Draws commands, and follows what becomes of them on a shard of its own.
pub(crate) struct Flow {
    shard: Shard,
    random: Pcg64Mcg,
    names: Vec<AccountName>,
    middle: u64,
    open: Vec<Open>,
    keys: u64,
}

impl Flow {
    /// Everybody's deposits, then a full book, then `count` commands of the flow.
    pub(crate) fn draw(count: usize) -> (Vec<ClientCommand>, Vec<ClientCommand>) {
        let mut flow = Flow {
            shard: Shard::new(crate::Rules::NONE),
            random: Pcg64Mcg::seed_from_u64(2_026),
            names: names().collect(),
            middle: MIDDLE_FIRST,
            open: Vec::new(),
            keys: 0,
        };
        let mut setup = Vec::new();
        for account in 0..ACCOUNTS {
            for asset in [QUOTE, BASE] {
                let id = KeyText::new(&format!("of-{}", asset.0)).expect("a good id");
                let amount = Amount::from_units(PLENTY);
                let command = Command::Deposit(Movement { asset, amount, id });
                setup.push(flow.run(account, command));
            }
        }
        while flow.shard.resting() < RESTING {
            setup.push(flow.passive());
        }
        let commands = (0..count).map(|_| flow.next()).collect();
        (setup, commands)
    }

    fn next(&mut self) -> ClientCommand {
        if self.random.random_ratio(1, STILL) {
            self.middle =
                if self.random.random_bool(0.5) { self.middle + 1 } else { self.middle - 1 };
        }
        let is_full = self.shard.resting() > RESTING;
        match self.random.random_range(0..200) {
            // 15 % of a half.
            0..15 => self.taking(),
            15..100 => self.passive(),
            100..184 if !is_full => self.passive(),
            100..184 => {
                let Some(open) = self.any_open() else { return self.passive() };
                self.run(open.account, Command::Cancel { order_id: open.id })
            }
            184..192 => self.amend(),
            _ => self.replace(),
        }
    }

    /// Lowers what an order has left to half.
    fn amend(&mut self) -> ClientCommand {
        let Some(open) = self.any_open() else { return self.passive() };
        let left = self.shard.remaining(open.id).unwrap_or(0);
        if left < 2 {
            let order_id = open.id;
            return self.run(open.account, Command::Cancel { order_id });
        }
        let asked = open.asked - left / 2;
        let quantity = Quantity::from_lots(asked).expect("less than it was");
        let (id, account) = (open.id, open.account);
        self.open.push(Open { asked, ..open });
        self.run(account, Command::Amend { order: OrderName::Id(id), quantity })
    }

    fn replace(&mut self) -> ClientCommand {
        let Some(open) = self.any_open() else { return self.passive() };
        let side = self.side();
        let ticks = self.beside(side);
        let (place, asked) = self.place(side, ticks, TimeInForce::Gtc, MAKER_LOTS);
        let mode = ReplaceMode::AllowFailure;
        let replaced = OrderName::Id(open.id);
        let command = Command::Replace(ReplaceOrder { replaced, mode, place });
        self.placed(open.account, command, asked)
    }

    fn passive(&mut self) -> ClientCommand {
        let side = self.side();
        let ticks = self.beside(side);
        let (place, asked) = self.place(side, ticks, TimeInForce::Gtc, MAKER_LOTS);
        let account = self.random.random_range(0..ACCOUNTS);
        self.placed(account, Command::Place(place), asked)
    }

    fn taking(&mut self) -> ClientCommand {
        let side = self.side();
        let ticks = if side == Side::Buy { self.middle + 8 } else { self.middle - 8 };
        let (place, asked) = self.place(side, ticks, TimeInForce::Ioc, TAKER_LOTS);
        let account = self.random.random_range(0..ACCOUNTS);
        self.placed(account, Command::Place(place), asked)
    }

    fn side(&mut self) -> Side {
        if self.random.random_bool(0.5) { Side::Buy } else { Side::Sell }
    }

    /// A price on this side of the middle, at a distance of `d` ticks with a chance of about 1/`d`,
    /// that meets nobody.
    fn beside(&mut self, side: Side) -> u64 {
        let octave = self.random.random::<u64>().trailing_zeros().min(SPREAD);
        let away = (1 << octave) + self.random.random_range(0..1_u64 << octave);
        let other = self.shard.best(side.opposite());
        match side {
            Side::Buy => other.map_or(u64::MAX, |ask| ask - 1).min(self.middle - away),
            Side::Sell => other.map_or(0, |bid| bid + 1).max(self.middle + away),
        }
    }

    fn place(
        &mut self,
        side: Side,
        ticks: u64,
        time_in_force: TimeInForce,
        most_lots: u64,
    ) -> (PlaceOrder, u64) {
        self.keys += 1;
        let text = KeyText::new(&format!("order-{}", self.keys)).expect("a good key");
        let asked = self.random.random_range(1..=most_lots);
        let price = Price::from_ticks(ticks).expect("in range");
        let quantity = Quantity::from_lots(asked).expect("in range");
        let place = PlaceOrder {
            key: Key { space: KeySpace::ClientOrderId, text },
            instrument: InstrumentId(INSTRUMENT),
            side,
            ask: Ask::Limit { price, quantity },
            time_in_force,
            instructions: Instructions::default(),
        };
        (place, asked)
    }

    fn placed(&mut self, account: usize, command: Command, asked: u64) -> ClientCommand {
        let id = OrderId::at(Partition::FIRST, self.shard.next_offset()).expect("in range");
        let command = self.run(account, command);
        if self.shard.remaining(id).is_some() {
            self.open.push(Open { id, account, asked });
        }
        command
    }

    /// Any order that is open, which it forgets.
    fn any_open(&mut self) -> Option<Open> {
        while !self.open.is_empty() {
            let at = self.random.random_range(0..self.open.len());
            let open = self.open.swap_remove(at);
            if self.shard.remaining(open.id).is_some() {
                return Some(open);
            }
        }
        None
    }

    fn run(&mut self, account: usize, command: Command) -> ClientCommand {
        let stamp = Stamp {
            request_id: RequestId(self.shard.next_offset().into()),
            valid_until: Timestamp::from_unix_nanos(u64::MAX),
        };
        let command = ClientCommand { stamp, account: self.names[account].clone(), command };
        self.shard.apply(&command);
        command
    }
}

/// Every account's name.
pub(crate) fn names() -> impl Iterator<Item = AccountName> {
    let name = |number| AccountName::new(&format!("client-{number}")).expect("a good name");
    (0..ACCOUNTS).map(name)
}
