//! Kafka's messages as records.

use bytes::Bytes;
use model::Timestamp;
use rdkafka::message::{
    BorrowedHeaders, BorrowedMessage, Headers as _, Message as _, Timestamp as KafkaTime,
};

use crate::{
    header::{self, Headers},
    log::{Record, Stored},
};

/// Names that nearly every record has: they are not copied for each.
const USUAL_NAMES: [&str; 3] = [header::INCARNATION, header::TRACE_PARENT, header::TRACE_STATE];

/// The offset of a message; one that is none is beyond all others.
pub(super) fn offset(message: &BorrowedMessage<'_>) -> u64 {
    u64::try_from(message.offset()).unwrap_or(u64::MAX)
}

pub(super) fn stored(message: &BorrowedMessage<'_>) -> Stored {
    Stored {
        offset: offset(message),
        appended_at: timestamp(message.timestamp()),
        record: Record {
            key: message.key().map(Bytes::copy_from_slice),
            value: message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice),
            headers: message.headers().map_or_else(Headers::default, headers),
        },
    }
}

fn headers(written: &BorrowedHeaders) -> Headers {
    written.iter().fold(Headers::default(), |headers, header| {
        let value = Bytes::copy_from_slice(header.value.unwrap_or_default());
        headers.with(name(header.key), value)
    })
}

fn name(written: &str) -> Bytes {
    let usual = USUAL_NAMES.iter().find(|name| **name == written);
    usual.map_or_else(|| Bytes::copy_from_slice(written.as_bytes()), |name| Bytes::from(*name))
}

/// Kafka's milliseconds as an instant; what has no time has the earliest.
pub(super) fn timestamp(time: KafkaTime) -> Timestamp {
    let millis = time.to_millis().and_then(|millis| u64::try_from(millis).ok());
    millis.map_or(Timestamp::EPOCH, Timestamp::from_unix_millis)
}
