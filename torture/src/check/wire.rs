//! Protobuf's wire format, walked without any `.proto`: numbered fields, each a number or bytes.
//!
//! Written for the checkers, so that a mistake in the services' own conversions is not repeated
//! here.

/// Why bytes are not a protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

/// One field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A message, its fields in the order of the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message<'a> {
    fields: Vec<(u64, Value<'a>)>,
}

/// The wire types that a field's key can name.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

/// Bits of a field's key that name its wire type.
const TYPE_BITS: u32 = 3;

impl<'a> Message<'a> {
    /// Reads all fields.
    pub(crate) fn read(mut bytes: &'a [u8]) -> Result<Message<'a>, Broken> {
        let mut fields = Vec::with_capacity(8);
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let value = match key & ((1 << TYPE_BITS) - 1) {
                VARINT => Value::Number(varint(&mut bytes)?),
                FIXED_64 => Value::Number(u64::from_le_bytes(array(&mut bytes)?)),
                FIXED_32 => Value::Number(u32::from_le_bytes(array(&mut bytes)?).into()),
                DELIMITED => {
                    let length = varint(&mut bytes)?;
                    Value::Bytes(take(&mut bytes, length)?)
                }
                _ => return Err(Broken("an unknown wire type")),
            };
            fields.push((key >> TYPE_BITS, value));
        }
        Ok(Message { fields })
    }

    /// A number; 0 where it is left out, as protobuf has it.
    pub(crate) fn number(&self, field: u64) -> u64 {
        let numbers = self.fields.iter().rev().filter(|(number, _)| *number == field);
        let mut values = numbers.filter_map(|(_, value)| match value {
            Value::Number(number) => Some(*number),
            Value::Bytes(_) => None,
        });
        values.next().unwrap_or(0)
    }

    /// A number of at most 32 bits.
    pub(crate) fn small(&self, field: u64) -> Result<u32, Broken> {
        u32::try_from(self.number(field)).map_err(|_| Broken("a number of more than 32 bits"))
    }

    /// A number in the zigzag coding of `sint64`.
    pub(crate) fn signed(&self, field: u64) -> i64 {
        let number = self.number(field);
        (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
    }

    /// Bytes; empty where they are left out.
    pub(crate) fn bytes(&self, field: u64) -> &'a [u8] {
        self.all_bytes(field).last().unwrap_or_default()
    }

    /// Text.
    pub(crate) fn text(&self, field: u64) -> Result<&'a str, Broken> {
        text(self.bytes(field))
    }

    /// A message inside this one; `None` where there is none.
    pub(crate) fn message(&self, field: u64) -> Result<Option<Message<'a>>, Broken> {
        self.all_bytes(field).last().map(Message::read).transpose()
    }

    /// All messages of a repeated field.
    pub(crate) fn messages(&self, field: u64) -> Result<Vec<Message<'a>>, Broken> {
        self.all_bytes(field).map(Message::read).collect()
    }

    /// All texts of a repeated field.
    pub(crate) fn texts(&self, field: u64) -> Result<Vec<&'a str>, Broken> {
        self.all_bytes(field).map(text).collect()
    }

    /// The one field that is there, of a message that is a choice, and the message in it.
    pub(crate) fn choice(&self) -> Result<Option<(u64, Message<'a>)>, Broken> {
        match self.fields.last() {
            Some((field, Value::Bytes(bytes))) => Ok(Some((*field, Message::read(bytes)?))),
            _ => Ok(None),
        }
    }

    fn all_bytes(&self, field: u64) -> impl Iterator<Item = &'a [u8]> {
        let of_field = self.fields.iter().filter(move |(number, _)| *number == field);
        of_field.filter_map(|(_, value)| match value {
            Value::Bytes(bytes) => Some(*bytes),
            Value::Number(_) => None,
        })
    }
}

fn text(bytes: &[u8]) -> Result<&str, Broken> {
    std::str::from_utf8(bytes).map_err(|_| Broken("text that is not UTF-8"))
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let [byte] = array(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Broken("a number of more than ten bytes"))
}

fn array<const LENGTH: usize>(bytes: &mut &[u8]) -> Result<[u8; LENGTH], Broken> {
    let (first, rest) = bytes.split_first_chunk().ok_or(Broken("an end in the middle"))?;
    *bytes = rest;
    Ok(*first)
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], Broken> {
    let length = usize::try_from(length).map_err(|_| Broken("a length beyond memory"))?;
    let (first, rest) = bytes.split_at_checked(length).ok_or(Broken("an end in the middle"))?;
    *bytes = rest;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1: 150, 2: "ab", 3: {1: 1}, 4: -2 (zigzag), 5: fixed64 7`, from protobuf's own manual and
    /// by hand.
    const BYTES: [u8; 22] = [
        0x08, 0x96, 0x01, 0x12, 2, b'a', b'b', 0x1a, 2, 0x08, 1, 0x20, 3, 0x29, 7, 0, 0, 0, 0, 0,
        0, 0,
    ];

    #[test]
    fn every_kind_of_field_is_read() {
        let message = Message::read(&BYTES).expect("it is one");
        assert_eq!(message.number(1), 150);
        assert_eq!(message.text(2), Ok("ab"));
        let inner = message.message(3).expect("it is one").expect("it is there");
        assert_eq!(inner.number(1), 1);
        assert_eq!(message.signed(4), -2);
        assert_eq!(message.number(5), 7);
        assert_eq!((message.number(6), message.bytes(6)), (0, &[][..]));
    }

    #[test]
    fn what_is_cut_is_broken_or_shorter() {
        for length in 0..BYTES.len() {
            let cut = Message::read(&BYTES[..length]);
            let whole_fields = [0, 3, 7, 11, 13].contains(&length);
            assert_eq!(cut.is_ok(), whole_fields, "cut at {length}");
        }
        assert_eq!(Message::read(&[0x0b]).err(), Some(Broken("an unknown wire type")));
        assert_eq!(
            Message::read(&[0xff; 12]).err(),
            Some(Broken("a number of more than ten bytes"))
        );
    }
}
