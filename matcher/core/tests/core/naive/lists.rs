//! Lists of orders again, as simply as possible: who hangs together is searched for from end to
//! end.

use model::{OrderId, Side};

use super::{Ask, Event, LevelLine, Naive, taker, waits_for_rise};

/// Two orders of which one is to cancel the other.
pub type Pair = [OrderId; 2];

/// Orders that wait for the first.
pub type Waiting = (OrderId, Vec<Ask>);

type Told = (Vec<Event>, Vec<LevelLine>);

impl Naive {
    pub fn place_pair(&mut self, pair: &[Ask; 2]) -> Told {
        let (mut events, mut lines) = self.place(&pair[0]);
        let (more, more_lines) = self.place(&pair[1]);
        events.extend(more);
        lines.extend(more_lines);
        self.pairs.push([pair[0].id, pair[1].id]);
        (events, lines)
    }

    pub fn place_working(&mut self, working: &Ask, pending: &[Ask]) -> Told {
        self.waits.push((working.id, pending.to_vec()));
        self.place(working)
    }

    /// What is due is placed, or dropped for the reason for which it is refused.
    pub fn place_due(&mut self) -> Told {
        if self.due.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let due = self.due.remove(0);
        let why = match &due[..] {
            [one] => self.refuses(one),
            [one, other] => self.refuses_pair(&[*one, *other]),
            _ => panic!("one or two are due"),
        };
        match (why, &due[..]) {
            (Some(why), _) => {
                let why = match why {
                    "already expired" => "expired",
                    "market" if self.is_delisted(due[0].instrument) => "delisted",
                    why => why,
                };
                let drops = due.iter().map(|ask| Event::Drops { party: taker(ask, 0), why });
                (drops.collect(), Vec::new())
            }
            (None, [one]) => self.place(one),
            (None, pair) => self.place_pair(&[pair[0], pair[1]]),
        }
    }

    pub fn refuses_pair(&self, pair: &[Ask; 2]) -> Option<&'static str> {
        let rises = |ask: &Ask| match ask.trigger {
            Some(at) => waits_for_rise(ask.side, at),
            None => ask.side == Side::Sell,
        };
        let at = |ask: &Ask| ask.trigger.map_or(ask.limit, |at| Some(at.price)).expect("a price");
        let (up, down): (Vec<&Ask>, Vec<&Ask>) = pair.iter().partition(|ask| rises(ask));
        let is_good = match (&up[..], &down[..]) {
            ([up], [down]) => match self.markets[&up.instrument].last {
                Some(last) => at(down) < last && last < at(up),
                None => at(down) < at(up),
            },
            _ => false,
        };
        if is_good { pair.iter().find_map(|ask| self.refuses(ask)) } else { Some("list prices") }
    }

    /// Cancels an order, and what hangs on it; or a whole list.
    pub fn cancel(&mut self, id: OrderId) -> Told {
        let before = self.totals();
        let mut events = Vec::new();
        self.cancel_one(id, &mut events);
        if events.is_empty() {
            for leg in id.legs() {
                self.cancel_one(leg, &mut events);
            }
        }
        (events, self.changes(&before))
    }

    pub(super) fn cancel_one(&mut self, id: OrderId, events: &mut Vec<Event>) {
        if self.end_one(id, "cancelled", events) {
            self.follow(id, "cancelled", events);
            return;
        }
        let is_its = |asks: &[Ask]| asks.iter().any(|ask| ask.id == id);
        let mut asks = Vec::new();
        if let Some(at) = self.waits.iter().position(|(_, asks)| is_its(asks)) {
            let (working, waiting) = self.waits.remove(at);
            asks = waiting;
            self.drop_one(&asks, |ask| ask.id == id, events);
            self.end_one(working, "cancelled", events);
        } else if let Some(at) = self.due.iter().position(|asks| is_its(asks)) {
            asks = self.due.remove(at);
            self.drop_one(&asks, |ask| ask.id == id, events);
        }
        self.drop_one(&asks, |ask| ask.id != id, events);
    }

    fn drop_one(&self, asks: &[Ask], which: impl Fn(&Ask) -> bool, events: &mut Vec<Event>) {
        let which = asks.iter().filter(|ask| which(ask));
        events.extend(which.map(|ask| Event::Drops { party: taker(ask, 0), why: "cancelled" }));
    }

    /// Ends an order that rests or sleeps. Whether there was one.
    pub(super) fn end_one(
        &mut self,
        id: OrderId,
        why: &'static str,
        events: &mut Vec<Event>,
    ) -> bool {
        let open = self.open.iter().position(|open| open.party.order == id);
        let asleep = self.asleep.iter().position(|ask| ask.id == id);
        let party = match (open, asleep) {
            (Some(at), _) => self.open.remove(at).party,
            (None, Some(at)) => taker(&self.asleep.remove(at), 0),
            (None, None) => return false,
        };
        self.woken.retain(|woken| *woken != id);
        for market in self.markets.values_mut() {
            market.held.retain(|held| *held != id);
        }
        events.push(Event::Ends { party, why });
        true
    }

    pub(super) fn is_paired(&self, id: OrderId) -> bool {
        self.pairs.iter().any(|pair| pair.contains(&id))
    }

    /// This one has its way: the other of its pair ends.
    pub(super) fn decide(&mut self, id: OrderId) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(at) = self.pairs.iter().position(|pair| pair.contains(&id)) {
            let pair = self.pairs.remove(at);
            let other = if pair[0] == id { pair[1] } else { pair[0] };
            self.end_one(other, "order list", &mut events);
        }
        events
    }

    /// This one has ended: what hangs on it follows.
    pub(super) fn follow(&mut self, id: OrderId, why: &'static str, events: &mut Vec<Event>) {
        let along = match why {
            "cancelled" | "closed" | "killed" | "delisted" => why,
            _ => "order list",
        };
        if let Some(at) = self.pairs.iter().position(|pair| pair.contains(&id)) {
            let pair = self.pairs.remove(at);
            let other = if pair[0] == id { pair[1] } else { pair[0] };
            self.end_one(other, along, events);
        }
        if let Some(at) = self.waits.iter().position(|(working, _)| *working == id) {
            let (_, asks) = self.waits.remove(at);
            if why == "filled" {
                self.due.push(asks);
            } else {
                let drops = asks.iter().map(|ask| (taker(ask, 0), along));
                events.extend(drops.map(|(party, why)| Event::Drops { party, why }));
            }
        }
    }
}
