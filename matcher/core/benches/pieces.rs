//! What a command costs in a long flow: by how much rests, in other shapes of book and flow, in a
//! sweep, and at worst. The flow is timed in short pieces and the cheapest tenth of them is told
//! beside the median, so that a busy machine spoils little.
//!
//! `cargo bench -p tradespine-matcher-core --bench pieces`

#![allow(missing_docs, unreachable_pub, reason = "a program")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures how long something took")]
#![expect(clippy::disallowed_types, reason = "a benchmark measures how long something took")]

mod trading;

use std::time::Instant;

use matcher_core::{FILLS_MAX, Outcome};
use model::TimeInForce;

use trading::{Command, Ends, Prices, Shape, Trading, run};

const COMMANDS: usize = 400_000;
const PIECE: usize = 500;

/// What others are measured by: how many orders rest in the normal flow.
const NORMAL: usize = 10_000;

fn main() {
    tell_mix();
    println!("nanoseconds a command: of the cheapest tenth of pieces, and of the median piece;");
    println!("and how much the cheapest tenth is of that with {NORMAL} resting orders");
    let (normal, _) = flow(Shape::realistic(NORMAL));
    for resting in [10, 1_000, NORMAL, 30_000, 100_000, 300_000, 1_000_000] {
        tell(&format!("{resting} resting"), flow(Shape::realistic(resting)), normal);
    }
    let shape = |resting, prices| Shape { prices, ..Shape::realistic(resting) };
    tell("one price a side", flow(shape(NORMAL, Prices::One)), normal);
    tell("100,000 levels", flow(shape(250_000, Prices::Even(50_000))), normal);
    tell("prices up to 2^38 away", flow(shape(NORMAL, Prices::Near(37))), normal);
    let ending = |resting, ends| Shape { ends, ..Shape::realistic(resting) };
    tell("nearly all cancelled", flow(ending(NORMAL, Ends::Fleeting)), normal);
    for resting in [NORMAL, 100_000, 1_000_000] {
        let name = format!("any cancelled, {resting}");
        tell(&name, flow(ending(resting, Ends::Any)), normal);
    }
    tell("a fill of 5,000", sweep(), normal);
    latencies();
}

/// What the normal flow consists of.
fn tell_mix() {
    let mut trading = Trading::new(Shape::realistic(NORMAL));
    let commands = trading.commands(COMMANDS);
    let share = |is_it: fn(&Command) -> bool| {
        100.0 * commands.iter().filter(|one| is_it(one)).count() as f64 / commands.len() as f64
    };
    let is_ioc = |one: &Command| match one {
        Command::Place(order) => order.time_in_force == TimeInForce::Ioc,
        _ => false,
    };
    let (mut books, mut out, mut trades) = (trading.books, Outcome::new(), 0);
    for command in &commands {
        run(&mut books, command, &mut out);
        trades += out.fills().count();
    }
    let trades = 100.0 * trades as f64 / commands.len() as f64;
    println!(
        "{:.1} % new (IOC {:.1} %), {:.1} % cancel, {:.1} % amend; {trades:.1} trades for 100 commands",
        share(|one| matches!(one, Command::Place(_))),
        share(is_ioc),
        share(|one| matches!(one, Command::Cancel(_))),
        share(|one| matches!(one, Command::Amend(..))),
    );
}

fn tell(name: &str, (tenth, median): (u128, u128), normal: u128) {
    println!("{name:>24}: {tenth:>4} {median:>4}   {:.1}", tenth as f64 / normal as f64);
}

fn tenth_and_median(mut nanos: Vec<u128>) -> (u128, u128) {
    nanos.sort_unstable();
    (nanos[nanos.len() / 10], nanos[nanos.len() / 2])
}

fn flow(shape: Shape) -> (u128, u128) {
    let mut trading = Trading::new(shape);
    let commands = trading.commands(COMMANDS);
    let (mut books, mut out) = (trading.books, Outcome::new());
    let mut nanos = Vec::with_capacity(COMMANDS / PIECE);
    for piece in commands.chunks_exact(PIECE) {
        let started = Instant::now();
        for command in piece {
            run(&mut books, command, &mut out);
        }
        nanos.push(started.elapsed().as_nanos() / PIECE as u128);
    }
    tenth_and_median(nanos)
}

fn sweep() -> (u128, u128) {
    let mut trading = Trading::new(Shape::realistic(100_000));
    let taker = trading.taking_all();
    let mut out = Outcome::new();
    let sweeps = (0..60).map(|_| {
        let mut books = trading.books.clone();
        let started = Instant::now();
        run(&mut books, &taker, &mut out);
        let nanos = started.elapsed().as_nanos();
        assert_eq!(out.fills().count(), FILLS_MAX);
        nanos / FILLS_MAX as u128
    });
    tenth_and_median(sweeps.collect())
}

/// Each command by itself; looking at the clock is part of every figure.
fn latencies() {
    let mut trading = Trading::new(Shape::realistic(NORMAL));
    let commands = trading.commands(COMMANDS);
    let (mut books, mut out) = (trading.books, Outcome::new());
    let mut nanos = Vec::with_capacity(COMMANDS);
    for command in &commands {
        let started = Instant::now();
        run(&mut books, command, &mut out);
        nanos.push(started.elapsed().as_nanos());
    }
    nanos.sort_unstable();
    let at = |of_thousand: usize| nanos[nanos.len() * of_thousand / 1_000];
    let (half, most, rare) = (at(500), at(990), at(999));
    println!("one command, {NORMAL} resting: p50 {half}, p99 {most}, p99.9 {rare}");
}
