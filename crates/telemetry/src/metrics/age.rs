//! Ages: gauges that grow by themselves, because whoever is stuck does not come by to raise them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use metrics::Gauge;

/// All ages that the page shows; those whose owner is gone leave with the next that comes, or with
/// the next look at the page.
static AGES: Mutex<Vec<Shown>> = Mutex::new(Vec::new());

/// How old the oldest thing is that waits for somebody; 0 where nothing waits. It is told since
/// when, and the age is taken where the page is read: a part that hangs shows its age all the same.
#[derive(Debug)]
pub struct Age {
    since_nanos: Arc<AtomicU64>,
}

struct Shown {
    gauge: Gauge,
    since_nanos: Weak<AtomicU64>,
}

impl Age {
    /// An age of nothing, which `gauge` shows as seconds.
    pub fn of(gauge: Gauge) -> Age {
        let since_nanos = Arc::new(AtomicU64::new(0));
        let mut ages = lock();
        ages.retain(Shown::update);
        ages.push(Shown { gauge, since_nanos: Arc::downgrade(&since_nanos) });
        Age { since_nanos }
    }

    /// Something waits since `unix_nanos`, by the wall clock or the log's; 0 for nothing.
    pub fn since(&self, unix_nanos: u64) {
        self.since_nanos.store(unix_nanos, Ordering::Relaxed);
    }
}

impl Shown {
    /// Shows the age as it is now, and says whether anybody still tells it.
    fn update(&self) -> bool {
        let since_nanos = self.since_nanos.upgrade();
        let age = match &since_nanos {
            Some(since_nanos) => match since_nanos.load(Ordering::Relaxed) {
                0 => Duration::ZERO,
                nanos => elapsed_since(nanos),
            },
            None => Duration::ZERO,
        };
        self.gauge.set(age.as_secs_f64());
        since_nanos.is_some()
    }
}

/// How long ago an instant is by the wall clock, in nanoseconds since 1970; nothing where that
/// clock is behind. For metrics: no decision may hang on it.
#[expect(clippy::disallowed_methods, reason = "an age is the distance to the present")]
pub fn elapsed_since(unix_nanos: u64) -> Duration {
    let instant = UNIX_EPOCH + Duration::from_nanos(unix_nanos);
    SystemTime::now().duration_since(instant).unwrap_or_default()
}

/// Brings all ages up to now.
pub(super) fn refresh() {
    lock().retain(Shown::update);
}

fn lock() -> MutexGuard<'static, Vec<Shown>> {
    // What a panic leaves behind is a whole list.
    AGES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// A gauge that can be read: the bits of what it shows.
    fn gauge() -> (Gauge, impl Fn() -> f64) {
        let bits = Arc::new(AtomicU64::new(f64::NAN.to_bits()));
        let shown = Arc::clone(&bits);
        (Gauge::from_arc(bits), move || f64::from_bits(shown.load(Ordering::Relaxed)))
    }

    #[test]
    fn an_age_grows_until_nothing_waits_and_goes_with_whoever_tells_it() {
        let (gauge, shown) = gauge();
        let age = Age::of(gauge);
        refresh();
        assert_eq!(shown(), 0.0, "nothing waits");

        age.since(1);
        refresh();
        let old = shown();
        assert!(old > 50.0 * 365.0 * 86_400.0, "since 1970: {old}");
        refresh();
        assert!(shown() >= old, "nobody told it anything, and it is older");

        drop(age);
        refresh();
        assert_eq!(shown(), 0.0);
    }

    #[test]
    fn what_is_in_the_future_has_no_age() {
        assert_eq!(elapsed_since(u64::MAX), Duration::ZERO);
    }
}
