//! `tradespine admin audit`: what those who run the platform asked for, as the log has it.

use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
    time::Duration,
};

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use matcher::trail;
use model::{Partition, Timestamp};
use proto::{
    log::{AdminCallRecorded, event},
    text,
};
use spine::{
    Log, Place, Position, Visibility,
    acceptor::{Acceptor, Judged},
    genesis,
    log::{ReachedEnd, ReadLimit},
};

use crate::{
    arguments::inspect::InspectArguments,
    complaint::written,
    dump,
    inspect::still::StillLog,
    services::opening::blocking,
    settings::{Flags, Settings},
};

/// How much is read at once.
const READ_LIMIT: ReadLimit = ReadLimit { records: 4_096, bytes: 4 * 1024 * 1024 };

/// How long a poll waits for what is there: a broker may be slow.
const READ_WAIT: Duration = Duration::from_millis(100);

/// What can be asked of the audit trail.
#[derive(Debug, Subcommand)]
pub(super) enum AuditWord {
    /// Print its entries, a line each
    #[command(after_help = "Example:  tradespine admin audit show --kafka --from 4711")]
    Show(ShowArguments),

    /// Prove that no entry is missing and none was changed
    ///
    /// Every answer of the first shard must extend the chain of those before it, and every entry
    /// the chain of entries. The exit status is 0 only where they do.
    #[command(after_help = "Example:  tradespine admin audit verify --kafka")]
    Verify(InspectArguments),
}

#[derive(Clone, Debug, Args)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    inspect: InspectArguments,

    /// The number of the entry to begin at
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from: u64,
}

impl AuditWord {
    /// What it says about settings.
    pub(super) fn flags(&self) -> Flags {
        self.inspect().clone().into()
    }

    const fn inspect(&self) -> &InspectArguments {
        match self {
            AuditWord::Show(show) => &show.inspect,
            AuditWord::Verify(inspect) => inspect,
        }
    }
}

/// Reads the trail, and prints it or what it proves.
///
/// # Errors
/// Where the log cannot be read, and where the trail is not as it was written.
pub(super) async fn run(word: AuditWord, settings: &Settings) -> anyhow::Result<()> {
    let log = word.inspect().whose().open("audit", settings).await?;
    blocking(move || {
        let mut out = BufWriter::new(io::stdout().lock());
        let read = match &word {
            AuditWord::Show(show) => read(log, |entry| {
                if entry.sequence < show.from {
                    return Ok(());
                }
                written(writeln!(out, "{}", line(entry)))
            })
            .map(drop),
            AuditWord::Verify(_) => match read(log, |_| Ok(())) {
                Ok(entries) => written(writeln!(out, "{entries} entries, none missing or changed")),
                Err(error) => Err(error),
            },
        };
        written(out.flush())?;
        read
    })
    .await
}

/// Hands every entry to `take`, in order; how many there were.
fn read(
    log: Arc<dyn Log>,
    mut take: impl FnMut(&AdminCallRecorded) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let identity = genesis::identify(log.as_ref())?;
    let place = Place::events(Partition::FIRST);
    let log = StillLog::hold(log, [place])?;
    let mut acceptor = Acceptor::at(Position::start(identity.log_id, Partition::FIRST));
    let mut reader = log.reader(place, 0, Visibility::Synced)?;
    let (mut entries, mut hash) = (0, trail::BEGINNING);
    let mut polled = Vec::new();
    let mut reached = ReachedEnd::No;
    while reached == ReachedEnd::No {
        reached = reader.poll(READ_LIMIT, READ_WAIT, &mut polled)?;
        for stored in polled.drain(..) {
            let offset = stored.offset;
            let Judged::Accepted(accepted) = acceptor.read(stored) else { continue };
            for event in accepted.answer.events()? {
                let Some(event::Kind::AdminCallRecorded(entry)) = event.kind else { continue };
                if !trail::follows(&entry, entries, hash) {
                    bail!("the entry at offset {offset} is not the one after entry {entries}");
                }
                (entries, hash) = (entry.sequence, trail::hash(&entry));
                take(&entry)?;
            }
        }
    }
    let missing = acceptor.missing();
    ensure!(missing.is_none(), "answers are missing or were changed from offset {missing:?} on");
    ensure!(
        acceptor.not_answers().count == 0,
        "{} records among the answers are none",
        acceptor.not_answers().count
    );
    Ok(entries)
}

fn line(entry: &AdminCallRecorded) -> String {
    let at = text::rfc3339(Timestamp::from_unix_nanos(entry.at_unix_nanos));
    let call = entry.call.as_ref().map(dump::admin_call).unwrap_or_default();
    format!("{}  {at}  {} {call}", entry.sequence, entry.operator)
}
