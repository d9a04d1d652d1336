//! `tradespine verify`: proof that what a platform keeps is sound, in a data directory or where
//! services apart keep it.
//!
//! The whole log is replayed from its first record by the same code that ran it, and every answer's
//! chain compared with the published one. What the answers say is folded again into a ledger in
//! memory and compared, row by row, with the tables. Every asset's sum over all accounts and the
//! world outside must be zero, and what the links of all shards add up to must be just what is on
//! its way between them. The newest snapshot must lead to the same state as the whole log.
//!
//! **Beside a running platform.** The tables are read as they are at one moment, then each shard's
//! newest snapshot is copied, and then the log is held still at its ends: so whatever the tables
//! and the snapshots say is in the log that is looked at, and the fold stops where each partition
//! of the tables stands. Nothing is written anywhere.
//!
//! **Memory.** The log and the tables are read in pieces. What is kept is every row twice, as the
//! tables have it and as it is folded, a copy of each shard's newest snapshot, and the state of one
//! shard, or two while its snapshot is checked.
//!
//! - `copies`: the snapshots. `links`: what is on its way between shards. `report`: what was found.

mod copies;
mod links;
mod report;

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use ledger::{
    projection::Projector,
    row::Progress,
    store::{MemoryStore, Store},
    tables::Tables,
};
use matcher::Exchange;
use model::Partition;
use spine::{
    Core, Log, Place, Visibility,
    answer::Sealed,
    genesis::{self, Identity},
    replay::{Begin, Replay, ReplayError},
    tail::Accepted,
};

use self::{
    copies::{Copies, Copy},
    links::Links,
    report::Report,
};
use crate::{
    inspect::{Whose, still::StillLog},
    services::{ledger::open_to_read, opening::blocking, snapshots},
    settings::Settings,
};

/// How many answers are folded between two looks at the progress bar.
const ANSWERS_A_BATCH: usize = 10_000;

/// How long a poll waits for what is there: a broker may be slow.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// Verifies what a platform keeps, whether it runs or not; prints what was found.
///
/// # Errors
/// Where anything is not as it must be, or cannot be read.
pub async fn run(settings: &Settings, whose: Whose) -> anyhow::Result<()> {
    let log = whose.open("verify", settings).await?;
    let (tables, system) = read_tables(settings).await?;
    let kept = snapshots::read(&settings.shard_snapshots())?;
    let looked_at = vec![
        format!("log: {}", whose.name(settings)),
        format!("tables: those of the ledger in {system}, as they were at one moment"),
        format!("snapshots: those in {}", settings.shard_snapshots().display()),
    ];
    let report = blocking(move || {
        let identity = genesis::identify(log.as_ref())?;
        let copies = Copies::take(kept.as_ref(), &identity)?;
        let log: Arc<dyn Log> = Arc::new(hold_still(log, &identity)?);
        let mut report = Report::new(identity.log_id, looked_at);
        verify(&log, &identity, &tables, &copies, &mut report)?;
        Ok(report)
    })
    .await?;
    println!("{report}");
    report.verdict()
}

/// The ledger's tables, and what the database calls itself.
async fn read_tables(settings: &Settings) -> anyhow::Result<(Tables, &'static str)> {
    let sql = open_to_read(settings).await?;
    let tables = sql.tables().await?;
    sql.close().await?;
    Ok((tables, sql.system()))
}

/// Answers before inputs: so no answer is looked at whose input is not.
fn hold_still(log: Arc<dyn Log>, identity: &Identity) -> anyhow::Result<StillLog> {
    let events = identity.partitions().map(Place::events);
    let orders = identity.partitions().map(Place::orders);
    Ok(StillLog::hold(log, events.chain(orders))?)
}

