//! The shapes of changes of orders that are open.

use proto::orders;
use serde::Serialize;
use utoipa::ToSchema;

use super::{OrderView, ReceiptView, instant, some};
use crate::entry::Ending;

/// A cancel or an amend that the log has and its shard has not answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeTaken)]
pub(in crate::rest) struct ChangeTakenView {
    /// The order that is to be changed, where it was meant by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rest) id: Option<u64>,
    /// The same again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rest) order_id: Option<u64>,
    pub(in crate::rest) client_id: String,
    /// The client's own id of it, where it was meant by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rest) client_order_id: Option<String>,
    /// pending, or unknown where the log did not confirm the change.
    #[schema(example = "pending")]
    pub(in crate::rest) status: &'static str,
    /// Where the change's own record stands.
    pub(in crate::rest) receipt: Option<ReceiptView>,
    /// Where the order can be looked up.
    pub(in crate::rest) look_up: String,
}

/// What became of both halves of a replacement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replaced)]
pub(in crate::rest) struct ReplacedView {
    /// Of the order that goes: pending, success, failure, not_attempted or unknown.
    #[schema(example = "success")]
    pub(in crate::rest) cancel_result: &'static str,
    /// Of the order that comes: likewise.
    #[schema(example = "success")]
    pub(in crate::rest) new_order_result: &'static str,
    /// The order that comes.
    pub(in crate::rest) order: OrderView,
}

/// When open orders end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CancelAfterSet)]
pub(in crate::rest) struct CancelAfterView {
    client_id: String,
    /// Only those of this instrument, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    instrument: Option<String>,
    timeout_seconds: u32,
    /// One for each partition that was asked: each has its own.
    results: Vec<CancelAfterResultView>,
}

/// When open orders of one partition end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CancelAfterResult)]
pub(in crate::rest) struct CancelAfterResultView {
    partition: u32,
    /// By this partition's log; null for no longer.
    cancels_at: Option<String>,
    /// What is not known, and how to find out.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl CancelAfterView {
    pub(in crate::rest) fn of(
        ending: &Ending,
        results: Vec<orders::CancelAfterResult>,
    ) -> CancelAfterView {
        let results = results.into_iter().map(|result| CancelAfterResultView {
            partition: result.partition,
            cancels_at: instant(result.cancels_at.as_ref()),
            problem: some(result.problem),
        });
        CancelAfterView {
            client_id: ending.account.as_str().to_owned(),
            instrument: ending.listed.as_ref().map(|listed| listed.symbol().to_owned()),
            timeout_seconds: ending.timeout_seconds,
            results: results.collect(),
        }
    }
}
