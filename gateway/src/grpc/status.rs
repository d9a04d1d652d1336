//! Problems as gRPC statuses, with the field at fault in their details.

use std::time::Duration;

use proto::orders::StreamOrdersError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::problem::{Kind, Problem};

/// Whose codes the problems' codes are.
const DOMAIN: &str = "tradespine";

/// The code says it all.
const NO_METADATA: [(String, String); 0] = [];

impl From<Problem> for Status {
    fn from(problem: Problem) -> Status {
        let mut details = ErrorDetails::new();
        details.set_error_info(problem.code, DOMAIN, NO_METADATA);
        if let Some(field) = &problem.field {
            details.add_bad_request_violation(field.as_ref(), problem.message.as_str());
        }
        if let Some(seconds) = problem.kind.retry_after_secs() {
            details.set_retry_info(Some(Duration::from_secs(seconds)));
        }
        Status::with_error_details(code(problem.kind), problem.message, details)
    }
}

/// A problem inside of an answer, where others went well.
impl From<Problem> for StreamOrdersError {
    fn from(problem: Problem) -> StreamOrdersError {
        StreamOrdersError {
            code: problem.code.to_owned(),
            field: problem.field.unwrap_or_default().into_owned(),
            message: problem.message,
        }
    }
}

/// A code by the name that the gRPC specification gives it.
pub(super) const fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

const fn code(kind: Kind) -> Code {
    match kind {
        Kind::Malformed | Kind::TooLarge | Kind::MediaType => Code::InvalidArgument,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::MethodNotAllowed => Code::Unimplemented,
        Kind::TooSlow => Code::DeadlineExceeded,
        Kind::Conflict => Code::FailedPrecondition,
        Kind::KeyReused => Code::AlreadyExists,
        Kind::TooMany | Kind::Overloaded => Code::ResourceExhausted,
        Kind::Unavailable => Code::Unavailable,
        Kind::Internal => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_and_the_code_are_in_the_details() {
        let status = Status::from(Problem::field("price", "off_grid", "is not on the tick"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let violations = &details.bad_request().expect("a violation").field_violations;
        assert_eq!(violations[0].field, "price");
        assert_eq!(details.error_info().expect("a reason").reason, "off_grid");
        let status = Status::from(Problem::overloaded("too much"));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.get_error_details().retry_info().is_some());
    }
}
