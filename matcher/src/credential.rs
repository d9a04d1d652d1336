//! Credentials: which tokens there are. The first shard alone decides them and has them; the edges
//! learn of them from the reference topic, and no shard lets an order in or keeps it out by them.
//!
//! A slot has one token after the other, and its versions count all of them: the record of one
//! that was revoked can never be taken for the newest again, whoever tells it late.

use std::collections::BTreeMap;

use model::{Partition, Timestamp};
use proto::{
    credential::{Credential, Holder, SLOTS, TOKENS_AN_ACCOUNT_MAX},
    draft::Draft,
    log::{RefusalReason, event},
    reference::ReferenceRecord,
};

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
};

/// What is in force of each slot that was ever taken: its version, and the token.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Credentials {
    by_slot: BTreeMap<u32, (u32, Credential)>,
}

impl Exchange {
    /// Takes a token in, or puts an end to one.
    pub(crate) fn change_credential(
        &mut self,
        change: &ReferenceRecord,
        now: Timestamp,
        body: &mut Draft,
    ) {
        let is_first = self.partition == Partition::FIRST;
        let change_to = Credential::of_record(change).and_then(Result::ok).filter(|_| is_first);
        let Some(credential) = change_to.filter(|it| change.key == Credential::key_of(it.slot))
        else {
            body.outcome = refused(RefusalReason::BadListing);
            return;
        };
        body.outcome = match self.credentials.change(change.version, credential, now) {
            Ok(Changed::Now) => {
                body.event(&event::Kind::ReferenceApplied(change.clone()));
                applied()
            }
            Ok(Changed::Before) => duplicate(0),
            Err(reason) => refused(reason),
        };
    }
}

enum Changed {
    Now,
    Before,
}

impl Credentials {
    fn change(
        &mut self,
        version: u32,
        credential: Credential,
        now: Timestamp,
    ) -> Result<Changed, RefusalReason> {
        let known = self.by_slot.get(&credential.slot);
        if known.is_some_and(|(known, before)| *known == version && *before == credential) {
            return Ok(Changed::Before);
        }
        let in_force = known.map_or(0, |(version, _)| *version);
        if in_force.checked_add(1) != Some(version) {
            return Err(RefusalReason::NotSuccessor);
        }
        match known.map(|(_, before)| before) {
            Some(before) if credential.is_revoked => {
                let only_ends = Credential { is_revoked: false, ..credential.clone() } == *before;
                only_ends.then_some(()).ok_or(RefusalReason::BadListing)?;
            }
            Some(before) if before.opens_at(now) => return Err(RefusalReason::NotSuccessor),
            _ if !credential.opens_at(now) => return Err(RefusalReason::BadListing),
            _ => self.check_room(&credential.holder, now)?,
        }
        self.by_slot.insert(credential.slot, (version, credential));
        Ok(Changed::Now)
    }

    /// An operator's word is rare: looking at every slot takes less than a millisecond.
    fn check_room(&self, holder: &Holder, now: Timestamp) -> Result<(), RefusalReason> {
        let own = self.by_slot.values().map(|(_, credential)| credential);
        let open = own.filter(|it| it.holder.is_same(holder) && it.opens_at(now)).count();
        let has_room = open < TOKENS_AN_ACCOUNT_MAX;
        has_room.then_some(()).ok_or(RefusalReason::TooManyCredentials)
    }

    /// The records in force, by slot.
    pub(crate) fn image(&self) -> Vec<ReferenceRecord> {
        self.by_slot.values().map(|(version, credential)| credential.record(*version)).collect()
    }

    /// Reads what [`Credentials::image`] wrote.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn restore(records: Vec<ReferenceRecord>) -> Result<Credentials, String> {
        let mut by_slot = BTreeMap::new();
        for record in records {
            let credential = Credential::of_record(&record).ok_or("a token is none")?;
            let credential = credential.map_err(|error| error.to_string())?;
            let last = by_slot.last_key_value().map(|(slot, _)| *slot);
            let is_next = last.is_none_or(|last| last < credential.slot);
            if !is_next || record.version == 0 || by_slot.len() >= SLOTS as usize {
                return Err(format!("the record {} is out of order, or none", record.key));
            }
            by_slot.insert(credential.slot, (record.version, credential));
        }
        Ok(Credentials { by_slot })
    }
}
