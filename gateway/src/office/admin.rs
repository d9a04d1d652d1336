//! What those who run the platform ask for: words to every shard, and listings.
//!
//! A listing goes the way of all reference data: the first shard decides its next version, then
//! the others and the edges are given the same. A gateway that is killed on the way leaves it half
//! done, and the same command again finishes it: every step of it may be repeated, and the version
//! after it is not asked for before.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use model::{AccountName, InstrumentId, MarketState, OperatorName, Partition, home::home};
use prost::Message;
use proto::{
    admin::{SetInstrumentRequest, ShardOutcome, ShardResult},
    command::{Movement, OperatorWord},
    credential::TOKENS_AN_ACCOUNT_MAX,
    listing::instrument_key,
    log::{RefusalReason, outcome},
    reference::{InstrumentListing, ReferenceBody, ReferenceRecord, reference_body::Body},
    topic::Topic,
};
use spine::{BEHAVIOUR, Place, Record};

use super::{Office, listing};
use crate::{
    desk::{News, Said},
    problem::{Kind, Problem},
    reference::Listed,
    trace,
};

/// What became of a word to one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obeyed {
    Done,
    DoneBefore,
}

/// A listing that is in force in the first shard, and what the others made of it.
pub(crate) struct Relisted {
    pub(crate) version: u32,
    pub(crate) results: Vec<ShardResult>,
}

/// How long the log may take to have a listing for the edges.
const PUBLISH_WAIT: Duration = Duration::from_secs(10);

impl Office {
    /// Raises the behaviour in every shard.
    ///
    /// # Errors
    /// [`Problem`] for a behaviour that this build does not have: a log that asks for one that
    /// nobody has yet would stop every shard for good.
    pub(crate) async fn upgrade(
        &self,
        by: &OperatorName,
        behaviour: u32,
    ) -> Result<Vec<ShardResult>, Problem> {
        if !(1..=BEHAVIOUR).contains(&behaviour) {
            let advice = format!(
                "must be from 1 to {BEHAVIOUR}, which is what this gateway has; run a newer \
                 build first"
            );
            return Err(Problem::field("behaviour", "unknown_behaviour", advice));
        }
        let partitions = self.partitions();
        Ok(self.tell(by, partitions, |_| Said::Upgrade { behaviour }).await)
    }

    /// Lists the next version of an instrument, everywhere.
    ///
    /// # Errors
    /// [`Problem`] where what is asked for cannot be listed, or the first shard did not take it:
    /// then nothing has changed.
    pub(crate) async fn set_instrument(
        &self,
        by: &OperatorName,
        listed: &Listed,
        asked: &SetInstrumentRequest,
    ) -> Result<Relisted, Problem> {
        let in_force = self.record_of(listed.instrument.id).await?;
        let listing = listing_in(&in_force).ok_or_else(not_listed)?;
        let next = listing::changed(listing, listed, asked)?;
        self.list_next(by, in_force.key.clone(), Some(in_force), Body::Instrument(next)).await
    }

    /// Lists this as the next version of what is in force under a key, everywhere. Where that says
    /// the same already, only finishes telling it.
    ///
    /// # Errors
    /// [`Problem`] where a shard does not have yet what is in force, or the first one did not take
    /// this: then nothing has changed.
    pub(super) async fn list_next(
        &self,
        by: &OperatorName,
        key: String,
        in_force: Option<ReferenceRecord>,
        body: Body,
    ) -> Result<Relisted, Problem> {
        let body = Some(ReferenceBody { body: Some(body) });
        if let Some(in_force) = &in_force {
            // Whoever told the shards of this version may not have told all of them.
            let others = self.copies(by, in_force).await;
            if in_force.body == body {
                return Ok(Relisted { version: in_force.version, results: others });
            }
            if let Some(behind) = others.into_iter().find(|result| !result.problem.is_empty()) {
                let message = format!(
                    "shard {} does not have version {} yet: {}",
                    behind.partition, in_force.version, behind.problem
                );
                return Err(Problem::unavailable("shard_behind", message));
            }
        }
        let version = in_force.map_or(0, |in_force| in_force.version) + 1;
        self.relist(by, ReferenceRecord { key, version, body }).await
    }

    /// Says what an instrument's market is open for, to the shard that trades it.
    pub(crate) async fn set_market_state(
        &self,
        by: &OperatorName,
        listed: &Listed,
        state: MarketState,
    ) -> ShardResult {
        let instrument = listed.instrument.id;
        let said = Said::Command(OperatorWord::SetMarketState { instrument, state });
        let partition = listed.partition;
        let obeyed = self.say(by, partition, said).await;
        let (symbol, state) = (listed.symbol(), proto::text::market_state(state));
        tracing::info!(symbol, state, by = by.as_str(), "said what a market is open for");
        told(partition, obeyed)
    }

    async fn relist(
        &self,
        by: &OperatorName,
        record: ReferenceRecord,
    ) -> Result<Relisted, Problem> {
        let decided = self.say(by, Partition::FIRST, change_reference(&record)).await?;
        let mut results = vec![told(Partition::FIRST, Ok(decided))];
        results.extend(self.copies(by, &record).await);
        let version = record.version;
        self.tell_the_edges(&record).await?;
        tracing::info!(key = record.key, version, by = by.as_str(), "listed a new version");
        Ok(Relisted { version, results })
    }

    /// Gives every shard but the first what that one has decided.
    async fn copies(&self, by: &OperatorName, record: &ReferenceRecord) -> Vec<ShardResult> {
        let others = self.partitions().filter(|partition| *partition != Partition::FIRST);
        self.tell(by, others, |_| change_reference(record)).await
    }

