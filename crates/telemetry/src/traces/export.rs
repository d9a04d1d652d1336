//! What stands between finished spans and their exporter: a bound on those that wait, and a count
//! of those that are lost.
//!
//! The library's own queue is bounded too, and says how many spans it dropped only at its end. So
//! the [`Gate`] lets no more in than may wait, those of the export that is under way included, and
//! the library's queue is never full. Whoever finishes a span is never held up: it is let in, or it
//! is counted and gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter, SpanProcessor},
};

/// How many finished spans wait for their export, or are in it.
pub(super) type Waiting = Arc<AtomicUsize>;

/// Lets finished spans through to `next` while fewer than `waiting_max` wait.
#[derive(Debug)]
pub(super) struct Gate<P> {
    pub(super) next: P,
    pub(super) waiting: Waiting,
    pub(super) waiting_max: usize,
}

impl<P: SpanProcessor> SpanProcessor for Gate<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before < self.waiting_max {
            show_waiting(before + 1);
            self.next.on_end(span);
        } else {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            count_dropped("queue_full", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Exports through `next`, and counts what became of it.
#[derive(Debug)]
pub(super) struct Counted<E> {
    pub(super) next: E,
    pub(super) waiting: Waiting,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let exported = self.next.export(batch).await;
        let before = self.waiting.fetch_sub(count, Ordering::Relaxed);
        match &exported {
            Ok(()) => {
                metrics::counter!("tradespine_otlp_spans_exported_total").increment(count as u64);
            }
            Err(_) => count_dropped("export_failed", count),
        }
        show_waiting(before.saturating_sub(count));
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

fn show_waiting(count: usize) {
    metrics::gauge!("tradespine_otlp_spans_waiting").set(count as f64);
}

fn count_dropped(reason: &'static str, count: usize) {
    metrics::counter!("tradespine_otlp_spans_dropped_total", "reason" => reason)
        .increment(count as u64);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
    use opentelemetry_sdk::{error::OTelSdkError, trace::SdkTracerProvider};

    use super::*;

    /// Keeps what is let through, as a queue that nobody empties.
    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanProcessor for Kept {
        fn on_start(&self, _: &mut Span, _: &Context) {}

        fn on_end(&self, span: SpanData) {
            self.0.lock().expect("not poisoned").push(span);
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    /// An exporter that does as it is told.
    #[derive(Debug)]
    struct Told {
        fails: bool,
    }

    impl SpanExporter for Told {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            if self.fails { Err(OTelSdkError::Timeout(Duration::ZERO)) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn no_more_wait_than_may_and_an_export_makes_room_however_it_ends() {
        const WAITING_MAX: usize = 3;
        let (kept, waiting) = (Kept::default(), Waiting::default());
        let gate =
            Gate { next: kept.clone(), waiting: Arc::clone(&waiting), waiting_max: WAITING_MAX };
        let tracer = SdkTracerProvider::builder().with_span_processor(gate).build().tracer("test");
        let finish = |count: usize| (0..count).for_each(|_| tracer.start("order").end());
        let let_in = || kept.0.lock().expect("not poisoned").len();

        finish(10);
        assert_eq!((let_in(), waiting.load(Ordering::Relaxed)), (WAITING_MAX, WAITING_MAX));

        for fails in [false, true] {
            let batch = std::mem::take(&mut *kept.0.lock().expect("not poisoned"));
            let exporter = Counted { next: Told { fails }, waiting: Arc::clone(&waiting) };
            let _ = exporter.export(batch).await;
            assert_eq!(waiting.load(Ordering::Relaxed), 0);
            finish(10);
            assert_eq!(let_in(), WAITING_MAX);
        }
    }
}
