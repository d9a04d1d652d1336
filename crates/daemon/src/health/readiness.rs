//! What the parts of a process say about themselves.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The readiness of a process: that of all its parts. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Parts>>);

/// By name, so that the page is the same every time. `None` is ready, a reason is not.
type Parts = BTreeMap<&'static str, Option<Cow<'static, str>>>;

/// What a part says before it says anything.
const NOT_YET: &str = "starting";

/// What a part leaves behind where it ends.
const NO_MORE: &str = "stopped";

impl Readiness {
    /// A new part of the process, which is not ready until it says so. Names are few and fixed; a
    /// part that registers again takes its own place.
    pub fn register(&self, name: &'static str) -> Part {
        self.parts().insert(name, Some(Cow::Borrowed(NOT_YET)));
        Part { name, all: self.clone() }
    }

    /// Whether every part is ready, and there is one.
    pub fn is_ready(&self) -> bool {
        let parts = self.parts();
        !parts.is_empty() && parts.values().all(Option::is_none)
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        // What a panicking thread leaves is still a whole map: each change is one insertion.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The page: a first line for the whole, and one for each part.
impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", if self.is_ready() { "ready" } else { "not ready" })?;
        let parts = self.parts();
        if parts.is_empty() {
            writeln!(f, "no part has registered yet")?;
        }
        parts.iter().try_for_each(|(name, reason)| {
            writeln!(f, "{name}: {}", reason.as_deref().unwrap_or("ready"))
        })
    }
}

/// One part of the process. A part that is dropped is not ready any more: it has stopped.
#[derive(Debug)]
#[must_use = "a part that is dropped makes the process unready"]
pub struct Part {
    name: &'static str,
    all: Readiness,
}

impl Part {
    /// Says that this part is ready.
    pub fn ready(&self) {
        self.all.parts().insert(self.name, None);
    }

    /// Says that this part is not ready, and why, for a person to read.
    pub fn not_ready(&self, reason: impl Into<Cow<'static, str>>) {
        self.all.parts().insert(self.name, Some(reason.into()));
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.not_ready(NO_MORE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_parts_is_not_ready() {
        let readiness = Readiness::default();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.to_string(), "not ready\nno part has registered yet\n");
    }

    #[test]
    fn every_part_counts() {
        let readiness = Readiness::default();
        let (gateway, ledger) = (readiness.register("gateway"), readiness.register("ledger"));
        ledger.ready();
        assert_eq!(readiness.to_string(), "not ready\ngateway: starting\nledger: ready\n");
        gateway.ready();
        assert!(readiness.is_ready());
        ledger.not_ready(format!("{} answers behind", 7));
        assert_eq!(readiness.to_string(), "not ready\ngateway: ready\nledger: 7 answers behind\n");
    }

    #[test]
    fn a_part_that_ends_is_not_ready() {
        let readiness = Readiness::default();
        let gateway = readiness.register("gateway");
        gateway.ready();
        drop(gateway);
        assert_eq!(readiness.to_string(), "not ready\ngateway: stopped\n");
    }
}
