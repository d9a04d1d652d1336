//! What the checkers read: bytes of the topics by kcat, rows of the tables by psql, each into a
//! file. Nothing here knows what they mean.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    check::{KCAT_FORMAT, TABLES, records_file},
    platform::{PARTITIONS, Platform, into_file, said},
};

/// The topics, by the name of their files.
const TOPICS: [(&str, &str); 2] =
    [("orders", "tradespine.orders.v1"), ("events", "tradespine.events.v1")];

/// Writes every record and every row into `directory`.
///
/// # Errors
/// Where kcat or psql fail.
pub(crate) fn gather(platform: &Platform, directory: &Path) -> Result<()> {
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
        let mut psql = psql(platform.database(), &table.copy());
        into_file(&mut psql, directory.join(table.file())).context(table.file())?;
    }
    Ok(())
}

/// How far the ledger has come, as text.
///
/// # Errors
/// Where psql fails.
pub(crate) fn progress(database: &str) -> Result<String> {
    said(&mut psql(database, "SELECT partition, out_seq FROM progress ORDER BY partition"))
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

fn psql(database: &str, statement: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, database]);
    psql
}
