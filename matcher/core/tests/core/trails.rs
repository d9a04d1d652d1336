//! Many orders that trail at once: the core and the naive implementation say the same of all of
//! them, whatever is cancelled in between and however the price goes.

use matcher_core::NewOrder;
use model::{Side, Trailing, Trigger, TriggerKind};
use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    compare::{Pair, Seen},
    flow::Command,
    setup::{books, limit, price},
};

struct Market {
    pair: Pair<matcher_core::Books>,
    seen: Seen,
    random: Pcg64,
    next: u64,
}

impl Market {
    fn step(&mut self, command: Command) {
        self.pair.step(command, &mut self.seen).unwrap_or_else(|why| panic!("{command:?}: {why}"));
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    fn place(&mut self, account: u32, side: Side, ticks: u64) -> NewOrder {
        self.next += 1;
        limit(self.next, account, side, 1, ticks)
    }

    /// An order that never trades once it wakes, so that all that happens is waking.
    fn follower(&mut self, at: u64) {
        let side = if self.below(2) == 0 { Side::Buy } else { Side::Sell };
        let kind = [TriggerKind::StopLoss, TriggerKind::TakeProfit][self.below(2) as usize];
        let mut order = self.place(1, side, if side == Side::Buy { 1 } else { 1 << 30 });
        let delta = 1 + self.below(900) as u32;
        order.instructions.trailing = Trailing::new(kind, delta);
        if self.below(3) == 0 {
            let rises = (kind == TriggerKind::StopLoss) == (side == Side::Buy);
            let away = 1 + self.below(200);
            let ticks = if rises { at + away } else { at - away };
            order.instructions.trigger = Some(Trigger { kind, price: price(ticks) });
        }
        self.step(Command::Place(order));
    }

    fn trade(&mut self, ticks: u64) {
        let offer = self.place(2, Side::Sell, ticks);
        self.step(Command::Place(offer));
        let bid = self.place(3, Side::Buy, ticks);
        self.step(Command::Place(bid));
    }
}

#[test]
fn a_thousand_that_trail_do_as_the_naive_one_says() {
    for seed in 0..4 {
        let random = Pcg64::seed_from_u64(seed);
        let mut market = Market { pair: Pair::of(books()), seen: Seen::new(), random, next: 0 };
        let mut at = 10_000_u64;
        for _ in 0..3_000 {
            match market.below(100) {
                0..50 => market.follower(at),
                50..60 => {
                    let recent = 1 + market.below(400);
                    let number = market.next.saturating_sub(recent);
                    market.step(Command::Cancel(number));
                }
                60..98 => {
                    // Mostly small steps, now and then a jump; in even seeds rather up than down.
                    let reach = if market.below(40) == 0 { 900 } else { 30 };
                    let step = market.below(2 * reach + 1) + seed % 2;
                    at = (at + step).saturating_sub(reach).clamp(5_000, 20_000);
                    market.trade(at);
                }
                98 => market.pair.restore().expect("a good image"),
                _ => {
                    while market.pair.has_woken() {
                        market.step(Command::GoOn);
                    }
                }
            }
        }
        println!("seed {seed}: {:?}", market.seen);
        assert!(market.seen["goes on"] > 300, "too few woke: {:?}", market.seen);
    }
}
