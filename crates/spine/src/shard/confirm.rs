//! The owner's check of itself: what readers accepted must be what it computed, number by number.

use std::{collections::VecDeque, sync::atomic::Ordering, time::Duration};

use super::{ShardError, UNCONFIRMED_MAX, UNREADABLE_AFTER, appends::Acknowledged};
use crate::chain::Chain;

/// How an answer got into the log, or will.
pub(super) enum Published {
    /// This owner appended it.
    ByUs {
        /// Raised once the log has it.
        acknowledged: Acknowledged,
        /// When it was appended.
        at: Duration,
    },
    /// Somebody else did, or this is not the owner.
    BySomebody,
}

/// Computed answers that were not accepted yet, or accepted ones that were not computed yet: at any
/// moment only one of the two queues holds something.
pub(super) struct Confirmations {
    computed: VecDeque<Computed>,
    accepted: VecDeque<(u64, Chain)>,
    /// The last number that was both computed and accepted.
    confirmed: u64,
}

struct Computed {
    out_seq: u64,
    chain: Chain,
    published: Published,
    acknowledged_at: Option<Duration>,
}

impl Confirmations {
    pub(super) fn after(out_seq: u64) -> Confirmations {
        Confirmations { computed: VecDeque::new(), accepted: VecDeque::new(), confirmed: out_seq }
    }

    /// Whether no more may be computed before some is accepted.
    pub(super) fn is_full(&self) -> bool {
        self.computed.len() >= UNCONFIRMED_MAX
    }

    /// Whether no more need be accepted before some is computed.
    pub(super) fn is_far_ahead(&self) -> bool {
        self.accepted.len() >= UNCONFIRMED_MAX
    }

    pub(super) fn accepted(&mut self, out_seq: u64, chain: Chain) -> Result<(), ShardError> {
        self.accepted.push_back((out_seq, chain));
        self.compare()
    }

    pub(super) fn computed(
        &mut self,
        out_seq: u64,
        chain: Chain,
        published: Published,
    ) -> Result<(), ShardError> {
        self.computed.push_back(Computed { out_seq, chain, published, acknowledged_at: None });
        self.compare()
    }

    fn compare(&mut self) -> Result<(), ShardError> {
        while let (Some(computed), Some((out_seq, accepted))) =
            (self.computed.front(), self.accepted.front())
        {
            debug_assert_eq!(computed.out_seq, *out_seq, "both are gapless from one start");
            if computed.chain != *accepted {
                let (out_seq, accepted, computed) = (*out_seq, *accepted, computed.chain);
                return Err(ShardError::Contradicted { out_seq, accepted, computed });
            }
            self.confirmed = *out_seq;
            self.computed.pop_front();
            self.accepted.pop_front();
        }
        Ok(())
    }

    /// The oldest computed answer must become readable soon after the log acknowledged it.
    pub(super) fn check_readable(&mut self, now: Duration) -> Result<(), ShardError> {
        let Some(oldest) = self.computed.front_mut() else { return Ok(()) };
        let Published::ByUs { acknowledged, at } = &oldest.published else { return Ok(()) };
        if !acknowledged.load(Ordering::Acquire) {
            return Ok(());
        }
        let since = *oldest.acknowledged_at.get_or_insert_with(|| (*at).max(now));
        if now > since + UNREADABLE_AFTER {
            return Err(ShardError::Unreadable { out_seq: oldest.out_seq });
        }
        Ok(())
    }

    /// How many computed answers wait to be accepted.
    pub(super) fn waiting(&self) -> usize {
        self.computed.len()
    }
}
