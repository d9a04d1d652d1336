//! Readers at one window: each sees every record once, in order, or is told that it cannot.

use std::thread;

use model::Timestamp;

use super::*;
use crate::log::Record;

const PLENTY: ReadLimit = ReadLimit { records: 1_000_000, bytes: usize::MAX };
const LONG: Duration = Duration::from_secs(30);

fn stored(offset: u64, bytes: usize) -> Stored {
    Stored { offset, appended_at: Timestamp::EPOCH, record: Record::of(vec![7; bytes]) }
}

/// What a seat takes now, and how the look ended.
fn take(window: &Window, seat: u64, from: u64, limit: ReadLimit) -> (Vec<u64>, Look) {
    let mut into = Vec::new();
    let look = window.take(seat, from, limit, Duration::ZERO, &mut into);
    (into.iter().map(|stored| stored.offset).collect(), look)
}

const DONE: Look = Look::Done { interruptions: 0 };

#[test]
fn each_takes_what_comes_from_where_it_is() {
    let window = Window::new(5, false);
    let early = window.sit(5).expect("it is there");
    (5..8).for_each(|offset| window.push(stored(offset, 10)));
    let late = window.sit(7).expect("it is there");
    let ahead = window.sit(9).expect("it will be");
    assert_eq!(take(&window, early, 5, PLENTY), (vec![5, 6, 7], DONE));
    assert_eq!(take(&window, late, 7, PLENTY), (vec![7], DONE));
    assert_eq!(take(&window, ahead, 9, PLENTY), (vec![], DONE));
    (8..10).for_each(|offset| window.push(stored(offset, 10)));
    assert_eq!(take(&window, ahead, 9, PLENTY), (vec![9], DONE));
    assert_eq!(take(&window, early, 8, PLENTY), (vec![8, 9], DONE));
    assert_eq!(window.sit(4), None, "that was never here");
}

#[test]
fn a_look_is_limited_by_records_and_bytes() {
    let window = Window::new(0, false);
    let seat = window.sit(0).expect("it is there");
    (0..9).for_each(|offset| window.push(stored(offset, 100)));
    let three = ReadLimit { records: 3, bytes: usize::MAX };
    assert_eq!(take(&window, seat, 0, three), (vec![0, 1, 2], DONE));
    let two_and_a_half = ReadLimit { records: 9, bytes: 250 };
    assert_eq!(take(&window, seat, 3, two_and_a_half), (vec![3, 4, 5], DONE));
    let none_but_one = ReadLimit { records: 9, bytes: 1 };
    assert_eq!(take(&window, seat, 6, none_but_one), (vec![6], DONE));
}

#[test]
fn a_slow_reader_is_told_that_it_is_lost_and_holds_up_nobody() {
    const RECORDS: u64 = 40;
    let window = Window::new(0, false);
    let (slow, quick) = (window.sit(0).expect("there"), window.sit(0).expect("there"));
    for offset in 0..RECORDS {
        window.push(stored(offset, KEPT_BYTES_MAX / 10));
        assert_eq!(take(&window, quick, offset, PLENTY), (vec![offset], DONE));
        assert!(window.state().bytes <= KEPT_BYTES_MAX, "it is bounded");
    }
    assert_eq!(take(&window, slow, 0, PLENTY), (vec![], Look::Lost));
    assert!(!window.leave(slow));
    // What only the slow one needed is gone with it.
    assert!(window.state().bytes <= KEPT_BYTES_MAX / 5);
    assert!(window.leave(quick));
}

#[test]
fn the_largest_record_is_there_however_large() {
    let window = Window::new(0, false);
    let seat = window.sit(0).expect("it is there");
    window.push(stored(0, 2 * KEPT_BYTES_MAX));
    assert_eq!(take(&window, seat, 0, PLENTY), (vec![0], DONE));
    window.push(stored(1, 2 * KEPT_BYTES_MAX));
    assert_eq!(take(&window, seat, 1, PLENTY), (vec![1], DONE));
    assert_eq!(window.sit(0), None, "the first has made room for it");
}

#[test]
fn a_little_of_what_all_have_taken_stays_for_who_comes() {
    let window = Window::new(0, false);
    let seat = window.sit(0).expect("it is there");
    for offset in 0..1_000 {
        window.push(stored(offset, 1_000));
        assert_eq!(take(&window, seat, offset, PLENTY), (vec![offset], DONE));
    }
    assert!(window.state().bytes <= TAKEN_BYTES_KEPT);
    let other = window.sit(950).expect("it stays");
    assert_eq!(take(&window, other, 950, PLENTY).0.len(), 50);
    assert_eq!(window.sit(0), None);
}

#[test]
fn what_comes_again_is_dropped_and_a_gap_closes_it() {
    let window = Window::new(3, false);
    let seat = window.sit(3).expect("it is there");
    [1, 3, 2, 3, 4].into_iter().for_each(|offset| window.push(stored(offset, 1)));
    assert_eq!(take(&window, seat, 3, PLENTY), (vec![3, 4], DONE));
    window.push(stored(6, 1));
    assert_eq!(take(&window, seat, 5, PLENTY), (vec![], Look::Lost));
    assert_eq!(window.sit(9), None, "nothing comes here any more");
}

#[test]
fn compaction_leaves_gaps() {
    let window = Window::new(0, true);
    let seat = window.sit(0).expect("it is there");
    [2, 7].into_iter().for_each(|offset| window.push(stored(offset, 1)));
    assert_eq!(take(&window, seat, 0, PLENTY), (vec![2, 7], DONE));
    assert_eq!(take(&window, seat, 3, PLENTY), (vec![7], DONE));
}

#[test]
fn an_interruption_is_told() {
    let window = Window::new(0, false);
    let seat = window.sit(0).expect("it is there");
    window.interrupt();
    assert_eq!(take(&window, seat, 0, PLENTY), (vec![], Look::Done { interruptions: 1 }));
}

#[test]
fn who_waits_is_woken_by_a_record_and_by_the_end() {
    let window = Window::new(0, false);
    let seat = window.sit(0).expect("it is there");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut into = Vec::new();
            let first = window.take(seat, 0, PLENTY, LONG, &mut into);
            let second = window.take(seat, 1, PLENTY, LONG, &mut into);
            (first, into.len(), second)
        });
        while window.state().waiting == 0 {
            thread::yield_now();
        }
        window.push(stored(0, 1));
        window.tell();
        while window.state().seats[&seat] == 0 || window.state().waiting == 0 {
            thread::yield_now();
        }
        window.close();
        assert_eq!(waiting.join().expect("it does not panic"), (DONE, 1, Look::Lost));
    });
}
