//! Price bands again, as simply as possible.

use model::{InstrumentId, MarketState as State, Price, PriceBand, Side, TimeInForce};

use super::{Ask, Event, Naive};

/// How far away a price is: further than so many widths of the band.
fn is_beyond(band: &PriceBand, reference: Price, price: Price, widths: u128) -> bool {
    let [reference, price] = [reference, price].map(|price| u128::from(price.ticks()));
    price.abs_diff(reference) * 10_000 > reference * u128::from(band.width_bps) * widths
}

pub(super) fn rest_or_end(ask: &Ask) -> &'static str {
    let ends = ask.limit.is_none() || ask.lasts == TimeInForce::Ioc;
    if ends { "band" } else { "rests" }
}

impl Naive {
    /// Before an order does anything: an old reference price gives way to the last trade's.
    pub(super) fn refer(&mut self, of: InstrumentId) {
        let market = self.markets.get_mut(&of).expect("listed");
        let Some(band) = market.instrument.band else { return };
        let opens = [State::Trading, State::PostOnly, State::LimitOnly].contains(&market.state);
        let is_good = market.reference.is_some_and(|(_, since)| {
            band.reference_for.is_none_or(|span| self.now < since.plus(span))
        });
        if opens && !is_good {
            market.reference = market.last.map(|price| (price, self.now));
        }
    }

    /// Whether a trade of a taker at a price would be outside the band.
    pub(super) fn is_outside(&self, ask: &Ask, price: Price) -> bool {
        let market = &self.markets[&ask.instrument];
        let Some((band, (reference, _))) = market.instrument.band.zip(market.reference) else {
            return false;
        };
        let goes_away = match ask.side {
            Side::Buy => price > reference,
            Side::Sell => price < reference,
        };
        goes_away && is_beyond(&band, reference, price, 1)
    }

    /// The market collects orders from here on.
    pub(super) fn stop(&mut self, instrument: InstrumentId) -> Event {
        let market = self.markets.get_mut(&instrument).expect("listed");
        let band = market.instrument.band.expect("it has stopped it");
        let (reference, _) = market.reference.expect("it is around it");
        let opens_at = self.now.plus(band.auction_for);
        market.stopped = Some((opens_at, market.state, 2));
        market.state = State::VolatilityAuction;
        self.sort_woken(instrument);
        Event::Interrupts { instrument, reference, opens_at }
    }

    /// Opens the first market whose time has come, or puts that off.
    pub fn reopen(&mut self) -> Option<(InstrumentId, State)> {
        let mut all = self.markets.iter();
        let is_due = |market: &super::Market| market.stopped.is_some_and(|(at, ..)| at <= self.now);
        let instrument = *all.find(|(_, market)| is_due(market))?.0;
        let price = self.auction_price(instrument);
        let market = self.markets.get_mut(&instrument).expect("listed");
        let (_, then, widths) = market.stopped.expect("it is due");
        let around = market.instrument.band.zip(market.reference).zip(price);
        let is_too_far = around.is_some_and(|((band, (reference, _)), price)| {
            let price = Price::from_ticks(price).expect("in range");
            is_beyond(&band, reference, price, widths)
        });
        if is_too_far {
            let band = market.instrument.band.expect("it is too far away by it");
            market.stopped = Some((self.now.plus(band.auction_for), then, 2 * widths));
        } else {
            self.set_state(instrument, then).expect("it is not delisted");
        }
        Some((instrument, self.markets[&instrument].state))
    }

    /// Until when each market has stopped, and what the bands are around.
    pub fn standing(&self, of: InstrumentId) -> (Option<u64>, Option<Price>) {
        let market = &self.markets[&of];
        let opens_at = market.stopped.map(|(at, ..)| at.unix_nanos());
        (opens_at, market.reference.map(|(price, _)| price))
    }
}
