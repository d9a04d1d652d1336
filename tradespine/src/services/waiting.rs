//! The pages of a service that still waits for what it needs: alive, and not ready, with the
//! reason; whatever else it is asked for it answers with 503. A port that is taken is told before
//! anything is waited for.

use std::{net::SocketAddr, time::Duration};

use daemon::{
    health::{self, Part, Readiness},
    ports,
};
use tokio::time;
use tokio_util::sync::CancellationToken;

/// What the pages call what is waited for.
pub const PART: &str = "log";

/// How long the pages may take to end: those who read them at that moment get their answer.
const PAGES_END_MAX: Duration = Duration::from_secs(1);

/// Does `work`, which tells what it waits for, and serves the pages at `address` meanwhile. The
/// port is free again afterwards, for the service itself.
///
/// # Errors
/// Where the port that `setting` names is taken, or as `work`.
pub async fn with_pages<T>(
    (address, setting): (SocketAddr, &str),
    work: impl AsyncFnOnce(&Part) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let listener = ports::bind(address, setting).await?;
    let readiness = Readiness::default();
    let part = readiness.register(PART);
    let stop = CancellationToken::new();
    let metrics = telemetry::metrics::render;
    let mut pages = tokio::spawn(health::serve_waiting(listener, readiness, metrics, stop.clone()));
    let worked = work(&part).await;
    stop.cancel();
    if time::timeout(PAGES_END_MAX, &mut pages).await.is_err() {
        pages.abort();
    }
    worked
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    #[tokio::test]
    async fn the_pages_say_what_is_waited_for_and_leave_the_port() {
        let free = ports::bind(LOOPBACK, "test").await.expect("a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let said = with_pages((address, "test"), async |part| {
            part.not_ready("nobody answers");
            let page = reqwest::get(format!("http://{address}/readyz")).await?;
            Ok((page.status().as_u16(), page.text().await?))
        });
        let (status, text) = said.await.expect("they are served");
        assert_eq!((status, text.as_str()), (503, "not ready\nlog: nobody answers\n"));
        ports::bind(address, "test").await.expect("the port is free again");
    }

    #[tokio::test]
    async fn a_taken_port_is_told_before_anything_is_waited_for() {
        let taken = ports::bind(LOOPBACK, "test").await.expect("a free port");
        let address = taken.local_addr().expect("it is bound");
        let refused =
            with_pages((address, "gateway.rest_address"), async |_| panic!("it was waited for"));
        let error = anyhow::Result::<()>::unwrap_err(refused.await).to_string();
        assert!(error.contains("gateway.rest_address"), "{error}");
    }
}
