//! What fuzzing reads of the journal (`fuzz/`); built with `--cfg fuzzing` alone.

use bytes::{BufMut, Bytes, BytesMut};

use super::{record, watermark};
use crate::log::Place;

/// Reads bytes as each thing that the journal keeps, as they are and, since a checksum would refuse
/// nearly all of them, also under a right one.
///
/// # Panics
/// Where what was read is not written as it was.
pub fn read(place: Place, offset: u64, bytes: &[u8]) {
    let _ = (record::parse_key(bytes), record::piece_count(bytes), watermark::parse(bytes));
    for stored in [Bytes::copy_from_slice(bytes), whole(place, offset, bytes)] {
        if let Some(read) = record::decode(place, offset, stored.clone()) {
            let record::Sequenced { sequence, stored: shown } = read;
            let (at, record) = (shown.appended_at, &shown.record);
            let again = record::encode(place, offset, sequence, at, record);
            assert_eq!(again, stored, "a record is written as it was read");
            assert_eq!(record::shown(offset, &stored), Some(shown));
            let pieces = record::pieces(&stored).count();
            assert_eq!(record::piece_count(&stored), Some(pieces));
        }
    }
    if let Some((place, offset, piece)) = record::parse_key(bytes) {
        assert_eq!(record::key(place, offset, piece), bytes);
    }
}

fn whole(place: Place, offset: u64, body: &[u8]) -> Bytes {
    let mut stored = BytesMut::with_capacity(12 + body.len());
    stored.put_u64(record::checksum(place, offset, body));
    stored.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    stored.put_slice(body);
    stored.freeze()
}
