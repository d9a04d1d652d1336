//! What the services say of themselves, asked again and again by a thread of its own: whether each
//! is ready, and how far the ledger has come. Only the live view and the pauses between kills rest
//! on it; no check does.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, UNIX_EPOCH},
};

/// How often everybody is asked.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_millis(500);

/// How often a page is read until it is whole; a page of metrics has some ten kilobytes.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// What was last heard.
pub(crate) struct Health {
    pages: Vec<String>,
    /// Of each page what it is not ready for; nothing where it is.
    not_ready: Mutex<Vec<Option<String>>>,
    /// The log's time at the ledger's last row, in milliseconds since 1970; 0 where there is none.
    ledger_ms: AtomicU64,
}

impl Health {
    /// Begins to ask `pages`, addresses of services, and the metrics of the ledger at `ledger`.
    pub(crate) fn watch(pages: Vec<String>, ledger: String) -> Arc<Health> {
        let health = Arc::new(Health::of(pages));
        let asking = Arc::downgrade(&health);
        thread::spawn(move || {
            while let Some(health) = asking.upgrade() {
                health.ask(&ledger);
                drop(health);
                thread::sleep(ASK_EVERY);
            }
        });
        health
    }

    fn of(pages: Vec<String>) -> Health {
        let not_ready = Mutex::new(vec![Some("not asked yet".to_owned()); pages.len()]);
        Health { pages, not_ready, ledger_ms: AtomicU64::new(0) }
    }

    fn ask(&self, ledger: &str) {
        let said: Vec<_> = self.pages.iter().map(|page| said(get(page, "/readyz"))).collect();
        *self.reasons() = said;
        if let Ok(page) = get(ledger, "/metrics") {
            self.heard(&page);
        }
    }

    /// Takes in what the ledger's metrics say.
    fn heard(&self, page: &str) {
        if let Some(seconds) = oldest_now(page) {
            let millis = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis();
            self.ledger_ms.store(u64::try_from(millis).unwrap_or_default(), Ordering::Relaxed);
        }
    }

    /// Whether every service is ready.
    pub(crate) fn all_ready(&self) -> bool {
        self.reasons().iter().all(Option::is_none)
    }

    /// How many services are ready, of how many.
    pub(crate) fn ready_of(&self) -> (usize, usize) {
        let reasons = self.reasons();
        (reasons.iter().filter(|reason| reason.is_none()).count(), reasons.len())
    }

    /// What those say that are not ready.
    pub(crate) fn why_not(&self) -> String {
        let reasons = self.reasons();
        let pages = self.pages.iter().zip(reasons.iter());
        let told = pages.filter_map(|(page, reason)| Some(format!("{page}: {}", reason.as_ref()?)));
        told.collect::<Vec<_>>().join("; ")
    }

    fn reasons(&self) -> MutexGuard<'_, Vec<Option<String>>> {
        self.not_ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How old the ledger's last row is; `None` where it has projected nothing yet. The log ticks
    /// every second, so one to two seconds is as young as it looks where nothing is behind.
    pub(crate) fn ledger_lag(&self) -> Option<Duration> {
        Some(wall_clock().saturating_sub(self.ledger_reached()?))
    }

    /// Up to which moment since 1970 the ledger has everything, by the log's time.
    pub(crate) fn ledger_reached(&self) -> Option<Duration> {
        let reached = Duration::from_millis(self.ledger_ms.load(Ordering::Relaxed));
        (!reached.is_zero()).then_some(reached)
    }
}

/// Time since 1970.
#[expect(clippy::disallowed_methods, reason = "the log's time is that of the wall")]
pub(crate) fn wall_clock() -> Duration {
    std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What a page of readiness says that is not ready, in a line.
fn said(page: io::Result<String>) -> Option<String> {
    let page = match page {
        Ok(page) if page.starts_with("HTTP/1.1 200 ") => return None,
        Ok(page) => page,
        Err(error) => return Some(error.to_string()),
    };
    let body = page.split_once("\r\n\r\n").map_or(page.as_str(), |(_, body)| body);
    Some(body.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The least of the partitions' moments. A ledger that has just started says 0 until it has
/// projected something: what it had before is in its tables still, so what was heard last holds.
fn oldest_now(page: &str) -> Option<f64> {
    let lines = page.lines().filter(|line| line.starts_with("tradespine_ledger_now_seconds"));
    let moments = lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok());
    moments.min_by(f64::total_cmp).filter(|oldest| *oldest > 0.0)
}

/// A page over HTTP, its head included.
fn get(address: &str, path: &str) -> io::Result<String> {
    let socket: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut connection = TcpStream::connect_timeout(&socket, ANSWER_WAIT)?;
    connection.set_read_timeout(Some(ANSWER_WAIT))?;
    connection.set_write_timeout(Some(ANSWER_WAIT))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut page = String::new();
    connection.take(PAGE_BYTES_MAX).read_to_string(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_ready_says_why() {
        assert_eq!(said(Ok("HTTP/1.1 200 OK\r\n\r\nready\n".to_owned())), None);
        let page = "HTTP/1.1 503 Service Unavailable\r\na: b\r\n\r\nnot ready\nlog: away\n";
        assert_eq!(said(Ok(page.to_owned())), Some("not ready log: away".to_owned()));
        assert_eq!(said(Err(io::Error::other("gone"))), Some("gone".to_owned()));
    }

    #[test]
    fn the_oldest_partition_counts() {
        let page = "tradespine_ledger_now_seconds{partition=\"0\"} 17.5\n\
                    tradespine_ledger_now_seconds{partition=\"1\"} 3e0\nother 1\n";
        assert_eq!(oldest_now(page), Some(3.0));
        assert_eq!(oldest_now("other 1\n"), None);
    }

    #[test]
    fn a_ledger_that_has_projected_nothing_yet_has_no_age() {
        let health = Health::of(Vec::new());
        assert_eq!(health.ledger_lag(), None);
        health.heard("tradespine_ledger_now_seconds{partition=\"0\"} 0\n");
        assert_eq!(health.ledger_lag(), None);
        let an_hour_ago = wall_clock() - Duration::from_hours(1);
        let page = |seconds: f64| format!("tradespine_ledger_now_seconds {seconds}\n");
        health.heard(&page(an_hour_ago.as_secs_f64()));
        let is_an_hour = |lag: Option<Duration>| {
            lag.is_some_and(|lag| lag.abs_diff(Duration::from_hours(1)) < Duration::from_mins(1))
        };
        assert!(is_an_hour(health.ledger_lag()), "{:?}", health.ledger_lag());
        // It was started again: its rows are as old as they were.
        health.heard(&page(0.0));
        assert!(is_an_hour(health.ledger_lag()), "{:?}", health.ledger_lag());
    }
}
