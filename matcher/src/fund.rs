//! Deposits and withdrawals.

use ledger_core::{MoneyError, Movement as Moved};
use model::{AccountName, OrderId};
use proto::{
    command::{ClientCommand, Command, Movement},
    draft::Draft,
    log::{self, RefusalReason, event},
};
use spine::ClientInput;

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    park::{Need, Waiting},
};

/// Which way money crosses the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Border {
    In,
    Out,
}

impl Exchange {
    /// Moves money over the border, at the account's home and once for each external id. A retry is
    /// found before lateness is looked at: what was applied stays applied.
    pub(crate) fn fund(
        &mut self,
        input: &ClientInput<'_>,
        border: Border,
        movement: &Movement,
        is_late: bool,
        body: &mut Draft,
    ) {
        let name = &input.command.account;
        if !self.accounts.is_home(name) {
            body.outcome = refused(RefusalReason::NotHome);
            return;
        }
        let Movement { asset, amount, id } = movement;
        let checked = match border {
            Border::In => self.accounts.check_deposit(name, *asset, *amount, id),
            Border::Out => self.accounts.check_withdrawal(name, *asset, *amount, id),
        };
        body.outcome = match self.decided_by_id(input, &checked, is_late) {
            Some(outcome) => Some(outcome),
            None => match checked {
                Err(MoneyError::InsufficientFunds { .. }) if self.may_be_elsewhere(name) => {
                    self.park_movement(input, movement, Waiting::Withdrawal(movement.clone()), body)
                }
                Err(error) => refused(refusal(&error)),
                Ok(_) => match self.move_money(border, name, movement) {
                    Ok(_) => applied(),
                    Err(error) => refused(refusal(&error)),
                },
            },
        };
    }

    /// What becomes of a movement whatever money there is: by its id, its time, and what its
    /// account may do. `None` where none of that decides it.
    pub(crate) fn decided_by_id(
        &self,
        input: &ClientInput<'_>,
        checked: &Result<Moved, MoneyError>,
        is_late: bool,
    ) -> Option<log::Outcome> {
        let ClientCommand { account, command, .. } = input.command;
        let sends_out = !matches!(command, Command::Deposit(_));
        match checked {
            Ok(Moved::AlreadyApplied) => duplicate(0),
            Err(MoneyError::IdReused) => refused(RefusalReason::KeyReused),
            _ if is_late => refused(RefusalReason::Late),
            _ if command.behaviour() > input.behaviour => refused(RefusalReason::NotInForce),
            _ if sends_out => self.check_sends_out(account).err().and_then(refused),
            _ => None,
        }
    }

    /// A withdrawal or a transfer of more than is at home waits for what is on other shards.
    pub(crate) fn park_movement(
        &mut self,
        input: &ClientInput<'_>,
        movement: &Movement,
        waiting: Waiting,
        body: &mut Draft,
    ) -> Option<log::Outcome> {
        let name = &input.command.account;
        let has_room = self.park.has_room(self.accounts.find(name), movement.asset);
        let id = OrderId::at(self.partition, input.offset).filter(|_| has_room);
        let Some(id) = id else { return refused(RefusalReason::TooManyParked) };
        let handle = match self.open(name) {
            Ok(handle) => handle,
            Err(error) => return refused(refusal(&error)),
        };
        let account = self.named.index(handle, &self.accounts, body);
        let parked = event::Kind::WithdrawalParked(log::WithdrawalParked { account });
        body.event(&parked);
        let need = Need { whole: movement.amount, takes_less: false };
        let times = (input.now, input.command.stamp.valid_until);
        self.wait(id, (handle, movement.asset), waiting, need, times, body);
        applied()
    }

    pub(crate) fn move_money(
        &mut self,
        border: Border,
        name: &AccountName,
        movement: &Movement,
    ) -> Result<Moved, MoneyError> {
        let Movement { asset, amount, id } = movement;
        let handle = self.open(name)?;
        match border {
            Border::In => self.accounts.deposit(handle, *asset, *amount, id, &mut self.postings),
            Border::Out => self.accounts.withdraw(handle, *asset, *amount, id, &mut self.postings),
        }
    }
}

/// How the log calls a refusal of money.
pub(crate) const fn refusal(error: &MoneyError) -> RefusalReason {
    match error {
        MoneyError::UnknownAsset => RefusalReason::UnknownAsset,
        // What is nothing is refused before it becomes a command.
        MoneyError::InsufficientFunds { .. } | MoneyError::NotPositive | MoneyError::Nothing => {
            RefusalReason::InsufficientFunds
        }
        MoneyError::SameAccount => RefusalReason::SameAccount,
        MoneyError::UnknownAccount => RefusalReason::UnknownAccount,
        MoneyError::SupplyLimit => RefusalReason::SupplyLimit,
        MoneyError::IdReused => RefusalReason::KeyReused,
        MoneyError::TooManyAccounts => RefusalReason::TooManyAccounts,
    }
}
