//! What one account may risk: limits that those who run the platform set before a trade.
//!
//! As with filters, 0 bounds nothing.

use alloc::vec::Vec;

use thiserror::Error;

use crate::{Amount, AssetId, Span};

/// Limits of what an account does with one asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetLimit {
    /// Which.
    pub asset: AssetId,
    /// The most that one order may be worth, where this is the asset that it is paid in.
    pub max_order_notional: Amount,
    /// The most that the account may come to have of it by buying.
    pub max_position: Amount,
}

/// How many orders an account may place in a time: so many at once, and so many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRate {
    /// How many a second, one after the other.
    pub per_second: u32,
    /// How many at once, after a pause.
    pub burst: u32,
}

/// All limits of an account; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RiskLimits {
    /// By asset, in ascending order.
    pub assets: Vec<AssetLimit>,
    /// How many orders it may have open on a shard.
    pub max_open_orders: u32,
    /// How fast it may place orders.
    pub rate: Option<OrderRate>,
    /// How far beyond the last trade's price a limit may be, in basis points: above it for a buyer,
    /// below it for a seller.
    pub price_collar_bps: u32,
}

/// Why limits make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RiskLimitsError {
    /// More assets than [`RiskLimits::ASSETS_MAX`], one twice, or an amount below zero.
    #[error(
        "limits name at most {} assets, each once, with amounts above zero",
        RiskLimits::ASSETS_MAX
    )]
    Assets,
    /// A rate of nothing, or beyond [`OrderRate::MAX`].
    #[error("orders_per_second and order_burst must be from 1 to {}", OrderRate::MAX)]
    Rate,
    /// Beyond [`RiskLimits::COLLAR_BPS_MAX`].
    #[error("price_collar_bps must be at most {}", RiskLimits::COLLAR_BPS_MAX)]
    Collar,
}

impl OrderRate {
    /// The largest rate and burst: with more than nine days of orders at once no instant overflows.
    pub const MAX: u32 = 100_000;

    /// How long one order takes of the time. Rounded up, so that never more than asked pass.
    pub fn interval(&self) -> Span {
        const SECOND_NANOS: u64 = 1_000_000_000;
        Span::from_nanos(SECOND_NANOS.div_ceil(u64::from(self.per_second.max(1))))
    }
}

impl RiskLimits {
    /// How many assets limits may name: far more than an account trades, and each order looks
    /// through them.
    pub const ASSETS_MAX: usize = 64;

    /// The widest collar: a hundred times the price.
    pub const COLLAR_BPS_MAX: u32 = 1_000_000;

    /// The limits of an asset, where there are some.
    pub fn of(&self, asset: AssetId) -> Option<&AssetLimit> {
        self.assets.iter().find(|limit| limit.asset == asset)
    }

    /// Whether they make sense.
    ///
    /// # Errors
    /// [`RiskLimitsError`], the first.
    pub fn check(&self) -> Result<(), RiskLimitsError> {
        let is_ascending = self.assets.is_sorted_by(|one, next| one.asset < next.asset);
        let is_above = |limit: &AssetLimit| {
            limit.max_order_notional >= Amount::ZERO && limit.max_position >= Amount::ZERO
        };
        if self.assets.len() > Self::ASSETS_MAX
            || !is_ascending
            || !self.assets.iter().all(is_above)
        {
            return Err(RiskLimitsError::Assets);
        }
        let range = 1..=OrderRate::MAX;
        let is_rate =
            |rate: OrderRate| range.contains(&rate.per_second) && range.contains(&rate.burst);
        if !self.rate.is_none_or(is_rate) {
            return Err(RiskLimitsError::Rate);
        }
        let is_near = self.price_collar_bps <= Self::COLLAR_BPS_MAX;
        is_near.then_some(()).ok_or(RiskLimitsError::Collar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let limit = |asset, units| AssetLimit {
            asset: AssetId(asset),
            max_order_notional: Amount::from_units(units),
            max_position: Amount::ZERO,
        };
        let with = |assets| RiskLimits { assets, ..RiskLimits::default() };
        let rate = |per_second, burst| RiskLimits {
            rate: Some(OrderRate { per_second, burst }),
            ..RiskLimits::default()
        };
        let collar = |price_collar_bps| RiskLimits { price_collar_bps, ..RiskLimits::default() };
        for (limits, expected) in [
            (RiskLimits::default(), Ok(())),
            (with(vec![limit(1, 5), limit(2, 0)]), Ok(())),
            (with(vec![limit(2, 5), limit(1, 5)]), Err(RiskLimitsError::Assets)),
            (with(vec![limit(1, 5), limit(1, 5)]), Err(RiskLimitsError::Assets)),
            (with(vec![limit(1, -1)]), Err(RiskLimitsError::Assets)),
            (with((0..65).map(|asset| limit(asset, 1)).collect()), Err(RiskLimitsError::Assets)),
            (rate(1, 100_000), Ok(())),
            (rate(0, 1), Err(RiskLimitsError::Rate)),
            (rate(1, 0), Err(RiskLimitsError::Rate)),
            (rate(100_001, 1), Err(RiskLimitsError::Rate)),
            (collar(1_000_000), Ok(())),
            (collar(1_000_001), Err(RiskLimitsError::Collar)),
        ] {
            assert_eq!(limits.check(), expected, "{limits:?}");
        }
        let rate = OrderRate { per_second: 3, burst: 1 };
        assert_eq!(rate.interval().nanos(), 333_333_334, "three never take less than a second");
    }
}
