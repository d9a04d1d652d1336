//! What the tests' own output says, added up.

use std::fmt;

use anyhow::{Result, ensure};

/// What a test prints where the server that it needs is not there.
const SKIPPED: &str = "skipped:";

/// How many tests there were, over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    skipped: u64,
    /// Test programs that reported; none at all means that nothing was tested.
    programs: u64,
}

impl Tally {
    /// Takes in a line of output, like `test result: ok. 9 passed; 0 failed; 1 ignored; ...`.
    pub(super) fn read(&mut self, line: &str) {
        if line.trim_start().starts_with(SKIPPED) {
            self.skipped += 1;
        }
        let Some((_, counts)) =
            line.strip_prefix("test result: ").and_then(|result| result.split_once(". "))
        else {
            return;
        };
        self.programs += 1;
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }

    /// # Errors
    /// Where nothing was tested, or a test did not find its server.
    pub(super) fn verdict(&self) -> Result<()> {
        ensure!(self.programs > 0, "no test program reported; the line `test result:` is missing");
        ensure!(self.skipped == 0, "{} tests did not find the server they need", self.skipped);
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tests passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &str) -> Tally {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn programs_are_added_up() {
        let read = tally(
            "running 3 tests\ntest a ... ok\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; in 0.1s\n\
             test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 9 filtered out\n",
        );
        let expected = Tally { passed: 8, failed: 2, ignored: 1, skipped: 0, programs: 2 };
        assert_eq!(read, expected);
        assert!(read.verdict().is_ok());
        assert_eq!(read.to_string(), "8 tests passed, 2 failed, 1 ignored");
    }

    #[test]
    fn a_skipped_test_fails() {
        let read = tally("skipped: no TRADESPINE_TEST_KAFKA\ntest result: ok. 1 passed; 0 failed;");
        let error = read.verdict().expect_err("skipped").to_string();
        assert!(error.contains("1 tests did not find"), "{error}");
    }

    #[test]
    fn nothing_tested_fails() {
        assert!(tally("   Compiling tradespine\n").verdict().is_err());
    }
}
