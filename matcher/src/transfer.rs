//! Transfers from one account to another.
//!
//! A transfer is decided at the sender's home. To an account that is at home on another shard it
//! goes as an item of the link, and its one reply says whether the account has it now or all of it
//! comes back. Until then it is kept here, by its sender and its id: so nothing comes back that was
//! not sent, what is on its way can be named, and there is a bound on it.

use std::collections::BTreeMap;

use ledger_core::{MoneyError, Movement as Moved};
use model::{AccountName, Amount, AssetId, KeyText, Partition};
use proto::{
    command::{Movement, Transfer},
    draft::Draft,
    link::{LinkItem, LinkKind},
    log::{self, RefusalReason},
};
use spine::ClientInput;

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    fund::refusal,
    limits::TRANSFERS_ON_THEIR_WAY_MAX,
    park::{Waiting, send},
};

/// What is on its way to another shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) receiver: AccountName,
    pub(crate) asset: AssetId,
    pub(crate) amount: Amount,
}

/// Every transfer that is on its way to another shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OnTheirWay {
    /// By the sender and its id.
    pub(crate) sent: BTreeMap<(AccountName, KeyText), Sent>,
    /// How many there are to each receiver, where there are any.
    receivers: BTreeMap<AccountName, usize>,
}

impl OnTheirWay {
    /// Whether another one may set out.
    fn has_room(&self) -> bool {
        self.sent.len() < TRANSFERS_ON_THEIR_WAY_MAX
    }

    pub(crate) fn insert(&mut self, sender: AccountName, id: KeyText, sent: Sent) {
        *self.receivers.entry(sent.receiver.clone()).or_default() += 1;
        self.sent.insert((sender, id), sent);
    }

    fn remove(&mut self, key: &(AccountName, KeyText)) {
        let Some(sent) = self.sent.remove(key) else { return };
        if let Some(count) = self.receivers.get_mut(&sent.receiver) {
            *count -= 1;
            if *count == 0 {
                self.receivers.remove(&sent.receiver);
            }
        }
    }

    /// Whether something is on its way to this account, and may come back out of its link.
    pub(crate) fn concerns(&self, receiver: &AccountName) -> bool {
        self.receivers.contains_key(receiver)
    }
}

impl Exchange {
    /// Sends money to another account, at the sender's home and once for each id. A retry is found
    /// before lateness is looked at: what was applied stays applied.
    pub(crate) fn transfer(
        &mut self,
        input: &ClientInput<'_>,
        transfer: &Transfer,
        is_late: bool,
        body: &mut Draft,
    ) {
        let sender = &input.command.account;
        if !self.accounts.is_home(sender) {
            body.outcome = refused(RefusalReason::NotHome);
            return;
        }
        let checked = self.accounts.check_transfer(sender, &in_core(transfer));
        body.outcome = match self.decided_by_id(input, &checked, is_late) {
            Some(outcome) => Some(outcome),
            None => match checked {
                Err(MoneyError::InsufficientFunds { .. }) if self.may_be_elsewhere(sender) => {
                    let waiting = Waiting::Transfer(transfer.clone());
                    self.park_movement(input, &transfer.movement, waiting, body)
                }
                Err(error) => refused(refusal(&error)),
                Ok(_) => self.send_transfer(sender, transfer, body),
            },
        };
    }

    /// Money of a transfer that waited has come.
    pub(crate) fn wake_transfer(
        &mut self,
        sender: &AccountName,
        transfer: &Transfer,
        body: &mut Draft,
    ) -> Option<log::Outcome> {
        match self.accounts.check_transfer(sender, &in_core(transfer)) {
            Ok(Moved::AlreadyApplied) => duplicate(0),
            Ok(Moved::Applied) if self.check_sends_out(sender).is_err() => {
                refused(RefusalReason::AccountSuspended)
            }
            Ok(Moved::Applied) => self.send_transfer(sender, transfer, body),
            Err(error) => refused(refusal(&error)),
        }
    }

