//! Corrections by those who run the platform: an account is given something, or it is taken from
//! what it has available, once for each id.
//!
//! It comes out of [`Bucket::Adjustments`] or goes into it, so that whoever reads the sums sees how
//! much was corrected in all. Nobody's money is taken below zero.

use model::{AccountHandle, AccountName, Amount, AssetId, KeyText};

use crate::{
    Accounts, Bucket, Cause, Leg, MoneyError, Movement, MovementKind, Postings,
    movements::{Content, check_id},
};

impl Accounts {
    /// Gives `amount` of `asset` to an account, or takes it where it is below zero; once for each
    /// `id`.
    ///
    /// # Errors
    /// In this order: [`MoneyError::UnknownAsset`], [`MoneyError::Nothing`],
    /// [`MoneyError::IdReused`], [`MoneyError::SupplyLimit`], [`MoneyError::InsufficientFunds`].
    ///
    /// # Panics
    /// Where the account was not opened since its assets were listed, and has too little yet.
    pub fn adjust(
        &mut self,
        handle: AccountHandle,
        asset: AssetId,
        amount: Amount,
        id: &KeyText,
        out: &mut Postings,
    ) -> Result<Movement, MoneyError> {
        let movement = self.check_adjustment(self.name(handle), asset, amount, id)?;
        if movement == Movement::Applied {
            let legs = Leg::pair(Bucket::Adjustments, Bucket::Available(handle), asset, amount);
            self.post(Cause::Adjustment { id: id.clone() }, legs, out);
            let content = Content::of(asset, amount);
            self.remember(handle, MovementKind::Adjustment, id, content);
        }
        Ok(movement)
    }

    /// What [`Accounts::adjust`] would answer to the account of this name, open or not.
    ///
    /// # Errors
    /// Those of [`Accounts::adjust`].
    pub fn check_adjustment(
        &self,
        name: &AccountName,
        asset: AssetId,
        amount: Amount,
        id: &KeyText,
    ) -> Result<Movement, MoneyError> {
        let index = self.assets.index(asset).ok_or(MoneyError::UnknownAsset)?;
        if amount.is_zero() {
            return Err(MoneyError::Nothing);
        }
        let account = self.find(name).map(|handle| self.slot(handle));
        let content = Content::of(asset, amount);
        let movement = check_id(account, MovementKind::Adjustment, id, &content)?;
        if movement == Movement::AlreadyApplied {
            return Ok(movement);
        }
        let most = self.supply_max();
        let after = self.assets.get(index).adjustments.checked_sub(amount);
        if !after.is_some_and(|after| (-most..=most).contains(&after)) {
            return Err(MoneyError::SupplyLimit);
        }
        let available = self.available_to(name, asset);
        if amount.is_negative() && available < -amount {
            return Err(MoneyError::InsufficientFunds { available, needed: -amount });
        }
        Ok(movement)
    }

    /// What corrections have taken of `asset` less what they have given.
    pub fn adjustments(&self, asset: AssetId) -> Amount {
        let index = self.assets.index(asset);
        index.map_or(Amount::ZERO, |index| self.assets.get(index).adjustments)
    }
}
