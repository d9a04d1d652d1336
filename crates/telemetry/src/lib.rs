//! Logs, traces and metrics: the subscriber, OTLP, propagation over gRPC metadata and record headers.
