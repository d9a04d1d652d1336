//! Between wire numbers and `model` types. What comes from a wire is checked here, once.

mod change;
mod command;
mod control;
mod filter;
mod instant;
mod link;
mod list;
mod money;
mod number;
mod operator;
mod reference;
mod risk;
mod tier;

pub use command::{Malformed, instructions_to_wire};
pub use control::{account_state, account_state_to_wire};
pub use filter::{filters, filters_to_wire};
pub use instant::{from_proto_timestamp, to_proto_timestamp};
pub use list::{contingency_from_wire, contingency_to_wire};
pub use money::RESET_ID_BYTES_MAX;
pub use number::{
    amount, market_state_from_wire, market_state_to_wire, order_id, price, quantity,
    self_trade_from_wire, self_trade_to_wire, side_from_wire, side_to_wire,
    time_in_force_from_wire, time_in_force_to_wire, to_amount, type_from_wire, type_to_wire,
};
pub use reference::{asset, fee_asset, fee_asset_to_wire, fees, instrument, price_band_to_wire};
pub use risk::{risk_limits, risk_limits_to_wire};
pub use tier::{
    TIERS_ASSIGNED_MAX, fee_tier, tier_fees, tier_fees_to_wire, tier_volumes, tier_volumes_to_wire,
};
