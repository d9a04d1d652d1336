//! The ladder, row by row.

use model::{
    Instructions, KeyText, OrderType, SelfTradePrevention, Side, TimeInForce, Timestamp, Trailing,
    TriggerKind,
};
use proto::command::{Ask, Key, KeySpace};

use super::*;
use crate::reference::tests::bodies;

fn good() -> OrderFields<'static> {
    OrderFields {
        client_id: Some("alice"),
        client_order_id: Some("a-1"),
        instrument: Some("BTC-USDT"),
        side: Word::Text("buy"),
        order_type: Word::Text("limit"),
        price: Some("100.01"),
        quantity: Some("0.5"),
        ..OrderFields::default()
    }
}

fn market() -> OrderFields<'static> {
    OrderFields { order_type: Word::Text("market"), price: None, ..good() }
}

fn generated() -> Key {
    Key { space: KeySpace::Generated, text: KeyText::new("made-up").expect("a good key") }
}

fn placed(fields: &OrderFields<'_>) -> Result<Placed, Problem> {
    place(fields, &Catalogue::of(&bodies()), generated)
}

#[test]
fn every_bad_field_is_named() {
    let long = "x".repeat(65);
    let digits = "1".repeat(40);
    let with = good;
    #[rustfmt::skip]
    let table = [
        ("client_id", "missing_field", OrderFields { client_id: None, ..with() }),
        ("client_id", "bad_name", OrderFields { client_id: Some(""), ..with() }),
        ("client_id", "bad_name", OrderFields { client_id: Some("a b"), ..with() }),
        ("client_id", "bad_name", OrderFields { client_id: Some(&long), ..with() }),
        ("instrument", "missing_field", OrderFields { instrument: None, ..with() }),
        ("instrument", "unknown_instrument", OrderFields { instrument: Some("BTC-EUR"), ..with() }),
        ("side", "missing_field", OrderFields { side: Word::Absent, ..with() }),
        ("side", "unknown_word", OrderFields { side: Word::Text("hold"), ..with() }),
        ("side", "unknown_word", OrderFields { side: Word::side(9), ..with() }),
        ("type", "missing_field", OrderFields { order_type: Word::Absent, ..with() }),
        ("type", "unknown_word", OrderFields { order_type: Word::Text("stop"), ..with() }),
        ("type", "unknown_word", OrderFields { order_type: Word::order_type(9), ..with() }),
        ("time_in_force", "unknown_word", OrderFields { time_in_force: Word::Text("gtx"), ..with() }),
        ("time_in_force", "unknown_word", OrderFields { time_in_force: Word::time_in_force(9), ..with() }),
        ("time_in_force", "not_for_market", OrderFields { time_in_force: Word::Text("fok"), ..market() }),
        ("expires_at", "missing_field", OrderFields { time_in_force: Word::Text("gtd"), ..with() }),
        ("expires_at", "only_for_gtd", OrderFields { expires_at: Word::Text("2030-01-01T00:00:00Z"), ..with() }),
        ("expires_at", "bad_instant", OrderFields { time_in_force: Word::Text("gtd"), expires_at: Word::Text("soon"), ..with() }),
        ("expires_at", "bad_instant", OrderFields { time_in_force: Word::Text("gtd"), expires_at: Word::Text("1970-01-01T00:00:00Z"), ..with() }),
        ("expires_at", "bad_instant", OrderFields { time_in_force: Word::Text("gtd"), expires_at: Word::Unknown, ..with() }),
        ("stop_price", "missing_field", OrderFields { order_type: Word::Text("stop_loss_limit"), ..with() }),
        ("stop_price", "only_for_stops", OrderFields { stop_price: Some("5"), ..with() }),
        ("stop_price", "only_for_stops", OrderFields { stop_price: Some("5"), ..market() }),
        ("stop_price", "off_grid", OrderFields { order_type: Word::Text("take_profit"), price: None, stop_price: Some("5.001"), ..with() }),
        ("price", "not_for_market", OrderFields { order_type: Word::Text("stop_loss"), stop_price: Some("5"), ..with() }),
        ("price", "missing_field", OrderFields { order_type: Word::Text("stop_loss_limit"), price: None, stop_price: Some("5"), ..with() }),
        ("time_in_force", "not_for_stops", OrderFields { order_type: Word::Text("stop_loss_limit"), stop_price: Some("5"), time_in_force: Word::Text("day"), ..with() }),
        ("time_in_force", "not_for_market", OrderFields { order_type: Word::Text("stop_loss"), price: None, stop_price: Some("5"), time_in_force: Word::Text("gtc"), ..with() }),
        ("post_only", "not_for_stops", OrderFields { order_type: Word::Text("stop_loss_limit"), stop_price: Some("5"), post_only: true, ..with() }),
        ("quote_quantity", "not_for_stops", OrderFields { order_type: Word::Text("stop_loss"), price: None, quantity: None, quote_quantity: Some("5"), stop_price: Some("5"), ..with() }),
        ("post_only", "not_for_market", OrderFields { post_only: true, ..market() }),
        ("post_only", "never_rests", OrderFields { post_only: true, time_in_force: Word::Text("ioc"), ..with() }),
        ("post_only", "never_rests", OrderFields { post_only: true, time_in_force: Word::Text("fok"), ..with() }),
        ("self_trade_prevention", "unknown_word", OrderFields { self_trade_prevention: Word::Text("cancel"), ..with() }),
        ("self_trade_prevention", "unknown_word", OrderFields { self_trade_prevention: Word::self_trade_prevention(9), ..with() }),
        ("time_in_force", "not_for_market", OrderFields { time_in_force: Word::Text("gtc"), ..market() }),
        ("price", "missing_field", OrderFields { price: None, ..with() }),
        ("price", "not_for_market", OrderFields { price: Some("1"), ..market() }),
        ("price", "off_grid", OrderFields { price: Some("100.001"), ..with() }),
        ("price", "zero", OrderFields { price: Some("0"), ..with() }),
        ("price", "zero", OrderFields { price: Some("0.00"), ..with() }),
        ("price", "bad_number", OrderFields { price: Some("-1"), ..with() }),
        ("price", "bad_number", OrderFields { price: Some("NaN"), ..with() }),
        ("price", "bad_number", OrderFields { price: Some("1e3"), ..with() }),
        ("price", "bad_number", OrderFields { price: Some(""), ..with() }),
        ("price", "bad_number", OrderFields { price: Some(&digits), ..with() }),
        ("price", "too_large", OrderFields { price: Some("99999999999"), ..with() }),
        ("quantity", "missing_field", OrderFields { quantity: None, ..with() }),
        ("quantity", "missing_field", OrderFields { quantity: None, ..market() }),
        ("quantity", "off_grid", OrderFields { quantity: Some("0.000001"), ..with() }),
        ("quantity", "zero", OrderFields { quantity: Some("0"), ..market() }),
        ("quote_quantity", "not_for_limit", OrderFields { quote_quantity: Some("1"), ..with() }),
        ("quote_quantity", "two_quantities", OrderFields { quote_quantity: Some("1"), ..market() }),
        ("quote_quantity", "zero", OrderFields { quantity: None, quote_quantity: Some("0"), ..market() }),
        ("client_order_id", "bad_key", OrderFields { client_order_id: Some(""), ..with() }),
        ("client_order_id", "bad_key", OrderFields { client_order_id: Some("a/b"), ..with() }),
        ("idempotency_key", "bad_key", OrderFields { client_order_id: None, idempotency_key: Some(&long), ..with() }),
    ];
    for (field, code, fields) in table {
        let problem = placed(&fields).expect_err(field);
        assert_eq!(problem.field.as_deref(), Some(field), "{problem}");
        assert_eq!(problem.code, code, "{problem}");
        assert_eq!(problem.kind.http_status(), 400, "{problem}");
        assert!(problem.message.starts_with(field), "{problem}");
    }
}

