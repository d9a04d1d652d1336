//! What items from other shards do, and how those that waited go on when money has come.

use ledger_core::{MoneyError, Movement as Moved};
use model::{AccountName, Amount, AssetId, OrderId, Partition, Timestamp, home::home};
use proto::{
    command::{Movement, PlaceOrder, Transfer},
    draft::Draft,
    link::{LinkItem, LinkKind},
    log,
};
use spine::LinkInput;

use super::{
    Purse, Waiting,
    home::Ask,
    wait::{Need, decided, send},
};
use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    fund::{Border, refusal},
    limits::{WOKEN_FILLS_MAX, WOKEN_MAX},
    terms::Origin,
};

/// The behaviour from which on a grant is held for whoever waits as soon as it is taken.
const GRANTS_ARE_KEPT_FROM: u32 = 4;

impl Exchange {
    /// Takes an item from another shard. Money is credited whatever became of the order that it was
    /// asked for; what it sets going is done once all items of the input were taken.
    pub(crate) fn take(&mut self, input: &LinkInput<'_>, body: &mut Draft) -> Result<(), String> {
        let item = LinkItem::try_from(input.item).map_err(|malformed| malformed.to_string())?;
        let LinkItem { account, asset, kind } = item;
        let (from, at_home) = (input.from, self.accounts.is_home(&account));
        match kind {
            LinkKind::Asked { wanted, least } if at_home => {
                self.take_ask(&account, asset, Ask { from, wanted, least }, body)
            }
            LinkKind::Returned { amount } if at_home => {
                let purse = self.credit(&account, asset, amount, from)?;
                let was_owed = self.asks.returned(purse, from);
                was_owed.then_some(()).ok_or_else(|| "nothing was recalled".to_owned())
            }
            LinkKind::Recalled { wanted } if from == self.home_of(&account) => {
                self.give_back(account, asset, wanted, from, body);
                Ok(())
            }
            LinkKind::Granted { amount } if from == self.home_of(&account) => {
                let purse = self.credit(&account, asset, amount, from)?;
                self.take_grant(purse, amount)?;
                if input.behaviour >= GRANTS_ARE_KEPT_FROM {
                    self.keep_for_first(purse);
                }
                Ok(())
            }
            LinkKind::Transferred { amount, sender, id }
                if at_home && from == self.home_of(&sender) =>
            {
                self.take_transfer((account, asset), (amount, sender, id), from, body);
                Ok(())
            }
            LinkKind::TransferAnswered { returned, sender, id }
                if from == self.home_of(&account) =>
            {
                self.transfer_answered((account, asset), (returned, sender, id))
            }
            _ => Err(format!("the home of {account} is partition {}", self.home_of(&account))),
        }
    }

    pub(crate) fn home_of(&self, account: &AccountName) -> Partition {
        home(account, self.accounts.partition_count())
    }

    fn credit(
        &mut self,
        name: &AccountName,
        asset: AssetId,
        amount: Amount,
        from: Partition,
    ) -> Result<Purse, String> {
        let account = self.accounts.find(name);
        let account = account.ok_or_else(|| format!("{name} has no account here"))?;
        if !self.accounts.is_listed(asset) {
            return Err(format!("asset {} is not listed", asset.0));
        }
        self.accounts.receive(account, asset, amount, from, &mut self.postings);
        Ok((account, asset))
    }

    /// In a sandbox an account is opened by an ask as by a first order. Where there is none, or the
    /// asset is not known here yet, there is nothing to grant.
    fn take_ask(
        &mut self,
        name: &AccountName,
        asset: AssetId,
        ask: Ask,
        body: &mut Draft,
    ) -> Result<(), String> {
        let may_open = self.accounts.grant().is_some() || self.accounts.find(name).is_some();
        let opened = (may_open && self.accounts.is_listed(asset)).then(|| self.open(name));
        let Some(Ok(account)) = opened else {
            let kind = LinkKind::Granted { amount: Amount::ZERO };
            send(ask.from, &LinkItem { account: name.clone(), asset, kind }, body);
            return Ok(());
        };
        let is_new = self.asks.push((account, asset), ask);
        is_new.then_some(()).ok_or_else(|| "the shard has asked before".to_owned())
    }

    /// Opens an account for something that is no order.
    pub(crate) fn open(&mut self, name: &AccountName) -> Result<model::AccountHandle, MoneyError> {
        self.accounts.check_open(name)?;
        let account = self.open_with_group(name)?;
        self.keys.open_account(name);
        Ok(account)
    }

    fn give_back(
        &mut self,
        name: AccountName,
        asset: AssetId,
        wanted: Amount,
        to: Partition,
        body: &mut Draft,
    ) {
        let account = self.accounts.find(&name);
        let free = account.map(|account| self.accounts.available(account, asset));
        let amount = free.unwrap_or_default().min(wanted);
        if let Some(account) = account {
            self.accounts.send(account, asset, amount, to, &mut self.postings);
        }
        send(to, &LinkItem { account: name, asset, kind: LinkKind::Returned { amount } }, body);
    }

