//! A shard's refusals in sentences: what is wrong, and what to do.

use proto::log::RefusalReason;

use super::Kind;

const LESS_AVAILABLE: &str = "the account has less than that available";

const OTHER_CONTENT: &str = "this key was used before with other content; use a new key";

const LATE: &str = "the log took the request too late, so it was not done; send it again";

const NOT_IN_FORCE: &str =
    "the log is not upgraded to such orders yet; leave out what they say, or wait";

/// What kind of problem a refusal is, and its sentence.
pub(super) const fn refusal(reason: RefusalReason) -> (Kind, &'static str) {
    match reason {
        RefusalReason::Late => (Kind::Unavailable, LATE),
        RefusalReason::KeyReused => (Kind::KeyReused, OTHER_CONTENT),
        RefusalReason::UnknownInstrument
        | RefusalReason::UnknownAsset
        | RefusalReason::UnknownOrder
        | RefusalReason::InsufficientFunds => refusal_of_lack(reason),
        RefusalReason::TooManyKeys
        | RefusalReason::TooManyOpenOrders
        | RefusalReason::TooManyAccounts
        | RefusalReason::TooManyParked
        | RefusalReason::TooManySchedules
        | RefusalReason::TooManyGrouped => refusal_of_full(reason),
        RefusalReason::NotInForce => (Kind::Unavailable, NOT_IN_FORCE),
        RefusalReason::WouldTake
        | RefusalReason::AlreadyExpired
        | RefusalReason::WouldTrigger
        | RefusalReason::TooManyParts
        | RefusalReason::NoReferencePrice
        | RefusalReason::ListPrices => refusal_of_terms(reason),
        RefusalReason::AmendIncreases
        | RefusalReason::AmendChangesNothing
        | RefusalReason::AmendLeavesNothing
        | RefusalReason::AmendListed
        | RefusalReason::WaitsForFunds
        | RefusalReason::ReplacedNotOpen
        | RefusalReason::FundsElsewhere
        | RefusalReason::TooManyCancelAfters
        | RefusalReason::CancelRestricted => refusal_of_change(reason),
        RefusalReason::UnknownAccount
        | RefusalReason::SameAccount
        | RefusalReason::SupplyLimit
        | RefusalReason::TooManyTransfers => refusal_of_transfer(reason),
        RefusalReason::AccountSuspended
        | RefusalReason::ReduceOnly
        | RefusalReason::KillSwitch
        | RefusalReason::MaxOrderNotional
        | RefusalReason::MaxPosition
        | RefusalReason::OrderRate
        | RefusalReason::PriceCollar
        | RefusalReason::TooManyControlled
        | RefusalReason::TooManyTiered
        | RefusalReason::NotASandbox
        | RefusalReason::TooManyResets => refusal_of_control(reason),
        RefusalReason::PriceFilter
        | RefusalReason::LotSize
        | RefusalReason::MarketLotSize
        | RefusalReason::Notional
        | RefusalReason::PercentPrice
        | RefusalReason::TrailingDelta
        | RefusalReason::MaxOrders
        | RefusalReason::MaxAlgoOrders => refusal_of_filter(reason),
        RefusalReason::MarketPostOnly
        | RefusalReason::MarketLimitOnly
        | RefusalReason::MarketCancelOnly
        | RefusalReason::MarketHalted
        | RefusalReason::MarketDelisted
        | RefusalReason::MarketPreOpen
        | RefusalReason::MarketAuction
        | RefusalReason::MarketVolatilityAuction
        | RefusalReason::AuctionNotSet => refusal_of_market(reason),
        RefusalReason::Unspecified
        | RefusalReason::NotSuccessor
        | RefusalReason::BadListing
        | RefusalReason::TooManyCredentials
        | RefusalReason::NotHome => (Kind::Internal, NO_WORD),
    }
}

const NO_WORD: &str = "the shard refused the request for a reason that it has no word for";

/// The same where something is not there.
const fn refusal_of_lack(reason: RefusalReason) -> (Kind, &'static str) {
    match reason {
        RefusalReason::UnknownInstrument => (Kind::Malformed, "the shard has no such instrument"),
        RefusalReason::UnknownAsset => (Kind::Malformed, "the shard has no such asset"),
        RefusalReason::UnknownOrder => {
            (Kind::NotFound, "this client has no open order with this id")
        }
        RefusalReason::InsufficientFunds => (Kind::Conflict, LESS_AVAILABLE),
        _ => (Kind::Internal, NO_WORD),
    }
}

