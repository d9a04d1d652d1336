//! Placing an order: every check first, in a fixed order, and only then everything at once.
//!
//! The order of the checks is part of the rules:
//!
//! 1. The key. The same content again is answered with the first result, also when it comes too
//!    late: what was executed is never denied. Other content under the key is refused.
//! 2. Lateness, what the log is not upgraded to, the bounds of the account and of the shard. These
//!    refusals leave the key free.
//! 3. The instrument, what its book refuses, and the funds. These consume the key: a retry is told
//!    the same again. Where there are other shards the order waits for what is missing here.

use ledger_core::{MarketSize, hold_for, hold_for_market};
use matcher_core::{Holder, KeyCheck, NewOrder, OrderKey, Size};
use model::{
    AccountHandle, AccountName, Amount, AssetId, Fees, Instructions, Instrument, InstrumentId,
    OrderId, Price, Side, TimeInForce,
};
use proto::{
    command::{Ask, Key, KeySpace, PlaceOrder},
    convert,
    log::{self, RefusalReason, event},
};
use spine::ClientInput;

use crate::{
    answer::{self, applied, duplicate, refused},
    content,
    exchange::Exchange,
    park::{Need, Waiting},
    room,
};

/// What an order must hold before it may trade.
pub(crate) struct Hold {
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
}

/// What an order needs, and what its account can use of it here.
pub(crate) struct Funds {
    pub(crate) asset: AssetId,
    pub(crate) need: Need,
    pub(crate) available: Amount,
}

impl Funds {
    /// Whether no more would be of any use.
    pub(crate) fn is_enough(&self) -> bool {
        self.available >= self.need.whole && self.available > Amount::ZERO
    }

    /// What the order holds if no more can be had.
    pub(crate) fn hold(&self) -> Result<Hold, RefusalReason> {
        let Need { whole, takes_less } = self.need;
        let amount = if takes_less { whole.min(self.available) } else { whole };
        if self.available < amount || self.available <= Amount::ZERO {
            return Err(RefusalReason::InsufficientFunds);
        }
        Ok(Hold { asset: self.asset, amount })
    }
}

/// What becomes of an order that is not refused.
enum Way {
    Execute(Hold),
    Wait(Funds),
}

/// Whether an order is decided by its own record or waited before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Never,
    FromParking,
}

impl Woken {
    /// The id that an event names: none where it is that of the answered input.
    pub(crate) const fn named(self, id: OrderId) -> u64 {
        match self {
            Woken::Never => 0,
            Woken::FromParking => id.number(),
        }
    }
}

impl Exchange {
    pub(crate) fn place(
        &mut self,
        input: &ClientInput<'_>,
        place: &PlaceOrder,
        is_late: bool,
        body: &mut log::AnswerBody,
    ) {
        let Some(id) = OrderId::at(self.partition, input.offset) else {
            // 8.8 * 10^12 records: centuries at any rate that one partition has.
            body.outcome = refused(RefusalReason::Late);
            return;
        };
        let account = &input.command.account;
        let key = order_key(account, place.instrument, &place.key);
        let content = content::hash(account, place);
        match self.keys.check(&key, &content) {
            KeyCheck::Same { original } => {
                self.keys.alias(original, id);
                body.outcome = duplicate(original.number());
                return;
            }
            KeyCheck::OtherContent => {
                return self.reject(account, place, RefusalReason::KeyReused, body);
            }
            KeyCheck::New => {}
        }
        let is_known = place.behaviour() <= input.behaviour;
        let in_force = is_known.then_some(()).ok_or(RefusalReason::NotInForce);
        let has_room = || {
            self.check_room(account, is_late)?;
            self.check_fees(place)
        };
        if let Err(reason) = in_force.and_then(|()| has_room()) {
            return self.reject(account, place, reason, body);
        }
        let keep_until = self.keep_until(&place.key, input);
        let way = self.way(account, place);
        if let Ok(Way::Wait(funds)) = &way
            && !self.park.has_room(self.accounts.find(account), funds.asset)
        {
            return self.reject(account, place, RefusalReason::TooManyParked, body);
        }
        let has_account = way.is_ok() || self.accounts.find(account).is_some();
        let holder = if has_account { Holder::Account } else { Holder::Stranger };
        if self.keys.insert(key, content, id, keep_until, holder).is_err() {
            return self.reject(account, place, RefusalReason::TooManyKeys, body);
        }
        match way {
            Ok(Way::Execute(hold)) => {
                self.execute(id, account, place, &hold, Woken::Never, body);
                self.let_woken_go_on(body);
                body.outcome = applied();
            }
            Ok(Way::Wait(funds)) => self.park_order(id, input, place, &funds, body),
            Err(reason) => self.reject(account, place, reason, body),
        }
    }

