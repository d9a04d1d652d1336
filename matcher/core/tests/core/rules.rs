//! Runs the tables in `tests/rules/`: one command a row, what it must do in the last column.
//!
//! A row that is too long goes on in lines that begin with `|`. `#` begins a comment where a line
//! begins with it. How a row reads is told at the top of `tests/rules/priority.txt`.

use std::{fmt::Write, fs, path::Path};

use matcher_core::{BookEvent, Books, EndReason, NewOrder, Outcome, Size};
use model::{
    AccountHandle, Amount, InstrumentId, Price, SelfTradePrevention, Side, TimeInForce, Timestamp,
    Trigger, TriggerKind,
};

use crate::{
    compare::in_naive_refusal,
    setup::{A, B, books, id, limit, lots, market, plain},
};

struct Row {
    line: usize,
    command: String,
    expected: String,
}

fn rows(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (line, written) in (1..).zip(text.lines()) {
        let written = written.trim();
        if written.is_empty() || written.starts_with('#') {
            continue;
        }
        let (command, expected) = written.split_once('|').expect("a row has a | before its result");
        let (command, expected) = (command.trim().to_owned(), expected.trim().to_owned());
        match rows.last_mut() {
            Some(row) if command.is_empty() => {
                row.expected.push(' ');
                row.expected.push_str(&expected);
            }
            _ => rows.push(Row { line, command, expected }),
        }
    }
    rows
}

struct Desk {
    books: Books,
    traders: Vec<String>,
    orders: u64,
}

impl Desk {
    fn trader(&mut self, name: &str) -> u32 {
        let known = self.traders.iter().position(|trader| trader == name);
        let place = known.unwrap_or_else(|| {
            self.traders.push(name.to_owned());
            self.traders.len() - 1
        });
        u32::try_from(place).expect("few traders")
    }

    fn run(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut out = Outcome::new();
        match words[..] {
            ["book"] => return self.depth(A),
            ["book", name] => return self.depth(instrument(name)),
            ["protection", bps] => {
                assert!(self.books.list(plain(A, u32::try_from(number(bps)).expect("small"))));
                return "changed".to_owned();
            }
            ["restore"] => return self.restore(),
            ["time", now, ref most @ ..] => {
                let most = most.get(1).map_or(usize::MAX, |most| number(most) as usize);
                self.books.expire(Timestamp::from_unix_nanos(number(now)), most, &mut out);
            }
            ["bound", side] => {
                let bound = self.books.market_bound(A, self::side(side));
                return bound.map_or_else(|| "none".to_owned(), |price| price.ticks().to_string());
            }
            ["go-on"] => match self.books.next_woken() {
                Some(order) => self.books.place(&order, &mut out),
                None => return "nobody".to_owned(),
            },
            ["orders", name] => {
                let trader = AccountHandle(self.trader(name));
                return self.books.open_count(trader).to_string();
            }
            ["cancel", order] => {
                let order = id(number(order.trim_start_matches('#')));
                if !self.books.cancel(order, &mut out) {
                    assert_eq!(out, Outcome::new());
                    return "unknown".to_owned();
                }
            }
            [name, "cancel-all", ref only @ ..] => {
                let trader = AccountHandle(self.trader(name));
                let only = (!only.is_empty()).then(|| instrument(only[1]));
                self.books.cancel_all(trader, only, &mut out);
            }
            [name, side, ref terms @ ..] => {
                let trader = self.trader(name);
                self.orders += 1;
                let order = order(self.orders, trader, self::side(side), terms);
                let NewOrder { instrument, side, price, ref instructions, .. } = order;
                if let Err(refused) = self.books.check(instrument, side, price, instructions) {
                    return format!("#{} refused: {}", order.id, in_naive_refusal(refused));
                }
                self.books.place(&order, &mut out);
            }
            _ => panic!("what is {command:?}?"),
        }
        told(&out)
    }

    fn restore(&mut self) -> String {
        let image = self.books.image();
        self.books = Books::restore(image.clone()).expect("a good image");
        assert_eq!(self.books.image(), image);
        "same".to_owned()
    }

