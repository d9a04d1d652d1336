//! What every store promises of its rows.

use std::collections::BTreeMap;

use crate::answers::{
    LOG, Scribe, amended, applied, asset, balance, batches, duplicate_of, ended, flow::Flow,
    listings, of, one_batch, placed, prevented, rejected, terms,
};
use ledger::{
    projection::{OrderChange, Projector},
    row::{Balance, BalanceKey, OrderRow, PostingRow, TradeRow},
    solvency::Cut,
    store::{
        MemoryStore, OrderCursor, OrdersQuery, Page, PostingsQuery, Store, StoreError, TradeCursor,
        TradesQuery,
    },
    tables::Tables,
};
use model::{
    AccountName, Amount, AssetId, Instructions, InstrumentId, KeyText, OrderId, Partition, Price,
    Quantity, SelfTradePrevention, Timestamp, Trailing, Trigger, TriggerKind,
};
use proto::{
    log::{EndReason, KeySpace, RefusalReason, event},
    trading::OrderStatus,
};
use spine::Answer;

pub fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a good name")
}

pub fn key(text: &str) -> KeyText {
    KeyText::new(text).expect("a good key")
}

pub fn order_id(number: u64) -> OrderId {
    OrderId::from_number(number).expect("a good id")
}

pub fn some_answers(count: usize) -> Vec<Answer> {
    Flow::new(Scribe::new(Partition::FIRST), 42, 20, 3).answers(count)
}

pub async fn apply_all(store: &dyn Store, answers: &[Answer], size: usize) {
    for batch in batches(Partition::FIRST, answers, size) {
        store.apply(&batch).await.expect("it follows");
    }
}

pub async fn a_batch_is_applied_once(store: &dyn Store) {
    let batches = batches(Partition::FIRST, &some_answers(300), 100);
    for batch in &batches {
        store.apply(batch).await.expect("it follows");
        let before = store.tables().await.expect("it reads");
        let expected = batch.expected.out_seq;
        let moved = StoreError::Moved { partition: Partition::FIRST, expected };
        assert_eq!(store.apply(batch).await, Err(moved));
        assert_eq!(store.tables().await.expect("it reads"), before);
    }
    let progress = store.progress().await.expect("it reads");
    assert_eq!(progress[&Partition::FIRST], batches[2].progress);
}

pub async fn a_batch_of_another_history_is_refused(store: &dyn Store) {
    let [first, second] = [42, 43].map(|seed| {
        let mut flow = Flow::new(Scribe::new(Partition::FIRST), seed, 20, 3);
        batches(Partition::FIRST, &flow.answers(20), 10)
    });
    store.apply(&first[0]).await.expect("it follows");
    for stranger in [&second[1], &second[0]] {
        let refused = store.apply(stranger).await;
        assert!(matches!(refused, Err(StoreError::Moved { .. })), "{refused:?}");
    }
    let mut other_log = first[0].clone();
    other_log.progress.partition = Partition::new(1).expect("in range");
    let refused = store.apply(&other_log).await;
    assert!(matches!(refused, Err(StoreError::Moved { .. })), "{refused:?}");
    store.apply(&first[1]).await.expect("it follows");
}

/// A batch that fails in its middle, or a crash there, leaves the tables as they were, and the
/// same answers go in afterwards.
pub async fn a_refused_batch_changes_nothing(store: &dyn Store) {
    let answers = some_answers(200);
    let batches = batches(Partition::FIRST, &answers, 100);
    store.apply(&batches[0]).await.expect("it follows");
    let before = store.tables().await.expect("it reads");
    let known = *before.orders.keys().next().expect("there are orders");
    let moved = OrderChange::Moved(before.orders[&known].state.clone());
    let mut never_was = batches[1].clone();
    never_was.changes.orders.insert(order_id(1 << 52), moved);
    let mut new_twice = batches[1].clone();
    new_twice.changes.orders.insert(known, OrderChange::New(before.orders[&known].clone()));
    let mut traded_twice = batches[1].clone();
    let trade = before.trades.values().next().expect("there are trades");
    traded_twice.changes.trades.push(trade.clone());
    for broken in [never_was, new_twice, traded_twice] {
        let refused = store.apply(&broken).await;
        assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
        assert_eq!(store.tables().await.expect("it reads"), before);
    }
    store.apply(&batches[1]).await.expect("it follows");
    let expected = MemoryStore::new();
    apply_all(&expected, &answers, 200).await;
    assert_eq!(store.tables().await.expect("it reads"), expected.into_tables());
}

