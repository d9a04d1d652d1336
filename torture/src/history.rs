//! The client's own history: a file of lines, written while it happens, read by the checkers.
//!
//! | line | fields after the moment in milliseconds |
//! |---|---|
//! | `sent` | key, account, instrument, side, type, time in force, price, quantity |
//! | `try` | key, number of the attempt, gateway, whether its result is waited for |
//! | `told` | key, id, status, reason, fills as `trade@price*quantity` |
//! | `unknown` | key, why |
//! | `wrong` | what should never be answered |
//! | `cancelled` | account, id, status that was told |
//! | `moving` | id, account, `deposit`, `withdrawal` or `transfer`, asset, amount, receiver |
//! | `unmoved` | id, why it is not known whether it was done |
//! | `moved` | id, `done` or why not |
//! | `book` | instrument, sequence, bids and asks as `price*quantity` |
//! | `broken` | instrument, what did not follow |
//! | `bank` | when the run began, in milliseconds since 1970 |
//! | `total` | when it was asked for; `partition:answer:log's time`; `asset=figures` as told |
//! | `kill` | victim, process, orders/s in the second before |
//!
//! Fields are parted by tabs, what is in a field by commas; nothing is there as `-`.

mod story;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::mpsc,
    thread,
    time::Instant,
};

pub(crate) use self::story::{Answer, Cancelled, Fill, Movement, Placed, Seen, Story, Total};

/// How many lines may wait to be written: a second's worth and more.
const WAITING_LINES_MAX: usize = 65_536;

/// The name of the file.
pub(crate) const FILE: &str = "history.tsv";

/// A hand that writes; each task has its own.
#[derive(Clone)]
pub(crate) struct Pen {
    lines: mpsc::SyncSender<String>,
    started: Instant,
}

/// The thread that writes. Waiting for it says whether everything was written.
pub(crate) struct Writer(thread::JoinHandle<io::Result<()>>);

/// Begins a history in `directory`.
pub(crate) fn begin(directory: &Path, started: Instant) -> io::Result<(Pen, Writer)> {
    let mut file = BufWriter::new(File::create_new(directory.join(FILE))?);
    let (lines, waiting) = mpsc::sync_channel::<String>(WAITING_LINES_MAX);
    let writer = thread::spawn(move || {
        for line in waiting {
            file.write_all(line.as_bytes())?;
            file.write_all(b"\n")?;
        }
        file.flush()
    });
    Ok((Pen { lines, started }, Writer(writer)))
}

impl Writer {
    /// Waits until the last pen is gone and every line is written.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.0.join().map_err(|_| io::Error::other("the history's thread failed"))?
    }
}

impl Pen {
    /// How long the run has taken, in milliseconds, as in every line.
    pub(crate) fn elapsed_ms(&self) -> u128 {
        self.started.elapsed().as_millis()
    }

    /// Writes one line. A full disk shows when the writer is waited for.
    pub(crate) fn write(&self, kind: &str, fields: &[&str]) {
        let mut line = format!("{kind}\t{}", self.elapsed_ms());
        for field in fields {
            line.push('\t');
            line.push_str(if field.is_empty() { "-" } else { field });
        }
        let _ = self.lines.send(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let (pen, writer) = begin(directory.path(), Instant::now()).expect("a file");
        let terms = ["k1", "ann", "BTC-USD", "buy", "limit", "gtc", "100.01", "0.5"];
        pen.write("sent", &terms);
        pen.write("try", &["k1", "1", "0", "true"]);
        pen.write("unknown", &["k1", "no answer"]);
        pen.write("told", &["k1", "7", "filled", "", "BTC-USD-1@100*0.2,BTC-USD-2@99*0.3"]);
        pen.write("cancelled", &["ann", "7", "cancelled"]);
        pen.write("moving", &["m1", "ann", "deposit", "USD", "7", ""]);
        pen.write("unmoved", &["m1", "202"]);
        pen.write("moving", &["m2", "ann", "transfer", "USD", "5", "bob"]);
        pen.write("bank", &["1000"]);
        pen.write("total", &["3", "0:7:1500,2:9:1600", "USD=7/0/0/0/7/0/0/0/0/1"]);
        pen.write("moved", &["m1", "done"]);
        pen.write("book", &["BTC-USD", "9", "99*1", ""]);
        pen.write("broken", &["BTC-USD", "11 after 9"]);
        drop(pen);
        writer.finish().expect("written");

        let story = Story::read(&directory.path().join(FILE)).expect("it can be read");
        let placed = &story.placed["k1"];
        assert_eq!((placed.account.as_str(), placed.price.as_str()), ("ann", "100.01"));
        let told = &placed.answers[0];
        assert_eq!((told.id, told.status.as_str(), told.reason.as_str()), (7, "filled", ""));
        assert_eq!(told.fills[1].trade, "BTC-USD-2");
        assert_eq!((placed.attempts, placed.unknowns), (1, 1));
        assert_eq!(story.cancelled[0].id, 7);
        let moved = &story.moved["m1"];
        assert_eq!((moved.account.as_str(), moved.amount.as_str()), ("ann", "7"));
        assert!(moved.kind == "deposit" && moved.unknowns == 1 && moved.outcome == "done");
        assert_eq!(story.moved["m2"].receiver, "bob");
        let total = &story.totals[0];
        assert_eq!(story.bank_began_ms, Some(1_000));
        assert_eq!(total.as_of[&2], (9, 1_600));
        assert_eq!(total.assets, [("USD".to_owned(), "7/0/0/0/7/0/0/0/0/1".to_owned())]);
        let seen = &story.seen["BTC-USD"][&9][0];
        assert_eq!(seen.bids, [("99".to_owned(), "1".to_owned())]);
        assert!(seen.asks.is_empty());
        assert_eq!(story.broken, ["BTC-USD: 11 after 9"]);
    }
}
