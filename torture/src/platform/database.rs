//! The ledger's database, asked by psql, and asked again where it does not answer: a PostgreSQL
//! that was killed recovers for some seconds, and refuses whoever comes meanwhile.

use std::{
    fs::File,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::Platform;

/// How long a database may not answer: many times what it took to recover in any run, on a machine
/// that is busy with starting everything else too.
const PATIENCE: Duration = Duration::from_mins(3);

/// How long until it is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// What psql ends with where the connection failed or was lost. A statement that is wrong ends
/// with another, and is not tried again.
const NO_CONNECTION: i32 = 2;

impl Platform {
    /// What a statement comes to, as text.
    ///
    /// # Errors
    /// Where the statement fails, or the database does not answer for too long.
    pub(crate) fn rows(&mut self, statement: &str) -> Result<String> {
        let database = self.database.clone();
        let output = self.insist(|| Ok(psql(&database, statement).output()?))?;
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Writes what a statement comes to into a new file.
    ///
    /// # Errors
    /// As [`Platform::rows`], and where the file cannot be made.
    pub(crate) fn rows_into(&mut self, statement: &str, file: &Path) -> Result<()> {
        let database = self.database.clone();
        let ask = || {
            let output = File::create(file).with_context(|| file.display().to_string())?;
            Ok(psql(&database, statement).stdout(output).output()?)
        };
        self.insist(ask).map(drop)
    }

    /// Tends everything until the database answers, and says so where it was not at once.
    fn insist(&mut self, ask: impl FnMut() -> Result<Output>) -> Result<Output> {
        let mut said = Vec::new();
        let output = insist((PATIENCE, PAUSE), ask, |why| {
            if said.is_empty() {
                eprintln!("the database does not answer, and is asked again: {why}");
            }
            said.push(why.to_owned());
            self.tend()
        });
        if let Some(first) = said.first() {
            let times = said.len();
            self.waits.push(format!("the database did not answer psql {times} times: {first}"));
        }
        output
    }
}

/// Asks until the database answers, with a pause between, in which `meanwhile` hears why not.
fn insist(
    (patience, pause): (Duration, Duration),
    mut ask: impl FnMut() -> Result<Output>,
    mut meanwhile: impl FnMut(&str) -> Result<()>,
) -> Result<Output> {
    let began = Instant::now();
    loop {
        let output = ask().context("psql")?;
        let words = String::from_utf8_lossy(&output.stderr);
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        match output.status.code() {
            Some(0) => return Ok(output),
            Some(NO_CONNECTION) if began.elapsed() < patience => meanwhile(&words)?,
            Some(NO_CONNECTION) => bail!("the database did not answer for {patience:?}: {words}"),
            _ => bail!("psql ended: {}: {words}", output.status),
        }
        std::thread::sleep(pause);
    }
}

pub(super) fn psql(database: &str, statement: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, database]);
    psql
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECOVERS: &str = "FATAL: the database system is in recovery mode";

    /// A program that ends like psql does.
    fn ends_with(status: i32) -> Result<Output> {
        let script = format!("echo rows; echo '{RECOVERS}' >&2; exit {status}");
        Ok(Command::new("sh").args(["-c", &script]).output()?)
    }

    #[test]
    fn a_database_that_recovers_is_asked_again() {
        let mut statuses = [2, 2, 0].into_iter();
        let mut heard = Vec::new();
        let output = insist(
            (Duration::from_mins(1), Duration::ZERO),
            || ends_with(statuses.next().expect("no more is asked")),
            |why| {
                heard.push(why.to_owned());
                Ok(())
            },
        );
        assert_eq!(output.expect("it answers in the end").stdout, b"rows\n");
        assert_eq!(heard, [RECOVERS, RECOVERS]);
    }

    #[test]
    fn patience_ends_and_a_wrong_statement_is_told_at_once() {
        let asked = |patience, status| {
            let error = insist((patience, Duration::ZERO), || ends_with(status), |_| Ok(()));
            error.expect_err("it never answers").to_string()
        };
        let late = asked(Duration::ZERO, 2);
        assert!(late.contains("did not answer") && late.contains("recovery mode"), "{late}");
        assert!(asked(Duration::from_mins(1), 1).contains("psql ended"));
    }

    #[test]
    fn psql_ends_so_where_nobody_answers() {
        let silent = "postgres://nobody@127.0.0.1:1/none?connect_timeout=2";
        let Ok(output) = psql(silent, "SELECT 1").output() else {
            assert!(std::env::var_os("TRADESPINE_XTASK").is_none(), "there is no psql");
            println!("skipped: there is no psql");
            return;
        };
        assert_eq!(output.status.code(), Some(NO_CONNECTION), "{output:?}");
    }
}
