//! The content of a command: what a retry repeats. Its stamp is not part of it.

use model::AccountName;
use prost::Message;
use proto::{
    command::{PlaceList, PlaceOrder},
    log,
};

/// The hash of an order's content: whose it is and everything it asks for.
pub(crate) fn hash(account: &AccountName, place: &PlaceOrder) -> [u8; 16] {
    hash_of(account, &log::PlaceOrder::from(place))
}

/// The same of a list. No order has its bytes: what is in its fifth field is of another kind.
pub(crate) fn hash_list(account: &AccountName, list: &PlaceList) -> [u8; 16] {
    hash_of(account, &log::PlaceOrderList::from(list))
}

fn hash_of(account: &AccountName, asked: &impl Message) -> [u8; 16] {
    let mut bytes = Vec::with_capacity(128);
    asked.encode_length_delimited(&mut bytes).expect("a vector grows as needed");
    bytes.extend_from_slice(account.as_str().as_bytes());
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
    hash
}
