//! What gateways tell one another through a Redis: who is at a key, and which order used it up.
//!
//! - `word`: what stands under a key. `line`: the connection, which is up or down. `awake`: how
//!   one waits for an answer. `writer`: what is told without anybody waiting for it.
//!
//! A question takes at most [`CALL_MAX`]; several unanswered in a row take the line down, and
//! questions are answered at once, with nothing, until it is up again. What is written has a time
//! to live, and a Redis that is full may throw away what it likes.
//!
//! What will never live here: an answer, and trust in what was read.

mod awake;
mod line;
mod word;
mod writer;

use std::{error::Error, fmt, net::IpAddr, sync::Arc, time::Duration};

use daemon::settings::Secret;
use model::OrderId;
use prost::Message;
use redis::{Client, Cmd, ConnectionAddr, IntoConnectionInfo, Value};
use spine::LogId;
use tokio::sync::mpsc;

use self::{
    line::Line,
    word::{Token, Word},
    writer::{Write, Writer},
};
use super::RetryKey;

/// How long one waits for Redis: a hundred times what it takes, and little beside what an order
/// takes that has to be written because Redis did not answer.
const CALL_MAX: Duration = Duration::from_millis(50);

/// How long a claim stands, should nobody say more: as long as an order may wait for its answer
/// before the gateway refuses new ones. Who waits for it waits less; this only bounds how long the
/// claims of a gateway that died make retries wait.
const CLAIM_LIFE_MS: u64 = 2_000;

/// How long it is told which order used a key up: well beyond the time for which gateways remember
/// the log's answers under load, and at 12,000 orders a second about 150 MB of Redis.
const ORDER_LIFE_MS: u64 = 60_000;

/// How many things may wait to be told; more are not told at all. A tenth of a second under load.
const WRITES_MAX: usize = 4_096;

/// Where a Redis is, and how to prove to it who this is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://user@host:6379/0`, perhaps with a password in it.
    pub url: Secret,
    /// The password, where the URL has none.
    pub password: Option<Secret>,
}

/// Why a Redis cannot be used. Says nothing of what was in the URL: there may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadUrl {
    /// It is not a URL of a Redis.
    NotAnAddress,
    /// It asks for encryption.
    Tls,
    /// There are two passwords.
    TwoPasswords,
}

impl BadUrl {
    /// What is wrong, and what to do.
    pub const fn parts(self) -> (&'static str, &'static str) {
        match self {
            BadUrl::NotAnAddress => {
                ("it is not the address of a Redis", "write it as redis://host:6379/0")
            }
            BadUrl::Tls => (
                "it asks for TLS, which is not built in",
                "use redis:// and a tunnel on this machine",
            ),
            BadUrl::TwoPasswords => (
                "it has a password in it, and another one is set",
                "leave one of the two passwords out",
            ),
        }
    }
}

/// As one sentence.
impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fault, advice) = self.parts();
        write!(f, "{fault}; {advice}")
    }
}

impl Error for BadUrl {}

/// A Redis, shared by gateways. Its tasks end when it is dropped.
pub struct Redis {
    line: Arc<Line>,
    writes: mpsc::Sender<Write>,
    /// What every name begins with: several platforms can share a Redis.
    prefix: String,
    /// Tells the claims of this gateway from those of others.
    token: Token,
    dropped: metrics::Counter,
}

/// There is no answer, and nothing may be concluded from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence;

/// What Redis says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing was there; now there is the claim of this gateway.
    Claimed,
    /// A gateway is at it.
    Held,
    /// This order is said to have used it up.
    Order(OrderId),
    /// No gateway on this log wrote what is there.
    Nonsense,
}

impl RedisSettings {
    /// Checks the URL, without connecting.
    ///
    /// # Errors
    /// [`BadUrl`] where it cannot be one.
    pub fn check(&self) -> Result<(), BadUrl> {
        self.client().map(drop)
    }

    /// Whether whoever listens on the way learns a password.
    ///
    /// # Errors
    /// [`BadUrl`] where the URL cannot be one.
    pub fn sends_password(&self) -> Result<bool, BadUrl> {
        let client = self.client()?;
        let info = client.get_connection_info();
        let is_near = match info.addr() {
            ConnectionAddr::Tcp(host, _) => {
                let address = host.trim_matches(['[', ']']).parse();
                host == "localhost" || address.is_ok_and(|ip: IpAddr| ip.is_loopback())
            }
            _ => true,
        };
        Ok(!is_near && info.redis_settings().password().is_some())
    }

