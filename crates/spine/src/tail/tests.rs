//! A tail's own steps, without its thread.

use std::{cell::Cell, thread, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use model::{RequestId, Timestamp};
use proto::draft::Draft;
use tokio::runtime;

use super::*;
use crate::{
    answer::{self, Preamble},
    chain::{Chain, LogId},
    log::{Producer, Record, WriterRole, memory::MemoryLog},
};

const PARTITION: Partition = Partition::FIRST;
const LOG_ID: LogId = LogId([3; 16]);

/// An events partition, and a tail of it that sees time pass at every poll.
struct Bench {
    producer: Arc<dyn Producer>,
    tail: Tail,
    now: Cell<Duration>,
}

impl Bench {
    fn new() -> Bench {
        let log = MemoryLog::new(1);
        let producer = log.producer(WriterRole::Shard).expect("made");
        let place = Place::events(PARTITION);
        let reader = log.reader(place, 0, Visibility::Synced).expect("from the start");
        let tail = Tail::new(PARTITION, reader, start());
        Bench { producer, tail, now: Cell::new(Duration::ZERO) }
    }

    fn append(&self, value: Bytes) {
        append(&self.producer, value);
    }

    /// Polls until `span` has passed, every 100 ms; what was accepted meanwhile.
    fn poll_for(&mut self, span: Duration) -> Vec<u64> {
        let until = self.now.get() + span;
        let mut accepted = Vec::new();
        while self.now.get() < until {
            self.now.set(self.now.get() + POLL_WAIT);
            // Time passes as the test says, so a poll must not wait.
            let (wait, clock) = (Duration::ZERO, || self.now.get());
            let turn = Turn { limit: POLL_LIMIT, wait, clock: &clock };
            let batch = self.tail.next::<Sealed>(&turn).expect("a memory is read");
            accepted.extend(batch.answers.iter().map(|accepted| accepted.answer.out_seq));
        }
        accepted
    }

    fn told_of(&self) -> Option<u64> {
        self.tail.gap.told_of
    }
}

fn append(producer: &Arc<dyn Producer>, value: Bytes) {
    producer.append(Place::events(PARTITION), Record::of(value), Box::new(|_| {}));
}

fn start() -> Position {
    Position::start(LOG_ID, PARTITION)
}

/// The values of a true sequence of answers, from 1 on.
fn sequence(count: u64) -> Vec<Bytes> {
    let mut prev_chain = start().chain;
    (1..=count)
        .map(|out_seq| {
            let preamble = Preamble {
                out_seq,
                in_offset: out_seq - 1,
                epoch: 1,
                behaviour: 1,
                input_hash: Chain::default(),
                prev_chain,
                now: Timestamp::EPOCH,
                request_id: RequestId(0),
            };
            let (value, chain) = answer::write(&preamble, &Draft::default());
            prev_chain = chain;
            value
        })
        .collect()
}

#[test]
fn what_is_no_answer_does_not_stop_a_tail() {
    let mut bench = Bench::new();
    let answers = sequence(2);
    bench.append(answers[0].clone());
    bench.append(Bytes::from_static(b"noise"));
    bench.append(answers[1].slice(..answers[1].len() - 1));
    bench.append(answers[1].clone());
    assert_eq!(bench.poll_for(POLL_WAIT), [1, 2]);
    assert_eq!(bench.tail.acceptor.not_answers().count, 2);
}

#[test]
fn a_gap_is_told_of_once_when_it_was_not_filled_for_five_seconds() {
    let mut bench = Bench::new();
    let answers = sequence(4);
    bench.append(answers[0].clone());
    bench.append(answers[2].clone());
    assert_eq!(bench.poll_for(gap::UNFILLED_AFTER), [1]);
    assert_eq!(bench.told_of(), None);
    bench.poll_for(POLL_WAIT);
    assert_eq!(bench.told_of(), Some(2));
    let told = bench.tail.gap.look(Some(2), Duration::from_secs(60), ReachedEnd::Yes);
    assert_eq!(told, None);

    // It is filled, and there is another.
    bench.append(answers[1].clone());
    assert_eq!(bench.poll_for(POLL_WAIT), [2]);
    bench.append(answers[2].clone());
    bench.append(answers[3].clone());
    assert_eq!(bench.poll_for(gap::UNFILLED_AFTER), [3, 4]);
    assert_eq!(bench.told_of(), Some(2));
}

#[test]
fn a_tail_that_was_paused_does_not_take_its_pause_for_a_gap() {
    let mut bench = Bench::new();
    let answers = sequence(3);
    bench.append(answers[0].clone());
    bench.append(answers[2].clone());
    assert_eq!(bench.poll_for(POLL_WAIT), [1]);
    bench.now.set(Duration::from_secs(3_600));
    bench.poll_for(POLL_WAIT);
    assert_eq!(bench.told_of(), None);
}

/// By whom a tail is read.
#[derive(Clone, Copy, Debug)]
enum By {
    Thread,
    Task,
}

/// What a tail brings, one batch after the other.
fn following(log: &Arc<dyn Log>, by: By, pace: Pace, stop: CancellationToken) -> Batches<Sealed> {
    let seen = Visibility::Synced;
    match by {
        By::Thread => {
            let tail = follow(log, PARTITION, start(), seen, pace, stop);
            task::of_a_thread(tail.expect("a memory is read"))
        }
        By::Task => {
            let tail = follow_in_a_task(log, PARTITION, start(), seen, pace, stop);
            tail.expect("a memory is read")
        }
    }
}

/// The batches that a tail of this pace brings of three answers, the last two of which come, one
/// after the other, while the first is looked at.
fn batches_at(by: By, pace: Pace) -> Vec<usize> {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::new(1));
    let producer = log.producer(WriterRole::Shard).expect("made");
    let stop = CancellationToken::new();
    let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut tail = following(&log, by, pace, stop.clone());
    let mut next = || loop {
        let batch = runtime.block_on(tail.next()).expect("it follows").expect("a memory is read");
        if !batch.answers.is_empty() {
            return batch.answers.len();
        }
    };
    let answers = sequence(3);
    append(&producer, answers[0].clone());
    let mut batches = vec![next()];
    append(&producer, answers[1].clone());
    // Long beside the time in which a thread is woken, short beside the pace of the test.
    thread::sleep(Duration::from_millis(200));
    append(&producer, answers[2].clone());
    while batches.iter().sum::<usize>() < answers.len() {
        batches.push(next());
    }
    stop.cancel();
    batches
}

