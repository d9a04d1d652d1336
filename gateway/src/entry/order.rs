//! The ladder that an order climbs.

use std::sync::Arc;

use model::{
    AccountName, Instructions, OrderType, Price, Quantity, SelfTradePrevention, Side, TimeInForce,
    Timestamp, Trailing, Trigger, instrument::ValueError,
};
use proto::{
    command::{Ask, Command, Key, KeySpace, PlaceOrder},
    text,
};

use super::{
    client, instrument, key,
    word::{SELF_TRADE_PREVENTIONS, SIDES, TIMES_IN_FORCE, TYPES, Word, meant},
};
use crate::{
    problem::Problem,
    reference::{Catalogue, Listed},
};

/// An order's fields as they came; nothing is checked yet. `None` is a field that was not given.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderFields<'a> {
    /// Whose order it is.
    pub client_id: Option<&'a str>,
    /// The client's own id of it.
    pub client_order_id: Option<&'a str>,
    /// The key of retries where there is no client order id.
    pub idempotency_key: Option<&'a str>,
    /// The symbol of what is traded.
    pub instrument: Option<&'a str>,
    /// Which way.
    pub side: Word<'a, Side>,
    /// Limit or market.
    pub order_type: Word<'a, OrderType>,
    /// How long it works.
    pub time_in_force: Word<'a, TimeInForce>,
    /// Decimal text in the quote asset.
    pub price: Option<&'a str>,
    /// Decimal text in the base asset.
    pub quantity: Option<&'a str>,
    /// Decimal text in the quote asset, instead of a quantity.
    pub quote_quantity: Option<&'a str>,
    /// Whether it must not take.
    pub post_only: bool,
    /// What becomes of it where it would trade with its own account.
    pub self_trade_prevention: Word<'a, SelfTradePrevention>,
    /// Decimal text in the quote asset: the price of a trade that wakes the order.
    pub stop_price: Option<&'a str>,
    /// By how many basis points the price has to turn to wake an order that trails.
    pub trailing_delta_bps: Word<'a, u32>,
    /// Decimal text in the base asset: how much is shown at a time.
    pub display_quantity: Option<&'a str>,
    /// When a good-till-date order ends, as RFC 3339 or as the protocol's own instant.
    pub expires_at: Word<'a, Timestamp>,
}

/// An order that passed the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Whose order it is.
    pub account: AccountName,
    /// What is traded, and where.
    pub listed: Arc<Listed>,
    /// What goes into the log.
    pub order: PlaceOrder,
}

impl Placed {
    /// The command that goes into the log.
    pub fn command(&self) -> Command {
        Command::Place(self.order.clone())
    }

    /// Whether the client can repeat the order under this key.
    pub fn has_own_key(&self) -> bool {
        self.order.key.space != KeySpace::Generated
    }
}

/// Checks an order's fields. `generate` makes up a key for clients that give none.
///
/// # Errors
/// [`Problem`], by the first step of the ladder that fails.
pub fn place(
    fields: &OrderFields<'_>,
    catalogue: &Catalogue,
    generate: impl FnOnce() -> Key,
) -> Result<Placed, Problem> {
    let account = client(fields.client_id)?;
    let listed = instrument(fields.instrument, catalogue)?;
    let side = meant("side", fields.side, &SIDES)?.ok_or_else(|| Problem::missing("side"))?;
    let order_type =
        meant("type", fields.order_type, &TYPES)?.ok_or_else(|| Problem::missing("type"))?;
    let time_in_force = time_in_force(order_type, fields.time_in_force)?;
    let trailing = trailing(fields, order_type)?;
    let trigger = trigger(fields, order_type, trailing.is_some(), listed)?;
    let instructions = instructions(fields, order_type, time_in_force)?;
    let instructions = Instructions { trigger, trailing, ..instructions };
    let ask = match order_type.awake() {
        OrderType::Limit => limit(fields, listed)?,
        _ => market(fields, order_type, listed)?,
    };
    let display = display(fields, order_type, time_in_force, ask, listed)?;
    let instructions = Instructions { display, ..instructions };
    let key = retry_key(fields, generate)?;
    let instrument = listed.instrument.id;
    Ok(Placed {
        account,
        listed: Arc::clone(listed),
        order: PlaceOrder { key, instrument, side, ask, time_in_force, instructions },
    })
}

