//! Which mutants are drawn: by their names without lines and columns, so that a sample stays what
//! it was where code above has moved.

use std::collections::HashMap;

/// As many as are asked for, in the order in which they came. Each name's place in the draw is a
/// number that its text and the seed make, and those with the least are taken.
pub(super) fn draw(names: Vec<String>, count: usize, seed: u64) -> Vec<String> {
    let mut same: HashMap<String, u64> = HashMap::new();
    let mut lots: Vec<(u64, usize)> = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let nth = same.entry(without_place(name)).or_default();
        *nth += 1;
        lots.push((lot(&without_place(name), *nth, seed), at));
    }
    lots.sort_unstable();
    let mut drawn: Vec<usize> = lots.into_iter().take(count).map(|(_, at)| at).collect();
    drawn.sort_unstable();
    drawn.into_iter().map(|at| names[at].clone()).collect()
}

/// A name as an expression that matches nothing else.
pub(super) fn escaped(name: &str) -> String {
    let escape = |letter: char| {
        let is_plain = letter.is_ascii_alphanumeric() || " _/:,'<>&".contains(letter);
        (!is_plain).then_some('\\').into_iter().chain([letter])
    };
    name.chars().flat_map(escape).collect()
}

/// `file.rs:12:34: change` as `file.rs change`.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    let (file, _, _, change) = (parts.next(), parts.next(), parts.next(), parts.next());
    format!("{}{}", file.unwrap_or_default(), change.unwrap_or_default())
}

/// FNV-1a over the text, then the last steps of SplitMix64, which spread it over all bits.
fn lot(text: &str, nth: u64, seed: u64) -> u64 {
    let bytes = text.bytes().chain(nth.to_le_bytes()).chain(seed.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(first_line: usize) -> Vec<String> {
        let line =
            |at: usize| format!("a/b.rs:{}:9: replace + with - in f{}", first_line + at, at / 3);
        (0..300).map(line).collect()
    }

    #[test]
    fn a_seed_draws_the_same_wherever_lines_have_moved_to() {
        let places = |drawn: &[String], first_line: usize| -> Vec<usize> {
            let all = names(first_line);
            let place = |name| all.iter().position(|other| other == name).expect("drawn from it");
            drawn.iter().map(place).collect()
        };
        let first = draw(names(1), 40, 7);
        assert_eq!(first.len(), 40);
        let expected = places(&first, 1);
        assert!(expected.is_sorted());
        assert_eq!(places(&draw(names(1_000), 40, 7), 1_000), expected);
        assert_ne!(places(&draw(names(1), 40, 8), 1), expected);
        assert_eq!(draw(names(1), 1_000, 7), names(1));
    }

    #[test]
    fn signs_of_a_name_mean_themselves() {
        let escaped = escaped("a.rs:1:2: replace f -> Option<&T> with Some(())");
        assert_eq!(escaped, r"a\.rs:1:2: replace f \-> Option<&T> with Some\(\(\)\)");
    }
}
