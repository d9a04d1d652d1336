//! What the fuzz targets share: a log with something in it, and what a gateway knows of it.
//!
//! # Layout
//!
//! - `fuzz_targets/`: a file for each target, which says what it reads and what must be true.
//!   `seeds.rs` among them writes what the others begin with.
//! - `venue`, `operators`, `records`: the seeded flow of the whole shard's tests, built in here.
//!
//! What will never live here: a decoder. What is private is reached through a module `fuzzed` of
//! its own crate, which is built with `--cfg fuzzing` alone.

#[path = "../../matcher/tests/exchange/operators.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod operators;
#[path = "../../matcher/tests/exchange/records.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod records;
#[path = "../../matcher/tests/exchange/venue.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod venue;

use std::sync::Arc;

use bytes::Bytes;
use gateway::reference::Catalogue;
use matcher::Exchange;
use model::{AccountName, Partition};
use prost::Message;
use proto::{
    command::{ClientCommand, Command, Stamp},
    log,
    reference::reference_body::Body,
};
use spine::{
    Log, Replica, Stored, Visibility,
    genesis::Identity,
    log::memory::MemoryLog,
    replay::{Begin, Replay, ReplayError},
    snapshot::{MemorySnapshots, SnapshotStore},
};

/// How many records of the flow come before the first client's: the genesis and the listings.
pub const FOUNDING: usize = 6;

/// A log of this binary's behaviour with one partition or more.
pub fn identity(partition_count: u16) -> Identity {
    let mut identity = records::identity(spine::BEHAVIOUR);
    identity.genesis.partition_count = partition_count.into();
    identity.partition_count = partition_count;
    identity
}

/// So many records of the flow with this seed.
pub fn flow(identity: &Identity, seed: u64, count: usize) -> Vec<Stored> {
    records::records(identity, seed, count)
}

/// The state after records, and the value of every answer.
pub fn answers(identity: &Identity, records: &[Stored]) -> (Replica<Exchange>, Vec<Bytes>) {
    records::answers(identity, records)
}

/// What stands in a store is read as a shard that starts does it.
///
/// # Errors
/// Whatever the shard stops with.
pub fn replay(identity: &Identity, bytes: Vec<u8>) -> Result<Replay<Exchange>, ReplayError> {
    let log = MemoryLog::new(identity.partition_count);
    spine::genesis::found(&log, &identity.genesis).expect("a new log");
    let store = Arc::new(MemorySnapshots::default());
    store.put(Partition::FIRST, 1, bytes).expect("it is stored");
    let begin = Begin::Newest(store as Arc<dyn SnapshotStore>);
    let log: &dyn Log = &log;
    Replay::open(log, identity, Partition::FIRST, &begin, Visibility::Synced)
}

/// A checksum behind bytes of this kind, as snapshots have it.
pub fn sealed(magic: &[u8; 8], body: &[u8]) -> Vec<u8> {
    let mut bytes = [magic, body].concat();
    let checksum = blake3::hash(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    bytes
}

/// BTC in USD, listed.
pub fn catalogue() -> Catalogue {
    Catalogue::of(&bodies())
}

fn bodies() -> Vec<Body> {
    let assets = [venue::asset(venue::USD, "USD", 1_000), venue::asset(venue::BTC, "BTC", 10)];
    assets.into_iter().chain([Body::Instrument(venue::btc_usd())]).collect()
}

/// What was asked for names what is wrong with it, or is a command that survives the log.
///
/// # Panics
/// Where it is neither.
pub fn holds(asked: Vec<gateway::fuzzed::Asked>) {
    for asked in asked {
        match asked {
            Ok(commands) => commands.iter().for_each(survives),
            Err(problem) => {
                assert!(
                    !problem.message.is_empty() && (400..500).contains(&problem.kind.http_status())
                );
            }
        }
    }
}

fn survives(command: &Command) {
    let account = AccountName::new("alice").expect("a name");
    let command = ClientCommand { stamp: Stamp::default(), account, command: command.clone() };
    let bytes = log::ClientCommand::from(&command).encode_to_vec();
    let wire = log::ClientCommand::decode(bytes.as_slice()).expect("it was just written");
    assert_eq!(ClientCommand::try_from(wire), Ok(command));
}
