//! Source files as the rules see them: lines, with those of tests apart.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Directories that hold no source of ours.
const SKIPPED: [&str; 3] = ["target", "node_modules", "data"];

/// What the first lines of a generated file say.
const GENERATED: &str = "@generated";

/// How many first lines may say so.
const GENERATED_WITHIN_LINES: usize = 5;

/// A Rust source file.
pub(super) struct Source<'a> {
    /// Its path below the root.
    pub(super) name: &'a str,
    /// Its lines.
    pub(super) lines: Vec<Line<'a>>,
}

/// A line of a source file.
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// Without its end.
    pub(super) text: &'a str,
    /// Whether it is part of a test: of a test program, or of an item under `#[cfg(test)]`.
    pub(super) is_test: bool,
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Source<'a> {
        let is_test_file = is_test_file(Path::new(name));
        let mut skipping = Skip::No;
        let lines = text
            .lines()
            .enumerate()
            .map(|(index, text)| {
                let in_test_item = skipping.step(text);
                Line { number: index + 1, text, is_test: is_test_file || in_test_item }
            })
            .collect();
        Source { name, lines }
    }

    /// The lines that are not part of a test.
    pub(super) fn lines_outside_tests(&self) -> impl Iterator<Item = &Line<'a>> {
        self.lines.iter().filter(|line| !line.is_test)
    }
}

/// Where a walk through lines is, seen from items under `#[cfg(test)]`.
enum Skip {
    No,
    /// After the attribute: the item begins next.
    Before,
    /// Inside the item, until its end at this indent.
    Inside(usize),
}

impl Skip {
    /// Takes a line, and says whether it belongs to such an item.
    fn step(&mut self, line: &str) -> bool {
        match self {
            Skip::No if line.trim_start().starts_with("#[cfg(test)]") => {
                *self = Skip::Before;
                true
            }
            Skip::No => false,
            Skip::Before if line.trim_start().starts_with("#[") => true,
            Skip::Before => {
                let is_one_line = line.ends_with([';', ',', '}']);
                *self = if is_one_line { Skip::No } else { Skip::Inside(indent(line)) };
                true
            }
            Skip::Inside(at) => {
                if ends_item(line, *at) {
                    *self = Skip::No;
                }
                true
            }
        }
    }
}

/// How many spaces a line begins with.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a line is the closing brace of what began at this indent.
pub(super) fn closes(line: &str, at: usize) -> bool {
    indent(line) == at && line.trim() == "}"
}

/// Whether a line ends an item, a field or a statement that began at this indent.
fn ends_item(line: &str, at: usize) -> bool {
    indent(line) == at && matches!(line.trim(), "}" | "};" | "}," | ");" | "),")
}

fn is_test_file(path: &Path) -> bool {
    let is_one =
        |part: &std::ffi::OsStr| part == "tests" || part == "benches" || part == "tests.rs";
    path.components().any(|part| is_one(part.as_os_str()))
}

/// Whether a tool wrote this, so that no rule of taste applies.
pub(super) fn is_generated(text: &str) -> bool {
    text.lines().take(GENERATED_WITHIN_LINES).any(|line| line.contains(GENERATED))
}

/// The Rust sources and the `clippy.toml` files below `root`, in the order of their names.
pub(super) fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory)? {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let name = name.to_string_lossy();
            if name.starts_with('.') || SKIPPED.contains(&name.as_ref()) {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else if name.ends_with(".rs") || name == "clippy.toml" {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside_tests(name: &str, text: &str) -> Vec<usize> {
        Source::new(name, text).lines_outside_tests().map(|line| line.number).collect()
    }

    #[test]
    fn items_under_cfg_test_are_tests() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n\
                    #[cfg(test)]\n#[path = \"x.rs\"]\nmod more;\nfn d() {}";
        assert_eq!(outside_tests("a/src/lib.rs", text), [1, 7, 11]);
    }

    #[test]
    fn a_field_or_statement_of_a_test_ends_where_it_ends() {
        let text = "fn a() {\n    #[cfg(test)]\n    faults: Faults::default(),\n    b();\n    \
                    #[cfg(test)]\n    see(\n        1,\n    );\n    c();\n}";
        assert_eq!(outside_tests("a/src/lib.rs", text), [1, 4, 9, 10]);
    }

    #[test]
    fn test_programs_are_tests() {
        for name in ["a/tests/it.rs", "a/src/book/tests.rs", "a/benches/b.rs"] {
            assert!(outside_tests(name, "fn a() {}").is_empty(), "{name}");
        }
    }

    #[test]
    fn generated_files_say_so_at_their_beginning() {
        assert!(is_generated("// This file is @generated by prost-build.\n"));
        let late = "\n".repeat(GENERATED_WITHIN_LINES) + "// @generated";
        assert!(!is_generated(&late));
    }

    #[test]
    fn sources_are_found_and_build_products_are_not() {
        let root = tempfile::tempdir().expect("a directory for the test");
        for directory in ["src/book", "target/debug", ".git"] {
            fs::create_dir_all(root.path().join(directory)).expect("a directory");
        }
        for file in
            ["src/lib.rs", "src/book/ask.rs", "clippy.toml", "target/debug/x.rs", ".git/y.rs"]
        {
            fs::write(root.path().join(file), "").expect("a file");
        }
        let found = files(root.path()).expect("the directory can be read");
        let expected = ["clippy.toml", "src/book/ask.rs", "src/lib.rs"];
        assert_eq!(found, expected.map(|file| root.path().join(file)));
    }
}
