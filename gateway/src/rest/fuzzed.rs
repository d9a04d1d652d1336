//! What fuzzing reads of bodies and queries; built with `--cfg fuzzing` alone.

use axum::http::Uri;

use super::{
    batch, body,
    body::{AfterBody, AmendBody, ModeBody, MovementBody, OrderBody, TradeGroupBody},
    lists::ListBody,
    params::Params,
    transfers::TransferBody,
};
use crate::{
    entry::{self, AfterFields, Word},
    fuzzed::{self, Asked},
    office::generated_key,
    reference::Catalogue,
};

/// Whose money and orders it is where the path says so.
const CLIENT: &str = "alice";

/// Reads a body as each kind that there is.
pub(crate) fn bodies(bytes: &[u8], catalogue: &Catalogue) -> Vec<Asked> {
    let read: [fn(&[u8], &Catalogue) -> Asked; 8] =
        [order, orders, list, replacing, amend, movement, transfer, of_account];
    read.into_iter().map(|read| read(bytes, catalogue)).collect()
}

/// Reads a query as each thing that one may say.
pub(crate) fn query(text: &str) {
    let Ok(uri) = Uri::try_from(format!("/api/v1/orders?{text}")) else { return };
    if let Ok(params) = Params::of(&uri) {
        let _ = (params.waits(), params.status(), params.get("cursor"));
        if let Ok(page) = params.page(50) {
            assert!(page.size <= super::params::LIMIT_MAX, "a page of {}", page.size);
        }
    }
}

fn order(bytes: &[u8], catalogue: &Catalogue) -> Asked {
    let order: OrderBody<'_> = body::object(bytes)?;
    let texts = order.texts()?;
    let placed = entry::place(&texts.fields(Some("key")), catalogue, generated_key)?;
    Ok(vec![placed.command()])
}

fn orders(bytes: &[u8], catalogue: &Catalogue) -> Asked {
    let listed = batch::listed(bytes)?;
    let placed = listed.into_iter().filter_map(|raw| order(raw.get().as_bytes(), catalogue).ok());
    Ok(placed.flatten().collect())
}

fn list(bytes: &[u8], catalogue: &Catalogue) -> Asked {
    let texts = body::object::<ListBody<'_>>(bytes)?.texts()?;
    let placed = entry::place_list(&texts.fields(None), catalogue, generated_key)?;
    Ok(vec![placed.command()])
}

fn replacing(bytes: &[u8], catalogue: &Catalogue) -> Asked {
    let order: OrderBody<'_> = body::object(bytes)?;
    let mode = body::object::<ModeBody<'_>>(bytes)?.text()?;
    let texts = order.texts()?;
    fuzzed::replacing(&texts.fields(None), Word::text(mode.as_deref()), catalogue)
}

fn amend(bytes: &[u8], catalogue: &Catalogue) -> Asked {
    let [client_id, quantity] = body::object::<AmendBody<'_>>(bytes)?.texts()?;
    entry::client(client_id.as_deref())?;
    for listed in catalogue.instruments() {
        entry::new_quantity(quantity.as_deref().unwrap_or_default(), listed)?;
    }
    Ok(Vec::new())
}

fn movement(bytes: &[u8], catalogue: &Catalogue) -> Asked {
    let body = body::object::<MovementBody<'_>>(bytes)?;
    let (_, into) = entry::movement(&body.deposit()?.fields(CLIENT), catalogue)?;
    let (_, out) = entry::movement(&body.withdrawal()?.fields(CLIENT), catalogue)?;
    Ok(vec![proto::command::Command::Deposit(into), proto::command::Command::Withdraw(out)])
}

fn transfer(bytes: &[u8], catalogue: &Catalogue) -> Asked {
    let asked = body::object::<TransferBody<'_>>(bytes)?;
    let (texts, to) = asked.texts()?;
    let (_, transfer) = entry::transfer(&texts.fields(CLIENT), to.as_deref(), catalogue)?;
    Ok(vec![proto::command::Command::Transfer(transfer)])
}

fn of_account(bytes: &[u8], catalogue: &Catalogue) -> Asked {
    let group = body::object::<TradeGroupBody<'_>>(bytes)?.text()?;
    entry::trade_group(group.as_deref())?;
    let [instrument, timeout_seconds] = body::object::<AfterBody<'_>>(bytes)?.texts()?;
    let fields = AfterFields {
        client_id: Some(CLIENT),
        instrument: instrument.as_deref(),
        timeout_seconds: timeout_seconds.as_deref(),
    };
    Ok(vec![entry::cancel_after(&fields, catalogue)?.command()])
}
