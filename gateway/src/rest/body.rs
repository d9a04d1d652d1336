//! Bodies: bounded JSON objects whose fields are read from their text, so that no number ever
//! passes through a float, and whatever is wrong is told with the name of its field.

mod change;

use std::{borrow::Cow, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, header},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    entry::{MovementFields, OrderFields, Word},
    problem::{Kind, Problem},
};

pub(super) use self::change::{AfterBody, AmendBody, ModeBody};

/// The largest body: an order with every field at its longest is below 2 KiB.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// How long a body may take to come: clients that dawdle must not take the places of others.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Reads a body that says it is JSON.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    read_up_to(BODY_BYTES_MAX, headers, body).await
}

/// The same with another bound.
pub(super) async fn read_up_to(
    bytes_max: usize,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    if !is_json(headers) {
        let message = "content-type must be application/json";
        return Err(Problem::new(Kind::MediaType, "not_json", message).at("content-type"));
    }
    match tokio::time::timeout(BODY_WAIT, to_bytes(body, bytes_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let message = format!("body has more than {bytes_max} bytes, or did not come whole");
            Err(Problem::new(Kind::TooLarge, "body_too_large", message).at("body"))
        }
        Err(_) => {
            let message = format!("body did not come within {} s", BODY_WAIT.as_secs());
            Err(Problem::new(Kind::TooSlow, "body_too_slow", message).at("body"))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Reads a JSON object.
pub(super) fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    // A struct could also be read from an array, field by field; nobody means that.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let message = "body is not a JSON object such as {\"client_id\": \"alice\"}";
        return Err(Problem::new(Kind::Malformed, "broken_json", message).at("body"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // A body that ends too early lacks something that no field can be blamed for.
        let blamed = if error.is_eof() { None } else { field_before(bytes, &error) };
        let field = blamed.unwrap_or("body");
        let message = format!("{field} cannot be read as JSON: {error}");
        Problem::new(Kind::Malformed, "broken_json", message).at(field)
    })
}

/// The fields that a broken body can be told to be broken at.
const FIELDS: [&str; 24] = [
    "client_id",
    "client_order_id",
    "instrument",
    "side",
    "type",
    "time_in_force",
    "price",
    "quantity",
    "quote_quantity",
    "stop_price",
    "display_quantity",
    "trailing_delta_bps",
    "post_only",
    "self_trade_prevention",
    "expires_at",
    "asset",
    "amount",
    "deposit_id",
    "withdrawal_id",
    "transfer_id",
    "to",
    "mode",
    "trade_group_id",
    "timeout_seconds",
];

/// The field whose value the reader was at when it gave up, where it is one of ours.
fn field_before(bytes: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    let line_start: usize = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .take(error.line().checked_sub(1)?)
        .map(<[u8]>::len)
        .sum();
    let read = std::str::from_utf8(bytes.get(..line_start + error.column())?).ok()?;
    let (before, value) = read.rsplit_once(':')?;
    let name = before.trim_end().strip_suffix('"')?.rsplit('"').next()?;
    // Past a comma it is no longer this field's value.
    let is_its_value = !value.contains(',');
    FIELDS.into_iter().find(|field| is_its_value && *field == name)
}

/// An order as it is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PlaceOrder)]
pub(super) struct OrderBody<'a> {
    /// Whose order it is.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "alice")]
    client_id: Option<&'a RawValue>,
    /// The client's own id of the order. It makes a retry safe: the same id with the same order
    /// answers with the first result.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "alice-1")]
    client_order_id: Option<&'a RawValue>,
    /// The symbol of a listed instrument.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "BTC-USDT")]
    instrument: Option<&'a RawValue>,
    /// buy or sell.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "buy")]
    side: Option<&'a RawValue>,
    /// limit, market, stop_loss, stop_loss_limit, take_profit or take_profit_limit. The last four
    /// sleep until a trade is at stop_price or beyond it.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "limit")]
    r#type: Option<&'a RawValue>,
    /// gtc (the default of limit orders), ioc (the default of market orders, which take no other),
    /// fok, gtd (with expires_at), or day (UTC).
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "gtc")]
    time_in_force: Option<&'a RawValue>,
    /// A number or text, on the tick; only for limit orders.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "61800.01")]
    price: Option<&'a RawValue>,
    /// A number or text, on the lot.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "0.01")]
    quantity: Option<&'a RawValue>,
    /// A number or text in the quote asset; only for market orders, instead of quantity.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>)]
    quote_quantity: Option<&'a RawValue>,
    /// A number or text, on the tick; only for stop-loss and take-profit orders, and always unless
    /// they trail.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>)]
    stop_price: Option<&'a RawValue>,
    /// A whole number, or one as text: a stop-loss or take-profit order that trails wakes once the
    /// price has turned by so many basis points from its best since it began, a buy up from the
    /// lowest, a sell down from the highest. It begins with the trade that meets stop_price or,
    /// without one, with the next.
    #[serde(borrow, default)]
    #[schema(value_type = Option<u32>)]
    trailing_delta_bps: Option<&'a RawValue>,
    /// A number or text, on the lot: no more than this is shown in the book at a time. Only for gtc
    /// limit orders.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>)]
    display_quantity: Option<&'a RawValue>,
    /// Rejected where it would take; only for limit orders that rest.
    #[serde(borrow, default)]
    #[schema(value_type = Option<bool>)]
    post_only: Option<&'a RawValue>,
    /// What becomes of it where it would trade with its own account: none (the default),
    /// expire_taker, expire_maker, expire_both or decrement. The incoming order's word counts.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>)]
    self_trade_prevention: Option<&'a RawValue>,
    /// When a gtd order ends, in RFC 3339; only and always with gtd.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>)]
    expires_at: Option<&'a RawValue>,
}

