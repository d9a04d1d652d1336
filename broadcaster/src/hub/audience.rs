//! Who listens to what.

use std::{collections::BTreeMap, sync::Arc};

use model::InstrumentId;

use super::{Feed, Mailbox, QueueLimit};
use crate::market::{Content, Frame};

/// The mailboxes of all listeners, by what they want to hear.
#[derive(Debug, Default)]
pub(super) struct Audience {
    all_trades: Vec<Arc<Mailbox>>,
    trades: BTreeMap<InstrumentId, Vec<Arc<Mailbox>>>,
    depth: BTreeMap<InstrumentId, Vec<Arc<Mailbox>>>,
}

impl Audience {
    /// Adds a listener and gives it its mailbox.
    pub(super) fn admit(&mut self, feed: Feed) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        self.listeners(feed).push(Arc::clone(&mailbox));
        mailbox
    }

    /// Forgets a listener, if it is still known.
    pub(super) fn dismiss(&mut self, feed: Feed, mailbox: &Arc<Mailbox>) {
        let listeners = self.listeners(feed);
        if let Some(place) = listeners.iter().position(|other| Arc::ptr_eq(other, mailbox)) {
            listeners.swap_remove(place);
        }
    }

    /// Puts a frame into the mailbox of everybody who wants it. Whose mailbox is full is forgotten.
    pub(super) fn tell(&mut self, frame: &Arc<Frame>, limit: QueueLimit) {
        let instrument = frame.listed().instrument.id;
        let listeners = match frame.content() {
            Content::Trade(_) => {
                self.all_trades.retain(|mailbox| mailbox.push(frame, limit));
                self.trades.get_mut(&instrument)
            }
            _ => self.depth.get_mut(&instrument),
        };
        if let Some(listeners) = listeners {
            listeners.retain(|mailbox| mailbox.push(frame, limit));
        }
    }

    /// How many listeners there are.
    pub(super) fn count(&self) -> usize {
        let by_instrument = self.trades.values().chain(self.depth.values());
        self.all_trades.len() + by_instrument.map(Vec::len).sum::<usize>()
    }

    fn listeners(&mut self, feed: Feed) -> &mut Vec<Arc<Mailbox>> {
        match feed {
            Feed::AllTrades => &mut self.all_trades,
            Feed::Trades { instrument, .. } => self.trades.entry(instrument).or_default(),
            Feed::Depth { instrument } => self.depth.entry(instrument).or_default(),
        }
    }
}
