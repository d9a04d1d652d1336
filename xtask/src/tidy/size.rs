//! How large functions and files may be: what is read in one go is understood in one go.

use super::{
    Complaint,
    source::{Line, Source, closes, indent},
};

/// The most lines of a function, from its first to its closing brace. Aim at 25.
const FUNCTION_LINES_MAX: usize = 70;

/// The most lines of a file, without its tests. Aim at 200.
const FILE_LINES_MAX: usize = 400;

/// Words that may stand before `fn`.
const BEFORE_FN: [&str; 7] =
    ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "default"];

/// Finds functions and files that are too large; those of tests may be.
pub(super) fn check(source: &Source<'_>) -> Vec<Complaint> {
    let lines: Vec<&Line<'_>> = source.lines_outside_tests().collect();
    let mut complaints = Vec::new();
    if lines.len() > FILE_LINES_MAX {
        let sentence = format!(
            "{} lines without tests, and {FILE_LINES_MAX} are the most; give a part of it a file \
             of its own",
            lines.len()
        );
        complaints.push(Complaint::new(source.name, sentence));
    }
    let too_long =
        functions(&lines).into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
    complaints.extend(too_long.map(|function| {
        let sentence = format!(
            "fn {} has {} lines, and {FUNCTION_LINES_MAX} are the most; give its steps names",
            function.name, function.lines
        );
        Complaint::new(format!("{}:{}", source.name, function.number), sentence)
    }));
    complaints
}

/// A function with a body of more than one line.
struct Function<'a> {
    name: &'a str,
    number: usize,
    lines: usize,
}

/// The functions among `lines`: from a line with `fn` to the brace that closes at its indent.
fn functions<'a>(lines: &[&Line<'a>]) -> Vec<Function<'a>> {
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = begins_function(line.text) else { continue };
        let at = indent(line.text);
        let end =
            lines[index..].iter().find(|line| closes(line.text, at) || is_bodiless(line.text, at));
        if let Some(end) = end.filter(|end| closes(end.text, at)) {
            found.push(Function { name, number: line.number, lines: end.number - line.number + 1 });
        }
    }
    found
}

/// The name of the function that begins in this line, where one with more lines does.
fn begins_function(line: &str) -> Option<&str> {
    if line.ends_with([';', '}']) {
        return None;
    }
    let (before, after) = line.split_once("fn ")?;
    let is_function = before.split_whitespace().all(|word| {
        BEFORE_FN.contains(&word) || word.starts_with("extern") || word.starts_with('"')
    });
    let name = after.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()?;
    (is_function && !name.is_empty()).then_some(name)
}

/// Whether a line ends the signature of a function without a body, begun at this indent.
fn is_bodiless(line: &str, at: usize) -> bool {
    indent(line) == at && line.trim_start().starts_with(')') && line.ends_with(';')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        check(&Source::new("a/src/b.rs", text)).iter().map(Complaint::to_string).collect()
    }

    fn function(start: &str, lines: usize) -> String {
        let pad = " ".repeat(indent(start));
        let body = format!("{pad}    step();\n").repeat(lines - 2);
        format!("{start}\n{body}{pad}}}\n")
    }

    #[test]
    fn a_function_may_have_seventy_lines() {
        assert!(found(&function("fn a() {", FUNCTION_LINES_MAX)).is_empty());
        let complaints = found(&function("fn a() {", FUNCTION_LINES_MAX + 1));
        assert_eq!(
            complaints,
            ["a/src/b.rs:1: fn a has 71 lines, and 70 are the most; give its steps names"]
        );
    }

    #[test]
    fn every_kind_of_function_is_seen() {
        for start in [
            "pub fn a() {",
            "pub(crate) async fn a() {",
            "    const fn a() {",
            "pub unsafe extern \"C\" fn a() {",
            "fn a<T>(\n    t: T,\n) -> u8\nwhere\n    T: Copy,\n{",
        ] {
            assert_eq!(found(&function(start, FUNCTION_LINES_MAX + 1)).len(), 1, "{start}");
        }
    }

    #[test]
    fn what_only_looks_like_a_function_is_not_one() {
        for start in ["    // a fn a of", "    let f: fn u8 = x(", "trait A {\n    fn a(&self);"] {
            let text = format!("{start}\n{}}}\n", "    x();\n".repeat(FUNCTION_LINES_MAX + 1));
            assert!(found(&text).is_empty(), "{start}");
        }
        let bodiless = format!(
            "trait A {{\n    fn a(\n        x: u8,\n    ) -> u8;\n{}    }}\n}}\n",
            "    x();\n".repeat(FUNCTION_LINES_MAX + 1)
        );
        assert!(found(&bodiless).is_empty());
    }

    #[test]
    fn a_test_may_be_long() {
        let test = function("    fn a() {", FUNCTION_LINES_MAX + 1);
        assert!(found(&format!("#[cfg(test)]\nmod tests {{\n{test}}}\n")).is_empty());
    }

    #[test]
    fn a_file_may_have_four_hundred_lines_without_its_tests() {
        let full = "// words\n".repeat(FILE_LINES_MAX);
        let tests = "#[cfg(test)]\nmod tests {\n    // words\n}\n";
        assert!(found(&format!("{full}{tests}")).is_empty());
        let complaints = found(&format!("{full}// one more\n{tests}"));
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].contains("401 lines without tests"), "{complaints:?}");
    }
}
