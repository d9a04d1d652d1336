//! What a new log is: its random id, how many shards it has, and what it is for.

use proto::log::Genesis;
use rand::Rng;

/// How long the key of a retry is kept after its order was decided: 24 hours, about 160 bytes each.
const KEY_RETENTION_NANOS: u64 = 24 * 60 * 60 * 1_000_000_000;

/// What a log becomes unless somebody has founded it already.
pub fn proposal(shards: u16, is_sandbox: bool) -> Genesis {
    Genesis {
        log_id: new_log_id(),
        partition_count: shards.into(),
        sandbox: is_sandbox,
        key_retention_nanos: KEY_RETENTION_NANOS,
        behaviour: spine::BEHAVIOUR,
    }
}

fn new_log_id() -> Vec<u8> {
    let mut random = rand::rng();
    [random.next_u64().to_be_bytes(), random.next_u64().to_be_bytes()].concat()
}
