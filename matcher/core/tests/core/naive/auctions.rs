//! Call auctions again, as simply as possible: every price is tried.

use model::{Fees, InstrumentId, MarketState, Price, Side, TradeId};

use super::{Ask, Event, LevelLine, Naive, Open, Party, Shares, taker};

impl Naive {
    /// It rests, whatever it would meet.
    pub(super) fn rest(&mut self, ask: &Ask) -> Event {
        let (party, price) = (taker(ask, 0), ask.limit.expect("it collects"));
        let Ask { instrument, side, until, .. } = *ask;
        let display = ask.display.unwrap_or(u64::MAX);
        let (shown, shares) = (party.left.min(display), Shares::default());
        self.open.push(Open { party, instrument, side, price, until, shares, display, shown });
        Event::Rests { price, party: Party { fees: Fees::NONE, ..party }, shown }
    }

    fn is_over(&self, open: &Open) -> bool {
        let is_expired = open.until.is_some_and(|until| until <= self.now);
        is_expired || self.is_closed(open.party.order).is_some()
    }

    /// Whether a buyer and a seller meet, of those that count.
    pub(super) fn crosses(&self, of: InstrumentId, counts: impl Fn(&Open) -> bool) -> bool {
        let counting = || self.open.iter().filter(|o| o.instrument == of && counts(o));
        let bid = counting().filter(|o| o.side == Side::Buy).map(|o| o.price).max();
        let ask = counting().filter(|o| o.side == Side::Sell).map(|o| o.price).min();
        bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask)
    }

    /// The price for all, tick by tick.
    pub fn auction_price(&self, of: InstrumentId) -> Option<u64> {
        if !self.crosses(of, |open| !self.is_over(open)) {
            return None;
        }
        let live = || self.open.iter().filter(|o| o.instrument == of && !self.is_over(o));
        let sum = |side: Side, reaches: &dyn Fn(u64) -> bool| -> i128 {
            let those = live().filter(|o| o.side == side && reaches(o.price.ticks()));
            those.map(|o| i128::from(o.party.left)).sum()
        };
        let prices = || live().map(|open| open.price.ticks());
        let (low, high) = (prices().min()?, prices().max()?);
        let at = |price: u64| {
            let bought = sum(Side::Buy, &|limit| limit >= price);
            let sold = sum(Side::Sell, &|limit| limit <= price);
            (price, bought.min(sold), bought - sold)
        };
        let all: Vec<(u64, i128, i128)> = (low..=high).map(at).collect();
        let most = all.iter().map(|(_, volume, _)| *volume).max()?;
        let of_most = || all.iter().filter(|(_, volume, _)| *volume == most);
        let least = of_most().map(|(.., left)| left.abs()).min()?;
        let best: Vec<_> = of_most().filter(|(.., left)| left.abs() == least).collect();
        let (first, last) = (best.first()?.0, best.last()?.0);
        let reference = self.markets[&of].last.map_or((first + last) / 2, Price::ticks);
        Some(if best.iter().all(|(.., left)| *left > 0) {
            last
        } else if best.iter().all(|(.., left)| *left < 0) {
            first
        } else {
            best.iter().map(|(price, ..)| *price).min_by_key(|p| p.abs_diff(reference))?
        })
    }

    /// A step of the first auction, of so many orders at most.
    pub fn uncross(&mut self, most: usize) -> (Vec<Event>, Vec<LevelLine>) {
        let in_auction = self.markets.iter().find(|(_, m)| m.state == MarketState::Auction);
        let Some((&of, _)) = in_auction else { return (Vec::new(), Vec::new()) };
        let before = self.totals();
        let (mut events, mut met) = (Vec::new(), 0);
        while met < most && self.crosses(of, |_| true) {
            let best = |side: Side| {
                let those = self.open.iter().enumerate();
                let those = those.filter(|(_, o)| o.instrument == of && o.side == side);
                let rank = |o: &Open| match side {
                    Side::Buy => -i128::from(o.price.ticks()),
                    Side::Sell => i128::from(o.price.ticks()),
                };
                those.min_by_key(|(_, o)| rank(o)).map(|(at, _)| at).expect("it crosses")
            };
            let heads = [best(Side::Buy), best(Side::Sell)];
            let counts = |at: usize| 1 + usize::from(self.is_paired(self.open[at].party.order));
            if let Some(at) = heads.into_iter().find(|at| self.is_over(&self.open[*at])) {
                met += counts(at);
                let open = self.open.remove(at);
                let party = open.party;
                let is_expired = open.until.is_some_and(|until| until <= self.now);
                let closed = self.is_closed(party.order).unwrap_or_default();
                let why = if is_expired { "expired" } else { closed };
                events.push(Event::Ends { party, why });
                self.follow(party.order, why, &mut events);
                continue;
            }
            let [bid, ask] = heads.map(|at| self.open[at].price.ticks());
            let auction = self.markets[&of].auction.expect("it is in one");
            let Some(price) = auction.0.filter(|price| bid >= *price && ask <= *price) else {
                let price = self.auction_price(of);
                self.markets.get_mut(&of).expect("listed").auction = Some((price, auction.1));
                continue;
            };
            met += counts(heads[0]) + counts(heads[1]);
            self.meet(of, heads, price, &mut events);
        }
        if !self.crosses(of, |_| true) {
            let market = self.markets.get_mut(&of).expect("listed");
            let (_, then) = market.auction.take().expect("it is in one");
            market.state = then;
        }
        self.wake(of, &events);
        if self.markets[&of].state != MarketState::Auction {
            self.sort_woken(of);
        }
        (events, self.changes(&before))
    }

    fn meet(&mut self, of: InstrumentId, heads: [usize; 2], price: u64, events: &mut Vec<Event>) {
        // The list is in order of entry: the first came first.
        let (maker, taker) = (heads[0].min(heads[1]), heads[0].max(heads[1]));
        let ids = [maker, taker].map(|at| self.open[at].party.order);
        for id in ids {
            events.extend(self.decide(id));
        }
        let [maker, taker] = ids.map(|id| {
            self.open.iter().position(|open| open.party.order == id).expect("it is not decided")
        });
        let quantity = self.open[maker].party.left.min(self.open[taker].party.left);
        for at in [maker, taker] {
            let open = &mut self.open[at];
            open.party.left -= quantity;
            open.shares.traded += quantity;
            open.shown = open.shown.min(open.party.left);
        }
        let market = self.markets.get_mut(&of).expect("listed");
        market.trades += 1;
        let at = Price::from_ticks(price).expect("in range");
        market.last = Some(at);
        market.reference = market.instrument.band.map(|_| (at, self.now));
        let [one, other] = [maker, taker].map(|at| self.open[at]);
        events.push(Event::Trade {
            number: TradeId(market.trades),
            price: at,
            quantity,
            taker_side: other.side,
            maker: one.party,
            taker: other.party,
            in_auction: true,
        });
        for party in [one.party, other.party] {
            if party.left == 0 {
                self.open.retain(|open| open.party.order != party.order);
                events.push(Event::Ends { party, why: "filled" });
                self.follow(party.order, "filled", events);
            }
        }
    }
}
