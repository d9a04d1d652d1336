//! One process of ours as a manifest would run it: its arguments, and exactly its variables and
//! files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    process::Command,
};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_tradespine");

/// What begins the name of every variable that is a setting.
const PREFIX: &str = "TRADESPINE_";

/// How clap ends on a line that it cannot read.
const EXIT_UNREADABLE: i32 = 2;

/// A process, and where it was found.
pub(crate) struct Process {
    pub(crate) place: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: BTreeMap<String, String>,
    /// Where files are mounted.
    pub(crate) mounts: Vec<String>,
}

/// What a service says that it would do.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The addresses that it takes, the one with its pages first.
    pub(crate) addresses: Vec<SocketAddr>,
    /// How long it drains at most; a job does not.
    pub(crate) drain_seconds: Option<u64>,
}

impl Process {
    /// Asks the program itself whether it would begin like this.
    pub(crate) fn check(&self) -> Result<Told, String> {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let mut command = Command::new(BINARY);
        command.args(&self.arguments).arg("--check").env_clear().current_dir(directory.path());
        for (number, (name, value)) in self.variables.iter().enumerate() {
            let is_mounted = self.mounts.iter().any(|mount| {
                value.strip_prefix(mount.as_str()).is_some_and(|rest| rest.starts_with('/'))
            });
            if name.ends_with("_FILE") && is_mounted {
                let file = directory.path().join(format!("mounted-{number}"));
                fs::write(&file, "for a test, and as long as a token has to be")
                    .expect("a file for the test");
                command.env(name, file);
            } else {
                command.env(name, value);
            }
        }
        let output = command.output().expect("it runs");
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {}", self.place, words.trim()));
        }
        Ok(Told::read(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Whether the program knows a command line at all.
    pub(crate) fn knows(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new(BINARY);
        command.args(arguments).env_clear().envs(&self.variables);
        command.output().expect("it runs").status.code() != Some(EXIT_UNREADABLE)
    }

    /// The name of the service, or of the job.
    pub(crate) fn name(&self) -> &str {
        self.arguments.first().map_or("", String::as_str)
    }

    /// The hosts and ports that its settings name, where they are not its own addresses.
    pub(crate) fn targets(&self) -> BTreeSet<(String, u16)> {
        let settings = self.variables.iter().filter(|(name, _)| name.starts_with(PREFIX));
        let places = settings.flat_map(|(_, value)| value.split(',')).filter_map(|place| {
            let place = place.split_once("://").map_or(place, |(_, rest)| rest);
            let place = place.rsplit_once('@').map_or(place, |(_, rest)| rest);
            let (host, port) = place.split('/').next()?.split_once(':')?;
            let is_name = host.starts_with(|letter: char| letter.is_ascii_alphabetic());
            Some((host.to_owned(), port.parse().ok()?)).filter(|_| is_name)
        });
        places.collect()
    }
}

impl Told {
    fn read(text: &str) -> Told {
        let mut told = Told::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(" = ")) {
            if name == "drain_seconds" {
                told.drain_seconds = value.parse().ok();
            } else if let Ok(address) = value.parse() {
                told.addresses.push(address);
            }
        }
        told
    }

    pub(crate) fn ports(&self) -> BTreeSet<u16> {
        self.addresses.iter().map(SocketAddr::port).collect()
    }
}

/// The text of each element of a list.
pub(crate) fn words(value: &Value) -> Vec<String> {
    let words = value.as_array().into_iter().flatten();
    words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// The text at a place in a document; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The elements at a place in a document.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A port at a place in a document.
pub(crate) fn port(value: &Value, pointer: &str) -> Option<u16> {
    value.pointer(pointer)?.as_u64()?.try_into().ok()
}
