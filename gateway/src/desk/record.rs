//! Commands as the log has them.

use bytes::Bytes;
use prost::Message;
use proto::{
    command::ClientCommand,
    log::{self, input},
};
use spine::{
    Record,
    header::{self, Headers},
};

/// A client's command as the log has it.
pub(super) fn value(command: &ClientCommand) -> Bytes {
    let kind = Some(input::Kind::Client(command.into()));
    log::Input { kind }.encode_to_vec().into()
}

/// The record of a client's command, with the trace that it belongs to.
pub(super) fn record(value: Bytes, traceparent: Option<Bytes>) -> Record {
    let mut headers = Headers::default();
    if let Some(traceparent) = traceparent {
        headers.push(header::TRACE_PARENT, traceparent);
    }
    Record { key: None, value, headers }
}
