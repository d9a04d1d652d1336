//! Sandbox accounts that are back at their grant go out of memory: an account that is not there is
//! at its grant, so nobody can tell. So do accounts that have nothing on a shard that is not their
//! home.
//!
//! Its keys live on, as those of a name without an account. Where these have no room for them, or
//! the answer none for another compaction, the account stays and is looked at again: every input
//! also looks at a few accounts in turn, so that none stays for good once a rush is over.

use model::AccountHandle;
use proto::{
    draft::Draft,
    log::{self, event},
};

use crate::{
    exchange::Exchange,
    limits::{COMPACTIONS_MAX, GRANTS_RETURNED_MAX, REVISITS},
};

/// How much of the answer compactions may still take.
struct Room {
    accounts: usize,
    grants: usize,
}

impl Exchange {
    /// Looks at the accounts that this input touched, in the order in which it did, and at the next
    /// few in turn. Called last: nothing after it may open an account.
    pub(crate) fn compact(&mut self, body: &mut Draft) {
        if self.accounts.grant().is_none() && self.accounts.partition_count() == 1 {
            return;
        }
        let mut room = Room { accounts: COMPACTIONS_MAX, grants: GRANTS_RETURNED_MAX };
        let (mut seen, mut last) = (0, None);
        // What a compaction touches is looked at too: an account that is gone already.
        while let Some((handle, _)) = self.postings.touched().get(seen).copied() {
            seen += 1;
            if last != Some(handle) {
                self.compact_if_idle(handle, &mut room, body);
            }
            last = Some(handle);
        }
        for _ in 0..REVISITS {
            let end = self.accounts.handles_end();
            if self.revisited < end {
                self.compact_if_idle(AccountHandle(self.revisited), &mut room, body);
            }
            self.revisited = if self.revisited + 1 < end { self.revisited + 1 } else { 0 };
        }
    }

    fn compact_if_idle(&mut self, handle: AccountHandle, room: &mut Room, body: &mut Draft) {
        let grants = self.accounts.grants_of(handle);
        let has_room = room.accounts > 0 && room.grants >= grants;
        let is_idle = has_room
            && self.books.open_count(handle) == 0
            && self.accounts.may_compact(handle)
            && !self.park.concerns(handle)
            && !self.controls.concerns(handle)
            && !self.tiers.concerns(handle)
            && !self.asks.concerns(handle)
            && !self.on_their_way.concerns(self.accounts.name(handle));
        if !is_idle || !self.keys.close_account(self.accounts.name(handle)) {
            return;
        }
        room.accounts -= 1;
        room.grants -= grants;
        self.books.set_group(handle, None);
        let is_compacted = self.accounts.compact(handle, 0, &mut self.postings);
        debug_assert!(is_compacted, "it is idle and at its grant");
        let account = self.named.index(handle, &self.accounts, body);
        let compacted = log::AccountCompacted { account };
        body.event(&event::Kind::AccountCompacted(compacted));
    }
}