/// The text of every field of an order.
#[derive(Debug, Default)]
pub(super) struct OrderTexts<'a> {
    client_id: Option<Cow<'a, str>>,
    client_order_id: Option<Cow<'a, str>>,
    instrument: Option<Cow<'a, str>>,
    side: Option<Cow<'a, str>>,
    order_type: Option<Cow<'a, str>>,
    time_in_force: Option<Cow<'a, str>>,
    price: Option<Cow<'a, str>>,
    quantity: Option<Cow<'a, str>>,
    quote_quantity: Option<Cow<'a, str>>,
    stop_price: Option<Cow<'a, str>>,
    display_quantity: Option<Cow<'a, str>>,
    trailing_delta_bps: Option<Cow<'a, str>>,
    post_only: bool,
    self_trade_prevention: Option<Cow<'a, str>>,
    expires_at: Option<Cow<'a, str>>,
}

impl<'a> OrderBody<'a> {
    pub(super) fn texts(&self) -> Result<OrderTexts<'a>, Problem> {
        Ok(OrderTexts {
            client_id: text("client_id", self.client_id)?,
            client_order_id: text("client_order_id", self.client_order_id)?,
            instrument: text("instrument", self.instrument)?,
            side: text("side", self.side)?,
            order_type: text("type", self.r#type)?,
            time_in_force: text("time_in_force", self.time_in_force)?,
            price: number("price", self.price)?,
            quantity: number("quantity", self.quantity)?,
            quote_quantity: number("quote_quantity", self.quote_quantity)?,
            stop_price: number("stop_price", self.stop_price)?,
            display_quantity: number("display_quantity", self.display_quantity)?,
            trailing_delta_bps: number("trailing_delta_bps", self.trailing_delta_bps)?,
            post_only: yes_or_no("post_only", self.post_only)?,
            self_trade_prevention: text("self_trade_prevention", self.self_trade_prevention)?,
            expires_at: text("expires_at", self.expires_at)?,
        })
    }
}

