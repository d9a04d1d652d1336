//! The shard's state: stories that a trader can read, random flows, the same bytes for ever, and
//! damaged ones.

#[path = "exchange/auctions.rs"]
mod auctions;
#[path = "exchange/bands.rs"]
mod bands;
#[path = "exchange/changes.rs"]
mod changes;
#[path = "exchange/controls.rs"]
mod controls;
#[path = "exchange/credentials.rs"]
mod credentials;
#[path = "exchange/damage.rs"]
mod damage;
#[path = "exchange/determinism.rs"]
mod determinism;
#[path = "exchange/fees.rs"]
mod fees;
#[path = "exchange/filters.rs"]
mod filters;
#[path = "exchange/flows.rs"]
mod flows;
#[path = "exchange/icebergs.rs"]
mod icebergs;
#[path = "exchange/instructions.rs"]
mod instructions;
#[path = "exchange/lists.rs"]
mod lists;
#[path = "exchange/markets.rs"]
mod markets;
#[path = "exchange/operators.rs"]
mod operators;
#[path = "exchange/records.rs"]
mod records;
#[path = "exchange/replacing.rs"]
mod replacing;
#[path = "exchange/resets.rs"]
mod resets;
#[path = "exchange/risk.rs"]
mod risk;
#[path = "exchange/sizes.rs"]
mod sizes;
#[path = "exchange/stops.rs"]
mod stops;
#[path = "exchange/stories.rs"]
mod stories;
#[path = "exchange/switches.rs"]
mod switches;
#[path = "exchange/tiers.rs"]
mod tiers;
#[path = "exchange/trail.rs"]
mod trail;
#[path = "exchange/trailing.rs"]
mod trailing;
#[path = "exchange/venue.rs"]
mod venue;
