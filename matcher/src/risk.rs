//! What one account may risk, asked of each order before anything is done. What is open is not
//! asked again. A refusal leaves the key free.
//!
//! - **Order notional**, by quote asset: price times quantity; of a market order its amount or, by
//!   quantity, at its trigger or the last trade's price. Fees are not counted.
//! - **Position**, by base asset, of a buy: all that the account has here, held or not, and what
//!   its open buys would bring, with what this one would. By quote amount it is as much as that
//!   pays for at the last trade's price. What waits for another order of its list is not open yet.
//! - **Collar**: a buyer's limit above, a seller's below the price of the last trade by so much.
//! - **Open orders** of the account on this shard, of whatever instrument, with those that come.
//! - **Rate**: a bucket in the log's time. It holds so many orders, and each second so many come
//!   back; an order that comes takes one, whatever becomes of it then, but for one that is refused
//!   here or before. It is kept as the one instant at which the bucket is full again.
//!
//! Where no price is known yet what needs one is not asked. Each shard counts what it has.
//!
//! An order of an account with a position limit costs a pass over its open orders; all else O(1).

mod table;

use model::{
    AccountHandle, AccountName, Amount, AssetId, Instructions, Instrument, InstrumentId, Price,
    Quantity, RiskLimits, Side, Timestamp,
};
use proto::{
    command::{Ask, PlaceList, PlaceOrder},
    log::{self, RefusalReason},
};

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    limits::CONTROLLED_ACCOUNTS_MAX,
};

pub(crate) use self::table::LimitsTable;

/// The limits of an account, and its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limited {
    pub(crate) limits: RiskLimits,
    /// When the bucket is full again.
    pub(crate) full_at: Timestamp,
}

/// What is asked of one order.
struct Terms<'a> {
    side: Side,
    ask: Ask,
    said: &'a Instructions,
}

impl Exchange {
    pub(crate) fn set_risk_limits(
        &mut self,
        name: &AccountName,
        limits: &RiskLimits,
    ) -> Option<log::Outcome> {
        let in_force = self.controls.limits.of(name);
        let is_none = *limits == RiskLimits::default();
        if in_force.map_or(is_none, |limited| limited.limits == *limits) {
            return duplicate(0);
        }
        if is_none {
            self.controls.limits.remove(name);
        } else {
            if in_force.is_none() && self.controls.limits.len() >= CONTROLLED_ACCOUNTS_MAX {
                return refused(RefusalReason::TooManyControlled);
            }
            let limited = Limited { limits: limits.clone(), full_at: Timestamp::EPOCH };
            self.controls.limits.insert(name.clone(), limited);
        }
        let account = self.accounts.find(name);
        self.controls.note(name, account);
        applied()
    }

    fn limits_of(&self, name: &AccountName) -> Option<&RiskLimits> {
        let limited = self.controls.limits.get(self.limits_place(name)?);
        limited.map(|limited| &limited.limits)
    }

    /// Whether the account may risk this order.
    pub(crate) fn check_risk(
        &self,
        name: &AccountName,
        place: &PlaceOrder,
    ) -> Result<(), RefusalReason> {
        let Some(limits) = self.limits_of(name) else { return Ok(()) };
        let PlaceOrder { instrument, side, ask, instructions: ref said, .. } = *place;
        self.check_open_limit(name, limits, 1)?;
        self.check_terms(name, limits, instrument, &Terms { side, ask, said })
    }

    /// The same of all orders of a list, each by itself.
    pub(crate) fn check_risk_of_list(
        &self,
        name: &AccountName,
        list: &PlaceList,
    ) -> Result<(), RefusalReason> {
        let Some(limits) = self.limits_of(name) else { return Ok(()) };
        self.check_open_limit(name, limits, list.legs.len())?;
        list.legs.iter().try_for_each(|leg| {
            let terms = Terms { side: leg.side, ask: leg.ask, said: &leg.instructions };
            self.check_terms(name, limits, list.instrument, &terms)
        })
    }

    fn check_open_limit(
        &self,
        name: &AccountName,
        limits: &RiskLimits,
        more: usize,
    ) -> Result<(), RefusalReason> {
        let open = self.accounts.find(name).map_or(0, |account| self.books.open_count(account));
        let most = limits.max_open_orders as usize;
        let is_within = most == 0 || open + more <= most;
        is_within.then_some(()).ok_or(RefusalReason::TooManyOpenOrders)
    }

