//! The part of a snapshot that says which accounts of a sandbox have begun anew.

use std::collections::BTreeSet;

use model::{AccountName, KeyText};
use prost::Message;

use crate::limits::RESETS_MAX;

/// One reset that was done.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ResetWire {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(string, tag = "2")]
    id: String,
}

pub(super) fn to_wire((account, id): &(AccountName, KeyText)) -> ResetWire {
    ResetWire { account: account.as_str().to_owned(), id: id.as_str().to_owned() }
}

pub(super) fn restore(wires: &[ResetWire]) -> Result<BTreeSet<(AccountName, KeyText)>, String> {
    let mut resets = BTreeSet::new();
    for ResetWire { account, id } in wires {
        let name = AccountName::new(account).map_err(|error| error.to_string())?;
        let reset = (name, KeyText::new(id).map_err(|error| error.to_string())?);
        let is_next = resets.last().is_none_or(|last| *last < reset);
        if !is_next || resets.len() >= RESETS_MAX {
            return Err(format!("a reset of {account} is out of order, or one too many"));
        }
        resets.insert(reset);
    }
    Ok(resets)
}
