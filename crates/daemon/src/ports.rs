//! Listeners, and a message that helps where there can be none.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
};

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait to be accepted: as many as Linux lets wait. What comes while so
/// many wait is lost and tried again after a second, and the 128 that are usual are fewer than a
/// fleet of bots that starts at once.
const WAITING_MAX: u32 = 4_096;

/// An address that could not be bound.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "{address} is in use, perhaps by another tradespine; `ss -ltnp 'sport = :{}'` shows by \
         whom; stop it, or choose another address with {setting}", address.port()
    )]
    InUse {
        /// The address.
        address: SocketAddr,
        /// The setting that changes it.
        setting: String,
    },
    /// The address is not one of this machine.
    #[error("{address} is not an address of this machine; choose another one with {setting}")]
    NotOurs {
        /// The address.
        address: SocketAddr,
        /// The setting that changes it.
        setting: String,
    },
    /// The process may not listen there.
    #[error(
        "this process may not listen on {address} (ports below 1024 are for privileged ones); \
         choose another address with {setting}"
    )]
    Forbidden {
        /// The address.
        address: SocketAddr,
        /// The setting that changes it.
        setting: String,
    },
    /// Anything else that the operating system says.
    #[error("could not listen on {address} (set by {setting}): {error}")]
    Failed {
        /// The address.
        address: SocketAddr,
        /// The setting that changes it.
        setting: String,
        /// What the operating system says.
        error: io::Error,
    },
}

/// Listens on `address`, which `setting` chose: its name, as in `gateway.rest_address`, for the
/// message of the error. Port 0 takes a free one.
///
/// # Errors
/// [`BindError`], which says what to do.
pub async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, BindError> {
    let setting = || setting.to_owned();
    listen(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => BindError::InUse { address, setting: setting() },
        ErrorKind::AddrNotAvailable => BindError::NotOurs { address, setting: setting() },
        ErrorKind::PermissionDenied => BindError::Forbidden { address, setting: setting() },
        _ => BindError::Failed { address, setting: setting(), error },
    })
}

/// Listens on `address`. To be called in a runtime.
///
/// # Errors
/// What the operating system says.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Or the port of a process that has just ended would be taken for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpStream as StdStream, time::Duration};

    use super::*;

    const LOOPBACK: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    /// Nobody accepts, so that each beyond those that may wait would wait for ever.
    #[tokio::test]
    async fn a_burst_of_connections_waits_to_be_accepted() {
        let listener = bind(LOOPBACK, "gateway.rest_address").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let connect = || StdStream::connect_timeout(&address, Duration::from_secs(5));
        let burst: Result<Vec<StdStream>, io::Error> = (0..512).map(|_| connect()).collect();
        assert_eq!(burst.expect("there is room").len(), 512);
    }

    #[tokio::test]
    async fn a_taken_address_is_told_with_what_to_do() {
        let first = bind(LOOPBACK, "gateway.rest_address").await.expect("a free port");
        let address = first.local_addr().expect("it is bound");
        let text = bind(address, "gateway.rest_address").await.expect_err("taken").to_string();
        assert!(text.contains(&address.to_string()), "{text}");
        assert!(text.contains("another tradespine"), "{text}");
        assert!(text.contains(&format!("sport = :{}", address.port())), "{text}");
        assert!(text.contains("gateway.rest_address"), "{text}");
    }

    #[tokio::test]
    async fn a_foreign_address_is_told_as_one() {
        // 192.0.2.0/24 is for documentation, and no machine has it.
        let address = "192.0.2.1:0".parse().expect("an address");
        let error = bind(address, "gateway.rest_address").await.expect_err("foreign");
        assert!(matches!(error, BindError::NotOurs { .. }), "{error}");
    }
}
