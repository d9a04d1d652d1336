//! What the page for Prometheus says of an owner.

use metrics::{Counter, Gauge, Histogram};
use model::Partition;
use telemetry::metrics::{Age, elapsed_since};

use super::Shard;
use crate::core::Core;

/// One owner's metrics.
pub(super) struct Meters {
    answers: Counter,
    answer_seconds: Histogram,
    unconfirmed: Gauge,
    oldest_unanswered: Age,
}

impl Meters {
    pub(super) fn of(partition: Partition) -> Meters {
        let labels = [("partition", partition.to_string())];
        Meters {
            answers: metrics::counter!("tradespine_shard_answers_total", &labels),
            answer_seconds: metrics::histogram!("tradespine_shard_answer_seconds", &labels),
            unconfirmed: metrics::gauge!("tradespine_shard_unconfirmed_answers", &labels),
            oldest_unanswered: Age::of(metrics::gauge!(
                "tradespine_shard_oldest_unanswered_seconds",
                &labels
            )),
        }
    }

    /// Tells what the last step brought.
    pub(super) fn tell<C: Core>(&self, shard: &mut Shard<C>) {
        let mut answers = 0;
        for input_at in shard.take_answered() {
            self.answer_seconds.record(elapsed_since(input_at.unix_nanos()));
            answers += 1;
        }
        self.answers.increment(answers);
        let waiting = shard.confirmations.waiting();
        self.unconfirmed.set(u32::try_from(waiting).unwrap_or(u32::MAX));
        let oldest = shard.oldest_unanswered();
        self.oldest_unanswered.since(oldest.map_or(0, |at| at.unix_nanos()));
    }
}
