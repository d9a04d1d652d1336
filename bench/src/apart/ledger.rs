//! How far the ledger is: by its own metrics while there is load, and by its rows afterwards.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use proto::trading::OrderStatus;

use super::{page, platform::Edges};

/// How often a ledger that drains is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often its rows are counted, which is work for the database.
const COUNT_EVERY: Duration = Duration::from_millis(250);

/// How long it may take to have everything, before the figures go on without it.
const DRAIN_WAIT_MAX: Duration = Duration::from_secs(120);

/// How often its age is taken under load.
const AGE_EVERY: Duration = Duration::from_millis(200);

/// How many commands the log has acknowledged, and how many orders the ledger has, at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Books {
    appended: u64,
    answers: u64,
    rows: u64,
}

/// What the ledger has after a load.
#[derive(Debug)]
pub(super) struct Drained {
    /// Until it had everything.
    pub(super) waited: Duration,
    /// Orders that the log acknowledged during the load.
    pub(super) appended: u64,
    /// Orders that it got rows for since.
    pub(super) rows: u64,
}

impl Drained {
    /// Whether each order that was acknowledged has its row, and no order more.
    pub(super) fn is_equal(&self) -> bool {
        self.appended == self.rows
    }
}

/// Every order of the run, by what became of it.
#[derive(Debug, Default)]
pub(super) struct Shares {
    pub(super) orders: u64,
    pub(super) traded_percent: f64,
    pub(super) rejected_percent: f64,
}

/// The books before a load.
///
/// # Errors
/// Where gateway, ledger or database does not answer.
pub(super) fn open(at: &Edges) -> Result<Books> {
    let (appended, answers) = (appended(at)?, answers(at)?);
    Ok(Books { appended, answers, rows: rows(at)? })
}

/// Waits until the ledger has what the log acknowledged since `before`. Where that takes too long
/// it is told how far it came.
///
/// # Errors
/// Where gateway, ledger or database does not answer.
pub(super) fn drain(at: &Edges, before: Books) -> Result<Drained> {
    let began = Instant::now();
    loop {
        let acknowledged = appended(at)? - before.appended;
        let waited = began.elapsed();
        if answers(at)? - before.answers >= acknowledged {
            // The metric moves once the rows are committed.
            let drained = Drained { waited, appended: acknowledged, rows: rows(at)? - before.rows };
            if drained.is_equal() || waited > DRAIN_WAIT_MAX {
                return Ok(drained);
            }
            thread::sleep(COUNT_EVERY);
        } else if waited > DRAIN_WAIT_MAX {
            return Ok(Drained { waited, appended: acknowledged, rows: rows(at)? - before.rows });
        } else {
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// What became of all orders so far.
///
/// # Errors
/// Where the database does not answer.
pub(super) fn shares(at: &Edges) -> Result<Shares> {
    let rejected = OrderStatus::Rejected as i32;
    let told = ask(
        at,
        &format!(
            "select count(*), count(*) filter (where remaining_lots < quantity_lots), \
             count(*) filter (where status = {rejected}) from orders"
        ),
    )?;
    let counts: Vec<u64> = told.split('|').filter_map(|count| count.parse().ok()).collect();
    let [orders, traded, rejected] = counts[..] else {
        anyhow::bail!("psql says something else: {told}")
    };
    let percent = |count: u64| 100.0 * count as f64 / orders.max(1) as f64;
    Ok(Shares { orders, traded_percent: percent(traded), rejected_percent: percent(rejected) })
}

fn appended(at: &Edges) -> Result<u64> {
    sum(&at.rest, "tradespine_gateway_commands_appended_total")
}

fn answers(at: &Edges) -> Result<u64> {
    sum(&at.ledger_pages, "tradespine_ledger_answers_total")
}

fn sum(address: &str, metric: &str) -> Result<u64> {
    let page =
        page::get(address, "/metrics").with_context(|| format!("nobody answers at {address}"))?;
    // Counts are whole, and far below what a float holds exactly.
    Ok(page.values(metric).sum::<f64>() as u64)
}

fn rows(at: &Edges) -> Result<u64> {
    Ok(ask(at, "select count(*) from orders")?.parse()?)
}

fn ask(at: &Edges, question: &str) -> Result<String> {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-A", "-t", "-d", &at.database_url, "-c", question]);
    let output = psql.output().context("cannot run psql")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "psql failed: {words}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Takes the age of the oldest input that the ledger has not written, again and again.
pub(super) struct Ages {
    stop: Arc<AtomicBool>,
    taking: JoinHandle<Result<f64>>,
}

impl Ages {
    pub(super) fn watch(at: &Edges) -> Ages {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, ledger) = (Arc::clone(&stop), at.ledger_pages.clone());
        let taking = thread::spawn(move || {
            let mut most: f64 = 0.0;
            while !stopped.load(Relaxed) {
                let page = page::get(&ledger, "/metrics")?;
                let ages = page.values("tradespine_ledger_oldest_unwritten_seconds");
                most = ages.fold(most, f64::max);
                thread::sleep(AGE_EVERY);
            }
            Ok(most)
        });
        Ages { stop, taking }
    }

    /// The most of all ages, in seconds.
    ///
    /// # Errors
    /// Where the ledger did not answer.
    pub(super) fn most(self) -> Result<f64> {
        self.stop.store(true, Relaxed);
        self.taking.join().map_err(|_| anyhow!("the thread that takes ages panicked"))?
    }
}
