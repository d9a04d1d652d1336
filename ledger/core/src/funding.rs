//! Deposits and withdrawals, once for each external id.

use model::{AccountHandle, AccountName, Amount, AssetId, KeyText};

use crate::{
    Accounts, Bucket, Cause, Leg, MoneyError, Movement, MovementKind, Postings,
    account::Account,
    accounts::sum,
    movements::{Content, check_id, check_positive},
};

impl Accounts {
    /// Credits `amount` of `asset` from outside, once for each `id`.
    ///
    /// # Errors
    /// In this order: [`MoneyError::UnknownAsset`], [`MoneyError::NotPositive`],
    /// [`MoneyError::IdReused`], [`MoneyError::SupplyLimit`].
    pub fn deposit(
        &mut self,
        handle: AccountHandle,
        asset: AssetId,
        amount: Amount,
        id: &KeyText,
        out: &mut Postings,
    ) -> Result<Movement, MoneyError> {
        let movement = self.check_deposit_to(Some(self.slot(handle)), asset, amount, id)?;
        if movement == Movement::Applied {
            let legs = Leg::pair(Bucket::External, Bucket::Available(handle), asset, amount);
            self.post(Cause::Deposit { id: id.clone() }, legs, out);
            self.remember(handle, MovementKind::Deposit, id, Content::of(asset, amount));
        }
        Ok(movement)
    }

    /// What [`Accounts::deposit`] would answer to the account of this name, open or not.
    ///
    /// # Errors
    /// Those of [`Accounts::deposit`].
    pub fn check_deposit(
        &self,
        name: &AccountName,
        asset: AssetId,
        amount: Amount,
        id: &KeyText,
    ) -> Result<Movement, MoneyError> {
        let account = self.find(name).map(|handle| self.slot(handle));
        self.check_deposit_to(account, asset, amount, id)
    }

    fn check_deposit_to(
        &self,
        account: Option<&Account>,
        asset: AssetId,
        amount: Amount,
        id: &KeyText,
    ) -> Result<Movement, MoneyError> {
        let index = self.assets.index(asset).ok_or(MoneyError::UnknownAsset)?;
        check_positive(amount)?;
        let movement = check_id(account, MovementKind::Deposit, id, &Content::of(asset, amount))?;
        let external = self.assets.get(index).external;
        let fits = external.checked_sub(amount).is_some_and(|after| after >= -self.supply_max());
        if movement == Movement::Applied && !fits {
            return Err(MoneyError::SupplyLimit);
        }
        Ok(movement)
    }

    /// Takes `amount` of `asset` out of what is available, once for each `id`. What is held stays.
    ///
    /// # Errors
    /// In this order: [`MoneyError::UnknownAsset`], [`MoneyError::NotPositive`],
    /// [`MoneyError::IdReused`], [`MoneyError::InsufficientFunds`].
    pub fn withdraw(
        &mut self,
        handle: AccountHandle,
        asset: AssetId,
        amount: Amount,
        id: &KeyText,
        out: &mut Postings,
    ) -> Result<Movement, MoneyError> {
        let available = self.available(handle, asset);
        let account = Some(self.slot(handle));
        let movement = self.check_withdrawal_from(account, available, asset, amount, id)?;
        if movement == Movement::Applied {
            let legs = Leg::pair(Bucket::Available(handle), Bucket::External, asset, amount);
            self.post(Cause::Withdrawal { id: id.clone() }, legs, out);
            self.remember(handle, MovementKind::Withdrawal, id, Content::of(asset, amount));
        }
        Ok(movement)
    }

    /// What [`Accounts::withdraw`] would answer to the account of this name, open or not.
    ///
    /// # Errors
    /// Those of [`Accounts::withdraw`].
    pub fn check_withdrawal(
        &self,
        name: &AccountName,
        asset: AssetId,
        amount: Amount,
        id: &KeyText,
    ) -> Result<Movement, MoneyError> {
        let available = self.available_to(name, asset);
        let account = self.find(name).map(|handle| self.slot(handle));
        self.check_withdrawal_from(account, available, asset, amount, id)
    }

    fn check_withdrawal_from(
        &self,
        account: Option<&Account>,
        available: Amount,
        asset: AssetId,
        amount: Amount,
        id: &KeyText,
    ) -> Result<Movement, MoneyError> {
        self.assets.index(asset).ok_or(MoneyError::UnknownAsset)?;
        check_positive(amount)?;
        let movement =
            check_id(account, MovementKind::Withdrawal, id, &Content::of(asset, amount))?;
        if movement == Movement::Applied && available < amount {
            return Err(MoneyError::InsufficientFunds { available, needed: amount });
        }
        Ok(movement)
    }

    /// What has come in from outside of `asset`, less what has left: deposits minus withdrawals.
    pub fn net_deposits(&self, asset: AssetId) -> Amount {
        self.assets.index(asset).map_or(Amount::ZERO, |index| -self.assets.get(index).external)
    }

    /// What all accounts together have of `asset` on this shard.
    pub fn owed_to_clients(&self, asset: AssetId) -> Amount {
        let Some(index) = self.assets.index(asset) else { return Amount::ZERO };
        let listed = self.assets.get(index);
        let elsewhere = sum(sum(listed.external, listed.faucet), listed.link);
        -sum(elsewhere, sum(listed.fees, listed.adjustments))
    }
}