impl OrderTexts<'_> {
    pub(super) fn fields<'b>(&'b self, idempotency_key: Option<&'b str>) -> OrderFields<'b> {
        OrderFields {
            client_id: self.client_id.as_deref(),
            client_order_id: self.client_order_id.as_deref(),
            idempotency_key,
            instrument: self.instrument.as_deref(),
            side: Word::text(self.side.as_deref()),
            order_type: Word::text(self.order_type.as_deref()),
            time_in_force: Word::text(self.time_in_force.as_deref()),
            price: self.price.as_deref(),
            quantity: self.quantity.as_deref(),
            quote_quantity: self.quote_quantity.as_deref(),
            stop_price: self.stop_price.as_deref(),
            display_quantity: self.display_quantity.as_deref(),
            trailing_delta_bps: Word::text(self.trailing_delta_bps.as_deref()),
            post_only: self.post_only,
            self_trade_prevention: Word::text(self.self_trade_prevention.as_deref()),
            expires_at: Word::text(self.expires_at.as_deref()),
        }
    }
}

/// A deposit or a withdrawal as it is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Movement)]
pub(super) struct MovementBody<'a> {
    /// The code of the asset.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "USDT")]
    asset: Option<&'a RawValue>,
    /// A number or text, above zero.
    #[serde(borrow, default)]
    #[schema(value_type = String, example = "100.5")]
    amount: Option<&'a RawValue>,
    /// A deposit's own id, never used twice: the same one again is answered as done already.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "deposit-1")]
    deposit_id: Option<&'a RawValue>,
    /// A withdrawal's own id, likewise.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "withdrawal-1")]
    withdrawal_id: Option<&'a RawValue>,
}

/// The text of every field of a movement.
#[derive(Debug, Default)]
pub(super) struct MovementTexts<'a> {
    asset: Option<Cow<'a, str>>,
    amount: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    id_field: &'static str,
}

impl<'a> MovementBody<'a> {
    pub(super) fn deposit(&self) -> Result<MovementTexts<'a>, Problem> {
        self.texts("deposit_id", self.deposit_id)
    }

    pub(super) fn withdrawal(&self) -> Result<MovementTexts<'a>, Problem> {
        self.texts("withdrawal_id", self.withdrawal_id)
    }

    fn texts(
        &self,
        id_field: &'static str,
        id: Option<&'a RawValue>,
    ) -> Result<MovementTexts<'a>, Problem> {
        MovementTexts::read(self.asset, self.amount, (id_field, id))
    }
}

impl<'a> MovementTexts<'a> {
    /// Of the fields that every movement has, and of its id under the name that it has.
    pub(super) fn read(
        asset: Option<&'a RawValue>,
        amount: Option<&'a RawValue>,
        (id_field, id): (&'static str, Option<&'a RawValue>),
    ) -> Result<MovementTexts<'a>, Problem> {
        Ok(MovementTexts {
            asset: text("asset", asset)?,
            amount: number("amount", amount)?,
            id: text(id_field, id)?,
            id_field,
        })
    }

    pub(super) fn fields<'b>(&'b self, client_id: &'b str) -> MovementFields<'b> {
        MovementFields {
            client_id: Some(client_id),
            asset: self.asset.as_deref(),
            amount: self.amount.as_deref(),
            id: self.id.as_deref(),
            id_field: self.id_field,
        }
    }
}

/// The group that an account is to be in.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TradeGroup)]
pub(super) struct TradeGroupBody<'a> {
    /// A whole number below 2^53, or one as text; 0 for no group. Who knows it can join: take a
    /// random one.
    #[serde(borrow, default)]
    #[schema(value_type = u64, example = 4_711)]
    trade_group_id: Option<&'a RawValue>,
}

impl<'a> TradeGroupBody<'a> {
    pub(super) fn text(&self) -> Result<Option<Cow<'a, str>>, Problem> {
        number("trade_group_id", self.trade_group_id)
    }
}

