//! Runs the tables in `tests/rules/`: one command a row, what it must do in the last column.
//!
//! A row that is too long goes on in lines that begin with `|`. `#` begins a comment where a line
//! begins with it. How a row reads is told at the top of `tests/rules/priority.txt`. The files
//! `conformance_*.txt` hold sequences that have names, and all of them must be there.

use std::{fmt::Write, fs, path::Path};

use matcher_core::{
    BookEvent, Books, End, EndReason, Interrupted, NewOrder, Outcome, Pending, Size,
};
use model::{
    AccountHandle, Amount, FeeAsset, FeeRate, Fees, InstrumentId, MarketState, OrderFilter,
    OrderId, Price, PriceBand, SelfTradePrevention, Side, Span, TimeInForce, Timestamp, Trailing,
    Trigger, TriggerKind,
};

use crate::{
    filter_words::filters,
    flow::{Refusal, filters::takes, in_naive_amend_refusal, in_naive_refusal, lists::place_due},
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
        if let Some(command) = command.strip_prefix("briefly ") {
            return brief(&self.run(command));
        }
        if let Some((count, command)) = command.split_once(" times ") {
            let first = self.orders + 1;
            (0..number(count)).for_each(|_| drop(self.run(command)));
            return format!("#{first} to #{}", self.orders);
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut out = Outcome::new();
        match words[..] {
            ["book"] => return self.depth(A),
            ["book", name] => return self.depth(instrument(name)),
            ["protection", bps] => {
                assert!(self.books.list(plain(A, u32::try_from(number(bps)).expect("small"))));
                return "changed".to_owned();
            }
            ["filter", ref bounds @ ..] => {
                let instrument = self.books.instrument(A).expect("it is listed").clone();
                let filtering = instrument.filtering(filters(bounds)).expect("they make sense");
                assert!(self.books.list(filtering));
                return "changed".to_owned();
            }
            ["band", ref numbers @ ..] => {
                let instrument = self.books.instrument(A).expect("it is listed").clone();
                assert!(self.books.list(instrument.banding(band(numbers)).expect("a band")));
                return "changed".to_owned();
            }
            ["reopen"] => {
                let Some(reopened) = self.books.reopen() else { return "nothing".to_owned() };
                let opens_at = self.books.interruption(reopened.instrument);
                return match (opens_at, reopened.state) {
                    (Some(stands), _) => format!("not before {}", stands.opens_at.unix_nanos()),
                    (None, MarketState::Auction) => "auction".to_owned(),
                    (None, _) => "open".to_owned(),
                };
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
            ["go-on"] if self.books.end_closed_woken(&mut out) => {}
            ["go-on"] => match self.books.next_woken(&mut out) {
                Some(order) => self.books.place(&order, &mut out),
                None => return "nobody".to_owned(),
            },
            ["due"] if !self.books.has_due() => return "nobody".to_owned(),
            ["due"] => place_due(&mut self.books, &mut out),
            ["state", name, state] => {
                let set = self.books.set_market_state(instrument(name), market_state(state));
                return match (set, self.books.market_state(self::instrument(name))) {
                    (Err(_), _) => "refused".to_owned(),
                    (Ok(()), Some(MarketState::Auction)) => "auction".to_owned(),
                    (Ok(()), _) => "changed".to_owned(),
                };
            }
            ["uncross", ref most @ ..] => {
                let most = most.first().map_or(usize::MAX, |most| number(most) as usize);
                let step = self.books.uncross(most, &mut out);
                let Some(step) = step else { return "no auction".to_owned() };
                let told = told(&out);
                let is_done = step.state != MarketState::Auction;
                return format!("{told}; {}", if is_done { "open" } else { "more" });
            }
            ["indication"] => {
                let found = self.books.indication(A);
                return found.map_or_else(
                    || "none".to_owned(),
                    |found| {
                        let (price, volume) = (found.price.ticks(), found.volume);
                        format!("{volume} @ {price}, {:+} left", found.surplus)
                    },
                );
            }
            ["orders", name] => {
                let trader = AccountHandle(self.trader(name));
                return self.books.open_count(trader).to_string();
            }
            ["cancel", order] => {
                let order = named(order);
                if !self.books.cancel(order, &mut out) {
                    assert_eq!(out, Outcome::new());
                    return "unknown".to_owned();
                }
            }
            ["amend", order, "to", quantity] => {
                let order = named(order);
                let amended = self.books.amend(order, lots(number(quantity)), &mut out);
                if let Err(refused) = amended {
                    assert_eq!(out, Outcome::new());
                    return format!("refused: {}", in_naive_amend_refusal(refused));
                }
            }
            [name, "group", group] => {
                let trader = AccountHandle(self.trader(name));
                self.books.set_group(trader, Some(number(group)).filter(|group| *group > 0));
                return "changed".to_owned();
            }
            ["kill", ref only @ ..] => self.books.kill(None, filter(only).instrument, &mut out),
            [name, "kill", ref only @ ..] => {
                let trader = AccountHandle(self.trader(name));
                self.books.kill(Some(trader), filter(only).instrument, &mut out);
            }
            [name, "close", ref only @ ..] => {
                let trader = AccountHandle(self.trader(name));
                self.books.close(trader, filter(only).instrument, &mut out);
            }
            [name, "cancel-all", ref only @ ..] => {
                let trader = AccountHandle(self.trader(name));
                self.books.cancel_matching(trader, &filter(only), &mut out);
            }
            [name, "list", ref orders @ ..] => {
                let trader = self.trader(name);
                if let Err(refused) = self.place_list(trader, orders, &mut out) {
                    return format!("#{} refused: {refused}", self.orders);
                }
            }
            [name, side, ref terms @ ..] => {
                let trader = self.trader(name);
                self.orders += 1;
                let order = order(self.orders, trader, self::side(side), terms);
                if let Err(refused) = self.check(&order) {
                    return format!("#{} refused: {refused}", order.id);
                }
                self.books.place(&order, &mut out);
            }
            _ => panic!("what is {command:?}?"),
        }
        told(&out)
    }

    /// What refuses an order that comes alone, or first of those that wait for it.
    fn check(&self, order: &NewOrder) -> Result<(), Refusal> {
        takes(&self.books, &[*order])?;
        self.books.check_order(order).map_err(in_naive_refusal)
    }

    /// Two orders beside each other, or one and, after `then`, what waits for it.
    fn place_list(
        &mut self,
        trader: u32,
        words: &[&str],
        out: &mut Outcome,
    ) -> Result<(), Refusal> {
        self.orders += 1;
        let mut leg = 0;
        let orders: Vec<NewOrder> = words
            .split(|word| ["or", "then"].contains(word))
            .map(|words| {
                leg += 1;
                let order = order(self.orders, trader, side(words[0]), &words[1..]);
                NewOrder { id: id(self.orders).with_leg(leg).expect("at most three"), ..order }
            })
            .collect();
        takes(&self.books, &orders)?;
        match (&orders[..], words.contains(&"then")) {
            ([one, other], false) => {
                let pair = [*one, *other];
                self.books.check_pending(&Pending::Pair(pair)).map_err(in_naive_refusal)?;
                self.books.place_pair(&pair, out);
            }
            ([working, pending @ ..], true) => {
                let pending = match *pending {
                    [one] => Pending::One(one),
                    [one, other] => Pending::Pair([one, other]),
                    _ => panic!("one or two can wait"),
                };
                self.check(working)?;
                self.books.place_working(working, pending, out);
            }
            _ => panic!("what is {words:?}?"),
        }
        Ok(())
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

/// The order `#4`, the second of the list `#4`, which is `#4.2`, or that list.
fn named(word: &str) -> OrderId {
    let word = word.trim_start_matches('#');
    let Some((record, leg)) = word.split_once('.') else { return id(number(word)) };
    id(number(record)).with_leg(leg.parse().expect("a leg")).expect("at most three")
}

/// How the tables call an order: one of a list by the list and its place there.
fn tag(id: OrderId) -> String {
    match id.leg() {
        0 => id.to_string(),
        leg => format!("{}.{leg}", id.record()),
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

fn market_state(word: &str) -> MarketState {
    match word {
        "trading" => MarketState::Trading,
        "post-only" => MarketState::PostOnly,
        "limit-only" => MarketState::LimitOnly,
        "cancel-only" => MarketState::CancelOnly,
        "halted" => MarketState::Halted,
        "delisted" => MarketState::Delisted,
        "pre-open" => MarketState::PreOpen,
        "auction" => MarketState::Auction,
        "volatility-auction" => MarketState::VolatilityAuction,
        _ => panic!("{word:?} is no state"),
    }
}

fn instrument(name: &str) -> InstrumentId {
    match name {
        "A" => A,
        "B" => B,
        _ => panic!("no instrument {name:?}"),
    }
}

/// `500 auction 10` and, where a reference is not one until the next auction, `reference 30`;
/// `none`.
fn band(words: &[&str]) -> Option<PriceBand> {
    let span = |word: &str| Span::from_nanos(number(word));
    let (width, auction, reference_for) = match *words {
        [width, "auction", auction] => (width, auction, None),
        [width, "auction", auction, "reference", reference] => {
            (width, auction, Some(span(reference)))
        }
        _ => return None,
    };
    let width_bps = u32::try_from(number(width)).expect("small");
    Some(PriceBand { width_bps, reference_for, auction_for: span(auction) })
}

/// `on A`, `buys`, `sells`, `from 5`, `to 9`, in any order.
fn filter(words: &[&str]) -> OrderFilter {
    let ticks = |word: &str| Price::from_ticks(number(word)).ok();
    let mut filter = OrderFilter::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "on" => filter.instrument = words.next().map(|name| instrument(name)),
            "from" => filter.price_from = words.next().and_then(|word| ticks(word)),
            "to" => filter.price_to = words.next().and_then(|word| ticks(word)),
            word => filter.side = Some(side(word)),
        }
    }
    filter
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
            ("show", [display, after @ ..]) => {
                order.instructions.display = Some(lots(number(display)));
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
            ("trail", [kind @ ("stop" | "profit"), delta, after @ ..]) => {
                let kind = match *kind {
                    "stop" => TriggerKind::StopLoss,
                    _ => TriggerKind::TakeProfit,
                };
                let delta = u32::try_from(number(delta)).expect("small");
                order.instructions.trailing = Trailing::new(kind, delta);
                assert!(order.instructions.trailing.is_some(), "{delta} is out of range");
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
            ("as", [name, after @ ..]) => {
                order.id = id(number(name.trim_start_matches('#')));
                after
            }
            ("fee", [millionths, after @ ..]) => {
                order.fees = taker_fee(millionths);
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

/// A schedule that charges takers so many millionths in the quote asset.
fn taker_fee(millionths: &str) -> Fees {
    let millionths = i32::try_from(number(millionths)).expect("small");
    let rate = FeeRate::from_millionths(millionths).expect("in range");
    Fees::new(FeeRate::FREE, rate, FeeAsset::Quote).expect("a schedule")
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
        if book == Some((level.instrument, level.sequence)) {
            let part = parts.last_mut().expect("the book's first level is there");
            write!(part, ", {line}").expect("a string takes all");
        } else {
            let name = if level.instrument == A { "A" } else { "B" };
            parts.push(format!("{name} {}: {line}", level.sequence));
        }
        book = Some((level.instrument, level.sequence));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}

/// Trades counted instead of told, and the ends of their makers left out.
fn brief(told: &str) -> String {
    let (mut trades, mut total, mut makers, mut rest) = (0, 0, Vec::new(), Vec::new());
    for part in told.split("; ") {
        let words: Vec<&str> = part.split_whitespace().collect();
        match words[..] {
            ["trade", _, _, _, quantity, "@", _, _, maker] => {
                trades += 1;
                total += number(quantity);
                makers.push(number(maker.trim_start_matches('#')));
            }
            [order, "filled"] if makers.last() == Some(&number(order.trim_start_matches('#'))) => {}
            _ => rest.push(part),
        }
    }
    assert!(makers.is_sorted(), "the makers are out of turn: {makers:?}");
    let (first, last) = (makers.first().unwrap_or(&0), makers.last().unwrap_or(&0));
    let rest = rest.join("; ");
    format!("{trades} trades of {total} in all, makers #{first} to #{last} in turn; {rest}")
}

fn event(event: &BookEvent) -> String {
    match event {
        BookEvent::Fill(fill) => {
            let (verb, preposition) = match fill.maker_side {
                Side::Sell => ("buys", "from"),
                Side::Buy => ("sells", "to"),
            };
            let (trade, taker, maker) = (fill.trade.0, tag(fill.taker), tag(fill.maker));
            let (quantity, price) = (fill.quantity.lots(), fill.price.ticks());
            format!("trade {trade}: #{taker} {verb} {quantity} @ {price} {preposition} #{maker}")
        }
        BookEvent::Prevented(met) => {
            let (number, price) = (met.number, met.price.ticks());
            let (from_taker, from_maker) = (met.taker_prevented.lots(), met.maker_prevented.lots());
            let (taker, maker) = (tag(met.taker), tag(met.maker));
            format!(
                "prevented {number}: #{taker} loses {from_taker}, #{maker} loses {from_maker} \
                 @ {price}"
            )
        }
        BookEvent::Sleeps(order) => format!("#{} sleeps", tag(*order)),
        BookEvent::Amended(amended) => {
            let (quantity, left) = (amended.quantity.lots(), amended.remaining.lots());
            format!("#{} asks for {quantity}, {left} left", tag(amended.order))
        }
        BookEvent::Rested(rested) => {
            let (quantity, price) = (rested.remaining.lots(), rested.price.ticks());
            let shown = match rested.shown {
                all if all == rested.remaining => String::new(),
                part => format!(", shows {}", part.lots()),
            };
            format!("#{} rests {quantity} @ {price}{shown}", tag(rested.order))
        }
        BookEvent::Refilled(refill) => {
            format!("#{} shows {}", tag(refill.order), refill.shown.lots())
        }
        BookEvent::Interrupted(stopped) => {
            let Interrupted { instrument, reference, opens_at } = stopped;
            let name = if *instrument == A { "A" } else { "B" };
            let (reference, opens_at) = (reference.ticks(), opens_at.unix_nanos());
            format!("{name} stops until {opens_at}, around {reference}")
        }
        BookEvent::Dropped(end) => format!("{}, not placed", ended(end)),
        BookEvent::Ended(end) => ended(end),
    }
}

fn ended(end: &End) -> String {
    let why = match end.reason {
        EndReason::Filled => "filled",
        EndReason::Cancelled => "cancelled",
        EndReason::ImmediateOrCancel => "immediate or cancel",
        EndReason::FillOrKill => "fill or kill",
        EndReason::Expired => "expired",
        EndReason::Closed => "closed",
        EndReason::Killed => "killed",
        EndReason::SelfTradePrevented => "prevented",
        EndReason::InsufficientLiquidity => "no liquidity",
        EndReason::PriceProtection => "price protection",
        EndReason::InsufficientFunds => "no funds",
        EndReason::SweepLimit => "sweep limit",
        EndReason::OrderList => "order list",
        EndReason::WouldTake => "would take",
        EndReason::WouldTrigger => "would trigger",
        EndReason::ListPrices => "list prices",
        EndReason::TooManyParts => "too many parts",
        EndReason::Delisted => "delisted",
        EndReason::PriceBand => "price band",
        EndReason::MarketState => "market state",
    };
    match end.remaining.lots() {
        0 => format!("#{} {why}", tag(end.order)),
        left => format!("#{} {why}, {left} left", tag(end.order)),
    }
}

/// The sequences by which order books are commonly told to be right or wrong, in
/// `conformance_book.txt`.
const COMMON: [&str; 34] = [
    "cancel middle then sweep",
    "cancel head then sweep",
    "deep fifo scattered cancel",
    "multi level ioc sweep",
    "exact multilevel boundary",
    "sweep residual becomes bbo",
    "modify into cross",
    "modify into cross price improvement",
    "modify shared level sibling survives",
    "partial fill then cancel",
    "modify partially filled residual",
    "full fill then stale cancel",
    "stale modify after full fill",
    "fifo priority",
    "two level cancel sell priority",
    "reuse id after cancel",
    "reuse id after full fill",
    "taker price both directions",
    "same level full double consume",
    "post sweep book health",
    "price priority both sides reverse arrival",
    "cancel best level minimal reprobe",
    "cancel best ask minimal reprobe",
    "cancel empties entire side then refill",
    "ioc partial fill must not rest",
    "limit order stops at own price",
    "partial fill exact residual drain",
    "fifo same price multi aggressor",
    "cancel never issued id",
    "stale ops after cancel",
    "wide in domain price ceiling",
    "large order id ceiling",
    "deep recursive sweep 5000",
    "phantom trade exact exhaust",
];

/// Those for what the common ones cannot reach, in `conformance_beyond.txt`.
const BEYOND: [&str; 16] = [
    "fok takes all levels or none",
    "fok counts the makers of one level together",
    "fok leaves no trace where it fails",
    "fok does not count its own orders",
    "fok on an empty book",
    "market order on an empty book",
    "market order never rests",
    "market order by amount spends no more",
    "market order by amount ends without one lot",
    "market order stops at the price protection",
    "level total beyond 32 bits",
    "notional beyond 64 bits",
    "one instant before its end an order trades",
    "time does not go back",
    "what ends at one instant ends by entry",
    "what is over and not yet ended does not trade",
];

/// Every table with its text, in order of its name.
fn tables() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let files = fs::read_dir(folder).expect("the tables");
    let mut tables: Vec<_> = files
        .map(|file| {
            let file = file.expect("a file");
            let text = fs::read_to_string(file.path()).expect("a table");
            // A line of dashes begins again with empty books.
            (file.file_name().to_string_lossy().into_owned(), text.replace("\n---", "\n---|"))
        })
        .collect();
    tables.sort();
    tables
}

/// Runs every row of a table, from an image before each where it `restarts`; tells what failed, and
/// how many rows there were.
fn run_table(name: &str, text: &str, restarts: bool) -> (String, usize) {
    let (mut failures, mut count) = (String::new(), 0);
    let mut desk = None;
    for row in rows(text) {
        if row.command.starts_with("---") {
            desk = None;
            continue;
        }
        let fresh = || Desk { books: books(), traders: Vec::new(), orders: 0 };
        let desk = desk.get_or_insert_with(fresh);
        if restarts {
            desk.restore();
        }
        let actual = desk.run(&row.command);
        count += 1;
        if actual != row.expected {
            writeln!(
                failures,
                "{name}:{}: {}\n  expected {}\n  actual   {actual}",
                row.line, row.command, row.expected
            )
            .expect("a string takes all");
        }
        desk.books.check_invariants().expect("good books");
    }
    (failures, count)
}

#[test]
fn every_table_holds() {
    let (mut failures, mut total) = (String::new(), 0);
    for (name, text) in tables() {
        let (failed, count) = run_table(&name, &text, false);
        failures += &failed;
        total += count;
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert!(total > 100, "only {total} rows were found");
}

#[test]
fn every_table_holds_with_a_restart_before_each_row() {
    let failures = tables().into_iter().map(|(name, text)| run_table(&name, &text, true).0);
    let failures: String = failures.collect();
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_sequence_is_there_once_under_its_name() {
    let tables = tables().into_iter().filter(|(name, _)| name.starts_with("conformance"));
    let sequences = tables.flat_map(|(_, text)| rows(&text)).filter(|row| row.command == "---");
    let mut found: Vec<String> = sequences.map(|row| row.expected).collect();
    found.sort();
    let mut named = [&COMMON[..], &BEYOND].concat();
    named.sort_unstable();
    assert_eq!(found, named);
}
