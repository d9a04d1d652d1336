//! What a platform is for, and what is asked of it before it may begin.
//!
//! A sandbox gives everybody money to play with and trusts whoever reaches it. Production refuses
//! to begin on a log that could forget, or where nobody could be given a token.

use std::fmt;

use clap::ValueEnum;
use daemon::settings::{Problem, SettingsError};
use serde::{Deserialize, Serialize};

use super::{Gateway, Settings, admin::TOKEN_CHARS_MIN, problem};

/// The fewest replicas of a partition in production: with one away, what is acknowledged still
/// stands on two.
const REPLICATION_MIN: u16 = 3;

/// What a platform is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Trying things out.
    Sandbox,
    /// Real money.
    Production,
}

/// What a process is, where more is asked of some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Takes orders in, and hears those who make the tokens that its callers bear.
    Gateway,
    /// Serves nobody, only what is public, or callers whose tokens others make.
    MakesNoTokens,
    /// All parts at once, on a journal of its own.
    Up,
}

impl Profile {
    /// Whether accounts are given money.
    pub const fn is_sandbox(self) -> bool {
        matches!(self, Profile::Sandbox)
    }
}

/// As it is set.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::Sandbox => "sandbox",
            Profile::Production => "production",
        })
    }
}

impl Settings {
    /// How many replicas every partition has at least.
    pub fn replication(&self) -> u16 {
        let least = if self.profile.is_sandbox() { 1 } else { REPLICATION_MIN };
        self.kafka.replication.unwrap_or(least)
    }

    /// Whether the settings are enough for what the platform is for.
    ///
    /// # Errors
    /// Everything that is missing.
    pub fn check(&self, part: Part) -> Result<(), SettingsError> {
        if self.profile.is_sandbox() {
            return Ok(());
        }
        let problems: Vec<Problem> = [
            (part == Part::Up).then(up),
            self.few_replicas(),
            self.no_credentials(),
            self.open_password(),
            (part == Part::Gateway).then(|| self.open_redis_password()).flatten(),
            self.public_admin(),
            self.short_admin_token(),
            (part == Part::Gateway).then(|| self.no_admin_token()).flatten(),
        ]
        .into_iter()
        .flatten()
        .collect();
        if problems.is_empty() { Ok(()) } else { Err(SettingsError { problems }) }
    }

    fn few_replicas(&self) -> Option<Problem> {
        (self.replication() < REPLICATION_MIN).then(|| {
            let fault = format!("{} replicas are too few for production", self.replication());
            problem("kafka.replication", fault, format!("{REPLICATION_MIN} are the fewest"))
        })
    }

    fn no_credentials(&self) -> Option<Problem> {
        let (sasl, tls) = (&self.kafka.sasl, &self.kafka.tls);
        let is_known = sasl.mechanism.is_some() || tls.certificate_file.is_some();
        (!is_known).then(|| {
            problem(
                "kafka.sasl.mechanism",
                "production needs credentials for the brokers, and there are none",
                "set a mechanism with its user and password, or kafka.tls.certificate_file",
            )
        })
    }

    fn open_password(&self) -> Option<Problem> {
        let is_open = self.kafka.sasl.sends_password() && !self.kafka.tls.enabled;
        is_open.then(|| {
            problem(
                "kafka.sasl.mechanism",
                "it sends the password for everybody to read",
                "set kafka.tls.enabled, or use scram-sha-512",
            )
        })
    }

    fn open_redis_password(&self) -> Option<Problem> {
        self.gateway.redis.sends_password().then(|| {
            problem(
                "gateway.redis.password",
                "it goes to another machine for everybody to read",
                "reach Redis through a tunnel on this machine, or without a password: nothing \
                 that Redis says is believed",
            )
        })
    }
}

impl Settings {
    /// Whether clients reach those who run the platform where they trade.
    fn public_admin(&self) -> Option<Problem> {
        let Gateway { rest_address, grpc_address, ref admin, .. } = self.gateway;
        let is_heard = admin.token.is_some() || admin.token_file.is_some();
        let is_public =
            [rest_address, grpc_address].iter().any(|public| public.port() == admin.address.port());
        (is_heard && is_public).then(|| {
            problem(
                "gateway.admin.address",
                format!("port {} is one that clients reach", admin.address.port()),
                "give it a port of its own, where only those who run the platform get",
            )
        })
    }

    /// Whether anybody could be given a token to call with.
    fn no_admin_token(&self) -> Option<Problem> {
        let admin = &self.gateway.admin;
        (admin.token.is_none() && admin.token_file.is_none()).then(|| {
            problem(
                "gateway.admin.token",
                "production lets in only who bears a token, and without this one nobody could make \
                 any",
                "set one, or gateway.admin.token_file: `openssl rand -hex 32` makes one; then \
                 `tradespine admin token create ACCOUNT` makes one for each account",
            )
        })
    }

