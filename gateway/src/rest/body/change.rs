//! The bodies of changes of orders that are open.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{number, text};
use crate::problem::Problem;

/// What is asked beside the order that is to come instead of another.
#[derive(Debug, Deserialize)]
pub(in crate::rest) struct ModeBody<'a> {
    #[serde(borrow, default)]
    mode: Option<&'a RawValue>,
}

impl<'a> ModeBody<'a> {
    /// What becomes of it where the other is not open any more.
    pub(in crate::rest) fn text(&self) -> Result<Option<Cow<'a, str>>, Problem> {
        text("mode", self.mode)
    }
}

/// What an amend asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AmendOrder)]
pub(in crate::rest) struct AmendBody<'a> {
    /// Whose order it is.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "alice")]
    client_id: Option<&'a RawValue>,
    /// A number or text, on the lot: what the order is to ask for in all. Below what it asks for
    /// now, above what of it has traded.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "0.005")]
    quantity: Option<&'a RawValue>,
}

impl<'a> AmendBody<'a> {
    /// Whose, and how much.
    pub(in crate::rest) fn texts(&self) -> Result<[Option<Cow<'a, str>>; 2], Problem> {
        Ok([text("client_id", self.client_id)?, number("quantity", self.quantity)?])
    }
}

/// When open orders are to end.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CancelAfter)]
pub(in crate::rest) struct AfterBody<'a> {
    /// Only those of this instrument.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "BTC-USDT")]
    instrument: Option<&'a RawValue>,
    /// Whole seconds, at most 86400; 0: no longer.
    #[serde(borrow, default)]
    #[schema(value_type = u32, example = 30)]
    timeout_seconds: Option<&'a RawValue>,
}

impl<'a> AfterBody<'a> {
    /// Of which instrument, and after how many seconds.
    pub(in crate::rest) fn texts(&self) -> Result<[Option<Cow<'a, str>>; 2], Problem> {
        let seconds = number("timeout_seconds", self.timeout_seconds)?;
        Ok([text("instrument", self.instrument)?, seconds])
    }
}
