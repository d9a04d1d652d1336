//! The one thread that writes: everything queued becomes one batch, one write and one sync.
//!
//! Between write and sync the batch is visible to those who may read what is written: a shard has
//! its answers in the line when the sync returns, and they go with the next. While the store syncs
//! it takes no write, so there is nothing to gain from a second thread that would write meanwhile.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use model::Timestamp;
use proto::topic::Stamped;

use super::{
    Locked, Shared, Shown,
    ahead::Ahead,
    check::Ends,
    queue::{Awaited, Taken, Waiting, is_late},
    recent::Recent,
    record,
    settings::Clock,
    watermark::Watermark,
};
use crate::log::{AppendError, Appended, Place, Stored};

/// How long the watermark on the disk may lag behind the one in the system's cache: what it may
/// fail to notice after a power loss, against a sync of its own each time.
const WATERMARK_LAG_MAX: Duration = Duration::from_millis(100);

/// The writer's own view of a partition.
struct Lane {
    place: Place,
    recent: Arc<Recent>,
    /// The next offset.
    end: u64,
    /// Records of the batch that is being written.
    fresh: Vec<Stored>,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    locked: Arc<Locked>,
    watermark: Watermark,
    ahead: Ahead,
    watermark_synced_at: Instant,
    clock: Clock,
    lanes: Vec<Lane>,
    /// Lanes with records in this batch.
    touched: Vec<usize>,
    sequence: u64,
    appended_at: Timestamp,
}

impl Writer {
    /// Of a journal that ends there.
    pub(super) fn new(
        shared: Arc<Shared>,
        locked: Arc<Locked>,
        watermark: Watermark,
        ahead: Ahead,
        clock: Clock,
        ends: &Ends,
    ) -> Writer {
        let lane = |(place, shown): (&Place, &Shown)| Lane {
            place: *place,
            recent: Arc::clone(&shown.recent),
            end: ends.offsets.get(place).copied().unwrap_or(0),
            fresh: Vec::new(),
        };
        let lanes = shared.places.iter().map(lane).collect();
        Writer {
            shared,
            locked,
            watermark,
            ahead,
            watermark_synced_at: Instant::now(),
            clock,
            lanes,
            touched: Vec::new(),
            sequence: ends.sequence,
            appended_at: ends.appended_at,
        }
    }

    /// Writes until the queue is closed and empty, or something fails.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _told = TellOfPanic(&shared);
        let mut batch = Vec::new();
        loop {
            let written = match shared.queue.take(&mut batch, self.watermark_wait()) {
                Taken::Batch => self.commit(&mut batch),
                Taken::Nothing => Ok(()),
                Taken::Closed => break,
            };
            if let Err(reason) = written.and_then(|()| self.keep_watermark(WATERMARK_LAG_MAX)) {
                return shared.fail(&reason);
            }
        }
        if let Err(reason) = self.keep_watermark(Duration::ZERO) {
            shared.fail(&reason);
        }
    }

    /// Writes and syncs a batch, and tells whoever waits.
    fn commit(&mut self, waiting: &mut Vec<Waiting>) -> Result<(), String> {
        self.write(waiting).map_err(|error| format!("a write to the journal failed: {error}"))?;
        for lane in &self.touched {
            let lane = &mut self.lanes[*lane];
            lane.recent.show_written(&mut lane.fresh);
        }
        let began_at = Instant::now();
        self.locked
            .store
            .sync()
            .map_err(|error| format!("a sync of the journal failed: {error}"))?;
        metrics::histogram!("tradespine_journal_sync_seconds").record(began_at.elapsed());
        // Before anybody is told, so that nothing that was acknowledged is lost in silence.
        self.watermark.note(self.sequence).map_err(|error| watermark_failed(&error))?;
        for lane in self.touched.drain(..) {
            self.lanes[lane].recent.show_synced();
        }
        for awaited in self.shared.in_flight.take() {
            if let Some(acknowledge) = awaited.acknowledge {
                acknowledge(Ok(awaited.appended));
            }
        }
        // While everybody acts on it, and the journal is not written.
        self.ahead.advance();
        Ok(())
    }

    fn write(&mut self, waiting: &mut Vec<Waiting>) -> Result<(), fjall::Error> {
        let now = Instant::now();
        // One time for the batch; a clock that was set back does not set the log back.
        self.appended_at = self.appended_at.max((self.clock)());
        let mut batch = self.locked.store.batch(waiting.len());
        let mut awaited = Vec::with_capacity(waiting.len());
        for mut waiting in waiting.drain(..) {
            let Some(acknowledge) = waiting.acknowledge.take() else { continue };
            if is_late(waiting.give_up_at, now) {
                acknowledge(Err(AppendError::Full));
                continue;
            }
            let appended = self.place(&waiting, &mut batch);
            let give_up_at = waiting.give_up_at;
            awaited.push(Awaited { give_up_at, acknowledge: Some(acknowledge), appended });
        }
        metrics::histogram!("tradespine_journal_batch_records").record(count(&awaited));
        self.shared.in_flight.set(awaited);
        self.locked.store.write(batch)
    }

    /// Gives a record its place and its time.
    fn place(&mut self, waiting: &Waiting, batch: &mut super::store::Batch) -> Appended {
        let appended_at = self.appended_at;
        let lane = &mut self.lanes[waiting.lane];
        let (place, offset) = (lane.place, lane.end);
        let stored = record::encode(place, offset, self.sequence, appended_at, &waiting.record);
        batch.push(place, offset, &stored);
        if lane.fresh.is_empty() {
            self.touched.push(waiting.lane);
        }
        lane.fresh.push(record::shown(offset, &stored).expect("it was just encoded"));
        lane.end += 1;
        self.sequence += 1;
        let stamped = place.topic.stamped() == Stamped::ByTheLog;
        Appended { offset, appended_at: stamped.then_some(appended_at) }
    }

    /// How long the next batch may keep the watermark's sync waiting.
    fn watermark_wait(&self) -> Option<Duration> {
        let waits = self.watermark.is_ahead_of_disk();
        waits.then(|| WATERMARK_LAG_MAX.saturating_sub(self.watermark_synced_at.elapsed()))
    }

    /// Syncs the watermark where that lags.
    fn keep_watermark(&mut self, lag_max: Duration) -> Result<(), String> {
        if !self.watermark.is_ahead_of_disk() || self.watermark_synced_at.elapsed() < lag_max {
            return Ok(());
        }
        self.watermark_synced_at = Instant::now();
        self.watermark.sync().map_err(|error| watermark_failed(&error))
    }
}

fn watermark_failed(error: &io::Error) -> String {
    format!("a write of the journal's watermark failed: {error}")
}

/// Ends the process like any other failure where the writer panics: nobody else would notice.
struct TellOfPanic<'a>(&'a Shared);

impl Drop for TellOfPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("the journal's writer panicked");
        }
    }
}

fn count(awaited: &[Awaited]) -> f64 {
    u32::try_from(awaited.len()).map_or(f64::MAX, f64::from)
}
