//! Decimal text to whole units and back, exactly.
//!
//! The grammar is deliberately small: digits, at most one point, at least one digit on each side
//! of it. No sign, exponent, grouping, white space, `NaN` or infinity. Trailing zeros beyond the
//! precision are exact and so accepted; any other digit there is refused, never rounded.

use alloc::{format, string::String};

use thiserror::Error;

/// The longest text that is read as a number: more digits than any amount has.
pub const TEXT_BYTES_MAX: usize = 39;

/// The most digits after the point that an asset can have.
pub const DECIMALS_MAX: u8 = 18;

/// The most units that a text is read as: 2^124, more than may ever come in of one asset, so that
/// too much is refused by the rules of money, and below where a sum of a few could overflow.
pub const UNITS_MAX: i128 = 1 << 124;

/// Why a text is not an exact number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecimalError {
    /// No text at all.
    #[error("is empty; write a decimal number such as 12.5")]
    Empty,
    /// A leading `+` or `-`.
    #[error("has a sign; write a plain decimal number above zero")]
    Signed,
    /// Scientific notation.
    #[error("has an exponent; write all digits")]
    Exponent,
    /// Anything else that is not a decimal number, `NaN` and `Infinity` among it.
    #[error("is not a decimal number such as 12.5")]
    NotANumber,
    /// Longer than [`TEXT_BYTES_MAX`].
    #[error("has more than {TEXT_BYTES_MAX} characters")]
    TooLong,
    /// A digit that would have to be rounded away.
    #[error("has more than {decimals} digits after the point")]
    TooPrecise {
        /// The precision of the asset.
        decimals: u8,
    },
    /// More than [`UNITS_MAX`].
    #[error("is too large")]
    TooLarge,
}

/// Reads `text` as a number of units, where one is 10^`decimals` units.
///
/// # Errors
/// [`DecimalError`], in the order in which the variants are listed there.
pub fn parse_units(text: &str, decimals: u8) -> Result<i128, DecimalError> {
    let (whole, fraction) = split_at_point(text)?;
    let decimals_used = usize::from(decimals);
    let (kept, beyond) = fraction.split_at(fraction.len().min(decimals_used));
    if beyond.iter().any(|digit| *digit != b'0') {
        return Err(DecimalError::TooPrecise { decimals });
    }
    let padding = core::iter::repeat_n(&b'0', decimals_used - kept.len());
    let mut units: i128 = 0;
    for digit in whole.iter().chain(kept).chain(padding) {
        units = units
            .checked_mul(10)
            .and_then(|shifted| shifted.checked_add(i128::from(digit - b'0')))
            .filter(|units| *units <= UNITS_MAX)
            .ok_or(DecimalError::TooLarge)?;
    }
    Ok(units)
}

fn split_at_point(text: &str) -> Result<(&[u8], &[u8]), DecimalError> {
    let bytes = text.as_bytes();
    match bytes.first() {
        None => return Err(DecimalError::Empty),
        Some(b'+' | b'-') => return Err(DecimalError::Signed),
        Some(_) => {}
    }
    let (whole, fraction) = match bytes.iter().position(|byte| *byte == b'.') {
        Some(point) => (&bytes[..point], Some(&bytes[point + 1..])),
        None => (bytes, None),
    };
    let digits_only = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !digits_only(whole) || fraction.is_some_and(|part| !digits_only(part)) {
        return Err(if looks_scientific(bytes) {
            DecimalError::Exponent
        } else {
            DecimalError::NotANumber
        });
    }
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(DecimalError::TooLong);
    }
    Ok((whole, fraction.unwrap_or_default()))
}

fn looks_scientific(bytes: &[u8]) -> bool {
    bytes[0].is_ascii_digit()
        && bytes.iter().filter(|byte| matches!(byte, b'e' | b'E')).count() == 1
        && bytes.iter().all(|byte| byte.is_ascii_digit() || b"eE.+-".contains(byte))
}

/// Writes `units` as decimal text without trailing zeros, where one is 10^`decimals` units.
pub fn format_units(units: i128, decimals: u8) -> String {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = usize::from(decimals) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let fraction = fraction.trim_end_matches('0');
    let sign = if units < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_read_exactly_or_refused() {
        use DecimalError::*;
        let table: &[(&str, Result<i128, DecimalError>)] = &[
            ("1", Ok(100_000_000)),
            ("0", Ok(0)),
            ("0.00000001", Ok(1)),
            ("61837.63000000", Ok(6_183_763_000_000)),
            ("1.000000000000", Ok(100_000_000)),
            ("007.5", Ok(750_000_000)),
            ("", Err(Empty)),
            ("-1", Err(Signed)),
            ("+1", Err(Signed)),
            ("1e5", Err(Exponent)),
            ("1E-5", Err(Exponent)),
            ("1.5e+3", Err(Exponent)),
            ("NaN", Err(NotANumber)),
            ("Infinity", Err(NotANumber)),
            ("inf", Err(NotANumber)),
            (".5", Err(NotANumber)),
            ("5.", Err(NotANumber)),
            (".", Err(NotANumber)),
            ("1.2.3", Err(NotANumber)),
            ("1,5", Err(NotANumber)),
            (" 1", Err(NotANumber)),
            ("0x10", Err(NotANumber)),
            ("١", Err(NotANumber)),
            ("0.000000001", Err(TooPrecise { decimals: 8 })),
            ("1234567890123456789012345678901234567890", Err(TooLong)),
            ("999999999999999999999999999999999999999", Err(TooLarge)),
            ("212676479325586539664609129644.85513216", Ok(UNITS_MAX)),
            ("212676479325586539664609129644.85513217", Err(TooLarge)),
        ];
        for (text, expected) in table {
            assert_eq!(parse_units(text, 8), *expected, "{text:?}");
        }
    }

    #[test]
    fn units_are_written_without_trailing_zeros() {
        let table = [
            (0, "0"),
            (1, "0.00000001"),
            (100_000_000, "1"),
            (150_000_000, "1.5"),
            (-1, "-0.00000001"),
            (6_183_763_000_000, "61837.63"),
        ];
        for (units, expected) in table {
            assert_eq!(format_units(units, 8), expected);
        }
        assert_eq!(format_units(42, 0), "42");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(units in 0..=i64::MAX, decimals in 0..=DECIMALS_MAX) {
            let text = format_units(i128::from(units), decimals);
            prop_assert_eq!(parse_units(&text, decimals), Ok(i128::from(units)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}", decimals in 0..=DECIMALS_MAX) {
            let _ = parse_units(&text, decimals);
        }
    }
}
