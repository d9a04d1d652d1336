//! The load before the first round, of which no figure is kept.
//!
//! A broker runs on a virtual machine that compiles what it runs often while it runs it. In its
//! first seconds under load that is nearly half of what it takes of the cores, and a figure taken
//! meanwhile is one of a compiler. A broker of a platform that trades is past it for weeks.

use std::time::Duration;

use anyhow::Result;

use super::{ledger, parts::Bench, wrk};

/// How many connections warm a route up, and for how long at a time.
const CONNECTIONS: u16 = 64;
const TURN: Duration = Duration::from_secs(5);

impl Bench<'_> {
    /// Sends orders, and requests to the floor that produces, in turn.
    ///
    /// # Errors
    /// Where a part of the platform does not answer.
    pub(super) fn warm_up(&mut self) -> Result<()> {
        for _ in 0..self.extent.warm_up_turns {
            let before = ledger::open(&self.platform.at)?;
            for address in [&self.platform.at.rest, &self.platform.at.produce] {
                wrk::run(self.orders, address, CONNECTIONS, TURN)?;
            }
            self.settle("warming up", before)?;
        }
        Ok(())
    }
}
