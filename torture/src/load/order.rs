//! Orders as they are drawn: prices of both sides overlap, so that most of them trade.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

/// What is traded, two of each shard: the platform lists its first instruments in this order, and
/// shard after shard has one of them.
pub(crate) const INSTRUMENTS: [[&str; 2]; 3] =
    [["BTC-USD", "BNB-USD"], ["ETH-USD", "XRP-USD"], ["SOL-USD", "ADA-USD"]];

/// How many cents above and below 100 prices are drawn from.
const SPREAD_CENTS: u32 = 20;

/// One in so many orders is a market order.
const MARKET_ONE_IN: u32 = 20;

/// One in so many limit orders does not rest.
const IOC_ONE_IN: u32 = 3;

/// An order as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) key: String,
    pub(super) account: String,
    pub(super) instrument: &'static str,
    side: &'static str,
    kind: &'static str,
    time_in_force: &'static str,
    /// Empty for a market order.
    price: String,
    quantity: String,
}

/// Draws an order of a lane.
pub(super) fn draw(random: &mut Pcg64Mcg, lane: usize, account: &str, key: String) -> Order {
    let instrument = INSTRUMENTS[lane][random.random_range(0..INSTRUMENTS[lane].len())];
    let is_market = random.random_ratio(1, MARKET_ONE_IN);
    let is_ioc = is_market || random.random_ratio(1, IOC_ONE_IN);
    let cents = 10_000 - SPREAD_CENTS + random.random_range(0..=2 * SPREAD_CENTS);
    let price =
        if is_market { String::new() } else { format!("{}.{:02}", cents / 100, cents % 100) };
    Order {
        key,
        account: account.to_owned(),
        instrument,
        side: if random.random_bool(0.5) { "buy" } else { "sell" },
        kind: if is_market { "market" } else { "limit" },
        time_in_force: if is_ioc { "ioc" } else { "gtc" },
        price,
        quantity: format!("0.{:05}", random.random_range(1..100_000)),
    }
}

impl Order {
    /// The fields of its line in the history.
    pub(super) fn terms(&self) -> [&str; 8] {
        let Order { key, account, instrument, side, kind, time_in_force, price, quantity } = self;
        [key, account, instrument, side, kind, time_in_force, price, quantity]
    }

    /// The body that places it.
    pub(super) fn json(&self) -> String {
        let Order { key, account, instrument, side, kind, time_in_force, price, quantity } = self;
        let price =
            if price.is_empty() { String::new() } else { format!("\"price\":\"{price}\",") };
        format!(
            "{{\"client_id\":\"{account}\",\"client_order_id\":\"{key}\",\
             \"instrument\":\"{instrument}\",\"side\":\"{side}\",\"type\":\"{kind}\",\
             \"time_in_force\":\"{time_in_force}\",{price}\"quantity\":\"{quantity}\"}}"
        )
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_kind_of_order_is_drawn_and_is_json() {
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let orders: Vec<Order> =
            (0..1_000).map(|number| draw(&mut random, number % 3, "ann", "k".to_owned())).collect();
        for order in &orders {
            let body: serde_json::Value = serde_json::from_str(&order.json()).expect("JSON");
            assert_eq!(body["quantity"], order.quantity);
            assert_eq!(body.get("price").is_some(), order.kind == "limit");
        }
        for (side, kind, time_in_force) in [
            ("buy", "limit", "gtc"),
            ("sell", "limit", "gtc"),
            ("buy", "limit", "ioc"),
            ("sell", "market", "ioc"),
        ] {
            assert!(orders.iter().any(|order| {
                (order.side, order.kind, order.time_in_force) == (side, kind, time_in_force)
            }));
        }
    }
}
