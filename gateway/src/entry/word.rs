//! Words of a request: side, type, time in force.

use model::{OrderType, Side, TimeInForce};
use proto::trading;

use crate::problem::Problem;

/// A word as a protocol brings it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Word<'a, T> {
    /// It was not given.
    #[default]
    Absent,
    /// As text, in any case.
    Text(&'a str),
    /// As a number that the protocol itself knows.
    Known(T),
    /// As a number that it does not know.
    Unknown,
}

impl<'a, T> Word<'a, T> {
    /// The word in this text, where there is one.
    pub fn text(text: Option<&'a str>) -> Word<'a, T> {
        text.map_or(Word::Absent, Word::Text)
    }
}

impl Word<'_, Side> {
    /// The word of a gRPC request.
    pub fn side(wire: i32) -> Self {
        match trading::Side::try_from(wire) {
            Ok(trading::Side::Unspecified) => Word::Absent,
            Ok(trading::Side::Buy) => Word::Known(Side::Buy),
            Ok(trading::Side::Sell) => Word::Known(Side::Sell),
            Err(_) => Word::Unknown,
        }
    }
}

impl Word<'_, OrderType> {
    /// The word of a gRPC request.
    pub fn order_type(wire: i32) -> Self {
        match trading::OrderType::try_from(wire) {
            Ok(trading::OrderType::Unspecified) => Word::Absent,
            Ok(trading::OrderType::Limit) => Word::Known(OrderType::Limit),
            Ok(trading::OrderType::Market) => Word::Known(OrderType::Market),
            Err(_) => Word::Unknown,
        }
    }
}

impl Word<'_, TimeInForce> {
    /// The word of a gRPC request.
    pub fn time_in_force(wire: i32) -> Self {
        match trading::TimeInForce::try_from(wire) {
            Ok(trading::TimeInForce::Unspecified) => Word::Absent,
            Ok(trading::TimeInForce::Gtc) => Word::Known(TimeInForce::Gtc),
            Ok(trading::TimeInForce::Ioc) => Word::Known(TimeInForce::Ioc),
            Err(_) => Word::Unknown,
        }
    }
}

/// Which side, type or time in force a word is; `None` where it was not given.
pub(super) fn meant<T: Copy>(
    field: &'static str,
    word: Word<'_, T>,
    table: &[(&'static str, T)],
) -> Result<Option<T>, Problem> {
    let known = match word {
        Word::Absent => return Ok(None),
        Word::Known(value) => Some(value),
        Word::Unknown => None,
        Word::Text(text) => {
            let entry = table.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
            entry.map(|(_, value)| *value)
        }
    };
    known.map(Some).ok_or_else(|| {
        let words: Vec<_> = table.iter().map(|(word, _)| *word).collect();
        let advice = format_args!("is none of: {}", words.join(", ")).to_string();
        Problem::field(field, "unknown_word", advice)
    })
}

pub(super) const SIDES: [(&str, Side); 2] = [("buy", Side::Buy), ("sell", Side::Sell)];

pub(super) const TYPES: [(&str, OrderType); 2] =
    [("limit", OrderType::Limit), ("market", OrderType::Market)];

pub(super) const TIMES_IN_FORCE: [(&str, TimeInForce); 2] =
    [("gtc", TimeInForce::Gtc), ("ioc", TimeInForce::Ioc)];