    fn way(&self, account: &AccountName, place: &PlaceOrder) -> Result<Way, RefusalReason> {
        self.check_book(place)?;
        let funds = self.funds_of(account, place)?;
        let is_short = self.accounts.partition_count() > 1 && !funds.is_enough();
        if is_short && self.may_be_elsewhere(account) {
            return Ok(Way::Wait(funds));
        }
        funds.hold().map(Way::Execute)
    }

    /// Whether other shards may have money of this account. Outside a sandbox one that is not known
    /// at its home has nothing anywhere.
    pub(crate) fn may_be_elsewhere(&self, account: &AccountName) -> bool {
        self.accounts.partition_count() > 1
            && (self.accounts.grant().is_some()
                || !self.accounts.is_home(account)
                || self.accounts.find(account).is_some())
    }

    fn park_order(
        &mut self,
        id: OrderId,
        input: &ClientInput<'_>,
        place: &PlaceOrder,
        funds: &Funds,
        body: &mut log::AnswerBody,
    ) {
        let command = input.command;
        let opened = self.accounts.open(&command.account, &mut self.postings);
        let handle = opened.expect("room was checked");
        self.tell_group(handle);
        let account = self.named.index(handle, &self.accounts, body);
        let parked = log::OrderParked { terms: Some(terms(place, account)) };
        body.events.push(answer::event(event::Kind::OrderParked(parked)));
        let waiting = Waiting::Order(place.clone());
        let times = (input.now, command.stamp.valid_until);
        self.wait(id, (handle, funds.asset), waiting, funds.need, times, body);
        body.outcome = applied();
    }

    /// What the order's book refuses, whatever money there is.
    pub(crate) fn check_book(&self, place: &PlaceOrder) -> Result<(), RefusalReason> {
        let PlaceOrder { instrument, side, ask, ref instructions, .. } = *place;
        if self.lacks_reference(place) {
            return Err(RefusalReason::NoReferencePrice);
        }
        let checked = self.books.check(instrument, side, ask.price(), size(ask), instructions);
        checked.map_err(room::refusal_of_book)
    }

    /// What an order needs, and what of it is here.
    pub(crate) fn funds_of(
        &self,
        account: &AccountName,
        place: &PlaceOrder,
    ) -> Result<Funds, RefusalReason> {
        let instrument =
            self.books.instrument(place.instrument).ok_or(RefusalReason::UnknownInstrument)?;
        let (asset, need) = self.need_of_order(place, instrument);
        Ok(Funds { asset, need, available: self.accounts.available_to(account, asset) })
    }

    /// A limit order holds its terms, a market order a budget up to the price protection. One that
    /// sleeps first holds the same from the start, as if the last trade were what wakes it.
    pub(crate) fn need_of_order(
        &self,
        place: &PlaceOrder,
        instrument: &Instrument,
    ) -> (AssetId, Need) {
        let fees = self.fees_of_order(place);
        self.need_of_ask(place.side, place.ask, &place.instructions, &fees, instrument)
    }

    /// The same, of its parts.
    pub(crate) fn need_of_ask(
        &self,
        side: Side,
        ask: Ask,
        said: &Instructions,
        fees: &Fees,
        instrument: &Instrument,
    ) -> (AssetId, Need) {
        let size = match ask {
            Ask::Limit { price, quantity } => {
                let (asset, whole) = hold_for(side, instrument, fees, price, quantity);
                return (asset, Need { whole, takes_less: false });
            }
            Ask::Market { quantity } => MarketSize::Base(quantity),
            Ask::MarketByQuote { amount } => MarketSize::Quote(amount),
        };
        if let Some(bound) = self.bound_asleep(side, said, instrument) {
            let (asset, whole) = hold_for_market(side, instrument, fees, size, bound, Amount::MAX);
            return (asset, Need { whole, takes_less: false });
        }
        // Without a bound there is nothing to trade with, and any price gives the asset.
        let bound = self.books.market_bound(instrument.id, side);
        let price = bound.unwrap_or(Price::MIN);
        let whole_or_least =
            |available| hold_for_market(side, instrument, fees, size, price, available);
        let (asset, whole) = whole_or_least(Amount::MAX);
        let (_, least) = whole_or_least(Amount::ZERO);
        (asset, Need { whole, takes_less: least < whole })
    }

