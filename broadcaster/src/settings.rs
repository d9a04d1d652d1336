//! The numbers somebody may want to choose.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use crate::hub::QueueLimit;

/// How a broadcaster is run. [`Default`] is what `tradespine up` does, without snapshots.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where WebSockets and the HTTP pages are served. Loopback, because a sandbox trusts its
    /// callers.
    pub http_address: SocketAddr,
    /// Where gRPC is served.
    pub grpc_address: SocketAddr,
    /// How many listeners there may be, WebSockets and gRPC streams together; further ones are
    /// refused. Each costs a socket, about 20 KiB of buffers, and its share of every frame.
    pub listeners_max: usize,
    /// How many gRPC connections there may be; further ones are told so and closed. Each costs a
    /// socket and some 50 KiB of buffers, and carries all feeds that its client wants.
    pub grpc_connections_max: usize,
    /// How much may wait for one listener before it counts as too slow.
    pub queue: QueueLimit,
    /// Where snapshots are kept; a directory of this service's own. Without one every start reads
    /// the log from its beginning.
    pub snapshot_directory: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            http_address: (Ipv4Addr::LOCALHOST, 8081).into(),
            grpc_address: (Ipv4Addr::LOCALHOST, 50053).into(),
            listeners_max: 10_000,
            grpc_connections_max: 4_096,
            queue: QueueLimit::default(),
            snapshot_directory: None,
        }
    }
}
