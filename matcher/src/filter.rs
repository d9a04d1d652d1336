//! The filters of an instrument, asked of what comes.

use matcher_core::{Filtered, OpenCount};
use model::{AccountName, InstrumentId};
use proto::{
    command::{PlaceList, PlaceOrder},
    log::RefusalReason,
};

use crate::{exchange::Exchange, place::size};

impl Exchange {
    /// What the filters refuse of an order's terms. These refusals consume the key.
    pub(crate) fn check_filters(&self, place: &PlaceOrder) -> Result<(), RefusalReason> {
        let PlaceOrder { instrument, side, ask, ref instructions, .. } = *place;
        let (price, size) = (ask.price(), size(ask));
        let checked = self.books.check_filters(instrument, side, price, size, instructions);
        checked.map_err(refusal_of_filter)
    }

    /// Whether the account may have one more order like this open in its instrument. As all that is
    /// full, a refusal leaves the key free.
    pub(crate) fn check_open_counts(
        &self,
        account: &AccountName,
        place: &PlaceOrder,
    ) -> Result<(), RefusalReason> {
        let more = OpenCount::of(place.instructions.waits_for().is_some());
        self.check_more_open(account, place.instrument, more)
    }

    /// The same of all orders of a list.
    pub(crate) fn check_open_counts_of_list(
        &self,
        account: &AccountName,
        list: &PlaceList,
    ) -> Result<(), RefusalReason> {
        let each = list.legs.iter().map(|leg| leg.instructions.waits_for().is_some());
        let more = each.map(OpenCount::of).fold(OpenCount::default(), OpenCount::plus);
        self.check_more_open(account, list.instrument, more)
    }

    fn check_more_open(
        &self,
        account: &AccountName,
        instrument: InstrumentId,
        more: OpenCount,
    ) -> Result<(), RefusalReason> {
        let account = self.accounts.find(account);
        self.books.check_open_counts(account, instrument, more).map_err(refusal_of_filter)
    }
}

/// How the log calls what a filter refuses.
pub(crate) const fn refusal_of_filter(filtered: Filtered) -> RefusalReason {
    match filtered {
        Filtered::Price => RefusalReason::PriceFilter,
        Filtered::Lot => RefusalReason::LotSize,
        Filtered::MarketLot => RefusalReason::MarketLotSize,
        Filtered::IcebergParts => RefusalReason::TooManyParts,
        Filtered::TrailingDelta => RefusalReason::TrailingDelta,
        Filtered::Notional => RefusalReason::Notional,
        Filtered::PercentPrice => RefusalReason::PercentPrice,
        Filtered::Orders => RefusalReason::MaxOrders,
        Filtered::AlgoOrders => RefusalReason::MaxAlgoOrders,
    }
}
