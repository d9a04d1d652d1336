//! The shard's state: stories that a trader can read, and random flows.

#[path = "exchange/flows.rs"]
mod flows;
#[path = "exchange/instructions.rs"]
mod instructions;
#[path = "exchange/sizes.rs"]
mod sizes;
#[path = "exchange/stops.rs"]
mod stops;
#[path = "exchange/stories.rs"]
mod stories;
#[path = "exchange/venue.rs"]
mod venue;
