//! Sandbox accounts that are back at their grant go out of memory: an account that is not there is
//! at its grant, so nobody can tell.

use model::AccountHandle;
use proto::log::{self, event};

use crate::{
    answer,
    exchange::Exchange,
    limits::{COMPACTIONS_MAX, GRANTS_RETURNED_MAX},
};

/// How much of the answer compactions may still take.
struct Room {
    accounts: usize,
    grants: usize,
}

impl Exchange {
    /// Looks at the accounts that this input touched, in the order in which it did. Called last:
    /// nothing after it may open an account.
    pub(crate) fn compact(&mut self, body: &mut log::AnswerBody) {
        if self.accounts.grant().is_none() {
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
    }

    fn compact_if_idle(
        &mut self,
        handle: AccountHandle,
        room: &mut Room,
        body: &mut log::AnswerBody,
    ) {
        let grants = self.accounts.grants_of(handle);
        if room.accounts == 0 || room.grants < grants {
            return;
        }
        let open_orders = self.books.open_count(handle);
        if self.accounts.compact(handle, open_orders, &mut self.postings) {
            room.accounts -= 1;
            room.grants -= grants;
            let account = self.named.index(handle, &self.accounts, body);
            let compacted = log::AccountCompacted { account };
            body.events.push(answer::event(event::Kind::AccountCompacted(compacted)));
        }
    }
}
