//! The content of a command: what a retry repeats. Its stamp is not part of it.

use model::AccountName;
use prost::Message;
use proto::{
    command::{PlaceList, PlaceOrder, ReplaceOrder},
    draft::encode_place_order,
    log,
};

/// What nearly every content fits into.
const CONTENT_BYTES: usize = 192;

/// The hash of an order's content: whose it is and everything it asks for.
pub(crate) fn hash(account: &AccountName, place: &PlaceOrder) -> [u8; 16] {
    let mut bytes = Vec::with_capacity(CONTENT_BYTES);
    encode_place_order(place, &mut bytes);
    hash_with(account, bytes)
}

/// The same of a list. No order has its bytes: what is in its fifth field is of another kind.
pub(crate) fn hash_list(account: &AccountName, list: &PlaceList) -> [u8; 16] {
    hash_of(account, &log::PlaceOrderList::from(list))
}

/// The same of an order that is to come instead of another. Neither an order nor a list has these
/// bytes: their first field is a number, and here it is a message.
pub(crate) fn hash_replacing(account: &AccountName, replace: &ReplaceOrder) -> [u8; 16] {
    hash_of(account, &log::ReplaceOrder::from(replace))
}

fn hash_of(account: &AccountName, asked: &impl Message) -> [u8; 16] {
    let mut bytes = Vec::with_capacity(CONTENT_BYTES);
    asked.encode_length_delimited(&mut bytes).expect("a vector grows as needed");
    hash_with(account, bytes)
}

fn hash_with(account: &AccountName, mut bytes: Vec<u8>) -> [u8; 16] {
    bytes.extend_from_slice(account.as_str().as_bytes());
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
    hash
}
