//! The subscriber of a process: log lines for people or machines, and spans for the tracer.
//!
//! Lines go to standard error, because standard output belongs to what a command was asked for.

use std::io::{self, IsTerminal};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracer;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::{Level, Metadata, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterFn, LevelFilter, filter_fn},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    sampling,
    traces::{OtlpError, OtlpSettings, Traces},
};

/// Crates below us whose spans would be about the plumbing, and about the export of spans itself.
const UNTRACED_CRATES: [&str; 6] = ["h2", "hyper", "hyper_util", "opentelemetry", "tonic", "tower"];

/// How log lines look, and which of them there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// Text for people, JSON for machines.
    pub format: Format,
    /// What is logged, as `level` or `crate=level`, with commas between: `info,spine=debug`.
    pub filter: String,
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings { format: Format::Text, filter: "info".to_owned() }
    }
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A line for people, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line, with the spans around it.
    Json,
}

/// Why a process could not begin to log.
#[derive(Debug, Error)]
pub enum InitError {
    /// The filter cannot be read.
    #[error("log filter {filter:?} cannot be read: {reason}; write it like info,spine=debug")]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The way out of the spans cannot be built.
    #[error(transparent)]
    Otlp(#[from] OtlpError),
    /// Another subscriber is in place: a process has one.
    #[error("this process already has a subscriber for its logs")]
    AlreadyInitialised,
}

/// Keeps the tracer alive; flushes what it holds when it is dropped.
#[derive(Debug)]
#[must_use = "spans are flushed, and tracing ends, when this is dropped"]
pub struct Guard {
    _traces: Option<Traces>,
}

/// Installs the subscriber of this process: log lines on standard error, spans to the tracer.
///
/// From here on traces begin in this process, at the ratio of the settings, where OTLP has an
/// endpoint.
///
/// # Errors
/// [`InitError`] where a setting cannot be used, or where a subscriber is already in place.
pub fn init(logs: &LogSettings, otlp: &OtlpSettings) -> Result<Guard, InitError> {
    let filter = EnvFilter::try_new(&logs.filter).map_err(|error| InitError::Filter {
        filter: logs.filter.clone(),
        reason: error.to_string(),
    })?;
    let traces = Traces::start(otlp)?;
    tracing_subscriber::registry()
        .with(lines(logs.format).with_filter(filter))
        .with(traces.as_ref().map(|traces| spans(traces.tracer())))
        .try_init()
        .map_err(|_| InitError::AlreadyInitialised)?;
    if traces.is_some() {
        sampling::begin(otlp.ratio);
    }
    Ok(Guard { _traces: traces })
}

fn lines<S>(format: Format) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match format {
        Format::Text => layer.with_ansi(io::stderr().is_terminal()).boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    }
}

/// The layer that gives every span of ours an identity in a trace.
///
/// Where a span was opened in the source, by which thread, and how long it was idle is left out: it
/// costs an attribute a span, and the span's name says the first.
pub(crate) fn spans<S>(tracer: SdkTracer) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    OpenTelemetryLayer::new(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(of_ours())
}

/// Spans from INFO up, and as their events only what went wrong: a trace is not a second log.
fn of_ours() -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    filter_fn(|metadata| {
        let level_max = if metadata.is_span() { Level::INFO } else { Level::WARN };
        *metadata.level() <= level_max && !is_untraced(metadata.target())
    })
    .with_max_level_hint(LevelFilter::INFO)
}

fn is_untraced(target: &str) -> bool {
    let crate_name = target.split("::").next().unwrap_or(target);
    UNTRACED_CRATES.contains(&crate_name)
}

impl Traces {
    fn tracer(&self) -> SdkTracer {
        self.provider().tracer("tradespine")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_told_with_its_text() {
        let logs = LogSettings { filter: "spine=loudly".to_owned(), ..LogSettings::default() };
        let error = init(&logs, &OtlpSettings::default()).expect_err("refused").to_string();
        assert!(error.contains("spine=loudly"), "{error}");
        assert!(error.contains("info,spine=debug"), "{error}");
    }

    #[test]
    fn a_process_has_one_subscriber() {
        let first = init(&LogSettings::default(), &OtlpSettings::default());
        let second = init(&LogSettings::default(), &OtlpSettings::default());
        assert!(first.is_ok());
        assert!(matches!(second, Err(InitError::AlreadyInitialised)));
    }

    #[test]
    fn plumbing_is_not_traced() {
        assert!(is_untraced("h2::client"));
        assert!(is_untraced("tonic"));
        assert!(!is_untraced("gateway::rest"));
        assert!(!is_untraced("h2o"));
    }
}