/// The same of what an instrument's market is not open for.
const fn refusal_of_market(reason: RefusalReason) -> (Kind, &'static str) {
    let message = match reason {
        RefusalReason::MarketPostOnly => {
            "the market takes only post-only orders and cancels now; make the order post-only"
        }
        RefusalReason::MarketLimitOnly => {
            "the market takes only orders with a limit and cancels now; give a price"
        }
        RefusalReason::MarketCancelOnly => {
            "the market takes only cancels now; wait until it says `trading`"
        }
        RefusalReason::MarketDelisted => "the instrument was delisted; trade another",
        RefusalReason::MarketPreOpen => {
            "the market opens later and takes only limit orders that rest, not post-only, and stops"
        }
        RefusalReason::MarketVolatilityAuction => {
            "the price moved too far: until the market opens again by auction it takes only limit \
             orders that rest, not post-only, and stops"
        }
        RefusalReason::MarketAuction => "the market is just opening by auction; try again",
        RefusalReason::AuctionNotSet => {
            "an auction is how a market opens; say what it is to be open for"
        }
        _ => "the market is halted and takes only cancels; wait until it says `trading`",
    };
    (Kind::Conflict, message)
}

/// The same where something is full.
const fn refusal_of_full(reason: RefusalReason) -> (Kind, &'static str) {
    match reason {
        RefusalReason::TooManyKeys => (
            Kind::TooMany,
            "the account has as many keys of retries as it may; wait for old ones to go",
        ),
        RefusalReason::TooManyOpenOrders => {
            (Kind::TooMany, "the account has as many open orders as it may; cancel some first")
        }
        RefusalReason::TooManyAccounts => {
            (Kind::Overloaded, "the shard holds as many accounts as it may; try again later")
        }
        RefusalReason::TooManyParked => {
            (Kind::TooMany, "as many orders as may be wait for money from other shards; try again")
        }
        RefusalReason::TooManySchedules => (
            Kind::Overloaded,
            "open orders are charged by as many fee schedules as there can be; try again later",
        ),
        RefusalReason::TooManyGrouped => {
            (Kind::TooMany, "as many accounts as may be are in groups; take some out of theirs")
        }
        _ => (Kind::Internal, "the shard is full in a way that it has no word for"),
    }
}

/// The same of what a new order asks for.
const fn refusal_of_terms(reason: RefusalReason) -> (Kind, &'static str) {
    match reason {
        RefusalReason::WouldTake => {
            (Kind::Conflict, "the order is post-only and would trade at once; change its price")
        }
        RefusalReason::AlreadyExpired => {
            (Kind::Conflict, "expires_at is not after the log's own time; give a later one")
        }
        RefusalReason::WouldTrigger => (
            Kind::Conflict,
            "the last trade's price would trigger the order at once; give a stop_price beyond it",
        ),
        RefusalReason::TooManyParts => (
            Kind::Conflict,
            "the order would be shown in more parts than one may; give a larger display_quantity",
        ),
        RefusalReason::NoReferencePrice => (
            Kind::Conflict,
            "nothing was traded yet by which to hold what the order may cost; give a stop_price",
        ),
        RefusalReason::ListPrices => (
            Kind::Conflict,
            "the last trade's price is not between the two orders; put one above and one below it",
        ),
        _ => (Kind::Internal, "the shard refused the order for a reason that it has no word for"),
    }
}

/// The same of money that is sent to another account.
const fn refusal_of_transfer(reason: RefusalReason) -> (Kind, &'static str) {
    match reason {
        RefusalReason::UnknownAccount => (
            Kind::Conflict,
            "there is no account of this name to take it; look whether it is written right",
        ),
        RefusalReason::SameAccount => {
            (Kind::Conflict, "an account cannot send money to itself; name another")
        }
        RefusalReason::SupplyLimit => {
            (Kind::Conflict, "the asset's supply would grow beyond what sums can hold")
        }
        RefusalReason::TooManyTransfers => {
            (Kind::Overloaded, "as many transfers as may be are on their way; try again later")
        }
        _ => (Kind::Internal, "the shard refused it for a reason that it has no word for"),
    }
}

