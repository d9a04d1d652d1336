//! Instants as protobuf's own timestamp.

use model::Timestamp;

const NANOS_IN_A_SECOND: u64 = 1_000_000_000;

/// An instant as protobuf's timestamp.
pub fn to_proto_timestamp(instant: Timestamp) -> prost_types::Timestamp {
    let nanos = instant.unix_nanos();
    prost_types::Timestamp {
        // At most 2^64 / 10^9, far below 2^63.
        seconds: i64::try_from(nanos / NANOS_IN_A_SECOND).unwrap_or(i64::MAX),
        // Below 10^9.
        nanos: i32::try_from(nanos % NANOS_IN_A_SECOND).unwrap_or(i32::MAX),
    }
}

/// Protobuf's timestamp as an instant; `None` before 1970 and after 2554.
pub fn from_proto_timestamp(wire: &prost_types::Timestamp) -> Option<Timestamp> {
    let seconds = u64::try_from(wire.seconds).ok()?;
    let nanos = u64::try_from(wire.nanos).ok()?;
    let total = seconds.checked_mul(NANOS_IN_A_SECOND)?.checked_add(nanos)?;
    Some(Timestamp::from_unix_nanos(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_the_wire() {
        for nanos in [0, 1, 999_999_999, 1_723_161_253_937_085_768, u64::MAX] {
            let instant = Timestamp::from_unix_nanos(nanos);
            assert_eq!(from_proto_timestamp(&to_proto_timestamp(instant)), Some(instant));
        }
        let before = prost_types::Timestamp { seconds: -1, nanos: 0 };
        assert_eq!(from_proto_timestamp(&before), None);
    }
}
