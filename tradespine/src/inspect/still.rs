//! A log held still: every partition ends where it ended when it was held, and nobody writes.
//!
//! Whoever reads a log that grows would never be done, or would find one partition as it was a
//! minute after another.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proto::topic::Topic;
use spine::{
    Log, Place, Stored, Visibility,
    log::{LogError, Producer, ReachedEnd, ReadLimit, Reader, WriterRole},
    trace::LogName,
};

/// How long a record that was there when the log was held may take to come: longer than a broker
/// takes to be replaced by another.
const RECORD_WAIT_MAX: Duration = Duration::from_secs(60);

/// Some places of a log as they were at one moment. Other places are not there.
pub struct StillLog {
    log: Arc<dyn Log>,
    ends: BTreeMap<Place, u64>,
}

impl StillLog {
    /// Asks for the ends of these places, in their order. Of two places where one holds what the
    /// other answers, the answers come first: so nothing is answered that is not there.
    ///
    /// # Errors
    /// [`LogError`] where an end cannot be told.
    pub fn hold(
        log: Arc<dyn Log>,
        places: impl IntoIterator<Item = Place>,
    ) -> Result<StillLog, LogError> {
        let end = |place| Ok((place, log.end(place, Visibility::Synced)?));
        let ends = places.into_iter().map(end).collect::<Result<_, LogError>>()?;
        Ok(StillLog { log, ends })
    }

    fn end_of(&self, place: Place) -> Result<u64, LogError> {
        self.ends.get(&place).copied().ok_or(LogError::NoSuchPlace(place))
    }
}

impl Log for StillLog {
    fn partition_count(&self, topic: Topic) -> Result<u16, LogError> {
        self.log.partition_count(topic)
    }

    fn producer(&self, _: WriterRole) -> Result<Arc<dyn Producer>, LogError> {
        Err(LogError::Failed("nothing is written to a log that is held still".to_owned()))
    }

    fn reader(
        &self,
        place: Place,
        from: u64,
        visibility: Visibility,
    ) -> Result<Box<dyn Reader>, LogError> {
        let end = self.end_of(place)?;
        if from > end {
            return Err(LogError::BeyondEnd { place, asked: from, end });
        }
        let reader = self.log.reader(place, from, visibility)?;
        let (polled, waited) = (Vec::new(), Duration::ZERO);
        Ok(Box::new(StillReader { reader, place, next: from, end, polled, waited }))
    }

    fn end(&self, place: Place, _: Visibility) -> Result<u64, LogError> {
        self.end_of(place)
    }

    fn is_exclusive(&self) -> bool {
        self.log.is_exclusive()
    }

    fn name(&self) -> LogName {
        self.log.name()
    }
}

/// Reads a place up to the end that it had.
struct StillReader {
    reader: Box<dyn Reader>,
    place: Place,
    next: u64,
    end: u64,
    polled: Vec<Stored>,
    /// For how long nothing came.
    waited: Duration,
}

impl Reader for StillReader {
    fn poll(
        &mut self,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Result<ReachedEnd, LogError> {
        if self.next >= self.end {
            return Ok(ReachedEnd::Yes);
        }
        let reached = self.reader.poll(limit, wait, &mut self.polled)?;
        match self.polled.last() {
            Some(last) => {
                self.next = last.offset + 1;
                self.waited = Duration::ZERO;
            }
            // The last records of a compacted topic may have gone since.
            None if reached == ReachedEnd::Yes && self.place.topic.compacted() => {
                self.next = self.end;
            }
            None => self.wait_longer(wait)?,
        }
        let end = self.end;
        into.extend(self.polled.drain(..).filter(|stored| stored.offset < end));
        Ok(if self.next >= end { ReachedEnd::Yes } else { ReachedEnd::No })
    }
}

impl StillReader {
    fn wait_longer(&mut self, waited: Duration) -> Result<(), LogError> {
        self.waited += waited;
        if self.waited < RECORD_WAIT_MAX {
            return Ok(());
        }
        let StillReader { place, next, end, .. } = self;
        Err(LogError::Failed(format!(
            "offset {next} of {} {} did not come within {RECORD_WAIT_MAX:?}, and the partition \
             ended at {end} before; see whether every broker is up, and try again",
            place.topic.name(),
            place.partition
        )))
    }
}

#[cfg(test)]
mod tests {
    use model::Partition;
    use spine::{
        Record,
        log::{append_blocking, memory::MemoryLog},
    };

