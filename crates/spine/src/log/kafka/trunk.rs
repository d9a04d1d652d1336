//! One consumer for everything that this process reads at the ends of its partitions.
//!
//! A consumer is a connection and three threads, and under load each asks, and is answered, some
//! hundreds of times a second. So a reader has one of its own only while it is behind. Once it has
//! reached the end it sits down at the [`Window`] of its place, and the trunk reads for all of
//! them: one request brings what came in all partitions.
//!
//! - The trunk's thread pours what comes into the windows, and waits for no reader.
//! - A reader that falls out of its window goes on with a consumer of its own. So one that is slow
//!   holds up nobody, and what is kept for it is bounded.
//! - Nothing that is wrong is judged here: all windows close, and every reader goes on with a
//!   consumer of its own, which is told what is wrong with its own partition.
//! - Its threads are started by a thread that was there before all readers: a thread has the
//!   priority of who started it, and some readers give way to all others (docs/adr/0006).
//! - A reader that looks ever so seldom reads alone. It costs no requests to speak of, and it is
//!   such readers that give way: stopped with a window in its hands one would stop all others.
//! - All partitions share one queue. A client asks for no more of a partition while its queue holds
//!   something, so here it asks for all of them together or for none: with queues of their own one
//!   partition would wait for the answer to a request that was made for the others.

mod window;

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, mpsc},
    thread,
    time::Duration,
};

use model::Partition;
use proto::topic::Topic;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult},
    message::{BorrowedMessage, Message as _},
};

pub(super) use self::window::Look;
use self::window::Window;
use super::{KafkaSettings, client::Listener, failed, message, reader};
use crate::log::{LogError, Pace, Place, ReadLimit, Stored};

/// How long a broker holds a request that finds nothing, in milliseconds. Should one ever be made
/// for some of the partitions only, the others wait no longer than this.
const FETCH_WAIT_MS: &str = "20";

/// How long the trunk's thread waits for something before it looks whether anybody listens.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// The slowest pace at which a reader shares a consumer.
const PACE_MAX: Duration = Duration::from_millis(100);

/// How many messages are poured before those who wait for them are told.
const POUR_MAX: usize = 1024;

type Consumer = BaseConsumer<Listener>;

/// See the [module](self).
pub(super) struct Trunk {
    settings: KafkaSettings,
    starter: mpsc::Sender<Start>,
    lines: Mutex<Lines>,
    /// Somebody sat down, perhaps in more of a hurry than the others.
    seated: Condvar,
}

/// What is read, and for whom. There is a consumer while there is a window.
#[derive(Default)]
struct Lines {
    consumer: Option<Arc<Consumer>>,
    windows: BTreeMap<Place, Arc<Window>>,
    /// How many sit at each pace.
    paces: BTreeMap<Duration, usize>,
}

/// Asks for a consumer, and for the thread that pours what it brings.
struct Start {
    trunk: Weak<Trunk>,
    settings: KafkaSettings,
    reply: mpsc::Sender<Result<Arc<Consumer>, LogError>>,
}

/// A reader's seat at the window of a place.
pub(super) struct Seat {
    trunk: Arc<Trunk>,
    window: Arc<Window>,
    place: Place,
    number: u64,
    pace: Duration,
}

impl Trunk {
    /// A trunk, and the thread that starts others for it.
    ///
    /// # Errors
    /// [`LogError`] where that cannot be started.
    pub(super) fn new(settings: KafkaSettings) -> Result<Trunk, LogError> {
        let (starter, asked) = mpsc::channel::<Start>();
        let starting = thread::Builder::new().name("kafka-starter".to_owned());
        let started = starting.spawn(move || {
            for start in asked {
                // Whoever asked is there until it is answered.
                let _ = start.reply.send(start.start());
            }
        });
        started.map_err(|error| not_started(&error))?;
        Ok(Trunk { settings, starter, lines: Mutex::default(), seated: Condvar::new() })
    }

