//! An order, as text and as JSON. The JSON has the names of the REST API.

use model::SelfTradePrevention;
use proto::{
    convert::{
        contingency_from_wire, from_proto_timestamp, self_trade_from_wire, side_from_wire,
        time_in_force_from_wire, type_from_wire,
    },
    text,
    trading::{Fill, Order, OrderStatus},
};
use serde_json::{Value, json};

use super::table::{Align, fields, table};

/// All about one order, with the fills of its own request.
pub fn details(order: &Order) -> String {
    let mut rows = vec![
        ("order", order.id.to_string()),
        ("status", status(order).to_owned()),
        ("reason", order.reject_reason.clone()),
        ("client", order.client_id.clone()),
        ("client order id", order.client_order_id.clone()),
        ("list", if order.list_id > 0 { order.list_id.to_string() } else { String::new() }),
        ("instrument", order.instrument.clone()),
        ("side", side(order.side).to_owned()),
        ("type", format!("{} {}", order_type(order), time_in_force(order)).trim().to_owned()),
        ("price", order.price.clone()),
        ("stop price", order.stop_price.clone()),
        ("trailing delta", trailing_delta(order)),
        ("quantity", order.quantity.clone()),
        ("quote quantity", order.quote_quantity.clone()),
        ("display quantity", order.display_quantity.clone()),
        ("remaining", order.remaining.clone()),
        ("prevented", order.prevented_quantity.clone()),
        ("post only", if order.post_only { "yes".to_owned() } else { String::new() }),
        ("self-trade prevention", mode(order).to_owned()),
        ("expires", instant(order.expires_at.as_ref())),
        ("created", instant(order.created_at.as_ref())),
        ("updated", instant(order.updated_at.as_ref())),
    ];
    if let Some(receipt) = &order.receipt {
        let place = format!("partition {}, offset {}", receipt.partition, receipt.offset);
        rows.push(("receipt", place));
    }
    rows.retain(|(_, value)| !value.is_empty());
    match order.fills.as_slice() {
        [] => fields(&rows),
        fills => format!("{}\n\n{}", fields(&rows), fills_table(fills)),
    }
}

fn fills_table(fills: &[Fill]) -> String {
    let mut columns = vec![
        ("trade", Align::Word),
        ("price", Align::Number),
        ("quantity", Align::Number),
        ("maker order", Align::Number),
    ];
    let is_charged = fills.iter().any(|fill| !fill.fee.is_empty());
    columns.extend(is_charged.then_some(("fee", Align::Number)));
    let row = |fill: &Fill| {
        let Fill { trade_id, price, quantity, maker_order_id, fee, fee_asset } = fill.clone();
        let mut cells = vec![trade_id, price, quantity, maker_order_id.to_string()];
        cells.extend(is_charged.then(|| format!("{fee} {fee_asset}").trim().to_owned()));
        cells
    };
    table(&columns, &fills.iter().map(row).collect::<Vec<_>>())
}

/// Orders, a line each.
pub fn list(orders: &[Order]) -> String {
    let columns = [
        ("order", Align::Number),
        ("created", Align::Word),
        ("instrument", Align::Word),
        ("side", Align::Word),
        ("type", Align::Word),
        ("price", Align::Number),
        ("quantity", Align::Number),
        ("remaining", Align::Number),
        ("status", Align::Word),
        ("client order id", Align::Word),
    ];
    let row = |order: &Order| {
        vec![
            order.id.to_string(),
            instant(order.created_at.as_ref()),
            order.instrument.clone(),
            side(order.side).to_owned(),
            format!("{} {}", order_type(order), time_in_force(order)).trim().to_owned(),
            order.price.clone(),
            order.quantity.clone(),
            order.remaining.clone(),
            status(order).to_owned(),
            order.client_order_id.clone(),
        ]
    };
    table(&columns, &orders.iter().map(row).collect::<Vec<_>>())
}

/// How the orders of its list hang together; `None` where it came alone.
fn contingency(order: &Order) -> Option<&'static str> {
    contingency_from_wire(order.contingency).ok().map(text::contingency)
}