pub async fn batch_sizes_make_no_difference(store: &dyn Store) {
    let answers = some_answers(600);
    let (small, large) = (MemoryStore::new(), MemoryStore::new());
    apply_all(&small, &answers, 1).await;
    apply_all(&large, &answers, 600).await;
    apply_all(store, &answers, 70).await;
    let mut tables = store.tables().await.expect("it reads");
    assert!(tables.orders.len() > 300 && tables.trades.len() > 100 && !tables.aliases.is_empty());
    let expected = small.into_tables();
    assert_eq!(tables.differences(&expected), []);
    assert_eq!(tables, expected);
    assert_eq!(tables, large.into_tables());
    let row = tables.orders.values_mut().next().expect("there are orders");
    row.state.reason = "altered".to_owned();
    assert_eq!(tables.differences(&expected).len(), 1);
}

pub async fn partitions_do_not_disturb_each_other(store: &dyn Store) {
    let partitions = [0, 1, 2].map(|number| Partition::new(number).expect("in range"));
    let mut histories = Vec::new();
    for partition in partitions {
        // Every shard trades its own instrument, with the same accounts.
        let number = partition.number();
        let mut flow = Flow::new(Scribe::new(partition), 7 + u64::from(number), 20, 1);
        flow.first_instrument = 1 + u32::from(number);
        histories.push(batches(partition, &flow.answers(200), 50));
    }
    for round in 0..4 {
        for history in &histories {
            store.apply(&history[round]).await.expect("it follows");
        }
    }
    let tables = store.tables().await.expect("it reads");
    for (partition, history) in partitions.iter().zip(&histories) {
        assert_eq!(tables.progress[partition], history[3].progress);
        let alone = MemoryStore::new();
        for batch in history {
            alone.apply(batch).await.expect("it follows");
        }
        let alone = alone.into_tables();
        for (key, balance) in &alone.balances {
            assert_eq!(tables.balances.get(key), Some(balance));
        }
        assert!(alone.orders.iter().all(|(id, row)| tables.orders.get(id) == Some(row)));
    }
}

pub async fn an_alias_finds_the_original(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::FIRST);
    let original = scribe.next_order_id();
    let mut answers =
        vec![scribe.answer(of("alice", applied(vec![placed(terms(KeySpace::Generated, "k"))])))];
    let alias = scribe.next_order_id();
    answers.push(scribe.answer(duplicate_of(original)));
    // A repeated deposit names no order.
    let deposit = scribe.next_order_id();
    answers.push(scribe.answer(duplicate_of(0)));
    apply_all(store, &answers, 2).await;
    for id in [original, alias] {
        let found = store.order(order_id(id)).await.expect("it reads").expect("it is there");
        assert_eq!(found.id, order_id(original));
    }
    assert_eq!(store.order(order_id(deposit)).await, Ok(None));
    assert_eq!(store.order(order_id(1 << 50)).await, Ok(None));
}

pub async fn a_client_order_id_finds_its_newest_owner(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::FIRST);
    let mine = || terms(KeySpace::ClientOrderId, "mine");
    let bodies = [
        ("alice", vec![placed(mine())]),
        ("alice", vec![ended(1, EndReason::Cancelled, 10)]),
        ("alice", vec![placed(mine())]),
        ("alice", vec![rejected(mine(), RefusalReason::KeyReused)]),
        ("bob", vec![placed(mine())]),
        // The same text in other name spaces is another key.
        ("alice", vec![placed(terms(KeySpace::IdempotencyKey, "mine"))]),
        ("carol", vec![placed(terms(KeySpace::Generated, "mine"))]),
    ];
    let answers: Vec<Answer> = bodies
        .into_iter()
        .map(|(account, events)| scribe.answer(of(account, applied(events))))
        .collect();
    apply_all(store, &answers, 3).await;
    for (account, expected) in [("alice", Some(3)), ("bob", Some(5)), ("carol", None)] {
        let found = store.order_by_client_id(&name(account), &key("mine")).await;
        let found = found.expect("it reads").map(|row| row.id.number());
        assert_eq!(found, expected, "{account}");
    }
    let refused = store.order(order_id(4)).await.expect("it reads").expect("it is there");
    assert_eq!(refused.state.status, OrderStatus::Rejected);
    assert_eq!(refused.state.reason, "key_reused");
    assert_eq!(refused.client_order_id, Some(key("mine")));
}