    /// A seat for a reader that wants the record at `from` next; `None` where it is too far behind,
    /// or there can be none: then it has to read by itself.
    pub(super) fn sit(self: &Arc<Self>, place: Place, from: u64, pace: Pace) -> Option<Seat> {
        let pace = reader::span(pace);
        if pace > PACE_MAX {
            return None;
        }
        let mut lines = self.lines();
        let window = match lines.windows.get(&place) {
            Some(window) => Arc::clone(window),
            None => match self.begin(&mut lines, place, from) {
                Ok(window) => window,
                Err(error) => {
                    tracing::warn!(%error, ?place, "a reader does not share a consumer");
                    return None;
                }
            },
        };
        let number = window.sit(from)?;
        *lines.paces.entry(pace).or_default() += 1;
        self.seated.notify_all();
        Some(Seat { trunk: Arc::clone(self), window, place, number, pace })
    }

    /// Begins to read `place`, with a consumer where there is none yet.
    fn begin(
        self: &Arc<Self>,
        lines: &mut Lines,
        place: Place,
        from: u64,
    ) -> Result<Arc<Window>, LogError> {
        let consumer = match &lines.consumer {
            Some(consumer) => Arc::clone(consumer),
            None => self.start()?,
        };
        let offset = Offset::Offset(i64::try_from(from).unwrap_or(i64::MAX));
        let list = self.list(place, offset);
        let begun = list.and_then(|list| consumer.incremental_assign(&list));
        begun.map_err(|error| failed("sharing a consumer", &error))?;
        let window = Arc::new(Window::new(from, place.topic.compacted()));
        lines.windows.insert(place, Arc::clone(&window));
        lines.consumer = Some(consumer);
        Ok(window)
    }

    fn start(self: &Arc<Self>) -> Result<Arc<Consumer>, LogError> {
        let (reply, answer) = mpsc::channel();
        let (trunk, settings) = (Arc::downgrade(self), self.settings.clone());
        let asked = self.starter.send(Start { trunk, settings, reply });
        let answered = asked.ok().and_then(|()| answer.recv().ok());
        answered.unwrap_or_else(|| Err(LogError::Failed("the starter has ended".to_owned())))
    }

    /// Pours what came, and all that is there. How long the next look has time, or `None` where
    /// `consumer` brings nothing for anybody any more.
    fn pour(&self, consumer: &Arc<Consumer>, first: Option<Came<'_>>) -> Option<Duration> {
        let mut lines = self.lines();
        if !lines.are_fed_by(consumer) {
            return None;
        }
        let has_come = first.is_some();
        let mut came = first;
        let mut poured = 0;
        while let Some(event) = came {
            match event {
                Ok(message) => self.push(&lines, &message),
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, "reading is interrupted");
                    lines.windows.values().for_each(|window| window.interrupt());
                }
                Err(error) => {
                    tracing::warn!(%error, "a consumer is shared no longer");
                    lines.close();
                    return None;
                }
            }
            poured += 1;
            came = if poured < POUR_MAX { consumer.poll(Duration::ZERO) } else { None };
        }
        lines.windows.values().for_each(|window| window.tell());
        Some(if has_come { lines.rest() } else { Duration::ZERO })
    }

    fn push(&self, lines: &Lines, message: &BorrowedMessage<'_>) {
        // Of a place that nobody reads any more something may still be on its way.
        if let Some(window) = self.place(message).and_then(|place| lines.windows.get(&place)) {
            window.push(message::stored(message));
        }
    }

    fn place(&self, message: &BorrowedMessage<'_>) -> Option<Place> {
        let name = message.topic().strip_prefix(&self.settings.topic_prefix)?;
        let topic = Topic::ALL.into_iter().find(|topic| topic.name() == name)?;
        let partition = u16::try_from(message.partition()).ok().and_then(Partition::new)?;
        Some(Place { topic, partition })
    }

    /// Lets what comes gather for so long, unless somebody sits down meanwhile.
    fn rest(&self, span: Duration) {
        if !span.is_zero() {
            drop(self.seated.wait_timeout(self.lines(), span));
        }
    }

    fn leave(&self, seat: &Seat) {
        let mut lines = self.lines();
        if let Some(count) = lines.paces.get_mut(&seat.pace) {
            *count -= 1;
            if *count == 0 {
                lines.paces.remove(&seat.pace);
            }
        }
        let is_empty = seat.window.leave(seat.number);
        let is_read = lines.windows.get(&seat.place);
        if !is_empty || !is_read.is_some_and(|window| Arc::ptr_eq(window, &seat.window)) {
            return;
        }
        lines.windows.remove(&seat.place);
        let Some(consumer) = &lines.consumer else { return };
        let list = self.list(seat.place, Offset::Invalid);
        let ended = list.and_then(|list| consumer.incremental_unassign(&list));
        if let Err(error) = ended {
            tracing::warn!(%error, place = ?seat.place, "a place is still read");
            lines.close();
        } else if lines.windows.is_empty() {
            lines.consumer = None;
        }
    }

    fn list(&self, place: Place, offset: Offset) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        let name = self.settings.topic_name(place.topic);
        list.add_partition_offset(&name, place.partition.number().into(), offset)?;
        Ok(list)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Trunk {
    /// What it reads.
    pub(super) fn places(&self) -> Vec<Place> {
        self.lines().windows.keys().copied().collect()
    }

    /// As where its consumer fails.
    pub(super) fn close(&self) {
        self.lines().close();
    }
}

