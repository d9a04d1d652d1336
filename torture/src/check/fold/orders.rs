//! Orders: placed, traded, ended, each in the numbers that the log tells.

use std::sync::Arc;

use super::{Fold, Input, Now};
use crate::check::{
    finding::Check,
    wire::{Broken, Message},
};

/// What an order asks for, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check) struct Terms {
    pub(in crate::check) account: Arc<str>,
    pub(in crate::check) key_space: u32,
    pub(in crate::check) key: Box<str>,
    pub(in crate::check) instrument: u32,
    pub(in crate::check) side: u32,
    pub(in crate::check) kind: u32,
    pub(in crate::check) time_in_force: u32,
    pub(in crate::check) price_ticks: u64,
    pub(in crate::check) quantity_lots: u64,
    pub(in crate::check) quote_units: i128,
}

/// What can be told of an order: the numbers of `OrderStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::check) enum Status {
    Pending = 1,
    Open = 2,
    PartiallyFilled = 3,
    Filled = 4,
    Cancelled = 5,
    Expired = 6,
    Rejected = 7,
}

impl Status {
    /// As it is told.
    pub(in crate::check) const fn word(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Open => "open",
            Status::PartiallyFilled => "partially_filled",
            Status::Filled => "filled",
            Status::Cancelled => "cancelled",
            Status::Expired => "expired",
            Status::Rejected => "rejected",
        }
    }
}

/// What became of an order.
#[derive(Clone, Debug)]
pub(in crate::check) struct Order {
    pub(in crate::check) terms: Terms,
    pub(in crate::check) created_nanos: u64,
    pub(in crate::check) updated_nanos: u64,
    pub(in crate::check) remaining_lots: u64,
    pub(in crate::check) status: Status,
    pub(in crate::check) reason: &'static str,
    /// Every status that it had after an input.
    pub(in crate::check) had: Vec<Status>,
    /// Whether its key makes no other order.
    pub(in crate::check) uses_key: bool,
    /// How much of it lies in the book.
    pub(super) resting_lots: u64,
}

/// A trade.
#[derive(Clone, Debug)]
pub(in crate::check) struct Trade {
    pub(in crate::check) price_ticks: u64,
    pub(in crate::check) quantity_lots: u64,
    pub(in crate::check) maker: u64,
    pub(in crate::check) taker: u64,
    pub(in crate::check) maker_account: Arc<str>,
    pub(in crate::check) taker_account: Arc<str>,
    pub(in crate::check) taker_side: u32,
    pub(in crate::check) executed_nanos: u64,
}

pub(super) const BUY: u32 = 1;

/// Why an order was refused, by the numbers of `RefusalReason`.
const REFUSALS: [&str; 15] = [
    "unspecified",
    "late",
    "key_reused",
    "too_many_keys",
    "too_many_open_orders",
    "unknown_instrument",
    "unknown_asset",
    "unknown_order",
    "insufficient_funds",
    "not_successor",
    "bad_listing",
    "supply_limit",
    "too_many_accounts",
    "not_home",
    "too_many_parked",
];

/// Refusals after which the same key may still make an order.
const LEAVES_KEY_FREE: [u64; 6] = [1, 2, 3, 4, 12, 14];

/// Why an order ended, by the numbers of `EndReason`, from 3 on.
const EXPIRIES: [&str; 6] = [
    "immediate_or_cancel",
    "insufficient_liquidity",
    "price_protection",
    "insufficient_funds",
    "sweep_limit",
    "parked_too_long",
];

/// The terms of an order in the input that asks for it.
pub(super) fn asked(account: Arc<str>, place: &Message<'_>) -> Result<Terms, Broken> {
    Ok(Terms {
        account,
        key_space: place.small(1)?,
        key: place.text(2)?.into(),
        instrument: place.small(3)?,
        side: place.small(4)?,
        kind: place.small(5)?,
        time_in_force: place.small(6)?,
        price_ticks: place.number(7),
        quantity_lots: place.number(8),
        quote_units: super::money::amount(place.message(9)?),
    })
}