fn time_in_force(
    order_type: OrderType,
    word: Word<'_, TimeInForce>,
) -> Result<TimeInForce, Problem> {
    const FIELD: &str = "time_in_force";
    let is_limit = order_type.awake() == OrderType::Limit;
    match meant(FIELD, word, &TIMES_IN_FORCE)? {
        None if is_limit => Ok(TimeInForce::Gtc),
        None | Some(TimeInForce::Ioc) => Ok(TimeInForce::Ioc),
        Some(_) if !is_limit => {
            let advice = "is not for market orders, which trade at once; write ioc or leave it out";
            Err(Problem::field(FIELD, "not_for_market", advice))
        }
        Some(TimeInForce::Gtd | TimeInForce::Day) if order_type.waits_for().is_some() => {
            let advice = "is not offered for orders that wait for a stop_price; they wait until \
                          they are cancelled";
            Err(Problem::field(FIELD, "not_for_stops", advice))
        }
        Some(time_in_force) => Ok(time_in_force),
    }
}

/// By how much the price has to turn: only where its type waits for something.
fn trailing(fields: &OrderFields<'_>, order_type: OrderType) -> Result<Option<Trailing>, Problem> {
    const FIELD: &str = "trailing_delta_bps";
    match (order_type.waits_for(), fields.trailing_delta_bps.number(FIELD)?) {
        (_, None) => Ok(None),
        (None, Some(_)) => {
            let word = text::order_type(order_type);
            let advice =
                format!("is not for {word} orders; write stop_loss or take_profit as type");
            Err(Problem::field(FIELD, "only_for_stops", advice))
        }
        (Some(kind), Some(delta_bps)) => {
            Trailing::new(kind, delta_bps).map(Some).ok_or_else(|| {
                let advice = format!("is not from 1 to {}", Trailing::DELTA_BPS_MAX);
                Problem::field(FIELD, "out_of_range", advice)
            })
        }
    }
}

/// What wakes the order, or lets it begin to trail: given only where its type waits for something,
/// and always unless it trails.
fn trigger(
    fields: &OrderFields<'_>,
    order_type: OrderType,
    trails: bool,
    listed: &Listed,
) -> Result<Option<Trigger>, Problem> {
    match (order_type.waits_for(), fields.stop_price) {
        (None, None) => Ok(None),
        (Some(_), None) if trails => Ok(None),
        (Some(_), None) => Err(Problem::missing("stop_price")),
        (None, Some(_)) => {
            let word = text::order_type(order_type);
            let advice =
                format!("is not for {word} orders; write stop_loss or take_profit as type");
            Err(Problem::field("stop_price", "only_for_stops", advice))
        }
        (Some(kind), Some(text)) => {
            let price = listed.instrument.parse_price(text);
            let price = price.map_err(|error| bad_value("stop_price", &error))?;
            Ok(Some(Trigger { kind, price }))
        }
    }
}

fn instructions(
    fields: &OrderFields<'_>,
    order_type: OrderType,
    time_in_force: TimeInForce,
) -> Result<Instructions, Problem> {
    let expires_at = fields.expires_at.meant("expires_at")?;
    match (time_in_force, expires_at) {
        (TimeInForce::Gtd, None) => return Err(Problem::missing("expires_at")),
        (TimeInForce::Gtd, Some(_)) | (_, None) => {}
        (_, Some(_)) => {
            let advice = "is only for time_in_force gtd; write that, or leave it out";
            return Err(Problem::field("expires_at", "only_for_gtd", advice));
        }
    }
    let post_only = fields.post_only;
    if post_only && order_type.waits_for().is_some() {
        let advice = "is not offered for orders that wait for a stop_price; leave it out";
        return Err(Problem::field("post_only", "not_for_stops", advice));
    }
    if post_only && order_type == OrderType::Market {
        let advice = "is only for limit orders; leave it out of a market order";
        return Err(Problem::field("post_only", "not_for_market", advice));
    }
    if post_only && matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok) {
        let word = text::time_in_force(time_in_force);
        let advice = format!("contradicts time_in_force {word}, with which nothing rests");
        return Err(Problem::field("post_only", "never_rests", advice));
    }
    let field = "self_trade_prevention";
    let mode = meant(field, fields.self_trade_prevention, &SELF_TRADE_PREVENTIONS)?;
    let self_trade = mode.unwrap_or_default();
    Ok(Instructions { post_only, self_trade, expires_at, ..Instructions::default() })
}

