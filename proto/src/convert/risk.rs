//! What accounts may risk, between the log's wire form and the domain.

use model::{AccountName, AssetId, AssetLimit, OrderRate, RiskLimits};

use super::{
    Malformed,
    number::{amount, to_amount},
};
use crate::{command::OperatorWord, log};

pub(super) fn set_limits(wire: &log::SetRiskLimits) -> Result<OperatorWord, Malformed> {
    let account = AccountName::new(&wire.account).map_err(|_| Malformed("account"))?;
    let limits = risk_limits(wire.limits.as_ref())?;
    Ok(OperatorWord::SetRiskLimits { account, limits })
}

pub(super) fn set_limits_to_wire(account: &AccountName, limits: &RiskLimits) -> log::SetRiskLimits {
    let limits = risk_limits_to_wire(limits);
    log::SetRiskLimits { account: account.as_str().to_owned(), limits }
}

/// Limits from the log, checked; none where there are none.
///
/// # Errors
/// [`Malformed`] for an amount that is none, and for limits that make no sense.
pub fn risk_limits(wire: Option<&log::RiskLimits>) -> Result<RiskLimits, Malformed> {
    let Some(wire) = wire else { return Ok(RiskLimits::default()) };
    let asset = |limit: &log::AssetLimit| {
        Ok(AssetLimit {
            asset: AssetId(limit.asset_id),
            max_order_notional: amount(limit.max_order_notional.as_ref())?,
            max_position: amount(limit.max_position.as_ref())?,
        })
    };
    let (per_second, burst) = (wire.orders_per_second, wire.order_burst);
    let limits = RiskLimits {
        assets: wire.assets.iter().map(asset).collect::<Result<_, Malformed>>()?,
        max_open_orders: wire.max_open_orders,
        rate: ((per_second, burst) != (0, 0)).then_some(OrderRate { per_second, burst }),
        price_collar_bps: wire.price_collar_bps,
    };
    limits.check().map_err(|_| Malformed("limits"))?;
    Ok(limits)
}

/// Limits as the log has them: nothing where there is none.
pub fn risk_limits_to_wire(limits: &RiskLimits) -> Option<log::RiskLimits> {
    let some = |amount: model::Amount| (!amount.is_zero()).then(|| to_amount(amount));
    let assets = limits.assets.iter().map(|limit| log::AssetLimit {
        asset_id: limit.asset.0,
        max_order_notional: some(limit.max_order_notional),
        max_position: some(limit.max_position),
    });
    let wire = log::RiskLimits {
        assets: assets.collect(),
        max_open_orders: limits.max_open_orders,
        orders_per_second: limits.rate.map_or(0, |rate| rate.per_second),
        order_burst: limits.rate.map_or(0, |rate| rate.burst),
        price_collar_bps: limits.price_collar_bps,
    };
    (wire != log::RiskLimits::default()).then_some(wire)
}

#[cfg(test)]
mod tests {
    use model::Amount;

    use super::*;

    #[test]
    fn limits_survive_the_log_and_what_are_none_do_not() {
        let limit = AssetLimit {
            asset: AssetId(3),
            max_order_notional: Amount::from_units(1 << 70),
            max_position: Amount::ZERO,
        };
        let limits = RiskLimits {
            assets: vec![limit],
            max_open_orders: 4,
            rate: Some(OrderRate { per_second: 5, burst: 6 }),
            price_collar_bps: 7,
        };
        let name = AccountName::new("alice").expect("a good name");
        for limits in [limits.clone(), RiskLimits::default()] {
            let word =
                OperatorWord::SetRiskLimits { account: name.clone(), limits: limits.clone() };
            assert_eq!(set_limits(&set_limits_to_wire(&name, &limits)), Ok(word));
        }
        let wire = risk_limits_to_wire(&limits).expect("there are some");
        let lame = log::RiskLimits { order_burst: 0, ..wire.clone() };
        assert_eq!(risk_limits(Some(&lame)), Err(Malformed("limits")));
        let twice = [wire.assets.clone(), wire.assets.clone()].concat();
        let twice = log::RiskLimits { assets: twice, ..wire };
        assert_eq!(risk_limits(Some(&twice)), Err(Malformed("limits")));
    }
}
