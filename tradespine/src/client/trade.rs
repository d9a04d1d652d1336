//! Trades, as text and as JSON. The JSON has the names of the REST API.

use proto::trading::Trade;
use serde_json::{Value, json};

use super::{
    order::{instant, side},
    table::{Align, table},
};

/// Trades, a line each.
pub fn list(trades: &[Trade]) -> String {
    let mut columns = vec![
        ("executed", Align::Word),
        ("trade", Align::Word),
        ("taker", Align::Word),
        ("price", Align::Number),
        ("quantity", Align::Number),
        ("buy order", Align::Number),
        ("sell order", Align::Number),
    ];
    let is_charged = trades.iter().any(|trade| !trade.fee.is_empty());
    columns.extend(is_charged.then_some(("fee", Align::Number)));
    let row = |trade: &Trade| {
        let mut cells = vec![
            instant(trade.executed_at.as_ref()),
            trade.id.clone(),
            if trade.auction { "auction" } else { side(trade.taker_side) }.to_owned(),
            trade.price.clone(),
            trade.quantity.clone(),
            trade.buy_order_id.to_string(),
            trade.sell_order_id.to_string(),
        ];
        let fee = || format!("{} {}", trade.fee, trade.fee_asset).trim().to_owned();
        cells.extend(is_charged.then(fee));
        cells
    };
    table(&columns, &trades.iter().map(row).collect::<Vec<_>>())
}

/// A trade as the REST API has it.
pub fn json(trade: &Trade) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "id": trade.id,
        "instrument": trade.instrument,
        "sequence": trade.sequence,
        "price": trade.price,
        "quantity": trade.quantity,
        "buy_order_id": trade.buy_order_id,
        "sell_order_id": trade.sell_order_id,
        "taker_side": side(trade.taker_side),
        "executed_at": instant(trade.executed_at.as_ref()),
        "auction": trade.auction,
        "fee": text(&trade.fee),
        "fee_asset": text(&trade.fee_asset),
    })
}

#[cfg(test)]
mod tests {
    use proto::trading::Side;

    use super::*;

    #[test]
    fn a_trade_says_who_took() {
        let trade = Trade {
            id: "BTC-USDT-17".to_owned(),
            sequence: 17,
            price: "61837.63".to_owned(),
            quantity: "0.01".to_owned(),
            taker_side: Side::Sell.into(),
            executed_at: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            ..Default::default()
        };
        let text = list(std::slice::from_ref(&trade));
        let line = text.lines().nth(1).unwrap();
        assert!(line.starts_with("1970-01-01T00:00:01.000000Z  BTC-USDT-17  sell"), "{text}");
        assert_eq!(json(&trade)["sequence"], 17);
        assert_eq!(json(&trade)["taker_side"], "sell");
        let trade = Trade { auction: true, ..trade };
        assert!(list(std::slice::from_ref(&trade)).contains("BTC-USDT-17  auction"));
        assert_eq!(json(&trade)["auction"], true);
    }
}
