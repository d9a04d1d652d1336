//! Whether an order is admitted, whether there is room for it, and what its book's refusals are
//! called.

use std::iter;

use matcher_core::Refused;
use model::{AccountName, MarketState, Timestamp};
use proto::{
    command::{Key, KeySpace, PlaceOrder},
    log::RefusalReason,
};
use spine::ClientInput;

use crate::{exchange::Exchange, fund::refusal, limits::OPEN_ORDERS_PER_ACCOUNT_MAX};

impl Exchange {
    /// How long a key is remembered.
    pub(crate) fn keep_until(&self, key: &Key, input: &ClientInput<'_>) -> Timestamp {
        match key.space {
            KeySpace::Generated => input.command.stamp.valid_until,
            KeySpace::ClientOrderId | KeySpace::IdempotencyKey => {
                input.now.plus(self.key_retention)
            }
        }
    }

    /// What refuses an order whatever its book and its money say, and leaves its key free. Asked
    /// when it comes and, where it waited, when it is decided.
    pub(crate) fn check_admits(
        &self,
        account: &AccountName,
        place: &PlaceOrder,
        is_late: bool,
    ) -> Result<(), RefusalReason> {
        self.check_room(account, is_late)?;
        self.check_controls(account, place.instrument, iter::once(place.side))?;
        self.check_open_counts(account, place)?;
        self.check_risk(account, place)?;
        self.check_fees(account, place)
    }

    /// Whether there is room for one more order, and it came in time.
    pub(crate) fn check_room(
        &self,
        account: &AccountName,
        is_late: bool,
    ) -> Result<(), RefusalReason> {
        self.check_room_for(account, 1, is_late)
    }

    /// The same for so many orders that come together.
    pub(crate) fn check_room_for(
        &self,
        account: &AccountName,
        count: usize,
        is_late: bool,
    ) -> Result<(), RefusalReason> {
        if is_late {
            return Err(RefusalReason::Late);
        }
        self.accounts.check_open(account).map_err(|error| refusal(&error))?;
        let open = self.accounts.find(account).map_or(0, |handle| self.books.open_count(handle));
        if open + count > OPEN_ORDERS_PER_ACCOUNT_MAX || !self.books.has_room_for_orders(count) {
            return Err(RefusalReason::TooManyOpenOrders);
        }
        Ok(())
    }
}

/// How the log calls what a book refuses.
pub(crate) const fn refusal_of_book(refused: Refused) -> RefusalReason {
    match refused {
        Refused::WouldTake => RefusalReason::WouldTake,
        Refused::AlreadyExpired => RefusalReason::AlreadyExpired,
        Refused::WouldTrigger => RefusalReason::WouldTrigger,
        Refused::ListPrices => RefusalReason::ListPrices,
        Refused::TooManyParts => RefusalReason::TooManyParts,
        Refused::Market(state) => refusal_of_market(state),
    }
}

/// How the log says that a market does not take something.
pub(crate) const fn refusal_of_market(state: MarketState) -> RefusalReason {
    match state {
        MarketState::PostOnly => RefusalReason::MarketPostOnly,
        MarketState::LimitOnly => RefusalReason::MarketLimitOnly,
        MarketState::CancelOnly => RefusalReason::MarketCancelOnly,
        // One that trades takes everything.
        MarketState::Trading | MarketState::Halted => RefusalReason::MarketHalted,
        MarketState::Delisted => RefusalReason::MarketDelisted,
        MarketState::PreOpen => RefusalReason::MarketPreOpen,
        MarketState::Auction => RefusalReason::MarketAuction,
        MarketState::VolatilityAuction => RefusalReason::MarketVolatilityAuction,
    }
}