impl Start {
    fn start(&self) -> Result<Arc<Consumer>, LogError> {
        let consumer: Consumer = config(&self.settings)
            .create_with_context(Listener::default())
            .map_err(|error| failed("making a reader", &error))?;
        let consumer = Arc::new(consumer);
        let pump = Pump { trunk: Weak::clone(&self.trunk), consumer: Arc::clone(&consumer) };
        let starting = thread::Builder::new().name("kafka-trunk".to_owned());
        starting.spawn(move || pump.run()).map_err(|error| not_started(&error))?;
        Ok(consumer)
    }
}

fn not_started(error: &std::io::Error) -> LogError {
    LogError::Failed(format!("starting a thread: {error}"))
}

impl Lines {
    fn are_fed_by(&self, consumer: &Arc<Consumer>) -> bool {
        self.consumer.as_ref().is_some_and(|own| Arc::ptr_eq(own, consumer))
    }

    /// Sends every reader away. Who sits down later does so at a new consumer.
    fn close(&mut self) {
        self.windows.values().for_each(|window| window.close());
        self.windows.clear();
        self.consumer = None;
    }

    /// How long who is in the greatest hurry lets the trunk rest, beyond what its client rests.
    fn rest(&self) -> Duration {
        let shortest = self.paces.keys().next().copied().unwrap_or_default();
        shortest.saturating_sub(reader::EAGER_PACE)
    }
}

impl Seat {
    /// Appends to `into` what is there from `from` on, and waits for it where nothing is.
    pub(super) fn take(
        &self,
        from: u64,
        limit: ReadLimit,
        wait: Duration,
        into: &mut Vec<Stored>,
    ) -> Look {
        self.window.take(self.number, from, limit, wait, into)
    }

    /// Whether nothing is there from `next` on.
    pub(super) fn is_through(&self, next: u64) -> bool {
        self.window.is_through(next)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.trunk.leave(self);
    }
}

type Came<'a> = KafkaResult<BorrowedMessage<'a>>;

/// The trunk's thread.
struct Pump {
    trunk: Weak<Trunk>,
    consumer: Arc<Consumer>,
}

impl Pump {
    fn run(&self) {
        loop {
            let came = self.consumer.poll(POLL_WAIT);
            let Some(trunk) = self.trunk.upgrade() else { return };
            let Some(rest) = trunk.pour(&self.consumer, came) else { return };
            trunk.rest(rest);
        }
    }
}

impl Drop for Pump {
    /// However it ends: nobody waits for what nobody pours.
    fn drop(&mut self) {
        let Some(trunk) = self.trunk.upgrade() else { return };
        let mut lines = trunk.lines();
        if lines.are_fed_by(&self.consumer) {
            lines.close();
        }
    }
}

/// Whether reading goes on by itself after this error.
fn is_passing(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageConsumption(code) if reader::is_passing(*code))
}

fn config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = reader::config(settings, Pace::Eager);
    // Whose end it is would not be told. A reader asks for it.
    config.set("enable.partition.eof", "false").set("fetch.wait.max.ms", FETCH_WAIT_MS);
    config
}
