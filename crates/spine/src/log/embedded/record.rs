//! How a record lies in the store: its keys, its pieces, its checksum.
//!
//! A record is a checksum, a length and a body, cut into pieces that are stored under consecutive
//! keys of one atomic batch. The checksum covers place and offset too: a record under another's key
//! is as damaged as one with a flipped bit.

use bytes::{BufMut, Bytes, BytesMut};
use model::{Partition, Timestamp};
use proto::topic::{RECORD_BYTES_MAX, Topic};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    header::Headers,
    log::{Place, Record, Stored},
};

/// The largest value under one key. The store's journal cuts a batch whose page was lost only where
/// that page makes the batch unreadable; a page lost *inside* a value parses, fails its checksum
/// and refuses the whole journal. Below a page of 4,096 bytes, with room for key and marker, no
/// page lies inside one value.
pub(super) const PIECE_BYTES_MAX: usize = 3_000;

/// The largest record as stored: what a record may have, and its lengths and times.
const STORED_BYTES_MAX: usize = RECORD_BYTES_MAX + FRAMING_BYTES_MAX;

/// Room for the fixed fields and the lengths of headers.
const FRAMING_BYTES_MAX: usize = 64 * 1024;

/// How many headers a record may have, so that their lengths fit [`FRAMING_BYTES_MAX`].
pub(super) const HEADERS_MAX: usize = 4_096;

/// Checksum (8 bytes) and length of the body (4).
const HEAD_BYTES: usize = 12;

/// Topic (1 byte), partition (2), offset (8) and number of the piece (2), so that the store's order
/// is the order of a partition's records.
pub(super) const KEY_BYTES: usize = 13;

/// Where a piece is stored.
pub(super) type Key = [u8; KEY_BYTES];

/// A length that stands for a key that is not there.
const NO_KEY: u32 = u32::MAX;

/// A record read from the store, and its number among the records of all topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequenced {
    /// How many records of any topic the journal took before it.
    pub(super) sequence: u64,
    pub(super) stored: Stored,
}

/// The key of a piece.
pub(super) fn key(place: Place, offset: u64, piece: u16) -> Key {
    let mut key = [0; KEY_BYTES];
    key[0] = place.topic.number();
    key[1..3].copy_from_slice(&place.partition.number().to_be_bytes());
    key[3..11].copy_from_slice(&offset.to_be_bytes());
    key[11..].copy_from_slice(&piece.to_be_bytes());
    key
}

/// The place, offset and piece of a key; `None` where it is no key of ours.
pub(super) fn parse_key(key: &[u8]) -> Option<(Place, u64, u16)> {
    let key: &Key = key.try_into().ok()?;
    let topic = Topic::ALL.into_iter().find(|topic| topic.number() == key[0])?;
    let partition = Partition::new(u16::from_be_bytes([key[1], key[2]]))?;
    let offset = u64::from_be_bytes(key[3..11].try_into().ok()?);
    Some((Place { topic, partition }, offset, u16::from_be_bytes([key[11], key[12]])))
}

/// The stored form of a record. Its key, value and headers are [`Record::bytes`] at most
/// [`RECORD_BYTES_MAX`] and its headers at most [`HEADERS_MAX`]: the producer refuses others.
pub(super) fn encode(
    place: Place,
    offset: u64,
    sequence: u64,
    appended_at: Timestamp,
    record: &Record,
) -> Bytes {
    let framing = HEAD_BYTES + 24 + 8 * record.headers.iter().count();
    let mut stored = BytesMut::with_capacity(framing + record.bytes());
    stored.put_bytes(0, HEAD_BYTES);
    stored.put_u64(sequence);
    stored.put_u64(appended_at.unix_nanos());
    stored.put_u32(record.key.as_ref().map_or(NO_KEY, |key| length(key)));
    stored.put_u32(u32::try_from(record.headers.iter().count()).unwrap_or(u32::MAX));
    for (name, value) in record.headers.iter() {
        stored.put_u32(length(name));
        stored.put_u32(length(value));
    }
    stored.put_slice(record.key.as_deref().unwrap_or_default());
    for (name, value) in record.headers.iter() {
        stored.put_slice(name);
        stored.put_slice(value);
    }
    stored.put_slice(&record.value);
    let sum = checksum(place, offset, &stored[HEAD_BYTES..]);
    let body_bytes = length(&stored[HEAD_BYTES..]);
    stored[..8].copy_from_slice(&sum.to_be_bytes());
    stored[8..HEAD_BYTES].copy_from_slice(&body_bytes.to_be_bytes());
    stored.freeze()
}

/// The pieces of a stored record, in order.
pub(super) fn pieces(stored: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    (0..).zip(stored.chunks(PIECE_BYTES_MAX))
}

/// How many pieces the record has that begins with this one; `None` where that is no beginning.
pub(super) fn piece_count(first: &[u8]) -> Option<usize> {
    let body = u32::from_be_bytes(first.get(8..HEAD_BYTES)?.try_into().ok()?);
    let bytes = HEAD_BYTES.saturating_add(body as usize);
    (bytes <= STORED_BYTES_MAX).then(|| bytes.div_ceil(PIECE_BYTES_MAX))
}

/// The record of this stored form; `None` where it is damaged. Slices of `stored`, not copies.
pub(super) fn decode(place: Place, offset: u64, stored: Bytes) -> Option<Sequenced> {
    let sum = u64::from_be_bytes(stored.get(..8)?.try_into().ok()?);
    let body_bytes = u32::from_be_bytes(stored.get(8..HEAD_BYTES)?.try_into().ok()?);
    let body = stored.slice(HEAD_BYTES..);
    if body.len() != body_bytes as usize || sum != checksum(place, offset, &body) {
        return None;
    }
    read_body(offset, &body)
}

