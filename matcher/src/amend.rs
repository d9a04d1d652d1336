//! Amends: an open order asks for less, keeps its place, and lets go of the difference in money.

use matcher_core::AmendRefused;
use model::{AccountName, Amount, Quantity};
use proto::{command::OrderName, draft::Draft, log::RefusalReason};

use crate::{
    answer::{applied, refused},
    exchange::Exchange,
    filter::refusal_of_filter,
    find::Open,
    room::refusal_of_market,
};

impl Exchange {
    /// Lowers what an open order of this account asks for. There is no key: the same again finds
    /// that nothing would change.
    pub(crate) fn amend(
        &mut self,
        name: &AccountName,
        asked: &OrderName,
        quantity: Quantity,
        body: &mut Draft,
    ) {
        body.outcome = match self.try_amend(name, asked, quantity) {
            Ok(()) => applied(),
            Err(reason) => refused(reason),
        };
        self.write_matched(body);
    }

    fn try_amend(
        &mut self,
        name: &AccountName,
        asked: &OrderName,
        quantity: Quantity,
    ) -> Result<(), RefusalReason> {
        let (id, before) = self.find_open(name, asked)?;
        if id.leg() > 0 || matches!(before, Open::Listed(..)) {
            return Err(RefusalReason::AmendListed);
        }
        if matches!(before, Open::Parked(..)) {
            return Err(RefusalReason::WaitsForFunds);
        }
        self.books.amend(id, quantity, &mut self.matched).map_err(|refused| match refused {
            AmendRefused::UnknownOrder => RefusalReason::UnknownOrder,
            AmendRefused::Increases => RefusalReason::AmendIncreases,
            AmendRefused::ChangesNothing => RefusalReason::AmendChangesNothing,
            AmendRefused::LeavesNothing => RefusalReason::AmendLeavesNothing,
            AmendRefused::Filtered(filtered) => refusal_of_filter(filtered),
            AmendRefused::Market(state) => refusal_of_market(state),
        })?;
        let after = self.find_open(name, asked);
        let held = |open: &Open| self.held_by(open).map_or(Amount::ZERO, |(_, held)| held);
        if let Some((asset, held_before)) = self.held_by(&before)
            && let (Some(account), Ok((_, after))) = (self.accounts.find(name), &after)
        {
            let freed = held_before.checked_sub(held(after)).expect("it holds less than before");
            self.accounts.release(account, asset, freed, id, &mut self.postings);
        }
        Ok(())
    }
}