    fn client(&self) -> Result<Client, BadUrl> {
        let url = self.url.reveal();
        if ["rediss:", "valkeys:"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(BadUrl::Tls);
        }
        let mut info = url.into_connection_info().map_err(|_| BadUrl::NotAnAddress)?;
        if let Some(password) = &self.password {
            if info.redis_settings().password().is_some() {
                return Err(BadUrl::TwoPasswords);
            }
            let with_password = info.redis_settings().clone().set_password(password.reveal());
            info = info.set_redis_settings(with_password);
        }
        Client::open(info).map_err(|_| BadUrl::NotAnAddress)
    }
}

impl Redis {
    /// Begins to connect, and goes on trying. To be called in a runtime.
    ///
    /// # Errors
    /// [`BadUrl`] where the URL cannot be one; a Redis that does not answer is no error.
    pub fn start(settings: &RedisSettings, log_id: LogId) -> Result<Redis, BadUrl> {
        let client = settings.client()?;
        let line = Arc::new(Line::new());
        let (writes, waiting) = mpsc::channel(WRITES_MAX);
        let prefix = format!("tradespine:retry:{log_id}:");
        let token = rand::random();
        let probe = claim(&format!("{prefix}probe"), token);
        tokio::spawn(Writer::new(client, probe, Arc::clone(&line), waiting).run());
        Ok(Redis {
            line,
            writes,
            prefix,
            token,
            dropped: metrics::counter!("tradespine_gateway_redis_writes_dropped_total"),
        })
    }

    /// Claims `key` where nothing is there, in one step with looking.
    pub(super) async fn claim(&self, key: &RetryKey) -> Result<Found, Silence> {
        Ok(match self.line.ask(&claim(&self.name(key), self.token)).await? {
            Some(Value::Nil) => Found::Claimed,
            Some(Value::BulkString(bytes)) => match Word::decode(&bytes) {
                Some(Word::Claim(_)) => Found::Held,
                Some(Word::Order(id)) => Found::Order(id),
                None => Found::Nonsense,
            },
            Some(_) | None => Found::Nonsense,
        })
    }

    /// Tells that this order used `key` up. Does not wait for it.
    pub(super) fn tell(&self, key: &RetryKey, id: OrderId) {
        self.write(|| Write::Order { name: self.name(key), word: Word::Order(id).encode() });
    }

    /// Takes this gateway's claim back, if it still stands. Does not wait for it.
    pub(super) fn let_go(&self, key: &RetryKey) {
        let word = || Word::Claim(self.token).encode();
        self.write(|| Write::LetGo { name: self.name(key), word: word() });
    }

    fn write(&self, write: impl FnOnce() -> Write) {
        if !self.line.is_up() || self.writes.try_send(write()).is_err() {
            self.dropped.increment(1);
        }
    }

    /// What stands in Redis for a key: a hash, so that nobody reads there who trades what.
    fn name(&self, key: &RetryKey) -> String {
        let RetryKey { account, instrument, key } = key;
        let words = proto::log::PlaceOrder {
            key_space: proto::log::KeySpace::from(key.space).into(),
            key: key.text.as_str().to_owned(),
            instrument_id: instrument.0,
            ..Default::default()
        };
        let mut bytes = words.encode_length_delimited_to_vec();
        bytes.extend_from_slice(account.as_str().as_bytes());
        let hash = blake3::hash(&bytes).to_hex();
        format!("{}{}", self.prefix, &hash[..32])
    }
}

/// Claims a name where nothing stands, and tells what stood there: with `NX` beside `GET` since
/// Redis 7.
fn claim(name: &str, token: Token) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(name).arg(Word::Claim(token).encode().as_slice());
    command.arg("NX").arg("GET").arg("PX").arg(CLAIM_LIFE_MS);
    command
}

/// What of a word fuzzing reads (`fuzz/`).
///
/// # Panics
/// Where it is not written as it was read.
#[cfg(fuzzing)]
pub(crate) fn fuzzed(bytes: &[u8]) {
    if let Some(word) = Word::decode(bytes) {
        assert_eq!(word.encode(), bytes);
    }
}

#[cfg(test)]
mod tests;
