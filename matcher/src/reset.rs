//! An account of a sandbox begins anew: all that it has open ends, and it has what a new one has.
//!
//! Each shard is told, and does its part: at home the account has its grants then, elsewhere
//! nothing. What it has more or less goes into corrections or comes out of them, so every posting
//! balances and every sum tells it. What is on its way between shards by then arrives, and what
//! waits to be withdrawn or sent waits on. Once for each id: the same again is nothing new.

use model::{AccountName, Amount, AssetId, KeyText, OrderFilter};
use proto::{draft::Draft, log::RefusalReason};

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    limits::RESETS_MAX,
};

impl Exchange {
    pub(crate) fn reset(&mut self, name: &AccountName, id: &KeyText, body: &mut Draft) {
        let reset = (name.clone(), id.clone());
        if self.accounts.grant().is_none() {
            body.outcome = refused(RefusalReason::NotASandbox);
            return;
        }
        if self.resets.contains(&reset) {
            body.outcome = duplicate(0);
            return;
        }
        if self.resets.len() >= RESETS_MAX {
            body.outcome = refused(RefusalReason::TooManyResets);
            return;
        }
        self.resets.insert(reset);
        self.cancel_all(name, &OrderFilter::all(None), body);
        // Whoever has no account here is as new.
        if self.accounts.find(name).is_some() {
            self.correct_to_grants(name, id);
        }
        body.outcome = applied();
    }

    fn correct_to_grants(&mut self, name: &AccountName, id: &KeyText) {
        // With what of its grants it has not been given yet.
        let Ok(account) = self.open(name) else { return };
        let grants: Vec<(AssetId, Amount)> = self.accounts.grants_to(name).collect();
        for (asset, grant) in grants {
            let available = self.accounts.available(account, asset);
            let missing = grant.checked_sub(available).expect("both are below 2^122");
            if missing.is_zero() {
                continue;
            }
            let own = KeyText::new(&format!("reset:{id}:{}", asset.0));
            let own = own.expect("an id of a reset leaves room for an asset");
            // More than a supply is never corrected: that much stays as it is.
            let _ = self.accounts.adjust(account, asset, missing, &own, &mut self.postings);
        }
    }
}
