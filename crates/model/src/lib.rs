//! The words of trading, as types.
//!
//! Every number that means something is an integer with its unit in its type: a [`Price`] is a
//! count of ticks, a [`Quantity`] a count of lots, an [`Amount`] a count of an asset's smallest
//! unit. Decimal text is read and written exactly at the edges by [`decimal`]; there is no float
//! in this crate and none in any crate that uses it for money.
//!
//! # Layout
//!
//! - [`account`], [`risk`]: what an account may do, and what it may risk.
//! - [`price`], [`quantity`], [`amount`]: the three numbers, each with its own range.
//! - [`decimal`]: decimal text to units and back, without rounding.
//! - [`instrument`], [`asset`]: what is traded, and how its numbers read as text.
//! - [`band`]: how far an instrument's price may move before it stops for an auction.
//! - [`fee`]: what trading costs: rates and how they round. [`tier`]: who pays which.
//! - [`filter`]: what an instrument takes of orders.
//! - [`order`]: side, type, time in force.
//! - [`list`]: how the orders of a list hang together.
//! - [`market`]: what a market is open for.
//! - [`home`]: where an account is at home.
//! - [`id`]: order, trade and instrument ids; names of accounts; keys that make a retry safe.
//! - [`keyed`]: the hash of names in tables, under a key.
//! - [`time`]: instants and spans as values. Nobody here reads a clock.
//!
//! What will never live here: IO, clocks, randomness, wire formats, and rules of matching or money.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod account;
pub mod amount;
pub mod asset;
pub mod band;
pub mod decimal;
pub mod fee;
pub mod filter;
pub mod home;
pub mod id;
pub mod instrument;
pub mod keyed;
pub mod list;
pub mod market;
pub mod order;
pub mod price;
pub mod quantity;
pub mod risk;
pub mod tier;
pub mod time;

pub use account::AccountState;
pub use amount::Amount;
pub use asset::{Asset, AssetId};
pub use band::{BandError, PriceBand};
pub use fee::{FeeAsset, FeeRate, Fees, FeesError, Role};
pub use filter::{Filters, FiltersError};
pub use id::{
    AccountHandle, AccountName, InstrumentId, KeyText, OperatorName, OrderId, Partition, RequestId,
    TradeId,
};
pub use instrument::{Instrument, Symbol};
pub use list::Contingency;
pub use market::MarketState;
pub use order::{
    CancelOnly, Instructions, OrderFilter, OrderType, ReplaceMode, SelfTradePrevention, Side,
    TimeInForce, Trailing, Trigger, TriggerKind,
};
pub use price::Price;
pub use quantity::Quantity;
pub use risk::{AssetLimit, OrderRate, RiskLimits, RiskLimitsError};
pub use tier::{FeeTier, TierFees, TierVolumes, TiersError};
pub use time::{Span, Timestamp};
