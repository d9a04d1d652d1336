//! Looks in turn whether every asset is sound, for whoever watches the metrics.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{solvency::Cut, store::Store};

/// How often it looks: every balance is read, so that more often would be felt by large ledgers.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Looks until `stop`. What cannot be read is said in the log and looked at again.
pub(crate) async fn watch(store: Arc<dyn Store>, stop: CancellationToken) {
    let unsound = metrics::gauge!("tradespine_ledger_unsound_assets");
    loop {
        match store.cut().await {
            Ok(Cut { sums, .. }) => {
                let found = sums.iter().filter(|(_, sum)| !sum.is_sound());
                let found: Vec<_> = found.collect();
                for (asset, sum) in &found {
                    tracing::error!(asset = asset.0, ?sum, "there is not what came in");
                }
                // A handful of assets: exact as a float.
                unsound.set(u32::try_from(found.len()).map_or(f64::INFINITY, f64::from));
            }
            Err(error) => tracing::warn!(%error, "whether assets are sound could not be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
