//! Words and instants as the edges write them.

use model::{
    AccountState, Contingency, MarketState, OrderType, SelfTradePrevention, Side, TimeInForce,
    Timestamp,
};
use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

use crate::{
    log::{Bucket, EndReason, PostingCause, RefusalReason},
    orders::HalfResult,
    reference::FeeAsset,
    trading::{OrderListStatus, OrderStatus},
};

const RFC3339_MICROS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// An instant as RFC 3339 in UTC with microseconds, such as `2026-11-21T08:00:00.000000Z`.
pub fn rfc3339(instant: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(instant.unix_nanos()))
        .ok()
        .and_then(|instant| instant.format(RFC3339_MICROS).ok())
        .expect("every timestamp is a date before the year 2555")
}

/// The instant of an RFC 3339 text, such as `2026-11-21T08:00:00Z`; `None` where it is none, or
/// before 1970 or after the year 2554.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(instant.unix_timestamp_nanos()).ok().map(Timestamp::from_unix_nanos)
}

/// `buy` or `sell`.
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// What a market is open for: `trading`, `post_only`, `limit_only`, `cancel_only`, `halted`,
/// `delisted`, `pre_open`, `auction` or `volatility_auction`.
pub const fn market_state(state: MarketState) -> &'static str {
    match state {
        MarketState::Trading => "trading",
        MarketState::PostOnly => "post_only",
        MarketState::LimitOnly => "limit_only",
        MarketState::CancelOnly => "cancel_only",
        MarketState::Halted => "halted",
        MarketState::Delisted => "delisted",
        MarketState::PreOpen => "pre_open",
        MarketState::Auction => "auction",
        MarketState::VolatilityAuction => "volatility_auction",
    }
}

/// What an account may do: `active`, `reduce_only` or `suspended`.
pub const fn account_state(state: AccountState) -> &'static str {
    match state {
        AccountState::Active => "active",
        AccountState::ReduceOnly => "reduce_only",
        AccountState::Suspended => "suspended",
    }
}

/// `limit`, `market`, `stop_loss`, `stop_loss_limit`, `take_profit` or `take_profit_limit`.
pub const fn order_type(order_type: OrderType) -> &'static str {
    match order_type {
        OrderType::Limit => "limit",
        OrderType::Market => "market",
        OrderType::StopLoss => "stop_loss",
        OrderType::StopLossLimit => "stop_loss_limit",
        OrderType::TakeProfit => "take_profit",
        OrderType::TakeProfitLimit => "take_profit_limit",
    }
}

/// `gtc`, `ioc`, `fok`, `gtd` or `day`.
pub const fn time_in_force(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Gtc => "gtc",
        TimeInForce::Ioc => "ioc",
        TimeInForce::Fok => "fok",
        TimeInForce::Gtd => "gtd",
        TimeInForce::Day => "day",
    }
}

/// A mode of self-trade prevention, such as `expire_taker`.
pub const fn self_trade_prevention(mode: SelfTradePrevention) -> &'static str {
    match mode {
        SelfTradePrevention::None => "none",
        SelfTradePrevention::ExpireTaker => "expire_taker",
        SelfTradePrevention::ExpireMaker => "expire_maker",
        SelfTradePrevention::ExpireBoth => "expire_both",
        SelfTradePrevention::Decrement => "decrement",
    }
}

/// `oco`, `oto` or `otoco`.
pub const fn contingency(contingency: Contingency) -> &'static str {
    match contingency {
        Contingency::Oco => "oco",
        Contingency::Oto => "oto",
        Contingency::Otoco => "otoco",
    }
}

/// The status of a list in lower case, such as `all_done`.
pub const fn order_list_status(status: OrderListStatus) -> &'static str {
    match status {
        OrderListStatus::Pending => "pending",
        OrderListStatus::Executing => "executing",
        OrderListStatus::AllDone => "all_done",
        OrderListStatus::Rejected => "rejected",
        OrderListStatus::Unknown | OrderListStatus::Unspecified => "unknown",
    }
}

