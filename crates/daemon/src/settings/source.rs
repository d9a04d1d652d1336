//! The two sources that figment does not have as we want them: the environment as data, so that a
//! test can hand one in, and flags of which only those count that were given.

use figment::{
    Error, Metadata, Profile, Provider,
    error::Kind,
    util::nest,
    value::{Dict, Map, Tag, Value},
};
use serde::Serialize;

use super::secret::SECRET_KEY;

/// Variables with our prefix that speak to tests and tools, and are no settings.
const NO_SETTINGS: [&str; 3] = ["TEST_", "RECORDING", "XTASK"];

/// What parts the levels of a setting in the name of its variable.
const LEVEL_MARK: &str = "__";

/// The variables that are settings, as key and text.
pub(super) struct Environment {
    prefix: &'static str,
    settings: Vec<(String, String)>,
}

impl Environment {
    pub(super) fn new(prefix: &'static str, variables: &[(String, String)]) -> Environment {
        let mut settings: Vec<_> = variables
            .iter()
            .filter_map(|(name, text)| Some((key(name.strip_prefix(prefix)?)?, text.clone())))
            .collect();
        settings.sort();
        Environment { prefix, settings }
    }
}

fn key(name: &str) -> Option<String> {
    let is_setting = !name.is_empty() && !NO_SETTINGS.iter().any(|mark| name.starts_with(mark));
    is_setting.then(|| name.to_ascii_lowercase().replace(LEVEL_MARK, "."))
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        let prefix = self.prefix;
        Metadata::named("environment").interpolater(move |_: &Profile, keys: &[&str]| {
            format!("{prefix}{}", keys.join(LEVEL_MARK).to_ascii_uppercase())
        })
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut settings = Value::from(Dict::new());
        for (key, text) in &self.settings {
            settings = merged(settings, nest(key, value(key, text)));
        }
        Ok(Profile::Default.collect(settings.into_dict().unwrap_or_default()))
    }
}

fn value(key: &str, text: &str) -> Value {
    let is_secret = key.rsplit(['.', '_']).next() == Some(SECRET_KEY);
    let parsed = if is_secret { None } else { text.parse().ok() };
    parsed.unwrap_or_else(|| Value::from(text))
}

/// Both dictionaries as one; where both have a value of a key, the later one's.
fn merged(earlier: Value, later: Value) -> Value {
    match (earlier, later) {
        (Value::Dict(tag, mut earlier), Value::Dict(_, later)) => {
            for (key, value) in later {
                let value = match earlier.remove(&key) {
                    Some(before) => merged(before, value),
                    None => value,
                };
                earlier.insert(key, value);
            }
            Value::Dict(tag, earlier)
        }
        (_, later) => later,
    }
}

/// What the command line said.
pub(super) struct Flags(Result<Value, Error>);

impl Flags {
    pub(super) fn new(flags: &impl Serialize) -> Flags {
        Flags(Value::serialize(flags))
    }
}

impl Provider for Flags {
    fn metadata(&self) -> Metadata {
        Metadata::named("command line")
            .interpolater(|_: &Profile, keys: &[&str]| format!("--{}", keys.join("-")))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        match given(self.0.clone()?) {
            Some(Value::Dict(_, flags)) => Ok(Profile::Default.collect(flags)),
            None => Ok(Profile::Default.collect(Dict::new())),
            Some(other) => {
                Err(Kind::InvalidType(other.to_actual(), "a struct of flags".into()).into())
            }
        }
    }
}

/// `value` without what was not given, at any depth.
fn given(value: Value) -> Option<Value> {
    match value {
        Value::Empty(..) => None,
        Value::Dict(_, dict) => {
            let dict: Dict =
                dict.into_iter().filter_map(|(key, value)| Some((key, given(value)?))).collect();
            (!dict.is_empty()).then_some(Value::Dict(Tag::Default, dict))
        }
        other => Some(other),
    }
}
