//! Words of the wire that `proto::convert` reads only as part of a command.

use model::{KeyText, OrderType, Partition};
use proto::{
    convert::Malformed,
    log::{Bucket, Posting, PostingCause},
    trading,
};

/// An order type from its number on the wire.
pub(crate) fn order_type_from_wire(wire: i32) -> Result<OrderType, Malformed> {
    match trading::OrderType::try_from(wire) {
        Ok(trading::OrderType::Limit) => Ok(OrderType::Limit),
        Ok(trading::OrderType::Market) => Ok(OrderType::Market),
        _ => Err(Malformed("type")),
    }
}

/// A key; `None` where the text is empty.
pub(crate) fn key_from_wire(text: &str) -> Result<Option<KeyText>, Malformed> {
    if text.is_empty() {
        return Ok(None);
    }
    KeyText::new(text).map(Some).map_err(|_| Malformed("key"))
}

/// A posting's cause from its number on the wire.
pub(crate) fn posting_cause_from_wire(wire: i32) -> Result<PostingCause, Malformed> {
    match PostingCause::try_from(wire) {
        Ok(PostingCause::Unspecified) | Err(_) => Err(Malformed("cause")),
        Ok(cause) => Ok(cause),
    }
}

/// The other shard of a posting that has one.
pub(crate) fn link_from_wire(wire: &Posting) -> Result<Option<Partition>, Malformed> {
    match wire.cause() {
        PostingCause::Transfer if wire.legs.iter().all(|leg| leg.bucket() != Bucket::Link) => {
            Ok(None)
        }
        PostingCause::LinkSent
        | PostingCause::LinkTaken
        | PostingCause::Transfer
        | PostingCause::TransferTaken
        | PostingCause::TransferReturned => {
            let partition = u16::try_from(wire.link_partition).ok().and_then(Partition::new);
            partition.map(Some).ok_or(Malformed("link_partition"))
        }
        _ => Ok(None),
    }
}

/// A bucket from its number on the wire.
pub(crate) fn bucket_from_wire(wire: i32) -> Result<Bucket, Malformed> {
    match Bucket::try_from(wire) {
        Ok(Bucket::Unspecified) | Err(_) => Err(Malformed("bucket")),
        Ok(bucket) => Ok(bucket),
    }
}
