//! Placing an order: every check first, in a fixed order, and only then everything at once.
//!
//! The order of the checks is part of the rules:
//!
//! 1. The key. The same content again is answered with the first result, also when it comes too
//!    late: what was executed is never denied. Other content under the key is refused.
//! 2. Lateness, what the log is not upgraded to, the bounds of the account, of the shard, and of
//!    the account in the instrument, and what those who run the platform do not let the account
//!    do. These refusals leave the key free.
//! 3. The instrument, what its filters and its book refuse, and the funds. These consume the key: a
//!    retry is told the same again. Where there are other shards the order waits for what is
//!    missing here.

use ledger_core::{MarketSize, hold_for, hold_for_market};
use matcher_core::{ContentHash, Holder, KeyCheck, NewOrder, OrderKey, Size};
use model::{
    AccountHandle, AccountName, Amount, AssetId, Fees, Instructions, Instrument, OrderId, Price,
    Side, TimeInForce,
};
use proto::{
    command::{Ask, PlaceOrder},
    draft::{Draft, Placed, Terms},
    log::{self, RefusalReason, event},
};
use spine::ClientInput;

use crate::{
    answer::{applied, duplicate, refused},
    content,
    exchange::Exchange,
    park::{Need, Waiting},
    replace::Replaced,
    room,
    terms::{Origin, order_key, terms, write_rejected},
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

    /// The same with what an order that goes lets go of.
    pub(crate) fn with(self, freed: Option<(AssetId, Amount)>) -> Funds {
        let freed = freed.filter(|(asset, _)| *asset == self.asset);
        let freed = freed.map_or(Amount::ZERO, |(_, amount)| amount);
        let available = self.available.checked_add(freed).expect("what one account has");
        Funds { available, ..self }
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
pub(crate) enum Way {
    Execute(Hold),
    Wait(Funds),
}

/// An order as its record brings it.
#[derive(Clone, Copy)]
struct Attempt {
    id: OrderId,
    origin: Origin,
    is_late: bool,
}

impl Exchange {
    pub(crate) fn place(
        &mut self,
        input: &ClientInput<'_>,
        place: &PlaceOrder,
        replaced: Option<&Replaced<'_>>,
        is_late: bool,
        body: &mut Draft,
    ) {
        let Some(id) = OrderId::at(self.partition, input.offset) else {
            // 8.8 * 10^12 records: centuries at any rate that one partition has.
            body.outcome = refused(RefusalReason::Late);
            return;
        };
        let account = &input.command.account;
        let origin = replaced.map_or(Origin::Record, Replaced::origin);
        let content = match replaced {
            None => content::hash(account, place),
            Some(replaced) => content::hash_replacing(account, replaced.command),
        };
        let attempt = Attempt { id, origin, is_late };
        let Some(key) = self.new_key(attempt, input, place, content, body) else { return };
        let keep_until = self.keep_until(&place.key, input);
        let way = match replaced {
            None => self.way(account, place),
            Some(replaced) => self.way_instead(account, place, replaced),
        };
        let leaves_key_free = match &way {
            Ok(Way::Wait(funds)) => {
                let has_room = self.park.has_room(self.accounts.find(account), funds.asset);
                (!has_room).then_some(RefusalReason::TooManyParked)
            }
            Err(RefusalReason::FundsElsewhere) => Some(RefusalReason::FundsElsewhere),
            _ => None,
        };
        if let Some(reason) = leaves_key_free {
            return reject(account, place, attempt, reason, body);
        }
        let has_account = way.is_ok() || self.accounts.find(account).is_some();
        let holder = if has_account { Holder::Account } else { Holder::Stranger };
        if self.keys.insert(key, content, id, keep_until, holder).is_err() {
            return reject(account, place, attempt, RefusalReason::TooManyKeys, body);
        }
        match way {
            Ok(Way::Execute(hold)) => {
                if let Some(replaced) = replaced {
                    self.end_replaced(replaced, body);
                }
                self.execute(id, origin, account, place, &hold, body);
                self.let_woken_go_on(body);
                body.outcome = applied();
            }
            Ok(Way::Wait(funds)) => self.park_order(id, input, place, &funds, body),
            Err(reason) => reject(account, place, attempt, reason, body),
        }
    }

    /// The order's key where it is new and nothing refuses the order without consuming it; else
    /// the record is answered.
    fn new_key(
        &mut self,
        attempt: Attempt,
        input: &ClientInput<'_>,
        place: &PlaceOrder,
        content: ContentHash,
        body: &mut Draft,
    ) -> Option<OrderKey> {
        let account = &input.command.account;
        let key = order_key(account, place.instrument, &place.key);
        match self.keys.check(&key, &content) {
            KeyCheck::Same { original } => {
                self.keys.alias(&key, attempt.id);
                body.outcome = duplicate(original.number());
                return None;
            }
            KeyCheck::OtherContent => {
                reject(account, place, attempt, RefusalReason::KeyReused, body);
                return None;
            }
            KeyCheck::New => {}
        }
        let is_known = input.command.command.behaviour() <= input.behaviour;
        let in_force = is_known.then_some(()).ok_or(RefusalReason::NotInForce);
        let checked = in_force.and_then(|()| self.check_admits(account, place, attempt.is_late));
        if let Err(reason) = checked.and_then(|()| self.take_rate(account, 1, input.now)) {
            reject(account, place, attempt, reason, body);
            return None;
        }
        Some(key)
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
        body: &mut Draft,
    ) {
        let command = input.command;
        let handle = self.open_with_group(&command.account).expect("room was checked");
        let account = self.named.index(handle, &self.accounts, body);
        let parked = log::OrderParked { terms: Some(terms(place, account)) };
        body.event(&event::Kind::OrderParked(parked));
        let waiting = Waiting::Order(place.clone());
        let times = (input.now, command.stamp.valid_until);
        self.wait(id, (handle, funds.asset), waiting, funds.need, times, body);
        body.outcome = applied();
    }

    /// What the instrument's filters and its book refuse, whatever money there is.
    pub(crate) fn check_book(&self, place: &PlaceOrder) -> Result<(), RefusalReason> {
        self.check_filters(place)?;
        self.check_rules(place)
    }

    /// What the book refuses of an order that has passed the filters.
    pub(crate) fn check_rules(&self, place: &PlaceOrder) -> Result<(), RefusalReason> {
        let PlaceOrder { instrument, side, ask, time_in_force, ref instructions, .. } = *place;
        if self.lacks_reference(place) {
            return Err(RefusalReason::NoReferencePrice);
        }
        let (price, size) = (ask.price(), size(ask));
        let checked = self.books.check(instrument, side, price, size, time_in_force, instructions);
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
        let (asset, need) = self.need_of_order(account, place, instrument);
        Ok(Funds { asset, need, available: self.accounts.available_to(account, asset) })
    }

    /// A limit order holds its terms, a market order a budget up to the price protection. One that
    /// sleeps first holds the same from the start, as if the last trade were what wakes it.
    pub(crate) fn need_of_order(
        &self,
        account: &AccountName,
        place: &PlaceOrder,
        instrument: &Instrument,
    ) -> (AssetId, Need) {
        let fees = self.fees_of_order(account, place);
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
        origin: Origin,
        account: &AccountName,
        place: &PlaceOrder,
        hold: &Hold,
        body: &mut Draft,
    ) {
        let handle = self.open_with_group(account).expect("room was checked");
        if hold.amount > Amount::ZERO {
            self.accounts
                .hold(handle, hold.asset, hold.amount, id, &mut self.postings)
                .expect("the funds were checked");
        }
        let order = self.new_order(id, handle, place, hold.amount);
        let index = self.named.index(handle, &self.accounts, body);
        let expires_at = order.instructions.expires_at;
        body.placed(&Placed {
            terms: Terms { account: index, place, replaces: origin.replaces() },
            order_id: origin.named(id),
            expires_at_unix_nanos: expires_at.map_or(0, |instant| instant.unix_nanos()),
            replaced_order_id: origin.replaced_order_id(),
        });
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
        let fees = self.fees_of_order(self.accounts.name(account), place);
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

    /// An order that waited is refused after all.
    pub(crate) fn reject_woken(
        &mut self,
        id: OrderId,
        account: &AccountName,
        place: &PlaceOrder,
        reason: RefusalReason,
        body: &mut Draft,
    ) {
        write_rejected(id, Origin::Parking, account, place, reason, body);
    }
}

fn reject(
    account: &AccountName,
    place: &PlaceOrder,
    Attempt { id, origin, .. }: Attempt,
    reason: RefusalReason,
    body: &mut Draft,
) {
    write_rejected(id, origin, account, place, reason, body);
    body.outcome = refused(reason);
}

pub(crate) const fn size(ask: Ask) -> Size {
    match ask {
        Ask::Limit { quantity, .. } | Ask::Market { quantity } => Size::Base(quantity),
        Ask::MarketByQuote { amount } => Size::Quote(amount),
    }
}
