//! The part of a snapshot that is on its way to other shards.

use model::{AccountName, Amount, AssetId, KeyText};
use prost::Message;
use proto::{convert, log};

use crate::transfer::{OnTheirWay, Sent};

#[derive(Clone, PartialEq, Message)]
pub(super) struct TransferWire {
    #[prost(string, tag = "1")]
    sender: String,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(string, tag = "3")]
    receiver: String,
    #[prost(uint32, tag = "4")]
    asset_id: u32,
    #[prost(message, optional, tag = "5")]
    amount: Option<log::Amount>,
}

pub(super) fn to_wire(on_their_way: &OnTheirWay) -> Vec<TransferWire> {
    let wire = |((sender, id), sent): (&(AccountName, KeyText), &Sent)| TransferWire {
        sender: sender.as_str().to_owned(),
        id: id.as_str().to_owned(),
        receiver: sent.receiver.as_str().to_owned(),
        asset_id: sent.asset.0,
        amount: Some(convert::to_amount(sent.amount)),
    };
    on_their_way.sent.iter().map(wire).collect()
}

/// Each in its range and in order; whether it was sent is for the invariants to say.
pub(super) fn restore(wires: &[TransferWire]) -> Result<OnTheirWay, String> {
    let mut on_their_way = OnTheirWay::default();
    for wire in wires {
        let name = |text: &str| AccountName::new(text).map_err(|error| error.to_string());
        let (sender, receiver) = (name(&wire.sender)?, name(&wire.receiver)?);
        let id = KeyText::new(&wire.id).map_err(|error| error.to_string())?;
        let amount = convert::amount(wire.amount.as_ref()).map_err(|error| error.to_string())?;
        let key = (sender, id);
        let is_next = on_their_way.sent.last_key_value().is_none_or(|(last, _)| *last < key);
        if !is_next || amount <= Amount::ZERO {
            return Err(format!("transfer {} of {} is out of order, or of nothing", key.1, key.0));
        }
        let sent = Sent { receiver, asset: AssetId(wire.asset_id), amount };
        on_their_way.insert(key.0, key.1, sent);
    }
    Ok(on_their_way)
}
