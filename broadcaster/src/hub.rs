//! The market behind one lock, together with everybody who listens to it.
//!
//! One lock for both is what makes a subscription exact: its first frame is the state from which
//! the next change is contiguous, because nothing can be published between the two. It is held for
//! as long as one answer takes to fold and to be pushed to its listeners' queues (a pointer each);
//! text is made outside of it, by the first listener who wants it.

mod audience;
mod mailbox;
mod subscription;

use std::sync::{Arc, Mutex, MutexGuard};

use model::InstrumentId;
use proto::marketdata::{GetOrderBookResponse, MarketStatus};
use spine::answer::Happened;

use self::{audience::Audience, mailbox::Mailbox};
pub use self::{
    mailbox::QueueLimit,
    subscription::{FRAMES_A_TURN_MAX, OVERFLOW_WINDOW, Subscription, Turn},
};
use crate::{
    market::{Content, Frame, GapReason, Market, MarketError, MarketImage},
    trace::Cause,
};

/// What a listener wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The trades of every instrument, from now on.
    AllTrades,
    /// The trades of one instrument.
    Trades {
        /// Which.
        instrument: InstrumentId,
        /// All after this sequence, where given; else from now on.
        since: Option<u64>,
    },
    /// The book of one instrument: a snapshot, then its changes.
    Depth {
        /// Which.
        instrument: InstrumentId,
    },
}

impl Feed {
    /// The path under which WebSockets listen to it.
    pub const fn path(self) -> &'static str {
        match self {
            Feed::AllTrades | Feed::Trades { .. } => "/ws/trades",
            Feed::Depth { .. } => "/ws/depth",
        }
    }
}

/// Trades that a feed asks for are no longer remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The oldest trade that is.
    pub oldest_sequence: u64,
}

/// The market and its listeners.
#[derive(Debug)]
pub struct Hub {
    floor: Mutex<Floor>,
    limit: QueueLimit,
}

#[derive(Debug)]
struct Floor {
    market: Market,
    audience: Audience,
    /// The frames of one answer; here so that its memory is used again.
    published: Vec<Arc<Frame>>,
}

impl Hub {
    /// A hub that goes on from `market`, with queues of `limit` for its listeners.
    pub fn new(market: Market, limit: QueueLimit) -> Arc<Hub> {
        let floor = Floor { market, audience: Audience::default(), published: Vec::new() };
        Arc::new(Hub { floor: Mutex::new(floor), limit })
    }

    /// Folds the next accepted answer of a partition in and sends what came of it to whoever
    /// listens, with the answer's part in a trace. Returns how many frames that were.
    ///
    /// # Errors
    /// [`MarketError`] where the answer does not fit: the log is damaged.
    pub fn publish(
        &self,
        answer: &Happened,
        cause: Option<&Arc<Cause>>,
    ) -> Result<usize, MarketError> {
        let floor = &mut *self.lock();
        floor.published.clear();
        floor.market.apply(answer, &mut floor.published)?;
        for frame in &floor.published {
            if let Some(cause) = cause {
                frame.caused_by(cause);
            }
            floor.audience.tell(frame, self.limit);
        }
        Ok(floor.published.len())
    }

    /// The instrument with this symbol.
    pub fn find(&self, symbol: &str) -> Option<InstrumentId> {
        self.lock().market.find(symbol)
    }

    /// The best levels of a book, at most `depth` a side.
    pub fn order_book(
        &self,
        instrument: InstrumentId,
        depth: usize,
    ) -> Option<GetOrderBookResponse> {
        let (listed, book, standing) = {
            let floor = self.lock();
            let listed = Arc::clone(floor.market.listed(instrument)?);
            let standing = floor.market.standing(instrument)?;
            (listed, floor.market.book(instrument)?.top(depth), standing)
        };
        Some(listed.order_book(&book, &standing))
    }

    /// What each market is open for, by symbol.
    pub fn statuses(&self) -> Vec<MarketStatus> {
        let floor = self.lock();
        floor.market.statuses().map(|(listed, status)| listed.status(status)).collect()
    }

    /// How many subscriptions there are that did not overflow.
    pub fn listeners(&self) -> usize {
        self.lock().audience.count()
    }

    /// The market as it is kept in a file.
    pub fn image(&self) -> MarketImage {
        self.lock().market.image()
    }

    /// Begins to listen. An instrument that is not listed is silent; trades asked for and no longer
    /// remembered are a gap.
    pub fn subscribe(self: &Arc<Self>, feed: Feed) -> Subscription {
        self.admit(self.lock(), feed)
    }

    /// Begins to listen where that needs no gap.
    ///
    /// # Errors
    /// [`Forgotten`] where trades that `feed` asks for are no longer remembered.
    pub fn subscribe_without_gap(self: &Arc<Self>, feed: Feed) -> Result<Subscription, Forgotten> {
        let floor = self.lock();
        match floor.market.forgotten(feed) {
            Some(forgotten) => Err(forgotten),
            None => Ok(self.admit(floor, feed)),
        }
    }

    fn admit(self: &Arc<Self>, mut floor: MutexGuard<'_, Floor>, feed: Feed) -> Subscription {
        let first = floor.market.first_frames(feed);
        let mailbox = floor.audience.admit(feed);
        drop(floor);
        Subscription::new(Arc::clone(self), feed, mailbox, first)
    }

    /// Listens again after an overflow: a fresh queue, and the snapshot that it goes on from.
    fn renew(&self, feed: Feed) -> (Arc<Mailbox>, Vec<Arc<Frame>>) {
        let mut floor = self.lock();
        let first = floor.market.first_frames(feed);
        (floor.audience.admit(feed), first)
    }

    fn leave(&self, feed: Feed, mailbox: &Arc<Mailbox>) {
        self.lock().audience.dismiss(feed, mailbox);
    }

    fn lock(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock().expect("nothing panics while it folds an answer or pushes a frame")
    }
}

impl Market {
    /// What a listener is told before anything new happens.
    fn first_frames(&self, feed: Feed) -> Vec<Arc<Frame>> {
        match feed {
            Feed::AllTrades | Feed::Trades { since: None, .. } => Vec::new(),
            Feed::Depth { instrument } => self.snapshot(instrument).into_iter().collect(),
            Feed::Trades { instrument, since: Some(since) } => {
                let desk = self.listed(instrument).zip(self.tape(instrument));
                let Some((listed, tape)) = desk else { return Vec::new() };
                let mut frames = tape.after(since);
                if self.forgotten(feed).is_some() {
                    let reason = GapReason::TooOld;
                    let gap = Content::Gap { last_sequence: since, reason };
                    frames.insert(0, Frame::of(listed, gap));
                }
                frames
            }
        }
    }

    /// What a feed asks for and no longer gets.
    fn forgotten(&self, feed: Feed) -> Option<Forgotten> {
        let Feed::Trades { instrument, since: Some(since) } = feed else { return None };
        let oldest_sequence = self.tape(instrument)?.oldest_sequence();
        (since.saturating_add(1) < oldest_sequence).then_some(Forgotten { oldest_sequence })
    }
}

#[cfg(test)]
mod tests;
