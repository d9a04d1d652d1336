//! How the program ends where it could not do what was asked: one line, and an exit status.

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
};

use anyhow::Error;
use daemon::settings::{EXIT_BAD_SETTINGS, SettingsError};
use telemetry::logs::InitError;

/// Whoever read our output, `head` perhaps, has read enough. No failure, but the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads the output any more")]
pub struct ReaderLeft;

/// What became of writing to standard output.
///
/// # Errors
/// [`ReaderLeft`] where it was closed, else as it was.
pub fn written(result: io::Result<()>) -> anyhow::Result<()> {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => ReaderLeft.into(),
        _ => Error::from(error).context("the output could not be written"),
    })
}

/// Says what went wrong on standard error; the status tells settings from everything else.
pub fn complain(error: &Error) -> ExitCode {
    if error.is::<ReaderLeft>() {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {}", sentence(error));
    ExitCode::from(status(error))
}

fn sentence(error: &Error) -> String {
    let mut chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    // Some libraries say the same at each of their layers.
    chain.dedup();
    chain.join(": caused by: ")
}

fn status(error: &Error) -> u8 {
    let is_about_settings = error.is::<SettingsError>() || error.is::<InitError>();
    if is_about_settings { EXIT_BAD_SETTINGS } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_one_line_without_echoes() {
        let error = Error::msg("refused").context("refused").context("nobody answers");
        assert_eq!(sentence(&error), "nobody answers: caused by: refused");
    }

    #[test]
    fn settings_have_a_status_of_their_own() {
        let bad = crate::settings::load(Some("/no/such.toml".as_ref()), &Default::default());
        let error = Error::from(bad.expect_err("there is no such file"));
        assert_eq!(status(&error), 64);
        assert!(sentence(&error).contains("/no/such.toml"));
        assert_eq!(status(&Error::msg("anything else")), 1);
    }

    #[test]
    fn a_reader_that_left_is_told_from_other_failures() {
        assert!(written(Ok(())).is_ok());
        let left = written(Err(ErrorKind::BrokenPipe.into())).expect_err("closed");
        assert!(left.is::<ReaderLeft>());
        let full = written(Err(ErrorKind::StorageFull.into())).expect_err("full");
        assert!(sentence(&full).starts_with("the output could not be written: caused by: "));
    }
}
