//! Numbers and enums.

use model::{
    Amount, MarketState, OrderId, OrderType, Price, Quantity, SelfTradePrevention, Side,
    TimeInForce,
};

use super::Malformed;
use crate::{log, trading};

/// The weight of `units_high` in the wire's amounts: 2^63.
const HIGH: i128 = 1 << 63;

/// An amount as the log writes it.
///
/// # Panics
/// At 2^126 and beyond. No text is read as so much, no record holds so much, and the rules of money
/// keep every sum below 2^121.
pub fn to_amount(amount: Amount) -> log::Amount {
    let half = |units: i128| i64::try_from(units).expect("amounts stay below 2^126");
    log::Amount { units: half(amount.units() % HIGH), units_high: half(amount.units() / HIGH) }
}

/// An amount from the log; a missing one is zero.
///
/// # Errors
/// [`Malformed`] where the two halves do not have one sign.
pub fn amount(wire: Option<&log::Amount>) -> Result<Amount, Malformed> {
    let Some(wire) = wire else { return Ok(Amount::ZERO) };
    if wire.units.signum() * wire.units_high.signum() < 0 || wire.units == i64::MIN {
        return Err(Malformed("amount"));
    }
    i128::from(wire.units_high)
        .checked_mul(HIGH)
        .and_then(|high| high.checked_add(i128::from(wire.units)))
        .filter(|units| *units != i128::MIN)
        .map(Amount::from_units)
        .ok_or(Malformed("amount"))
}

/// A price from the log.
///
/// # Errors
/// [`Malformed`] outside the range of prices.
pub fn price(ticks: u64) -> Result<Price, Malformed> {
    Price::from_ticks(ticks).map_err(|_| Malformed("price_ticks"))
}

/// A quantity from the log.
///
/// # Errors
/// [`Malformed`] outside the range of quantities.
pub fn quantity(lots: u64) -> Result<Quantity, Malformed> {
    Quantity::from_lots(lots).map_err(|_| Malformed("quantity_lots"))
}

/// An order id from a wire.
///
/// # Errors
/// [`Malformed`] where no order can have it.
pub fn order_id(number: u64) -> Result<OrderId, Malformed> {
    OrderId::from_number(number).ok_or(Malformed("order_id"))
}

/// A side from a wire.
///
/// # Errors
/// [`Malformed`] where it is unspecified or unknown.
pub fn side_from_wire(wire: i32) -> Result<Side, Malformed> {
    match trading::Side::try_from(wire) {
        Ok(trading::Side::Buy) => Ok(Side::Buy),
        Ok(trading::Side::Sell) => Ok(Side::Sell),
        _ => Err(Malformed("side")),
    }
}

/// A side on a wire.
pub const fn side_to_wire(side: Side) -> trading::Side {
    match side {
        Side::Buy => trading::Side::Buy,
        Side::Sell => trading::Side::Sell,
    }
}

/// An order type on a wire.
pub const fn type_to_wire(order_type: OrderType) -> trading::OrderType {
    match order_type {
        OrderType::Limit => trading::OrderType::Limit,
        OrderType::Market => trading::OrderType::Market,
        OrderType::StopLoss => trading::OrderType::StopLoss,
        OrderType::StopLossLimit => trading::OrderType::StopLossLimit,
        OrderType::TakeProfit => trading::OrderType::TakeProfit,
        OrderType::TakeProfitLimit => trading::OrderType::TakeProfitLimit,
    }
}

/// An order type from a wire.
///
/// # Errors
/// [`Malformed`] where it is unspecified or unknown.
pub fn type_from_wire(wire: i32) -> Result<OrderType, Malformed> {
    match trading::OrderType::try_from(wire) {
        Ok(trading::OrderType::Limit) => Ok(OrderType::Limit),
        Ok(trading::OrderType::Market) => Ok(OrderType::Market),
        Ok(trading::OrderType::StopLoss) => Ok(OrderType::StopLoss),
        Ok(trading::OrderType::StopLossLimit) => Ok(OrderType::StopLossLimit),
        Ok(trading::OrderType::TakeProfit) => Ok(OrderType::TakeProfit),
        Ok(trading::OrderType::TakeProfitLimit) => Ok(OrderType::TakeProfitLimit),
        Ok(trading::OrderType::Unspecified) | Err(_) => Err(Malformed("type")),
    }
}

/// A time in force on a wire.
pub const fn time_in_force_to_wire(time_in_force: TimeInForce) -> trading::TimeInForce {
    match time_in_force {
        TimeInForce::Gtc => trading::TimeInForce::Gtc,
        TimeInForce::Ioc => trading::TimeInForce::Ioc,
        TimeInForce::Fok => trading::TimeInForce::Fok,
        TimeInForce::Gtd => trading::TimeInForce::Gtd,
        TimeInForce::Day => trading::TimeInForce::Day,
    }
}