/// A status in lower case, such as `partially_filled`.
pub const fn order_status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Pending => "pending",
        OrderStatus::Open => "open",
        OrderStatus::PartiallyFilled => "partially_filled",
        OrderStatus::Filled => "filled",
        OrderStatus::Cancelled => "cancelled",
        OrderStatus::Expired => "expired",
        OrderStatus::Rejected => "rejected",
        OrderStatus::Unknown | OrderStatus::Unspecified => "unknown",
    }
}

/// What became of one half of a replacement, such as `not_attempted`.
pub const fn half_result(half: HalfResult) -> &'static str {
    match half {
        HalfResult::Pending => "pending",
        HalfResult::Success => "success",
        HalfResult::Failure => "failure",
        HalfResult::NotAttempted => "not_attempted",
        HalfResult::Unknown | HalfResult::Unspecified => "unknown",
    }
}

/// Where money is: `available`, `held` and so on.
pub const fn bucket(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Unspecified => "unspecified",
        Bucket::Available => "available",
        Bucket::Held => "held",
        Bucket::External => "external",
        Bucket::Faucet => "faucet",
        Bucket::Link => "link",
        Bucket::Fees => "fees",
        Bucket::Adjustments => "adjustments",
    }
}

/// Why money moved: `deposit`, `trade` and so on.
pub const fn posting_cause(cause: PostingCause) -> &'static str {
    match cause {
        PostingCause::Unspecified => "unspecified",
        PostingCause::Grant => "grant",
        PostingCause::GrantReturned => "grant_returned",
        PostingCause::Deposit => "deposit",
        PostingCause::Withdrawal => "withdrawal",
        PostingCause::Hold => "hold",
        PostingCause::Trade => "trade",
        PostingCause::Release => "release",
        PostingCause::LinkSent => "link_sent",
        PostingCause::LinkTaken => "link_taken",
        PostingCause::Transfer => "transfer",
        PostingCause::TransferTaken => "transfer_taken",
        PostingCause::TransferReturned => "transfer_returned",
        PostingCause::Adjustment => "adjustment",
    }
}

/// Which asset fees are taken in.
pub const fn fee_asset(asset: FeeAsset) -> &'static str {
    match asset {
        FeeAsset::Unspecified | FeeAsset::Quote => "quote",
        FeeAsset::Received => "received",
    }
}

/// Why an order was refused, as a code such as `insufficient_funds`.
pub const fn refusal(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Unspecified => "unspecified",
        RefusalReason::Late => "late",
        RefusalReason::KeyReused => "key_reused",
        RefusalReason::TooManyKeys => "too_many_keys",
        RefusalReason::TooManyOpenOrders => "too_many_open_orders",
        RefusalReason::UnknownInstrument => "unknown_instrument",
        RefusalReason::UnknownAsset => "unknown_asset",
        RefusalReason::UnknownOrder => "unknown_order",
        RefusalReason::InsufficientFunds => "insufficient_funds",
        RefusalReason::NotSuccessor => "not_successor",
        RefusalReason::BadListing => "bad_listing",
        RefusalReason::SupplyLimit => "supply_limit",
        RefusalReason::TooManyAccounts => "too_many_accounts",
        RefusalReason::NotHome => "not_home",
        RefusalReason::TooManyParked => "too_many_parked",
        RefusalReason::WouldTake => "would_take",
        RefusalReason::AlreadyExpired => "already_expired",
        RefusalReason::NotInForce => "not_in_force",
        RefusalReason::WouldTrigger => "would_trigger",
        RefusalReason::TooManyParts => "too_many_parts",
        RefusalReason::NoReferencePrice => "no_reference_price",
        RefusalReason::TooManyGrouped => "too_many_grouped",
        RefusalReason::MarketPostOnly => "market_post_only",
        RefusalReason::MarketLimitOnly => "market_limit_only",
        RefusalReason::MarketCancelOnly => "market_cancel_only",
        RefusalReason::MarketHalted => "market_halted",
        RefusalReason::MarketDelisted => "market_delisted",
        RefusalReason::MarketPreOpen => "market_pre_open",
        RefusalReason::MarketAuction => "market_auction",
        RefusalReason::MarketVolatilityAuction => "market_volatility_auction",
        RefusalReason::AuctionNotSet => "auction_not_set",
        RefusalReason::TooManySchedules => "too_many_schedules",
        RefusalReason::TooManyCredentials => "too_many_tokens",
        RefusalReason::ListPrices => "list_prices",
        RefusalReason::UnknownAccount => "unknown_account",
        RefusalReason::SameAccount => "same_account",
        RefusalReason::TooManyTransfers => "too_many_transfers",
        RefusalReason::AmendIncreases => "amend_increases",
        RefusalReason::AmendChangesNothing => "amend_changes_nothing",
        RefusalReason::AmendLeavesNothing => "amend_leaves_nothing",
        RefusalReason::WaitsForFunds => "waits_for_funds",
        RefusalReason::CancelRestricted => "cancel_restricted",
        RefusalReason::ReplacedNotOpen => "replaced_not_open",
        RefusalReason::FundsElsewhere => "funds_elsewhere",
        RefusalReason::AmendListed => "amend_listed",
        RefusalReason::TooManyCancelAfters => "too_many_cancel_afters",
        RefusalReason::AccountSuspended => "account_suspended",
        RefusalReason::ReduceOnly => "reduce_only",
        RefusalReason::KillSwitch => "kill_switch",
        RefusalReason::MaxOrderNotional => "max_order_notional",
        RefusalReason::MaxPosition => "max_position",
        RefusalReason::OrderRate => "order_rate",
        RefusalReason::PriceCollar => "price_collar",
        RefusalReason::TooManyControlled => "too_many_controlled",
        RefusalReason::TooManyTiered => "too_many_tiered",
        RefusalReason::NotASandbox => "not_a_sandbox",
        RefusalReason::TooManyResets => "too_many_resets",
        RefusalReason::PriceFilter => "price_filter",
        RefusalReason::LotSize => "lot_size",
        RefusalReason::MarketLotSize => "market_lot_size",
        RefusalReason::Notional => "notional",
        RefusalReason::PercentPrice => "percent_price",
        RefusalReason::TrailingDelta => "trailing_delta",
        RefusalReason::MaxOrders => "max_orders",
        RefusalReason::MaxAlgoOrders => "max_algo_orders",
    }
}