fn verify(
    log: &Arc<dyn Log>,
    identity: &Identity,
    tables: &Tables,
    copies: &Copies,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (folded, mut links) = (MemoryStore::new(), Links::default());
    for partition in identity.partitions() {
        let verifier = Verifier {
            log: Arc::clone(log),
            identity,
            partition,
            sql_progress: tables.progress.get(&partition),
            folded: &folded,
        };
        verifier
            .replay(copies, report, &mut links)
            .map_err(|error| error.context(format!("partition {partition}")))?;
    }
    report.compare_links(&links, !log.is_exclusive());
    report.compare(tables, &folded.into_tables());
    Ok(())
}

struct Verifier<'a> {
    log: Arc<dyn Log>,
    identity: &'a Identity,
    partition: Partition,
    sql_progress: Option<&'a Progress>,
    folded: &'a MemoryStore,
}

impl Verifier<'_> {
    fn replay(
        &self,
        copies: &Copies,
        report: &mut Report,
        links: &mut Links,
    ) -> anyhow::Result<()> {
        let (log, seen) = (self.log.as_ref(), Visibility::Synced);
        let mut replay =
            Replay::<Exchange>::open(log, self.identity, self.partition, &Begin::First, seen)?;
        let events = log.end(Place::events(self.partition), seen)?;
        let bar = progress_bar(self.partition, events);
        let projected_to = self.sql_progress.map_or(0, |progress| progress.out_seq);
        let mut projector = Projector::new(self.identity.log_id, self.partition, None);
        loop {
            let mut failed = Ok(());
            let replayed = replay.advance_with(POLL_WAIT, &mut |_, accepted| {
                if accepted.answer.out_seq <= projected_to && failed.is_ok() {
                    failed = fold(&mut projector, accepted);
                }
            })?;
            failed?;
            let is_due = projector.answers() >= ANSWERS_A_BATCH || replayed.reached_end;
            if is_due && let Some(batch) = projector.take() {
                self.folded.write(&batch)?;
            }
            bar.set_position(replay.position().next_offset);
            if replayed.reached_end {
                break;
            }
        }
        bar.finish_and_clear();
        let inputs = log.end(Place::orders(self.partition), seen)?;
        report.replayed(self.partition, &replay, inputs, projected_to);
        links.note(replay.replica());
        self.check_snapshot(copies, &replay, report)
    }

    /// The newest snapshot and the log after it lead to the same state, byte for byte.
    fn check_snapshot(
        &self,
        copies: &Copies,
        whole: &Replay<Exchange>,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let copy = copies.of(self.partition);
        let Copy::Taken { out_seq, .. } = copy else {
            report.snapshot(self.partition, copy, Ok(()));
            return Ok(());
        };
        let (log, seen) = (self.log.as_ref(), Visibility::Synced);
        let begin = Begin::Newest(copies.store());
        let opened = Replay::<Exchange>::open(log, self.identity, self.partition, &begin, seen);
        let checked = match opened {
            Ok(replay) if replay.position().out_seq != out_seq => {
                Err(format!("snapshot {out_seq} cannot be used"))
            }
            Ok(mut replay) => {
                replay.advance_to_end(log, seen)?;
                let leads_there =
                    replay.replica().core().encode() == whole.replica().core().encode();
                leads_there.then_some(()).ok_or_else(|| {
                    format!("snapshot {out_seq} leads to another state than the whole log")
                })
            }
            Err(error @ ReplayError::Log(_)) => return Err(error.into()),
            Err(error) => Err(error.to_string()),
        };
        report.snapshot(self.partition, copy, checked);
        Ok(())
    }
}

/// Opens an accepted answer and folds it into what the tables should hold.
fn fold(projector: &mut Projector, accepted: &Accepted<Sealed>) -> anyhow::Result<()> {
    projector.fold(accepted.offset, &accepted.answer.clone().open()?)?;
    Ok(())
}

fn progress_bar(partition: Partition, events: u64) -> ProgressBar {
    let bar = ProgressBar::new(events);
    let template = "partition {prefix} {wide_bar} {pos}/{len} answers, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_prefix(partition.to_string())
}

#[cfg(test)]
mod tests;