/// The record of a body that is known to be whole.
fn read_body(offset: u64, body: &Bytes) -> Option<Sequenced> {
    let mut lengths = Fields { body, at: 0 };
    let sequence = u64::from_be_bytes(lengths.number()?);
    let appended_at = Timestamp::from_unix_nanos(u64::from_be_bytes(lengths.number()?));
    let key_bytes = lengths.length()?;
    let header_count = lengths.length()? as usize;
    if header_count > HEADERS_MAX {
        return None;
    }
    let mut fields = Fields { body, at: lengths.at + 8 * header_count };
    let key = if key_bytes == NO_KEY { None } else { Some(fields.take(key_bytes)?) };
    let mut headers = Headers::default();
    for _ in 0..header_count {
        let (name_bytes, value_bytes) = (lengths.length()?, lengths.length()?);
        headers.push(fields.take(name_bytes)?, fields.take(value_bytes)?);
    }
    let value = fields.take(u32::try_from(body.len().checked_sub(fields.at)?).ok()?)?;
    let record = Record { key, value, headers };
    Some(Sequenced { sequence, stored: Stored { offset, appended_at, record } })
}

/// The record as readers get it from memory: slices of what was stored, whatever buffers the
/// producer's were slices of.
pub(super) fn shown(offset: u64, stored: &Bytes) -> Option<Stored> {
    read_body(offset, &stored.slice(HEAD_BYTES..)).map(|read| read.stored)
}

pub(super) fn checksum(place: Place, offset: u64, body: &[u8]) -> u64 {
    let where_from =
        u64::from(place.topic.number()) << 56 ^ u64::from(place.partition.number()) << 40 ^ offset;
    xxh3_64_with_seed(body, where_from)
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("the producer refuses records of more than a few MiB")
}

/// A body, and how far it was read.
struct Fields<'a> {
    body: &'a Bytes,
    at: usize,
}

impl Fields<'_> {
    /// The next bytes, as a slice of the body.
    fn take(&mut self, bytes: u32) -> Option<Bytes> {
        let end = self.at.checked_add(bytes as usize)?;
        if end > self.body.len() {
            return None;
        }
        let taken = self.body.slice(self.at..end);
        self.at = end;
        Some(taken)
    }

    fn length(&mut self) -> Option<u32> {
        self.number().map(u32::from_be_bytes)
    }

    fn number<const BYTES: usize>(&mut self) -> Option<[u8; BYTES]> {
        let number = self.body.get(self.at..)?.first_chunk()?;
        self.at += BYTES;
        Some(*number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn any_record() -> impl Strategy<Value = Record> {
        let header = (vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..60));
        let value = prop_oneof![vec(any::<u8>(), 0..300), vec(any::<u8>(), 2_900..9_100)];
        (proptest::option::of(vec(any::<u8>(), 0..30)), value, vec(header, 0..4)).prop_map(
            |(key, value, headers)| {
                let mut record = Record::of(value);
                record.key = key.map(Bytes::from);
                for (name, value) in headers {
                    record.headers.push(name, value);
                }
                record
            },
        )
    }

    const PLACE: Place = Place::orders(Partition::FIRST);

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(
            record in any_record(), offset: u64, sequence: u64, at: u64
        ) {
            let at = Timestamp::from_unix_nanos(at);
            let stored = encode(PLACE, offset, sequence, at, &record);
            let read = Sequenced { sequence, stored: Stored { offset, appended_at: at, record } };
            prop_assert_eq!(shown(offset, &stored), Some(read.stored.clone()));
            prop_assert_eq!(decode(PLACE, offset, stored), Some(read));
        }

        #[test]
        fn pieces_are_small_and_make_up_the_record(record in any_record()) {
            let stored = encode(PLACE, 1, 2, Timestamp::EPOCH, &record);
            let pieces: Vec<_> = pieces(&stored).collect();
            prop_assert!(pieces.iter().all(|(_, bytes)| bytes.len() <= PIECE_BYTES_MAX));
            prop_assert_eq!(piece_count(pieces[0].1), Some(pieces.len()));
            let whole: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| *bytes).copied().collect();
            prop_assert_eq!(whole, stored);
        }

        #[test]
        fn a_flipped_bit_is_noticed(
            record in any_record(), at in any::<prop::sample::Index>(), bit in 0_u32..8
        ) {
            let stored = encode(PLACE, 5, 6, Timestamp::EPOCH, &record);
            let mut flipped = stored.to_vec();
            flipped[at.index(stored.len())] ^= 1_u8 << bit;
            prop_assert_eq!(decode(PLACE, 5, Bytes::from(flipped)), None);
        }

        #[test]
        fn a_record_under_another_key_is_noticed(record in any_record(), offset in 0_u64..1000) {
            let stored = encode(PLACE, offset, 6, Timestamp::EPOCH, &record);
            prop_assert_eq!(decode(PLACE, offset + 1, stored.clone()), None);
            prop_assert_eq!(decode(Place::events(Partition::FIRST), offset, stored), None);
        }

        #[test]
        fn keys_sort_as_records_stand(a: (u64, u16), b: (u64, u16)) {
            let of = |(offset, piece)| key(PLACE, offset, piece);
            prop_assert_eq!(of(a).cmp(&of(b)), a.cmp(&b));
            prop_assert_eq!(parse_key(&of(a)), Some((PLACE, a.0, a.1)));
        }
    }

    #[test]
    fn the_largest_record_has_a_piece_number_for_each_piece() {
        assert!(u16::try_from(STORED_BYTES_MAX.div_ceil(PIECE_BYTES_MAX)).is_ok());
        const { assert!(HEAD_BYTES + 24 + 8 * HEADERS_MAX <= FRAMING_BYTES_MAX) };
    }
}