pub async fn what_an_order_says_and_what_became_of_its_quantity_is_kept(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::FIRST);
    let said = proto::log::Instructions {
        post_only: true,
        self_trade_prevention: proto::trading::SelfTradePrevention::ExpireBoth.into(),
        expires_at_unix_nanos: u64::MAX,
        trigger: proto::log::TriggerKind::TakeProfit.into(),
        trigger_price_ticks: 99,
        display_lots: 3,
        trailing_delta_bps: 50,
    };
    let gtd = proto::log::OrderTerms {
        time_in_force: proto::trading::TimeInForce::Gtd.into(),
        instructions: Some(said),
        ..terms(KeySpace::Generated, "k")
    };
    let bodies = [
        vec![placed(gtd)],
        vec![placed(terms(KeySpace::Generated, "l")), prevented(2, [2, 2, 8], [2, 2, 8])],
        vec![amended(2, [7, 5, 2])],
        vec![ended(1, EndReason::Expired, 8)],
        vec![ended(2, EndReason::Cancelled, 5)],
    ];
    let answers: Vec<Answer> =
        bodies.into_iter().map(|events| scribe.answer(of("alice", applied(events)))).collect();
    // Each in a transaction of its own: the last ones do not tell what was prevented or amended.
    apply_all(store, &answers, 1).await;
    let row =
        |id| async move { store.order(order_id(id)).await.expect("it reads").expect("it is") };
    let (first, second) = (row(1).await, row(2).await);
    let expected = Instructions {
        post_only: true,
        self_trade: SelfTradePrevention::ExpireBoth,
        expires_at: Some(Timestamp::from_unix_nanos(u64::MAX)),
        trigger: Some(Trigger {
            kind: TriggerKind::TakeProfit,
            price: Price::from_ticks(99).expect("in range"),
        }),
        display: Quantity::from_lots(3).ok(),
        trailing: Trailing::new(TriggerKind::TakeProfit, 50),
    };
    assert_eq!(first.instructions, expected);
    assert_eq!(second.instructions, Instructions::default());
    assert_eq!((first.state.prevented.lots(), second.state.prevented.lots()), (2, 2));
    assert_eq!((first.state.quantity.lots(), second.state.quantity.lots()), (10, 7));
    assert_eq!(second.state.remaining.lots(), 5);
    assert_eq!((first.state.reason.as_str(), first.state.remaining.lots()), ("expired", 8));
}

pub async fn an_order_of_a_list_is_found_by_its_id_and_by_that_of_a_duplicate(store: &dyn Store) {
    let terms = terms(KeySpace::ClientOrderId, "list");
    let contingency = proto::trading::Contingency::Oco.into();
    let listed = proto::log::ListedOrders { contingency, orders: vec![terms.clone(), terms] };
    let placed = proto::log::OrderListPlaced { listed: Some(listed), ..Default::default() };
    let mut scribe = Scribe::new(Partition::FIRST);
    let answers = [
        scribe.answer(of("alice", applied(vec![event::Kind::ListPlaced(placed)]))),
        scribe.answer(of("alice", duplicate_of(1))),
    ];
    apply_all(store, &answers, 1).await;
    for record in [1, 2].map(order_id) {
        assert_eq!(store.order(record).await.expect("it reads"), None, "a list is no order");
        for leg in [1, 2] {
            let id = record.with_leg(leg).expect("at most three");
            let found = store.order(id).await.expect("it reads").expect("it is there");
            assert_eq!(Some(found.id), order_id(1).with_leg(leg));
            assert_eq!(found.contingency, Some(model::Contingency::Oco));
        }
        let none = record.with_leg(3).expect("at most three");
        assert_eq!(store.order(none).await.expect("it reads"), None);
    }
}

pub async fn balances_are_absolute(store: &dyn Store) {
    let huge = (1_i128 << 100) + 17;
    let mut scribe = Scribe::new(Partition::FIRST);
    let answers: Vec<Answer> = [(5, 0), (huge, 3), (huge - 1, 4)]
        .into_iter()
        .map(|(available, held)| {
            let balances = vec![balance(0, 1, available, held), balance(0, 2, held, 0)];
            scribe.answer(of("alice", proto::log::AnswerBody { balances, ..applied(vec![]) }))
        })
        .collect();
    // Two of them in one batch: the last one counts.
    apply_all(store, &answers, 2).await;
    let found = store.balances(&name("alice")).await.expect("it reads");
    let partition = Partition::FIRST;
    let row = |asset, available, held| {
        let key = BalanceKey { account: name("alice"), asset: AssetId(asset), partition };
        let [available, held] = [available, held].map(Amount::from_units);
        (key, Balance { available, held, ..Balance::default() })
    };
    assert_eq!(found, BTreeMap::from([row(1, huge - 1, 4), row(2, 4, 0)]));
    assert_eq!(store.balances(&name("bob")).await, Ok(BTreeMap::new()));
}

