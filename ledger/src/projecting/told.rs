//! What is told of a batch: its spans, and its metrics.
//!
//! | in a batch there is | spans |
//! |---|---|
//! | no traced answer | none |
//! | one | `process <events>` below whoever sent it, and below that `BATCH ledger` |
//! | several | the first of these for each, and one for all, in a trace of its own, linked with each of them; below that one `BATCH ledger` |

use std::time::Instant;

use metrics::{Counter, Histogram};
use model::{Partition, Timestamp};
use spine::{Place, trace::Tracer};
use telemetry::{
    metrics::{Age, elapsed_since},
    propagation, traces,
};
use tracing::{Span, field::Empty};

/// How many of the traced answers of a batch are linked with it: as many links as a span keeps.
const LINKS_MAX: usize = 128;

/// The spans of one batch. They end where this is dropped.
pub(super) struct Spans {
    _answers: Vec<Span>,
    _batch: Option<Span>,
    write: Span,
}

impl Spans {
    /// Of a batch of so many answers that come to so many rows, of which `traced` are the spans of
    /// those that are traced.
    pub(super) fn of(
        traced: Vec<Span>,
        tracer: &Tracer,
        partition: Partition,
        (answers, rows): (usize, usize),
        system: &'static str,
    ) -> Spans {
        let batch = (traced.len() > 1).then(|| {
            let batch = tracer.process_batch(Place::events(partition), answers);
            traced.iter().take(LINKS_MAX).for_each(|answer| propagation::link(answer, &batch));
            batch
        });
        let write = match batch.as_ref().or_else(|| traced.first()) {
            None => Span::none(),
            Some(parent) => tracing::info_span!(
                parent: parent,
                "write",
                "otel.name" = "BATCH ledger",
                "otel.kind" = "client",
                "otel.status_code" = Empty,
                "error.type" = Empty,
                "db.system.name" = system,
                "db.operation.name" = "BATCH",
                "db.operation.batch.size" = i64::try_from(rows).unwrap_or(i64::MAX),
            ),
        };
        Spans { _answers: traced, _batch: batch, write }
    }

    /// The span of the write itself.
    pub(super) fn write(&self) -> &Span {
        &self.write
    }

    /// Notes that the batch was not written.
    pub(super) fn failed(&self, error: &'static str) {
        traces::failed(&self.write, error);
    }
}

/// One partition's metrics.
pub(super) struct Meters {
    answers: Counter,
    rows: Counter,
    batch_seconds: Histogram,
    delay_seconds: Histogram,
    now_seconds: metrics::Gauge,
    oldest_unwritten: Age,
}

impl Meters {
    pub(super) fn of(partition: Partition) -> Meters {
        let labels = [("partition", partition.to_string())];
        Meters {
            answers: metrics::counter!("tradespine_ledger_answers_total", &labels),
            rows: metrics::counter!("tradespine_ledger_rows_total", &labels),
            batch_seconds: metrics::histogram!("tradespine_ledger_batch_seconds", &labels),
            delay_seconds: metrics::histogram!("tradespine_ledger_delay_seconds", &labels),
            now_seconds: metrics::gauge!("tradespine_ledger_now_seconds", &labels),
            oldest_unwritten: Age::of(metrics::gauge!(
                "tradespine_ledger_oldest_unwritten_seconds",
                &labels
            )),
        }
    }

    /// A batch is about to be written whose oldest answer is of this instant.
    pub(super) fn begins(&self, oldest: Option<Timestamp>) {
        self.oldest_unwritten.since(oldest.map_or(0, Timestamp::unix_nanos));
    }

    /// It is written: so many answers and rows, the last of this instant.
    pub(super) fn written(&self, written: &Written) {
        self.batch_seconds.record(written.began.elapsed());
        self.answers.increment(written.answers as u64);
        self.rows.increment(written.rows as u64);
        if let Some(oldest) = written.oldest {
            self.delay_seconds.record(elapsed_since(oldest.unix_nanos()));
        }
        // The log's time of the last answer, so that two ledgers can be compared.
        let now = std::time::Duration::from_nanos(written.newest.unix_nanos());
        self.now_seconds.set(now.as_secs_f64());
        self.oldest_unwritten.since(0);
    }
}

/// A batch that was written.
pub(super) struct Written {
    pub(super) began: Instant,
    pub(super) answers: usize,
    pub(super) rows: usize,
    pub(super) oldest: Option<Timestamp>,
    pub(super) newest: Timestamp,
}
