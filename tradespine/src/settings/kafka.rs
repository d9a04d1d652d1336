//! Where the brokers are, and how to prove to them who this is: told to librdkafka in its own
//! words.

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf};

use daemon::settings::{Problem, Secret, SettingsError};
use serde::Deserialize;
use spine::log::kafka::KafkaSettings;

use super::{password, problem};

/// The log of services that run apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kafka {
    /// `host:port`, separated by commas: brokers to ask for all the others.
    pub brokers: String,
    /// Put before the name of every topic, for several platforms on one cluster.
    pub topic_prefix: String,
    /// How many replicas every partition has: of new topics exactly, of others at least. 1 in a
    /// sandbox and 3 in production where nobody says.
    pub replication: Option<u16>,
    /// Encryption, and who the brokers are.
    pub tls: Tls,
    /// Who this is.
    pub sasl: Sasl,
}

/// Encryption of what goes between here and the brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Whether the brokers are spoken to over TLS. Their names are checked against their
    /// certificates.
    pub enabled: bool,
    /// PEM: whom to believe who the brokers are. The machine's own list where there is none.
    pub ca_file: Option<PathBuf>,
    /// PEM: a certificate that tells the brokers who this is.
    pub certificate_file: Option<PathBuf>,
    /// PEM: its key.
    pub key_file: Option<PathBuf>,
    /// What the key is locked with.
    pub key_password: Option<Secret>,
    /// A file with that, instead.
    pub key_password_file: Option<PathBuf>,
}

/// A name and a password that tell the brokers who this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sasl {
    /// How they are told; nothing is where there is none.
    pub mechanism: Option<Mechanism>,
    /// The name.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// A file with the password, instead.
    pub password_file: Option<PathBuf>,
}

/// How a name and a password are told. What needs tokens or tickets is not built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// As they are.
    Plain,
    /// By proof that the password is known.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// The same with a longer hash.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

impl Default for Kafka {
    fn default() -> Kafka {
        Kafka {
            brokers: "127.0.0.1:9092".to_owned(),
            topic_prefix: String::new(),
            replication: None,
            tls: Tls::default(),
            sasl: Sasl::default(),
        }
    }
}

impl Sasl {
    /// Whether whoever listens learns the password.
    pub fn sends_password(&self) -> bool {
        self.mechanism == Some(Mechanism::Plain)
    }
}

impl Kafka {
    /// The settings of a client that brokers know as `tradespine-<service>`. Reads the files that
    /// hold passwords.
    ///
    /// # Errors
    /// Everything that contradicts something else, is missing, or cannot be read.
    pub fn client(&self, service: &str) -> Result<KafkaSettings, SettingsError> {
        let mut properties = Properties::default();
        properties.tls(&self.tls);
        properties.sasl(&self.sasl);
        properties.protocol(self.tls.enabled, self.sasl.mechanism.is_some());
        if !properties.problems.is_empty() {
            return Err(SettingsError { problems: properties.problems });
        }
        Ok(KafkaSettings {
            client_id: format!("tradespine-{service}"),
            topic_prefix: self.topic_prefix.clone(),
            properties: properties.set,
            ..KafkaSettings::new(&self.brokers)
        })
    }
}

/// What librdkafka is told, and what stands in the way of telling it.
#[derive(Default)]
struct Properties {
    set: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Properties {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.set.insert(name.to_owned(), value.into());
    }

    fn protocol(&mut self, has_tls: bool, has_sasl: bool) {
        let protocol = match (has_tls, has_sasl) {
            (false, false) => return,
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        self.set("security.protocol", protocol);
    }

    fn tls(&mut self, tls: &Tls) {
        if !tls.enabled {
            self.refuse_unused_tls(tls);
            return;
        }
        match &tls.ca_file {
            Some(path) => self.file("ssl.ca.location", "kafka.tls.ca_file", path),
            // Wherever this machine keeps it: the library that looks was not made for this one.
            None => self.set("ssl.ca.location", "probe"),
        }
        match (&tls.certificate_file, &tls.key_file) {
            (Some(certificate), Some(key)) => {
                let setting = "kafka.tls.certificate_file";
                self.file("ssl.certificate.location", setting, certificate);
                self.file("ssl.key.location", "kafka.tls.key_file", key);
            }
            (Some(_), None) => self.missing("kafka.tls.key_file", "kafka.tls.certificate_file"),
            (None, Some(_)) => self.missing("kafka.tls.certificate_file", "kafka.tls.key_file"),
            (None, None) => {}
        }
        let setting = "kafka.tls.key_password";
        if let Some(password) =
            self.password(setting, tls.key_password.as_ref(), tls.key_password_file.as_deref())
        {
            self.set("ssl.key.password", password.reveal());
        }
    }

    /// Somebody who sets a certificate believes that it is used.
    fn refuse_unused_tls(&mut self, tls: &Tls) {
        let files = [
            ("kafka.tls.ca_file", &tls.ca_file),
            ("kafka.tls.certificate_file", &tls.certificate_file),
            ("kafka.tls.key_file", &tls.key_file),
        ];
        for (setting, _) in files.into_iter().filter(|(_, file)| file.is_some()) {
            let fault = "it is set, and nothing is encrypted";
            self.problems.push(problem(setting, fault, "set kafka.tls.enabled = true"));
        }
    }

    fn sasl(&mut self, sasl: &Sasl) {
        let Some(mechanism) = sasl.mechanism else {
            if sasl.user.is_some() || sasl.password.is_some() || sasl.password_file.is_some() {
                self.missing("kafka.sasl.mechanism", "a user or a password");
            }
            return;
        };
        self.set("sasl.mechanisms", mechanism.name());
        match &sasl.user {
            Some(user) => self.set("sasl.username", user),
            None => self.missing("kafka.sasl.user", "kafka.sasl.mechanism"),
        }
        let setting = "kafka.sasl.password";
        match self.password(setting, sasl.password.as_ref(), sasl.password_file.as_deref()) {
            Some(password) => self.set("sasl.password", password.reveal()),
            None if sasl.password_file.is_some() => {}
            None => self.missing(setting, "kafka.sasl.mechanism"),
        }
    }

    fn missing(&mut self, setting: &str, beside: &str) {
        let fault = format!("it is not set, and {beside} is");
        self.problems.push(problem(setting, fault, "set both, or neither"));
    }

    /// A file that the library opens by itself; whether it can is told here, by the setting's name.
    fn file(&mut self, property: &str, setting: &str, path: &Path) {
        if let Err(error) = fs::File::open(path) {
            self.problems.push(password::unreadable(setting, path, &error));
        }
        self.set(property, path.display().to_string());
    }

    fn password(
        &mut self,
        setting: &str,
        said: Option<&Secret>,
        file: Option<&Path>,
    ) -> Option<Secret> {
        password::read(setting, said, file).unwrap_or_else(|problem| {
            self.problems.push(problem);
            None
        })
    }
}

impl Mechanism {
    /// As brokers know it.
    const fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[cfg(test)]
mod tests;