    fn check_terms(
        &self,
        name: &AccountName,
        limits: &RiskLimits,
        instrument: InstrumentId,
        terms: &Terms<'_>,
    ) -> Result<(), RefusalReason> {
        let Some(instrument) = self.books.instrument(instrument) else { return Ok(()) };
        let last = self.books.last_price(instrument.id);
        let Terms { side, ask, said } = terms;
        let trigger = said.trigger.map(|trigger| trigger.price);
        let at = ask.price().or(trigger).or(last);
        let (worth, quantity) = match *ask {
            Ask::Limit { quantity, .. } | Ask::Market { quantity } => {
                (at.map(|at| instrument.notional(at, quantity)), Some(quantity))
            }
            Ask::MarketByQuote { amount } => {
                (Some(amount), at.map(|at| instrument.affordable(amount, at)))
            }
        };
        let most = limits.of(instrument.quote).map_or(Amount::ZERO, |of| of.max_order_notional);
        if !most.is_zero() && worth.is_some_and(|worth| worth > most) {
            return Err(RefusalReason::MaxOrderNotional);
        }
        let is_beyond = |(price, last)| is_beyond(limits.price_collar_bps, *side, price, last);
        if ask.price().zip(last).is_some_and(is_beyond) {
            return Err(RefusalReason::PriceCollar);
        }
        match (side, quantity) {
            (Side::Buy, Some(quantity)) => self.check_position(name, limits, instrument, quantity),
            _ => Ok(()),
        }
    }

    fn check_position(
        &self,
        name: &AccountName,
        limits: &RiskLimits,
        instrument: &Instrument,
        quantity: Quantity,
    ) -> Result<(), RefusalReason> {
        let base = instrument.base;
        let most = limits.of(base).map_or(Amount::ZERO, |of| of.max_position);
        if most.is_zero() {
            return Ok(());
        }
        let bought = instrument.base_amount(quantity);
        let position = match self.accounts.find(name) {
            Some(account) => self.position(account, base).checked_add(bought),
            // One that a sandbox has not opened yet has its grant.
            None => self.accounts.available_to(name, base).checked_add(bought),
        };
        // A sum that does not fit is beyond any limit.
        let is_within = position.is_some_and(|position| position <= most);
        is_within.then_some(()).ok_or(RefusalReason::MaxPosition)
    }

    /// What an account has of an asset, and what its open buys would bring of it.
    fn position(&self, account: AccountHandle, asset: AssetId) -> Amount {
        let balance = self.accounts.balance(account, asset);
        let brings = |instrument: InstrumentId, side: Side, quantity: Quantity| {
            let instrument = self.books.instrument(instrument)?;
            let is_it = side == Side::Buy && instrument.base == asset;
            is_it.then(|| instrument.base_amount(quantity))
        };
        let resting = self.books.orders_of(account);
        let resting = resting.filter_map(|one| brings(one.instrument, one.side, one.remaining));
        let asleep = self.books.sleepers_of(account).filter_map(|sleeper| {
            let matcher_core::Size::Base(quantity) = sleeper.order.size else { return None };
            brings(sleeper.order.instrument, sleeper.order.side, quantity)
        });
        let has = balance.available.checked_add(balance.held);
        let all = resting.chain(asleep).try_fold(has.unwrap_or(Amount::MAX), Amount::checked_add);
        all.unwrap_or(Amount::MAX)
    }

    /// Takes so many orders out of the account's bucket, where there are as many in it.
    pub(crate) fn take_rate(
        &mut self,
        name: &AccountName,
        count: usize,
        now: Timestamp,
    ) -> Result<(), RefusalReason> {
        let Some(place) = self.limits_place(name) else { return Ok(()) };
        let Some(limited) = self.controls.limits.get_mut(place) else { return Ok(()) };
        let Some(rate) = limited.limits.rate else { return Ok(()) };
        let interval = rate.interval().nanos();
        let taken = interval * u64::try_from(count).unwrap_or(u64::MAX).min(1 << 10);
        let full_at = limited.full_at.max(now).unix_nanos().saturating_add(taken);
        let most = interval * u64::from(rate.burst);
        if full_at - now.unix_nanos() > most {
            return Err(RefusalReason::OrderRate);
        }
        limited.full_at = Timestamp::from_unix_nanos(full_at);
        Ok(())
    }
}

/// Whether a limit is further beyond the price of the last trade than the collar lets it be.
fn is_beyond(collar_bps: u32, side: Side, price: Price, last: Price) -> bool {
    const WHOLE_BPS: u64 = 10_000;
    let (price, last) = (price.ticks(), last.ticks());
    let collar = u64::from(collar_bps);
    collar > 0
        && match side {
            // Below 2^40 * 2^21.
            Side::Buy => price * WHOLE_BPS > last * (WHOLE_BPS + collar),
            Side::Sell => price * WHOLE_BPS < last * WHOLE_BPS.saturating_sub(collar),
        }
}
