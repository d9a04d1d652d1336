//! Somebody who listens to one instrument at one broadcaster, and goes on after its restarts.

use std::{collections::BTreeMap, sync::Arc};

use broadcaster::{
    hub::{Feed, Hub, Subscription, Turn},
    market::{Content, Depth, Frame, Level, Trade},
};
use model::{InstrumentId, Price};

use crate::{fault::Fault, running::at_once, tally::Tally};

/// See the [module](self).
pub(crate) struct Listener {
    pub(crate) instrument: InstrumentId,
    pub(crate) broadcaster: usize,
    listening: Option<Listening>,
    book: Depths,
    /// Every trade that it heard of, by number.
    pub(crate) trades: BTreeMap<u64, Trade>,
    last_trade: u64,
}

struct Listening {
    hub: Arc<Hub>,
    depth: Subscription,
    trades: Subscription,
}

/// A book as a listener keeps it.
#[derive(Default)]
struct Depths {
    sequence: u64,
    bids: BTreeMap<Price, u64>,
    asks: BTreeMap<Price, u64>,
}

impl Listener {
    pub(crate) fn new(instrument: InstrumentId, broadcaster: usize) -> Listener {
        Listener {
            instrument,
            broadcaster,
            listening: None,
            book: Depths::default(),
            trades: BTreeMap::new(),
            last_trade: 0,
        }
    }

    /// Hears what there is at this hub: of its broadcaster's process, which may be another than
    /// before.
    pub(crate) fn step(&mut self, hub: Option<&Arc<Hub>>, tally: &Tally) -> Result<(), Fault> {
        let Some(hub) = hub else { return Ok(()) };
        if !self.listening.as_ref().is_some_and(|listening| Arc::ptr_eq(&listening.hub, hub)) {
            if self.listening.is_some() {
                tally.count("listener: gone on after a restart");
            }
            self.listen(hub);
        }
        let Some(listening) = &mut self.listening else { return Ok(()) };
        let (mut depths, mut trades) = (Vec::new(), Vec::new());
        while at_once(listening.depth.next(&mut depths)) == Some(Turn::GoOn) {}
        while at_once(listening.trades.next(&mut trades)) == Some(Turn::GoOn) {}
        depths.iter().try_for_each(|frame| self.take_depth(frame))?;
        trades.iter().try_for_each(|frame| self.take_trade(frame))
    }

    fn listen(&mut self, hub: &Arc<Hub>) {
        let instrument = self.instrument;
        let since = Some(self.last_trade);
        self.listening = Some(Listening {
            hub: Arc::clone(hub),
            depth: hub.subscribe(Feed::Depth { instrument }),
            trades: hub.subscribe(Feed::Trades { instrument, since }),
        });
        self.book = Depths::default();
    }

    fn take_depth(&mut self, frame: &Frame) -> Result<(), Fault> {
        match frame.content() {
            Content::Status(status) if status.sequence == self.book.sequence => {}
            Content::Snapshot(depth, _) => {
                self.book = Depths::default();
                self.book.set(depth);
            }
            Content::Depth(depth) if depth.sequence == self.book.sequence + 1 => {
                self.book.set(depth);
            }
            other => {
                let last = self.book.sequence;
                return Err(Fault::Market(format!("after change {last} came {other:?}")));
            }
        }
        Ok(())
    }

    fn take_trade(&mut self, frame: &Frame) -> Result<(), Fault> {
        let Content::Trade(trade) = frame.content() else {
            return Err(Fault::Market(format!("no trade but {:?}", frame.content())));
        };
        let known = self.trades.insert(trade.sequence, *trade);
        let is_next = trade.sequence == self.last_trade + 1;
        if !is_next || known.is_some() {
            let last = self.last_trade;
            return Err(Fault::Market(format!("after trade {last} came {}", trade.sequence)));
        }
        self.last_trade = trade.sequence;
        Ok(())
    }

    /// The book as it was told.
    pub(crate) fn depth(&self) -> Depth {
        let level = |(price, lots): (&Price, &u64)| Level { price: *price, lots: *lots };
        Depth {
            sequence: self.book.sequence,
            bids: self.book.bids.iter().rev().map(level).collect(),
            asks: self.book.asks.iter().map(level).collect(),
        }
    }
}

impl Depths {
    fn set(&mut self, depth: &Depth) {
        for (side, levels) in [(&mut self.bids, &depth.bids), (&mut self.asks, &depth.asks)] {
            for level in levels {
                if level.lots == 0 {
                    side.remove(&level.price);
                } else {
                    side.insert(level.price, level.lots);
                }
            }
        }
        self.sequence = depth.sequence;
    }
}
