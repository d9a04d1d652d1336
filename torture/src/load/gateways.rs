//! The gateways' REST, as a client speaks it.

use std::time::Duration;

use anyhow::Result;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use super::{Movement, Order};
use crate::history::Pen;

/// How long an answer may take: an order that waits for its result is answered within five
/// seconds, and what is written at all within eleven.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// What was answered to an order.
#[derive(Clone, Debug)]
pub(super) enum Answered {
    /// It was acknowledged.
    Order {
        id: u64,
        /// Whether it may rest in the book.
        rests: bool,
        is_decided: bool,
    },
    /// Nobody knows yet: it must be sent again.
    Unknown(String),
    /// It was not written: it may be sent again.
    NotTaken(String),
    /// Something that is never answered to a good order.
    Wrong(String),
}

/// What was answered to a deposit or a withdrawal.
#[derive(Clone, Debug)]
pub(super) enum Moved {
    /// It is done, now or before.
    Done,
    /// There is not enough.
    Refused(String),
    /// Nobody knows yet, or it was not written: it must be sent again.
    Unknown(String),
    /// Something that is never answered to a good one.
    Wrong(String),
}

/// All gateways.
pub(crate) struct Gateways {
    client: Client,
    addresses: Vec<String>,
}

impl Gateways {
    pub(super) fn new(addresses: Vec<String>) -> Result<Gateways> {
        let client = Client::builder().timeout(ANSWER_WAIT).no_proxy().http1_only().build()?;
        Ok(Gateways { client, addresses })
    }

    pub(super) fn count(&self) -> usize {
        self.addresses.len()
    }

    /// Places an order. What was told of it is written down with all that a checker needs.
    pub(super) async fn place(
        &self,
        gateway: usize,
        order: &Order,
        wait: bool,
        pen: &Pen,
    ) -> Answered {
        let wait = if wait { "?wait=result" } else { "" };
        let url = format!("http://{}/api/v1/orders{wait}", self.addresses[gateway]);
        let request = self.client.post(url).header("content-type", "application/json");
        match request.body(order.json()).send().await {
            Ok(response) => read(response, order, pen).await,
            Err(error) if error.is_connect() => Answered::NotTaken("no connection".to_owned()),
            Err(error) => Answered::Unknown(cause(&error)),
        }
    }

    /// Moves money in or out.
    pub(super) async fn move_money(&self, gateway: usize, movement: &Movement) -> Moved {
        let url = format!("http://{}{}", self.addresses[gateway], movement.path());
        let request = self.client.post(url).header("content-type", "application/json");
        let response = match request.body(movement.json()).send().await {
            Ok(response) => response,
            Err(error) => return Moved::Unknown(cause(&error)),
        };
        let status = response.status();
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return Moved::Unknown(cause(&error)),
        };
        let text = format!("{status} {}", one_line(&String::from_utf8_lossy(&body)));
        match status {
            StatusCode::CREATED | StatusCode::OK => Moved::Done,
            StatusCode::CONFLICT => Moved::Refused(text),
            StatusCode::ACCEPTED | StatusCode::TOO_MANY_REQUESTS => Moved::Unknown(text),
            _ if status.is_server_error() => Moved::Unknown(text),
            _ => Moved::Wrong(text),
        }
    }

    /// Cancels all orders of an account in an instrument; the ids of those that were cancelled, or
    /// `None` where that is not known.
    pub(super) async fn cancel_all(
        &self,
        gateway: usize,
        account: &str,
        instrument: &str,
    ) -> Option<Vec<u64>> {
        let url = format!(
            "http://{}/api/v1/orders?client_id={account}&instrument={instrument}&wait=result",
            self.addresses[gateway]
        );
        let response = self.client.delete(url).send().await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let body: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
        let results = body["results"].as_array()?;
        let ids = results.iter().filter_map(|result| result["cancelled_order_ids"].as_array());
        Some(ids.flatten().filter_map(Value::as_u64).collect())
    }
}

async fn read(response: Response, order: &Order, pen: &Pen) -> Answered {
    let status = response.status();
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(error) => return Answered::Unknown(cause(&error)),
    };
    let text = || format!("{status} {}", one_line(&String::from_utf8_lossy(&body)));
    match status {
        StatusCode::CREATED => match serde_json::from_slice(&body) {
            Ok(told) => acknowledged(&told, order, pen).unwrap_or_else(|| Answered::Wrong(text())),
            Err(_) => Answered::Wrong(text()),
        },
        StatusCode::ACCEPTED => Answered::Unknown("202".to_owned()),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Answered::NotTaken(text())
        }
        _ if status.is_server_error() => Answered::Unknown(text()),
        _ => Answered::Wrong(text()),
    }
}

/// Writes an acknowledgement down. `None` where it is not one of this order.
fn acknowledged(told: &Value, order: &Order, pen: &Pen) -> Option<Answered> {
    let id = told["id"].as_u64()?;
    let status = told["status"].as_str()?;
    let is_ours = told["client_order_id"] == order.key.as_str()
        && told["client_id"] == order.account.as_str()
        && told["instrument"] == order.instrument;
    if !is_ours {
        return None;
    }
    let fills: Option<Vec<String>> = match told.get("fills").and_then(Value::as_array) {
        Some(fills) => fills.iter().map(fill).collect(),
        None => Some(Vec::new()),
    };
    let reason = told["reject_reason"].as_str().unwrap_or_default();
    pen.write("told", &[&order.key, &id.to_string(), status, reason, &fills?.join(",")]);
    let rests = matches!(status, "open" | "partially_filled") || status == "pending";
    Some(Answered::Order { id, rests, is_decided: status != "pending" })
}

fn fill(fill: &Value) -> Option<String> {
    let text = |name: &str| fill[name].as_str();
    Some(format!("{}@{}*{}", text("trade_id")?, text("price")?, text("quantity")?))
}

fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    one_line(&cause.to_string())
}

/// Text that can be a field of the history.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
