//! Market states again, as simply as possible.

use model::{InstrumentId, MarketState as State, OrderId, TimeInForce};

use super::{Ask, Event, Naive};

/// Whether a market takes an order like this.
pub(super) fn takes(state: State, ask: &Ask) -> bool {
    match state {
        State::Trading => true,
        State::PostOnly => ask.post_only,
        State::LimitOnly => ask.limit.is_some(),
        State::PreOpen | State::VolatilityAuction => {
            let sleeps = ask.trigger.is_some() || ask.trailing.is_some();
            let stays = !matches!(ask.lasts, TimeInForce::Ioc | TimeInForce::Fok);
            sleeps || (ask.limit.is_some() && stays && !ask.post_only)
        }
        State::CancelOnly | State::Halted | State::Delisted | State::Auction => false,
    }
}

/// Whether orders collect in it and nothing trades.
pub(super) fn collects(state: State) -> bool {
    [State::PreOpen, State::VolatilityAuction].contains(&state)
}

/// Whether it lets an order that rests be amended.
pub(super) fn amends_resting(state: State) -> bool {
    [State::Trading, State::PostOnly, State::LimitOnly].contains(&state) || collects(state)
}

fn goes_on(state: State, ask: &Ask) -> bool {
    state == State::Trading || (state == State::LimitOnly && ask.limit.is_some())
}

impl Naive {
    pub fn state(&self, instrument: InstrumentId) -> State {
        self.markets[&instrument].state
    }

    pub fn held(&self) -> Vec<OrderId> {
        self.markets.values().flat_map(|market| market.held.clone()).collect()
    }

    pub(super) fn is_delisted(&self, instrument: InstrumentId) -> bool {
        self.markets[&instrument].state == State::Delisted
    }

    fn may_go_on(&self, id: OrderId) -> bool {
        let ask = self.asleep.iter().find(|ask| ask.id == id).expect("it sleeps");
        goes_on(self.markets[&ask.instrument].state, ask)
    }

    /// One has woken: it goes on, or waits.
    pub(super) fn let_wake(&mut self, instrument: InstrumentId, id: OrderId) {
        let goes_on = self.may_go_on(id);
        let held = &mut self.markets.get_mut(&instrument).expect("listed").held;
        if goes_on { self.woken.push(id) } else { held.push(id) }
    }

    pub fn set_state(
        &mut self,
        instrument: InstrumentId,
        state: State,
    ) -> Result<(), &'static str> {
        if self.is_delisted(instrument) && state != State::Delisted {
            return Err("delisted before");
        }
        let opens = [State::Trading, State::PostOnly, State::LimitOnly].contains(&state);
        let is_auction =
            opens && self.markets[&instrument].state != state && self.crosses(instrument, |_| true);
        let market = self.markets.get_mut(&instrument).expect("listed");
        if is_auction {
            let price = market.auction.and_then(|(price, _)| price);
            market.auction = Some((price, state));
            market.state = State::Auction;
        } else {
            (market.auction, market.state) = (None, state);
        }
        market.stopped = None;
        self.sort_woken(instrument);
        Ok(())
    }

    pub(super) fn sort_woken(&mut self, instrument: InstrumentId) {
        let is_its = |id: &OrderId| {
            self.asleep.iter().any(|ask| ask.id == *id && ask.instrument == instrument)
        };
        let held = self.markets[&instrument].held.clone();
        let (free, mut waits): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|id| self.may_go_on(*id));
        let (stopped, woken): (Vec<_>, Vec<_>) =
            self.woken.iter().copied().partition(|id| is_its(id) && !self.may_go_on(*id));
        waits.extend(stopped);
        self.woken = [free, woken].concat();
        self.markets.get_mut(&instrument).expect("listed").held = waits;
    }

    /// Ends what is left of delisted markets, until so many have ended in all.
    pub(super) fn end_delisted(&mut self, most: usize, events: &mut Vec<Event>) {
        let delisted = self.markets.iter().filter(|(_, market)| market.state == State::Delisted);
        let delisted: Vec<InstrumentId> = delisted.map(|(id, _)| *id).collect();
        for instrument in delisted {
            let mut ids = self.markets[&instrument].held.clone();
            let resting = self.open.iter().filter(|open| open.instrument == instrument);
            let asleep = self.asleep.iter().filter(|ask| ask.instrument == instrument);
            let resting = resting.map(|open| (open.party.account, 0, open.party.order));
            let asleep = asleep.map(|ask| (ask.account, 1, ask.id));
            let mut others: Vec<_> = resting.chain(asleep).collect();
            others.sort_by_key(|(account, sleeps, _)| (*account, *sleeps));
            ids.extend(others.into_iter().map(|(.., id)| id));
            for id in ids {
                if events.len() < most && self.end_one(id, "delisted", events) {
                    self.follow(id, "delisted", events);
                }
            }
        }
    }
}
