//! What fuzzing reads of messages; built with `--cfg fuzzing` alone.

use prost::Message;
use proto::orders::{
    PlaceOrderListRequest, PlaceOrderRequest, PlaceOrdersRequest, ReplaceOrderRequest,
};

use super::{lists::list_fields, orders::order_fields};
use crate::{
    entry::{self, Word},
    fuzzed::{self, Asked},
    office::generated_key,
    problem::Problem,
    reference::Catalogue,
};

/// Reads a message as each kind that there is.
pub(crate) fn messages(bytes: &[u8], catalogue: &Catalogue) -> Vec<Asked> {
    let mut asked = Vec::new();
    if let Ok(request) = PlaceOrderRequest::decode(bytes) {
        asked.push(order(&request, catalogue));
    }
    if let Ok(request) = PlaceOrdersRequest::decode(bytes) {
        asked.extend(request.orders.iter().map(|request| order(request, catalogue)));
    }
    if let Ok(request) = PlaceOrderListRequest::decode(bytes) {
        asked.push(list(&request, catalogue));
    }
    if let Ok(request) = ReplaceOrderRequest::decode(bytes) {
        asked.push(replacing(&request, catalogue));
    }
    asked
}

fn order(request: &PlaceOrderRequest, catalogue: &Catalogue) -> Asked {
    let placed = entry::place(&order_fields(request), catalogue, generated_key)?;
    Ok(vec![placed.command()])
}

fn list(request: &PlaceOrderListRequest, catalogue: &Catalogue) -> Asked {
    let placed = entry::place_list(&list_fields(request), catalogue, generated_key)?;
    Ok(vec![placed.command()])
}

fn replacing(request: &ReplaceOrderRequest, catalogue: &Catalogue) -> Asked {
    let order = request.order.as_ref().ok_or_else(|| Problem::missing("order"))?;
    fuzzed::replacing(&order_fields(order), Word::replace_mode(request.mode), catalogue)
}
