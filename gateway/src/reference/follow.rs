//! The thread that follows the reference topic from its beginning.

use std::{collections::BTreeMap, sync::Arc};

use model::Partition;
use prost::Message;
use proto::{
    reference::{ReferenceRecord, reference_body::Body},
    topic::Topic,
};
use spine::{
    Log, Place, Stored,
    log::{LogError, ReachedEnd},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Catalogue, Reference};

/// Starts the thread. It ends with `stop`, or after having told why the topic can no longer be
/// read.
pub(crate) fn follow(
    log: &Arc<dyn Log>,
    reference: Arc<Reference>,
    stop: CancellationToken,
) -> Result<oneshot::Receiver<LogError>, LogError> {
    let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
    let mut follower = Follower { reference, listings: BTreeMap::new(), is_loaded: false };
    spine::follow::follow(log.as_ref(), place, "reference", stop, move |polled, reached| {
        follower.hear(polled, reached);
    })
}

struct Follower {
    reference: Arc<Reference>,
    /// The newest version of each key.
    listings: BTreeMap<String, (u32, Body)>,
    is_loaded: bool,
}

impl Follower {
    fn hear(&mut self, polled: &mut Vec<Stored>, reached: ReachedEnd) {
        if !polled.is_empty() {
            polled.drain(..).for_each(|stored| self.take(stored));
            let bodies = self.listings.values().map(|(_, body)| body);
            self.reference.replace(Catalogue::of(bodies));
        }
        if !self.is_loaded && reached == ReachedEnd::Yes {
            self.is_loaded = true;
            self.reference.is_loaded_now();
        }
    }

    /// Keeps the newest version of each key, in whatever order records of a key come.
    fn take(&mut self, stored: Stored) {
        let offset = stored.offset;
        let key = stored.record.key.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        if stored.record.value.is_empty() {
            self.listings.remove(key.as_ref());
            return;
        }
        let record = ReferenceRecord::decode(stored.record.value);
        let listing = record.ok().and_then(|record| Some((record.version, record.body?.body?)));
        let Some((version, body)) = listing else {
            tracing::warn!(offset, "left out a record of the reference topic that is not one");
            return;
        };
        let known = self.listings.get(key.as_ref()).map_or(0, |(version, _)| *version);
        if version >= known {
            self.listings.insert(key.into_owned(), (version, body));
        }
    }
}
