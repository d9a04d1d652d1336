//! What a sender knows of the link with one other shard, and what goes next.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use model::Partition;
use proto::log;

use super::{IN_FLIGHT_MAX, RESEND_AFTER, RUN_ITEMS_MAX, TELL_AFTER};
use crate::link::Link;

/// An item with the trace of the input that made it.
type Outgoing = (log::LinkItem, Option<Bytes>);

/// The link with one other shard, as the accepted answers tell it.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// The number of the last item that the other has taken, as far as is known.
    acknowledged: u64,
    /// The items after that one.
    unacknowledged: VecDeque<Outgoing>,
    /// The number of the last item that went in a run.
    gone: u64,
    /// When the first of those that went was sent, or when the last news of them came.
    heard_at: Duration,
    /// The number of the last item taken from the other.
    taken: u64,
    /// What the other was told of that.
    told: u64,
    /// Since when it should be told more.
    untold_since: Option<Duration>,
}

impl Peer {
    pub(super) fn of(link: &Link) -> Peer {
        Peer {
            acknowledged: link.acknowledged,
            unacknowledged: link.unacknowledged.iter().map(|item| (item.clone(), None)).collect(),
            gone: link.acknowledged,
            taken: link.taken,
            // Told again at once: who knows what the sender before this one had come to say.
            untold_since: (link.taken > 0).then_some(Duration::ZERO),
            ..Peer::default()
        }
    }

    /// The number of the last item.
    pub(super) fn sent(&self) -> u64 {
        self.acknowledged + self.unacknowledged.len() as u64
    }

    pub(super) fn push(&mut self, item: log::LinkItem, trace_parent: Option<Bytes>) {
        self.unacknowledged.push_back((item, trace_parent));
    }

    pub(super) fn heed(&mut self, progress: &log::LinkProgress, now: Duration) {
        if progress.acknowledged > self.acknowledged {
            while self.acknowledged < progress.acknowledged
                && self.unacknowledged.pop_front().is_some()
            {
                self.acknowledged += 1;
            }
            self.gone = self.gone.max(self.acknowledged);
            self.heard_at = now;
        }
        self.taken = self.taken.max(progress.taken);
        if self.taken > self.told || progress.repeated > 0 {
            self.untold_since.get_or_insert(now);
        }
    }

    /// The next run that is due, with the trace that it goes on.
    pub(super) fn next_run(
        &mut self,
        source: Partition,
        now: Duration,
    ) -> Option<(log::LinkRun, Option<Bytes>)> {
        if self.gone > self.acknowledged && now >= self.heard_at + RESEND_AFTER {
            self.gone = self.acknowledged;
        }
        if self.gone == self.acknowledged {
            self.heard_at = now;
        }
        let first = usize::try_from(self.gone - self.acknowledged).unwrap_or(usize::MAX);
        let room = usize::try_from(IN_FLIGHT_MAX).unwrap_or(usize::MAX).saturating_sub(first);
        let items = self.unacknowledged.iter().skip(first).take(room.min(RUN_ITEMS_MAX));
        let trace_parent = items.clone().find_map(|(_, trace_parent)| trace_parent.clone());
        let items: Vec<_> = items.map(|(item, _)| item.clone()).collect();
        let is_telling = self.untold_since.is_some_and(|since| now >= since + TELL_AFTER);
        if items.is_empty() && !is_telling {
            return None;
        }
        let first_link_seq = self.gone + 1;
        self.gone += items.len() as u64;
        self.told = self.taken;
        self.untold_since = None;
        let source = source.number().into();
        Some((log::LinkRun { source, first_link_seq, items, taken: self.taken }, trace_parent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u64) -> log::LinkItem {
        log::LinkItem { account: number.to_string(), ..Default::default() }
    }

    fn peer(items: u64) -> Peer {
        let mut peer = Peer::default();
        (1..=items).for_each(|number| peer.push(numbered(number), None));
        peer
    }

    /// The first number and the count of every run that is due.
    fn due(peer: &mut Peer, now: Duration) -> Vec<(u64, usize)> {
        let runs = std::iter::from_fn(|| peer.next_run(Partition::FIRST, now));
        runs.map(|(run, _)| (run.first_link_seq, run.items.len())).collect()
    }

    fn taken_there(acknowledged: u64) -> log::LinkProgress {
        log::LinkProgress { acknowledged, ..Default::default() }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn items_go_once_in_runs_as_far_ahead_as_they_may() {
        let mut peer = peer(IN_FLIGHT_MAX + 10);
        let runs = [(1, 256), (257, 256), (513, 256), (769, 256)];
        assert_eq!(due(&mut peer, SECOND), runs);
        assert_eq!(due(&mut peer, SECOND), []);
        peer.heed(&taken_there(6), SECOND);
        assert_eq!(due(&mut peer, SECOND), [(1_025, 6)]);
    }

    #[test]
    fn what_nobody_speaks_of_is_sent_again_from_the_first_not_taken() {
        let mut peer = peer(3);
        assert_eq!(due(&mut peer, SECOND), [(1, 3)]);
        peer.heed(&taken_there(1), SECOND * 2);
        assert_eq!(due(&mut peer, SECOND * 3), []);
        assert_eq!(due(&mut peer, SECOND * 2 + RESEND_AFTER), [(2, 2)]);
        peer.heed(&taken_there(3), SECOND * 5);
        assert_eq!(due(&mut peer, SECOND * 100), []);
    }

    #[test]
    fn what_was_taken_is_told_with_items_or_soon_without_and_again_where_it_was_not_heard() {
        let mut peer = peer(0);
        let taken = |repeated| log::LinkProgress { taken: 5, repeated, ..Default::default() };
        peer.heed(&taken(0), SECOND);
        assert_eq!(due(&mut peer, SECOND), []);
        let run = peer.next_run(Partition::FIRST, SECOND + TELL_AFTER).expect("it is time").0;
        assert_eq!((run.items.len(), run.taken), (0, 5));
        peer.heed(&taken(0), SECOND * 3);
        assert_eq!(due(&mut peer, SECOND * 9), [], "it has been told");
        peer.heed(&taken(2), SECOND * 10);
        assert_eq!(due(&mut peer, SECOND * 11), [(1, 0)], "its source had not heard");
        peer.heed(&log::LinkProgress { taken: 6, ..Default::default() }, SECOND * 12);
        peer.push(numbered(1), None);
        let run = peer.next_run(Partition::FIRST, SECOND * 12).expect("there is an item").0;
        assert_eq!((run.items.len(), run.taken), (1, 6));
        assert_eq!(due(&mut peer, SECOND * 13), []);
    }
}
