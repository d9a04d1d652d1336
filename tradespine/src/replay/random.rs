//! A seeded random market in the shape of a recording: a price that walks, levels that come and go,
//! trades at the touch.

use model::{Price, Quantity, Side};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{
    feed::{Frame, Levels},
    recorded,
};

/// How many frames are made where nobody says.
const FRAMES_DEFAULT: u64 = 1_000;

/// Nanoseconds between two frames: as a recording's depth frames come.
const FRAME_EVERY_NANOS: u64 = 100_000_000;

/// Levels a side, in ticks from the middle.
const WIDTH_TICKS: u64 = 200;

/// A random market.
pub struct RandomMarket {
    random: Pcg64Mcg,
    frames_left: u64,
    made: u64,
    middle_ticks: u64,
    book: recorded::Levels,
    update: u64,
}

impl RandomMarket {
    /// The market of this seed, for so many depth frames.
    pub fn new(seed: u64, frames: Option<u64>) -> RandomMarket {
        RandomMarket {
            random: Pcg64Mcg::seed_from_u64(seed),
            frames_left: frames.unwrap_or(FRAMES_DEFAULT) + 1,
            made: 0,
            middle_ticks: 6_180_000,
            book: recorded::Levels::default(),
            update: 0,
        }
    }

    /// The next frame; `None` at the end.
    pub fn next(&mut self) -> Option<(u64, Frame)> {
        if self.frames_left == 0 {
            return None;
        }
        self.made += 1;
        let at_nanos = self.made * FRAME_EVERY_NANOS / 4;
        let is_trade = self.made > 1 && !self.made.is_multiple_of(4);
        let trade = if is_trade { self.trade() } else { None };
        Some((at_nanos, trade.unwrap_or_else(|| self.depth())))
    }

    fn trade(&mut self) -> Option<Frame> {
        let taker = if self.random.random_bool(0.5) { Side::Buy } else { Side::Sell };
        let [bids, asks] = self.book.top(1);
        let (price, total) = *match taker {
            Side::Buy => asks.first()?,
            Side::Sell => bids.first()?,
        };
        let lots = self.random.random_range(1..=total.lots());
        let quantity = Quantity::from_lots(lots).ok()?;
        Some(Frame::Trade { taker, price, quantity })
    }

    fn depth(&mut self) -> Frame {
        self.frames_left -= 1;
        self.update += 1;
        let step = self.random.random_range(0..=20);
        self.middle_ticks = self.middle_ticks + step - 10;
        let mut levels = self.removals();
        for _ in 0..20 {
            levels.extend(self.level());
        }
        for (side, price, total) in &levels {
            self.book.set(*side, *price, *total);
        }
        let last_update = self.update;
        if last_update == 1 {
            Frame::Snapshot { last_update, levels }
        } else {
            Frame::Depth { first_update: last_update, last_update, levels }
        }
    }

    /// Levels that the middle has passed must go.
    fn removals(&self) -> Levels {
        let [bids, asks] = self.book.top(usize::MAX);
        let crossed_bids = bids.into_iter().filter(|(price, _)| price.ticks() >= self.middle_ticks);
        let crossed_asks = asks.into_iter().filter(|(price, _)| price.ticks() <= self.middle_ticks);
        let bids = crossed_bids.map(|(price, _)| (Side::Buy, price, Quantity::ZERO));
        bids.chain(crossed_asks.map(|(price, _)| (Side::Sell, price, Quantity::ZERO))).collect()
    }

    fn level(&mut self) -> Option<(Side, Price, Quantity)> {
        let away = self.random.random_range(1..WIDTH_TICKS);
        let (side, ticks) = if self.random.random_bool(0.5) {
            (Side::Buy, self.middle_ticks - away)
        } else {
            (Side::Sell, self.middle_ticks + away)
        };
        let lots =
            if self.random.random_bool(0.3) { 0 } else { self.random.random_range(1..200_000) };
        Some((side, Price::from_ticks(ticks).ok()?, Quantity::from_lots(lots).ok()?))
    }
}
