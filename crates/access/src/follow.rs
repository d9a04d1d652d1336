//! The thread that follows the reference topic from its beginning.
//!
//! A service that has lost the log hears of no revocation: it can also take no order in, and its
//! reader ends it once the log says that it is lost.

use std::{collections::BTreeMap, sync::Arc};

use blake3::Hash;
use model::Partition;
use prost::Message;
use proto::{credential::Credential, reference::ReferenceRecord, topic::Topic};
use spine::{
    Log, Place, Stored,
    log::{LogError, ReachedEnd},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::credentials::{Credentials, Known};

/// Starts the thread. It ends with `stop`, or after having told why the topic can no longer be
/// read.
///
/// # Errors
/// [`LogError`] where it cannot be read at all.
pub fn follow(
    log: &dyn Log,
    credentials: Arc<Credentials>,
    stop: CancellationToken,
) -> Result<oneshot::Receiver<LogError>, LogError> {
    let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
    let mut follower = Follower { credentials, by_slot: BTreeMap::new() };
    spine::follow::follow(log, place, "credentials", stop, move |polled, reached| {
        follower.hear(polled, reached);
    })
}

struct Follower {
    credentials: Arc<Credentials>,
    /// The newest version of each slot.
    by_slot: BTreeMap<u32, (u32, Arc<Known>)>,
}

impl Follower {
    fn hear(&mut self, polled: &mut Vec<Stored>, reached: ReachedEnd) {
        let taken = polled.drain(..).map(|stored| self.take(stored)).filter(|is_new| *is_new);
        if taken.count() > 0 {
            self.credentials.replace(self.in_force());
        }
        if !self.credentials.is_loaded() && reached == ReachedEnd::Yes {
            self.credentials.is_loaded_now();
        }
    }

    /// Takes a record; whether it says something new of a slot. Those of one slot may be told in
    /// any order, and the newest version is in force.
    fn take(&mut self, stored: Stored) -> bool {
        let offset = stored.offset;
        // What is not one at all is told of by those who follow what is listed.
        let Ok(record) = ReferenceRecord::decode(stored.record.value) else { return false };
        let credential = match Credential::of_record(&record) {
            Some(Ok(credential)) => credential,
            Some(Err(error)) => {
                tracing::warn!(offset, %error, "left out a token that is none");
                return false;
            }
            None => return false,
        };
        let known = self.by_slot.get(&credential.slot);
        if known.is_some_and(|(version, _)| *version >= record.version) {
            return false;
        }
        let slot = credential.slot;
        let new = Arc::new(Known { credential, revoked: CancellationToken::new() });
        if let Some((_, before)) = self.by_slot.insert(slot, (record.version, new)) {
            // Also where another one has the slot: this one is over.
            before.revoked.cancel();
        }
        true
    }

    fn in_force(&self) -> rustc_hash::FxHashMap<Hash, Arc<Known>> {
        let known = self.by_slot.values().map(|(_, known)| known);
        let in_force = known.filter(|known| !known.credential.is_revoked);
        in_force
            .map(|known| (Hash::from_bytes(known.credential.token_hash), Arc::clone(known)))
            .collect()
    }
}
