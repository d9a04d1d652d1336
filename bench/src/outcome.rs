//! What became of a load: how many were answered and how soon.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// The longest latency that is told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(60);

/// Latencies in microseconds, exact to three digits.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Latencies {
        let most = LATENCY_MAX.as_micros() as u64;
        // These bounds and three digits are among those that it takes.
        Latencies(Histogram::new_with_bounds(1, most, 3).expect("bounds are in order"))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record((latency.as_micros() as u64).max(1));
    }

    pub(crate) fn add(&mut self, other: &Latencies) {
        // Both have the same bounds.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The milliseconds within which this share of all came.
    pub(crate) fn millis_at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }

    pub(crate) fn millis_max(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }
}

/// An order that was acknowledged, and when it was to be sent.
pub(crate) type Acknowledged = (u64, Instant);

/// What became of a load.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// From the moment at which a request was to be sent to its acknowledgement.
    pub(crate) latencies: Latencies,
    /// Requests that were answered with anything but an acknowledgement, or not at all.
    pub(crate) refused: u64,
    /// What the first of those was.
    pub(crate) first_refusal: Option<String>,
    /// From the first moment of the schedule to the last answer.
    pub(crate) lasted: Duration,
    pub(crate) acknowledged: Vec<Acknowledged>,
}

impl Outcome {
    pub(crate) fn new() -> Outcome {
        Outcome {
            latencies: Latencies::new(),
            refused: 0,
            first_refusal: None,
            lasted: Duration::ZERO,
            acknowledged: Vec::new(),
        }
    }

    pub(crate) fn refuse(&mut self, why: impl Into<String>) {
        self.refused += 1;
        self.first_refusal.get_or_insert_with(|| why.into());
    }

    pub(crate) fn add(&mut self, other: Outcome) {
        self.latencies.add(&other.latencies);
        self.refused += other.refused;
        self.first_refusal = self.first_refusal.take().or(other.first_refusal);
        self.lasted = self.lasted.max(other.lasted);
        self.acknowledged.extend(other.acknowledged);
    }

    /// Acknowledgements a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.count() as f64 / self.lasted.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The share of all that was refused, in percent.
    pub(crate) fn refused_percent(&self) -> f64 {
        let all = self.latencies.count() + self.refused;
        100.0 * self.refused as f64 / all.max(1) as f64
    }

    /// It in one line, for people.
    pub(crate) fn line(&self) -> String {
        let at = |quantile| self.latencies.millis_at(quantile);
        let refusal = self.first_refusal.as_ref();
        let refusal = refusal.map_or_else(String::new, |why| format!(", the first: {why}"));
        format!(
            "{:.0}/s acknowledged; p50 {:.2}, p99 {:.2}, p99.9 {:.2}, most {:.2} ms; {} refused{refusal}",
            self.rate(),
            at(0.5),
            at(0.99),
            at(0.999),
            self.latencies.millis_max(),
            self.refused,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_add_up() {
        let mut all = Outcome::new();
        for lasted in [2, 1] {
            let mut one = Outcome::new();
            one.latencies.record(Duration::from_millis(3));
            one.refuse("503");
            one.lasted = Duration::from_secs(lasted);
            all.add(one);
        }
        assert_eq!(all.latencies.count(), 2);
        assert!((all.rate() - 1.0).abs() < 1e-9, "two within two seconds");
        assert!((all.refused_percent() - 50.0).abs() < 1e-9);
        let line = all.line();
        assert!(line.contains("1/s") && line.contains("2 refused, the first: 503"), "{line}");
    }
}
