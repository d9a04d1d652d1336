//! kill -9 of `tradespine up` at random moments under load, again and again on one data directory.
//!
//! The client keeps its own history: what it sent and what it was told. In the end that history is
//! held against the ledger's tables, and `tradespine verify` against the log: every acknowledged
//! order has exactly one outcome, the one that was told; every order that was not answered is
//! resolved by sending it again; no trade is there twice or missing; nothing is lost.
//!
//! `TRADESPINE_TEST_KILLS` sets the number of kills.

#[path = "kill/client.rs"]
mod client;
#[path = "kill/disconnect.rs"]
mod disconnect;
mod platform;

use std::{collections::BTreeSet, time::Duration};

use client::{Client, History};
use ledger::store::{SqlStore, Store};
use model::KeyText;
use platform::Platform;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// How many kills there are where nobody asks for another number.
const KILLS: u32 = 6;

/// How many kills must have left orders unanswered, of a hundred: else they were not under load.
const UNANSWERED_SHARE_MIN: u32 = 60;

/// How long the ledger may take to write what it has not yet when the last platform has started.
const TELLING_MAX: Duration = Duration::from_secs(120);

fn kills() -> u32 {
    std::env::var("TRADESPINE_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    kill_again_and_again(1).await;
}

/// The same with three shards, between which the traders' money goes to and fro.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_between_three_shards_and_nothing_happens_twice() {
    kill_again_and_again(3).await;
}

async fn kill_again_and_again(shards: u16) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut random = Pcg64Mcg::seed_from_u64(u64::from(std::process::id()));
    let mut history = History::default();
    let (mut under_load, mut sent) = (0, 0);
    for kill in 0..kills() {
        let platform = Platform::start_shards(directory.path(), shards).await;
        let mut client = Client::connect(platform.gateway()).await;
        client.resolve(&mut history).await;
        let moment = Duration::from_millis(random.random_range(50..900));
        let (rate, platform) =
            client.trade_until_killed(kill, moment, platform, &mut history).await;
        platform.wait().await;
        sent += rate.sent;
        under_load += u32::from(history.unanswered() > 0);
        println!(
            "kill {kill}: {:.0} orders/s, {} unanswered",
            rate.per_second,
            history.unanswered()
        );
    }
    let platform = Platform::start_shards(directory.path(), shards).await;
    Client::connect(platform.gateway()).await.resolve(&mut history).await;
    has_been_told(&platform).await;
    platform.stop().await;
    assert!(under_load * 100 >= kills() * UNANSWERED_SHARE_MIN, "{under_load} kills under load");
    println!("{} kills, {sent} orders sent, {} acknowledged", kills(), history.acknowledged());

    platform::verify(directory.path());
    check(&history, directory.path()).await;
}

/// A client asked that its orders end with its stream, and the gateway is killed: nobody is there
/// to say that it has ended.
#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_stream_end_after_its_gateway_was_killed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut platform = Platform::start_shards(directory.path(), 3).await;
    let orders = disconnect::rest_and_watch(platform.gateway()).await;
    platform.kill();
    platform.wait().await;
    let platform = Platform::start_shards(directory.path(), 3).await;
    for id in orders {
        let ended = disconnect::ended(platform.rest(), id);
        let order = tokio::time::timeout(TELLING_MAX, ended).await.expect("it ends by itself");
        assert_eq!(order["status"], "cancelled", "{order}");
        assert_eq!(order["reject_reason"], "cancel_after", "{order}");
    }
    platform.stop().await;
    platform::verify(directory.path());
}

/// Waits until the ledger has written what the gateway knows to be in the log: it answers no list
/// from less, and says so instead. It gives way to everything else on this machine.
async fn has_been_told(platform: &Platform) {
    let url = format!("{}/api/v1/orders?limit=1", platform.rest());
    let told = async {
        while !reqwest::get(&url).await.is_ok_and(|listed| listed.status().is_success()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(TELLING_MAX, told).await.expect("the ledger comes as far as the log");
}

/// The client's history against the tables.
async fn check(history: &History, directory: &std::path::Path) {
    let url = format!("sqlite://{}?mode=rw", directory.join("ledger.sqlite").display());
    let sql = SqlStore::open(&url).await.expect("the ledger's tables");
    let tables = sql.tables().await.expect("the ledger's tables");
    sql.close().await.expect("closed");
    assert_eq!(history.unanswered(), 0, "every order was resolved");
    for (key, told) in history.told() {
        let row = tables.orders.get(&told.id).unwrap_or_else(|| panic!("{key} is lost"));
        let placed_as = row.client_order_id.as_ref().map(KeyText::as_str);
        assert_eq!(placed_as, Some(key), "the row is of another order");
        for trade in &told.trades {
            assert!(trade.is_in(&tables), "trade {trade:?} of {key} is missing");
        }
    }
    // One row for each key: nothing was placed twice.
    let keys: Vec<_> = tables.orders.values().map(|row| &row.client_order_id).collect();
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!(keys.len(), distinct.len(), "an order is there twice");
    // The numbers of each instrument's trades have no gap.
    for instrument in tables.instruments.keys() {
        let numbers = tables.trades.keys().filter(|(of, _)| of == instrument);
        for (number, expected) in numbers.map(|(_, trade)| trade.0).zip(1..) {
            assert_eq!(number, expected, "a trade of {instrument:?} is missing");
        }
    }
}
