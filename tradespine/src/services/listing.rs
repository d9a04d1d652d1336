//! How reference data gets into a running platform: each change is decided by partition 0 and its
//! accepted body copied to the other partitions and to the topic that the edges read.
//!
//! Every step can be run again: what was applied is refused as not the successor and changes
//! nothing, and a copy of a copy is the same record.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use model::Partition;
use prost::Message;
use proto::{
    log::{self, RefusalReason, outcome},
    reference::ReferenceRecord,
    topic::Topic,
};
use spine::{
    Answer, Log, Place, Position, Record, Visibility,
    log::{Producer, ReachedEnd, ReadLimit, WriterRole},
    tail::{self, Pace},
};
use tokio_util::sync::CancellationToken;

use super::{OpenLog, opening::blocking};

/// How long the shards may take to answer all listings.
const ANSWERS_WAIT: Duration = Duration::from_secs(30);

/// How long one append may take.
const APPEND_WAIT: Duration = Duration::from_secs(10);

/// When the shards answer what they are asked to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// Now: they run, and decide.
    Now,
    /// Once they run. Nobody but us has asked them for anything, so they will accept.
    Later,
}

/// Lists what is not listed yet, and says how many that were. The shards must be running.
///
/// # Errors
/// Where the log or the shards do not answer, or a listing is refused.
pub async fn list_all(open: &OpenLog, records: Vec<ReferenceRecord>) -> anyhow::Result<usize> {
    list(open, records, Answers::Now).await
}

/// The same for a log whose shards have perhaps never run: its listings are then its first inputs.
/// Where they have run, somebody may have listed otherwise, and they must run now to decide.
///
/// # Errors
/// As [`list_all`].
pub async fn found(open: &OpenLog, records: Vec<ReferenceRecord>) -> anyhow::Result<usize> {
    let OpenLog { log, identity } = open.clone();
    let answers = blocking(move || {
        let mut answers = Answers::Later;
        for partition in identity.partitions() {
            if log.end(Place::events(partition), Visibility::Synced)? > 0 {
                answers = Answers::Now;
            }
        }
        Ok(answers)
    });
    list(open, records, answers.await?).await
}

async fn list(
    open: &OpenLog,
    records: Vec<ReferenceRecord>,
    answers: Answers,
) -> anyhow::Result<usize> {
    let known = known_keys(Arc::clone(&open.log)).await?;
    let missing: Vec<_> =
        records.into_iter().filter(|record| !known.contains(&record.key)).collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let producer = open.log.producer(WriterRole::Edge { give_up_after: APPEND_WAIT })?;
    let lister = Lister { open: open.clone(), producer, answers };
    for partition in open.identity.partitions() {
        lister.list_in(partition, &missing).await?;
    }
    for record in &missing {
        lister.tell_the_edges(record).await?;
    }
    tracing::info!(listings = missing.len(), "listed assets and instruments");
    Ok(missing.len())
}

/// The keys that the edges have been told of.
async fn known_keys(log: Arc<dyn Log>) -> anyhow::Result<BTreeSet<String>> {
    blocking(move || {
        let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
        let mut reader = log.reader(place, 0, Visibility::Synced)?;
        let limit = ReadLimit { records: 1024, bytes: 1 << 20 };
        let mut keys = BTreeSet::new();
        let mut stored = Vec::new();
        loop {
            let reached = reader.poll(limit, Duration::from_millis(100), &mut stored)?;
            for stored in stored.drain(..) {
                keys.extend(ReferenceRecord::decode(stored.record.value).map(|record| record.key));
            }
            if reached == ReachedEnd::Yes {
                return Ok(keys);
            }
        }
    })
    .await
}

struct Lister {
    open: OpenLog,
    producer: Arc<dyn Producer>,
    answers: Answers,
}

impl Lister {
    /// Asks the shard of `partition` to list `records`, and where it runs hears what it says.
    async fn list_in(
        &self,
        partition: Partition,
        records: &[ReferenceRecord],
    ) -> anyhow::Result<()> {
        if self.answers == Answers::Later {
            return self.append(partition, records).await.map(drop);
        }
        let position = self.accepted_end(partition).await?;
        let asked = self.append(partition, records).await?;
        let answered = self.await_answers(partition, position, asked);
        tokio::time::timeout(ANSWERS_WAIT, answered).await.with_context(|| {
            format!(
                "shard {partition} did not answer its listings in {ANSWERS_WAIT:?}; it must run \
                 while more is listed"
            )
        })?
    }

    /// Appends one record after the other, and returns their offsets.
    async fn append(
        &self,
        partition: Partition,
        records: &[ReferenceRecord],
    ) -> anyhow::Result<BTreeSet<u64>> {
        let place = Place::orders(partition);
        let mut offsets = BTreeSet::new();
        for record in records {
            let kind = log::input::Kind::ReferenceChanged(record.clone());
            let input = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
            offsets.insert(spine::log::append(self.producer.as_ref(), place, input).await?.offset);
        }
        Ok(offsets)
    }

    async fn accepted_end(&self, partition: Partition) -> anyhow::Result<Position> {
        let OpenLog { log, identity } = self.open.clone();
        let start = Position::start(identity.log_id, partition);
        blocking(move || {
            Ok(tail::accepted_end(log.as_ref(), partition, start, Visibility::Synced)?)
        })
        .await
    }

    async fn await_answers(
        &self,
        partition: Partition,
        from: Position,
        mut asked: BTreeSet<u64>,
    ) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let _stop_at_the_end = stop.clone().drop_guard();
        let (log, seen) = (&self.open.log, Visibility::Synced);
        let mut batches = tail::follow::<Answer>(log, partition, from, seen, Pace::Eager, stop)?;
        while !asked.is_empty() {
            let batch = batches.recv().await.context("the events cannot be followed")??;
            for accepted in batch.answers {
                if asked.remove(&accepted.answer.in_offset) {
                    check(accepted.answer.body.outcome)?;
                }
            }
        }
        Ok(())
    }

    async fn tell_the_edges(&self, record: &ReferenceRecord) -> anyhow::Result<()> {
        let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
        let mut told = Record::of(record.encode_to_vec());
        told.key = Some(record.key.clone().into_bytes().into());
        spine::log::append(self.producer.as_ref(), place, told).await?;
        Ok(())
    }
}

/// A listing that is in force already was told to the shard by an earlier start that did not
/// finish.
fn check(outcome: Option<log::Outcome>) -> anyhow::Result<()> {
    match outcome.and_then(|outcome| outcome.kind) {
        Some(outcome::Kind::Applied(_)) => Ok(()),
        Some(outcome::Kind::Refused(refused))
            if refused.reason() == RefusalReason::NotSuccessor =>
        {
            Ok(())
        }
        other => bail!("a shard refused a seeded listing: {other:?}"),
    }
}