#[test]
fn the_ladder_tells_the_first_step_that_fails() {
    let nothing = OrderFields::default();
    let steps = ["client_id", "instrument", "side", "type", "price", "quantity"];
    let mut fields = nothing;
    for step in steps {
        let problem = placed(&fields).expect_err(step);
        assert_eq!(problem.field.as_deref(), Some(step));
        match step {
            "client_id" => fields.client_id = good().client_id,
            "instrument" => fields.instrument = good().instrument,
            "side" => fields.side = good().side,
            "type" => fields.order_type = good().order_type,
            "price" => fields.price = good().price,
            _ => fields.quantity = good().quantity,
        }
    }
    assert!(placed(&fields).is_ok());
}

#[test]
fn what_is_not_said_has_its_default() {
    let limit = placed(&good()).expect("a good order");
    assert_eq!(limit.order.time_in_force, TimeInForce::Gtc);
    assert_eq!(limit.order.key.space, KeySpace::ClientOrderId);
    let market = placed(&market()).expect("a good order");
    assert_eq!(market.order.time_in_force, TimeInForce::Ioc);
    let anonymous = placed(&OrderFields { client_order_id: None, ..good() }).expect("a good order");
    assert_eq!(anonymous.order.key, generated());
    let keyed = OrderFields { client_order_id: None, idempotency_key: Some("k"), ..good() };
    assert_eq!(placed(&keyed).expect("good").order.key.space, KeySpace::IdempotencyKey);
}