/// Why an order ended, as a code such as `immediate_or_cancel`.
pub const fn end(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Unspecified => "unspecified",
        EndReason::Filled => "filled",
        EndReason::Cancelled => "cancelled",
        EndReason::ImmediateOrCancel => "immediate_or_cancel",
        EndReason::InsufficientLiquidity => "insufficient_liquidity",
        EndReason::PriceProtection => "price_protection",
        EndReason::InsufficientFunds => "insufficient_funds",
        EndReason::SweepLimit => "sweep_limit",
        EndReason::ParkedTooLong => "parked_too_long",
        EndReason::FillOrKill => "fill_or_kill",
        EndReason::Expired => "expired",
        EndReason::SelfTradePrevented => "self_trade_prevented",
        EndReason::OrderList => "order_list",
        EndReason::WouldTake => "would_take",
        EndReason::WouldTrigger => "would_trigger",
        EndReason::ListPrices => "list_prices",
        EndReason::TooManyParts => "too_many_parts",
        EndReason::CancelAfter => "cancel_after",
        EndReason::KillSwitch => "kill_switch",
        EndReason::Delisted => "delisted",
        EndReason::MarketState => "market_state",
        EndReason::PriceBand => "price_band",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_any_zone_and_no_further_than_a_timestamp_goes() {
        let read = |text| parse_rfc3339(text).map(Timestamp::unix_nanos);
        assert_eq!(read("2024-08-08T23:54:13.937085768Z"), Some(1_723_161_253_937_085_768));
        assert_eq!(read("1970-01-01T01:00:00+01:00"), Some(0));
        for none in ["", "tomorrow", "2024-08-08", "1969-12-31T23:59:59Z", "2555-01-01T00:00:00Z"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn instants_have_microseconds_and_a_z() {
        let instant = Timestamp::from_unix_nanos(1_723_161_253_937_085_768);
        assert_eq!(rfc3339(instant), "2024-08-08T23:54:13.937085Z");
        assert_eq!(rfc3339(Timestamp::EPOCH), "1970-01-01T00:00:00.000000Z");
        assert!(rfc3339(Timestamp::from_unix_nanos(u64::MAX)).starts_with("2554-"));
    }
}