    fn take_grant(&mut self, purse: Purse, amount: Amount) -> Result<(), String> {
        let was_owed = self.park.answered(purse, amount);
        was_owed.then_some(()).ok_or_else(|| "nothing was asked for".to_owned())
    }

    /// Holds what has come for the first that waits. The same record may bring a recall for another
    /// shard: what was not held would go there before the first is woken, which would ask for it
    /// again, and two shards would pull the same money to and fro.
    fn keep_for_first(&mut self, purse: Purse) {
        let first = self.park.queues.get(&purse).and_then(|queue| queue.waiting.first().copied());
        let Some(id) = first else { return };
        let parked = &self.park.parked[&id];
        let need = self.need_of(self.accounts.name(purse.0), &parked.waiting);
        self.hold_what_is_there(id, need);
    }

    /// Goes through the queues to which an answer has come, as far as fits an answer.
    pub(crate) fn wake(&mut self, now: Timestamp, body: &mut Draft) {
        let mut fills = 0;
        for _ in 0..WOKEN_MAX {
            if fills >= WOKEN_FILLS_MAX {
                break;
            }
            let Some(purse) = self.park.ready.first().copied() else { break };
            self.matched.clear();
            self.wake_first(purse, now, body);
            fills += self.matched.fills().count();
        }
        self.matched.clear();
    }

    /// Decides the first that waits in a queue, or asks for it.
    fn wake_first(&mut self, purse: Purse, now: Timestamp, body: &mut Draft) {
        let queue = &self.park.queues[&purse];
        let Some(id) = queue.waiting.first().copied() else {
            self.park.ready.remove(&purse);
            self.park.drop_if_idle(purse);
            return;
        };
        if self.ends_switched(id, body) {
            return;
        }
        let queue = &self.park.queues[&purse];
        let is_denied = queue.denied == Some(id);
        let parked = &self.park.parked[&id];
        let need = self.need_of(self.accounts.name(purse.0), &parked.waiting);
        let available = self.accounts.available(purse.0, purse.1);
        let funds = available.checked_add(parked.held).expect("what one account has");
        let is_enough = funds >= need.whole && funds > Amount::ZERO;
        if !is_enough && !is_denied {
            self.park.ready.remove(&purse);
            self.ask(id, need, now, body);
            return;
        }
        let Some(parked) = self.unpark(id) else { return };
        let name = self.accounts.name(purse.0).clone();
        match parked.waiting {
            Waiting::Order(place) => self.wake_order(id, &name, &place, body),
            Waiting::List(list) => self.wake_list(id, &name, &list, body),
            Waiting::Withdrawal(movement) => self.wake_withdrawal(id, &name, &movement, body),
            Waiting::Transfer(transfer) => {
                let outcome = self.wake_transfer(&name, &transfer, body);
                self.write_decided(id, &name, outcome, body);
            }
        }
    }

    /// What something that waits needs now: of an order that follows from the account's tier, of a
    /// market order from the book too.
    fn need_of(&self, account: &AccountName, waiting: &Waiting) -> Need {
        match waiting {
            Waiting::Order(place) => {
                let instrument = self.books.instrument(place.instrument);
                let instrument = instrument.expect("what is parked is listed, and stays so");
                self.need_of_order(account, place, instrument).1
            }
            Waiting::List(list) => {
                self.need_of_list(account, list).expect("what is parked is listed, and stays so").1
            }
            Waiting::Withdrawal(movement) | Waiting::Transfer(Transfer { movement, .. }) => {
                Need { whole: movement.amount, takes_less: false }
            }
        }
    }

    fn wake_order(
        &mut self,
        id: OrderId,
        name: &AccountName,
        place: &PlaceOrder,
        body: &mut Draft,
    ) {
        let hold = self.check_admits(name, place, false).and_then(|()| {
            self.check_book(place)?;
            self.funds_of(name, place)?.hold()
        });
        match hold {
            Ok(hold) => self.execute(id, Origin::Parking, name, place, &hold, body),
            Err(reason) => self.reject_woken(id, name, place, reason, body),
        }
    }

    fn wake_withdrawal(
        &mut self,
        id: OrderId,
        name: &AccountName,
        movement: &Movement,
        body: &mut Draft,
    ) {
        let Movement { asset, amount, id: own_id } = movement;
        let checked = self.accounts.check_withdrawal(name, *asset, *amount, own_id);
        let is_done = matches!(checked, Ok(Moved::AlreadyApplied));
        if !is_done && let Err(reason) = self.check_sends_out(name) {
            return self.write_decided(id, name, refused(reason), body);
        }
        let outcome = match self.move_money(Border::Out, name, movement) {
            Ok(Moved::Applied) => applied(),
            Ok(Moved::AlreadyApplied) => duplicate(0),
            Err(error) => refused(refusal(&error)),
        };
        self.write_decided(id, name, outcome, body);
    }

    fn write_decided(
        &mut self,
        id: OrderId,
        name: &AccountName,
        outcome: Option<log::Outcome>,
        body: &mut Draft,
    ) {
        let Some(account) = self.accounts.find(name) else { return };
        let account = self.named.index(account, &self.accounts, body);
        body.event(&decided(id, account, outcome));
    }
}
