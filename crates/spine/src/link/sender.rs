//! Copies the items that a shard sends to others from its accepted answers into runs.
//!
//! A sender follows the events of its own partition only: they tell what is sent, what has come
//! from others, and what the others have taken. It keeps nothing of its own, so it can be stopped
//! anywhere and begun again from a snapshot, and two of them do no harm. For each other shard:
//!
//! - items go in runs, in order, a bounded number ahead of what the other is known to have taken;
//! - where that does not move for [`RESEND_AFTER`] it goes back to the first item not known to be
//!   taken;
//! - what was taken from the other is told with the next run, or after [`TELL_AFTER`] in one
//!   without items. Where items come that were taken before, it is told again.
//!
//! Like [`Shard`](crate::shard::Shard) it is a machine of small steps that is told the time, so
//! that a simulation can stop it between any two.

mod peer;
mod thread;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::Partition;
use prost::Message;
use proto::log::{self, input};
use thiserror::Error;

use self::peer::Peer;
pub use self::thread::spawn;
use super::Links;
use crate::{
    acceptor::{Acceptor, Position},
    answer::AnswerError,
    genesis::Identity,
    header::{self, Headers},
    log::{
        AppendError, Log, LogError, Place, Producer, ReadLimit, Reader, Record, Stored, Visibility,
        WriterRole,
    },
    snapshot::{self, SnapshotStore, StoreError},
    tail,
};

/// How many items one run has at most. Each has some 200 bytes at most, and what taking one causes
/// fits an answer with room to spare.
pub const RUN_ITEMS_MAX: usize = 256;

/// How many items may be on their way to one shard beyond what it is known to have taken: a few
/// runs, so that the next goes while the last is taken.
pub const IN_FLIGHT_MAX: u64 = 4 * RUN_ITEMS_MAX as u64;

/// How long nothing may be heard of what is on its way before it is sent again: many hops of a
/// healthy log, and well within what a parked order waits.
pub const RESEND_AFTER: Duration = Duration::from_secs(2);

/// How long the news of what was taken waits for a run that goes anyway.
pub const TELL_AFTER: Duration = Duration::from_millis(500);

/// How long a run is tried. One that was given up is sent again later, and one that came all the
/// same is known by its numbers.
const GIVE_UP_AFTER: Duration = Duration::from_secs(5);

/// How much one poll brings.
const POLL_LIMIT: ReadLimit = ReadLimit { records: 1024, bytes: 4 * 1024 * 1024 };

/// Why a sender ended. Another can begin at once.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SenderError {
    /// The log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The snapshots could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An accepted answer that no shard writes.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// An accepted answer whose items do not follow those before them.
    #[error("item {found} to partition {to} does not follow item {last}")]
    OutOfOrder {
        /// The destination.
        to: Partition,
        /// The last item.
        last: u64,
        /// The item that came.
        found: u64,
    },
    /// The log's producer is finished.
    #[error("the log's producer has failed")]
    Producer,
}

/// The sender of one shard.
pub struct LinkSender {
    partition: Partition,
    events: Box<dyn Reader>,
    acceptor: Acceptor,
    polled: Vec<Stored>,
    producer: Arc<dyn Producer>,
    has_failed: Arc<AtomicBool>,
    peers: BTreeMap<Partition, Peer>,
}

impl LinkSender {
    /// The sender of `partition`, from the newest snapshot on, else from the first answer.
    ///
    /// # Errors
    /// [`SenderError`] where log or snapshots cannot be read.
    pub fn open(
        log: &dyn Log,
        identity: &Identity,
        partition: Partition,
        store: &dyn SnapshotStore,
    ) -> Result<LinkSender, SenderError> {
        let found = snapshot::newest_links(store, identity, partition)?;
        let start = || (Position::start(identity.log_id, partition), Links::default());
        let (position, links) = found.unwrap_or_else(start);
        let role = WriterRole::Edge { give_up_after: GIVE_UP_AFTER };
        let place = Place::events(partition);
        Ok(LinkSender {
            partition,
            events: log.reader(place, position.next_offset, Visibility::Synced)?,
            acceptor: Acceptor::at(position),
            polled: Vec::new(),
            producer: log.producer(role)?,
            has_failed: Arc::default(),
            peers: links.iter().map(|(peer, link)| (peer, Peer::of(link))).collect(),
        })
    }

    /// Reads on, waiting up to `wait` where there is nothing, and, where it `may_send`, sends what
    /// is due at `now`.
    ///
    /// # Errors
    /// [`SenderError`]; the sender must not be used again.
    pub fn step(
        &mut self,
        now: Duration,
        wait: Duration,
        may_send: bool,
    ) -> Result<(), SenderError> {
        if self.has_failed.load(Ordering::Acquire) {
            return Err(SenderError::Producer);
        }
        let mut polled = std::mem::take(&mut self.polled);
        self.events.poll(POLL_LIMIT, wait, &mut polled)?;
        for stored in polled.drain(..) {
            if let Some(accepted) = tail::accept(&mut self.acceptor, self.partition, stored) {
                self.heed(&accepted.answer.links()?, &accepted.headers, now)?;
            }
        }
        self.polled = polled;
        if may_send {
            self.send(now);
        }
        Ok(())
    }

    fn heed(
        &mut self,
        links: &log::AnswerLinks,
        headers: &Headers,
        now: Duration,
    ) -> Result<(), SenderError> {
        for sent in &links.links_sent {
            let to = partition(sent.destination)?;
            let peer = self.peers.entry(to).or_default();
            let (last, found) = (peer.sent(), sent.link_seq);
            if found != last + 1 {
                return Err(SenderError::OutOfOrder { to, last, found });
            }
            let item = sent.item.clone().unwrap_or_default();
            peer.push(item, headers.get(header::TRACE_PARENT).cloned());
        }
        for progress in &links.link_progress {
            self.peers.entry(partition(progress.partition)?).or_default().heed(progress, now);
        }
        Ok(())
    }

    fn send(&mut self, now: Duration) {
        let LinkSender { partition, producer, has_failed, peers, .. } = self;
        for (to, peer) in peers {
            while let Some((run, trace_parent)) = peer.next_run(*partition, now) {
                let kind = Some(input::Kind::LinkRun(run));
                let mut record = Record::of(log::Input { kind }.encode_to_vec());
                if let Some(trace_parent) = trace_parent {
                    record.headers.push(header::TRACE_PARENT, trace_parent);
                }
                let has_failed = Arc::clone(has_failed);
                let acknowledge = move |result| {
                    // Whatever else went wrong, it is sent again.
                    if matches!(result, Err(AppendError::Fatal(_))) {
                        has_failed.store(true, Ordering::Release);
                    }
                };
                producer.append(Place::orders(*to), record, Box::new(acknowledge));
            }
        }
    }
}

fn partition(number: u32) -> Result<Partition, AnswerError> {
    let partition = u16::try_from(number).ok().and_then(Partition::new);
    partition.ok_or_else(|| AnswerError::Undecodable("a link leads to no partition".to_owned()))
}