/// The terms of an order in its answer, one field further and with the account by its index.
fn terms(now: &Now<'_>, event: &Message<'_>) -> Result<Terms, Broken> {
    let terms = event.message(1)?.ok_or(Broken("an order without terms"))?;
    Ok(Terms {
        account: now.account(terms.small(1)?)?,
        key_space: terms.small(2)?,
        key: terms.text(3)?.into(),
        instrument: terms.small(4)?,
        side: terms.small(5)?,
        kind: terms.small(6)?,
        time_in_force: terms.small(7)?,
        price_ticks: terms.number(8),
        quantity_lots: terms.number(9),
        quote_units: super::money::amount(terms.message(10)?),
    })
}

impl Fold {
    /// An order came into being; returns its id.
    pub(super) fn placed(
        &mut self,
        now: &Now<'_>,
        event: &Message<'_>,
        input: Option<&Input>,
    ) -> Result<u64, Broken> {
        self.born(now, event, event.number(2), input, Status::Open, "")
    }

    pub(super) fn rejected(
        &mut self,
        now: &Now<'_>,
        event: &Message<'_>,
        input: Option<&Input>,
    ) -> Result<(), Broken> {
        let number = event.number(2);
        let reason = usize::try_from(number).ok().and_then(|number| REFUSALS.get(number));
        let reason = reason.ok_or(Broken("a refusal without a known reason"))?;
        let status = Status::Rejected;
        self.born(now, event, event.number(3), input, status, reason)?;
        Ok(())
    }

    /// An order waits for money of another shard.
    pub(super) fn parked(
        &mut self,
        now: &Now<'_>,
        event: &Message<'_>,
        input: Option<&Input>,
    ) -> Result<(), Broken> {
        self.born(now, event, 0, input, Status::Pending, "")?;
        Ok(())
    }

    /// `named` is the id of an order that was decided in the answer to another input, else 0.
    fn born(
        &mut self,
        now: &Now<'_>,
        event: &Message<'_>,
        named: u64,
        input: Option<&Input>,
        status: Status,
        reason: &'static str,
    ) -> Result<u64, Broken> {
        let terms = terms(now, event)?;
        let id = if named == 0 { now.own_id() } else { named };
        if named == 0 {
            let is_asked = input.and_then(|input| input.place.as_ref()) == Some(&terms);
            self.findings.hold(Check::Orders, is_asked, || {
                format!("order {id} has other terms than its input: {terms:?}")
            });
        }
        let before = self.orders.get(&id);
        // An order that waited has another answer than its own record's, and the same terms.
        let is_good = match before {
            Some(before) => named > 0 && before.status == Status::Pending && before.terms == terms,
            None => named == 0,
        };
        let created_nanos = before.map_or(now.nanos, |order| order.created_nanos);
        let is_first = before.is_none();
        self.findings.hold(Check::Orders, is_good, || {
            format!("order {id} came into being twice, or waited with other terms than {terms:?}")
        });
        let frees_key = status == Status::Rejected && LEAVES_KEY_FREE.contains(&event.number(2));
        // A key that was used by waiting stays used.
        let uses_key = !is_first || !frees_key;
        if is_first && uses_key {
            let key = (Arc::clone(&terms.account), terms.instrument, terms.key.clone());
            self.keys.entry(key).or_default().push(id);
        }
        let order = Order {
            created_nanos,
            updated_nanos: now.nanos,
            remaining_lots: terms.quantity_lots,
            status,
            reason,
            had: vec![status],
            uses_key,
            resting_lots: 0,
            terms,
        };
        self.orders.insert(id, order);
        Ok(id)
    }

    /// Two orders traded; returns both.
    pub(super) fn traded(
        &mut self,
        now: &Now<'_>,
        event: &Message<'_>,
    ) -> Result<[u64; 2], Broken> {
        let (instrument, number) = (event.small(1)?, event.number(2));
        let trade = Trade {
            price_ticks: event.number(3),
            quantity_lots: event.number(4),
            maker: event.number(5),
            taker: event.number(6),
            maker_account: now.account(event.small(7)?)?,
            taker_account: now.account(event.small(8)?)?,
            taker_side: event.small(11)?,
            executed_nanos: now.nanos,
        };
        let last = self.trades.range((instrument, 0)..=(instrument, u64::MAX)).next_back();
        let last = last.map_or(0, |((_, last), _)| *last);
        self.findings.hold(Check::Trades, number == last + 1, || {
            format!("trade {number} of instrument {instrument} comes after {last}")
        });
        self.trade_price(number, &trade);
        self.filled(now, trade.maker, &trade.maker_account, trade.quantity_lots, event.number(9));
        self.filled(now, trade.taker, &trade.taker_account, trade.quantity_lots, event.number(10));
        let both = [trade.maker, trade.taker];
        self.trades.insert((instrument, number), trade);
        Ok(both)
    }

