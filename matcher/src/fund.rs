//! Deposits and withdrawals.

use ledger_core::{Direction, MoneyError, Movement as Moved};
use model::AccountName;
use proto::{
    command::Movement,
    log::{self, RefusalReason},
};

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
};

impl Exchange {
    /// Moves money over the border, once for each external id. A retry is found before lateness is
    /// looked at: what was applied stays applied.
    pub(crate) fn fund(
        &mut self,
        direction: Direction,
        name: &AccountName,
        movement: &Movement,
        is_late: bool,
        body: &mut log::AnswerBody,
    ) {
        let Movement { asset, amount, id } = movement;
        let checked = match direction {
            Direction::Deposit => self.accounts.check_deposit(name, *asset, *amount, id),
            Direction::Withdrawal => self.accounts.check_withdrawal(name, *asset, *amount, id),
        };
        body.outcome = match checked {
            Ok(Moved::AlreadyApplied) => duplicate(0),
            Err(MoneyError::IdReused) => refused(RefusalReason::KeyReused),
            _ if is_late => refused(RefusalReason::Late),
            Err(error) => refused(refusal(&error)),
            Ok(Moved::Applied) => match self.move_money(direction, name, movement) {
                Ok(_) => applied(),
                Err(error) => refused(refusal(&error)),
            },
        };
    }

    fn move_money(
        &mut self,
        direction: Direction,
        name: &AccountName,
        movement: &Movement,
    ) -> Result<Moved, MoneyError> {
        let Movement { asset, amount, id } = movement;
        self.accounts.check_open(name)?;
        let handle = self.accounts.open(name, &mut self.postings)?;
        self.keys.open_account(name);
        match direction {
            Direction::Deposit => {
                self.accounts.deposit(handle, *asset, *amount, id, &mut self.postings)
            }
            Direction::Withdrawal => {
                self.accounts.withdraw(handle, *asset, *amount, id, &mut self.postings)
            }
        }
    }
}

/// How the log calls a refusal of money.
pub(crate) const fn refusal(error: &MoneyError) -> RefusalReason {
    match error {
        MoneyError::UnknownAsset => RefusalReason::UnknownAsset,
        MoneyError::InsufficientFunds { .. } | MoneyError::NotPositive => {
            RefusalReason::InsufficientFunds
        }
        MoneyError::SupplyLimit => RefusalReason::SupplyLimit,
        MoneyError::IdReused => RefusalReason::KeyReused,
        MoneyError::TooManyAccounts => RefusalReason::TooManyAccounts,
    }
}
