//! Instants and spans, as values. Nothing here reads a clock: an instant comes from the log.

/// An instant: nanoseconds since 1970-01-01T00:00:00Z, until the year 2554.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// The instant `nanos` nanoseconds after the epoch.
    pub const fn from_unix_nanos(nanos: u64) -> Timestamp {
        Timestamp(nanos)
    }

    /// The instant `millis` milliseconds after the epoch; the latest there is, where that is later.
    pub const fn from_unix_millis(millis: u64) -> Timestamp {
        Timestamp(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch.
    pub const fn unix_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This instant and `span`; the latest there is, where that is later.
    #[must_use]
    pub const fn plus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }

    /// The first instant of the next day in UTC; the latest there is, where that is later.
    #[must_use]
    pub const fn end_of_day(self) -> Timestamp {
        const DAY: u64 = 86_400_000_000_000;
        Timestamp((self.0 / DAY + 1).saturating_mul(DAY))
    }

    /// How long after `earlier` this is; nothing where it is not after.
    #[must_use]
    pub const fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// A span of `nanos` nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Span {
        Span(nanos)
    }

    /// A span of `millis` milliseconds; the longest there is, where that is longer.
    pub const fn from_millis(millis: u64) -> Span {
        Span(millis.saturating_mul(1_000_000))
    }

    /// A span of `seconds` seconds; the longest there is, where that is longer.
    pub const fn from_secs(seconds: u64) -> Span {
        Span(seconds.saturating_mul(1_000_000_000))
    }

    /// The span in nanoseconds.
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_with_the_first_instant_of_the_next() {
        const DAY: u64 = 86_400_000_000_000;
        let end = |nanos| Timestamp::from_unix_nanos(nanos).end_of_day().unix_nanos();
        assert_eq!([end(0), end(DAY - 1), end(DAY)], [DAY, DAY, 2 * DAY]);
        assert_eq!(end(u64::MAX), u64::MAX);
    }
}
