//! What moves money by an id from outside: once for each id, and for good.
//!
//! Each kind of movement has a name space of ids of its own in each account. Only what was applied
//! is remembered, for good; a refused movement leaves nothing behind and its id free.

use model::{AccountHandle, AccountName, Amount, AssetId, KeyText};

use crate::{Accounts, MoneyError, account::Account};

/// What kind of movement an id is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MovementKind {
    /// In from outside.
    Deposit,
    /// Out to outside.
    Withdrawal,
    /// To another account. The id is the sender's.
    Transfer,
    /// A correction by those who run the platform, up or down.
    Adjustment,
}

/// What became of a movement that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// It moved money now.
    Applied,
    /// It did so earlier, with the same id and content; nothing changes.
    AlreadyApplied,
}

/// What a movement was of: the same id with anything else is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) asset: AssetId,
    /// Above zero; of an adjustment it may be below, and is not nothing.
    pub(crate) amount: Amount,
    /// Who was sent it, where it is a transfer.
    pub(crate) to: Option<AccountName>,
}

impl Content {
    pub(crate) const fn of(asset: AssetId, amount: Amount) -> Content {
        Content { asset, amount, to: None }
    }
}

impl Accounts {
    pub(crate) fn remember(
        &mut self,
        handle: AccountHandle,
        kind: MovementKind,
        id: &KeyText,
        content: Content,
    ) {
        self.slot_mut(handle).apart_mut().movements.insert((kind, id.clone()), content);
    }
}

/// Whether a movement under this id would be a new one or was applied.
pub(crate) fn check_id(
    account: Option<&Account>,
    kind: MovementKind,
    id: &KeyText,
    content: &Content,
) -> Result<Movement, MoneyError> {
    let known = account.and_then(|account| account.apart().movements.get(&(kind, id.clone())));
    match known {
        None => Ok(Movement::Applied),
        Some(applied) if applied == content => Ok(Movement::AlreadyApplied),
        Some(_) => Err(MoneyError::IdReused),
    }
}

pub(crate) fn check_positive(amount: Amount) -> Result<(), MoneyError> {
    if amount > Amount::ZERO { Ok(()) } else { Err(MoneyError::NotPositive) }
}