    fn short_admin_token(&self) -> Option<Problem> {
        let token = self.gateway.admin.token().ok().flatten()?;
        (token.reveal().len() < TOKEN_CHARS_MIN).then(|| {
            problem(
                "gateway.admin.token",
                format!("it has less than {TOKEN_CHARS_MIN} characters"),
                "take more, by chance: `openssl rand -hex 32` makes one",
            )
        })
    }
}

fn up() -> Problem {
    problem(
        "profile",
        "`up` is a sandbox in one process",
        "run the services apart for production, or leave the profile out",
    )
}

#[cfg(test)]
mod tests {
    use daemon::settings::Secret;

    use super::*;
    use crate::settings::{kafka::Mechanism, redis::Redis};

    fn production() -> Settings {
        let mut settings = Settings { profile: Profile::Production, ..Settings::default() };
        settings.kafka.sasl.mechanism = Some(Mechanism::ScramSha512);
        settings
    }

    /// With those who make tokens.
    fn hearing() -> Settings {
        let mut settings = production();
        settings.gateway.admin.token = Some(Secret::new("x".repeat(TOKEN_CHARS_MIN)));
        settings
    }

    fn faults(settings: &Settings, part: Part) -> Vec<String> {
        let problems = settings.check(part).err().map(|error| error.problems).unwrap_or_default();
        problems.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn a_sandbox_needs_nothing() {
        for part in [Part::Gateway, Part::MakesNoTokens, Part::Up] {
            assert!(faults(&Settings::default(), part).is_empty());
        }
        assert_eq!(Settings::default().replication(), 1);
    }

    #[test]
    fn production_needs_three_replicas_and_credentials() {
        assert!(faults(&production(), Part::MakesNoTokens).is_empty());
        assert_eq!(production().replication(), 3);
        let mut bare = Settings { profile: Profile::Production, ..Settings::default() };
        bare.kafka.replication = Some(2);
        let both = ["kafka.replication", "kafka.sasl.mechanism"];
        assert_eq!(faults(&bare, Part::MakesNoTokens), both);
        bare.kafka.replication = Some(5);
        bare.kafka.tls.certificate_file = Some("us.pem".into());
        assert!(faults(&bare, Part::MakesNoTokens).is_empty());
    }

    #[test]
    fn production_hears_those_who_run_it_apart_and_asks_for_a_token_that_nobody_guesses() {
        let mut settings = production();
        settings.gateway.admin.address.set_port(settings.gateway.grpc_address.port());
        assert!(faults(&settings, Part::MakesNoTokens).is_empty(), "nobody is heard");
        settings.gateway.admin.token = Some(Secret::new("short"));
        let both = ["gateway.admin.address", "gateway.admin.token"];
        assert_eq!(faults(&settings, Part::MakesNoTokens), both);
        settings.gateway.admin.token = Some(Secret::new("x".repeat(TOKEN_CHARS_MIN)));
        settings.gateway.admin.address.set_port(50054);
        assert!(faults(&settings, Part::MakesNoTokens).is_empty());
    }

    #[test]
    fn production_sends_no_password_in_the_open() {
        let mut settings = production();
        settings.kafka.sasl.mechanism = Some(Mechanism::Plain);
        assert_eq!(faults(&settings, Part::MakesNoTokens), ["kafka.sasl.mechanism"]);
        settings.kafka.tls.enabled = true;
        assert!(faults(&settings, Part::MakesNoTokens).is_empty());
    }

    #[test]
    fn production_sends_no_password_to_a_redis_elsewhere() {
        let mut settings = hearing();
        let key = ["gateway.redis.password"];
        let url = |url: &str| Some(Secret::new(url));
        settings.gateway.redis.url = url("redis://far:6379");
        assert!(faults(&settings, Part::Gateway).is_empty());
        settings.gateway.redis.password_file = Some("/run/secrets/redis".into());
        assert_eq!(faults(&settings, Part::Gateway), key);
        settings.gateway.redis.url = url("redis://127.0.0.1:6379");
        assert!(faults(&settings, Part::Gateway).is_empty());
        settings.gateway.redis = Redis { url: url("redis://:hush@far"), ..Redis::default() };
        assert_eq!(faults(&settings, Part::Gateway), key);
        assert!(faults(&settings, Part::MakesNoTokens).is_empty(), "a matcher has no Redis");
        let error = settings.check(Part::Gateway).expect_err("refused").to_string();
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn production_is_for_bearers_of_tokens_and_not_for_one_process() {
        let settings = production();
        assert_eq!(faults(&settings, Part::Gateway), ["gateway.admin.token"]);
        let error = settings.check(Part::Gateway).expect_err("refused").to_string();
        assert!(error.contains("tradespine admin token create"), "{error}");
        assert!(faults(&settings, Part::MakesNoTokens).is_empty());
        assert!(faults(&hearing(), Part::Gateway).is_empty());
        let mut settings = production();
        settings.gateway.admin.token_file = Some("/no/such/file".into());
        assert!(faults(&settings, Part::Gateway).is_empty(), "whoever reads it tells of it");
        assert_eq!(faults(&settings, Part::Up), ["profile"]);
    }
}