/// What an answer leaves an account with, and whether it compacts the account away.
fn left_with(account: &str, available: i128, is_compacted: bool) -> proto::log::AnswerBody {
    let balances = vec![balance(0, 1, available, 0), balance(0, 2, available, 0)];
    let compacted = event::Kind::AccountCompacted(proto::log::AccountCompacted { account: 0 });
    let events = if is_compacted { vec![compacted] } else { vec![] };
    of(account, proto::log::AnswerBody { balances, ..applied(events) })
}

pub async fn a_compacted_account_has_no_balances(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::FIRST);
    let answers: Vec<Answer> = [
        left_with("alice", 5, false),
        left_with("bob", 6, false),
        left_with("alice", 0, true),
        // Opened and compacted again within one batch, and opened once more.
        left_with("bob", 0, true),
        left_with("bob", 7, false),
        left_with("carol", 8, false),
        left_with("carol", 0, true),
    ]
    .into_iter()
    .map(|body| scribe.answer(body))
    .collect();
    for size in [2, 3, 7] {
        let reference = MemoryStore::new();
        apply_all(&reference, &answers, size).await;
        let left: Vec<_> = reference
            .into_tables()
            .balances
            .into_iter()
            .map(|(key, balance)| (key.account, balance.available.units()))
            .collect();
        assert_eq!(left, [(name("bob"), 7), (name("bob"), 7)], "batches of {size}");
    }
    apply_all(store, &answers, 2).await;
    assert_eq!(store.balances(&name("alice")).await, Ok(BTreeMap::new()));
    assert_eq!(store.balances(&name("bob")).await.expect("it reads").len(), 2);
}

pub async fn a_later_listing_wins_whoever_brings_it(store: &dyn Store) {
    let second = Partition::new(1).expect("in range");
    let [mut here, mut there] = [Partition::FIRST, second].map(Scribe::new);
    let here = [1, 2]
        .map(|version| here.answer(applied(vec![asset(1, "USD", version, u64::from(version))])));
    let there = [there.answer(applied(vec![asset(1, "USD", 1, 1)]))];
    apply_all(store, &here, 1).await;
    store.apply(&batches(second, &there, 1)[0]).await.expect("it follows");
    let catalog = store.catalog().await.expect("it reads");
    let (asset, grant) = &catalog.assets[&AssetId(1)];
    assert_eq!((asset.code.as_str(), grant.units()), ("USD", 2));
}

pub async fn pages_are_stable_under_inserts(store: &dyn Store) {
    let mut flow = Flow::new(Scribe::new(Partition::FIRST), 5, 10, 2);
    let mut projector = Projector::new(LOG, Partition::FIRST, None);
    store.apply(&one_batch(&mut projector, &flow.answers(300))).await.expect("it follows");
    let before = store.tables().await.expect("it reads");
    let (mut orders, mut trades): (Vec<OrderRow>, Vec<TradeRow>) = (Vec::new(), Vec::new());
    loop {
        let after = orders.last().map(OrderCursor::of);
        let page = Page { after, skip: 0, limit: 17 };
        let query = OrdersQuery { page, ..OrdersQuery::default() };
        let found = store.orders(&query).await.expect("it reads");
        let after = trades.last().map(TradeCursor::of);
        let page = Page { after, skip: 0, limit: 17 };
        let query = TradesQuery { page, ..TradesQuery::default() };
        let traded = store.trades(&query).await.expect("it reads");
        if found.is_empty() && traded.is_empty() {
            break;
        }
        orders.extend(found);
        trades.extend(traded);
        // Newer ones come in between the pages.
        store.apply(&one_batch(&mut projector, &flow.answers(20))).await.expect("it follows");
    }
    let ids: Vec<OrderId> = orders.iter().map(|row| row.id).collect();
    assert!(ids.iter().eq(before.orders.keys().rev()));
    assert!(trades.windows(2).all(|pair| TradeCursor::of(&pair[0]) > TradeCursor::of(&pair[1])));
    assert_eq!(trades.len(), before.trades.len());
}

