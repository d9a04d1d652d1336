//! What may not stand in a line, and how long it may be.

use std::path::Path;

use super::{Complaint, source::Source};

/// The most columns of a line, as `rustfmt.toml` says; it leaves comments and strings alone.
const COLUMNS_MAX: usize = 100;

/// Left behind by somebody who meant to come back. Spelled in parts, or this file would hold them.
const LEFTOVERS: [(&str, &str); 4] = [
    (concat!("dbg", "!("), "remove it"),
    (concat!("todo", "!("), "write what it stands for"),
    (concat!("unimplemented", "!("), "write what it stands for"),
    (concat!("FIX", "ME"), "fix it, or say in a plain sentence what is known to be missing"),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] =
    ["common", "helper", "helpers", "manager", "misc", "types", "util", "utils"];

/// What cannot be broken, or is searched for as it reads: an address, a sentence of an error or any
/// other text in quotes, a row of a table.
fn may_be_long(line: &str) -> bool {
    let is_quoted = line.contains('"');
    let is_row = ["/// |", "//! |"].iter().any(|row| line.trim_start().starts_with(row));
    is_quoted || is_row || line.contains("://")
}

/// Finds leftovers, long lines, and a file whose name says nothing.
pub(super) fn check(source: &Source<'_>) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = empty_name(source.name).into_iter().collect();
    for line in &source.lines {
        let place = || format!("{}:{}", source.name, line.number);
        let columns = line.text.chars().count();
        if columns > COLUMNS_MAX && !may_be_long(line.text) {
            let sentence =
                format!("{columns} columns, and {COLUMNS_MAX} are the most; break the line");
            complaints.push(Complaint::new(place(), sentence));
        }
        for (leftover, advice) in LEFTOVERS {
            if line.text.contains(leftover) {
                complaints
                    .push(Complaint::new(place(), format!("{leftover} was left behind; {advice}")));
            }
        }
    }
    complaints
}

fn empty_name(name: &str) -> Option<Complaint> {
    let path = Path::new(name);
    let parts = path.with_extension("");
    let part = parts.iter().find(|part| EMPTY_NAMES.iter().any(|empty| part == empty))?;
    let sentence =
        format!("{} says nothing about what is inside; name it after that", part.display());
    Some(Complaint::new(name, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        check(&Source::new(name, text)).iter().map(Complaint::to_string).collect()
    }

    #[test]
    fn leftovers_are_told_with_their_line() {
        for (leftover, advice) in LEFTOVERS {
            let complaints = found("a/src/b.rs", &format!("fn a() {{\n    {leftover}\n}}"));
            assert_eq!(complaints, [format!("a/src/b.rs:2: {leftover} was left behind; {advice}")]);
        }
    }

    #[test]
    fn a_line_may_have_a_hundred_columns() {
        assert!(found("a/src/b.rs", &"\u{00E9}".repeat(COLUMNS_MAX)).is_empty());
        let complaints = found("a/src/b.rs", &"x".repeat(COLUMNS_MAX + 1));
        assert_eq!(complaints, ["a/src/b.rs:1: 101 columns, and 100 are the most; break the line"]);
        let address = format!("// https://example.org/{}", "x".repeat(COLUMNS_MAX));
        assert!(found("a/src/b.rs", &address).is_empty());
        for line in ["//! | a |", "#[error(\"a sentence\")]"] {
            assert!(found("a/src/b.rs", &format!("{line}{}", " ".repeat(COLUMNS_MAX))).is_empty());
        }
    }

    #[test]
    fn a_name_says_what_is_inside() {
        assert!(found("a/src/utility.rs", "").is_empty());
        for name in ["a/src/utils.rs", "crates/common/src/lib.rs", "a/src/types/price.rs"] {
            let complaints = found(name, "");
            assert_eq!(complaints.len(), 1, "{name}");
            assert!(complaints[0].contains("says nothing"), "{complaints:?}");
        }
    }
}
