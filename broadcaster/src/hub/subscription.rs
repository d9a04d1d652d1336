//! One listener's view of the hub: what to send it next, and when to give it up.
//!
//! | what happens | depth | trades |
//! |---|---|---|
//! | begin | a snapshot | the trades since, where asked for |
//! | first overflow | `gap`, a fresh snapshot, and on | `gap`, cut |
//! | another one within [`OVERFLOW_WINDOW`] | `gap`, cut | |

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Feed, Hub, Mailbox, mailbox::Taken};
use crate::market::{Content, Frame};

/// How many frames a listener takes at once: enough that one flush carries a burst, few enough that
/// what it has in hand is small beside its queue.
pub const FRAMES_A_TURN_MAX: usize = 64;

/// Who overflows twice within this time does not keep up with the market: a snapshot now and then
/// is a help, one after the other is a load.
pub const OVERFLOW_WINDOW: Duration = Duration::from_secs(30);

/// What comes after the frames of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The next turn.
    GoOn,
    /// Nothing: the listener is too slow. Its last frame is a gap.
    Cut {
        /// The sequence to go on from, where the feed has one.
        last_sequence: Option<u64>,
    },
}

/// A place in the audience, left when it is dropped.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    feed: Feed,
    mailbox: Arc<Mailbox>,
    first: VecDeque<Arc<Frame>>,
    overflowed_at: Option<Instant>,
    cut: Option<Turn>,
    /// Whether the last turn told news, and not what there was before.
    is_live: bool,
}

impl Subscription {
    pub(super) fn new(
        hub: Arc<Hub>,
        feed: Feed,
        mailbox: Arc<Mailbox>,
        first: Vec<Arc<Frame>>,
    ) -> Subscription {
        let first = first.into();
        Subscription { hub, feed, mailbox, first, overflowed_at: None, cut: None, is_live: false }
    }

    /// What it listens to.
    pub fn feed(&self) -> Feed {
        self.feed
    }

    /// Whether the last turn told news, and not what there was before.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Waits for something to send and appends it to `into`. Nothing is lost where the wait is
    /// given up.
    pub async fn next(&mut self, into: &mut Vec<Arc<Frame>>) -> Turn {
        if let Some(cut) = self.cut {
            return cut;
        }
        self.is_live = self.first.is_empty();
        if !self.first.is_empty() {
            let count = self.first.len().min(FRAMES_A_TURN_MAX);
            into.extend(self.first.drain(..count));
            return Turn::GoOn;
        }
        let begin = into.len();
        match self.mailbox.take(FRAMES_A_TURN_MAX, into).await {
            Taken::Frames => {
                self.leave_out_known(begin, into);
                Turn::GoOn
            }
            Taken::Gaps(gaps) => self.overflowed(gaps, into),
        }
    }

    fn overflowed(&mut self, gaps: Vec<Arc<Frame>>, into: &mut Vec<Arc<Frame>>) -> Turn {
        metrics::counter!("tradespine_broadcaster_overflows_total").increment(1);
        let last_sequence = gaps.first().map(|gap| gap.sequence());
        into.extend(gaps);
        let now = Instant::now();
        let lately = self.overflowed_at.is_some_and(|before| now - before < OVERFLOW_WINDOW);
        if matches!(self.feed, Feed::Depth { .. }) && !lately {
            self.overflowed_at = Some(now);
            let (mailbox, first) = self.hub.renew(self.feed);
            self.mailbox = mailbox;
            into.extend(first);
            return Turn::GoOn;
        }
        let has_sequence = !matches!(self.feed, Feed::AllTrades);
        let cut = Turn::Cut { last_sequence: last_sequence.filter(|_| has_sequence) };
        self.cut = Some(cut);
        cut
    }

    /// Leaves out trades that the listener said it had: this broadcaster may be behind the one it
    /// had them from.
    fn leave_out_known(&self, begin: usize, into: &mut Vec<Arc<Frame>>) {
        let Feed::Trades { since: Some(since), .. } = self.feed else { return };
        let is_known = |frame: &Arc<Frame>| {
            matches!(frame.content(), Content::Trade(_)) && frame.sequence() <= since
        };
        if into[begin..].iter().any(is_known) {
            let news = into.split_off(begin);
            into.extend(news.into_iter().filter(|frame| !is_known(frame)));
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(self.feed, &self.mailbox);
    }
}
