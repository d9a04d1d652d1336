//! `tradespine migrate`: the ledger's tables, brought up to date by a process that does nothing
//! else, perhaps with rights that no ledger has.
//!
//! It can be repeated at any time, and beside another one.

use anyhow::ensure;
use daemon::shutdown;

use super::ledger;
use crate::settings::Settings;

/// Checks the settings, and does nothing with them.
///
/// # Errors
/// What is wrong with them.
pub fn check(settings: &Settings) -> anyhow::Result<()> {
    Ok(ledger::check(settings)?)
}

/// Brings the tables up to date, and says so.
///
/// # Errors
/// Where the settings are not enough, the database does not come or does not do it, or somebody
/// stops it before.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    check(settings)?;
    let stop = shutdown::stop_on_signal()?;
    // Who waits for a job that was stopped must not take it for done.
    ensure!(ledger::migrate(settings, &stop).await?, "stopped before the tables were up to date");
    println!("the ledger's tables are up to date");
    Ok(())
}
