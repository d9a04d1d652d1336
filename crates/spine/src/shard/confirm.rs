//! The owner's check of itself: what readers accepted must be what it computed, number by number.

use std::{collections::VecDeque, time::Duration};

use super::{ShardError, UNCONFIRMED_BYTES_MAX, UNCONFIRMED_MAX, UNREADABLE_AFTER};
use crate::{
    chain::{Chain, Link},
    log::ReachedEnd,
    overdue::Overdue,
};
use bytes::Bytes;
use model::Timestamp;

/// For how long an acknowledged answer is looked for in passing. An owner that has not seen it then
/// waits for it in every poll, which is how a log's client learns where the end is now.
const LATE_AFTER: Duration = Duration::from_millis(500);

/// How an answer got into the log, or will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// This owner appended it.
    ByUs {
        /// What it appended: what is read back is this, byte by byte.
        value: Bytes,
    },
    /// Somebody else did, or this is not the owner.
    BySomebody,
}

impl Published {
    const fn bytes(&self) -> usize {
        match self {
            Published::ByUs { value } => value.len(),
            Published::BySomebody => 0,
        }
    }
}

/// Computed answers that were not accepted yet, or accepted ones that were not computed yet: at any
/// moment only one of the two queues holds something.
#[derive(Default)]
pub(super) struct Confirmations {
    computed: VecDeque<Computed>,
    accepted: VecDeque<Accepted>,
    /// The bytes of the computed answers that this owner appended.
    unconfirmed_bytes: usize,
    unread: Overdue,
    /// When the inputs were appended whose answers of this owner were accepted, until that is asked
    /// for.
    answered: Vec<Timestamp>,
}

/// What was computed here.
pub(super) struct Computed {
    pub(super) link: Link,
    pub(super) published: Published,
    /// When the log appended the input.
    pub(super) input_at: Timestamp,
}

/// What readers accepted.
pub(super) struct Accepted {
    pub(super) out_seq: u64,
    pub(super) chain: Chain,
    /// Whether it answers its input as quarantined.
    pub(super) was_quarantined: bool,
}

impl Confirmations {
    /// Whether no more may be computed before some is accepted.
    pub(super) fn is_full(&self) -> bool {
        self.computed.len() >= UNCONFIRMED_MAX || self.unconfirmed_bytes >= UNCONFIRMED_BYTES_MAX
    }

    /// Whether no more need be accepted before some is computed.
    pub(super) fn is_far_ahead(&self) -> bool {
        self.accepted.len() >= UNCONFIRMED_MAX
    }

    /// The answer that was accepted for the input that is applied next, where one was.
    pub(super) fn accepted_next(&self) -> Option<&Accepted> {
        debug_assert!(self.computed.is_empty() || self.accepted.is_empty(), "only one is ahead");
        self.accepted.front()
    }

    pub(super) fn accepted(&mut self, accepted: Accepted) -> Result<(), ShardError> {
        self.accepted.push_back(accepted);
        self.compare()
    }

    pub(super) fn computed(&mut self, computed: Computed) -> Result<(), ShardError> {
        self.unconfirmed_bytes += computed.published.bytes();
        self.computed.push_back(computed);
        self.compare()
    }

    /// The link of the oldest answer that this owner published, where `value` is that very answer:
    /// then nothing needs to be decoded or hashed again to know what it is.
    pub(super) fn recognise(&self, value: &Bytes) -> Option<Link> {
        let oldest = self.computed.front()?;
        match &oldest.published {
            Published::ByUs { value: own } if own == value => Some(oldest.link),
            _ => None,
        }
    }

    fn compare(&mut self) -> Result<(), ShardError> {
        while let (Some(computed), Some(accepted)) = (self.computed.front(), self.accepted.front())
        {
            debug_assert_eq!(
                computed.link.out_seq, accepted.out_seq,
                "both are gapless from one start"
            );
            if computed.link.chain != accepted.chain {
                return Err(ShardError::Contradicted {
                    out_seq: accepted.out_seq,
                    accepted: accepted.chain,
                    computed: computed.link.chain,
                });
            }
            self.unconfirmed_bytes -= computed.published.bytes();
            // Bounded, should nobody ask: what is asked for is a sample of times and no more.
            let is_ours = computed.published != Published::BySomebody;
            if is_ours && self.answered.len() < UNCONFIRMED_MAX {
                self.answered.push(computed.input_at);
            }
            self.computed.pop_front();
            self.accepted.pop_front();
        }
        Ok(())
    }

    /// The oldest computed answer must become readable soon after the log acknowledged it, which it
    /// has for all up to `acknowledged`. To be called after every poll of the answers: only the
    /// time over polls that reached their end counts, so that neither a pause of this process nor a
    /// log that is slow to show them is taken for a loss.
    pub(super) fn check_readable(
        &mut self,
        acknowledged: u64,
        now: Duration,
        reached: ReachedEnd,
    ) -> Result<(), ShardError> {
        let oldest = self.computed.front().filter(|oldest| {
            oldest.published != Published::BySomebody && oldest.link.out_seq <= acknowledged
        });
        let due = oldest.map(|oldest| oldest.link.out_seq);
        let looked_for = self.unread.look(due, now, reached);
        match due {
            Some(out_seq) if looked_for >= UNREADABLE_AFTER => {
                Err(ShardError::Unreadable { out_seq })
            }
            _ => Ok(()),
        }
    }