pub async fn every_filter_agrees_with_a_plain_search(store: &dyn Store) {
    let answers = some_answers(500);
    apply_all(store, &answers, 100).await;
    let plain = MemoryStore::new();
    apply_all(&plain, &answers, 500).await;
    let accounts = [None, Some(name("client-3")), Some(name("nobody"))];
    let instruments = [None, Some(InstrumentId(2)), Some(InstrumentId(99))];
    let statuses = [None, Some(OrderStatus::Open), Some(OrderStatus::Filled)];
    let middle = plain.orders(&OrdersQuery::default()).await.expect("it reads");
    let after_order = Some(OrderCursor::of(&middle[middle.len() / 2]));
    let middle = plain.trades(&TradesQuery::default()).await.expect("it reads");
    let after_trade = Some(TradeCursor::of(&middle[middle.len() / 2]));
    for (account, instrument) in
        accounts.iter().flat_map(|account| instruments.iter().map(move |one| (account, one)))
    {
        let (account, instrument) = (account.clone(), *instrument);
        for (status, skip, limit) in statuses.iter().flat_map(|status| {
            [(0, 10), (3, 5), (0, 500)].map(|(skip, limit)| (*status, skip, limit))
        }) {
            for after in [None, after_order] {
                let page = Page { after, skip, limit };
                let query = OrdersQuery { account: account.clone(), instrument, status, page };
                assert_eq!(store.orders(&query).await, plain.orders(&query).await, "{query:?}");
            }
            for after in [None, after_trade] {
                let page = Page { after, skip, limit };
                let query = TradesQuery { account: account.clone(), instrument, page };
                assert_eq!(store.trades(&query).await, plain.trades(&query).await, "{query:?}");
            }
        }
    }
}

pub async fn the_books_balance(store: &dyn Store) {
    let mut scribe = Scribe::new(Partition::FIRST);
    let listed: Vec<Answer> = listings().into_iter().map(|body| scribe.answer(body)).collect();
    let mut flow = Flow::new(scribe, 11, 30, 2);
    let answers = [listed, flow.answers(800)].concat();
    apply_all(store, &answers, 128).await;
    let tables = store.tables().await.expect("it reads");
    let sums = tables.asset_sums().expect("small sums");
    assert_eq!(sums.len(), 3);
    for (asset, sum) in &sums {
        assert!(sum.is_sound(), "{asset:?}: {sum:?}");
        assert!(sum.granted > Amount::ZERO && sum.held > Amount::ZERO);
        assert!(sum.fees > Amount::ZERO);
    }
    let cut = Cut { as_of: tables.progress.clone(), sums };
    assert_eq!(store.cut().await, Ok(cut), "as the database adds them up");
    assert_eq!(store.fee_income().await.as_ref(), Ok(&tables.fee_income));
    assert_eq!(tables.folded_income().as_ref(), Some(&tables.fee_income));
    assert_eq!(tables.traded_income().as_ref(), Some(&tables.fee_income));
    the_postings_are_found(store, &tables).await;
    let mut balances = tables.balances.clone();
    balances.retain(|_, balance| *balance != Balance::default());
    assert_eq!(tables.folded_balances(), Some(balances));
    assert_eq!(store.catalog().await.expect("it reads").instruments.len(), 2);
    let mut wrong: Tables = tables;
    wrong.balances.values_mut().next().expect("there are balances").held = Amount::MAX;
    let sums = wrong.asset_sums().map(|sums| sums.values().any(|sum| !sum.is_sound()));
    assert_ne!(sums, Some(false), "a wrong balance shows in the sums");
}

/// Page by page, of everybody and of one account, they are those that there are.
async fn the_postings_are_found(store: &dyn Store, tables: &Tables) {
    let account = AccountName::new("client-1").expect("a good name");
    let progress = store.progress().await.expect("it reads");
    let out_seq = progress[&Partition::FIRST].out_seq;
    for (account, limit) in [(None, 7), (None, 500), (Some(account.clone()), 3)] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (partition, account) = (Partition::FIRST, account.clone());
            let query = PostingsQuery { partition, account, after, limit, out_seq };
            let page = store.postings(&query).await.expect("it reads");
            assert!(page.rows.len() <= limit as usize);
            found.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let is_of = |row: &PostingRow| {
            account
                .as_ref()
                .is_none_or(|one| row.legs.iter().any(|leg| leg.account.as_ref() == Some(one)))
        };
        let expected: Vec<_> = tables.postings.iter().filter(|(_, row)| is_of(row)).collect();
        assert!(expected.len() > 20, "{account:?} has {}", expected.len());
        assert!(found.iter().map(|(key, row)| (key, row)).eq(expected), "{account:?}, {limit}");
    }
}
