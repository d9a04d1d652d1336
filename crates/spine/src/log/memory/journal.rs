//! What landed in a memory log, in one order for all topics, and how much of it is durable.

use std::collections::BTreeMap;

use model::{Partition, Span, Timestamp};
use proto::topic::{Partitions, Topic};

use crate::log::{
    Acknowledge, AppendError, Appended, LogError, Place, ReachedEnd, ReadLimit, Record, Stored,
    Visibility,
};

/// How far a counting clock goes with every record.
const STEP: Span = Span::from_nanos(1_000);

/// Where append times come from. They never run backwards, whatever is asked or set.
pub(super) enum Clock {
    /// Each record is one step later than the one before.
    Counting(Timestamp),
    /// Somebody sets it.
    Set(Timestamp),
    /// Somebody else's clock, and the latest that it showed.
    Asking(Box<dyn Fn() -> Timestamp + Send + Sync>, Timestamp),
}

impl Clock {
    pub(super) fn asking(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock::Asking(Box::new(clock), Timestamp::EPOCH)
    }

    pub(super) fn now(&self) -> Timestamp {
        match self {
            Clock::Counting(now) | Clock::Set(now) => *now,
            Clock::Asking(clock, latest) => clock().max(*latest),
        }
    }

    pub(super) fn set(&mut self, now: Timestamp) {
        *self = Clock::Set(now.max(self.now()));
    }

    fn stamp(&mut self) -> Timestamp {
        let shown = self.now();
        match self {
            Clock::Counting(now) => *now = shown.plus(STEP),
            Clock::Set(_) => {}
            Clock::Asking(_, latest) => *latest = shown,
        }
        shown
    }
}

/// An acknowledgement and what it will say.
pub(super) struct Confirmation {
    pub(super) acknowledge: Acknowledge,
    pub(super) result: Result<Appended, AppendError>,
}

impl Confirmation {
    pub(super) fn run(self) {
        (self.acknowledge)(self.result);
    }
}

/// The journal: every place's records, and the order in which the not yet durable ones landed.
pub(super) struct Journal {
    pub(super) clock: Clock,
    places: BTreeMap<Place, Kept>,
    sync_held: bool,
    unsynced: Vec<Place>,
    unconfirmed: Vec<Confirmation>,
}

#[derive(Default)]
struct Kept {
    records: Vec<Stored>,
    synced: usize,
}

impl Kept {
    fn end(&self, visibility: Visibility) -> usize {
        match visibility {
            Visibility::Written => self.records.len(),
            Visibility::Synced => self.synced,
        }
    }
}

impl Journal {
    pub(super) fn new(partitions: u16, clock: Clock) -> Journal {
        let mut places = BTreeMap::new();
        for topic in Topic::ALL {
            let count = match topic.partitions() {
                Partitions::OneAShard => partitions,
                Partitions::One => 1,
            };
            for partition in (0..count).filter_map(Partition::new) {
                places.insert(Place { topic, partition }, Kept::default());
            }
        }
        let (unsynced, unconfirmed) = (Vec::new(), Vec::new());
        Journal { clock, places, sync_held: false, unsynced, unconfirmed }
    }

    /// Appends `record` to `place`, which exists.
    pub(super) fn land(&mut self, place: Place, record: Record) -> Appended {
        let appended_at = self.clock.stamp();
        let kept = self.places.entry(place).or_default();
        let offset = kept.records.len() as u64;
        kept.records.push(Stored { offset, appended_at, record });
        if self.sync_held {
            self.unsynced.push(place);
        } else {
            kept.synced = kept.records.len();
        }
        Appended { offset, appended_at: Some(appended_at) }
    }

    /// Hands `confirmation` back where it is due at once, or keeps it for the next sync.
    pub(super) fn confirm(&mut self, confirmation: Confirmation) -> Option<Confirmation> {
        if !self.sync_held {
            return Some(confirmation);
        }
        self.unconfirmed.push(confirmation);
        None
    }

    pub(super) fn hold_sync(&mut self) {
        self.sync_held = true;
    }

    /// Makes everything durable and returns whom to tell.
    pub(super) fn sync(&mut self) -> Vec<Confirmation> {
        for place in self.unsynced.drain(..) {
            if let Some(kept) = self.places.get_mut(&place) {
                kept.synced += 1;
            }
        }
        std::mem::take(&mut self.unconfirmed)
    }

    /// Forgets what was not durable, and whom to tell of it.
    pub(super) fn cut_unsynced(&mut self) {
        for place in self.unsynced.drain(..) {
            if let Some(kept) = self.places.get_mut(&place) {
                kept.records.truncate(kept.synced);
            }
        }
        self.unconfirmed.clear();
    }

    pub(super) fn end(&self, place: Place, visibility: Visibility) -> Result<u64, LogError> {
        self.kept(place).map(|kept| kept.end(visibility) as u64)
    }

    pub(super) fn read(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
        limit: ReadLimit,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        let kept = self.kept(place)?;
        let visible = &kept.records[..kept.end(visibility)];
        let left = usize::try_from(from)
            .ok()
            .and_then(|from| visible.get(from..))
            .ok_or(LogError::BeyondEnd { place, asked: from, end: visible.len() as u64 })?;
        let (mut records, mut bytes) = (0, 0);
        for stored in left {
            if records >= limit.records || bytes >= limit.bytes {
                return Ok(ReachedEnd::No);
            }
            records += 1;
            bytes += stored.record.value.len();
            into.push(stored.clone());
        }
        Ok(ReachedEnd::Yes)
    }

    fn kept(&self, place: Place) -> Result<&Kept, LogError> {
        self.places.get(&place).ok_or(LogError::NoSuchPlace(place))
    }
}
