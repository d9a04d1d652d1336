//! `tradespine probe`: whether a service on this machine is well, for whoever runs it where there
//! is no other program to ask with: an image that holds nothing but this one.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, ensure};

use super::Service;
use crate::settings::Settings;

/// How long the page may take: it needs nothing but this machine.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether it answers at all.
    Alive,
    /// Whether it can do its work.
    Ready,
}

/// Asks the service that these settings are for, and prints what it says.
///
/// # Errors
/// Where it does not answer, or not well.
pub async fn run(service: Service, question: Question, settings: &Settings) -> anyhow::Result<()> {
    let address = service.addresses(settings)[0].1;
    let page = match question {
        Question::Alive => "healthz",
        Question::Ready => "readyz",
    };
    let url = format!("http://{}/{page}", from_here(address));
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WAIT).build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("{url} does not answer"))?;
    let is_well = answer.status().is_success();
    let text = answer.text().await.with_context(|| format!("{url} does not finish its answer"))?;
    ensure!(is_well, "the {} says {}", service.name(), text.trim_end().replace('\n', "; "));
    print!("{text}");
    Ok(())
}

/// What listens everywhere can be asked on this machine's own address.
fn from_here(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use daemon::{
        health::{self, Readiness},
        ports,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_service_is_alive_before_it_is_ready() {
        let listener = ports::bind(([0, 0, 0, 0], 0).into(), "test").await.expect("a free port");
        let mut settings = Settings::default();
        settings.ledger.http_address = listener.local_addr().expect("it is bound");
        let readiness = Readiness::default();
        let part = readiness.register("ledger");
        part.not_ready("reads");
        let stop = CancellationToken::new();
        let pages = tokio::spawn(health::serve(listener, readiness, String::new, stop.clone()));

        let ask = async |question| run(Service::Ledger, question, &settings).await;
        ask(Question::Alive).await.expect("it is alive");
        let error = ask(Question::Ready).await.expect_err("it is not ready").to_string();
        assert_eq!(error, "the ledger says not ready; ledger: reads");
        part.ready();
        ask(Question::Ready).await.expect("it is ready");
        stop.cancel();
        pages.await.expect("no panic").expect("they end well");
        let error = ask(Question::Alive).await.expect_err("nobody is there").to_string();
        assert!(error.contains("does not answer"), "{error}");
    }

    #[test]
    fn everywhere_is_here_too() {
        for (listens, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:8080", "10.0.0.7:8080"),
        ] {
            let listens: SocketAddr = listens.parse().expect("an address");
            assert_eq!(from_here(listens).to_string(), asked);
        }
    }
}
