//! What a desk takes from the machine that it runs on, handed in so that a simulation can hand in
//! its own.

use std::{fmt, sync::Arc, time::Instant};

use model::RequestId;

/// See the [module](self).
#[derive(Clone)]
pub struct Machine {
    /// By what waiting is measured; nobody can set it.
    pub monotonic: Arc<dyn Fn() -> Instant + Send + Sync>,
    /// Makes the ids of requests: 128 bits of chance, so that no two are ever the same.
    pub request_ids: Arc<dyn Fn() -> RequestId + Send + Sync>,
}

impl Default for Machine {
    /// The one that this runs on.
    fn default() -> Machine {
        let request_ids = Arc::new(|| RequestId(rand::random()));
        Machine { monotonic: Arc::new(Instant::now), request_ids }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Machine").finish_non_exhaustive()
    }
}