    pub(super) async fn tell_the_edges(&self, record: &ReferenceRecord) -> Result<(), Problem> {
        let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
        let mut published = Record::of(record.encode_to_vec());
        published.key = Some(record.key.clone().into_bytes().into());
        let published = tokio::time::timeout(PUBLISH_WAIT, self.desk.publish(place, published));
        published.await.unwrap_or_else(|_| {
            let message = "the shards have it, and the log has not taken it for the gateways in \
                           time; the same again finishes it";
            Err(Problem::unavailable("log_unavailable", message))
        })
    }

    async fn record_of(&self, instrument: InstrumentId) -> Result<ReferenceRecord, Problem> {
        let mut listings = self.journal.listings().await?;
        listings.remove(&instrument_key(instrument)).ok_or_else(not_listed)
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = Partition> + use<> {
        (0..self.desk.partition_count()).filter_map(Partition::new)
    }

    /// Says something to several shards at once.
    pub(super) async fn tell(
        &self,
        by: &OperatorName,
        partitions: impl Iterator<Item = Partition>,
        said: impl Fn(Partition) -> Said,
    ) -> Vec<ShardResult> {
        let each = partitions.map(|partition| {
            let said = said(partition);
            async move { told(partition, self.say(by, partition, said).await) }
        });
        join_all(each).await
    }

    /// Says something to one shard, and tells what it made of it.
    pub(crate) async fn say(
        &self,
        by: &OperatorName,
        partition: Partition,
        said: Said,
    ) -> Result<Obeyed, Problem> {
        obeyed(&self.desk.operate(by, partition, said, trace::current()).await?)
    }
}

impl Office {
    /// Corrects what an account has available, at its home.
    pub(crate) async fn adjust(
        &self,
        by: &OperatorName,
        account: AccountName,
        movement: Movement,
    ) -> ShardResult {
        let partition = home(&account, self.desk.partition_count());
        let said = Said::Command(OperatorWord::Adjust { account, movement });
        told(partition, self.say(by, partition, said).await)
    }
}

pub(super) fn change_reference(record: &ReferenceRecord) -> Said {
    Said::Command(OperatorWord::ChangeReference(Box::new(record.clone())))
}

fn listing_in(record: &ReferenceRecord) -> Option<&InstrumentListing> {
    match record.body.as_ref()?.body.as_ref()? {
        Body::Instrument(listing) => Some(listing),
        Body::Asset(_) | Body::Credential(_) | Body::FeeTiers(_) => None,
    }
}

fn not_listed() -> Problem {
    Problem::unavailable("not_known_yet", "the log has no listing of this instrument; try again")
}

fn obeyed(news: &News) -> Result<Obeyed, Problem> {
    let answered = match news {
        News::Answered(answered) => Arc::clone(answered),
        News::NotWritten(problem) => return Err(problem.clone()),
        News::Appended { .. } | News::Unknown { .. } => return Err(unknown()),
    };
    let outcome = answered.answer.body.outcome.as_ref();
    match outcome.and_then(|outcome| outcome.kind.as_ref()) {
        Some(outcome::Kind::Applied(_)) => Ok(Obeyed::Done),
        Some(outcome::Kind::Duplicate(_) | outcome::Kind::Stale(_)) => Ok(Obeyed::DoneBefore),
        Some(outcome::Kind::Refused(refused)) => Err(refused_by(refused.reason())),
        Some(outcome::Kind::Poison(poison)) => {
            let message = format!("the shard did not understand it: {}", poison.reason);
            Err(Problem::new(Kind::Internal, "poison", message))
        }
        Some(outcome::Kind::Gap(_)) | None => Err(unknown()),
    }
}

const UNKNOWN: &str = "outcome_unknown";

fn unknown() -> Problem {
    let message = "no answer came in time; the same again is safe, and tells";
    Problem::unavailable(UNKNOWN, message)
}

/// Why a shard did not do what an operator asked for.
fn refused_by(reason: RefusalReason) -> Problem {
    let message = match reason {
        RefusalReason::NotSuccessor => {
            "another version is in force or on its way; look at what is listed and ask again"
        }
        RefusalReason::TooManyCredentials => {
            let message = format!(
                "the account has {TOKENS_AN_ACCOUNT_MAX} tokens, as many as it may; revoke one"
            );
            return Problem::new(Kind::TooMany, proto::text::refusal(reason), message);
        }
        RefusalReason::MarketDelisted => {
            "the instrument was delisted, and stays so; list another under a new id"
        }
        RefusalReason::BadListing => "what was asked for lists nothing that can be",
        RefusalReason::NotInForce => {
            "the log is not upgraded to such commands; `tradespine admin upgrade` first"
        }
        _ => return Problem::refused(reason),
    };
    Problem::new(Kind::Conflict, proto::text::refusal(reason), message)
}

fn told(partition: Partition, obeyed: Result<Obeyed, Problem>) -> ShardResult {
    let partition = u32::from(partition.number());
    let (outcome, problem) = match obeyed {
        Ok(Obeyed::Done) => (ShardOutcome::Done, String::new()),
        Ok(Obeyed::DoneBefore) => (ShardOutcome::DoneBefore, String::new()),
        Err(problem) if problem.code == UNKNOWN => (ShardOutcome::Unknown, problem.message),
        Err(problem) => (ShardOutcome::Refused, problem.message),
    };
    ShardResult { partition, outcome: outcome.into(), problem }
}
