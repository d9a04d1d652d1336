//! What a command costs in a long flow, by how much rests: the flow is timed in short pieces and
//! the cheapest tenth of them is told beside the median, so that a busy machine spoils little.
//!
//! `cargo bench -p tradespine-matcher-core --bench pieces`

#![allow(missing_docs, unreachable_pub, reason = "a program")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures how long something took")]
#![expect(clippy::disallowed_types, reason = "a benchmark measures how long something took")]

mod trading;

use std::time::Instant;

use matcher_core::Outcome;

use trading::{Trading, run};

const COMMANDS: usize = 400_000;
const PIECE: usize = 500;

fn main() {
    println!("nanoseconds a command: of the cheapest tenth of pieces, and of the median piece");
    for resting in [10, 1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000] {
        let mut trading = Trading::new(resting, 12);
        let commands = trading.commands(COMMANDS, 12);
        let (mut books, mut out) = (trading.books, Outcome::new());
        let mut nanos: Vec<u128> = Vec::with_capacity(COMMANDS / PIECE);
        for piece in commands.chunks_exact(PIECE) {
            let started = Instant::now();
            for command in piece {
                run(&mut books, command, &mut out);
            }
            nanos.push(started.elapsed().as_nanos() / PIECE as u128);
        }
        nanos.sort_unstable();
        let (tenth, median) = (nanos[nanos.len() / 10], nanos[nanos.len() / 2]);
        println!("{resting:>9} resting: {tenth:>4} {median:>4}   ({} at the end)", books.len());
    }
}
