//! What can go wrong with a request, said once for both protocols: REST renders it as
//! problem+json, gRPC as a status with details.

mod refusal;

use std::{borrow::Cow, fmt};

use proto::log::RefusalReason;

/// How long a client that was refused for load should wait, in seconds.
pub const RETRY_AFTER_SECS: u64 = 1;

/// The family of a problem. It decides the status in both protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is not one: the client must change it.
    Malformed,
    /// It does not say who asks, or not so that it is believed.
    Unauthenticated,
    /// Whoever asks may not do that.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The method is not one of this path.
    MethodNotAllowed,
    /// The state does not allow it now.
    Conflict,
    /// The body did not come in time.
    TooSlow,
    /// The body is larger than a request may be.
    TooLarge,
    /// The body is not JSON by its own word.
    MediaType,
    /// The same key with another body.
    KeyReused,
    /// This account asks for more than an account may have.
    TooMany,
    /// There is more work than is taken in; nothing was written. Try again.
    Overloaded,
    /// A part that is needed does not answer; nothing was written. Try again.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl Kind {
    /// The HTTP status.
    pub const fn http_status(self) -> u16 {
        match self {
            Kind::Malformed => 400,
            Kind::Unauthenticated => 401,
            Kind::Forbidden => 403,
            Kind::NotFound => 404,
            Kind::MethodNotAllowed => 405,
            Kind::TooSlow => 408,
            Kind::Conflict => 409,
            Kind::TooLarge => 413,
            Kind::MediaType => 415,
            Kind::KeyReused => 422,
            Kind::TooMany => 429,
            Kind::Overloaded | Kind::Unavailable => 503,
            Kind::Internal => 500,
        }
    }

    /// The same for people.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Malformed => "Bad Request",
            Kind::Unauthenticated => "Unauthorized",
            Kind::Forbidden => "Forbidden",
            Kind::NotFound => "Not Found",
            Kind::MethodNotAllowed => "Method Not Allowed",
            Kind::TooSlow => "Request Timeout",
            Kind::Conflict => "Conflict",
            Kind::TooLarge => "Content Too Large",
            Kind::MediaType => "Unsupported Media Type",
            Kind::KeyReused => "Unprocessable Content",
            Kind::TooMany => "Too Many Requests",
            Kind::Overloaded | Kind::Unavailable => "Service Unavailable",
            Kind::Internal => "Internal Server Error",
        }
    }

    /// How long to wait before the same request can succeed, where waiting helps.
    pub const fn retry_after_secs(self) -> Option<u64> {
        match self {
            Kind::TooMany | Kind::Overloaded | Kind::Unavailable => Some(RETRY_AFTER_SECS),
            _ => None,
        }
    }
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its family.
    pub kind: Kind,
    /// A word that programs can tell problems apart by, such as `unknown_instrument`.
    pub code: &'static str,
    /// The field at fault, where one is.
    pub field: Option<Cow<'static, str>>,
    /// What is wrong, what the limit is, and what to do; for people.
    pub message: String,
}

impl Problem {
    /// A problem without a field.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { kind, code, field: None, message: message.into() }
    }

    /// A field that cannot be used: `message` continues a sentence that begins with its name.
    pub fn field(field: &'static str, code: &'static str, message: impl fmt::Display) -> Problem {
        let message = format!("{field} {message}");
        Problem { kind: Kind::Malformed, code, field: Some(Cow::Borrowed(field)), message }
    }

    /// A field that has to be there.
    pub fn missing(field: &'static str) -> Problem {
        Problem::field(field, "missing_field", "is missing; give one")
    }

    /// The same problem, with the field at fault.
    #[must_use]
    pub fn at(mut self, field: &'static str) -> Problem {
        self.field = Some(Cow::Borrowed(field));
        self
    }

    /// More work than is taken in.
    pub fn overloaded(message: impl Into<String>) -> Problem {
        Problem::new(Kind::Overloaded, "overloaded", message)
    }

    /// A part that is needed does not answer.
    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(Kind::Unavailable, code, message)
    }

    /// A shard's refusal, for requests whose refusal is an error and not a rejected order.
    pub fn refused(reason: RefusalReason) -> Problem {
        let (kind, message) = refusal::refusal(reason);
        let problem = Problem::new(kind, proto::text::refusal(reason), message);
        match reason {
            RefusalReason::UnknownAsset => problem.at("asset"),
            RefusalReason::UnknownInstrument => problem.at("instrument"),
            RefusalReason::InsufficientFunds | RefusalReason::SupplyLimit => problem.at("amount"),
            RefusalReason::AmendIncreases
            | RefusalReason::AmendChangesNothing
            | RefusalReason::AmendLeavesNothing => problem.at("quantity"),
            RefusalReason::LotSize | RefusalReason::MarketLotSize | RefusalReason::Notional => {
                problem.at("quantity")
            }
            RefusalReason::CancelRestricted => problem.at("only"),
            _ => problem,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}
