//! The thread that follows the reference topic from its beginning.

use std::{collections::BTreeMap, sync::Arc, thread, time::Duration};

use model::Partition;
use prost::Message;
use proto::{
    reference::{ReferenceRecord, reference_body::Body},
    topic::Topic,
};
use spine::{
    Log, Place, Stored, Visibility,
    log::{LogError, ReachedEnd, ReadLimit, Reader},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Catalogue, Reference};

/// How much one poll may bring; the whole topic of a young platform is one poll.
const POLL_LIMIT: ReadLimit = ReadLimit { records: 4_096, bytes: 1 << 20 };

/// How long a poll waits for a listing before it looks whether it should stop.
const POLL_WAIT: Duration = Duration::from_millis(200);

/// Starts the thread. It ends with `stop`, or after having told why the topic can no longer be
/// read.
pub(crate) fn follow(
    log: &Arc<dyn Log>,
    reference: Arc<Reference>,
    stop: CancellationToken,
) -> Result<oneshot::Receiver<LogError>, LogError> {
    let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
    let reader = log.reader(place, 0, Visibility::Synced)?;
    let (sender, receiver) = oneshot::channel();
    let follower = Follower { reader, reference, listings: BTreeMap::new() };
    thread::Builder::new()
        .name("reference".to_owned())
        .spawn(move || follower.run(sender, &stop))
        .map_err(|error| LogError::Failed(error.to_string()))?;
    Ok(receiver)
}

struct Follower {
    reader: Box<dyn Reader>,
    reference: Arc<Reference>,
    /// The newest version of each key.
    listings: BTreeMap<String, (u32, Body)>,
}

impl Follower {
    fn run(mut self, sender: oneshot::Sender<LogError>, stop: &CancellationToken) {
        let mut is_loaded = false;
        let mut polled = Vec::new();
        while !stop.is_cancelled() {
            let reached = match self.reader.poll(POLL_LIMIT, POLL_WAIT, &mut polled) {
                Ok(reached) => reached,
                Err(error) => {
                    let _ = sender.send(error);
                    return;
                }
            };
            if !polled.is_empty() {
                polled.drain(..).for_each(|stored| self.take(stored));
                let bodies = self.listings.values().map(|(_, body)| body);
                self.reference.replace(Catalogue::of(bodies));
            }
            if !is_loaded && reached == ReachedEnd::Yes {
                is_loaded = true;
                self.reference.is_loaded_now();
            }
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
