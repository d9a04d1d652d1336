//! What a replay did, for people.

use std::{fmt::Write, time::Duration};

use super::recorded::Top;
use crate::desk::Desk;

/// Counts of a replay.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Orders and cancels that got a result.
    pub requests: u64,
    /// Recorded trades that were sent.
    pub takers: u64,
    /// Trades that they made.
    pub trades: u64,
    /// Orders that were refused.
    pub refused: u64,
    /// Why the first of them was.
    pub first_refusal: Option<String>,
    /// Recorded quantities that were finer than the lot, and were floored to it.
    pub floored: u64,
    /// Depth frames after which the books were compared.
    pub frames_compared: u64,
    /// Those after which they were equal.
    pub frames_equal: u64,
    /// The first difference.
    pub first_difference: Option<Difference>,
    /// Microseconds from a request to its result: median, 99th percentile, maximum.
    pub latency_micros: [u64; 3],
}

/// Where two books differ.
#[derive(Clone, Debug)]
pub struct Difference {
    /// After which compared frame.
    pub frame: u64,
    /// The best levels of the recording.
    pub recorded: Top,
    /// The best levels received.
    pub received: Top,
}

impl Report {
    /// Takes the latencies of a desk that has finished.
    pub fn take_latencies(&mut self, desk: &Desk) {
        self.latency_micros = [0.5, 0.99, 1.0].map(|quantile| desk.latency_micros_at(quantile));
        self.requests = desk.sent();
    }

    /// One line, while it goes on.
    pub fn line(&self, elapsed: Duration) -> String {
        format!(
            "({} equal), {} trades, {:.0} requests/s",
            self.frames_equal,
            self.trades,
            per_second(self.requests, elapsed)
        )
    }

    /// The whole, at the end.
    pub fn summary(&self, elapsed: Duration) -> String {
        let mut text = String::new();
        let [median, p99, most] = self.latency_micros;
        let share = 100.0 * ratio(self.frames_equal, self.frames_compared);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "requests        {}", self.requests);
        let _ =
            writeln!(text, "rate            {:.0} requests/s", per_second(self.requests, elapsed));
        let _ = writeln!(text, "recorded trades {} sent, {} trades made", self.takers, self.trades);
        let _ = writeln!(text, "refused         {}", self.refused);
        if self.floored > 0 {
            let _ = writeln!(text, "off lot         {} recorded quantities floored", self.floored);
        }
        let _ = writeln!(text, "latency         p50 {median} us, p99 {p99} us, max {most} us");
        let _ = write!(
            text,
            "agreement       {} of {} compared frames equal ({share:.2} %)",
            self.frames_equal, self.frames_compared
        );
        if let Some(refusal) = &self.first_refusal {
            let _ = write!(text, "\nfirst refusal   {refusal}");
        }
        if let Some(difference) = &self.first_difference {
            let _ = write!(
                text,
                "\nfirst difference after frame {}:\n  recorded {:?}\n  received {:?}",
                difference.frame, difference.recorded, difference.received
            );
        }
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(f64::EPSILON)
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
