//! When keys are looked at for expiry, earliest first.
//!
//! Most keys are kept equally long, so that each is due after all before it: these wait in a row.
//! Those that are due sooner than the last of the row wait in a heap.

use alloc::collections::{BinaryHeap, VecDeque};
use core::cmp::Reverse;

use model::{OrderId, Timestamp};

/// When a key is looked at. An order has one key, so no two are equal and the order of expiry does
/// not depend on where they wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) at: Timestamp,
    pub(super) order: OrderId,
    pub(super) place: u32,
}

/// All that are to be looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Dues {
    in_a_row: VecDeque<Due>,
    others: BinaryHeap<Reverse<Due>>,
}

impl Dues {
    pub(super) fn push(&mut self, due: Due) {
        if self.in_a_row.back().is_none_or(|last| *last < due) {
            self.in_a_row.push_back(due);
        } else {
            self.others.push(Reverse(due));
        }
    }

    /// All of them, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Due> {
        self.in_a_row.iter().chain(self.others.iter().map(|Reverse(due)| due))
    }

    /// The earliest.
    pub(super) fn first(&self) -> Option<Due> {
        let other = self.others.peek().map(|Reverse(due)| *due);
        match (self.in_a_row.front().copied(), other) {
            (Some(first), Some(other)) => Some(first.min(other)),
            (first, other) => first.or(other),
        }
    }

    /// Takes the earliest out where it is due before `now`.
    pub(super) fn pop_before(&mut self, now: Timestamp) -> Option<Due> {
        let first = self.first().filter(|due| due.at < now)?;
        if self.in_a_row.front() == Some(&first) {
            self.in_a_row.pop_front();
        } else {
            self.others.pop();
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_in_the_order_of_their_instants_whenever_they_were_pushed() {
        let due = |at, number| Due {
            at: Timestamp::from_unix_nanos(at),
            order: OrderId::from_number(number).expect("in range"),
            place: 0,
        };
        let mut dues = Dues::default();
        let pushed = [due(5, 1), due(3, 2), due(9, 3), due(9, 4), due(4, 5), due(9, 6), due(1, 7)];
        pushed.into_iter().for_each(|due| dues.push(due));
        let now = Timestamp::from_unix_nanos(9);
        let mut popped = Vec::new();
        while let Some(due) = dues.pop_before(now) {
            popped.push(due.order.number());
        }
        assert_eq!(popped, [7, 2, 5, 1]);
        assert_eq!(dues.first(), Some(due(9, 3)), "what is due now is not over yet");
    }
}
