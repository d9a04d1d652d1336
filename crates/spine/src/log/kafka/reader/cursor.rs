//! Where a reader is, and what it knows of the end.
//!
//! The end is known in two ways. A client of its own says once that a fetch came back empty at an
//! offset. That knowledge would grow stale in silence when a broker stops answering, so a reader
//! that keeps finding nothing asks for the end again now and then, and takes its word back without
//! an answer. And while records keep coming no fetch ever comes back empty: then the end is asked
//! for now and then as well, and has been reached once the reader is where it was.

use std::time::{Duration, Instant};

use rdkafka::{
    client::Client,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    super::{ANSWER_WAIT_MAX, bounds, check_bounds, client::Listener, failed},
    is_passing,
};
use crate::log::{LogError, Place};

/// After how much waiting for nothing the end is asked for again.
const END_STALE_AFTER: Duration = Duration::from_millis(100);

/// How often the end is asked for while records keep coming: two requests a second of each reader
/// cost nobody anything, and nobody minds to learn a second late that a reader has caught up.
const END_ASKED_EVERY: Duration = Duration::from_secs(1);

/// How long that answer may take: many times what it takes a broker in good health.
const END_WAIT_MAX: Duration = Duration::from_millis(500);

/// How often in a row a reader may be told that there is more, and find nothing.
const IN_VAIN_MAX: u32 = 50;

/// See the [module](self).
pub(super) struct Cursor {
    name: String,
    pub(super) place: Place,
    pub(super) next: u64,
    pub(super) at_end: bool,
    waited_for_nothing: Duration,
    /// An end that was told and is not reached yet.
    told_end: Option<u64>,
    asked_at: Instant,
    /// How often in a row there was more and nothing came.
    in_vain: u32,
}

impl Cursor {
    /// At `from`, of the place that brokers know by this name, whose end was found to be `end`.
    pub(super) fn new(name: String, place: Place, from: u64, end: u64) -> Cursor {
        Cursor {
            name,
            place,
            next: from,
            at_end: from == end,
            waited_for_nothing: Duration::ZERO,
            told_end: (from < end).then_some(end),
            asked_at: Instant::now(),
            in_vain: 0,
        }
    }

    /// The record at `offset` was brought.
    pub(super) fn pass(&mut self, offset: u64) -> Result<(), LogError> {
        // Only compaction may leave gaps.
        if offset != self.next && !self.place.topic.compacted() {
            return Err(LogError::Damaged(format!(
                "offset {offset} of {} {} stands where {} should",
                self.name, self.place.partition, self.next
            )));
        }
        self.next = offset + 1;
        self.at_end = false;
        self.waited_for_nothing = Duration::ZERO;
        self.in_vain = 0;
        Ok(())
    }

    /// Whether to read on after this error, which is librdkafka's way to tell many things.
    pub(super) fn judge(
        &mut self,
        error: &KafkaError,
        client: &Client<Listener>,
    ) -> Result<(), LogError> {
        use RDKafkaErrorCode as Code;
        let KafkaError::MessageConsumption(code) = error else {
            return Err(failed("reading", error));
        };
        self.at_end = false;
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => Err(self.out_of_range(error, client)),
            Code::BadMessage | Code::InvalidMessage => Err(LogError::Damaged(error.to_string())),
            code if is_passing(*code) => {
                tracing::warn!(%error, place = ?self.place, "reading is interrupted");
                Ok(())
            }
            _ => Err(failed("reading", error)),
        }
    }

    fn out_of_range(&self, error: &KafkaError, client: &Client<Listener>) -> LogError {
        let checked = bounds(client, &self.name, self.place, ANSWER_WAIT_MAX)
            .and_then(|bounds| check_bounds(self.place, self.next, bounds));
        // In range by now: the log was cut below what was read, and has grown again.
        checked.err().unwrap_or_else(|| LogError::Damaged(error.to_string()))
    }

    pub(super) fn is_at_end(&mut self) {
        self.at_end = true;
        self.told_end = None;
        self.in_vain = 0;
    }

    /// Keeps the knowledge of the end fresh while nothing comes.
    pub(super) fn doubt_end(&mut self, waited: Duration, client: &Client<Listener>) {
        self.waited_for_nothing += waited;
        if self.waited_for_nothing >= END_STALE_AFTER {
            self.waited_for_nothing = Duration::ZERO;
            self.at_end = false;
            self.ask_end(client);
            self.in_vain += u32::from(self.told_end.is_some_and(|end| end > self.next));
        }
    }

    /// Whether it was told again and again that there is more, and nothing came.
    pub(super) fn looks_in_vain(&self) -> bool {
        self.in_vain >= IN_VAIN_MAX
    }

    /// Learns of the end while records keep coming. To be called when all that was fetched is read.
    pub(super) fn look_for_end(&mut self, client: &Client<Listener>) {
        if self.at_end {
            return;
        }
        if self.told_end.is_none() && self.asked_at.elapsed() >= END_ASKED_EVERY {
            self.ask_end(client);
        }
        if self.told_end.is_some_and(|end| self.next >= end) {
            self.is_at_end();
        }
    }

    fn ask_end(&mut self, client: &Client<Listener>) {
        let bounds = bounds(client, &self.name, self.place, END_WAIT_MAX);
        self.told_end = bounds.ok().map(|(_, end)| end);
        self.asked_at = Instant::now();
    }
}
