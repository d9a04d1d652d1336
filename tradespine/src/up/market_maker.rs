//! The first orders of a new platform, so that nobody meets an empty book.
//!
//! A ladder of bids and asks around a plausible price for every seeded instrument, with sizes from
//! a seed. It is placed once: every order has a client order id of its own, so that a start that
//! was interrupted can be repeated, and the last one in the ledger says that all were placed.

use anyhow::{Context, bail};
use proto::{
    ledger::{GetOrderRequest, ledger_service_client::LedgerServiceClient},
    orders::{
        PlaceOrderRequest, order_entry_service_client::OrderEntryServiceClient,
        stream_orders_request::Request, stream_orders_response,
    },
    trading::{OrderType, Side, TimeInForce},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tonic::{Code, transport::Channel};

use crate::{
    desk::Desk,
    services::listings::{INSTRUMENTS, Seed},
    settings::Settings,
};

/// Whose orders they are.
pub const ACCOUNT: &str = "market-maker";

/// The seed of the sizes.
const SEED: u64 = 20_240_808;

/// Levels a side.
const LEVELS: u64 = 10;

/// How far apart two levels are, in hundredths of a percent of the price.
const STEP_BPS: u64 = 5;

/// What one level is worth, in cents, before the seed varies it: ten instruments of ten levels stay
/// well within the grant of a sandbox account.
const LEVEL_CENTS: u64 = 400_000;

/// Lots in one coin, and cents in a unit of the quote asset.
const LOTS_A_COIN: u64 = 100_000;

/// Places what is missing.
///
/// # Errors
/// Where a service does not answer or an order is refused for another reason than being there.
pub async fn fill_empty_books(settings: &Settings) -> anyhow::Result<()> {
    let orders = ladders();
    let Some(last) = orders.last() else { return Ok(()) };
    if is_placed(settings, last).await? {
        return Ok(());
    }
    let gateway = connect(&settings.gateway.grpc_address.to_string()).await?;
    let mut desk = Desk::open(OrderEntryServiceClient::new(gateway)).await?;
    let count = orders.len();
    let requests = orders.into_iter().map(Request::Place).collect();
    desk.run(requests, |_, response| match response.result {
        Some(stream_orders_response::Result::Error(error)) => bail!("{}", error.message),
        _ => Ok(()),
    })
    .await
    .context("the market maker's first orders")?;
    tracing::info!(orders = count, "the market maker has filled the books");
    Ok(())
}

async fn is_placed(settings: &Settings, last: &PlaceOrderRequest) -> anyhow::Result<bool> {
    let ledger = connect(&settings.ledger.grpc_address.to_string()).await?;
    let request = GetOrderRequest {
        order_id: 0,
        client_id: ACCOUNT.to_owned(),
        client_order_id: last.client_order_id.clone(),
    };
    match LedgerServiceClient::new(ledger).get_order(request).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(status).context("the ledger does not answer"),
    }
}

async fn connect(address: &str) -> anyhow::Result<Channel> {
    let endpoint = Channel::from_shared(format!("http://{address}"))?;
    endpoint.connect().await.with_context(|| format!("nobody answers at {address}"))
}

fn ladders() -> Vec<PlaceOrderRequest> {
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    let mut orders = Vec::new();
    for seed in &INSTRUMENTS {
        for level in 1..=LEVELS {
            for side in [Side::Buy, Side::Sell] {
                let cents = LEVEL_CENTS * random.random_range(50..=150) / 100;
                orders.push(order(seed, side, level, cents));
            }
        }
    }
    orders
}

fn order(seed: &Seed, side: Side, level: u64, cents: u64) -> PlaceOrderRequest {
    let away = (seed.start_ticks * STEP_BPS * level / 10_000).max(level);
    let (word, ticks) = match side {
        Side::Buy => ("bid", seed.start_ticks - away),
        _ => ("ask", seed.start_ticks + away),
    };
    let lots = (cents * LOTS_A_COIN / ticks).max(1);
    PlaceOrderRequest {
        client_id: ACCOUNT.to_owned(),
        client_order_id: format!("first-{}-{word}-{level}", seed.symbol()),
        instrument: seed.symbol(),
        side: side.into(),
        r#type: OrderType::Limit.into(),
        time_in_force: TimeInForce::Gtc.into(),
        price: format!("{}.{:02}", ticks / 100, ticks % 100),
        quantity: format!("{}.{:05}", lots / LOTS_A_COIN, lots % LOTS_A_COIN),
        wait_for_result: true,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_ladders_are_the_same_every_time_and_never_crossed() {
        let orders = ladders();
        assert_eq!(orders, ladders());
        let ids: BTreeSet<_> = orders.iter().map(|order| &order.client_order_id).collect();
        assert_eq!(ids.len() as u64, INSTRUMENTS.len() as u64 * 2 * LEVELS);
        for seed in &INSTRUMENTS {
            assert!(seed.start_ticks > LEVELS, "{} has room for its bids", seed.symbol());
        }
    }
}