/// The same of what those who run the platform do not let an account do.
const fn refusal_of_control(reason: RefusalReason) -> (Kind, &'static str) {
    match reason {
        RefusalReason::AccountSuspended => {
            (Kind::Conflict, "the account is suspended: it may cancel orders, and nothing else")
        }
        RefusalReason::ReduceOnly => (
            Kind::Conflict,
            "the account may only reduce what it has: sell, cancel and withdraw; it may not buy",
        ),
        RefusalReason::KillSwitch => (
            Kind::Unavailable,
            "trading is stopped for the account, the instrument or the venue; try again later",
        ),
        RefusalReason::MaxOrderNotional => (
            Kind::Conflict,
            "the order is worth more than the account's max_order_notional; ask for less",
        ),
        RefusalReason::MaxPosition => (
            Kind::Conflict,
            "with what the account has and buys the order goes beyond its max_position; buy less",
        ),
        RefusalReason::OrderRate => (
            Kind::TooMany,
            "the account places more orders than its orders_per_second and burst; wait a little",
        ),
        RefusalReason::PriceCollar => (
            Kind::Conflict,
            "price is further beyond the last trade's than the account's price_collar_bps",
        ),
        RefusalReason::NotASandbox => {
            (Kind::Conflict, "only accounts of a sandbox are reset; this log was founded for none")
        }
        RefusalReason::TooManyResets => {
            (Kind::TooMany, "the shard remembers as many resets as it may; found another sandbox")
        }
        RefusalReason::TooManyTiered => (
            Kind::TooMany,
            "as many accounts as may be have a fee tier; let the lowest tier begin higher",
        ),
        RefusalReason::TooManyControlled => (
            Kind::TooMany,
            "as many accounts as may be have a state or limits; give some back what all have",
        ),
        _ => (Kind::Internal, "the shard refused it for a reason that it has no word for"),
    }
}

/// The same of what an instrument's filters do not take; `GET /api/v1/instruments` has them.
const fn refusal_of_filter(reason: RefusalReason) -> (Kind, &'static str) {
    match reason {
        RefusalReason::PriceFilter => (
            Kind::Conflict,
            "price and stop_price must be from the instrument's min_price to its max_price, in \
             steps of its price_step",
        ),
        RefusalReason::LotSize => (
            Kind::Conflict,
            "quantity and display_quantity must be from the instrument's min_quantity to its \
             max_quantity, in steps of its quantity_step",
        ),
        RefusalReason::MarketLotSize => (
            Kind::Conflict,
            "a market order's quantity must be from the instrument's market_min_quantity to its \
             market_max_quantity, in steps of its market_quantity_step",
        ),
        RefusalReason::Notional => (
            Kind::Conflict,
            "price times quantity must be from the instrument's min_notional to its max_notional",
        ),
        RefusalReason::PercentPrice => (
            Kind::Conflict,
            "price is too far from the last trade's; keep within the instrument's multipliers",
        ),
        RefusalReason::TrailingDelta => (
            Kind::Conflict,
            "trailing_delta_bps must be within the smallest and largest that the instrument takes",
        ),
        RefusalReason::MaxOrders => (
            Kind::TooMany,
            "the account has as many open orders in the instrument as its max_orders; cancel some",
        ),
        RefusalReason::MaxAlgoOrders => (
            Kind::TooMany,
            "as many orders of the account wait for a price in the instrument as its \
             max_algo_orders; cancel some",
        ),
        _ => (Kind::Internal, "a filter refused the order for which there is no word"),
    }
}

/// The same of a change of an order that is open.
const fn refusal_of_change(reason: RefusalReason) -> (Kind, &'static str) {
    match reason {
        RefusalReason::AmendIncreases => (
            Kind::Conflict,
            "an amend only lowers the quantity; for more, replace the order by a new one",
        ),
        RefusalReason::AmendChangesNothing => {
            (Kind::Conflict, "the order has this quantity already; nothing was changed")
        }
        RefusalReason::AmendLeavesNothing => (
            Kind::Conflict,
            "as much as that has traded or was prevented already; to end the order, cancel it",
        ),
        RefusalReason::WaitsForFunds => (
            Kind::Conflict,
            "the order waits for money from another shard; amend it once it is open, or cancel it",
        ),
        RefusalReason::ReplacedNotOpen => (
            Kind::Conflict,
            "the order that was to be replaced is not open any more; the new one was not placed",
        ),
        RefusalReason::FundsElsewhere => (
            Kind::Conflict,
            "the new order needs more money than is on its shard; cancel the old one and place it",
        ),
        RefusalReason::TooManyCancelAfters => (
            Kind::Overloaded,
            "as many accounts as may be have asked for it on this shard; try again later",
        ),
        RefusalReason::CancelRestricted => (
            Kind::Conflict,
            "the order is not in the state in which alone it was to be cancelled; it stays open",
        ),
        RefusalReason::AmendListed => {
            (Kind::Conflict, "an order of a list is not amended; cancel the list and place another")
        }
        _ => (Kind::Internal, "the shard refused the change for a reason that it has no word for"),
    }
}
