//! A password that is set, or stands in a file.

use std::{fs, io, path::Path};

use daemon::settings::{Problem, Secret};

use super::problem;

/// The password of `setting`: what is `said`, or what is in the `file` of `<setting>_file`.
///
/// # Errors
/// Where both are set, or the file cannot be read.
pub(super) fn read(
    setting: &str,
    said: Option<&Secret>,
    file: Option<&Path>,
) -> Result<Option<Secret>, Problem> {
    let Some(path) = file else { return Ok(said.cloned()) };
    let in_file = format!("{setting}_file");
    if said.is_some() {
        let fault = format!("it is set, and {setting} too");
        return Err(problem(&in_file, fault, "leave one of them out"));
    }
    match fs::read_to_string(path) {
        // Editors end a file with a new line, and no password does.
        Ok(text) => Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n'])))),
        Err(error) => Err(unreadable(&in_file, path, &error)),
    }
}

/// A file that cannot be read.
pub(super) fn unreadable(setting: &str, path: &Path, error: &io::Error) -> Problem {
    let fault = format!("{} cannot be read: {error}", path.display());
    problem(setting, fault, "name a file that can be read")
}
