//! What a person can set about the gateway.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use daemon::settings::Secret;

/// Addresses and limits of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where REST is served. Loopback on port 8080 by default: the sandbox trusts whoever connects.
    pub rest_address: SocketAddr,
    /// Where gRPC is served. Loopback on port 50051 by default, for the same reason.
    pub grpc_address: SocketAddr,
    /// The ledger's gRPC address as a URI, `http://127.0.0.1:50052` by default. Connected to when
    /// it is first needed.
    pub ledger_uri: String,
    /// The broadcaster's gRPC address as a URI, `http://127.0.0.1:50053` by default. Connected to
    /// when it is first needed.
    pub market_data_uri: String,
    /// How many commands may be without an answer at once; beyond it new ones are refused. 65,536
    /// by default: two seconds of the rate that one shard is built for, at about 300 bytes each.
    pub unanswered_max: usize,
    /// How old a shard's oldest command without an answer may be before new ones for that shard are
    /// refused. 2 s by default: a client that waits longer has better things to do than to queue.
    pub unanswered_age_max: Duration,
    /// How many gRPC calls may be without an answer at once; beyond it new ones are refused. 4,096
    /// by default, for the same reasons as for REST.
    pub grpc_calls_max: usize,
    /// How many streams of orders may be open at once; further ones are refused. 256 by default: of
    /// a client that sends and does not read, 4,096 results of about a kilobyte wait, so it is at
    /// most a gigabyte.
    pub order_streams_max: usize,
    /// How many REST requests may be in progress at once; beyond it new ones are refused. 4,096 by
    /// default: many times the connections of a busy client, and at 16 KiB of body each at most
    /// 64 MiB.
    pub rest_requests_max: usize,
    /// Where those who run the platform are heard; nowhere by default.
    pub admin: Option<AdminSettings>,
}

/// A listener for those who run the platform, apart from what clients reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Where it is.
    pub address: SocketAddr,
    /// What callers must bear.
    pub token: Secret,
}

impl Default for Settings {
    fn default() -> Settings {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Settings {
            rest_address: local(8080),
            grpc_address: local(50_051),
            ledger_uri: "http://127.0.0.1:50052".to_owned(),
            market_data_uri: "http://127.0.0.1:50053".to_owned(),
            unanswered_max: 1 << 16,
            unanswered_age_max: Duration::from_secs(2),
            grpc_calls_max: 4_096,
            order_streams_max: 256,
            rest_requests_max: 4_096,
            admin: None,
        }
    }
}
