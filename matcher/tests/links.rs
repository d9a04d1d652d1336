//! Several shards and the links between them: stories, random flows in which everything that goes
//! between shards comes late, twice or not at all, and flows that must tell clients on three shards
//! just what one shard would tell them.

#[path = "links/alike.rs"]
mod alike;
#[path = "links/built.rs"]
mod built;
#[path = "links/changes.rs"]
mod changes;
#[path = "links/flows.rs"]
mod flows;
#[path = "links/mistakes.rs"]
mod mistakes;
#[path = "links/resets.rs"]
mod resets;
#[path = "links/stories.rs"]
mod stories;
#[path = "links/transfers.rs"]
mod transfers;
#[path = "links/world.rs"]
mod world;