/// The text in a JSON string; nothing where there is no value or null.
pub(super) fn text<'a>(
    field: &'static str,
    raw: Option<&'a RawValue>,
) -> Result<Option<Cow<'a, str>>, Problem> {
    let Some(raw) = raw.map(RawValue::get) else { return Ok(None) };
    match raw.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') if !raw.contains('\\') => Ok(Some(Cow::Borrowed(&raw[1..raw.len() - 1]))),
        Some(b'"') => match serde_json::from_str::<String>(raw) {
            Ok(text) => Ok(Some(Cow::Owned(text))),
            Err(error) => Err(Problem::field(field, "broken_json", error)),
        },
        _ => Err(Problem::field(field, "wrong_type", "must be text in double quotes")),
    }
}

/// The text of a JSON number, or in a JSON string.
fn number<'a>(
    field: &'static str,
    raw: Option<&'a RawValue>,
) -> Result<Option<Cow<'a, str>>, Problem> {
    let digits = raw.map(RawValue::get);
    match digits.and_then(|text| text.as_bytes().first()) {
        Some(b'0'..=b'9' | b'-') => Ok(digits.map(Cow::Borrowed)),
        Some(b'"' | b'n') | None => text(field, raw),
        Some(_) => Err(Problem::field(field, "wrong_type", "must be a number, or one as text")),
    }
}

/// A JSON boolean; false where it was not given.
fn yes_or_no(field: &'static str, raw: Option<&RawValue>) -> Result<bool, Problem> {
    match raw.map(RawValue::get) {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::field(field, "wrong_type", "must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Result<String, Problem> {
        let body: OrderBody<'_> = object(json.as_bytes())?;
        Ok(body.texts()?.price.unwrap_or_default().into_owned())
    }

    #[test]
    fn numbers_are_read_from_their_text() {
        let table = [
            (r#"{"price": 0.1}"#, "0.1"),
            (r#"{"price": "0.1"}"#, "0.1"),
            (
                r#"{"price": 100000000000000000000.000000000000000000001}"#,
                "100000000000000000000.000000000000000000001",
            ),
            (r#"{"price": 1e400}"#, "1e400"),
            (r#"{"price": "\u0031"}"#, "1"),
            (r#"{"price": null, "unknown": {"deep": []}}"#, ""),
            ("{}", ""),
        ];
        for (json, expected) in table {
            assert_eq!(texts(json).as_deref(), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        let table = [
            (r#"{"price": true}"#, "price", "wrong_type"),
            (r#"{"price": [1]}"#, "price", "wrong_type"),
            (r#"{"side": 5}"#, "side", "wrong_type"),
            (r#"{"client_id": {}}"#, "client_id", "wrong_type"),
            (r#"{"price": NaN}"#, "price", "broken_json"),
            ("{\"side\": \"buy\",\n \"quantity\": .5}", "quantity", "broken_json"),
            (r#"{"price": -Infinity}"#, "price", "broken_json"),
            (r#"{"price": 1"#, "body", "broken_json"),
            (r#"{"price": 1, "#, "body", "broken_json"),
            (r#"["alice"]"#, "body", "broken_json"),
            ("", "body", "broken_json"),
            ("\u{feff}{}", "body", "broken_json"),
            (r#"{"post_only": "yes"}"#, "post_only", "wrong_type"),
            (r#"{"expires_at": 5}"#, "expires_at", "wrong_type"),
            (r#"{"self_trade_prevention": true}"#, "self_trade_prevention", "wrong_type"),
            (r#"{"display_quantity": [1]}"#, "display_quantity", "wrong_type"),
            (r#"{"trailing_delta_bps": true}"#, "trailing_delta_bps", "wrong_type"),
        ];
        for (json, field, code) in table {
            let problem = texts(json).expect_err(json);
            assert_eq!(problem.field.as_deref(), Some(field), "{json}: {problem}");
            assert_eq!(problem.code, code, "{json}: {problem}");
        }
        assert!(texts(r#"{"post_only": false, "stop_price": null}"#).is_ok());
    }
}
