//! The topic table: every topic's name and nature. Nothing else spells a topic name.

/// A topic of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// What is to happen: the input of the shards.
    Orders,
    /// What happened: exactly one answer for each input.
    Events,
    /// External market data, normalised.
    Market,
    /// Instruments, fees and limits for the edges, compacted by key.
    Reference,
    /// Copies of inputs that were answered as poison, untouched, for people.
    OrdersDeadLetters,
}

/// How a topic gets its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// As many as there are shards.
    OneAShard,
    /// One.
    One,
}

/// Who stamps a record's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamped {
    /// The log, when it appends: the only clock that shards see.
    ByTheLog,
    /// The writer; nobody decides anything by it.
    ByTheWriter,
}

/// The largest record of any topic: 4 MiB, which the answer to the largest sweep stays below.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

impl Topic {
    /// Every topic, in the order of their numbers.
    pub const ALL: [Topic; 5] =
        [Topic::Orders, Topic::Events, Topic::Market, Topic::Reference, Topic::OrdersDeadLetters];

    /// The name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Orders => "tradespine.orders.v1",
            Topic::Events => "tradespine.events.v1",
            Topic::Market => "tradespine.market.v1",
            Topic::Reference => "tradespine.reference.v1",
            Topic::OrdersDeadLetters => "tradespine.orders.v1.dlq",
        }
    }

    /// A number for stores that key by topic. Never changes, never reused.
    pub const fn number(self) -> u8 {
        match self {
            Topic::Orders => 1,
            Topic::Events => 2,
            Topic::Market => 3,
            Topic::Reference => 4,
            Topic::OrdersDeadLetters => 5,
        }
    }

    /// How many partitions it has.
    pub const fn partitions(self) -> Partitions {
        match self {
            Topic::Orders | Topic::Events => Partitions::OneAShard,
            Topic::Market | Topic::Reference | Topic::OrdersDeadLetters => Partitions::One,
        }
    }

    /// Who stamps its records.
    pub const fn stamped(self) -> Stamped {
        match self {
            Topic::Orders => Stamped::ByTheLog,
            _ => Stamped::ByTheWriter,
        }
    }

    /// Whether only the newest record of each key has to be kept.
    pub const fn compacted(self) -> bool {
        matches!(self, Topic::Reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_unique() {
        for one in Topic::ALL {
            for other in Topic::ALL {
                assert_eq!(one == other, one.name() == other.name());
                assert_eq!(one == other, one.number() == other.number());
            }
        }
    }
}