    /// A trade is at the price of the order that was there first, and not worse than the other's.
    fn trade_price(&mut self, number: u64, trade: &Trade) {
        let limit = |id| self.orders.get(&id).map(|order| order.terms.price_ticks);
        let (at, taker_limit) = (trade.price_ticks, limit(trade.taker));
        let is_within = match (taker_limit, trade.taker_side) {
            (Some(0), _) => true,
            (Some(limit), BUY) => at <= limit,
            (Some(limit), _) => at >= limit,
            (None, _) => false,
        };
        let is_good = limit(trade.maker) == Some(at) && is_within && trade.quantity_lots > 0;
        self.findings.hold(Check::Trades, is_good, || format!("trade {number}: {trade:?}"));
    }

    fn filled(&mut self, now: &Now<'_>, id: u64, account: &str, lots: u64, remaining: u64) {
        let Some(order) = self.orders.get_mut(&id) else {
            return self.findings.fault(Check::Orders, format!("order {id} traded, unplaced"));
        };
        let is_good = order.status.is_open()
            && order.terms.account.as_ref() == account
            && order.remaining_lots.checked_sub(lots) == Some(remaining);
        if order.terms.quantity_lots > 0 {
            self.findings.hold(Check::Orders, is_good, || {
                format!("order {id} traded {lots} lots, {remaining} remain: {order:?}")
            });
        }
        order.remaining_lots = remaining;
        order.become_of(Status::PartiallyFilled, "", now.nanos);
    }

    /// An order's one end.
    pub(super) fn ended(&mut self, now: &Now<'_>, event: &Message<'_>) -> Result<u64, Broken> {
        let (id, why, remaining) = (event.number(1), event.number(4), event.number(5));
        let account = now.account(event.small(2)?)?;
        let (status, reason) = match why {
            1 => (Status::Filled, ""),
            2 => (Status::Cancelled, ""),
            _ => {
                let at = why.checked_sub(3).and_then(|at| usize::try_from(at).ok());
                let reason = at.and_then(|at| EXPIRIES.get(at));
                (Status::Expired, *reason.ok_or(Broken("an end without a known reason"))?)
            }
        };
        let Some(order) = self.orders.get_mut(&id) else {
            self.findings.fault(Check::Orders, format!("order {id} ended, unplaced"));
            return Ok(id);
        };
        let is_good = order.status.is_open()
            && order.terms.account == account
            && (order.remaining_lots == remaining || order.terms.quantity_lots == 0)
            && (status != Status::Filled || remaining == 0);
        self.findings.hold(Check::Orders, is_good, || {
            format!("order {id} ended as {status:?} with {remaining} lots left: {order:?}")
        });
        order.remaining_lots = remaining;
        order.become_of(status, reason, now.nanos);
        Ok(id)
    }

    /// The input repeats an order that was there before.
    pub(super) fn repeated(&mut self, now: &Now<'_>, original: u64) {
        // Deposits that are repeated name no order.
        if original == 0 {
            return;
        }
        self.findings.hold(Check::Orders, self.orders.contains_key(&original), || {
            format!("order {} repeats {original}, which is none", now.own_id())
        });
        self.aliases.insert(now.own_id(), original);
    }
}

impl Order {
    fn become_of(&mut self, status: Status, reason: &'static str, nanos: u64) {
        (self.status, self.reason, self.updated_nanos) = (status, reason, nanos);
        if self.had.last() != Some(&status) {
            self.had.push(status);
        }
    }
}

impl Status {
    /// Whether an order in it can trade or end.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Status::Pending | Status::Open | Status::PartiallyFilled)
    }
}