#[test]
fn what_else_an_order_says_is_read() {
    let said = |fields: &OrderFields<'_>| placed(fields).expect("a good order").order;
    let until = OrderFields {
        time_in_force: Word::Text("GTD"),
        expires_at: Word::Text("2030-01-01T01:00:00+01:00"),
        post_only: true,
        self_trade_prevention: Word::Text("Expire_Maker"),
        ..good()
    };
    let order = said(&until);
    assert_eq!(order.time_in_force, TimeInForce::Gtd);
    let midnight = Timestamp::from_unix_nanos(1_893_456_000_000_000_000);
    let expected = Instructions {
        post_only: true,
        self_trade: SelfTradePrevention::ExpireMaker,
        expires_at: Some(midnight),
        ..Instructions::default()
    };
    assert_eq!(order.instructions, expected);
    let wire = prost_types::Timestamp { seconds: 1_893_456_000, nanos: 0 };
    let by_grpc = OrderFields {
        time_in_force: Word::time_in_force(4),
        expires_at: Word::instant(Some(&wire)),
        self_trade_prevention: Word::self_trade_prevention(3),
        ..until
    };
    assert_eq!(said(&by_grpc), order);
    for (word, time_in_force) in [("fok", TimeInForce::Fok), ("day", TimeInForce::Day)] {
        let fields = OrderFields { time_in_force: Word::Text(word), ..good() };
        assert_eq!(said(&fields).time_in_force, time_in_force);
    }
    assert!(said(&good()).instructions.is_plain());
}

#[test]
fn a_stop_has_a_type_and_a_price() {
    let types = [
        ("stop_loss", TriggerKind::StopLoss, 3),
        ("Stop_Loss_Limit", TriggerKind::StopLoss, 4),
        ("take_profit", TriggerKind::TakeProfit, 5),
        ("take_profit_limit", TriggerKind::TakeProfit, 6),
    ];
    for (word, kind, wire) in types {
        let price = if wire % 2 == 0 { good().price } else { None };
        let fields =
            OrderFields { order_type: Word::Text(word), price, stop_price: Some("99.5"), ..good() };
        let order = placed(&fields).expect("a good order").order;
        let trigger = order.instructions.trigger.expect("it sleeps");
        assert_eq!((trigger.kind, trigger.price.ticks()), (kind, 9_950));
        let by_grpc = OrderFields { order_type: Word::order_type(wire), ..fields };
        assert_eq!(placed(&by_grpc).expect("a good order").order, order);
    }
}

#[test]
fn what_trails_has_a_turn_and_may_have_a_price_to_begin_at() {
    let fields = OrderFields {
        order_type: Word::Text("take_profit"),
        price: None,
        trailing_delta_bps: Word::Text("250"),
        ..good()
    };
    let order = placed(&fields).expect("a good order").order;
    let trailing = Trailing::new(TriggerKind::TakeProfit, 250);
    assert_eq!((order.instructions.trigger, order.instructions.trailing), (None, trailing));
    assert_eq!(order.order_type(), OrderType::TakeProfit);
    let from = OrderFields {
        stop_price: Some("99.5"),
        trailing_delta_bps: Word::basis_points(250),
        ..fields
    };
    let order = placed(&from).expect("a good order").order;
    assert_eq!(order.instructions.trailing, trailing);
    assert_eq!(order.instructions.trigger.expect("it has one").price.ticks(), 9_950);
    let limit = OrderFields { order_type: Word::Text("limit"), ..good() };
    let table = [
        ("only_for_stops", OrderFields { trailing_delta_bps: Word::Text("1"), ..limit }),
        ("out_of_range", OrderFields { trailing_delta_bps: Word::Text("0"), ..fields }),
        ("out_of_range", OrderFields { trailing_delta_bps: Word::Known(10_000), ..fields }),
        ("bad_number", OrderFields { trailing_delta_bps: Word::Text("1.5"), ..fields }),
        ("bad_number", OrderFields { trailing_delta_bps: Word::Text("+1"), ..fields }),
        ("bad_number", OrderFields { trailing_delta_bps: Word::Text("99999999999"), ..fields }),
    ];
    for (code, fields) in table {
        let problem = placed(&fields).expect_err(code);
        assert_eq!((problem.field.as_deref(), problem.code), (Some("trailing_delta_bps"), code));
    }
    let by_amount = OrderFields { quantity: None, quote_quantity: Some("5"), ..fields };
    let problem = placed(&by_amount).expect_err("it is a stop");
    assert_eq!(problem.field.as_deref(), Some("quote_quantity"));
}

