//! Dead man's switches: an account's open orders end at an instant of the log, unless the account
//! moves it on in time. So they end too where nobody can reach the platform, or the platform was
//! down when the instant came.
//!
//! A switch is of an account's orders in one instrument, or of all; each is set apart. So is what
//! gateways set for a stream of orders whose end is to end them all: as long as it is open its
//! gateway moves the instant on, when it ends its gateway says so, and where there is no gateway
//! any more the instant comes. When time reaches a switch, before the record that brings the time
//! does anything, what rests and what sleeps is closed ([`matcher_core::Books::close`]), and what
//! waits for money is ended: a bounded number with each input, and meanwhile none of it trades.
//! What is placed afterwards is not of it.

use std::collections::{BTreeMap, BTreeSet};

use model::{AccountName, InstrumentId, OrderFilter, OrderId, Timestamp};
use proto::{
    command::CancelAfter,
    draft::Draft,
    log::{self, EndReason, RefusalReason, event},
};

use crate::{
    answer::{applied, refused},
    exchange::Exchange,
    limits::{PARKED_EXPIRIES_MAX, SWITCHES_MAX},
    park::Waiting,
};

/// Whose orders, and in which instrument where not in all.
pub(crate) type Whose = (AccountName, Option<InstrumentId>);

/// The same, and for which stream of orders it is set: 0 where the account itself has set it.
pub(crate) type Which = (AccountName, Option<InstrumentId>, u64);

/// Every switch of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    /// The instant of each that is set.
    pub(crate) set: BTreeMap<Which, Timestamp>,
    /// The same by instant.
    due: BTreeSet<(Timestamp, Which)>,
    /// Those that have gone off and of which something may still wait for money: through which.
    pub(crate) gone_off: BTreeMap<Whose, OrderId>,
}

impl Switches {
    /// Sets a switch; not where there are as many as may be.
    pub(crate) fn set(&mut self, which: Which, at: Timestamp) -> bool {
        if self.set.len() >= SWITCHES_MAX && !self.set.contains_key(&which) {
            return false;
        }
        self.unset(&which);
        self.due.insert((at, which.clone()));
        self.set.insert(which, at);
        true
    }

    fn unset(&mut self, which: &Which) {
        if let Some(at) = self.set.remove(which) {
            self.due.remove(&(at, which.clone()));
        }
    }

    /// The next that goes off by `now`: it is set no longer.
    fn go_off(&mut self, now: Timestamp) -> Option<Which> {
        let (_, which) = self.due.first().filter(|(at, _)| *at <= now)?.clone();
        self.unset(&which);
        Some(which)
    }

    /// Whether what waits under `id` is of one that has gone off.
    fn includes(&self, name: &AccountName, instrument: InstrumentId, id: OrderId) -> bool {
        !self.gone_off.is_empty()
            && [None, Some(instrument)].into_iter().any(|which| {
                let through = self.gone_off.get(&(name.clone(), which));
                through.is_some_and(|through| id <= *through)
            })
    }
}

impl Exchange {
    /// Sets, moves or takes away a switch of this account.
    pub(crate) fn cancel_after(
        &mut self,
        name: &AccountName,
        after: &CancelAfter,
        now: Timestamp,
        body: &mut Draft,
    ) {
        let which = (name.clone(), after.instrument, after.session);
        let is_unknown = after.instrument.is_some_and(|one| self.books.instrument(one).is_none());
        if is_unknown {
            body.outcome = refused(RefusalReason::UnknownInstrument);
            return;
        }
        if after.has_ended {
            self.switches.unset(&which);
            return self.cancel_all(name, &OrderFilter::all(after.instrument), body);
        }
        let at = (after.timeout.nanos() > 0).then(|| now.plus(after.timeout));
        match at {
            Some(at) if !self.switches.set(which.clone(), at) => {
                body.outcome = refused(RefusalReason::TooManyCancelAfters);
                return;
            }
            Some(_) => {}
            None => self.switches.unset(&which),
        }
        let account = body.account(name.as_str());
        let set = log::CancelAfterSet {
            account,
            instrument_id: after.instrument.map_or(0, |instrument| instrument.0),
            cancels_at_unix_nanos: at.map_or(0, Timestamp::unix_nanos),
            session: after.session,
        };
        body.event(&event::Kind::CancelAfterSet(set));
        body.outcome = applied();
    }

    /// Time has come to `now`: switches go off, and what waits for money and is of them ends, as
    /// much of it as fits an answer. Tells how many orders ended that were due, and how many that
    /// waited.
    pub(crate) fn let_switches_go_off(
        &mut self,
        now: Timestamp,
        body: &mut Draft,
    ) -> (usize, usize) {
        self.matched.clear();
        while let Some((name, instrument, _)) = self.switches.go_off(now) {
            let Some(account) = self.accounts.find(&name) else { continue };
            self.books.close(account, instrument, &mut self.matched);
            if let Some(last) = self.park.of(account).max() {
                self.switches.gone_off.insert((name, instrument), last);
            }
        }
        let dropped = self.matched.events.len();
        self.write_matched(body);
        self.matched.clear();
        let mut left = PARKED_EXPIRIES_MAX;
        while let Some((which, _)) = self.switches.gone_off.first_key_value() {
            let (name, instrument) = which.clone();
            let parked = self.parked_of_switch(&name, instrument, left);
            left -= parked.len();
            for id in parked {
                self.end_parked(id, EndReason::CancelAfter, body);
            }
            if left == 0 {
                break;
            }
            self.switches.gone_off.pop_first();
        }
        (dropped, PARKED_EXPIRIES_MAX - left)
    }

    fn parked_of_switch(
        &self,
        name: &AccountName,
        instrument: Option<InstrumentId>,
        most: usize,
    ) -> Vec<OrderId> {
        let Some(account) = self.accounts.find(name) else { return Vec::new() };
        let is_it = |id: &OrderId| {
            self.parked_in(*id).is_some_and(|waits_in| {
                instrument.is_none_or(|one| one == waits_in)
                    && self.switches.includes(name, waits_in, *id)
            })
        };
        self.park.of(account).filter(is_it).take(most).collect()
    }

    /// What the parked order of this id is to trade.
    fn parked_in(&self, id: OrderId) -> Option<InstrumentId> {
        match &self.park.get(id)?.waiting {
            Waiting::Order(place) => Some(place.instrument),
            Waiting::List(list) => Some(list.instrument),
            Waiting::Withdrawal(_) | Waiting::Transfer(_) => None,
        }
    }

    /// Ends a parked order that is of a switch that has gone off, and tells whether it was: it must
    /// not go on.
    pub(crate) fn ends_switched(&mut self, id: OrderId, body: &mut Draft) -> bool {
        let Some(parked) = self.park.get(id) else { return false };
        let name = self.accounts.name(parked.purse.0);
        let is_it =
            self.parked_in(id).is_some_and(|waits_in| self.switches.includes(name, waits_in, id));
        if is_it {
            self.end_parked(id, EndReason::CancelAfter, body);
        }
        is_it
    }
}
