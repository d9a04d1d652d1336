//! What the checkers read: bytes of the topics by kcat, rows of the tables by psql, each into a
//! file. Nothing here knows what they mean.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    check::{KCAT_FORMAT, TABLES, records_file},
    platform::{PARTITIONS, Platform, into_file, said},
};

/// The topics, by the name of their files.
const TOPICS: [(&str, &str); 2] = [("orders", "tradespine.orders.v1"), ("events", EVENTS)];
const EVENTS: &str = "tradespine.events.v1";

/// Writes every record and every row into `directory`.
///
/// # Errors
/// Where kcat or psql fail.
pub(crate) fn gather(platform: &mut Platform, directory: &Path) -> Result<()> {
    for (file, topic) in TOPICS {
        for partition in 0..PARTITIONS {
            let mut kcat = Command::new("kcat");
            kcat.args(["-C", "-e", "-q", "-b", platform.brokers(), "-t", topic]);
            kcat.args(["-p", &partition.to_string(), "-o", "beginning", "-f", KCAT_FORMAT]);
            // A broker that was killed had no time to say where its log ends.
            kcat.args(["-X", "fetch.message.max.bytes=8388608", "-X", "check.crcs=true"]);
            into_file(&mut kcat, directory.join(records_file(file, partition)))
                .with_context(|| format!("partition {partition} of {topic}"))?;
        }
    }
    for table in &TABLES {
        let file = table.file();
        platform.rows_into(&table.copy(), &directory.join(&file)).context(file)?;
    }
    Ok(())
}

/// How far the ledger has come, partition by partition.
///
/// # Errors
/// Where psql fails.
pub(crate) fn progress(platform: &mut Platform) -> Result<Vec<Reached>> {
    let rows = platform.rows("SELECT out_seq, next_offset FROM progress ORDER BY partition")?;
    rows.lines().map(reached).collect()
}

/// Where the events end, partition by partition; `None` where the broker does not say.
pub(crate) fn ends(platform: &Platform) -> Option<Vec<u64>> {
    let end = |partition| {
        let mut kcat = Command::new("kcat");
        kcat.args(["-Q", "-b", platform.brokers(), "-t"]);
        kcat.arg(format!("{EVENTS}:{partition}:-1"));
        let text = said(&mut kcat).ok()?;
        // kcat answers with the place, its number in brackets, and the offset.
        text.rsplit_once(':')?.1.split_whitespace().next()?.parse().ok()
    };
    (0..PARTITIONS).map(end).collect()
}

/// How many orders wait, and how many accounts have money on its way between shards, as far as the
/// ledger knows. Not evidence: it only says when the run may end.
///
/// # Errors
/// Where psql fails.
pub(crate) fn on_its_way(platform: &mut Platform) -> Result<u64> {
    let text = platform.rows(
        "SELECT (SELECT count(*) FROM orders WHERE status = 1) + (SELECT count(*) FROM \
         (SELECT FROM balances GROUP BY account, asset_id HAVING sum(link_units::numeric + \
         link_units_high * 9223372036854775808) <> 0) purses)",
    )?;
    text.trim().parse().with_context(|| format!("a number is no number: {text}"))
}

/// How far the ledger is in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) out_seq: u64,
    /// Of the events, where it reads on.
    pub(crate) next_offset: u64,
}

fn reached(row: &str) -> Result<Reached> {
    let numbers = row.split_once('|').context("two columns")?;
    Ok(Reached { out_seq: numbers.0.parse()?, next_offset: numbers.1.parse()? })
}

/// Removes what is large: bytes and rows. History, logs and report stay.
///
/// # Errors
/// Where the directory cannot be read or a file not removed.
pub(crate) fn remove(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if ["records", "rows", "expected"].contains(&kind) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
