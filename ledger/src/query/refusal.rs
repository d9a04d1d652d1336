//! How a query is refused: the one place that chooses gRPC codes.

use std::{fmt::Display, time::Duration};

use access::Denied;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::store::StoreError;

/// When a caller should ask again: about as long as a batch takes under load.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A field of the request is wrong; `problem` goes on where the field's name ends.
pub(super) fn field(name: &str, problem: &str) -> Status {
    let details = ErrorDetails::with_bad_request_violation(name, problem);
    Status::with_error_details(Code::InvalidArgument, format!("{name} {problem}"), details)
}

/// The projection has not come as far as it was asked for.
pub(super) fn behind() -> Status {
    let text = "the ledger has not come as far as that in the log; ask again";
    Status::with_error_details(Code::Unavailable, text, retry())
}

/// Something that the ledger needs does not answer.
pub(super) fn unavailable(error: &dyn Display) -> Status {
    Status::with_error_details(Code::Unavailable, error.to_string(), retry())
}

/// The store did not answer.
pub(super) fn store(error: StoreError) -> Status {
    tracing::error!(%error, "a query failed");
    match error {
        StoreError::Damaged(_) => Status::data_loss(error.to_string()),
        StoreError::Failed(_) | StoreError::Moved { .. } | StoreError::Outdated { .. } => {
            unavailable(&error)
        }
    }
}

pub(super) fn no_order() -> Status {
    Status::not_found("there is no such order")
}

pub(super) fn no_account() -> Status {
    Status::not_found("there is no such account")
}

/// Whoever asks is not known.
pub(super) fn denied(why: Denied) -> Status {
    let code = match why {
        Denied::NotReady => Code::Unavailable,
        Denied::Missing | Denied::Unknown => Code::Unauthenticated,
        Denied::TooMany => Code::ResourceExhausted,
    };
    Status::new(code, why.to_string())
}

/// Whoever asks is known, and it is nothing of an account.
pub(super) fn of_the_house() -> Status {
    Status::permission_denied("that is for those who run the platform; a client's token is not")
}

fn retry() -> ErrorDetails {
    ErrorDetails::with_retry_info(Some(RETRY_AFTER))
}
