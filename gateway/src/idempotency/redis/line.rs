//! The connection to Redis, which is up or down. Questions go to it only while it is up, and take
//! it down where several in a row have no answer; the writer brings it up again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisResult, Value,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::Notify,
    time::{error::Elapsed, timeout},
};

use super::{CALL_MAX, Silence, awake::Awake};

/// How many questions in a row may fail before the line is down: one slow moment of Redis is none
/// of these, unless many ask in it.
const FAILURES_MAX: u32 = 16;

/// How long connecting may take, with proving who this is.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// How many questions may wait to be sent.
const QUESTIONS_MAX: usize = 1_024;

/// See the [module](self).
pub(super) struct Line {
    /// There while the line is up.
    connection: ArcSwapOption<MultiplexedConnection>,
    /// How many questions have failed since the last answer.
    failures: AtomicU32,
    awake: Awake,
    /// Rung where the line goes down.
    pub(super) has_fallen: Notify,
    failed: metrics::Counter,
    up: metrics::Gauge,
}

impl Line {
    /// A line that is down.
    pub(super) fn new() -> Line {
        let up = metrics::gauge!("tradespine_gateway_redis_up");
        up.set(0.0);
        Line {
            connection: ArcSwapOption::empty(),
            failures: AtomicU32::new(0),
            awake: Awake::new(),
            has_fallen: Notify::new(),
            failed: metrics::counter!("tradespine_gateway_redis_failures_total"),
            up,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection.load().is_some()
    }

    /// Connects, and is up where Redis does what `probe` asks; else tells why not.
    pub(super) async fn raise(&self, client: &Client, probe: &Cmd) -> Result<(), String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_MAX))
            // Every call has a time of its own here, and a second one would be set beside it.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUESTIONS_MAX);
        let connecting = async {
            let mut connection =
                client.get_multiplexed_async_connection_with_config(&config).await?;
            probe.query_async::<Value>(&mut connection).await?;
            Ok::<_, RedisError>(connection)
        };
        let connected = timeout(CONNECT_MAX, connecting).await;
        let connected = connected.map_err(|_| "it does not answer in time".to_owned())?;
        let connection = connected.map_err(|error| error.to_string())?;
        self.failures.store(0, Ordering::Relaxed);
        self.connection.store(Some(Arc::new(connection)));
        self.up.set(1.0);
        Ok(())
    }

    /// Asks. `None` is the answer that what stands there is of another kind, which says nothing
    /// against the line.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Option<Value>, Silence> {
        let connection = self.connection.load_full().ok_or(Silence)?;
        let mut own = MultiplexedConnection::clone(&connection);
        let asking = timeout(CALL_MAX, command.query_async(&mut own));
        let answer = match self.awake.wait(asking).await {
            Ok(Err(error)) if error.code() == Some("WRONGTYPE") => Ok(Ok(None)),
            Ok(answer) => Ok(answer.map(Some)),
            Err(late) => Err(late),
        };
        self.judge(&connection, answer)
    }

    /// Asks many things at once, whose answers nobody needs. What Redis says against one of them
    /// says nothing against the line.
    pub(super) async fn send(&self, pipeline: &Pipeline) -> Result<(), Silence> {
        let connection = self.connection.load_full().ok_or(Silence)?;
        let mut own = MultiplexedConnection::clone(&connection);
        let sent = match timeout(CALL_MAX, pipeline.exec_async(&mut own)).await {
            Ok(Err(error)) if !error.is_io_error() => Ok(Ok(())),
            sent => sent,
        };
        self.judge(&connection, sent)
    }

    /// What came of a call, and what that means for the line.
    fn judge<T>(
        &self,
        connection: &Arc<MultiplexedConnection>,
        called: Result<RedisResult<T>, Elapsed>,
    ) -> Result<T, Silence> {
        let is_dropped = match called {
            Ok(Ok(answer)) => {
                self.failures.store(0, Ordering::Relaxed);
                return Ok(answer);
            }
            Ok(Err(error)) => error.is_connection_dropped(),
            Err(_) => false,
        };
        self.failed.increment(1);
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if is_dropped || failures >= FAILURES_MAX {
            self.fall(connection);
        }
        Err(Silence)
    }

    /// Takes the line down, if it is still this one.
    fn fall(&self, connection: &Arc<MultiplexedConnection>) {
        let current = self.connection.load();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            self.connection.store(None);
            self.up.set(0.0);
            self.has_fallen.notify_one();
        }
    }
}