#[test]
fn what_comes_while_a_paced_tail_rests_comes_together() {
    for by in [By::Thread, By::Task] {
        let batches = batches_at(by, Pace::AtMostEvery(Duration::from_secs(2)));
        assert_eq!(batches, [1, 2], "{by:?}");
    }
    // A busy machine may let an eager one sleep too, but not every time.
    assert!((0..20).any(|_| batches_at(By::Thread, Pace::Eager) == [1, 1, 1]));
}

/// Who looks by itself, and has nobody who reads ahead for it, finds all that came meanwhile.
#[test]
fn what_comes_while_a_task_does_other_things_comes_together() {
    assert_eq!(batches_at(By::Task, Pace::Eager), [1, 2]);
}

#[tokio::test]
async fn a_task_hears_of_answers_after_any_quiet_time_and_of_the_end_once() {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::new(1));
    let producer = log.producer(WriterRole::Shard).expect("made");
    let stop = CancellationToken::new();
    let mut tail = following(&log, By::Task, Pace::Eager, stop.clone());
    let first = tail.next().await.expect("it follows").expect("a memory is read");
    assert!(first.reached_end && first.answers.is_empty(), "{first:?}");
    // Looks by itself, listens, and looks aside, for as long as that takes together and more.
    for (number, answer) in (1..).zip(sequence(6)) {
        let quiet = number * POLL_WAIT / 2;
        let append = async {
            tokio::time::sleep(quiet).await;
            append(&producer, answer);
        };
        let (batch, ()) = tokio::join!(tail.next(), append);
        let batch = batch.expect("it follows").expect("a memory is read");
        assert_eq!((batch.answers.len(), batch.reached_end), (1, true), "after {quiet:?}");
    }
    stop.cancel();
    assert!(tail.next().await.is_none());
    assert!(tail.next().await.is_none());
}

#[tokio::test]
async fn a_log_that_fails_is_a_tasks_last_word() {
    let memory = MemoryLog::new(1);
    memory.hold_sync();
    let log: Arc<dyn Log> = Arc::new(memory.clone());
    let producer = log.producer(WriterRole::Shard).expect("made");
    let (seen, stop) = (Visibility::Written, CancellationToken::new());
    let tail = follow_in_a_task::<Sealed>(&log, PARTITION, start(), seen, Pace::Eager, stop);
    let mut tail = tail.expect("a memory is read");
    append(&producer, sequence(1).remove(0));
    let brought = tail.next().await.expect("it follows").expect("it is there");
    assert_eq!(brought.answers.len(), 1);
    memory.crash_unsynced();
    let word = tail.next().await.expect("it says so");
    assert!(matches!(word, Err(TailError::Log(LogError::BeyondEnd { .. }))), "{word:?}");
    assert!(tail.next().await.is_none());
}

/// What a tail that listens to a bell says, step by step, of when it goes on.
struct Listening {
    bell: Arc<Bell>,
    producer: Arc<dyn Producer>,
    told: Told<Sealed>,
    receiver: TailReceiver<Sealed>,
}

impl Listening {
    fn new() -> Listening {
        let Bench { producer, tail, .. } = Bench::new();
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
        let (bell, stop) = (Arc::new(Bell::default()), CancellationToken::new());
        let manner = Manner::WhileWanted(Arc::clone(&bell));
        let told = Told { tail, manner, sender, stop, news: News::default(), has_caught_up: false };
        Listening { bell, producer, told, receiver }
    }

    /// A step that brings at most so many records; how many it brought, and when the next one is.
    fn step(&mut self, records: usize) -> (usize, Going) {
        let limit = ReadLimit { records, ..POLL_LIMIT };
        let turn = Turn { limit, wait: Duration::ZERO, clock: &|| Duration::ZERO };
        let going = self.told.step(&turn);
        let batch = self.receiver.try_recv().map(|batch| batch.expect("a memory is read"));
        (batch.map_or(0, |batch| batch.answers.len()), going)
    }
}

#[test]
fn a_tail_that_nobody_waits_for_rests_once_it_has_caught_up() {
    let mut listening = Listening::new();
    let answers = sequence(5);
    for answer in &answers[..4] {
        append(&listening.producer, answer.clone());
    }
    // Behind, it goes on; with the last of them it has caught up.
    assert_eq!(listening.step(2), (2, Going::On));
    assert_eq!(listening.step(2), (2, Going::On));
    assert_eq!(listening.step(2), (0, Going::On), "the end was told with the last of them");
    assert!(listening.told.has_caught_up);
    append(&listening.producer, answers[4].clone());
    assert_eq!(listening.step(2), (1, Going::After(UNWANTED_REST)));
}

#[test]
fn a_ring_ends_the_rest_of_a_tail() {
    let listening = Listening::new();
    listening.bell.ring();
    let began = std::time::Instant::now();
    listening.told.rest(Duration::from_secs(30));
    assert!(began.elapsed() < Duration::from_secs(30));
}
