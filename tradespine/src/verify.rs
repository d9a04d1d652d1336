//! `tradespine verify`: proof that a data directory is sound.
//!
//! The whole log is replayed from its first record by the same code that ran it, and every answer's
//! chain compared with the published one. What the answers say is folded again into a ledger in
//! memory and compared, row by row, with the tables. Every asset's sum over all accounts and the
//! world outside must be zero, and what the links of all shards add up to must be just what is on
//! its way between them. The newest snapshot must lead to the same state as the whole log.

mod links;
mod report;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use ledger::{
    projection::Projector,
    row::Progress,
    store::{MemoryStore, SqlStore, Store},
    tables::Tables,
};
use matcher::Exchange;
use model::Partition;
use spine::{
    Core, Log, Place, Visibility,
    answer::Sealed,
    genesis::{self, Identity},
    replay::{Begin, Replay},
    snapshot::{ObjectSnapshots, SnapshotStore},
    tail::Accepted,
};

use self::{links::Links, report::Report};

/// How many answers are folded between two looks at the progress bar.
const ANSWERS_A_BATCH: usize = 10_000;

/// How long a poll waits at the end of the log before it is taken for the end.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// Verifies the data directory of a platform that is not running; prints what was found.
///
/// # Errors
/// Where anything is not as it must be, or cannot be read.
pub async fn run(data_dir: std::path::PathBuf) -> anyhow::Result<()> {
    let url = format!("sqlite://{}?mode=rw", data_dir.join("ledger.sqlite").display());
    let sql = SqlStore::open(&url).await.context("the ledger's tables")?;
    let tables = sql.tables().await?;
    sql.close().await?;
    let snapshots: Arc<dyn SnapshotStore> = Arc::new(ObjectSnapshots::in_directory(
        &data_dir.join("snapshots"),
        tokio::runtime::Handle::current(),
    )?);
    let verified = tokio::task::spawn_blocking(move || verify(&data_dir, &tables, &snapshots));
    let report = verified.await??;
    println!("{report}");
    report.verdict()
}

fn verify(
    data_dir: &Path,
    tables: &Tables,
    snapshots: &Arc<dyn SnapshotStore>,
) -> anyhow::Result<Report> {
    let log: Arc<dyn Log> = crate::dump::open(data_dir)?;
    let identity = genesis::identify(log.as_ref())?;
    let mut report = Report::new(identity.log_id);
    let (folded, mut links) = (MemoryStore::new(), Links::default());
    for partition in identity.partitions() {
        let verifier = Verifier {
            log: Arc::clone(&log),
            identity: &identity,
            partition,
            sql_progress: tables.progress.get(&partition),
            folded: &folded,
        };
        verifier
            .replay(snapshots, &mut report, &mut links)
            .with_context(|| format!("partition {partition}"))?;
    }
    report.compare_links(&links);
    report.compare(tables, &folded.into_tables());
    Ok(report)
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
        snapshots: &Arc<dyn SnapshotStore>,
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
        self.check_snapshot(snapshots, &replay)
    }

    /// The newest snapshot and the log after it lead to the same state, byte for byte.
    fn check_snapshot(
        &self,
        snapshots: &Arc<dyn SnapshotStore>,
        whole: &Replay<Exchange>,
    ) -> anyhow::Result<()> {
        let (log, seen) = (self.log.as_ref(), Visibility::Synced);
        let begin = Begin::Newest(Arc::clone(snapshots));
        let mut replay =
            Replay::<Exchange>::open(log, self.identity, self.partition, &begin, seen)?;
        replay.advance_to_end(log, seen)?;
        anyhow::ensure!(
            replay.replica().core().encode() == whole.replica().core().encode(),
            "the newest snapshot leads to another state than the whole log"
        );
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
