//! Which records are handed to librdkafka now, and which wait for those before them.
//!
//! A record that comes to a quiet place is handed over at once. What comes to the place while
//! others are on their way waits, and is handed over together when the last of them is told of: the
//! next wave. So a batch grows with the load, a record that is alone waits for nobody, and
//! librdkafka never holds a record that it may not send yet. That matters, since a client that
//! waits for no company (`linger.ms` 0) looks for a way to send such a record without a rest, tens
//! of thousands of times a second (docs/adr/0019).
//!
//! What will never live here: what a record is, and who is told of it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::log::Place;

/// The waves of all places of a producer. It is bounded by whoever hands records in.
#[derive(Debug)]
pub(super) struct Waves<T> {
    places: Mutex<BTreeMap<Place, Waiting<T>>>,
}

/// What waits at one place.
#[derive(Debug)]
struct Waiting<T> {
    /// How many records of the last wave were not told of yet.
    on_their_way: usize,
    next: Vec<T>,
}

impl<T> Waves<T> {
    pub(super) fn new() -> Waves<T> {
        Waves { places: Mutex::new(BTreeMap::new()) }
    }

    /// Records that come together. Those that come back are to be handed over by the caller, in
    /// this order, and each is to be told of with [`Waves::told`].
    pub(super) fn enter(&self, place: Place, records: Vec<T>) -> Vec<T> {
        let mut places = self.places();
        let waiting = places.entry(place).or_default();
        if waiting.on_their_way == 0 {
            waiting.on_their_way = records.len();
            return records;
        }
        waiting.next.extend(records);
        Vec::new()
    }

    /// It is known what became of a record that was handed over. Where it was the last of its wave,
    /// the next wave comes back, to be handed over as in [`Waves::enter`].
    pub(super) fn told(&self, place: Place) -> Vec<T> {
        let mut places = self.places();
        let waiting = places.entry(place).or_default();
        waiting.on_their_way = waiting.on_their_way.saturating_sub(1);
        if waiting.on_their_way > 0 {
            return Vec::new();
        }
        let next = std::mem::take(&mut waiting.next);
        waiting.on_their_way = next.len();
        next
    }

    /// Everything that waits, of all places: nobody will hand it over any more.
    pub(super) fn give_up(&self) -> Vec<T> {
        self.places().values_mut().flat_map(|waiting| std::mem::take(&mut waiting.next)).collect()
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<Place, Waiting<T>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Waiting<T> {
    fn default() -> Waiting<T> {
        Waiting { on_their_way: 0, next: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use model::Partition;

    use super::*;

    const HERE: Place = Place::orders(Partition::FIRST);
    const THERE: Place = Place::events(Partition::FIRST);

    #[test]
    fn a_record_that_is_alone_goes_at_once() {
        let waves = Waves::new();
        for number in 0..3 {
            assert_eq!(waves.enter(HERE, vec![number]), [number]);
            assert!(waves.told(HERE).is_empty());
        }
    }

    #[test]
    fn what_comes_meanwhile_goes_together_when_the_last_is_told_of() {
        let waves = Waves::new();
        assert_eq!(waves.enter(HERE, vec![1, 2]), [1, 2]);
        assert!(waves.enter(HERE, vec![3]).is_empty());
        assert!(waves.told(HERE).is_empty(), "one of the wave is still on its way");
        assert!(waves.enter(HERE, vec![4, 5]).is_empty());
        assert_eq!(waves.told(HERE), [3, 4, 5]);
        assert!(waves.enter(HERE, vec![6]).is_empty());
        assert!(waves.told(HERE).is_empty());
        assert!(waves.told(HERE).is_empty());
        assert_eq!(waves.told(HERE), [6]);
    }

    #[test]
    fn places_do_not_wait_for_each_other() {
        let waves = Waves::new();
        assert_eq!(waves.enter(HERE, vec![1]), [1]);
        assert_eq!(waves.enter(THERE, vec![2]), [2]);
        assert!(waves.enter(HERE, vec![3]).is_empty());
        assert!(waves.told(THERE).is_empty());
        assert_eq!(waves.told(HERE), [3]);
    }

    #[test]
    fn what_is_given_up_is_not_handed_over_later() {
        let waves = Waves::new();
        waves.enter(HERE, vec![1]);
        waves.enter(HERE, vec![2]);
        assert_eq!(waves.give_up(), [2]);
        assert!(waves.told(HERE).is_empty());
    }

    /// Each of several writers hands over what comes back to it, and tells of it on another thread,
    /// as librdkafka does.
    #[test]
    fn each_record_goes_once_and_in_the_order_of_its_writer() {
        const WRITERS: usize = 3;
        const RECORDS: usize = 2_000;
        let waves = &Waves::new();
        let (hand, handed) = mpsc::channel::<(usize, usize)>();
        let mut last = [None; WRITERS];
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let hand = hand.clone();
                scope.spawn(move || {
                    for number in 0..RECORDS {
                        let now = waves.enter(HERE, vec![(writer, number)]);
                        now.into_iter().for_each(|record| hand.send(record).expect("it listens"));
                    }
                });
            }
            for _ in 0..WRITERS * RECORDS {
                let (writer, number) = handed.recv().expect("somebody writes");
                assert_eq!(number, last[writer].map_or(0, |last: usize| last + 1));
                last[writer] = Some(number);
                for record in waves.told(HERE) {
                    hand.send(record).expect("it listens");
                }
            }
        });
        assert_eq!(last, [Some(RECORDS - 1); WRITERS]);
        assert!(handed.try_recv().is_err(), "a record went twice");
    }
}
