//! Commands a second of the core, events produced, one thread: by how much rests, and for sweeps.
//!
//! `cargo bench -p tradespine-matcher-core --bench flow`

#![allow(missing_docs, unreachable_pub, reason = "a program")]

mod trading;

use divan::{Bencher, counter::ItemsCount};
use matcher_core::{Books, Outcome};

use trading::{Command, Prices, Shape, Trading, run};

fn main() {
    divan::main();
}

const COMMANDS: usize = 100_000;

fn bench(bencher: Bencher<'_, '_>, shape: Shape) {
    let mut trading = Trading::new(shape);
    let commands = trading.commands(COMMANDS);
    let books = trading.books;
    let mut out = Outcome::new();
    bencher
        .counter(ItemsCount::new(commands.len()))
        .with_inputs(|| books.clone())
        .bench_local_refs(|books| run_all(books, &commands, &mut out));
}

fn run_all(books: &mut Books, commands: &[Command], out: &mut Outcome) {
    for command in commands {
        run(books, command, out);
    }
}

/// The realistic flow; distances up to 4,096 ticks.
#[divan::bench(args = [10, 1_000, 10_000, 100_000, 1_000_000], sample_count = 20)]
fn realistic(bencher: Bencher<'_, '_>, resting: usize) {
    bench(bencher, Shape::realistic(resting));
}

/// The same spread over up to 2^19 ticks: tens of thousands of levels.
#[divan::bench(args = [100_000, 1_000_000], sample_count = 20)]
fn far_apart(bencher: Bencher<'_, '_>, resting: usize) {
    bench(bencher, Shape { prices: Prices::Near(19), ..Shape::realistic(resting) });
}

/// Fills a second in sweeps of as many trades as one command may make.
#[divan::bench(sample_count = 20)]
fn sweep(bencher: Bencher<'_, '_>) {
    let mut trading = Trading::new(Shape::realistic(100_000));
    let taker = trading.taking_all();
    let books = trading.books;
    let mut out = Outcome::new();
    bencher
        .counter(ItemsCount::new(matcher_core::FILLS_MAX))
        .with_inputs(|| books.clone())
        .bench_local_refs(|books| {
            run(books, &taker, &mut out);
            assert_eq!(out.fills().count(), matcher_core::FILLS_MAX);
        });
}
