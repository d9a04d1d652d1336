//! The shapes of changes of orders that are open.

use serde::Serialize;
use utoipa::ToSchema;

use super::{OrderView, ReceiptView};

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
