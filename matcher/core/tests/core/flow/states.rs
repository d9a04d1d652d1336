//! Changes of what markets are open for, in the random flows: now and then one is closed for a
//! while, and more seldom one is delisted, and another takes its place.

use model::{InstrumentId, MarketState as State, PriceBand, Span};

use super::{Command, Flow, STATES_SPARED};
use crate::setup::A;

impl Flow {
    /// A price band, mostly narrow and not for long.
    pub(super) fn band(&mut self) -> Option<PriceBand> {
        let nanos = |count: u64| Span::from_nanos(count);
        let reference_for = self.one_in(2).then(|| nanos(1 + self.below(40)));
        let width_bps = [5, 10, 20, 50, 200][self.below(5) as usize];
        let auction_for = nanos(1 + self.below(6));
        (!self.one_in(4)).then_some(PriceBand { width_bps, reference_for, auction_for })
    }

    /// A change of a market's state, or what follows from one; mostly nothing.
    pub(super) fn state_command(&mut self) -> Option<Command> {
        if let Some(instrument) = self.to_list.take() {
            return Some(Command::Protect(instrument, 500));
        }
        if self.to_uncross > 0 && self.one_in(2) {
            self.to_uncross -= 1;
            let most = if self.to_uncross > 0 { 1 + self.below(8) } else { 5_000 };
            return Some(Command::Uncross(most as usize));
        }
        if self.one_in(100) {
            return Some(Command::Uncross(5_000));
        }
        if self.one_in(30) {
            self.to_uncross = 4;
            return Some(Command::Reopen);
        }
        let which = self.below(2) as usize;
        let is_open = self.states[which] == State::Trading;
        if !is_open && self.one_in(5) {
            return Some(Command::PlaceDue);
        }
        if !self.one_in(if is_open { 120 } else { 30 }) {
            return None;
        }
        if self.is_large() && is_open && !self.one_in(STATES_SPARED) {
            return None;
        }
        let instrument = self.names[which];
        if self.last_listed > 2 && self.one_in(2) {
            let gone = InstrumentId(A.0 + self.below(u64::from(self.last_listed)) as u32);
            if !self.names.contains(&gone) {
                return Some(Command::SetState(gone, State::Trading));
            }
        }
        let state = match self.below(64) {
            _ if !is_open && !self.one_in(4) => State::Trading,
            0..24 => State::PreOpen,
            24..32 => State::PostOnly,
            32..46 => State::LimitOnly,
            46..52 => State::CancelOnly,
            52..60 => State::Halted,
            60..63 => State::Trading,
            _ => State::Delisted,
        };
        if self.states[which] == State::PreOpen {
            self.to_uncross = 6;
        }
        self.states[which] = state;
        if state == State::Delisted {
            self.last_listed += 1;
            self.names[which] = InstrumentId(self.last_listed);
            self.states[which] = State::Trading;
            self.to_list = Some(self.names[which]);
        }
        Some(Command::SetState(instrument, state))
    }
}
