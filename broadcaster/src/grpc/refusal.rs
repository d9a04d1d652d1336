//! Refusals as gRPC statuses, with what programs need of them in their details.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::hub::{Forgotten, Turn};

/// Whose words the reasons are.
const DOMAIN: &str = "tradespine";

/// How long a client should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The log is still being read.
pub(super) fn not_ready() -> Status {
    passing(Code::Unavailable, "not_ready", "not caught up with the log yet")
}

/// As many listeners as there may be.
pub(super) fn too_many_listeners() -> Status {
    let message = "there are as many listeners as there may be";
    passing(Code::ResourceExhausted, "too_many_listeners", message)
}

/// As many connections as there may be.
pub(super) fn too_many_connections() -> Status {
    let message = "there are as many connections as there may be; this one will be closed";
    passing(Code::ResourceExhausted, "too_many_connections", message)
}

/// The broadcaster stops.
pub(super) fn going_away() -> Status {
    Status::unavailable("going away")
}

/// A field that cannot be used.
pub(super) fn field_at_fault(field: &str, description: &str) -> Status {
    let details = ErrorDetails::with_bad_request_violation(field, description);
    Status::with_error_details(Code::InvalidArgument, format!("{field} {description}"), details)
}

/// No instrument of this name.
pub(super) fn not_listed(symbol: &str) -> Status {
    Status::not_found(format!("no instrument with the symbol {symbol:?} is listed"))
}

/// Trades that a listener asks for are no longer kept.
pub(super) fn too_old(symbol: &str, since: u64, forgotten: Forgotten) -> Status {
    let oldest = forgotten.oldest_sequence;
    let description = format!(
        "is too old: after trade {since} of {symbol} the oldest kept here is {oldest}; ask the \
         ledger for those before it"
    );
    let mut details = ErrorDetails::with_bad_request_violation("since_sequence", &description);
    let metadata = HashMap::from([("oldest_sequence".to_owned(), oldest.to_string())]);
    details.set_error_info("too_old", DOMAIN, metadata);
    Status::with_error_details(Code::OutOfRange, format!("since_sequence {description}"), details)
}

/// A listener does not keep up; it can go on from the last sequence, where its feed has one.
pub(super) fn too_slow(turn: Turn) -> Status {
    let Turn::Cut { last_sequence: Some(sequence) } = turn else {
        return Status::resource_exhausted("too slow");
    };
    let metadata = HashMap::from([("last_sequence".to_owned(), sequence.to_string())]);
    let details = ErrorDetails::with_error_info("too_slow", DOMAIN, metadata);
    let message = format!("too slow; last sequence {sequence}");
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// What passes: the same request can succeed later.
fn passing(code: Code, reason: &str, message: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(code, message, details)
}
