//! `tradespine replay`: a recorded market, traded through the public API.
//!
//! A maker keeps its resting orders equal to the recorded depth, a taker sends every recorded trade
//! as IOC at its price. After each depth frame the best levels *received on `/ws/depth`* are
//! compared with the recording's book: what goes in at one public edge comes out at another.
//! Without a file the same is done with a seeded random market.

mod feed;
mod maker;
mod random;
mod recorded;
mod report;
mod session;
mod watcher;

use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use self::{
    feed::{Feed, Frame},
    random::RandomMarket,
    report::Report,
    session::Session,
};
use crate::arguments::{ReplayArguments, Speed};

/// Where frames come from.
enum Source {
    Recording(Box<Feed>),
    Random(RandomMarket),
}

impl Source {
    fn next(&mut self) -> anyhow::Result<Option<(u64, Frame)>> {
        match self {
            Source::Recording(feed) => feed.next(),
            Source::Random(market) => Ok(market.next()),
        }
    }

    fn floored(&self) -> u64 {
        match self {
            Source::Recording(feed) => feed.floored(),
            Source::Random(_) => 0,
        }
    }
}

/// Replays, and says what came of it.
///
/// # Errors
/// Where a service does not answer, the recording cannot be read, or a compared frame differs.
pub async fn run(arguments: ReplayArguments) -> anyhow::Result<()> {
    let mut session = Session::open(&arguments).await?;
    let mut source = match &arguments.file {
        Some(path) => Source::Recording(Box::new(Feed::open(path, session.instrument().clone())?)),
        None => Source::Random(RandomMarket::new(arguments.seed, arguments.frames)),
    };
    let progress = progress_bar();
    let started = Instant::now();
    let mut pace = Pace::new(arguments.speed);
    while let Some((received_nanos, frame)) = source.next()? {
        pace.wait(received_nanos).await;
        session.trade(frame).await.context("the replay stopped")?;
        progress.set_position(session.report().frames_compared);
        progress.set_message(session.report().line(started.elapsed()));
        if arguments.frames.is_some_and(|frames| session.report().frames_compared >= frames) {
            break;
        }
    }
    progress.finish_and_clear();
    let report = session.finish(source.floored());
    println!("{}", report.summary(started.elapsed()));
    report.verdict()
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed} {pos} frames compared {msg}");
    let bar = ProgressBar::new_spinner();
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Holds frames back until their time has come.
struct Pace {
    speed: Speed,
    first: Option<(u64, Instant)>,
}

impl Pace {
    fn new(speed: Speed) -> Pace {
        Pace { speed, first: None }
    }

    async fn wait(&mut self, received_nanos: u64) {
        let Speed::Factor(factor) = self.speed else { return };
        let (first_nanos, started) =
            *self.first.get_or_insert_with(|| (received_nanos, Instant::now()));
        let recorded = Duration::from_nanos(received_nanos.saturating_sub(first_nanos));
        tokio::time::sleep_until((started + recorded / factor.get()).into()).await;
    }
}

impl Report {
    /// Every frame that was compared must have been equal.
    fn verdict(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.frames_compared > 0, "no frame was compared");
        anyhow::ensure!(
            self.frames_equal == self.frames_compared,
            "{} of {} compared frames differ",
            self.frames_compared - self.frames_equal,
            self.frames_compared
        );
        Ok(())
    }
}
