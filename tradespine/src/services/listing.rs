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
    genesis::Identity,
    log::{Producer, ReachedEnd, ReadLimit, WriterRole},
    tail,
};
use tokio_util::sync::CancellationToken;

/// How long the shards may take to answer all listings.
const ANSWERS_WAIT: Duration = Duration::from_secs(30);

/// How long one append may take.
const APPEND_WAIT: Duration = Duration::from_secs(10);

/// Lists what is not listed yet. The shards must be running.
///
/// # Errors
/// Where the log or the shards do not answer, or a listing is refused.
pub async fn list_all(
    log: &Arc<dyn Log>,
    identity: &Identity,
    records: Vec<ReferenceRecord>,
) -> anyhow::Result<()> {
    let known = known_keys(Arc::clone(log)).await?;
    let missing: Vec<_> =
        records.into_iter().filter(|record| !known.contains(&record.key)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let producer = log.producer(WriterRole::Edge { give_up_after: APPEND_WAIT })?;
    let lister = Lister { log: Arc::clone(log), producer };
    for partition in identity.partitions() {
        lister.append_and_await(identity, partition, &missing).await?;
    }
    for record in &missing {
        lister.tell_the_edges(record).await?;
    }
    tracing::info!(listings = missing.len(), "listed assets and instruments");
    Ok(())
}

/// The keys that the edges have been told of.
async fn known_keys(log: Arc<dyn Log>) -> anyhow::Result<BTreeSet<String>> {
    tokio::task::spawn_blocking(move || {
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
    .await?
}

struct Lister {
    log: Arc<dyn Log>,
    producer: Arc<dyn Producer>,
}

impl Lister {
    async fn append_and_await(
        &self,
        identity: &Identity,
        partition: Partition,
        records: &[ReferenceRecord],
    ) -> anyhow::Result<()> {
        let position = self.accepted_end(identity, partition).await?;
        let mut asked = BTreeSet::new();
        for record in records {
            let kind = log::input::Kind::ReferenceChanged(record.clone());
            let input = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
            let place = Place::orders(partition);
            asked.insert(spine::log::append(self.producer.as_ref(), place, input).await?.offset);
        }
        let answered = self.await_answers(partition, position, asked);
        tokio::time::timeout(ANSWERS_WAIT, answered).await.with_context(|| {
            format!("shard {partition} did not answer its listings in {ANSWERS_WAIT:?}")
        })?
    }

    async fn accepted_end(
        &self,
        identity: &Identity,
        partition: Partition,
    ) -> anyhow::Result<Position> {
        let (log, start) = (Arc::clone(&self.log), Position::start(identity.log_id, partition));
        let end = move || tail::accepted_end(log.as_ref(), partition, start, Visibility::Synced);
        Ok(tokio::task::spawn_blocking(end).await??)
    }

    async fn await_answers(
        &self,
        partition: Partition,
        from: Position,
        mut asked: BTreeSet<u64>,
    ) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let _stop_at_the_end = stop.clone().drop_guard();
        let mut batches =
            tail::follow::<Answer>(&self.log, partition, from, Visibility::Synced, stop)?;
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
