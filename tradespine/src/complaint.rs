//! How the program ends where it could not do what was asked: one line, and an exit status.

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
};

use anyhow::Error;
use daemon::settings::{EXIT_BAD_SETTINGS, SettingsError};
use telemetry::logs::InitError;

/// Says what went wrong on standard error; the status tells settings from everything else.
///
/// Whoever closed our output, `head` perhaps, has read enough: that is no failure.
pub fn complain(error: &Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {}", sentence(error));
    ExitCode::from(status(error))
}

fn is_closed_pipe(error: &Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
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
    fn a_reader_that_left_is_no_failure() {
        assert!(is_closed_pipe(&io::Error::from(ErrorKind::BrokenPipe).into()));
        let lost = Error::from(io::Error::from(ErrorKind::BrokenPipe)).context("the connection");
        assert!(is_closed_pipe(&lost), "context does not hide what it is");
        assert!(!is_closed_pipe(&io::Error::from(ErrorKind::NotFound).into()));
    }
}