    /// The check has passed.
    fn send_transfer(
        &mut self,
        sender: &AccountName,
        transfer: &Transfer,
        body: &mut Draft,
    ) -> Option<log::Outcome> {
        let Transfer { movement: Movement { asset, amount, id }, receiver } = transfer;
        let goes_away = !self.accounts.is_home(receiver);
        if goes_away && !self.on_their_way.has_room() {
            return refused(RefusalReason::TooManyTransfers);
        }
        // Both or neither: one more account may just not fit.
        let opened = self.accounts.check_open(receiver).and_then(|()| self.open(sender));
        let opened = opened.and_then(|from| self.open(receiver).map(|_| from));
        let from = match opened {
            Ok(from) => from,
            Err(error) => return refused(refusal(&error)),
        };
        let sent = self.accounts.transfer(from, &in_core(transfer), &mut self.postings);
        debug_assert_eq!(sent, Ok(Moved::Applied), "it was checked");
        if goes_away {
            let (asset, amount) = (*asset, *amount);
            let sent = Sent { receiver: receiver.clone(), asset, amount };
            self.on_their_way.insert(sender.clone(), id.clone(), sent);
            let kind = LinkKind::Transferred { amount, sender: sender.clone(), id: id.clone() };
            let item = LinkItem { account: receiver.clone(), asset, kind };
            send(self.home_of(receiver), &item, body);
        }
        applied()
    }

    /// Takes what an account on another shard sends to one that is at home here, or sends it back.
    pub(crate) fn take_transfer(
        &mut self,
        (receiver, asset): (AccountName, AssetId),
        (amount, sender, id): (Amount, AccountName, KeyText),
        from: Partition,
        body: &mut Draft,
    ) {
        let may_come = self.accounts.is_listed(asset) && self.accounts.may_receive(&receiver);
        let opened = may_come.then(|| self.open(&receiver).ok()).flatten();
        if let Some(account) = opened {
            let moved = (asset, amount);
            self.accounts.take_transfer(account, moved, &id, from, &mut self.postings);
        }
        let returned = if opened.is_some() { Amount::ZERO } else { amount };
        let kind = LinkKind::TransferAnswered { returned, sender, id };
        send(from, &LinkItem { account: receiver, asset, kind }, body);
    }

    /// Takes the reply to a transfer.
    pub(crate) fn transfer_answered(
        &mut self,
        (receiver, asset): (AccountName, AssetId),
        (returned, sender, id): (Amount, AccountName, KeyText),
    ) -> Result<(), String> {
        let key = (sender, id);
        let sent = self.on_their_way.sent.get(&key);
        let is_it = |sent: &&Sent| {
            let is_all = returned.is_zero() || returned == sent.amount;
            is_all && sent.receiver == receiver && sent.asset == asset
        };
        sent.filter(is_it).ok_or_else(|| format!("{} has sent no such transfer", key.0))?;
        if !returned.is_zero() {
            let open = |name| self.accounts.find(name).ok_or("an account of a transfer is gone");
            let both = (open(&key.0)?, open(&receiver)?);
            let moved = (asset, returned);
            self.accounts.return_transfer(both, moved, &key.1, &mut self.postings);
        }
        self.on_their_way.remove(&key);
        Ok(())
    }

    pub(crate) fn check_transfers(&self) -> Result<(), String> {
        for ((sender, id), Sent { receiver, asset, amount }) in &self.on_their_way.sent {
            let transfer =
                ledger_core::Transfer { to: receiver, asset: *asset, amount: *amount, id };
            let from = self.accounts.find(sender);
            let was_sent = from.is_some_and(|from| self.accounts.has_sent(from, &transfer));
            let goes_away = self.accounts.is_home(sender) && !self.accounts.is_home(receiver);
            if !was_sent || !goes_away || self.accounts.find(receiver).is_none() {
                return Err(format!("transfer {id} of {sender} is on its way from nobody"));
            }
        }
        let mut receivers = BTreeMap::new();
        for sent in self.on_their_way.sent.values() {
            *receivers.entry(sent.receiver.clone()).or_default() += 1;
        }
        let is_bounded = self.on_their_way.sent.len() <= TRANSFERS_ON_THEIR_WAY_MAX;
        if receivers != self.on_their_way.receivers || !is_bounded {
            return Err("transfers on their way are counted wrong".to_owned());
        }
        Ok(())
    }
}

/// As the money core takes it.
pub(crate) fn in_core(transfer: &Transfer) -> ledger_core::Transfer<'_> {
    let Transfer { movement: Movement { asset, amount, id }, receiver } = transfer;
    ledger_core::Transfer { to: receiver, asset: *asset, amount: *amount, id }
}