#[test]
fn a_group_is_a_number_that_every_client_can_write() {
    assert_eq!(trade_group(Some("0")).expect("none"), None);
    assert_eq!(trade_group(Some("9007199254740991")).expect("the last"), Some((1 << 53) - 1));
    for bad in [None, Some(""), Some("-1"), Some("1.5"), Some("9007199254740992"), Some("ten")] {
        let problem = trade_group(bad).expect_err("no group");
        assert_eq!(problem.field.as_deref(), Some("trade_group_id"));
    }
}

#[test]
fn an_iceberg_is_a_gtc_limit_order_that_shows_no_more_than_it_has() {
    let fields = OrderFields { display_quantity: good().quantity, ..good() };
    let order = placed(&fields).expect("a good order").order;
    let Ask::Limit { quantity, .. } = order.ask else { panic!("it is a limit order") };
    assert_eq!(order.instructions.display, Some(quantity));
    let stop = OrderFields {
        order_type: Word::Text("stop_loss_limit"),
        stop_price: Some("99.5"),
        post_only: false,
        ..fields
    };
    assert!(placed(&stop).expect("a good order").order.instructions.display.is_some());
    let table = [
        ("only_for_gtc", OrderFields { time_in_force: Word::Text("ioc"), ..fields }),
        ("only_for_gtc", OrderFields { time_in_force: Word::Text("day"), ..fields }),
        ("not_for_market", OrderFields { display_quantity: Some("0.5"), ..market() }),
        ("exceeds_quantity", OrderFields { display_quantity: Some("5000"), ..fields }),
        ("zero", OrderFields { display_quantity: Some("0"), ..fields }),
        ("bad_number", OrderFields { display_quantity: Some("some"), ..fields }),
    ];
    for (code, fields) in table {
        let problem = placed(&fields).expect_err(code);
        assert_eq!((problem.field.as_deref(), problem.code), (Some("display_quantity"), code));
    }
}

#[test]
fn words_are_read_in_any_case_and_from_numbers() {
    let fields = OrderFields {
        side: Word::Text("SELL"),
        order_type: Word::order_type(2),
        time_in_force: Word::Text("Ioc"),
        ..market()
    };
    let placed = placed(&fields).expect("a good order");
    assert_eq!(placed.order.side, Side::Sell);
    assert_eq!(placed.order.ask.order_type(), OrderType::Market);
}

#[test]
fn a_market_order_by_quote_amount_is_exact() {
    let fields = OrderFields { quantity: None, quote_quantity: Some("0.00000001"), ..market() };
    let Ask::MarketByQuote { amount } = placed(&fields).expect("a good order").order.ask else {
        panic!("it asks by quote amount");
    };
    assert_eq!(amount.units(), 1);
}

#[test]
fn movements_name_their_field() {
    let catalogue = Catalogue::of(&bodies());
    let good = MovementFields {
        client_id: Some("alice"),
        asset: Some("USDT"),
        amount: Some("12.5"),
        id: Some("d-1"),
        id_field: "deposit_id",
    };
    let (account, moved) = movement(&good, &catalogue).expect("a good movement");
    assert_eq!((account.as_str(), moved.amount.units()), ("alice", 1_250_000_000));
    let digits = "1".repeat(39);
    let table = [
        ("client_id", MovementFields { client_id: None, ..good }),
        ("asset", MovementFields { asset: None, ..good }),
        ("asset", MovementFields { asset: Some("EUR"), ..good }),
        ("amount", MovementFields { amount: None, ..good }),
        ("amount", MovementFields { amount: Some("0"), ..good }),
        ("amount", MovementFields { amount: Some("-5"), ..good }),
        ("amount", MovementFields { amount: Some("0.000000001"), ..good }),
        ("amount", MovementFields { amount: Some(&digits), ..good }),
        ("deposit_id", MovementFields { id: None, ..good }),
        ("deposit_id", MovementFields { id: Some("a b"), ..good }),
    ];
    for (field, fields) in table {
        let problem = movement(&fields, &catalogue).expect_err(field);
        assert_eq!(problem.field.as_deref(), Some(field), "{problem}");
    }
}

#[test]
fn order_ids_are_plain_numbers() {
    for bad in ["", "-1", "+1", "1.5", "abc", "9007199254740992", "99999999999999999999999"] {
        assert_eq!(order_id(bad).expect_err(bad).field.as_deref(), Some("id"));
    }
    assert_eq!(order_id("7").expect("good").number(), 7);
}
