//! The largest numbers, the oddest texts, every size of a statement.

use std::collections::BTreeSet;

use ledger::{
    projection::Projector,
    store::{MemoryStore, OrdersQuery, Store},
};
use model::{Amount, Partition};
use proto::{
    convert,
    log::{self, Bucket, EndReason, KeySpace, PostingCause},
};
use spine::Answer;

use crate::{
    answers::{LOG, Scribe, applied, batches, ended, of, one_batch, placed, terms},
    cases::{apply_all, key, name},
};

/// One posting of `amount`, out of the first account's link.
fn posting(amount: Amount) -> log::Posting {
    let leg = |bucket: Bucket, amount| log::Leg {
        bucket: bucket.into(),
        account: 0,
        asset_id: u32::MAX,
        amount: Some(convert::to_amount(amount)),
    };
    let opposite = Amount::ZERO.checked_sub(amount).expect("amounts are symmetric");
    log::Posting {
        cause: PostingCause::LinkTaken.into(),
        external_id: "d".repeat(64),
        link_partition: 1_023,
        legs: vec![leg(Bucket::Available, amount), leg(Bucket::Link, opposite)],
        ..Default::default()
    }
}

/// Amounts are two columns of 64 bits each: every one of them must come back as it went in.
pub async fn the_largest_numbers_are_kept_whole(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::new(1_023).expect("the last one"));
    let amounts: Vec<Amount> = [0, 1, 62, 63, 64, 65, 100]
        .into_iter()
        .flat_map(|bits| [(1_i128 << bits) - 1, 1 << bits, (1 << bits) + 1])
        .map(Amount::from_units)
        // The most that the wire has room for.
        .chain([Amount::from_units((1 << 126) - 1)])
        .collect();
    let answers: Vec<Answer> = amounts
        .iter()
        .map(|amount| {
            let balance = log::Balance {
                account: 0,
                asset_id: u32::MAX,
                available: Some(convert::to_amount(*amount)),
                held: Some(convert::to_amount(*amount)),
                link: Some(convert::to_amount(-*amount)),
            };
            let quote_quantity = Some(convert::to_amount(*amount));
            let terms = log::OrderTerms {
                quote_quantity,
                price_ticks: model::Price::TICKS_MAX,
                quantity_lots: model::Quantity::LOTS_MAX,
                instrument_id: u32::MAX,
                ..terms(KeySpace::ClientOrderId, "k")
            };
            let fee_income = vec![log::FeeIncome {
                asset_id: u32::MAX,
                amount: Some(convert::to_amount(*amount)),
            }];
            let body = log::AnswerBody {
                fee_income,
                balances: vec![balance],
                postings: vec![posting(*amount)],
                ..applied(vec![placed(terms)])
            };
            scribe.answer(of("alice", body))
        })
        .collect();
    let expected = MemoryStore::new();
    for batch in batches(scribe.partition, &answers, 1) {
        store.apply(&batch).await.expect("it follows");
        expected.apply(&batch).await.expect("it follows");
        let found = store.balances(&name("alice")).await;
        assert_eq!(found, expected.balances(&name("alice")).await);
    }
    let tables = store.tables().await.expect("it reads");
    assert_eq!(tables.orders.len(), amounts.len());
    assert_eq!(tables.differences(&expected.into_tables()), []);
}

/// Names that a database could take for another, for a pattern or for the end of a text.
const NAMES: [&str; 10] = [
    "alice",
    "Alice",
    "ALICE",
    "alice.",
    "alice:",
    "-_.:@",
    "--",
    "0",
    "NULL",
    "0123456789012345678901234567890123456789012345678901234567890123",
];

pub async fn every_text_that_a_name_may_be_is_kept_as_it_is(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::FIRST);
    let answers: Vec<Answer> = NAMES
        .iter()
        .flat_map(|account| NAMES.iter().map(move |key| (account, key)))
        .map(|(account, key)| {
            let body = applied(vec![placed(terms(KeySpace::ClientOrderId, key))]);
            scribe.answer(of(account, body))
        })
        .collect();
    apply_all(store, &answers, 100).await;
    for account in NAMES {
        let query = OrdersQuery { account: Some(name(account)), ..OrdersQuery::default() };
        let orders = store.orders(&query).await.expect("it reads");
        assert_eq!(orders.len(), NAMES.len(), "{account} is nobody else");
        let keys: BTreeSet<&str> =
            orders.iter().filter_map(|row| Some(row.client_order_id.as_ref()?.as_str())).collect();
        assert_eq!(keys, BTreeSet::from(NAMES), "{account}");
        for text in NAMES {
            let found = store.order_by_client_id(&name(account), &key(text)).await;
            let row = found.expect("it reads").expect("it is there");
            assert_eq!((row.account, row.client_order_id), (name(account), Some(key(text))));
        }
    }
}

/// Applies all of `answers` as one batch, to both.
async fn apply_as_one(store: &dyn Store, expected: &MemoryStore, answers: &[Answer]) {
    let progress = expected.progress().await.expect("it reads");
    let before = progress.get(&Partition::FIRST);
    let mut projector = Projector::new(LOG, Partition::FIRST, before);
    let batch = one_batch(&mut projector, answers);
    store.apply(&batch).await.expect("it follows");
    expected.apply(&batch).await.expect("it follows");
}

/// Batches are written in statements of some fixed sizes, the largest at a database's limit of
/// bound values, or in ones of up to 4,096 rows. Of two orders one has a key and the other none,
/// and of what becomes of them later there are more than one statement takes, too.
pub async fn a_statement_of_every_size_is_taken(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::FIRST);
    let expected = MemoryStore::new();
    let mut ids = Vec::new();
    for count in [1, 2, 3, 7, 255, 512, 513, 1_100, 4_096, 4_097] {
        let mut answers: Vec<Answer> = Vec::new();
        for number in 0..count {
            let space = if number % 2 == 0 { KeySpace::Generated } else { KeySpace::ClientOrderId };
            ids.push(scribe.next_order_id());
            let body = applied(vec![placed(terms(space, &format!("k{number}")))]);
            answers.push(scribe.answer(of("alice", body)));
        }
        apply_as_one(store, &expected, &answers).await;
    }
    let mut moved = Vec::new();
    for (id, remaining) in ids.iter().zip((1..10).cycle()) {
        let body = applied(vec![ended(*id, EndReason::Cancelled, remaining)]);
        moved.push(scribe.answer(of("alice", body)));
    }
    apply_as_one(store, &expected, &moved).await;
    let tables = store.tables().await.expect("it reads");
    assert_eq!(tables.orders.len(), ids.len());
    assert!(tables.orders.values().any(|row| row.client_order_id.is_none()));
    assert!(tables.orders.values().any(|row| row.client_order_id.is_some()));
    assert_eq!(tables.differences(&expected.into_tables()), []);
}

/// An answer may change no row at all: then the batch is its progress.
pub async fn a_batch_without_rows_moves_the_progress(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::FIRST);
    let expected = MemoryStore::new();
    for _ in 0..3 {
        let answer = scribe.answer(applied(vec![]));
        apply_as_one(store, &expected, &[answer]).await;
        let progress = store.progress().await.expect("it reads");
        assert_eq!(progress[&Partition::FIRST].out_seq, scribe.out_seq());
    }
    let tables = store.tables().await.expect("it reads");
    assert!(tables.orders.is_empty());
    assert_eq!(tables.differences(&expected.into_tables()), []);
}