    /// Whether an acknowledged answer was looked for in vain for some time.
    pub(super) fn is_late(&self) -> bool {
        self.unread.looked_for() >= LATE_AFTER
    }

    /// When the input was appended whose answer waits longest to be accepted.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.computed.front().map(|computed| computed.input_at)
    }

    /// When the inputs were appended whose answers of this owner were accepted since the last call.
    pub(super) fn take_answered(&mut self) -> std::vec::Drain<'_, Timestamp> {
        self.answered.drain(..)
    }

    /// How many computed answers wait to be accepted.
    pub(super) fn waiting(&self) -> usize {
        self.computed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_millis(100);

    fn published(out_seq: u64, bytes: usize) -> Computed {
        let link = Link { out_seq, prev_chain: Chain::default(), chain: Chain([1; 16]) };
        let published = Published::ByUs { value: vec![7; bytes].into() };
        Computed { link, published, input_at: Timestamp::from_unix_nanos(out_seq) }
    }

    /// An owner that has published answer 1, whose log has acknowledged it.
    fn with_one_published() -> Confirmations {
        let mut confirmations = Confirmations::default();
        let computed = published(1, 10);
        confirmations.computed(computed).expect("nothing is accepted");
        confirmations
    }

    fn accept_one(confirmations: &mut Confirmations) {
        let accepted = Accepted { out_seq: 1, chain: Chain([1; 16]), was_quarantined: false };
        confirmations.accepted(accepted).expect("it is the same");
    }

    /// Polls from `from` on as often as [`UNREADABLE_AFTER`] has room for.
    fn poll_on(
        confirmations: &mut Confirmations,
        acknowledged: u64,
        from: Duration,
        reached: ReachedEnd,
    ) -> Result<(), ShardError> {
        let mut now = from;
        while now <= from + UNREADABLE_AFTER {
            confirmations.check_readable(acknowledged, now, reached)?;
            now += POLL;
        }
        Ok(())
    }

    #[test]
    fn an_acknowledged_answer_that_nobody_can_read_ends_the_owner() {
        let mut confirmations = with_one_published();
        let ended = poll_on(&mut confirmations, 1, Duration::from_secs(60), ReachedEnd::Yes);
        assert_eq!(ended, Err(ShardError::Unreadable { out_seq: 1 }));
        assert!(confirmations.is_late());
    }

    #[test]
    fn an_answer_is_the_oldest_until_it_is_accepted_and_is_told_of_once() {
        let mut confirmations = with_one_published();
        assert_eq!(confirmations.oldest(), Some(Timestamp::from_unix_nanos(1)));
        assert_eq!(confirmations.take_answered().count(), 0);
        accept_one(&mut confirmations);
        assert_eq!(confirmations.oldest(), None);
        let answered: Vec<Timestamp> = confirmations.take_answered().collect();
        assert_eq!(answered, [Timestamp::from_unix_nanos(1)]);
        assert_eq!(confirmations.take_answered().count(), 0);
    }

    #[test]
    fn a_pause_of_the_process_does_not_end_the_owner() {
        let mut confirmations = with_one_published();
        assert_eq!(confirmations.check_readable(1, Duration::ZERO, ReachedEnd::Yes), Ok(()));
        // Nothing was fetched yet after an hour's pause, and the end known is that of before it.
        let awake = Duration::from_secs(3_600);
        assert_eq!(confirmations.check_readable(1, awake, ReachedEnd::Yes), Ok(()));
        assert!(!confirmations.is_late());
        accept_one(&mut confirmations);
        assert_eq!(poll_on(&mut confirmations, 1, awake, ReachedEnd::Yes), Ok(()));
    }

    #[test]
    fn neither_polls_short_of_the_end_nor_answers_on_their_way_count() {
        let mut confirmations = with_one_published();
        for (acknowledged, reached) in [(0, ReachedEnd::Yes), (1, ReachedEnd::No)] {
            let polled = poll_on(&mut confirmations, acknowledged, Duration::ZERO, reached);
            assert_eq!(polled, Ok(()), "acknowledged {acknowledged}, reached {reached:?}");
        }
    }

    #[test]
    fn it_is_full_by_count_and_by_bytes_and_not_once_they_are_confirmed() {
        let mut confirmations = Confirmations::default();
        confirmations.computed(published(1, UNCONFIRMED_BYTES_MAX)).expect("nothing is accepted");
        assert!(confirmations.is_full());
        accept_one(&mut confirmations);
        assert!(!confirmations.is_full());
        for out_seq in 2..2 + UNCONFIRMED_MAX as u64 {
            assert!(!confirmations.is_full());
            confirmations.computed(published(out_seq, 1)).expect("nothing is accepted");
        }
        assert!(confirmations.is_full());
    }
}
