//! The broadcaster: its parts wired together, and as a process.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;

use super::{
    OpenLog,
    opening::{self, Wanted},
    waiting,
};
use crate::settings::Settings;

/// Binds the ports and finds where to begin.
///
/// # Errors
/// Where a port is taken, or a snapshot contradicts the log.
pub async fn bind(settings: &Settings, open: &OpenLog) -> anyhow::Result<broadcaster::Service> {
    let bound = broadcaster::bind(
        broadcaster::Settings {
            http_address: settings.broadcaster.http_address,
            grpc_address: settings.broadcaster.grpc_address,
            snapshot_directory: Some(settings.broadcaster_snapshots()),
            ..broadcaster::Settings::default()
        },
        broadcaster::Dependencies { log: Arc::clone(&open.log), identity: open.identity.clone() },
    );
    bound.await.context("the broadcaster")
}

/// Runs a broadcaster until `stop`, or until it fails.
///
/// # Errors
/// Where the log does not come, or it fails.
pub async fn run(
    settings: &Settings,
    wanted: &Wanted,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let _ours_until_the_end = claim(&settings.broadcaster_snapshots())?;
    let pages = (settings.broadcaster.http_address, "broadcaster.http_address");
    let opened = waiting::with_pages(pages, async |part| opening::open(wanted, stop, part).await);
    let Some(open) = opened.await? else { return Ok(()) };
    let broadcaster = bind(settings, &open).await?;
    broadcaster.serve(stop.clone()).await.context("the broadcaster")
}

/// Takes the directory of snapshots for this process alone, until the file is dropped: two
/// broadcasters would throw away what the other has kept.
fn claim(directory: &Path) -> anyhow::Result<File> {
    let name = directory.display();
    let claimed = fs::create_dir_all(directory).and_then(|()| File::create(directory.join("lock")));
    let file = claimed.with_context(|| format!("the snapshots in {name}"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another broadcaster keeps its snapshots in {name}; name a directory of this one's own \
             with --data-dir"
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("the snapshots in {name}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_snapshots_is_one_broadcasters() {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let path = directory.path().join("broadcaster");
        let first = claim(&path).expect("it is free");
        let error = claim(&path).expect_err("it is taken").to_string();
        assert!(error.contains("--data-dir"), "{error}");
        drop(first);
        claim(&path).expect("it is free again");
    }
}
