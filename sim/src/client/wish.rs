//! What clients want next.

use std::sync::Arc;

use gateway::{
    entry::{self, MovementFields, OrderFields, Word},
    reference::Listed,
};
use model::{AccountName, KeyText, OrderType, Side, TimeInForce, home};
use proto::command::{Key, KeySpace, Transfer};

use super::Client;
use crate::{random::Random, story::Asked, world::World};

/// An order's fields as text.
struct Texts {
    price: Option<String>,
    quantity: Option<String>,
    quote_quantity: Option<String>,
    order_type: OrderType,
    time_in_force: TimeInForce,
}

impl Client {
    /// Something to want; `None` where it is one that needs what is not there.
    pub(super) fn wish(&mut self, world: &mut World) -> Option<Asked> {
        let account = self.account.clone();
        let partitions = world.around.identity.partition_count;
        let random = &mut world.around.random;
        match random.within(0..100) {
            0..68 => {
                let listed = Arc::clone(random.pick(&world.instruments));
                self.order(world, &listed)
            }
            68..80 => {
                let order = (!self.orders.is_empty()).then(|| *random.pick(&self.orders))?;
                Some(Asked::Cancel { account, order })
            }
            80..85 => {
                let listed = Arc::clone(random.pick(&world.instruments));
                let instrument = random.chance(500).then_some(listed.instrument.id);
                Some(Asked::CancelAll { account, partition: listed.partition, instrument })
            }
            85..88 => self.other_content(world),
            number => {
                let is_deposit = number < 94;
                let amount = format!("{}", random.within(1..if is_deposit { 50 } else { 3_000 }));
                let code = *random.pick(&["USD", "BTC", "ETH"]);
                let id = self.next_key();
                let fields = MovementFields {
                    client_id: Some(account.as_str()),
                    asset: Some(code),
                    amount: Some(&amount),
                    id: Some(id.as_str()),
                    id_field: "id",
                };
                let (account, movement) = entry::movement(&fields, &world.catalogue).ok()?;
                let partition = home::home(&account, partitions);
                Some(if is_deposit {
                    Asked::Deposit { account, partition, movement }
                } else if number < 96 {
                    // One of the clients, themselves too, or somebody new.
                    let receiver = format!("client{}", world.around.random.within(0..5));
                    let receiver = AccountName::new(&receiver).ok()?;
                    let transfer = Transfer { movement, receiver };
                    Asked::Transfer { account, partition, transfer }
                } else {
                    Asked::Withdraw { account, partition, movement }
                })
            }
        }
    }

    fn order(&mut self, world: &mut World, listed: &Listed) -> Option<Asked> {
        let random = &mut world.around.random;
        let texts = texts(random);
        let side = if random.chance(500) { Side::Buy } else { Side::Sell };
        let key = self.next_key();
        let kind = random.within(0..10);
        let generated = Key { space: KeySpace::Generated, text: key.clone() };
        let fields = OrderFields {
            client_id: Some(self.account.as_str()),
            instrument: Some(listed.symbol()),
            side: Word::Known(side),
            order_type: Word::Known(texts.order_type),
            time_in_force: Word::Known(texts.time_in_force),
            price: texts.price.as_deref(),
            quantity: texts.quantity.as_deref(),
            quote_quantity: texts.quote_quantity.as_deref(),
            client_order_id: (kind < 6).then_some(key.as_str()),
            idempotency_key: (6..9).contains(&kind).then_some(key.as_str()),
            ..OrderFields::default()
        };
        let placed = entry::place(&fields, &world.catalogue, || generated);
        Some(Asked::Place(placed.expect("it is on the grid")))
    }

    /// Another order under a key that was used.
    fn other_content(&mut self, world: &mut World) -> Option<Asked> {
        let account = &self.account;
        let own = world.story.intents.iter().filter_map(|intent| match &intent.asked {
            Asked::Place(placed) if placed.account == *account => Some(placed.clone()),
            _ => None,
        });
        let own: Vec<_> = own.filter(|placed| placed.has_own_key()).collect();
        if own.is_empty() {
            return None;
        }
        let mut placed = world.around.random.pick(&own).clone();
        placed.order.side = placed.order.side.opposite();
        world.around.tally.count("client: another content under a used key");
        Some(Asked::Place(placed))
    }

    pub(super) fn next_key(&mut self) -> KeyText {
        self.keys += 1;
        let text = format!("{}-{}", self.account.as_str(), self.keys);
        KeyText::new(&text).expect("letters and digits")
    }
}

/// A random order around a price of 100.
fn texts(random: &mut Random) -> Texts {
    let ticks = random.within(9_900..10_101);
    let price = format!("{}.{:02}", ticks / 100, ticks % 100);
    // Now and then more than anybody has.
    let lots_end = if random.chance(60) { 90_000_000 } else { 300_000 };
    let lots = random.within(1..lots_end);
    let quantity = format!("{}.{:05}", lots / 100_000, lots % 100_000);
    let limit = |time_in_force| Texts {
        price: Some(price.clone()),
        quantity: Some(quantity.clone()),
        quote_quantity: None,
        order_type: OrderType::Limit,
        time_in_force,
    };
    match random.within(0..10) {
        0..7 => limit(TimeInForce::Gtc),
        7 => limit(TimeInForce::Ioc),
        8 => Texts { price: None, order_type: OrderType::Market, ..limit(TimeInForce::Ioc) },
        _ => Texts {
            price: None,
            quantity: None,
            quote_quantity: Some(format!("{}", random.within(1..200))),
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Ioc,
        },
    }
}