    fn depth(&self, instrument: InstrumentId) -> String {
        let depth = self.books.depth(instrument, 10);
        let side = |levels: &[(model::Price, u64)]| {
            let levels = levels.iter().map(|(price, total)| format!("{}x{total}", price.ticks()));
            levels.collect::<Vec<_>>().join(" ")
        };
        format!("{} / {}", side(&depth.bids), side(&depth.asks)).trim().to_owned()
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}

fn amount(word: &str) -> Amount {
    Amount::from_units(i128::from(number(word)))
}

fn side(word: &str) -> Side {
    match word {
        "buy" | "buys" => Side::Buy,
        "sell" | "sells" => Side::Sell,
        _ => panic!("{word:?} is no side"),
    }
}

fn instrument(name: &str) -> InstrumentId {
    match name {
        "A" => A,
        "B" => B,
        _ => panic!("no instrument {name:?}"),
    }
}

fn order(number_of: u64, trader: u32, side: Side, terms: &[&str]) -> NewOrder {
    let rich = Amount::from_units(1_000_000_000);
    let (mut order, mut rest) = match *terms {
        [quantity, "@", price, ref rest @ ..] => {
            (limit(number_of, trader, side, number(quantity), number(price)), rest)
        }
        ["quote", spend, "market", ref rest @ ..] => {
            (market(number_of, trader, side, Size::Quote(amount(spend)), rich), rest)
        }
        [quantity, "market", ref rest @ ..] => {
            let size = Size::Base(lots(number(quantity)));
            (market(number_of, trader, side, size, rich), rest)
        }
        _ => panic!("what is {terms:?}?"),
    };
    while let [word, after @ ..] = rest {
        rest = match (*word, after) {
            ("ioc", after) => {
                order.time_in_force = TimeInForce::Ioc;
                after
            }
            ("fok", after) => {
                order.time_in_force = TimeInForce::Fok;
                after
            }
            ("until", [instant, after @ ..]) => {
                order.time_in_force = TimeInForce::Gtd;
                let instant = Timestamp::from_unix_nanos(number(instant));
                order.instructions.expires_at = Some(instant);
                after
            }
            ("post-only", after) => {
                order.instructions.post_only = true;
                after
            }
            (kind @ ("stop" | "profit"), [at, after @ ..]) => {
                let kind = match kind {
                    "stop" => TriggerKind::StopLoss,
                    _ => TriggerKind::TakeProfit,
                };
                let price = Price::from_ticks(number(at)).expect("in range");
                order.instructions.trigger = Some(Trigger { kind, price });
                after
            }
            (mode @ ("expire-taker" | "expire-maker" | "expire-both" | "decrement"), after) => {
                order.instructions.self_trade = self::mode(mode);
                after
            }
            ("funds", [funds, after @ ..]) => {
                order.funds = amount(funds);
                after
            }
            ("on", [name, after @ ..]) => {
                order.instrument = instrument(name);
                after
            }
            _ => panic!("what is {rest:?}?"),
        };
    }
    order
}

fn mode(word: &str) -> SelfTradePrevention {
    match word {
        "expire-taker" => SelfTradePrevention::ExpireTaker,
        "expire-maker" => SelfTradePrevention::ExpireMaker,
        "expire-both" => SelfTradePrevention::ExpireBoth,
        _ => SelfTradePrevention::Decrement,
    }
}

/// The outcome in the words of the tables.
fn told(out: &Outcome) -> String {
    let mut parts: Vec<String> = out.events.iter().map(event).collect();
    let mut book = None;
    for level in &out.levels {
        let side = if level.side == Side::Buy { "bid" } else { "ask" };
        let line = format!("{side} {} = {}", level.price.ticks(), level.total_lots);
        if book == Some(level.instrument) {
            let part = parts.last_mut().expect("the book's first level is there");
            write!(part, ", {line}").expect("a string takes all");
        } else {
            let name = if level.instrument == A { "A" } else { "B" };
            parts.push(format!("{name} {}: {line}", level.sequence));
        }
        book = Some(level.instrument);
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}

fn event(event: &BookEvent) -> String {
    match event {
        BookEvent::Fill(fill) => {
            let (verb, preposition) = match fill.maker_side {
                Side::Sell => ("buys", "from"),
                Side::Buy => ("sells", "to"),
            };
            let (trade, taker, maker) = (fill.trade.0, fill.taker, fill.maker);
            let (quantity, price) = (fill.quantity.lots(), fill.price.ticks());
            format!("trade {trade}: #{taker} {verb} {quantity} @ {price} {preposition} #{maker}")
        }
        BookEvent::Prevented(met) => {
            let (number, price) = (met.number, met.price.ticks());
            let (from_taker, from_maker) = (met.taker_prevented.lots(), met.maker_prevented.lots());
            let (taker, maker) = (met.taker, met.maker);
            format!(
                "prevented {number}: #{taker} loses {from_taker}, #{maker} loses {from_maker} \
                 @ {price}"
            )
        }
        BookEvent::Sleeps(order) => format!("#{order} sleeps"),
        BookEvent::Rested(rested) => {
            let (quantity, price) = (rested.remaining.lots(), rested.price.ticks());
            format!("#{} rests {quantity} @ {price}", rested.order)
        }
        BookEvent::Ended(end) => {
            let why = match end.reason {
                EndReason::Filled => "filled",
                EndReason::Cancelled => "cancelled",
                EndReason::ImmediateOrCancel => "immediate or cancel",
                EndReason::FillOrKill => "fill or kill",
                EndReason::Expired => "expired",
                EndReason::SelfTradePrevented => "prevented",
                EndReason::InsufficientLiquidity => "no liquidity",
                EndReason::PriceProtection => "price protection",
                EndReason::InsufficientFunds => "no funds",
                EndReason::SweepLimit => "sweep limit",
            };
            match end.remaining.lots() {
                0 => format!("#{} {why}", end.order),
                left => format!("#{} {why}, {left} left", end.order),
            }
        }
    }
}

#[test]
fn every_table_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the tables")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    let (mut failures, mut count) = (String::new(), 0);
    for file in files {
        let text = fs::read_to_string(&file).expect("a table");
        // A line of dashes begins again with empty books.
        let mut desk = None;
        for row in rows(&text.replace("\n---", "\n---|")) {
            if row.command.starts_with("---") {
                desk = None;
                continue;
            }
            let fresh = || Desk { books: books(), traders: Vec::new(), orders: 0 };
            let desk = desk.get_or_insert_with(fresh);
            let actual = desk.run(&row.command);
            count += 1;
            if actual != row.expected {
                let name = file.file_name().expect("a name").to_string_lossy();
                writeln!(
                    failures,
                    "{name}:{}: {}\n  expected {}\n  actual   {actual}",
                    row.line, row.command, row.expected
                )
                .expect("a string takes all");
            }
            desk.books.check_invariants().expect("good books");
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert!(count > 100, "only {count} rows were found");
}
