//! Placing an order: every check first, in a fixed order, and only then everything at once.
//!
//! The order of the checks is part of the rules:
//!
//! 1. The key. The same content again is answered with the first result, also when it comes too
//!    late: what was executed is never denied. Other content under the key is refused.
//! 2. Lateness, the bounds of the account and of the shard. These refusals leave the key free.
//! 3. The instrument and the funds. These consume the key: a retry is told the same again.

use ledger_core::{MarketSize, hold_for, hold_for_market};
use matcher_core::{Holder, KeyCheck, NewOrder, OrderKey, Size};
use model::{AccountName, Amount, AssetId, Instrument, OrderId, Price};
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
    fund::refusal,
    limits::OPEN_ORDERS_PER_ACCOUNT_MAX,
};

/// What an order must hold before it may trade.
struct Hold {
    asset: AssetId,
    amount: Amount,
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
        let key = order_key(account, place);
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
        if let Err(reason) = self.check_room(account, is_late) {
            return self.reject(account, place, reason, body);
        }
        let keep_until = match place.key.space {
            KeySpace::Generated => input.command.stamp.valid_until,
            KeySpace::ClientOrderId | KeySpace::IdempotencyKey => {
                input.now.plus(self.key_retention)
            }
        };
        let funds = self.check_funds(account, place);
        let has_account = funds.is_ok() || self.accounts.find(account).is_some();
        let holder = if has_account { Holder::Account } else { Holder::Stranger };
        if self.keys.insert(key, content, id, keep_until, holder).is_err() {
            return self.reject(account, place, RefusalReason::TooManyKeys, body);
        }
        match funds {
            Ok(hold) => self.execute(id, account, place, &hold, body),
            Err(reason) => self.reject(account, place, reason, body),
        }
    }

    /// What refuses an order without consuming its key.
    fn check_room(&self, account: &AccountName, is_late: bool) -> Result<(), RefusalReason> {
        if is_late {
            return Err(RefusalReason::Late);
        }
        self.accounts.check_open(account).map_err(|error| refusal(&error))?;
        let open = self.accounts.find(account).map_or(0, |handle| self.books.open_count(handle));
        if open >= OPEN_ORDERS_PER_ACCOUNT_MAX || !self.books.has_room() {
            return Err(RefusalReason::TooManyOpenOrders);
        }
        Ok(())
    }

    fn check_funds(
        &self,
        account: &AccountName,
        place: &PlaceOrder,
    ) -> Result<Hold, RefusalReason> {
        let instrument =
            self.books.instrument(place.instrument).ok_or(RefusalReason::UnknownInstrument)?;
        let hold = self.hold_of(account, place, instrument);
        let available = self.accounts.available_to(account, hold.asset);
        if available < hold.amount || available <= Amount::ZERO {
            return Err(RefusalReason::InsufficientFunds);
        }
        Ok(hold)
    }

    /// A limit order holds its terms, a market order a budget up to the price protection.
    fn hold_of(&self, account: &AccountName, place: &PlaceOrder, instrument: &Instrument) -> Hold {
        let size = match place.ask {
            Ask::Limit { price, quantity } => {
                let (asset, amount) = hold_for(place.side, instrument, price, quantity);
                return Hold { asset, amount };
            }
            Ask::Market { quantity } => MarketSize::Base(quantity),
            Ask::MarketByQuote { amount } => MarketSize::Quote(amount),
        };
        // Without a bound there is nothing to trade with, and any price gives the asset.
        let bound = self.books.market_bound(place.instrument, place.side);
        let price = bound.unwrap_or(Price::MIN);
        let (asset, _) = hold_for_market(place.side, instrument, size, price, Amount::ZERO);
        let available = self.accounts.available_to(account, asset);
        let (asset, amount) = hold_for_market(place.side, instrument, size, price, available);
        Hold { asset, amount }
    }

    /// Nothing below can fail: everything was checked.
    fn execute(
        &mut self,
        id: OrderId,
        account: &AccountName,
        place: &PlaceOrder,
        hold: &Hold,
        body: &mut log::AnswerBody,
    ) {
        let handle = self.accounts.open(account, &mut self.postings).expect("room was checked");
        if hold.amount > Amount::ZERO {
            self.accounts
                .hold(handle, hold.asset, hold.amount, id, &mut self.postings)
                .expect("the funds were checked");
        }
        let index = self.named.index(handle, &self.accounts, body);
        let placed = log::OrderPlaced { terms: Some(terms(place, index)) };
        body.events.push(answer::event(event::Kind::OrderPlaced(placed)));
        let (price, size) = match place.ask {
            Ask::Limit { price, quantity } => (Some(price), Size::Base(quantity)),
            Ask::Market { quantity } => (None, Size::Base(quantity)),
            Ask::MarketByQuote { amount } => (None, Size::Quote(amount)),
        };
        let order = NewOrder {
            id,
            account: handle,
            instrument: place.instrument,
            side: place.side,
            order_type: place.ask.order_type(),
            time_in_force: place.time_in_force,
            price,
            size,
            funds: hold.amount,
        };
        self.books.place(order, &mut self.matched);
        self.settle_taker(&order, hold.amount);
        self.write_matched(body);
        body.outcome = applied();
    }

    fn reject(
        &mut self,
        account: &AccountName,
        place: &PlaceOrder,
        reason: RefusalReason,
        body: &mut log::AnswerBody,
    ) {
        let index = u32::try_from(body.accounts.len()).unwrap_or(u32::MAX);
        body.accounts.push(account.as_str().to_owned());
        let rejected =
            log::OrderRejected { terms: Some(terms(place, index)), reason: reason.into() };
        body.events.push(answer::event(event::Kind::OrderRejected(rejected)));
        body.outcome = refused(reason);
    }
}

fn order_key(account: &AccountName, place: &PlaceOrder) -> OrderKey {
    let Key { space, text } = &place.key;
    OrderKey {
        account: account.clone(),
        instrument: place.instrument,
        space: match space {
            KeySpace::ClientOrderId => matcher_core::KeySpace::ClientOrderId,
            KeySpace::IdempotencyKey => matcher_core::KeySpace::IdempotencyKey,
            KeySpace::Generated => matcher_core::KeySpace::Generated,
        },
        text: text.clone(),
    }
}

fn terms(place: &PlaceOrder, account: u32) -> log::OrderTerms {
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
    }
}
