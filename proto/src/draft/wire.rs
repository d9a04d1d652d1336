//! The wire form of protobuf fields, written without a message being built first.
//!
//! As everywhere in proto3, a field that has its default is not written.

use model::Amount;

use crate::{convert::to_amount, log};

/// The kinds of fields that there are here.
const VARINT: u32 = 0;
const FIXED_64: u32 = 1;
const DELIMITED: u32 = 2;

/// From here on a varint takes a second byte, a ninth.
const TWO_BYTES: u64 = 1 << 7;
const NINE_BYTES: u64 = 1 << 56;

/// Writes fields behind those that are there.
pub(super) trait Wire {
    fn varint(&mut self, value: u64);
    fn number(&mut self, field: u32, value: u64);
    fn fixed(&mut self, field: u32, value: u64);
    fn text(&mut self, field: u32, text: &str);
    fn blob(&mut self, field: u32, bytes: &[u8]);
    fn amount(&mut self, field: u32, amount: Amount);
    /// A field that holds what `write` writes, also where that is nothing.
    fn nested(&mut self, field: u32, write: impl FnOnce(&mut Self));
    /// Begins a field that holds what is written until [`Wire::end`], which wants what this tells.
    fn begin(&mut self, field: u32) -> usize;
    /// The same without a field: a message by itself, its length first.
    fn begin_bare(&mut self) -> usize;
    fn end(&mut self, begun: usize);
}

impl Wire for Vec<u8> {
    #[inline]
    fn varint(&mut self, value: u64) {
        if value < TWO_BYTES {
            self.push(low_bits(value));
        } else if value < NINE_BYTES {
            let (bytes, count) = spread(value);
            self.extend_from_slice(&bytes.to_le_bytes());
            self.truncate(self.len() - 8 + count);
        } else {
            prost::encoding::encode_varint(value, self);
        }
    }

    #[inline]
    fn number(&mut self, field: u32, value: u64) {
        if value == 0 {
            return;
        }
        let key = u64::from(field << 3 | VARINT);
        if key >= TWO_BYTES {
            self.varint(key);
            self.varint(value);
        } else if value < TWO_BYTES {
            self.extend_from_slice(&[low_bits(key), low_bits(value)]);
        } else {
            self.push(low_bits(key));
            self.varint(value);
        }
    }

    fn fixed(&mut self, field: u32, value: u64) {
        if value > 0 {
            self.varint((field << 3 | FIXED_64).into());
            self.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.blob(field, text.as_bytes());
        }
    }

    fn blob(&mut self, field: u32, bytes: &[u8]) {
        self.varint((field << 3 | DELIMITED).into());
        self.varint(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }

    fn amount(&mut self, field: u32, amount: Amount) {
        let log::Amount { units, units_high } = to_amount(amount);
        let (low, high) = (zigzag(units), zigzag(units_high));
        if high == 0 && (1..NINE_BYTES).contains(&low) {
            // Nearly every amount: its length is known before it is written.
            let (bytes, count) = spread(low);
            self.varint((field << 3 | DELIMITED).into());
            self.extend_from_slice(&[1 + low_bits(count as u64), 1 << 3]);
            self.extend_from_slice(&bytes.to_le_bytes());
            self.truncate(self.len() - 8 + count);
            return;
        }
        self.nested(field, |bytes| {
            bytes.number(1, low);
            bytes.number(2, high);
        });
    }

    fn nested(&mut self, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let begun = self.begin(field);
        write(self);
        self.end(begun);
    }

    fn begin(&mut self, field: u32) -> usize {
        let key = u64::from(field << 3 | DELIMITED);
        if key < TWO_BYTES {
            self.extend_from_slice(&[low_bits(key), 0]);
            return self.len();
        }
        self.varint(key);
        self.begin_bare()
    }

    fn begin_bare(&mut self) -> usize {
        // Nearly every length takes one byte.
        self.push(0);
        self.len()
    }

    fn end(&mut self, begun: usize) {
        let length = (self.len() - begun) as u64;
        if length < TWO_BYTES {
            self[begun - 1] = low_bits(length);
            return;
        }
        let mut bytes = Vec::with_capacity(10);
        bytes.varint(length);
        self.splice(begun - 1..begun, bytes);
    }
}

/// A number above zero that takes at most eight bytes, and how many it takes: seven bits a byte
/// from the lowest on, and in each but the last a mark that more come. All bytes at once, since
/// answers are full of numbers and a loop over the bytes of each was a tenth of a shard's time.
const fn spread(value: u64) -> (u64, usize) {
    let halves = value & 0x0fff_ffff | (value & 0xff_ffff_f000_0000) << 4;
    let quarters = halves & 0x3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    let bytes = quarters & 0x7f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let count = (70 - value.leading_zeros()) / 7;
    let marks = 0x8080_8080_8080_8080 & ((1 << (8 * (count - 1))) - 1);
    (bytes | marks, count as usize)
}

/// The lowest seven bits.
#[expect(clippy::cast_possible_truncation, reason = "what is above is cut off on purpose")]
const fn low_bits(value: u64) -> u8 {
    value as u8 & 0x7f
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use model::Amount;
    use prost::Message;

    use super::*;

    #[test]
    fn numbers_are_those_of_any_protobuf_writer() {
        let bits = (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, (1 << bit) + 1]);
        for value in bits.chain([u64::MAX]) {
            for field in [1, 15, 16, 50] {
                let (mut written, mut expected) = (vec![7], vec![7]);
                written.number(field, value);
                if value > 0 {
                    prost::encoding::uint64::encode(field, &value, &mut expected);
                }
                assert_eq!(written, expected, "{value}");
                written.varint(value);
                prost::encoding::encode_varint(value, &mut expected);
                assert_eq!(written, expected, "{value}");
            }
        }
    }

    #[test]
    fn amounts_and_lengths_are_those_of_any_protobuf_writer() {
        let units = (0..126).flat_map(|bit| [1_i128 << bit, (1 << bit) - 1, (1 << bit) + 1]);
        for amount in units.flat_map(|units| [units, -units]).map(Amount::from_units) {
            if amount.units().unsigned_abs() >= 1 << 126 {
                continue;
            }
            let mut written = Vec::new();
            written.amount(2, amount);
            let mut expected = Vec::new();
            prost::encoding::message::encode(2, &to_amount(amount), &mut expected);
            assert_eq!(written, expected, "{amount:?}");
        }
        for length in [0, 1, 127, 128, 129, 300, 16_383, 16_384, 70_000] {
            let text = "x".repeat(length);
            let mut written = Vec::new();
            written.nested(9, |bytes| bytes.text(1, &text));
            let mut expected = Vec::new();
            prost::encoding::message::encode(9, &text, &mut expected);
            assert_eq!(written, expected, "{length}");
            assert_eq!(String::decode(&written[written.len() - text.encoded_len()..]), Ok(text));
        }
    }
}
