//! What the page for Prometheus says of one partition that is followed.

use metrics::{Counter, Histogram};
use model::{Partition, Timestamp};
use telemetry::metrics::{Age, elapsed_since};

/// One partition's metrics.
pub(super) struct Meters {
    answers: Counter,
    frames: Counter,
    delay_seconds: Histogram,
    oldest_unpublished: Age,
}

impl Meters {
    pub(super) fn of(partition: Partition) -> Meters {
        let labels = [("partition", partition.to_string())];
        Meters {
            answers: metrics::counter!("tradespine_broadcaster_answers_total", &labels),
            frames: metrics::counter!("tradespine_broadcaster_frames_total", &labels),
            delay_seconds: metrics::histogram!("tradespine_broadcaster_delay_seconds", &labels),
            oldest_unpublished: Age::of(metrics::gauge!(
                "tradespine_broadcaster_oldest_unpublished_seconds",
                &labels
            )),
        }
    }

    /// Answers are about to be folded, the oldest of them of this instant.
    pub(super) fn begins(&self, oldest: Option<Timestamp>) {
        self.oldest_unpublished.since(oldest.map_or(0, Timestamp::unix_nanos));
    }

    /// An answer of this instant was handed to whoever listens.
    pub(super) fn handed_on(&self, now: Timestamp) {
        self.delay_seconds.record(elapsed_since(now.unix_nanos()));
    }

    /// All of them were, so many in so many frames.
    pub(super) fn published(&self, answers: usize, frames: usize) {
        self.answers.increment(answers as u64);
        self.frames.increment(frames as u64);
        self.oldest_unpublished.since(0);
    }
}
