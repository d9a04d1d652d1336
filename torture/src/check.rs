//! The checkers. They share no code with the services: bytes of the topics as kcat wrote them, rows
//! of the tables as psql wrote them, and the client's own history, all as files in one directory.
//!
//! # Layout
//!
//! - [`records`]: kcat's files. [`wire`]: protobuf without `.proto`. [`chain`]: the readers' rule.
//! - [`fold`]: the log folded by hand. [`tables`]: the ledger's rows against it. [`told`]: the
//!   history against it. [`totals`]: what was told of all assets. [`finding`]: what is checked, and
//!   what came of it.
//!
//! What will never live here: anything that speaks to a service.

mod chain;
mod finding;
mod fold;
mod records;
mod tables;
mod told;
mod totals;
mod wire;

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};

pub(crate) use self::{
    finding::Findings,
    records::KCAT_FORMAT,
    tables::TABLES,
    wire::{Broken, Message},
};
use self::{
    fold::{Fold, Spool},
    records::Records,
};
use crate::history::{self, Story};

/// The file with the records of a topic's partition; `topic` is `orders` or `events`.
pub(crate) fn records_file(topic: &str, partition: u16) -> String {
    format!("{topic}-{partition}.records")
}

/// Checks everything that lies in `directory`.
///
/// # Errors
/// Where it cannot be read. What is wrong with what is read is a finding.
pub(crate) fn check(directory: &Path, partitions: u16) -> Result<Findings> {
    let story = Story::read(&directory.join(history::FILE))?;
    let mut fold = fold(directory, partitions, &story)?;
    told::check(&story, &mut fold);
    totals::check(&story, &mut fold);
    let mut findings = std::mem::take(&mut fold.findings);
    findings.is_bank = story.bank_began_ms.is_some();
    tables::check(directory, &fold, &mut findings).context("the ledger's tables")?;
    Ok(findings)
}

fn fold(directory: &Path, partitions: u16, story: &Story) -> Result<Fold> {
    let mut fold = Fold::new(story.seen.clone(), totals::wanted(story));
    let spool_file = |name: &str| -> Result<BufWriter<File>> {
        let table = TABLES.iter().find(|table| table.name == name).context("a table")?;
        let file = File::create(directory.join(table.expected_file()))?;
        Ok(BufWriter::with_capacity(1 << 20, file))
    };
    let mut spool = Spool { postings: spool_file("postings")?, legs: spool_file("posting_legs")? };
    for partition in 0..partitions {
        let records = |topic| Records::open(&directory.join(records_file(topic, partition)));
        fold.partition(partition, records("orders")?, records("events")?, &mut spool)
            .with_context(|| format!("partition {partition} of the log"))?;
    }
    spool.postings.flush()?;
    spool.legs.flush()?;
    fold.sums();
    fold.arrived();
    fold.unseen();
    Ok(fold)
}

#[cfg(test)]
mod tests;
