//! What is borne.

use std::fmt::Write;

use blake3::Hash;
use daemon::settings::Secret;

/// What every token begins with, so that tools which look for secrets in the wrong place know one.
pub const PREFIX: &str = "tsp_";

/// The longest token that is looked at; ours have 68 characters.
const BYTES_MAX: usize = 128;

/// The scheme in front of a token, in any case.
const SCHEME: &[u8] = b"bearer ";

/// A token, which is shown once.
#[derive(Debug)]
pub struct Token(Secret);

impl Token {
    /// A new one, of 256 bits of chance.
    pub fn generate() -> Token {
        let mut text = PREFIX.to_owned();
        for byte in rand::random::<[u8; 32]>() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Token(Secret::new(text))
    }

    /// Its text, for its bearer alone.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// What is kept of it.
    pub fn hash(&self) -> Hash {
        hash(self.reveal().as_bytes())
    }
}

/// What is kept of a token. A plain hash will do: nobody finds 256 bits of chance by trying.
pub(crate) fn hash(token: &[u8]) -> Hash {
    blake3::hash(token)
}

/// The token in the value of a request's `authorization`, as far as it may be one.
pub(crate) fn borne(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(SCHEME.len())?;
    let fits = scheme.eq_ignore_ascii_case(SCHEME) && (1..=BYTES_MAX).contains(&token.len());
    fits.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same_and_none_is_told_by_chance() {
        let (one, other) = (Token::generate(), Token::generate());
        assert_ne!(one.hash(), other.hash());
        assert_eq!(one.reveal().len(), PREFIX.len() + 64);
        assert!(!format!("{one:?}").contains(PREFIX));
    }

    #[test]
    fn a_token_comes_behind_its_scheme() {
        assert_eq!(borne(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(borne(b"bEARER abc"), Some(&b"abc"[..]));
        for none in [&b""[..], b"Bearer", b"Bearer ", b"Basic abc", b"abc", b"Bearerabc"] {
            assert_eq!(borne(none), None);
        }
        assert_eq!(borne(&[b"Bearer ", &[b'x'; 129][..]].concat()), None);
    }
}