    use super::*;

    const PLACE: Place = Place::orders(Partition::FIRST);
    const LIMIT: ReadLimit = ReadLimit { records: 2, bytes: 1 << 20 };

    fn append(log: &dyn Log, count: usize) {
        let producer = log.producer(WriterRole::Shard).expect("made");
        for _ in 0..count {
            append_blocking(&*producer, PLACE, Record::of("x")).expect("it is appended");
        }
    }

    fn offsets(reader: &mut dyn Reader) -> Vec<u64> {
        let mut stored = Vec::new();
        while reader.poll(LIMIT, Duration::ZERO, &mut stored).expect("read") == ReachedEnd::No {}
        stored.iter().map(|stored| stored.offset).collect()
    }

    #[test]
    fn what_is_appended_later_is_not_there() {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new(1));
        append(log.as_ref(), 3);
        let still = StillLog::hold(Arc::clone(&log), [PLACE]).expect("held");
        append(log.as_ref(), 4);
        assert_eq!(still.end(PLACE, Visibility::Synced), Ok(3));
        // The end is in the middle of what one poll brings, or between two.
        for (from, there) in [(0, vec![0, 1, 2]), (1, vec![1, 2]), (3, vec![])] {
            let mut reader = still.reader(PLACE, from, Visibility::Synced).expect("a reader");
            assert_eq!(offsets(reader.as_mut()), there, "from {from}");
            assert_eq!(offsets(reader.as_mut()), <[u64; 0]>::default(), "again");
        }
        let beyond = LogError::BeyondEnd { place: PLACE, asked: 4, end: 3 };
        assert_eq!(still.reader(PLACE, 4, Visibility::Synced).err(), Some(beyond));
        let other = Place::events(Partition::FIRST);
        assert_eq!(still.end(other, Visibility::Synced), Err(LogError::NoSuchPlace(other)));
        assert!(still.producer(WriterRole::Shard).is_err(), "nobody writes");
    }

    /// A log that has lost what it had.
    struct Emptied;

    impl Reader for Emptied {
        fn poll(
            &mut self,
            _: ReadLimit,
            _: Duration,
            _: &mut Vec<Stored>,
        ) -> Result<ReachedEnd, LogError> {
            Ok(ReachedEnd::Yes)
        }
    }

    fn emptied(topic: Topic) -> StillReader {
        let place = Place { topic, partition: Partition::FIRST };
        let (reader, polled) = (Box::new(Emptied), Vec::new());
        StillReader { reader, place, next: 1, end: 2, polled, waited: Duration::ZERO }
    }

    #[test]
    fn a_record_that_does_not_come_is_not_waited_for_for_ever() {
        let (wait, mut stored) = (RECORD_WAIT_MAX / 4, Vec::new());
        let mut reader = emptied(Topic::Events);
        for _ in 0..3 {
            assert_eq!(reader.poll(LIMIT, wait, &mut stored), Ok(ReachedEnd::No));
        }
        let error = reader.poll(LIMIT, wait, &mut stored).expect_err("given up").to_string();
        assert!(error.contains("offset 1 of") && error.contains("ended at 2"), "{error}");
        let mut compacted = emptied(Topic::Reference);
        assert_eq!(compacted.poll(LIMIT, wait, &mut stored), Ok(ReachedEnd::Yes));
    }
}
