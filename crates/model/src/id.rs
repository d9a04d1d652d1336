//! Names and numbers that point at things.
//!
//! An [`OrderId`] is the place of the order's own record in the log: unique without clocks or
//! node numbers, and a receipt in itself. Everything a client names (accounts, keys) is short,
//! printable ASCII, so that it can stand in URLs, logs and file names as it is.

use core::fmt;

use smol_str::SmolStr;
use thiserror::Error;

/// The number of an instrument, given when it is listed; the same on every shard, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId(pub u32);

/// The number of a partition of the log, which is the number of the shard that owns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

impl Partition {
    /// How many partitions an [`OrderId`] can tell apart: 10 bits.
    pub const COUNT_MAX: u16 = 1 << 10;

    /// The partition that decides reference data.
    pub const FIRST: Partition = Partition(0);

    /// The partition with this number, or `None` at [`Partition::COUNT_MAX`] and beyond.
    pub const fn new(number: u16) -> Option<Partition> {
        if number < Self::COUNT_MAX { Some(Partition(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An order's id: 10 bits of partition, 2 of leg and 41 of offset, 53 in all, so that a JavaScript
/// number holds it exactly.
///
/// An order that came alone has leg 0, so that its id is the place of its record. The orders of a
/// list have the legs 1, 2 and 3, and the list itself has 0: no two of them share an id, and each
/// tells which record brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(u64);

impl OrderId {
    const OFFSET_BITS: u32 = 41;
    const LEG_BITS: u32 = 2;
    const PARTITION_SHIFT: u32 = Self::OFFSET_BITS + Self::LEG_BITS;

    /// One more than the largest offset that an id can carry: 2.2 * 10^12 records a partition, 69
    /// years of a thousand a second.
    pub const OFFSET_END: u64 = 1 << Self::OFFSET_BITS;

    /// The most orders that one record can bring.
    pub const LEGS_MAX: u8 = (1 << Self::LEG_BITS) - 1;

    /// The id of the order, or of the list, whose record stands at `offset` of `partition`; `None`
    /// at [`OrderId::OFFSET_END`] and beyond.
    pub const fn at(partition: Partition, offset: u64) -> Option<OrderId> {
        if offset < Self::OFFSET_END {
            Some(OrderId((partition.0 as u64) << Self::PARTITION_SHIFT | offset))
        } else {
            None
        }
    }

    /// The id with this number, or `None` where no id has it.
    pub const fn from_number(number: u64) -> Option<OrderId> {
        if number >> Self::PARTITION_SHIFT < Partition::COUNT_MAX as u64 {
            Some(OrderId(number))
        } else {
            None
        }
    }

    /// Which order of its list it is, from 1; 0 for one that came alone, and for a list itself.
    #[expect(clippy::cast_possible_truncation, reason = "two bits")]
    pub const fn leg(self) -> u8 {
        (self.0 >> Self::OFFSET_BITS) as u8 & Self::LEGS_MAX
    }

    /// The id of the record that brought it: its own, or that of its list.
    #[must_use]
    pub const fn record(self) -> OrderId {
        OrderId(self.0 & !((Self::LEGS_MAX as u64) << Self::OFFSET_BITS))
    }

    /// The id of an order of the same record; `None` beyond [`OrderId::LEGS_MAX`].
    pub const fn with_leg(self, leg: u8) -> Option<OrderId> {
        if leg <= Self::LEGS_MAX {
            Some(OrderId(self.record().0 | (leg as u64) << Self::OFFSET_BITS))
        } else {
            None
        }
    }

    /// The ids that the orders of a list can have; none where this is one of them.
    pub fn legs(self) -> impl Iterator<Item = OrderId> {
        let last = if self.leg() == 0 { Self::LEGS_MAX } else { 0 };
        (1..=last).filter_map(move |leg| self.with_leg(leg))
    }

    /// The id as a number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The partition that the order's record is in.
    #[expect(clippy::cast_possible_truncation, reason = "ten bits by construction")]
    pub const fn partition(self) -> Partition {
        Partition((self.0 >> Self::PARTITION_SHIFT) as u16)
    }

    /// The offset of the order's record in its partition.
    pub const fn offset(self) -> u64 {
        self.0 & (Self::OFFSET_END - 1)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The number of a trade within its instrument, from 1, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeId(pub u64);

/// A number by which a gateway knows the answer to its own request again; random, 128 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestId(pub u128);

/// Where a shard keeps an account: an index into its table of accounts. Handles are reused once
/// an account is compacted away and mean nothing outside the shard's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountHandle(pub u32);

/// Why a text cannot be a name or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// No text at all.
    #[error("is empty")]
    Empty,
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("is longer than {NAME_BYTES_MAX} characters")]
    TooLong,
    /// A character outside letters, digits and `-_.:@`.
    #[error("has a character other than letters, digits and - _ . : @")]
    Character,
}

/// The longest name or key: what fits a UUID with a generous prefix.
pub const NAME_BYTES_MAX: usize = 64;

fn checked(text: &str) -> Result<SmolStr, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte);
    if !text.bytes().all(allowed) {
        return Err(NameError::Character);
    }
    Ok(SmolStr::new(text))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks `text` and takes it.
            ///
            /// # Errors
            /// [`NameError`] where the text is empty, too long or has other characters.
            pub fn new(text: &str) -> Result<Self, NameError> {
                checked(text).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of an account: the `client_id` of the REST and gRPC edges.
    AccountName
}

name! {
    /// The name under which one of those who run the platform speaks.
    OperatorName
}

name! {
    /// The text of a key that makes a retry safe: a client order id, an idempotency key, or one
    /// that a gateway made up.
    KeyText
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_is_its_place_in_the_log() {
        let partition = Partition::new(1023).expect("in range");
        let id = OrderId::at(partition, OrderId::OFFSET_END - 1).expect("in range");
        assert_eq!(id.number(), ((1 << 53) - 1) & !(3 << 41));
        assert_eq!((id.partition(), id.offset()), (partition, OrderId::OFFSET_END - 1));
        assert_eq!(OrderId::from_number(id.number()), Some(id));
        assert_eq!(OrderId::from_number(1 << 53), None);
        assert_eq!(OrderId::at(partition, OrderId::OFFSET_END), None);
        assert_eq!(Partition::new(1024), None);
    }

    #[test]
    fn the_orders_of_one_record_tell_which_it_is() {
        let partition = Partition::new(1023).expect("in range");
        let list = OrderId::at(partition, 77).expect("in range");
        let legs: Vec<OrderId> = list.legs().collect();
        assert_eq!(legs.iter().map(|leg| leg.leg()).collect::<Vec<_>>(), [1, 2, 3]);
        for leg in legs {
            assert_eq!((leg.record(), leg.partition(), leg.offset()), (list, partition, 77));
            assert_eq!(OrderId::from_number(leg.number()), Some(leg));
            assert_eq!(leg.legs().count(), 0);
            assert!(leg != list && leg.number() < 1 << 53);
        }
        assert_eq!((list.leg(), list.record(), list.with_leg(4)), (0, list, None));
    }

    #[test]
    fn names_are_short_printable_ascii() {
        assert_eq!(AccountName::new("alice").expect("good").as_str(), "alice");
        assert_eq!(AccountName::new(""), Err(NameError::Empty));
        assert_eq!(AccountName::new(&"a".repeat(65)), Err(NameError::TooLong));
        for bad in ["a b", "a/b", "é", "a\n", "a?"] {
            assert_eq!(KeyText::new(bad), Err(NameError::Character), "{bad:?}");
        }
    }
}
