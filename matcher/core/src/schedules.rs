//! The fee schedules of open orders.
//!
//! An order is charged by the schedule under which it was accepted, for as long as it is open; a
//! shard has few schedules at a time and many orders. So an order keeps the number of its schedule,
//! in the 8 bits that its account's number leaves, and here is how many orders have each.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};

use model::{AccountHandle, Fees};

use crate::Books;

/// The most schedules at a time, beside the one that charges nothing: what 8 bits number.
pub(crate) const SCHEDULES_MAX: usize = 255;

/// The number of the schedule that charges nothing. It has no row.
pub(crate) const FREE: u8 = 0;

/// Whose an order is, and under which schedule: 24 bits and 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u32);

impl Owner {
    /// An order of this account, below [`ACCOUNTS_END`](crate::ACCOUNTS_END), that is not charged.
    pub(crate) const fn new(account: u32) -> Owner {
        Owner(account)
    }

    pub(crate) const fn account(self) -> u32 {
        self.0 & 0x00ff_ffff
    }

    pub(crate) const fn schedule(self) -> u8 {
        let [schedule, ..] = self.0.to_be_bytes();
        schedule
    }

    pub(crate) const fn under(self, schedule: u8) -> Owner {
        let [_, high, middle, low] = self.0.to_be_bytes();
        Owner(u32::from_be_bytes([schedule, high, middle, low]))
    }
}

/// The schedules that open orders have, by number from 1, each with how many have it. A row without
/// orders is free.
#[derive(Clone, Debug)]
pub(crate) struct Schedules {
    rows: Vec<(Fees, u32)>,
}

impl Schedules {
    pub(crate) const fn new() -> Schedules {
        Schedules { rows: Vec::new() }
    }

    /// The schedule of this number.
    pub(crate) fn get(&self, number: u8) -> Fees {
        match usize::from(number).checked_sub(1) {
            None => Fees::NONE,
            Some(row) => self.rows[row].0,
        }
    }

    /// Whether one more order can have it.
    pub(crate) fn has_room(&self, fees: &Fees) -> bool {
        *fees == Fees::NONE || self.row_for(fees).is_some_and(|row| row < SCHEDULES_MAX)
    }

    /// One order more has this schedule: under which number. There is room.
    pub(crate) fn enter(&mut self, fees: Fees) -> u8 {
        if fees == Fees::NONE {
            return FREE;
        }
        let row = self.row_for(&fees).expect("a row can be added");
        if row == self.rows.len() {
            self.rows.push((fees, 0));
        }
        self.rows[row].0 = fees;
        self.rows[row].1 += 1;
        u8::try_from(row + 1).expect("there is room")
    }

    /// One order less has the schedule of this number.
    pub(crate) fn leave(&mut self, number: u8) {
        if let Some(row) = usize::from(number).checked_sub(1) {
            self.rows[row].1 -= 1;
        }
    }

    /// The number of a schedule that some order has.
    pub(crate) fn number_of(&self, fees: &Fees) -> u8 {
        let row = self.rows.iter().position(|row| row.1 > 0 && row.0 == *fees);
        row.map_or(FREE, |row| u8::try_from(row + 1).expect("there was room"))
    }

    /// The row that has it, or else the first that is free, or else the next to be added.
    fn row_for(&self, fees: &Fees) -> Option<usize> {
        let has_it = |row: &(Fees, u32)| row.1 > 0 && row.0 == *fees;
        let known = self.rows.iter().position(has_it);
        let free = || self.rows.iter().position(|row| row.1 == 0);
        known.or_else(free).or(Some(self.rows.len()))
    }
}

impl Books {
    /// Whether each schedule is counted by as many orders as have it.
    pub(crate) fn check_schedules(&self) -> Result<(), String> {
        let accounts = (0..self.accounts_end()).map(AccountHandle);
        let mut counted: BTreeMap<Fees, u32> = BTreeMap::new();
        for account in accounts {
            let resting = self.orders_of(account).map(|order| order.fees);
            let asleep = self.sleepers_of(account).map(|sleeper| sleeper.order.fees);
            for fees in resting.chain(asleep).filter(|fees| *fees != Fees::NONE) {
                *counted.entry(fees).or_default() += 1;
            }
        }
        let lists = self.image().lists;
        let pending = lists.iter().flat_map(|list| list.link.pending()).map(|order| order.fees);
        for fees in pending.filter(|fees| *fees != Fees::NONE) {
            *counted.entry(fees).or_default() += 1;
        }
        let rows = self.orders.schedules.rows.iter().filter(|row| row.1 > 0);
        if counted == rows.copied().collect() {
            return Ok(());
        }
        Err("the schedules are not counted by the orders that have them".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use model::{FeeAsset, FeeRate};

    use super::*;

    fn fees(taker: i32) -> Fees {
        let rate = FeeRate::from_millionths(taker).expect("in range");
        Fees::new(FeeRate::FREE, rate, FeeAsset::Quote).expect("a schedule")
    }

    #[test]
    fn an_owner_is_an_account_and_the_number_of_a_schedule() {
        for (account, schedule) in [(0, 0), (0x00ff_ffff, 0), (7, 255), (0x00ff_ffff, 255)] {
            let owner = Owner::new(account).under(schedule);
            assert_eq!((owner.account(), owner.schedule()), (account, schedule));
            assert_eq!(owner.under(3).account(), account);
        }
    }

    #[test]
    fn a_number_is_used_again_once_no_order_has_it() {
        let mut schedules = Schedules::new();
        assert_eq!(schedules.enter(Fees::NONE), FREE);
        for taker in 1..=255 {
            assert!(schedules.has_room(&fees(taker)));
            assert_eq!(i32::from(schedules.enter(fees(taker))), taker);
        }
        assert!(!schedules.has_room(&fees(256)), "all numbers are taken");
        assert!(schedules.has_room(&fees(9)) && schedules.has_room(&Fees::NONE));
        assert_eq!(schedules.enter(fees(9)), 9);
        schedules.leave(9);
        assert!(!schedules.has_room(&fees(256)), "one order has it still");
        schedules.leave(9);
        assert_eq!((schedules.enter(fees(256)), schedules.get(9)), (9, fees(256)));
        assert_eq!(schedules.number_of(&fees(256)), 9);
    }
}
