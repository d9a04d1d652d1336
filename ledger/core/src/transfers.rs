//! Money from one account to another, once for each id of the sender.
//!
//! A transfer is decided at the sender's home. Who is at home there too has it at once. To another
//! shard it goes in the receiver's link, as any money that moves between shards: what is on its way
//! is nobody's until it is taken, or comes back where there is no such account.

use model::{AccountHandle, AccountName, Amount, AssetId, KeyText, Partition, home::home};

use crate::{
    Accounts, Bucket, Cause, Leg, MoneyError, Movement, MovementKind, Postings,
    movements::{Content, check_id, check_positive},
};

/// What is sent, to whom, under which id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// Who is sent it.
    pub to: &'a AccountName,
    /// Of what.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
    /// The sender's own id of it.
    pub id: &'a KeyText,
}

impl Accounts {
    /// Sends money to another account that is open on this shard: to what it has available, where
    /// this is its home, else into its link. Once for each id.
    ///
    /// # Errors
    /// Those of [`Accounts::check_transfer`].
    ///
    /// # Panics
    /// Where the receiver is not open, or the sender was not opened since its assets were listed:
    /// callers open both once the check has passed.
    pub fn transfer(
        &mut self,
        from: AccountHandle,
        transfer: &Transfer<'_>,
        out: &mut Postings,
    ) -> Result<Movement, MoneyError> {
        let Transfer { to, asset, amount, id } = *transfer;
        let movement = self.check_transfer(self.name(from), transfer)?;
        if movement == Movement::Applied {
            let receiver = self.find(to).expect("the receiver was opened");
            let is_home = self.slot(receiver).is_home;
            let into = if is_home { Bucket::Available(receiver) } else { Bucket::Link(receiver) };
            let legs = Leg::pair(Bucket::Available(from), into, asset, amount);
            let goes_to = (!is_home).then(|| home(to, self.partition_count));
            self.post(Cause::Transfer { id: id.clone(), to: goes_to }, legs, out);
            let content = Content { asset, amount, to: Some(to.clone()) };
            self.remember(from, MovementKind::Transfer, id, content);
        }
        Ok(movement)
    }

    /// What [`Accounts::transfer`] would answer to the account of this name, open or not.
    ///
    /// # Errors
    /// In this order: [`MoneyError::UnknownAsset`], [`MoneyError::NotPositive`],
    /// [`MoneyError::SameAccount`], [`MoneyError::IdReused`], [`MoneyError::UnknownAccount`] (of
    /// a receiver that is at home here; in a sandbox every name is an account),
    /// [`MoneyError::InsufficientFunds`].
    pub fn check_transfer(
        &self,
        from: &AccountName,
        transfer: &Transfer<'_>,
    ) -> Result<Movement, MoneyError> {
        let Transfer { to, asset, amount, id } = *transfer;
        self.assets.index(asset).ok_or(MoneyError::UnknownAsset)?;
        check_positive(amount)?;
        if from == to {
            return Err(MoneyError::SameAccount);
        }
        let account = self.find(from).map(|handle| self.slot(handle));
        let content = Content { asset, amount, to: Some(to.clone()) };
        if check_id(account, MovementKind::Transfer, id, &content)? == Movement::AlreadyApplied {
            return Ok(Movement::AlreadyApplied);
        }
        if self.is_home(to) && !self.may_receive(to) {
            return Err(MoneyError::UnknownAccount);
        }
        let available = self.available_to(from, asset);
        if available < amount {
            return Err(MoneyError::InsufficientFunds { available, needed: amount });
        }
        Ok(Movement::Applied)
    }

    /// Whether a transfer may come to the account of this name, which is at home here: in a sandbox
    /// every name is an account, else only those that were opened before.
    pub fn may_receive(&self, name: &AccountName) -> bool {
        self.grant.is_some() || self.find(name).is_some()
    }

    /// Takes what came to an account that is at home here from the shard of partition `from`.
    ///
    /// # Panics
    /// Where `amount` is not above zero, or the asset is not listed.
    pub fn take_transfer(
        &mut self,
        to: AccountHandle,
        (asset, amount): (AssetId, Amount),
        id: &KeyText,
        from: Partition,
        out: &mut Postings,
    ) {
        assert!(amount > Amount::ZERO, "less than something comes");
        let legs = Leg::pair(Bucket::Link(to), Bucket::Available(to), asset, amount);
        self.post(Cause::TransferTaken { id: id.clone(), from }, legs, out);
    }

    /// Gives back to its sender what came to nobody at the receiver's home. The id stays used.
    ///
    /// # Panics
    /// Where `amount` is not above zero, or the asset is not listed.
    pub fn return_transfer(
        &mut self,
        (sender, to): (AccountHandle, AccountHandle),
        (asset, amount): (AssetId, Amount),
        id: &KeyText,
        out: &mut Postings,
    ) {
        assert!(amount > Amount::ZERO, "less than something comes back");
        let from = home(self.name(to), self.partition_count);
        let legs = Leg::pair(Bucket::Link(to), Bucket::Available(sender), asset, amount);
        self.post(Cause::TransferReturned { id: id.clone(), from }, legs, out);
    }

    /// Whether this account has sent just this, so that it can come back.
    pub fn has_sent(&self, from: AccountHandle, transfer: &Transfer<'_>) -> bool {
        let Transfer { to, asset, amount, id } = *transfer;
        let content = Content { asset, amount, to: Some(to.clone()) };
        let slot = self.slot(from);
        slot.apart().movements.get(&(MovementKind::Transfer, id.clone())) == Some(&content)
    }
}
