//! Waiting for a near answer without falling asleep.
//!
//! A processor that has nothing to do is halted, and to wake it takes longer than a Redis nearby
//! takes to answer: on a virtual machine several times as long. A client that sends an order now
//! and then would wait for that each time. So whoever asks after a silence goes on looking for the
//! answer for a moment, while other tasks have their turns as ever.
//!
//! Under load nobody does: then processors are awake, and have other things to do. Nor does anybody
//! where there is a single processor, which Redis needs, or where Redis is further away.

use std::{
    pin::pin,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// How long one stays awake for an answer: twice what a Redis on this machine takes.
const AWAKE_MAX: Duration = Duration::from_micros(250);

/// How long nobody must have asked: at 500 questions a second and more hardly anybody stays awake,
/// so that all of it takes an eighth of one processor at most.
const SILENCE_MIN: Duration = Duration::from_millis(2);

/// How many questions are waited for asleep after one whose answer came too late to be awake for.
const ASLEEP_AFTER_LATE: u32 = 32;

/// Who asks one Redis, and when.
pub(super) struct Awake {
    began: Instant,
    /// When somebody last asked, in microseconds since it began; 0 where nobody did.
    asked_at_micros: AtomicU64,
    /// How many of the next questions are waited for asleep.
    asleep: AtomicU32,
    has_processors: bool,
}

impl Awake {
    pub(super) fn new() -> Awake {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Awake::on(processors, Instant::now())
    }

    fn on(processors: usize, began: Instant) -> Awake {
        Awake {
            began,
            asked_at_micros: AtomicU64::new(0),
            asleep: AtomicU32::new(0),
            has_processors: processors > 1,
        }
    }

    /// Waits for `answer`.
    pub(super) async fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        if let Some(until) = self.ask(Instant::now()) {
            tokio::select! {
                // The answer first: it may be there by the time that this looks at the clock.
                biased;
                answered = &mut answer => return answered,
                () = stay_awake(until) => self.asleep.store(ASLEEP_AFTER_LATE, Relaxed),
            }
        }
        answer.await
    }

    /// Until when who asks `now` stays awake; `None` where it does not.
    fn ask(&self, now: Instant) -> Option<Instant> {
        let micros = now.saturating_duration_since(self.began).as_micros();
        let before = self.asked_at_micros.swap(u64::try_from(micros).unwrap_or(u64::MAX), Relaxed);
        let silence = micros.saturating_sub(before.into());
        if !self.has_processors || silence < SILENCE_MIN.as_micros() {
            return None;
        }
        let is_asleep =
            self.asleep.fetch_update(Relaxed, Relaxed, |asleep| asleep.checked_sub(1)).is_ok();
        (!is_asleep).then(|| now + AWAKE_MAX)
    }
}

/// Lets other tasks have their turn, and whoever waits for the network, until then.
async fn stay_awake(until: Instant) {
    while Instant::now() < until {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn who_asks_after_a_silence_stays_awake_for_a_moment() {
        let began = Instant::now();
        let awake = Awake::on(2, began);
        for (at_millis, stays) in [(5, true), (6, false), (7, false), (9, true), (10, false)] {
            let now = began + at_millis * MILLI;
            let until = stays.then(|| now + AWAKE_MAX);
            assert_eq!(awake.ask(now), until, "{at_millis} ms");
        }
    }

    #[test]
    fn nobody_stays_awake_where_redis_needs_the_only_processor() {
        let began = Instant::now();
        let awake = Awake::on(1, began);
        assert!((1..9).all(|number| awake.ask(began + number * 10 * MILLI).is_none()));
    }

    #[tokio::test]
    async fn an_answer_is_waited_for_asleep_once_it_is_late_and_so_are_the_next() {
        let awake = Awake::on(2, Instant::now());
        assert_eq!(awake.wait(future::ready(1)).await, 1, "it asks too early to stay awake");
        let ask = || awake.ask(Instant::now() + 10 * MILLI).is_some();
        tokio::time::sleep(5 * MILLI).await;
        // Later than any scheduler keeps this test waiting.
        let late = async {
            tokio::time::sleep(500 * MILLI).await;
            2
        };
        assert_eq!(awake.wait(late).await, 2);
        for number in 0..ASLEEP_AFTER_LATE {
            awake.asked_at_micros.store(0, Relaxed);
            assert!(!ask(), "{number} after it");
        }
        awake.asked_at_micros.store(0, Relaxed);
        assert!(ask(), "it is tried again");
    }

    #[tokio::test]
    async fn others_have_their_turn_while_one_stays_awake() {
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::spawn(async move { tell.send(3) });
        tokio::select! {
            biased;
            told = told => assert_eq!(told, Ok(3)),
            () = stay_awake(Instant::now() + Duration::from_secs(10)) => panic!("nobody had"),
        }
    }
}
