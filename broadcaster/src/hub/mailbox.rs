//! A listener's own bounded queue of shared frames.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::InstrumentId;
use tokio::sync::Notify;

use crate::market::{Content, Frame, GapReason};

/// How much may wait for one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimit {
    /// At most so many frames. The default is a second of a busy instrument; a pointer each.
    pub frames: usize,
    /// No further frame once those waiting have so many lines of a book. The default is some
    /// megabytes of text; frames are shared, so a slow listener holds those that others are done
    /// with.
    pub lines: usize,
}

impl Default for QueueLimit {
    fn default() -> QueueLimit {
        QueueLimit { frames: 1024, lines: 65_536 }
    }
}

/// Frames on their way to one listener.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Arc<Frame>>,
    lines: usize,
    /// For each instrument, a gap after the last frame that was taken. Once this is not empty,
    /// nothing is put in any more.
    gaps: Vec<Arc<Frame>>,
}

/// What was taken out of a mailbox.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    /// The next frames.
    Frames,
    /// The mailbox overflowed and lost them all; these say where.
    Gaps(Vec<Arc<Frame>>),
}

impl Mailbox {
    /// Puts a frame in. Returns false where there was no room: everything that waited is dropped,
    /// and nothing can be put in any more.
    pub(super) fn push(&self, frame: &Arc<Frame>, limit: QueueLimit) -> bool {
        let mut waiting = self.lock();
        if !waiting.gaps.is_empty() {
            return false;
        }
        let was_empty = waiting.frames.is_empty();
        let has_room = waiting.frames.len() < limit.frames
            && (was_empty || waiting.lines + frame.weight() <= limit.lines);
        if has_room {
            waiting.lines += frame.weight();
            waiting.frames.push_back(Arc::clone(frame));
        } else {
            waiting.drop_all(frame);
        }
        drop(waiting);
        // A reader that found something takes on until nothing is left, so one call is enough.
        if was_empty {
            self.arrived.notify_one();
        }
        has_room
    }

    /// Waits for frames and moves at most `count_max` of them to the end of `into`. Nothing is lost
    /// where the wait is given up.
    pub(super) async fn take(&self, count_max: usize, into: &mut Vec<Arc<Frame>>) -> Taken {
        loop {
            if let Some(taken) = self.lock().take(count_max, into) {
                return taken;
            }
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every step leaves a whole queue behind, so one after a panic is as good as any.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self, count_max: usize, into: &mut Vec<Arc<Frame>>) -> Option<Taken> {
        if !self.gaps.is_empty() {
            return Some(Taken::Gaps(self.gaps.clone()));
        }
        if self.frames.is_empty() {
            return None;
        }
        for frame in self.frames.drain(..self.frames.len().min(count_max)) {
            self.lines -= frame.weight();
            into.push(frame);
        }
        Some(Taken::Frames)
    }

    /// Drops what waits and `last`, and notes for each instrument where its gap begins.
    fn drop_all(&mut self, last: &Arc<Frame>) {
        let mut begins = BTreeMap::<InstrumentId, Arc<Frame>>::new();
        for frame in mem::take(&mut self.frames).iter().chain([last]) {
            begins.entry(frame.listed().instrument.id).or_insert_with(|| Arc::clone(frame));
        }
        self.lines = 0;
        self.gaps = begins.values().map(gap_before).collect();
    }
}

fn gap_before(first_lost: &Arc<Frame>) -> Arc<Frame> {
    let last_sequence = first_lost.sequence().saturating_sub(1);
    let gap = Content::Gap { last_sequence, reason: GapReason::TooSlow };
    Frame::of(first_lost.listed(), gap)
}
