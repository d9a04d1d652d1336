//! The tracer beneath the spans, and its way out over OTLP.
//!
//! Without an endpoint there is no tracer at all: no span is made, and a caller's `traceparent` is
//! carried on as it came, to processes that do export. Which traces begin here is decided before
//! their first span is made (see [`crate::sampling`]), so that the others cost nothing.
//!
//! [`export`] bounds what waits for the collector, and counts what it never got.

mod export;

use std::{sync::Arc, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, TracerProviderBuilder,
    },
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::runtime::{self, Runtime};
use tracing::Span;

use self::export::{Counted, Gate, Waiting};

/// How many finished spans wait for the exporter or are in it, at most; more are dropped and
/// counted, because telling must never hold back trading. About 8 MiB at 1 KiB a span.
pub const QUEUED_SPANS_MAX: usize = 8_192;

/// How many spans one export carries: well below gRPC's 4 MiB a message.
const EXPORTED_SPANS_MAX: usize = 1_024;

/// How long a finished span waits for company before it is exported.
const EXPORT_EVERY: Duration = Duration::from_secs(1);

/// How long one export may take; a collector that is slower loses that batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the end of the process waits for the last export.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Notes in `span` that what it stands for has failed, and by which kind of error, as
/// OpenTelemetry's conventions ask. The span has to be made with both fields.
pub fn failed(span: &Span, error_type: &str) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", error_type);
}

/// Where spans go, and how many of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpSettings {
    /// The collector's gRPC address, like `http://localhost:4317`; nothing is exported without it.
    pub endpoint: Option<String>,
    /// The share of traces that are sampled, 0 to 1. A caller's own decision wins over it.
    pub ratio: f64,
    /// The name that the spans of this process carry.
    pub service_name: String,
}

impl Default for OtlpSettings {
    /// One trace in a hundred: enough to see the shape of the traffic, not felt at full load.
    fn default() -> OtlpSettings {
        OtlpSettings { endpoint: None, ratio: 0.01, service_name: "tradespine".to_owned() }
    }
}

/// Why there can be no tracer.
#[derive(Debug, Error)]
pub enum OtlpError {
    /// The ratio is not a share.
    #[error("the share of traces to sample is {0}; it must be from 0 (none) to 1 (all)")]
    Ratio(f64),
    /// The exporter refuses its settings.
    #[error("spans cannot be sent to {endpoint:?}: {reason}; give it as http://host:4317")]
    Endpoint {
        /// The endpoint as it was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The exporter's own thread could not be started.
    #[error("the thread that exports spans could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// The tracer of this process. Dropping it flushes and closes the exporter.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    /// The exporter's own runtime, so that a flush never waits for a runtime that waits for it.
    exporting: Option<Runtime>,
}

impl Traces {
    /// The tracer, where there is an endpoint for it.
    pub(crate) fn start(settings: &OtlpSettings) -> Result<Option<Traces>, OtlpError> {
        if !(0.0..=1.0).contains(&settings.ratio) {
            return Err(OtlpError::Ratio(settings.ratio));
        }
        let Some(endpoint) = &settings.endpoint else { return Ok(None) };
        let exporting = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("otlp")
            .enable_all()
            .build()?;
        let processor = {
            let _inside = exporting.enter();
            export_to(endpoint)?
        };
        let provider = provider(&settings.service_name).with_span_processor(processor).build();
        Ok(Some(Traces { provider, exporting: Some(exporting) }))
    }

    /// A tracer that keeps its spans to itself.
    #[cfg(test)]
    pub(crate) fn silent() -> Traces {
        Traces { provider: provider("test").build(), exporting: None }
    }

    pub(crate) const fn provider(&self) -> &SdkTracerProvider {
        &self.provider
    }
}

/// Every span that is made is of a sampled trace: the others are not made.
fn provider(service_name: &str) -> TracerProviderBuilder {
    let resource = Resource::builder()
        .with_service_name(service_name.to_owned())
        .with_attribute(KeyValue::new("service.namespace", "tradespine"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(resource)
}

fn export_to(endpoint: &str) -> Result<Gate<BatchSpanProcessor>, OtlpError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| OtlpError::Endpoint {
            endpoint: endpoint.to_owned(),
            reason: error.to_string(),
        })?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUED_SPANS_MAX)
        .with_max_export_batch_size(EXPORTED_SPANS_MAX)
        .with_scheduled_delay(EXPORT_EVERY)
        .build();
    let waiting = Waiting::default();
    let exporter = Counted { next: exporter, waiting: Arc::clone(&waiting) };
    let next = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    Ok(Gate { next, waiting, waiting_max: QUEUED_SPANS_MAX })
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "the last spans could not be exported");
        }
        if let Some(exporting) = self.exporting.take() {
            // Dropping a runtime waits, and panics inside another one; this does neither.
            exporting.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener, thread};

    use opentelemetry::trace::{Span, Tracer, TracerProvider};

    use super::*;

    #[test]
    fn a_ratio_is_a_share() {
        for ratio in [-0.1, 1.1, f64::NAN] {
            let settings = OtlpSettings { ratio, ..OtlpSettings::default() };
            assert!(matches!(Traces::start(&settings), Err(OtlpError::Ratio(_))), "{ratio}");
        }
    }

    #[test]
    fn an_endpoint_is_an_address() {
        let endpoint = Some("not an address".to_owned());
        let error = Traces::start(&OtlpSettings { endpoint, ..OtlpSettings::default() })
            .expect_err("refused")
            .to_string();
        assert!(error.contains("not an address") && error.contains("http://host:4317"), "{error}");
    }

    #[test]
    fn nothing_runs_without_an_endpoint() {
        let traces = Traces::start(&OtlpSettings::default()).expect("starts");
        assert!(traces.is_none());
    }

    /// What a gRPC client says first.
    const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0";

    #[test]
    fn a_sampled_span_is_on_its_way_to_the_endpoint_when_the_tracer_ends() {
        let collector = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", collector.local_addr().expect("it is bound"));
        let heard = thread::spawn(move || {
            let (mut stream, _) = collector.accept().expect("the exporter connects");
            let mut first = [0; HTTP2_PREFACE.len()];
            stream.read_exact(&mut first).map(|()| first)
        });
        let settings =
            OtlpSettings { endpoint: Some(endpoint), ratio: 1.0, ..OtlpSettings::default() };
        let traces = Traces::start(&settings).expect("starts").expect("it has an endpoint");
        traces.provider().tracer("test").start("place").end();
        drop(traces);
        let heard = heard.join().expect("the collector ends").expect("it heard something");
        assert_eq!(heard, HTTP2_PREFACE);
    }

    /// The exporter has its own runtime, so a process may end inside one, with nobody listening.
    #[tokio::test]
    async fn it_ends_inside_a_runtime_with_nobody_listening() {
        let endpoint = Some("http://127.0.0.1:1".to_owned());
        let settings = OtlpSettings { endpoint, ratio: 1.0, ..OtlpSettings::default() };
        let traces = Traces::start(&settings).expect("starts without a collector");
        assert!(traces.is_some());
        drop(traces);
    }
}
