//! How often each fault and each kind of event happened: a simulation that has gone dull says so.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Everything that must happen at least once over the default seeds.
pub const EXPECTED: &[&str] = &[
    // What the adversary does.
    "crash: broadcaster",
    "crash: gateway",
    "crash: link sender",
    "crash: projector",
    "crash: shard",
    "delivery: land",
    "delivery: land twice",
    "delivery: land unconfirmed",
    "delivery: land unheard",
    "delivery: lose",
    "everybody pauses",
    "lane clogged",
    "noise: events",
    "noise: orders",
    "pause: broadcaster",
    "pause: gateway",
    "pause: link sender",
    "pause: projector",
    "pause: shard",
    "restart from a snapshot: broadcaster",
    "restart from a snapshot: shard",
    "snapshot: shard",
    "store: done, and not told",
    "store: done, and told late",
    "store: late",
    "store: refused",
    "stepped down",
    // What clients do and hear.
    "client: another content under a used key",
    "client: connection lost",
    "client: doubled",
    "client: gave up waiting",
    "client: retried",
    "heard: answered",
    "heard: appended",
    "heard: known already",
    "heard: recalled",
    "heard: refused at the door",
    "heard: unknown",
    "listener: gone on after a restart",
    // What the shards answer.
    "end: cancelled",
    "end: filled",
    "end: immediate_or_cancel",
    "end: insufficient_liquidity",
    "end: parked_too_long",
    "event: account compacted",
    "event: book changed",
    "event: founded",
    "event: order ended",
    "event: order parked",
    "event: order placed",
    "event: order rejected",
    "event: reference applied",
    "event: taken over",
    "event: trade",
    "event: withdrawal decided",
    "event: withdrawal parked",
    "link: items came again",
    "outcome: applied",
    "outcome: duplicate",
    "outcome: gap",
    "outcome: poison",
    "outcome: refused",
    "outcome: stale",
    "refused: insufficient_funds",
    "refused: key_reused",
    "refused: late",
    "refused: unknown_order",
];

/// Counts by name. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<String, u64>>>);

impl Tally {
    /// It happened once more.
    pub fn count(&self, what: impl AsRef<str>) {
        self.add(what.as_ref(), 1);
    }

    /// What happened elsewhere happened here too.
    pub fn absorb(&self, other: &Tally) {
        let theirs = other.lock().clone();
        theirs.iter().for_each(|(what, count)| self.add(what, *count));
    }

    /// How often it happened.
    pub fn of(&self, what: &str) -> u64 {
        self.lock().get(what).copied().unwrap_or(0)
    }

    /// What of [`EXPECTED`] never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        EXPECTED.iter().copied().filter(|what| self.of(what) == 0).collect()
    }

    fn add(&self, what: &str, count: u64) {
        let mut counts = self.lock();
        match counts.get_mut(what) {
            Some(known) => *known += count,
            None => drop(counts.insert(what.to_owned(), count)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().iter().try_for_each(|(what, count)| writeln!(formatter, "{count:>9}  {what}"))
    }
}
