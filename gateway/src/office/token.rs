//! Tokens: made, revoked, listed. A token is decided by the first shard and told to the edges, as
//! a listing is. A gateway that is killed between the two leaves a slot that nobody can use until
//! its token would have expired; who repeats a revocation finishes it.

use std::{collections::BTreeMap, time::Duration};

use access::Token;
use model::{AccountName, KeyText, OperatorName, Partition, Timestamp};
use proto::{
    credential::{Credential, Holder, SLOTS},
    log::RefusalReason,
    reference::ReferenceRecord,
};

use super::{
    Office,
    admin::{Obeyed, change_reference},
};
use crate::problem::{Kind, Problem};

/// How many slots are tried, where other gateways make tokens at the same time.
const SLOTS_TRIED_MAX: usize = 16;

/// How long a new token may take to be known here before it is shown: its first use should work.
const KNOWN_WAIT: Duration = Duration::from_secs(2);

/// How often that is looked at.
const KNOWN_POLL: Duration = Duration::from_millis(10);

/// What a token is to be.
pub(crate) struct TokenWanted {
    pub(crate) holder: Holder,
    pub(crate) label: Option<KeyText>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Office {
    /// Makes a token, which is in force once this returns it.
    ///
    /// # Errors
    /// [`Problem`] where it could not be made; then nobody has it.
    pub(crate) async fn create_token(
        &self,
        by: &OperatorName,
        wanted: TokenWanted,
    ) -> Result<(Credential, Token), Problem> {
        let TokenWanted { holder, label, expires_at } = wanted;
        let now = self.desk.now();
        if expires_at.is_some_and(|at| at <= now) {
            let advice = "is over already; give an instant to come, or leave it out";
            return Err(Problem::field("expires_at", "already_expired", advice));
        }
        let token = Token::generate();
        let credential = Credential {
            slot: 0,
            id: new_id(),
            token_hash: *token.hash().as_bytes(),
            holder,
            label,
            expires_at,
            is_revoked: false,
            created_at: now,
            created_by: by.clone(),
        };
        let record = self.take_slot(by, credential).await?;
        self.tell_the_edges(&record).await?;
        let credential = credential_in(&record).ok_or_else(unknown_token)?;
        self.until_known(&token).await;
        tracing::info!(id = credential.id.as_str(), by = by.as_str(), "made a token");
        Ok((credential, token))
    }

    /// Puts it into a free slot; the shard says whether that still is one.
    async fn take_slot(
        &self,
        by: &OperatorName,
        credential: Credential,
    ) -> Result<ReferenceRecord, Problem> {
        let taken = self.credentials().await?;
        let now = self.desk.now();
        let is_free = |slot: &u32| taken.get(slot).is_none_or(|(_, one)| !one.opens_at(now));
        // From anywhere on, so that two gateways seldom take the same, and no slot is in the way.
        let first = rand::random::<u32>() % SLOTS;
        for slot in (first..SLOTS).chain(0..first).filter(is_free).take(SLOTS_TRIED_MAX) {
            let version = taken.get(&slot).map_or(1, |(version, _)| version.saturating_add(1));
            let record = Credential { slot, ..credential.clone() }.record(version);
            match self.say(by, Partition::FIRST, change_reference(&record)).await {
                Ok(_) => return Ok(record),
                // Another gateway took it.
                Err(problem) if is_not_successor(&problem) => {}
                Err(problem) => return Err(problem),
            }
        }
        let message = format!("{SLOTS} tokens are in force, as many as may be; revoke some");
        Err(Problem::new(Kind::TooMany, "too_many_tokens", message))
    }

    async fn until_known(&self, token: &Token) {
        let hash = token.hash();
        let known = async {
            while !self.gate.knows(&hash) {
                tokio::time::sleep(KNOWN_POLL).await;
            }
        };
        // Where it takes longer, whoever bears it tries again.
        let _ = tokio::time::timeout(KNOWN_WAIT, known).await;
    }

    /// Puts an end to a token; whether somebody had done so before.
    ///
    /// # Errors
    /// [`Problem`] where there is none of this id, or it could not be told everywhere.
    pub(crate) async fn revoke_token(
        &self,
        by: &OperatorName,
        id: &KeyText,
    ) -> Result<(Credential, bool), Problem> {
        let known = self.credentials().await?;
        let found = known.into_values().find(|(_, credential)| credential.id == *id);
        let (version, credential) = found.ok_or_else(unknown_token)?;
        if credential.is_revoked {
            return Ok((credential, true));
        }
        let revoked = Credential { is_revoked: true, ..credential };
        let record = revoked.record(version.saturating_add(1));
        let obeyed = self.say(by, Partition::FIRST, change_reference(&record)).await?;
        self.tell_the_edges(&record).await?;
        tracing::info!(id = revoked.id.as_str(), by = by.as_str(), "revoked a token");
        Ok((revoked, obeyed == Obeyed::DoneBefore))
    }

    /// The tokens that open something, by slot; of one account where it is given.
    ///
    /// # Errors
    /// [`Problem`] where the log cannot be read.
    pub(crate) async fn tokens(
        &self,
        account: Option<&AccountName>,
    ) -> Result<Vec<Credential>, Problem> {
        let now = self.desk.now();
        let known = self.credentials().await?.into_values().map(|(_, credential)| credential);
        let wanted = known.filter(|credential| {
            credential.opens_at(now) && account.is_none_or(|own| is_of(credential, own))
        });
        Ok(wanted.collect())
    }

    /// The newest version of every slot that was ever taken.
    async fn credentials(&self) -> Result<BTreeMap<u32, (u32, Credential)>, Problem> {
        let records = self.journal.listings().await?;
        let credentials = records.values().filter_map(|record| {
            let credential = credential_in(record)?;
            Some((credential.slot, (record.version, credential)))
        });
        Ok(credentials.collect())
    }
}

fn is_of(credential: &Credential, account: &AccountName) -> bool {
    matches!(&credential.holder, Holder::Account { name, .. } if name == account)
}

fn credential_in(record: &ReferenceRecord) -> Option<Credential> {
    Credential::of_record(record).and_then(Result::ok)
}

fn is_not_successor(problem: &Problem) -> bool {
    problem.code == proto::text::refusal(RefusalReason::NotSuccessor)
}

fn unknown_token() -> Problem {
    Problem::new(Kind::NotFound, "unknown_token", "there is no such token").at("token_id")
}

/// By which people name a token: 64 bits of chance, so that none is ever named as another was.
fn new_id() -> KeyText {
    KeyText::new(&format!("{:016x}", rand::random::<u64>())).expect("digits make a name")
}
