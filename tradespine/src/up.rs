//! `tradespine up`: the whole platform in one process, on an embedded journal and SQLite.
//!
//! Every part is the same code that runs as a process of its own; here they share one log and find
//! each other on loopback. The ports are taken before anything else happens, so that a busy one is
//! told at once. A stop drains from the front: first nobody can order any more, then everything
//! that was taken is answered, projected and told, then the journal is closed.

mod aside;
mod banner;
mod market_maker;
mod platform;

use std::time::Duration;

use daemon::shutdown;

pub use self::market_maker::ACCOUNT as MARKET_MAKER;
use self::platform::Platform;
use crate::settings::{Part, Settings};

/// How long a stop may take: longer than any part's own drain.
const GRACE: Duration = Duration::from_secs(20);

/// Runs the platform until a signal, or until a part of it fails.
///
/// # Errors
/// Where a port is taken, the data directory is another's or in doubt, or a part fails.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    settings.check(Part::Up)?;
    let stop = shutdown::stop_on_signal()?;
    let mut platform = Platform::start(&settings, &stop).await?;
    println!("{}", banner::text(&settings, &platform));
    if settings.market_maker {
        market_maker::fill_empty_books(&settings).await?;
    }
    let ended = platform.run_until(&stop).await;
    stop.cancel();
    shutdown::drain(platform.drain(), &stop, GRACE).await??;
    ended
}
