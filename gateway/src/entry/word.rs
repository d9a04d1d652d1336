//! Words of a request: side, type, time in force, mode of self-trade prevention, instant.

use model::{
    CancelOnly, Contingency, OrderType, ReplaceMode, SelfTradePrevention, Side, TimeInForce,
    Timestamp,
};
use proto::{convert, text, trading};

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
            _ => convert::type_from_wire(wire).map_or(Word::Unknown, Word::Known),
        }
    }
}

impl Word<'_, TimeInForce> {
    /// The word of a gRPC request.
    pub fn time_in_force(wire: i32) -> Self {
        match trading::TimeInForce::try_from(wire) {
            Ok(trading::TimeInForce::Unspecified) => Word::Absent,
            _ => convert::time_in_force_from_wire(wire).map_or(Word::Unknown, Word::Known),
        }
    }
}

impl Word<'_, Contingency> {
    /// The word of a gRPC request.
    pub fn contingency(wire: i32) -> Self {
        match trading::Contingency::try_from(wire) {
            Ok(trading::Contingency::Unspecified) => Word::Absent,
            _ => convert::contingency_from_wire(wire).map_or(Word::Unknown, Word::Known),
        }
    }
}

impl Word<'_, SelfTradePrevention> {
    /// The word of a gRPC request.
    pub fn self_trade_prevention(wire: i32) -> Self {
        match trading::SelfTradePrevention::try_from(wire) {
            Ok(trading::SelfTradePrevention::Unspecified) => Word::Absent,
            _ => convert::self_trade_from_wire(wire).map_or(Word::Unknown, Word::Known),
        }
    }
}

impl Word<'_, CancelOnly> {
    /// The word of a gRPC request.
    pub fn cancel_only(wire: i32) -> Self {
        match trading::CancelOnly::try_from(wire) {
            Ok(trading::CancelOnly::Unspecified) => Word::Absent,
            Ok(trading::CancelOnly::New) => Word::Known(CancelOnly::New),
            Ok(trading::CancelOnly::PartiallyFilled) => Word::Known(CancelOnly::PartiallyFilled),
            Err(_) => Word::Unknown,
        }
    }
}

impl Word<'_, ReplaceMode> {
    /// The word of a gRPC request.
    pub fn replace_mode(wire: i32) -> Self {
        match trading::ReplaceMode::try_from(wire) {
            Ok(trading::ReplaceMode::Unspecified) => Word::Absent,
            Ok(trading::ReplaceMode::StopOnFailure) => Word::Known(ReplaceMode::StopOnFailure),
            Ok(trading::ReplaceMode::AllowFailure) => Word::Known(ReplaceMode::AllowFailure),
            Err(_) => Word::Unknown,
        }
    }
}

impl Word<'_, u32> {
    /// The basis points of a gRPC request, which has zero where there are none.
    pub fn basis_points(wire: u32) -> Self {
        if wire == 0 { Word::Absent } else { Word::Known(wire) }
    }

    /// How many it is, whatever they count; `None` where it was not given.
    pub(super) fn number(self, field: &'static str) -> Result<Option<u32>, Problem> {
        let number = match self {
            Word::Absent => return Ok(None),
            Word::Known(number) => Some(number),
            Word::Unknown => None,
            Word::Text(text) => {
                let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse().ok().filter(|_| is_plain)
            }
        };
        let advice = "is not a whole number that is small enough";
        number.map(Some).ok_or_else(|| Problem::field(field, "bad_number", advice))
    }
}

impl Word<'_, Timestamp> {
    /// The instant of a gRPC request.
    pub fn instant(wire: Option<&prost_types::Timestamp>) -> Self {
        let Some(wire) = wire else { return Word::Absent };
        convert::from_proto_timestamp(wire).map_or(Word::Unknown, Word::Known)
    }

    /// Which instant it is; `None` where it was not given. The start of 1970 is none.
    pub(super) fn meant(self, field: &'static str) -> Result<Option<Timestamp>, Problem> {
        let instant = match self {
            Word::Absent => return Ok(None),
            Word::Known(instant) => Some(instant),
            Word::Unknown => None,
            Word::Text(text) => text::parse_rfc3339(text),
        };
        let instant = instant.filter(|instant| *instant > Timestamp::EPOCH);
        instant.map(Some).ok_or_else(|| {
            let advice =
                "is not an instant between 1970 and 2554; write one as 2026-11-21T08:00:00Z";
            Problem::field(field, "bad_instant", advice)
        })
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

pub(super) const TYPES: [(&str, OrderType); 6] = [
    ("limit", OrderType::Limit),
    ("market", OrderType::Market),
    ("stop_loss", OrderType::StopLoss),
    ("stop_loss_limit", OrderType::StopLossLimit),
    ("take_profit", OrderType::TakeProfit),
    ("take_profit_limit", OrderType::TakeProfitLimit),
];

pub(super) const CONTINGENCIES: [(&str, Contingency); 3] =
    [("oco", Contingency::Oco), ("oto", Contingency::Oto), ("otoco", Contingency::Otoco)];

pub(super) const TIMES_IN_FORCE: [(&str, TimeInForce); 5] = [
    ("gtc", TimeInForce::Gtc),
    ("ioc", TimeInForce::Ioc),
    ("fok", TimeInForce::Fok),
    ("gtd", TimeInForce::Gtd),
    ("day", TimeInForce::Day),
];

pub(super) const SELF_TRADE_PREVENTIONS: [(&str, SelfTradePrevention); 5] = [
    ("none", SelfTradePrevention::None),
    ("expire_taker", SelfTradePrevention::ExpireTaker),
    ("expire_maker", SelfTradePrevention::ExpireMaker),
    ("expire_both", SelfTradePrevention::ExpireBoth),
    ("decrement", SelfTradePrevention::Decrement),
];
