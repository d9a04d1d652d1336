//! What the command line said about settings, in their shape; `None` where it said nothing.

use std::{net::SocketAddr, path::PathBuf};

use serde::Serialize;

use super::{PartitionSet, Profile};

/// See [`Settings`](super::Settings).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flags {
    pub profile: Option<Profile>,
    pub data_dir: Option<PathBuf>,
    pub shards: Option<u16>,
    pub market_maker: Option<bool>,
    pub kafka: KafkaFlags,
    pub gateway: GatewayFlags,
    pub ledger: LedgerFlags,
    pub broadcaster: BroadcasterFlags,
    pub matcher: MatcherFlags,
}

/// See [`Kafka`](super::Kafka).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KafkaFlags {
    pub brokers: Option<String>,
    pub topic_prefix: Option<String>,
    pub replication: Option<u16>,
}

/// See [`Gateway`](super::Gateway).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GatewayFlags {
    pub rest_address: Option<SocketAddr>,
    pub grpc_address: Option<SocketAddr>,
    pub ledger_uri: Option<String>,
    pub market_data_uri: Option<String>,
    pub redis: RedisFlags,
}

/// See [`Redis`](super::Redis).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RedisFlags {
    pub url: Option<String>,
}

/// See [`Ledger`](super::Ledger).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LedgerFlags {
    pub grpc_address: Option<SocketAddr>,
    pub http_address: Option<SocketAddr>,
    pub database_url: Option<String>,
}

/// See [`Broadcaster`](super::Broadcaster).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BroadcasterFlags {
    pub http_address: Option<SocketAddr>,
    pub grpc_address: Option<SocketAddr>,
}

/// See [`Matcher`](super::Matcher).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MatcherFlags {
    pub http_address: Option<SocketAddr>,
    pub partitions: Option<PartitionSet>,
    pub shards_per_pod: Option<u16>,
}
