//! `tradespine log dump`: the log in words, a line a record.
//!
//! - `input`: what was asked of a shard. `answer`, `event`: what became of it. `word`: the small
//!   parts that both are made of.
//!
//! What will never live here: a conclusion; whether the log is as it should be says `verify`.

mod answer;
mod control;
mod event;
mod filters;
mod input;
mod word;

use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, ValueEnum};
use model::Partition;
use prost::Message;
use proto::{reference::ReferenceRecord, text::rfc3339, topic::Topic};
use spine::{
    Log, Place, Stored, Visibility, header,
    log::{ReachedEnd, ReadLimit},
};

pub(crate) use self::word::admin_call;
use crate::{
    arguments::inspect::InspectArguments,
    complaint::written,
    inspect::still::StillLog,
    services::opening::blocking,
    settings::{Flags, Settings},
};

/// How much is read at once: enough to be quick, little enough to hold.
const READ_LIMIT: ReadLimit = ReadLimit { records: 1_000, bytes: 4 * 1024 * 1024 };

/// How long a poll waits for what is there: a broker may be slow.
const READ_WAIT: Duration = Duration::from_millis(100);

/// What is dumped.
#[derive(Clone, Debug, Args)]
pub struct DumpArguments {
    #[command(flatten)]
    inspect: InspectArguments,

    /// Which records: what was asked, what happened, listings, or what was not understood
    #[arg(long, value_enum, default_value_t = DumpTopic::Events)]
    topic: DumpTopic,

    /// Whose shard's
    #[arg(long, value_name = "NUMBER", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..i64::from(Partition::COUNT_MAX)))]
    partition: u16,

    /// The offset to begin at
    #[arg(long, value_name = "OFFSET", default_value_t = 0)]
    from: u64,

    /// How many records at most [default: all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,

    /// Print the bytes of the values, in hexadecimal, instead of words
    #[arg(long)]
    raw: bool,
}

impl DumpArguments {
    /// What they say about settings.
    pub fn flags(&self) -> Flags {
        self.inspect.clone().into()
    }
}

/// The topics that can be dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DumpTopic {
    Orders,
    Events,
    Reference,
    Dlq,
}

impl From<DumpTopic> for Topic {
    fn from(topic: DumpTopic) -> Topic {
        match topic {
            DumpTopic::Orders => Topic::Orders,
            DumpTopic::Events => Topic::Events,
            DumpTopic::Reference => Topic::Reference,
            DumpTopic::Dlq => Topic::OrdersDeadLetters,
        }
    }
}

/// Prints the records of a partition, up to where it ends now.
///
/// # Errors
/// Where there is no log, a running platform has it for itself, it is damaged, or it has no such
/// place.
pub async fn run(settings: &Settings, arguments: DumpArguments) -> anyhow::Result<()> {
    let log = arguments.inspect.whose().open("dump", settings).await?;
    blocking(move || {
        let mut out = BufWriter::new(io::stdout().lock());
        dump(log, &arguments, &mut out)?;
        written(out.flush())
    })
    .await
}

fn dump(log: Arc<dyn Log>, arguments: &DumpArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let topic = Topic::from(arguments.topic);
    let partition = Partition::new(arguments.partition).context("there is no such partition")?;
    let place = Place { topic, partition };
    let log = StillLog::hold(log, [place])?;
    let mut reader = log.reader(place, arguments.from, Visibility::Synced)?;
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let mut batch = Vec::new();
    let mut reached = ReachedEnd::No;
    while left > 0 && reached == ReachedEnd::No {
        reached = reader.poll(READ_LIMIT, READ_WAIT, &mut batch)?;
        for stored in batch.drain(..) {
            if left == 0 {
                break;
            }
            written(writeln!(out, "{}", line(topic, &stored, arguments.raw)))?;
            left -= 1;
        }
    }
    Ok(())
}

/// A record: where it is, when it came, and what it says.
fn line(topic: Topic, stored: &Stored, raw: bool) -> String {
    let words = if raw { word::hex(&stored.record.value) } else { words(topic, stored) };
    format!("{}  {}  {words}", stored.offset, rfc3339(stored.appended_at))
}

fn words(topic: Topic, stored: &Stored) -> String {
    let value = stored.record.value.as_ref();
    match topic {
        Topic::Orders => input::words(value),
        Topic::Events => answer::words(&stored.record.value),
        Topic::Reference => match ReferenceRecord::decode(value) {
            Ok(record) => word::reference(&record),
            Err(error) => word::undecodable(value, &error),
        },
        Topic::OrdersDeadLetters => dead_letter(stored),
        Topic::Market => word::hex(value),
    }
}

/// Whence a dead letter came, why, and what it would have been.
fn dead_letter(stored: &Stored) -> String {
    let of = |name| stored.record.headers.text(name).unwrap_or("unknown");
    format!(
        "from partition {} offset {}: {}; {}",
        of(header::DEAD_LETTER_PARTITION),
        of(header::DEAD_LETTER_OFFSET),
        of(header::DEAD_LETTER_REASON),
        input::words(&stored.record.value)
    )
}

#[cfg(test)]
mod tests;