fn limit(fields: &OrderFields<'_>, listed: &Listed) -> Result<Ask, Problem> {
    let price = fields.price.ok_or_else(|| Problem::missing("price"))?;
    let price = self::price(price, listed)?;
    if fields.quote_quantity.is_some() {
        let advice = "is only for market orders; give quantity instead";
        return Err(Problem::field("quote_quantity", "not_for_limit", advice));
    }
    let quantity = fields.quantity.ok_or_else(|| Problem::missing("quantity"))?;
    Ok(Ask::Limit { price, quantity: self::quantity(quantity, listed)? })
}

fn market(
    fields: &OrderFields<'_>,
    order_type: OrderType,
    listed: &Listed,
) -> Result<Ask, Problem> {
    if fields.price.is_some() {
        let advice = "is only for limit orders; leave it out of a market order";
        return Err(Problem::field("price", "not_for_market", advice));
    }
    match (fields.quantity, fields.quote_quantity) {
        (_, Some(_)) if order_type.waits_for().is_some() => {
            let advice = "is not for orders that wait for a stop_price; give quantity instead";
            Err(Problem::field("quote_quantity", "not_for_stops", advice))
        }
        (Some(text), None) => Ok(Ask::Market { quantity: quantity(text, listed)? }),
        (None, Some(text)) => {
            let amount = listed.instrument.parse_quote_amount(text);
            let amount = amount.map_err(|error| bad_value("quote_quantity", &error))?;
            Ok(Ask::MarketByQuote { amount })
        }
        (Some(_), Some(_)) => {
            let advice = "is given beside quantity; give only one of the two";
            Err(Problem::field("quote_quantity", "two_quantities", advice))
        }
        (None, None) => {
            let advice = "is missing; give it, or quote_quantity";
            Err(Problem::field("quantity", "missing_field", advice))
        }
    }
}

/// How much of the order is shown at a time; only of one that can come to rest, for as long as it
/// takes.
fn display(
    fields: &OrderFields<'_>,
    order_type: OrderType,
    time_in_force: TimeInForce,
    ask: Ask,
    listed: &Listed,
) -> Result<Option<Quantity>, Problem> {
    const FIELD: &str = "display_quantity";
    let Some(text) = fields.display_quantity else { return Ok(None) };
    if order_type.awake() == OrderType::Market {
        let advice = "is only for limit orders; leave it out of a market order";
        return Err(Problem::field(FIELD, "not_for_market", advice));
    }
    if time_in_force != TimeInForce::Gtc {
        let word = text::time_in_force(time_in_force);
        let advice = format!("is only for time_in_force gtc and not for {word}; leave it out");
        return Err(Problem::field(FIELD, "only_for_gtc", advice));
    }
    let shown = listed.instrument.parse_quantity(text);
    let shown = shown.map_err(|error| bad_value(FIELD, &error))?;
    match ask {
        Ask::Limit { quantity, .. } if shown > quantity => {
            let advice = "is more than quantity; give less, or leave it out";
            Err(Problem::field(FIELD, "exceeds_quantity", advice))
        }
        _ => Ok(Some(shown)),
    }
}

fn price(text: &str, listed: &Listed) -> Result<Price, Problem> {
    listed.instrument.parse_price(text).map_err(|error| bad_value("price", &error))
}

pub(super) fn quantity(text: &str, listed: &Listed) -> Result<Quantity, Problem> {
    listed.instrument.parse_quantity(text).map_err(|error| bad_value("quantity", &error))
}

pub(super) fn bad_value(field: &'static str, error: &ValueError) -> Problem {
    Problem::field(field, value_code(error), error)
}

/// A word for each way in which a text is not a value.
pub(super) const fn value_code(error: &ValueError) -> &'static str {
    match error {
        ValueError::Decimal(_) => "bad_number",
        ValueError::Zero => "zero",
        ValueError::OffGrid { .. } => "off_grid",
        ValueError::TooLarge { .. } => "too_large",
    }
}

pub(super) fn retry_key(
    fields: &OrderFields<'_>,
    generate: impl FnOnce() -> Key,
) -> Result<Key, Problem> {
    match (fields.client_order_id, fields.idempotency_key) {
        (Some(text), _) => {
            Ok(Key { space: KeySpace::ClientOrderId, text: key("client_order_id", text)? })
        }
        (None, Some(text)) => {
            Ok(Key { space: KeySpace::IdempotencyKey, text: key("idempotency_key", text)? })
        }
        (None, None) => Ok(generate()),
    }
}
