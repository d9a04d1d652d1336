//! From an order to its acknowledgement, and to its trade on a WebSocket.

use anyhow::Result;

use super::{Bench, Edge, LOW_RATE, OPEN_CONNECTIONS, say};
use crate::{apart::ledger, order::Keys, outcome::Latencies, trades::Trades};

/// The low rate with orders that can be sent again, each of which is claimed before it is written,
/// and with orders that cannot.
pub(super) const WITH_KEYS: &str = "100/s";
pub(super) const WITHOUT_KEYS: &str = "100/s without keys";

/// How many connections carry the low rate: more than are ever busy.
const LOW_CONNECTIONS: u16 = 16;

impl Bench<'_> {
    /// Order to acknowledgement and to trade, at a low rate and at half of the most.
    pub(super) fn push(&mut self) -> Result<()> {
        let half = (self.capacity(Edge::Rest)? / 2.0).max(1.0) as u32;
        // The floor before and after each: a machine is not as fast at all times.
        let mut two_hops = self.two_hops()?;
        for (name, keys) in [(WITH_KEYS, Keys::Own), (WITHOUT_KEYS, Keys::None)] {
            self.push_at(LOW_RATE, LOW_CONNECTIONS, keys, name)?;
            two_hops.add(&self.two_hops()?);
        }
        say("floor: Kafka, two hops", &format!("p50 {:.2} ms", two_hops.millis_at(0.5)));
        self.note_floor("two hops at 100/s", &two_hops);
        self.push_at(half, OPEN_CONNECTIONS, Keys::Own, "half of REST 64's rate")
    }

    /// What an order's trade takes at the least, in half of a load's time.
    fn two_hops(&self) -> Result<Latencies> {
        self.floor().hop(true, LOW_RATE, self.extent.duration().mul_f64(0.5))
    }

    fn push_at(&mut self, rate: u32, connections: u16, keys: Keys, name: &str) -> Result<()> {
        let before = ledger::open(&self.platform.at)?;
        let trades = Trades::listen(&self.platform.at.websocket)?;
        let outcome = self.load_rest(connections, (rate, self.extent.duration()), keys)?;
        let heard = trades.stop()?;
        let traded = heard.latencies(&outcome.acknowledged);
        for (end, latencies) in
            [("its acknowledgement", &outcome.latencies), ("its trade on a WebSocket", &traded)]
        {
            for (quantile_name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
                let what = push_name(name, &format!("{end}, {quantile_name}"));
                self.figures.note(what, "ms", latencies.millis_at(quantile));
            }
        }
        let told = format!(
            "{}; {} trades heard, p50 {:.2}, p99 {:.2} ms, {} gaps",
            outcome.line(),
            traded.count(),
            traded.millis_at(0.5),
            traded.millis_at(0.99),
            heard.gaps
        );
        say(&format!("order to WebSocket at {name}"), &told);
        self.settle("order to WebSocket", before)?;
        Ok(())
    }
}

pub(super) fn push_name(rate: &str, end: &str) -> String {
    format!("order to {end}, at {rate}")
}