/// A time in force from a wire.
///
/// # Errors
/// [`Malformed`] where it is unspecified or unknown.
pub fn time_in_force_from_wire(wire: i32) -> Result<TimeInForce, Malformed> {
    match trading::TimeInForce::try_from(wire) {
        Ok(trading::TimeInForce::Gtc) => Ok(TimeInForce::Gtc),
        Ok(trading::TimeInForce::Ioc) => Ok(TimeInForce::Ioc),
        Ok(trading::TimeInForce::Fok) => Ok(TimeInForce::Fok),
        Ok(trading::TimeInForce::Gtd) => Ok(TimeInForce::Gtd),
        Ok(trading::TimeInForce::Day) => Ok(TimeInForce::Day),
        Ok(trading::TimeInForce::Unspecified) | Err(_) => Err(Malformed("time_in_force")),
    }
}

/// A market's state on a wire.
pub const fn market_state_to_wire(state: MarketState) -> trading::MarketState {
    match state {
        MarketState::Trading => trading::MarketState::Trading,
        MarketState::PostOnly => trading::MarketState::PostOnly,
        MarketState::LimitOnly => trading::MarketState::LimitOnly,
        MarketState::CancelOnly => trading::MarketState::CancelOnly,
        MarketState::Halted => trading::MarketState::Halted,
        MarketState::Delisted => trading::MarketState::Delisted,
        MarketState::PreOpen => trading::MarketState::PreOpen,
        MarketState::Auction => trading::MarketState::Auction,
        MarketState::VolatilityAuction => trading::MarketState::VolatilityAuction,
    }
}

/// A market's state from a wire.
///
/// # Errors
/// [`Malformed`] where it is unspecified or unknown.
pub fn market_state_from_wire(wire: i32) -> Result<MarketState, Malformed> {
    match trading::MarketState::try_from(wire) {
        Ok(trading::MarketState::Trading) => Ok(MarketState::Trading),
        Ok(trading::MarketState::PostOnly) => Ok(MarketState::PostOnly),
        Ok(trading::MarketState::LimitOnly) => Ok(MarketState::LimitOnly),
        Ok(trading::MarketState::CancelOnly) => Ok(MarketState::CancelOnly),
        Ok(trading::MarketState::Halted) => Ok(MarketState::Halted),
        Ok(trading::MarketState::Delisted) => Ok(MarketState::Delisted),
        Ok(trading::MarketState::PreOpen) => Ok(MarketState::PreOpen),
        Ok(trading::MarketState::Auction) => Ok(MarketState::Auction),
        Ok(trading::MarketState::VolatilityAuction) => Ok(MarketState::VolatilityAuction),
        Ok(trading::MarketState::Unspecified) | Err(_) => Err(Malformed("state")),
    }
}

/// A mode of self-trade prevention on a wire, also where it is none.
pub const fn self_trade_to_wire(mode: SelfTradePrevention) -> trading::SelfTradePrevention {
    match mode {
        SelfTradePrevention::None => trading::SelfTradePrevention::None,
        SelfTradePrevention::ExpireTaker => trading::SelfTradePrevention::ExpireTaker,
        SelfTradePrevention::ExpireMaker => trading::SelfTradePrevention::ExpireMaker,
        SelfTradePrevention::ExpireBoth => trading::SelfTradePrevention::ExpireBoth,
        SelfTradePrevention::Decrement => trading::SelfTradePrevention::Decrement,
    }
}

/// A mode of self-trade prevention from a wire; none where it is unspecified.
///
/// # Errors
/// [`Malformed`] where it is unknown.
pub fn self_trade_from_wire(wire: i32) -> Result<SelfTradePrevention, Malformed> {
    match trading::SelfTradePrevention::try_from(wire) {
        Ok(trading::SelfTradePrevention::Unspecified | trading::SelfTradePrevention::None) => {
            Ok(SelfTradePrevention::None)
        }
        Ok(trading::SelfTradePrevention::ExpireTaker) => Ok(SelfTradePrevention::ExpireTaker),
        Ok(trading::SelfTradePrevention::ExpireMaker) => Ok(SelfTradePrevention::ExpireMaker),
        Ok(trading::SelfTradePrevention::ExpireBoth) => Ok(SelfTradePrevention::ExpireBoth),
        Ok(trading::SelfTradePrevention::Decrement) => Ok(SelfTradePrevention::Decrement),
        Err(_) => Err(Malformed("self_trade_prevention")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn amounts_survive_the_wire(high in any::<i64>(), low in any::<i64>()) {
            let units = (i128::from(high) << 60) + i128::from(low);
            let wire = to_amount(Amount::from_units(units));
            prop_assert_eq!(amount(Some(&wire)), Ok(Amount::from_units(units)));
        }

        #[test]
        fn no_wire_amount_panics(units in any::<i64>(), units_high in any::<i64>()) {
            let _ = amount(Some(&log::Amount { units, units_high }));
        }
    }

    #[test]
    fn the_ends_of_the_range_survive() {
        let largest = Amount::from_units((1 << 126) - 1);
        for edge in [largest, -largest, Amount::ZERO] {
            assert_eq!(amount(Some(&to_amount(edge))), Ok(edge));
        }
        assert_eq!(amount(None), Ok(Amount::ZERO));
        let mixed = log::Amount { units: 1, units_high: -1 };
        assert_eq!(amount(Some(&mixed)), Err(Malformed("amount")));
    }
}
