//! A setting that nobody is shown.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// The last part of a key whose value is a secret. Such a variable is text as it stands: a password
/// of digits keeps its noughts, and one with brackets is no list.
pub(super) const SECRET_KEY: &str = "password";

/// Text that is never printed, logged or quoted in an error.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for whoever it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `words` without the secret in them: for what others say who were told it.
    pub fn hidden_in(&self, words: &str) -> String {
        if self.0.is_empty() { words.to_owned() } else { words.replace(&self.0, HIDDEN) }
    }
}

/// Stands where a secret would.
const HIDDEN: &str = "<hidden>";

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

/// Takes text. Of anything else the usual error would show the value.
struct Text;

const NOT_TEXT: &str = "a secret is text: put it in double quotes";

impl Visitor<'_> for Text {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
        Err(E::custom(NOT_TEXT))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
        Err(E::custom(NOT_TEXT))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
        Err(E::custom(NOT_TEXT))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
        Err(E::custom(NOT_TEXT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("tr0ub4dor");
        assert_eq!(format!("{secret:?}"), "<hidden>");
        assert_eq!(
            secret.hidden_in("no host at db://me:tr0ub4dor@h"),
            "no host at db://me:<hidden>@h"
        );
        assert_eq!(Secret::default().hidden_in("as it was"), "as it was");
    }
}
