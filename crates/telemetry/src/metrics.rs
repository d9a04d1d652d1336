//! The recorder behind the `metrics` macros, and the page that Prometheus scrapes.
//!
//! docs/metrics.md lists every metric; `cargo xtask tidy` holds it equal to the code.

mod age;

use std::{sync::OnceLock, thread, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;

pub use self::age::{Age, elapsed_since};

/// Upper bounds for histograms named `*_seconds`: from a hop inside a process (10 microseconds) to
/// what a client no longer waits for (10 s), three to a decade, so that p50 and p99 are read with
/// an error below a factor of about two.
const SECONDS_BUCKETS: [f64; 19] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds for every other histogram: counts in a batch and sizes in bytes, by powers of four
/// up to the 4 MiB of the largest record.
const COUNT_BUCKETS: [f64; 12] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
];

/// How often samples are folded into their buckets where nobody scrapes: the recorder keeps each
/// sample until then, and this bounds how many.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Why there can be no metrics.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// Somebody else's recorder is in place.
    #[error("the recorder of metrics could not be installed: {0}")]
    Recorder(String),
    /// The thread that folds samples could not be started.
    #[error("the thread that keeps metrics small could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Installs the recorder of this process; later calls find it and do nothing.
///
/// # Errors
/// [`MetricsError`] where another recorder is in place, or a thread could not be started.
pub fn install() -> Result<(), MetricsError> {
    static INSTALLING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if HANDLE.get().is_some() {
        return Ok(());
    }
    let handle = builder()
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| MetricsError::Recorder(error.to_string()))?;
    let kept = HANDLE.get_or_init(|| handle);
    thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(|| {
        loop {
            thread::sleep(UPKEEP_EVERY);
            kept.run_upkeep();
        }
    })?;
    Ok(())
}

/// The metrics of this process as Prometheus reads them; empty before [`install`].
pub fn render() -> String {
    age::refresh();
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}

fn builder() -> Result<PrometheusBuilder, metrics_exporter_prometheus::BuildError> {
    PrometheusBuilder::new()
        .set_buckets(&COUNT_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because a process has one recorder.
    #[test]
    fn it_is_installed_once_and_tells_what_was_measured() {
        assert_eq!(render(), "");
        install().expect("the first call installs");
        install().expect("later calls find it");

        metrics::counter!("tradespine_test_orders_total").increment(3);
        metrics::histogram!("tradespine_test_wait_seconds").record(0.000_4);
        metrics::histogram!("tradespine_test_batch_records").record(17.0);
        let page = render();

        assert!(page.contains("tradespine_test_orders_total 3"), "{page}");
        assert!(page.contains("tradespine_test_wait_seconds_bucket{le=\"0.00025\"} 0"), "{page}");
        assert!(page.contains("tradespine_test_wait_seconds_bucket{le=\"0.0005\"} 1"), "{page}");
        assert!(page.contains("tradespine_test_batch_records_bucket{le=\"16\"} 0"), "{page}");
        assert!(page.contains("tradespine_test_batch_records_bucket{le=\"64\"} 1"), "{page}");
    }

    #[test]
    fn buckets_rise() {
        assert!(SECONDS_BUCKETS.is_sorted_by(|lower, upper| lower < upper));
        assert!(COUNT_BUCKETS.is_sorted_by(|lower, upper| lower < upper));
    }
}
