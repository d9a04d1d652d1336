//! The keys' part of a snapshot.

use matcher_core::{KeyImage, KeySpace, Keys, KeysImage, OrderKey};
use model::{AccountName, InstrumentId, KeyText, OrderId, Timestamp};
use prost::Message;
use proto::{convert, log};

#[derive(Clone, PartialEq, Message)]
pub(super) struct KeysWire {
    #[prost(fixed64, tag = "1")]
    seed_high: u64,
    #[prost(fixed64, tag = "2")]
    seed_low: u64,
    #[prost(message, repeated, tag = "3")]
    keys: Vec<KeyWire>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyWire {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(uint32, tag = "2")]
    instrument_id: u32,
    #[prost(int32, tag = "3")]
    space: i32,
    #[prost(string, tag = "4")]
    text: String,
    #[prost(bytes = "vec", tag = "5")]
    content: Vec<u8>,
    #[prost(uint64, tag = "6")]
    order_id: u64,
    #[prost(fixed64, tag = "7")]
    keep_until_unix_nanos: u64,
    #[prost(uint64, repeated, tag = "8")]
    aliases: Vec<u64>,
}

impl KeysWire {
    /// The seed of a shard's tables.
    pub(super) fn seed(&self) -> u128 {
        u128::from(self.seed_high) << 64 | u128::from(self.seed_low)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
pub(super) fn to_wire(image: &KeysImage) -> KeysWire {
    KeysWire {
        seed_high: (image.seed >> 64) as u64,
        seed_low: image.seed as u64,
        keys: image.keys.iter().map(key_to_wire).collect(),
    }
}

fn key_to_wire(image: &KeyImage) -> KeyWire {
    let OrderKey { account, instrument, space, text } = &image.key;
    KeyWire {
        account: account.as_str().to_owned(),
        instrument_id: instrument.0,
        space: space_to_wire(*space).into(),
        text: text.as_str().to_owned(),
        content: image.content.to_vec(),
        order_id: image.order.number(),
        keep_until_unix_nanos: image.keep_until.unix_nanos(),
        aliases: image.aliases.iter().map(|alias| alias.number()).collect(),
    }
}

const fn space_to_wire(space: KeySpace) -> log::KeySpace {
    match space {
        KeySpace::ClientOrderId => log::KeySpace::ClientOrderId,
        KeySpace::IdempotencyKey => log::KeySpace::IdempotencyKey,
        KeySpace::Generated => log::KeySpace::Generated,
    }
}

/// The keys, everything in them checked, of a shard on which just these names have an account.
pub(super) fn restore(
    wire: KeysWire,
    has_account: impl Fn(&AccountName) -> bool,
) -> Result<Keys, String> {
    let seed = wire.seed();
    let keys = wire.keys.iter().map(key_from_wire).collect::<Result<_, _>>()?;
    Keys::restore(KeysImage { seed, keys }, has_account).map_err(|error| error.to_string())
}

fn key_from_wire(wire: &KeyWire) -> Result<KeyImage, String> {
    let order = |number| convert::order_id(number).map_err(|error| error.to_string());
    let key = OrderKey {
        account: AccountName::new(&wire.account).map_err(|error| error.to_string())?,
        instrument: InstrumentId(wire.instrument_id),
        space: space_from_wire(wire.space)?,
        text: KeyText::new(&wire.text).map_err(|error| error.to_string())?,
    };
    let content = wire.content.as_slice().try_into();
    Ok(KeyImage {
        key,
        content: content.map_err(|_| "the hash of a key's content has another length")?,
        order: order(wire.order_id)?,
        keep_until: Timestamp::from_unix_nanos(wire.keep_until_unix_nanos),
        aliases: wire
            .aliases
            .iter()
            .map(|alias| order(*alias))
            .collect::<Result<Vec<OrderId>, _>>()?,
    })
}

fn space_from_wire(wire: i32) -> Result<KeySpace, String> {
    match log::KeySpace::try_from(wire) {
        Ok(log::KeySpace::ClientOrderId) => Ok(KeySpace::ClientOrderId),
        Ok(log::KeySpace::IdempotencyKey) => Ok(KeySpace::IdempotencyKey),
        Ok(log::KeySpace::Generated) => Ok(KeySpace::Generated),
        _ => Err("a key is in no name space".to_owned()),
    }
}
