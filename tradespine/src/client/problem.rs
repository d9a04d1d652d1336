//! What a service says when it does not do what was asked, as a sentence.

use std::error::Error;

use tonic::{Code, Status};
use tonic_types::{FieldViolation, StatusExt};

/// What `service` said, for people.
pub fn sentence(service: &str, status: &Status) -> anyhow::Error {
    let said = said(status);
    match status.code() {
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::AlreadyExists
        | Code::OutOfRange
        | Code::PermissionDenied
        | Code::Unauthenticated => anyhow::anyhow!("the {service} refused: {said}"),
        Code::NotFound => anyhow::anyhow!("the {service} did not find it: {said}"),
        Code::Unavailable | Code::ResourceExhausted => {
            anyhow::anyhow!("the {service} cannot do it now: {said}")
        }
        Code::DeadlineExceeded => anyhow::anyhow!("the {service} did not answer in time: {said}"),
        Code::Unimplemented => anyhow::anyhow!(
            "no {service} answers at this address, but something else does; see --help for the \
             address of each service"
        ),
        code => anyhow::anyhow!("the {service} failed: {said} ({code:?})"),
    }
}

/// Whether the request may have been done although there is no answer: the connection broke, or
/// nobody knows in time. What a service itself says is unavailable was not begun.
pub fn is_outcome_unknown(status: &Status) -> bool {
    let broke = status.source().is_some();
    let in_doubt = [Code::DeadlineExceeded, Code::Unknown, Code::Cancelled, Code::Internal];
    broke || in_doubt.contains(&status.code())
}

/// The message, and the fields at fault where it does not name them itself.
fn said(status: &Status) -> String {
    let mut text = match status.message() {
        "" => "it gave no reason".to_owned(),
        message => message.to_owned(),
    };
    let details = status.get_details_bad_request();
    for violation in details.map(|details| details.field_violations).unwrap_or_default() {
        let FieldViolation { field, description, .. } = violation;
        if !text.contains(&description) {
            text.push_str(&format!("; {field}: {description}"));
        } else if !text.contains(&field) {
            text.push_str(&format!(" (field {field})"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn refused(message: &str, field: &str, description: &str) -> String {
        let details = ErrorDetails::with_bad_request_violation(field, description);
        let status = Status::with_error_details(Code::InvalidArgument, message, details);
        sentence("gateway", &status).to_string()
    }

    #[test]
    fn the_field_at_fault_is_named_once() {
        let expected = "the gateway refused: price is off the tick of 0.01";
        assert_eq!(
            refused("price is off the tick of 0.01", "price", "is off the tick of 0.01"),
            expected
        );
        assert_eq!(
            refused("is off the tick", "price", "is off the tick"),
            "the gateway refused: is off the tick (field price)"
        );
        assert_eq!(
            refused("bad request", "price", "is off the tick"),
            "the gateway refused: bad request; price: is off the tick"
        );
    }

    #[test]
    fn what_was_not_begun_is_no_unknown_outcome() {
        assert!(!is_outcome_unknown(&Status::unavailable("not caught up")));
        assert!(!is_outcome_unknown(&Status::invalid_argument("price")));
        assert!(is_outcome_unknown(&Status::deadline_exceeded("")));
        let broken = Status::from_error(Box::new(std::io::Error::other("the connection broke")));
        assert!(is_outcome_unknown(&broken));
    }
}
