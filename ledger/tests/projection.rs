//! What each event makes of the rows, as tables.

mod answers;

use answers::{
    LOG, Scribe, amended, applied, asset, balance, duplicate_of, ended, of, one_batch, placed,
    prevented, rejected, terms,
};
use ledger::projection::{OrderChange, ProjectionError, Projector};
use model::{OrderId, Partition};
use proto::{
    log::{self, EndReason, KeySpace, RefusalReason, event},
    trading::{self, OrderStatus, SelfTradePrevention, Side, TimeInForce},
};

fn projector() -> Projector {
    Projector::new(LOG, Partition::FIRST, None)
}

/// A trade of 4 lots between order 1 and the order of `taker`, with what remains of each.
fn trade(taker: u64, maker_remaining_lots: u64, taker_remaining_lots: u64) -> event::Kind {
    event::Kind::Trade(log::TradeExecuted {
        instrument_id: 1,
        trade_id: taker,
        price_ticks: 100,
        quantity_lots: 4,
        maker_order_id: 1,
        taker_order_id: taker,
        maker_account: 0,
        taker_account: 0,
        maker_remaining_lots,
        taker_remaining_lots,
        taker_side: Side::Sell.into(),
        ..Default::default()
    })
}

#[test]
fn the_status_of_an_order_follows_its_events() {
    let place = || placed(terms(KeySpace::Generated, "k"));
    let end = |reason, remaining| ended(1, reason, remaining);
    let refused = |reason| rejected(terms(KeySpace::Generated, "k"), reason);
    let parked = || {
        let terms = Some(terms(KeySpace::Generated, "k"));
        event::Kind::OrderParked(log::OrderParked { terms })
    };
    let placed_after = || {
        let terms = Some(terms(KeySpace::Generated, "k"));
        event::Kind::OrderPlaced(log::OrderPlaced { terms, order_id: 1, ..Default::default() })
    };
    let rejected_after = |reason: RefusalReason| {
        let (terms, reason) = (Some(terms(KeySpace::Generated, "k")), reason.into());
        event::Kind::OrderRejected(log::OrderRejected { terms, reason, order_id: 1 })
    };
    use OrderStatus::{Cancelled, Expired, Filled, Open, PartiallyFilled, Pending, Rejected};
    let less = |quantity, remaining| amended(1, [quantity, remaining, 0]);
    // What happens to order 1, one answer each; what becomes of it.
    let table: Vec<(Vec<event::Kind>, OrderStatus, u64, &str)> = vec![
        (vec![place()], Open, 10, ""),
        (vec![place(), trade(2, 6, 0)], PartiallyFilled, 6, ""),
        (vec![place(), trade(2, 6, 0), trade(3, 2, 0)], PartiallyFilled, 2, ""),
        (vec![place(), trade(2, 0, 0), end(EndReason::Filled, 0)], Filled, 0, ""),
        (vec![place(), end(EndReason::Cancelled, 10)], Cancelled, 10, ""),
        (vec![place(), trade(2, 6, 0), end(EndReason::Cancelled, 6)], Cancelled, 6, ""),
        (vec![place(), end(EndReason::CancelAfter, 10)], Cancelled, 10, "cancel_after"),
        (vec![place(), end(EndReason::Delisted, 10)], Cancelled, 10, "delisted"),
        (vec![place(), end(EndReason::ImmediateOrCancel, 10)], Expired, 10, "immediate_or_cancel"),
        (
            vec![place(), end(EndReason::InsufficientLiquidity, 3)],
            Expired,
            3,
            "insufficient_liquidity",
        ),
        (vec![place(), end(EndReason::PriceProtection, 3)], Expired, 3, "price_protection"),
        (vec![place(), end(EndReason::SweepLimit, 3)], Expired, 3, "sweep_limit"),
        (vec![refused(RefusalReason::InsufficientFunds)], Rejected, 10, "insufficient_funds"),
        (vec![refused(RefusalReason::Late)], Rejected, 10, "late"),
        (vec![place(), less(7, 7)], Open, 7, ""),
        (vec![place(), trade(2, 6, 0), less(7, 3)], PartiallyFilled, 3, ""),
        (vec![place(), less(7, 7), end(EndReason::Cancelled, 7)], Cancelled, 7, ""),
        (vec![parked()], Pending, 10, ""),
        (vec![parked(), placed_after()], Open, 10, ""),
        (vec![parked(), placed_after(), trade(2, 6, 0)], PartiallyFilled, 6, ""),
        (
            vec![parked(), rejected_after(RefusalReason::InsufficientFunds)],
            Rejected,
            10,
            "insufficient_funds",
        ),
        (vec![parked(), end(EndReason::Cancelled, 10)], Cancelled, 10, ""),
        (vec![parked(), end(EndReason::ParkedTooLong, 10)], Expired, 10, "parked_too_long"),
    ];
    for (events, status, remaining, reason) in table {
        let mut scribe = Scribe::new(Partition::FIRST);
        let answers: Vec<_> = events
            .iter()
            .map(|event| scribe.answer(of("alice", applied(vec![event.clone()]))))
            .collect();
        let batch = one_batch(&mut projector(), &answers);
        let id = OrderId::from_number(1).expect("in range");
        let OrderChange::New(row) = &batch.changes.orders[&id] else {
            panic!("{events:?}: the order is new")
        };
        let state = &row.state;
        assert_eq!((state.status, state.remaining.lots()), (status, remaining), "{events:?}");
        assert_eq!(state.reason, reason, "{events:?}");
        assert_eq!(row.created_at, answers[0].now);
        assert_eq!(state.updated_at, answers.last().expect("some").now);
    }
}

