//! Logs, traces and metrics: how a process tells what it does.
//!
//! A process calls [`logs::init`] and [`metrics::install`] once, near the start of `main`; from
//! then on everything speaks through the `tracing` and `metrics` macros at its place of use. This
//! crate is the only one that knows OpenTelemetry: others see a span and a line of text, the W3C
//! `traceparent`.
//!
//! # Layout
//!
//! - [`logs`]: the subscriber: lines on standard error as text or JSON, and the guard that flushes.
//! - [`traces`]: the tracer beneath the spans, and its way out over OTLP, off until it has an
//!   endpoint.
//! - [`sampling`]: which traces are recorded, decided before the first span is made.
//! - [`propagation`]: `traceparent` out of a span and into a span, by itself or in gRPC metadata.
//! - [`mod@metrics`]: the recorder, its buckets, and the page that Prometheus scrapes.
//!
//! What will never live here: the name of a metric or a span. Those stand where they are measured.

#![forbid(unsafe_code)]

pub mod logs;
pub mod metrics;
pub mod propagation;
pub mod sampling;
pub mod traces;
