//! What is wrong with a setting, said so that a person can put it right.

use std::{fmt, path::Path};

use figment::{
    Metadata, Source,
    error::{Actual, Kind},
};
use thiserror::Error;

/// Settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct SettingsError {
    /// Each thing that is wrong; at least one.
    pub problems: Vec<Problem>,
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as `gateway.rest_port`; empty where it is about a source as a whole.
    pub key: String,
    /// Where it came from: a file, a variable, the command line.
    pub origin: String,
    /// What is wrong.
    pub fault: String,
    /// What to do about it.
    pub advice: String,
}

impl SettingsError {
    pub(super) fn no_file(path: &Path) -> SettingsError {
        let problem = Problem {
            key: String::new(),
            origin: format!("the file {}", path.display()),
            fault: "there is no such file".to_owned(),
            advice: "correct its name, or leave it out to use the defaults".to_owned(),
        };
        SettingsError { problems: vec![problem] }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "`{}` in ", self.key)?;
        }
        write!(f, "{}: {}; {}", self.origin, self.fault, self.advice)
    }
}

impl From<figment::Error> for SettingsError {
    fn from(errors: figment::Error) -> SettingsError {
        SettingsError { problems: errors.into_iter().map(problem).collect() }
    }
}

fn problem(error: figment::Error) -> Problem {
    let origin = origin(error.metadata.as_ref(), &error.path);
    let advice = advice(&error);
    Problem { key: error.path.join("."), origin, fault: error.kind.to_string(), advice }
}

fn origin(metadata: Option<&Metadata>, path: &[String]) -> String {
    let Some(metadata) = metadata else {
        return "the settings".to_owned();
    };
    match (&metadata.source, metadata.name.as_ref()) {
        (Some(Source::File(file)), _) => format!("the file {}", file.display()),
        (_, "environment") => {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            let variable = metadata.interpolate(&figment::Profile::Default, &keys);
            format!("the environment variable {variable}")
        }
        _ => "the command line".to_owned(),
    }
}

fn advice(error: &figment::Error) -> String {
    let in_environment =
        error.metadata.as_ref().is_some_and(|metadata| metadata.name == "environment");
    match &error.kind {
        Kind::UnknownField(_, expected) | Kind::UnknownVariant(_, expected) => {
            format!("the known ones are: {}", expected.join(", "))
        }
        Kind::MissingField(_) => "set it; it has no default".to_owned(),
        Kind::InvalidType(
            Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) | Actual::Bool(_),
            expected,
        ) if in_environment && expected.contains("string") => {
            "put the value in double quotes inside the variable: it is text, not a number"
                .to_owned()
        }
        _ => "correct it there, or leave it out to use the default".to_owned(),
    }
}
