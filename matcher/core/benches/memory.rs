//! What the core allocates: nothing in steady state, and how much an open order takes.
//!
//! `cargo bench -p tradespine-matcher-core --bench memory`

#![allow(missing_docs, unreachable_pub, reason = "a program")]

mod trading;

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use matcher_core::Outcome;

use trading::{Shape, Trading, run};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Commands on a book that has been through as many before; read the `alloc` and `grow` lines.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn steady_state(bencher: Bencher<'_, '_>) {
    let mut trading = Trading::new(Shape::realistic(10_000));
    let mut commands = trading.commands(2_000_000);
    let measured = commands.split_off(1_000_000);
    let (mut books, mut out) = (trading.books, Outcome::new());
    for command in &commands {
        run(&mut books, command, &mut out);
    }
    bencher.counter(ItemsCount::new(measured.len())).bench_local(|| {
        for command in &measured {
            run(&mut books, command, &mut out);
        }
    });
}

/// Building books with so many open orders: read the bytes of `max alloc` and divide. It includes
/// the bench's own list of ids, 8 bytes an order, and whatever growing tables hold at their worst.
#[divan::bench(args = [1_000_000], sample_count = 1, sample_size = 1)]
fn open_orders(bencher: Bencher<'_, '_>, resting: usize) {
    bencher.bench_local(|| Trading::new(Shape::realistic(resting)).books);
}