#[test]
fn what_else_an_order_said_and_what_was_prevented_is_kept() {
    let said = log::Instructions {
        post_only: true,
        self_trade_prevention: SelfTradePrevention::Decrement.into(),
        ..Default::default()
    };
    let terms = log::OrderTerms {
        time_in_force: TimeInForce::Day.into(),
        instructions: Some(said),
        ..terms(KeySpace::Generated, "k")
    };
    let terms = Some(terms);
    let day = log::OrderPlaced { terms, expires_at_unix_nanos: 77, ..Default::default() };
    let events = [
        vec![event::Kind::OrderPlaced(day)],
        // The status of an order of which nothing traded yet, and of one of which something did.
        vec![placed(self::terms(KeySpace::Generated, "l")), prevented(2, [2, 2, 8], [2, 2, 8])],
        vec![placed(self::terms(KeySpace::Generated, "m")), trade(3, 4, 6)],
        vec![placed(self::terms(KeySpace::Generated, "n")), prevented(4, [1, 3, 3], [10, 10, 0])],
        vec![ended(4, EndReason::SelfTradePrevented, 0)],
        // Later changes that do not tell it leave it as it is.
        vec![ended(1, EndReason::Cancelled, 3)],
    ];
    let mut scribe = Scribe::new(Partition::FIRST);
    let answers: Vec<_> =
        events.into_iter().map(|kinds| scribe.answer(of("alice", applied(kinds)))).collect();
    let rows = |count: usize| {
        let batch = one_batch(&mut projector(), &answers[..count]);
        let rows = batch.changes.orders.into_values().map(|change| match change {
            OrderChange::New(row) => row,
            OrderChange::Moved(state) => panic!("all are new: {state:?}"),
        });
        rows.collect::<Vec<_>>()
    };
    let first = &rows(2)[0];
    assert_eq!(first.instructions.expires_at.map(|at| at.unix_nanos()), Some(77));
    assert!(first.instructions.post_only);
    assert_eq!(first.instructions.self_trade, model::SelfTradePrevention::Decrement);
    let state = |row: &ledger::row::OrderRow| {
        (row.state.status, row.state.remaining.lots(), row.state.prevented.lots())
    };
    assert_eq!(state(first), (OrderStatus::Open, 8, 2));
    assert_eq!(state(&rows(3)[0]), (OrderStatus::PartiallyFilled, 4, 2));
    assert_eq!(state(&rows(4)[0]), (OrderStatus::PartiallyFilled, 3, 3));
    let all = rows(6);
    assert_eq!(state(&all[0]), (OrderStatus::Cancelled, 3, 3));
    assert_eq!(state(&all[3]), (OrderStatus::Expired, 0, 10));
    assert_eq!(all[3].state.reason, "self_trade_prevented");
}

