//! Rows as the wire has them: here, and nowhere before, whole units become decimal text.

use std::collections::BTreeMap;

use model::{Amount, AssetId, Instrument, Side};
use proto::{
    convert::{side_to_wire, time_in_force_to_wire, to_proto_timestamp, type_to_wire},
    ledger, trading,
};

use crate::{
    row::{Balance, BalanceKey, OrderRow, TradeRow},
    store::Catalog,
};

/// An order. Its numbers are empty where its instrument was never listed, which is why it was
/// rejected.
pub(super) fn order(row: &OrderRow, catalog: &Catalog) -> trading::Order {
    let instrument = catalog.instruments.get(&row.instrument);
    let text = |write: &dyn Fn(&Instrument) -> Option<String>| {
        instrument.and_then(write).unwrap_or_default()
    };
    trading::Order {
        id: row.id.number(),
        client_id: row.account.as_str().to_owned(),
        client_order_id: row.client_order_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        instrument: text(&|instrument| Some(instrument.symbol.to_string())),
        side: side_to_wire(row.side).into(),
        r#type: type_to_wire(row.order_type).into(),
        time_in_force: time_in_force_to_wire(row.time_in_force).into(),
        price: text(&|instrument| row.price.map(|price| instrument.format_price(price))),
        quantity: text(&|instrument| match row.quote_quantity {
            None => Some(instrument.format_quantity(row.quantity)),
            Some(_) => None,
        }),
        quote_quantity: text(&|instrument| {
            row.quote_quantity.map(|amount| instrument.format_quote_amount(amount))
        }),
        remaining: text(&|instrument| Some(instrument.format_quantity(row.state.remaining))),
        status: row.state.status.into(),
        created_at: Some(to_proto_timestamp(row.created_at)),
        updated_at: Some(to_proto_timestamp(row.state.updated_at)),
        receipt: Some(trading::Receipt {
            partition: row.id.partition().number().into(),
            offset: row.id.offset(),
        }),
        reject_reason: row.state.reason.clone(),
        fills: Vec::new(),
    }
}

/// A trade.
pub(super) fn trade(row: &TradeRow, catalog: &Catalog) -> trading::Trade {
    let instrument = catalog.instruments.get(&row.instrument);
    let symbol = instrument.map(|instrument| instrument.symbol.to_string()).unwrap_or_default();
    let (buy, sell) = match row.taker_side {
        Side::Buy => (row.taker_order, row.maker_order),
        Side::Sell => (row.maker_order, row.taker_order),
    };
    let price = instrument.map(|instrument| instrument.format_price(row.price));
    let quantity = instrument.map(|instrument| instrument.format_quantity(row.quantity));
    trading::Trade {
        id: format!("{symbol}-{}", row.id.0),
        instrument: symbol,
        sequence: row.id.0,
        price: price.unwrap_or_default(),
        quantity: quantity.unwrap_or_default(),
        buy_order_id: buy.number(),
        sell_order_id: sell.number(),
        taker_side: side_to_wire(row.taker_side).into(),
        executed_at: Some(to_proto_timestamp(row.executed_at)),
    }
}

/// An account's balances, summed over the partitions, by asset. In a sandbox an asset of which the
/// account has no row is at its grant: the account is new or was compacted away, or the asset was
/// listed after its last record. `None` where a sum is beyond what an amount holds.
pub(super) fn balances(
    rows: &BTreeMap<BalanceKey, Balance>,
    catalog: &Catalog,
    is_sandbox: bool,
) -> Option<Vec<ledger::Balance>> {
    let mut sums: BTreeMap<AssetId, Balance> = BTreeMap::new();
    for (key, row) in rows {
        let sum = sums.entry(key.asset).or_default();
        sum.available = sum.available.checked_add(row.available)?;
        sum.held = sum.held.checked_add(row.held)?;
    }
    let mut found = Vec::new();
    for (id, (asset, grant)) in &catalog.assets {
        let at_grant = Balance { available: *grant, held: Amount::ZERO };
        let balance = match sums.get(id) {
            Some(balance) => *balance,
            None if is_sandbox => at_grant,
            None => continue,
        };
        found.push(ledger::Balance {
            asset: asset.code.clone(),
            available: asset.format_amount(balance.available),
            held: asset.format_amount(balance.held),
        });
    }
    Some(found)
}