    /// Nothing below can fail: everything was checked.
    pub(crate) fn execute(
        &mut self,
        id: OrderId,
        account: &AccountName,
        place: &PlaceOrder,
        hold: &Hold,
        woken: Woken,
        body: &mut log::AnswerBody,
    ) {
        let handle = self.accounts.open(account, &mut self.postings).expect("room was checked");
        self.tell_group(handle);
        if hold.amount > Amount::ZERO {
            self.accounts
                .hold(handle, hold.asset, hold.amount, id, &mut self.postings)
                .expect("the funds were checked");
        }
        let order = self.new_order(id, handle, place, hold.amount);
        let index = self.named.index(handle, &self.accounts, body);
        let expires_at = order.instructions.expires_at;
        let placed = log::OrderPlaced {
            terms: Some(terms(place, index)),
            order_id: woken.named(id),
            expires_at_unix_nanos: expires_at.map_or(0, |instant| instant.unix_nanos()),
        };
        body.events.push(answer::event(event::Kind::OrderPlaced(placed)));
        self.books.place(&order, &mut self.matched);
        self.settle_taker(&order, hold.amount);
        self.write_matched(body);
    }

    /// The order as its book takes it: one for the day learns here when that ends.
    pub(crate) fn new_order(
        &self,
        id: OrderId,
        account: AccountHandle,
        place: &PlaceOrder,
        funds: Amount,
    ) -> NewOrder {
        let expires_at = match place.time_in_force {
            TimeInForce::Day => Some(self.books.now().end_of_day()),
            _ => place.instructions.expires_at,
        };
        let fees = self.fees_of_order(place);
        NewOrder {
            id,
            account,
            instrument: place.instrument,
            side: place.side,
            order_type: place.ask.order_type(),
            time_in_force: place.time_in_force,
            price: place.ask.price(),
            size: size(place.ask),
            funds,
            fees,
            instructions: Instructions { expires_at, ..place.instructions },
        }
    }

    fn reject(
        &mut self,
        account: &AccountName,
        place: &PlaceOrder,
        reason: RefusalReason,
        body: &mut log::AnswerBody,
    ) {
        write_rejected(account, place, reason, 0, body);
        body.outcome = refused(reason);
    }

    /// An order that waited is refused after all.
    pub(crate) fn reject_woken(
        &mut self,
        id: OrderId,
        account: &AccountName,
        place: &PlaceOrder,
        reason: RefusalReason,
        body: &mut log::AnswerBody,
    ) {
        write_rejected(account, place, reason, Woken::FromParking.named(id), body);
    }
}

pub(crate) const fn size(ask: Ask) -> Size {
    match ask {
        Ask::Limit { quantity, .. } | Ask::Market { quantity } => Size::Base(quantity),
        Ask::MarketByQuote { amount } => Size::Quote(amount),
    }
}

fn write_rejected(
    account: &AccountName,
    place: &PlaceOrder,
    reason: RefusalReason,
    order_id: u64,
    body: &mut log::AnswerBody,
) {
    let index = u32::try_from(body.accounts.len()).unwrap_or(u32::MAX);
    body.accounts.push(account.as_str().to_owned());
    let (terms, reason) = (Some(terms(place, index)), reason.into());
    let rejected = log::OrderRejected { terms, reason, order_id };
    body.events.push(answer::event(event::Kind::OrderRejected(rejected)));
}

pub(crate) fn order_key(account: &AccountName, instrument: InstrumentId, key: &Key) -> OrderKey {
    let Key { space, text } = key;
    OrderKey {
        account: account.clone(),
        instrument,
        space: match space {
            KeySpace::ClientOrderId => matcher_core::KeySpace::ClientOrderId,
            KeySpace::IdempotencyKey => matcher_core::KeySpace::IdempotencyKey,
            KeySpace::Generated => matcher_core::KeySpace::Generated,
        },
        text: text.clone(),
    }
}

pub(crate) fn terms(place: &PlaceOrder, account: u32) -> log::OrderTerms {
    let (price_ticks, quantity_lots, quote_quantity) = place.ask.into();
    log::OrderTerms {
        account,
        key_space: log::KeySpace::from(place.key.space).into(),
        key: place.key.text.as_str().to_owned(),
        instrument_id: place.instrument.0,
        side: convert::side_to_wire(place.side).into(),
        r#type: convert::type_to_wire(place.ask.order_type()).into(),
        time_in_force: convert::time_in_force_to_wire(place.time_in_force).into(),
        price_ticks,
        quantity_lots,
        quote_quantity,
        instructions: convert::instructions_to_wire(&place.instructions),
    }
}