#[test]
fn the_orders_of_a_list_are_rows_of_their_own() {
    use OrderStatus::{Expired, Filled, Open, Pending, Rejected};
    let listed = || {
        let terms = terms(KeySpace::ClientOrderId, "list");
        let contingency = trading::Contingency::Oto.into();
        Some(log::ListedOrders { contingency, orders: vec![terms.clone(), terms] })
    };
    let list = OrderId::from_number(1).expect("in range");
    let [working, pending] = [1, 2].map(|leg| list.with_leg(leg).expect("at most three"));
    let place = |list_id| {
        let expires_at_unix_nanos = vec![77, 0];
        let list = log::OrderListPlaced { listed: listed(), list_id, expires_at_unix_nanos };
        event::Kind::ListPlaced(list)
    };
    let refuse = |list_id| {
        let reason = RefusalReason::InsufficientFunds.into();
        let list = log::OrderListRejected { listed: listed(), reason, list_id };
        event::Kind::ListRejected(list)
    };
    let park = || event::Kind::ListParked(log::OrderListParked { listed: listed() });
    let goes_on = || {
        let order_id = pending.number();
        let placed = log::PendingPlaced { order_id, quantity_lots: 10, ..Default::default() };
        event::Kind::PendingPlaced(placed)
    };
    let fill = || ended(working.number(), EndReason::Filled, 0);
    let drop = || ended(pending.number(), EndReason::OrderList, 10);
    type Case = (Vec<event::Kind>, [(OrderStatus, &'static str); 2]);
    let table: Vec<Case> = vec![
        (vec![place(0)], [(Open, ""), (Pending, "")]),
        (vec![place(0), fill(), goes_on()], [(Filled, ""), (Open, "")]),
        (vec![place(0), drop()], [(Open, ""), (Expired, "order_list")]),
        (vec![refuse(0)], [(Rejected, "insufficient_funds"); 2]),
        (vec![park()], [(Pending, ""); 2]),
        (vec![park(), place(1)], [(Open, ""), (Pending, "")]),
        (vec![park(), refuse(1)], [(Rejected, "insufficient_funds"); 2]),
    ];
    for (events, expected) in table {
        let is_parked = matches!(events[0], event::Kind::ListParked(_));
        let is_placed = matches!(events[0], event::Kind::ListPlaced(_));
        let mut scribe = Scribe::new(Partition::FIRST);
        let answers: Vec<_> = events
            .into_iter()
            .map(|event| scribe.answer(of("alice", applied(vec![event]))))
            .collect();
        let batch = one_batch(&mut projector(), &answers);
        let rows = [working, pending].map(|id| match &batch.changes.orders[&id] {
            OrderChange::New(row) => row.clone(),
            OrderChange::Moved(state) => panic!("both are new: {state:?}"),
        });
        assert_eq!(batch.changes.orders.len(), 2, "and nothing for the list");
        for (row, (status, reason)) in rows.iter().zip(expected) {
            let state = (row.state.status, row.state.reason.as_str());
            assert_eq!(state, (status, reason), "{row:?}");
            assert_eq!(row.contingency, Some(model::Contingency::Oto));
            assert_eq!(row.client_order_id.as_ref().map(|key| key.as_str()), Some("list"));
        }
        let until = rows[0].instructions.expires_at.map(|at| at.unix_nanos());
        assert_eq!(until, (is_placed && !is_parked).then_some(77));
    }
}

#[test]
fn the_quantity_of_an_amended_order_stays_what_it_was_amended_to() {
    let mut scribe = Scribe::new(Partition::FIRST);
    let events = [
        vec![placed(terms(KeySpace::Generated, "k"))],
        vec![placed(terms(KeySpace::Generated, "l")), trade(2, 6, 0)],
        vec![amended(1, [9, 4, 1])],
        vec![amended(1, [7, 2, 1])],
        vec![placed(terms(KeySpace::Generated, "m")), trade(5, 1, 0)],
        vec![ended(1, EndReason::Cancelled, 1)],
    ];
    let answers: Vec<_> =
        events.into_iter().map(|kinds| scribe.answer(of("alice", applied(kinds)))).collect();
    let id = OrderId::from_number(1).expect("in range");
    let mut expected = [10, 10, 9, 7, 7, 7].into_iter();
    for count in 1..=answers.len() {
        let batch = one_batch(&mut projector(), &answers[..count]);
        let OrderChange::New(row) = &batch.changes.orders[&id] else { panic!("it is new") };
        assert_eq!(Some(row.state.quantity.lots()), expected.next(), "after {count} answers");
    }
    let mut later = projector();
    one_batch(&mut later, &answers[..1]);
    let batch = one_batch(&mut later, &answers[1..]);
    let OrderChange::Moved(state) = &batch.changes.orders[&id] else { panic!("it was there") };
    assert_eq!((state.quantity.lots(), state.prevented.lots()), (7, 1));
}

#[test]
fn an_order_of_an_earlier_batch_is_moved_without_being_read() {
    let mut scribe = Scribe::new(Partition::FIRST);
    let mut projector = projector();
    let first = scribe.answer(of("alice", applied(vec![placed(terms(KeySpace::Generated, "k"))])));
    assert_eq!(one_batch(&mut projector, &[first]).changes.orders.len(), 1);
    let taker = scribe.answer(of(
        "alice",
        applied(vec![placed(terms(KeySpace::Generated, "l")), trade(2, 6, 0)]),
    ));
    let last = scribe.answer(of("alice", applied(vec![ended(1, EndReason::Cancelled, 6)])));
    let batch = one_batch(&mut projector, &[taker, last]);
    assert_eq!((batch.expected.out_seq, batch.progress.out_seq), (1, 3));
    assert_eq!(batch.changes.trades.len(), 1);
    let changes: Vec<_> = batch.changes.orders.values().collect();
    let [OrderChange::Moved(maker), OrderChange::New(taker)] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!((maker.status, maker.remaining.lots()), (OrderStatus::Cancelled, 6));
    assert_eq!(taker.state.status, OrderStatus::PartiallyFilled);
}

#[test]
fn a_batch_keeps_the_last_of_each_and_where_it_stands() {
    let mut scribe = Scribe::new(Partition::FIRST);
    let bodies = [
        log::AnswerBody { balances: vec![balance(0, 1, 5, 0)], ..applied(vec![]) },
        log::AnswerBody { balances: vec![balance(0, 1, 4, 1)], ..applied(vec![]) },
    ];
    let mut answers: Vec<_> =
        bodies.into_iter().map(|body| scribe.answer(of("alice", body))).collect();
    answers.push(scribe.answer(duplicate_of(1)));
    let mut projector = projector();
    let batch = one_batch(&mut projector, &answers);
    let balances: Vec<_> = batch.changes.balances.values().collect();
    assert_eq!(balances.len(), 1);
    assert_eq!((balances[0].available.units(), balances[0].held.units()), (4, 1));
    let id = |number| OrderId::from_number(number).expect("in range");
    assert_eq!(batch.changes.aliases, [(id(3), id(1))]);
    assert_eq!((batch.progress.out_seq, batch.progress.in_offset), (3, 3));
    assert_eq!(batch.progress.next_offset, 3);
    assert_eq!(batch.progress.chain, answers[2].chain);
    assert_eq!(projector.take(), None);
}

#[test]
fn what_a_shard_never_writes_is_refused_by_name() {
    let with = |change: fn(&mut log::OrderTerms)| {
        let mut terms = terms(KeySpace::ClientOrderId, "k");
        change(&mut terms);
        of("alice", applied(vec![placed(terms)]))
    };
    let table = [
        ("account", with(|terms| terms.account = 1)),
        ("side", with(|terms| terms.side = 0)),
        ("type", with(|terms| terms.r#type = 9)),
        ("time_in_force", with(|terms| terms.time_in_force = 0)),
        ("price_ticks", with(|terms| terms.price_ticks = u64::MAX)),
        ("quantity_lots", with(|terms| terms.quantity_lots = u64::MAX)),
        ("key", with(|terms| terms.key = "a b".to_owned())),
        ("accounts", of("a b", applied(vec![]))),
        // No text that a database might not hold, or take for the end of one, comes that far.
        ("key", with(|terms| terms.key = "k\0".to_owned())),
        ("accounts", of("a\0", applied(vec![]))),
        ("accounts", of("\u{fffd}", applied(vec![]))),
        ("accounts", of("", applied(vec![]))),
        ("asset", applied(vec![asset(1, "US\0", 1, 1)])),
        ("asset", applied(vec![asset(1, "usd", 1, 1)])),
        ("terms", applied(vec![event::Kind::OrderPlaced(log::OrderPlaced::default())])),
        ("event", log::AnswerBody { events: vec![log::Event { kind: None }], ..applied(vec![]) }),
        ("reason", applied(vec![ended(1, EndReason::Unspecified, 0)])),
        ("order_id", applied(vec![ended(u64::MAX, EndReason::Filled, 0)])),
        ("cause", log::AnswerBody { postings: vec![log::Posting::default()], ..applied(vec![]) }),
    ];
    for (field, body) in table {
        let answer = Scribe::new(Partition::FIRST).answer(body);
        let expected =
            ProjectionError::Malformed { partition: Partition::FIRST, out_seq: 1, field };
        assert_eq!(projector().fold(0, &answer), Err(expected));
    }
}

#[test]
fn only_the_next_answer_of_the_chain_is_folded() {
    let mut scribe = Scribe::new(Partition::FIRST);
    let [first, second] = [(); 2].map(|()| scribe.answer(applied(vec![])));
    let other = Scribe::new(Partition::new(1).expect("in range")).answer(applied(vec![]));
    let out_of_order =
        |last, found| ProjectionError::OutOfOrder { partition: Partition::FIRST, last, found };
    let mut projector = projector();
    assert_eq!(projector.fold(0, &second), Err(out_of_order(0, 2)));
    assert_eq!(projector.fold(0, &other), Err(out_of_order(0, 1)));
    projector.fold(0, &first).expect("the first");
    assert_eq!(projector.fold(1, &first), Err(out_of_order(1, 1)));
    projector.fold(1, &second).expect("the second");
}
