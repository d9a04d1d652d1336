//! Orders as they are drawn: prices of both sides overlap, so that most of them trade. Large ones
//! lie so far from the others that they never do.

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

/// Prices of large orders, in whole units of what is paid with: beyond what a market order reaches.
const LARGE_BUY_PRICE: u32 = 80;
const LARGE_SELL_PRICE: u32 = 125;

/// What large orders need, in thousandths of what a sandbox's account is given: of money a million,
/// of anything else a thousand. Two of them are more than there is, as a rule.
const LARGE_THOUSANDTHS: std::ops::RangeInclusive<u32> = 300..=900;

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

/// Draws an order of a lane that asks for most of what its account was given, and rests.
pub(super) fn draw_large(random: &mut Pcg64Mcg, lane: usize, account: &str, key: String) -> Order {
    let instrument = INSTRUMENTS[lane][random.random_range(0..INSTRUMENTS[lane].len())];
    let is_buy = random.random_bool(0.5);
    let thousandths = random.random_range(LARGE_THOUSANDTHS);
    let (price, quantity) = if is_buy {
        (LARGE_BUY_PRICE, thousandths * 1_000 / LARGE_BUY_PRICE)
    } else {
        (LARGE_SELL_PRICE, thousandths)
    };
    Order {
        key,
        account: account.to_owned(),
        instrument,
        side: if is_buy { "buy" } else { "sell" },
        kind: "limit",
        time_in_force: "gtc",
        price: price.to_string(),
        quantity: quantity.to_string(),
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

    #[test]
    fn a_large_order_needs_most_of_what_there_is_and_never_trades() {
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let mut draw = || draw_large(&mut random, 1, "ann", "k".to_owned());
        let orders: Vec<Order> = (0..100).map(|_| draw()).collect();
        for order in &orders {
            let number = |text: &str| text.parse::<u32>().expect("a whole number");
            let (price, quantity) = (number(&order.price), number(&order.quantity));
            let (needed, given) =
                if order.side == "buy" { (price * quantity, 1_000_000) } else { (quantity, 1_000) };
            assert!(needed <= given && needed >= given / 4, "{order:?}");
            assert_eq!(price < 90, order.side == "buy", "{order:?}");
        }
        assert!(orders.iter().any(|order| order.side == "buy"));
        assert!(orders.iter().any(|order| order.side == "sell"));
    }
}
