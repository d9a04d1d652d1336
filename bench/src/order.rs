//! The orders of the load: those of `gateway/benches/orders.lua`, 10,000 accounts in 12 instruments
//! with prices a few ticks around the middle, so that most of them trade.

use std::io::Write as _;

use proto::{
    orders::PlaceOrderRequest,
    trading::{OrderType, Side},
};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

const ACCOUNTS: u32 = 10_000;

/// How far from its middle a price may be.
const TICKS_AWAY_MAX: u32 = 5;

/// What is traded, and its middle in hundredths.
const INSTRUMENTS: [(&str, u32); 12] = [
    ("BTC-USD", 6_180_000),
    ("ETH-USD", 268_000),
    ("SOL-USD", 15_600),
    ("BNB-USD", 51_700),
    ("XRP-USD", 6_100),
    ("ADA-USD", 3_400),
    ("DOGE-USD", 1_050),
    ("DOT-USD", 4_700),
    ("MATIC-USD", 4_300),
    ("LTC-USD", 6_200),
    ("BTC-USDT", 6_180_000),
    ("ETH-USDT", 268_000),
];

/// Whether orders can be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Each has a key of its own: a careful client's.
    Own,
    /// None has, as in a closed loop over REST: there is nothing to claim.
    None,
}

/// Draws orders.
#[derive(Debug)]
pub(crate) struct Orders {
    random: Pcg64Mcg,
    keys: Keys,
    /// What no other draw on this machine has, so that no key is used twice.
    nonce: u64,
    drawn: u64,
}

/// An order.
#[derive(Debug)]
pub(crate) struct Order {
    key: Option<String>,
    account: u32,
    instrument: &'static str,
    is_buy: bool,
    hundredths: u32,
    quantity: u32,
}

impl Orders {
    /// The draw of this seed: the same orders every time, under keys that are new every time.
    pub(crate) fn new(seed: u64, keys: Keys) -> Orders {
        let (random, nonce) = (Pcg64Mcg::seed_from_u64(seed), rand::rng().random());
        Orders { random, keys, nonce, drawn: 0 }
    }

    pub(crate) fn draw(&mut self) -> Order {
        self.drawn += 1;
        let random = &mut self.random;
        let (instrument, middle) = INSTRUMENTS[random.random_range(0..INSTRUMENTS.len())];
        let hundredths = middle - TICKS_AWAY_MAX + random.random_range(0..=2 * TICKS_AWAY_MAX);
        Order {
            key: (self.keys == Keys::Own).then(|| format!("{:x}-{}", self.nonce, self.drawn)),
            account: random.random_range(1..=ACCOUNTS),
            instrument,
            is_buy: random.random_bool(0.5),
            hundredths,
            quantity: random.random_range(100..1_000),
        }
    }
}

impl Order {
    /// Writes its body into `body`, in place of what was there.
    pub(crate) fn write_json(&self, body: &mut Vec<u8>) {
        body.clear();
        let Order { key, account, instrument, .. } = self;
        let (side, price, quantity) = (self.side(), self.price(), self.quantity());
        // Writing to memory does not fail.
        let _ = write!(
            body,
            "{{\"client_id\":\"bench-{account}\",\"instrument\":\"{instrument}\",\
             \"side\":\"{side}\",\"type\":\"limit\",\"price\":\"{price}\",\
             \"quantity\":\"{quantity}\""
        );
        if let Some(key) = key {
            let _ = write!(body, ",\"client_order_id\":\"{key}\"");
        }
        body.push(b'}');
    }

    /// It as gRPC carries it.
    pub(crate) fn into_request(self) -> PlaceOrderRequest {
        let side = if self.is_buy { Side::Buy } else { Side::Sell };
        PlaceOrderRequest {
            client_id: format!("bench-{}", self.account),
            instrument: self.instrument.to_owned(),
            side: side.into(),
            r#type: OrderType::Limit.into(),
            price: self.price(),
            quantity: self.quantity(),
            client_order_id: self.key.unwrap_or_default(),
            ..PlaceOrderRequest::default()
        }
    }

    fn side(&self) -> &'static str {
        if self.is_buy { "buy" } else { "sell" }
    }

    fn price(&self) -> String {
        format!("{}.{:02}", self.hundredths / 100, self.hundredths % 100)
    }

    fn quantity(&self) -> String {
        format!("0.{:05}", self.quantity)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_draw_is_the_same_but_for_its_keys() {
        let [mut one, mut other] = [(); 2].map(|()| Orders::new(7, Keys::Own));
        let mut keys = BTreeSet::new();
        for _ in 0..1_000 {
            let [one, other] = [one.draw(), other.draw()];
            assert_eq!(
                (one.account, one.instrument, one.is_buy, one.hundredths, one.quantity),
                (other.account, other.instrument, other.is_buy, other.hundredths, other.quantity)
            );
            assert!(keys.insert(one.key) && keys.insert(other.key), "a key came twice");
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        let mut orders = [Keys::Own, Keys::None].map(|keys| Orders::new(1, keys));
        let mut body = Vec::new();
        for number in 0..1_000 {
            let has_key = number % 2 == 0;
            let order = orders[number % 2].draw();
            order.write_json(&mut body);
            let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            let request = order.into_request();
            assert_eq!(json.get("client_order_id").is_some(), has_key);
            assert_eq!(
                json["client_order_id"].as_str().unwrap_or_default(),
                request.client_order_id
            );
            for (name, text) in [
                ("client_id", &request.client_id),
                ("instrument", &request.instrument),
                ("price", &request.price),
                ("quantity", &request.quantity),
            ] {
                assert_eq!(json[name], text.as_str());
            }
            assert_eq!(json["side"] == "buy", request.side() == Side::Buy);
        }
    }
}