/// An order as the REST API has it.
pub fn json(order: &Order) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let fill = |fill: &Fill| {
        json!({
            "trade_id": fill.trade_id,
            "price": fill.price,
            "quantity": fill.quantity,
            "maker_order_id": fill.maker_order_id,
            "fee": text(&fill.fee),
            "fee_asset": text(&fill.fee_asset),
        })
    };
    json!({
        "id": order.id,
        "order_id": order.id,
        "client_id": order.client_id,
        "client_order_id": text(&order.client_order_id),
        "list_id": (order.list_id > 0).then_some(order.list_id),
        "contingency": contingency(order),
        "instrument": order.instrument,
        "side": side(order.side),
        "type": order_type(order),
        "time_in_force": time_in_force(order),
        "price": text(&order.price),
        "stop_price": text(&order.stop_price),
        "trailing_delta_bps": (order.trailing_delta_bps > 0).then_some(order.trailing_delta_bps),
        "quantity": text(&order.quantity),
        "quote_quantity": text(&order.quote_quantity),
        "display_quantity": text(&order.display_quantity),
        "remaining": text(&order.remaining),
        "prevented_quantity": text(&order.prevented_quantity),
        "post_only": order.post_only,
        "self_trade_prevention": text(mode(order)),
        "expires_at": text(&instant(order.expires_at.as_ref())),
        "status": status(order),
        "reject_reason": text(&order.reject_reason),
        "created_at": text(&instant(order.created_at.as_ref())),
        "updated_at": text(&instant(order.updated_at.as_ref())),
        "receipt": order.receipt.as_ref().map(|receipt| {
            json!({ "partition": receipt.partition, "offset": receipt.offset })
        }),
        "fills": order.fills.iter().map(fill).collect::<Vec<_>>(),
    })
}

/// The status, in a word.
pub fn status(order: &Order) -> &'static str {
    text::order_status(OrderStatus::try_from(order.status).unwrap_or(OrderStatus::Unknown))
}

/// `buy` or `sell`; nothing where the wire does not say.
pub fn side(wire: i32) -> &'static str {
    side_from_wire(wire).map_or("", text::side)
}

/// An instant as RFC 3339; nothing where the wire does not say.
pub fn instant(wire: Option<&prost_types::Timestamp>) -> String {
    wire.and_then(from_proto_timestamp).map(text::rfc3339).unwrap_or_default()
}

fn order_type(order: &Order) -> &'static str {
    type_from_wire(order.r#type).map_or("", text::order_type)
}

fn time_in_force(order: &Order) -> &'static str {
    time_in_force_from_wire(order.time_in_force).map_or("", text::time_in_force)
}

/// By how much the price has to turn; nothing where the order does not trail.
fn trailing_delta(order: &Order) -> String {
    match order.trailing_delta_bps {
        0 => String::new(),
        delta_bps => format!("{delta_bps} basis points"),
    }
}

/// The mode of self-trade prevention; nothing where the order gave none.
fn mode(order: &Order) -> &'static str {
    match self_trade_from_wire(order.self_trade_prevention) {
        Ok(SelfTradePrevention::None) | Err(_) => "",
        Ok(mode) => text::self_trade_prevention(mode),
    }
}

#[cfg(test)]
mod tests {
    use proto::trading::{OrderType, Receipt, Side, TimeInForce};

    use super::*;

    fn order() -> Order {
        Order {
            id: 1042,
            client_id: "alice".to_owned(),
            instrument: "BTC-USDT".to_owned(),
            side: Side::Buy.into(),
            r#type: OrderType::Limit.into(),
            time_in_force: TimeInForce::Gtc.into(),
            price: "61837.63".to_owned(),
            quantity: "0.01".to_owned(),
            remaining: "0.005".to_owned(),
            status: OrderStatus::PartiallyFilled.into(),
            created_at: Some(prost_types::Timestamp { seconds: 0, nanos: 1_000 }),
            receipt: Some(Receipt { partition: 0, offset: 1042 }),
            fills: vec![Fill {
                trade_id: "BTC-USDT-17".to_owned(),
                price: "61837.5".to_owned(),
                quantity: "0.005".to_owned(),
                maker_order_id: 9,
                fee: "0.31".to_owned(),
                fee_asset: "USDT".to_owned(),
            }],
            ..Default::default()
        }
    }

    #[test]
    fn an_order_shows_what_it_has_and_its_fills() {
        let expected = "\
order       1042
status      partially_filled
client      alice
instrument  BTC-USDT
side        buy
type        limit gtc
price       61837.63
quantity    0.01
remaining   0.005
created     1970-01-01T00:00:00.000001Z
receipt     partition 0, offset 1042

trade          price  quantity  maker order        fee
BTC-USDT-17  61837.5     0.005            9  0.31 USDT";
        assert_eq!(details(&order()), expected);
    }

    #[test]
    fn orders_are_a_line_each() {
        let text = list(&[order(), Order { id: 7, ..Default::default() }]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("order  created"), "{text}");
        assert!(lines[1].contains(" buy   limit gtc  61837.63      0.01      0.005"), "{text}");
        assert!(lines[2].starts_with("    7") && lines[2].ends_with("unknown"), "{text}");
    }

    #[test]
    fn json_has_the_names_of_the_rest_api() {
        let json = json(&order());
        assert_eq!(json["order_id"], 1042);
        assert_eq!(json["status"], "partially_filled");
        assert_eq!(json["client_order_id"], Value::Null);
        assert_eq!(json["receipt"]["offset"], 1042);
        assert_eq!(json["fills"][0]["trade_id"], "BTC-USDT-17");
        assert_eq!(json["fills"][0]["fee"], "0.31");
        assert_eq!(json["fills"][0]["fee_asset"], "USDT");
    }
}
