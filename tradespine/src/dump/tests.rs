//! One of each kind in words, and the way from a log to lines.

use bytes::Bytes;
use clap::Parser;
use model::{RequestId, Timestamp};
use proto::{
    log::{self, event, input, outcome},
    reference::{
        AssetListing, InstrumentListing, ListingFilters, PriceBand, ReferenceBody,
        reference_body::Body,
    },
    trading,
};
use spine::{
    Chain, Record,
    answer::{Preamble, write},
    log::{WriterRole, append_blocking, memory::MemoryLog},
};

use super::*;

fn stored(value: Bytes) -> Stored {
    Stored { offset: 7, appended_at: Timestamp::EPOCH, record: Record::of(value) }
}

fn input_words(kind: input::Kind) -> String {
    words(Topic::Orders, &stored(log::Input { kind: Some(kind) }.encode_to_vec().into()))
}

fn client(command: log::client_command::Command) -> String {
    let stamp = log::Stamp {
        request_id_high: 0,
        request_id_low: 255,
        valid_until_unix_nanos: 1_000_000_000,
    };
    let account = "alice".to_owned();
    let words = input_words(input::Kind::Client(log::ClientCommand {
        stamp: Some(stamp),
        account,
        command: Some(command),
    }));
    let suffix =
        " request=000000000000000000000000000000ff valid_until=1970-01-01T00:00:01.000000Z";
    words.strip_suffix(suffix).unwrap_or_else(|| panic!("no stamp in {words}")).to_owned()
}

fn answer_words(kind: outcome::Kind, events: Vec<event::Kind>) -> String {
    let body = log::AnswerBody {
        outcome: Some(log::Outcome { kind: Some(kind) }),
        events: events.into_iter().map(|kind| log::Event { kind: Some(kind) }).collect(),
        balances: vec![log::Balance::default(); 2],
        accounts: vec!["alice".to_owned(), "bob".to_owned()],
        ..Default::default()
    };
    let preamble = Preamble {
        out_seq: 5,
        in_offset: 4,
        epoch: 2,
        behaviour: 1,
        input_hash: Chain([1; 16]),
        prev_chain: Chain([2; 16]),
        now: Timestamp::EPOCH,
        request_id: RequestId(0),
    };
    let (value, chain) = write(&preamble, &body.into());
    let words = words(Topic::Events, &stored(value));
    let prefix = format!("answer 5 to offset 4 epoch 2 chain {chain}: ");
    let words = words.strip_prefix(&prefix).unwrap_or_else(|| panic!("no preamble in {words}"));
    words.strip_suffix("; balances 2").unwrap_or_else(|| panic!("no count in {words}")).to_owned()
}

fn event_words(kind: event::Kind) -> String {
    let words = answer_words(outcome::Kind::Applied(log::Applied {}), vec![kind]);
    words.strip_prefix("applied; ").unwrap_or_else(|| panic!("no outcome in {words}")).to_owned()
}

#[test]
fn control() {
    use input::Kind::{Genesis, Quarantine, TakeOver, Tick, Upgrade};
    let genesis = log::Genesis {
        log_id: vec![0xab; 16],
        partition_count: 3,
        sandbox: true,
        key_retention_nanos: 86_400_000_000_000,
        behaviour: 2,
    };
    let founded = "genesis: log abababababababababababababababab, partitions 3, sandbox, keys are \
                   kept 86400 s, behaviour 2";
    assert_eq!(input_words(Genesis(genesis.clone())), founded);
    assert_eq!(event_words(event::Kind::Founded(genesis)), founded);
    assert_eq!(input_words(Tick(log::Tick {})), "tick");
    assert_eq!(
        input_words(TakeOver(log::TakeOver { expect_epoch: 3, incarnation: 255 })),
        "take-over: expects epoch 3, incarnation 00000000000000ff"
    );
    assert_eq!(
        input_words(Quarantine(log::Quarantine { offset: 9, reason: "it panics".to_owned() })),
        "quarantine of offset 9: it panics"
    );
    assert_eq!(
        input_words(Upgrade(log::Upgrade { behaviour: 2, by: None })),
        "upgrade to behaviour 2"
    );
    let by = Some(log::Operator { name: "olga".to_owned(), stamp: Some(log::Stamp::default()) });
    let upgrade = log::Upgrade { behaviour: 2, by: by.clone() };
    assert_eq!(input_words(Upgrade(upgrade)), "upgrade to behaviour 2, says olga");
    let asset = AssetListing { id: 3, code: "BTC".to_owned(), ..Default::default() };
    let body = Some(ReferenceBody { body: Some(Body::Asset(asset)) });
    let record = ReferenceRecord { key: "asset/3".to_owned(), version: 2, body };
    let command = Some(log::operator_command::Command::ChangeReference(record));
    let said = log::OperatorCommand { by, command };
    assert_eq!(
        input_words(input::Kind::Operator(said)),
        "reference asset/3 version 2: asset 3 BTC, 0 decimals, grant 0, says olga"
    );
}

#[test]
fn links() {
    let amount = |units| Some(log::Amount { units, units_high: 0 });
    let item = |kind| log::LinkItem { account: "bob".to_owned(), asset_id: 3, kind: Some(kind) };
    use log::link_item::Kind::{Asked, Granted, Recalled, Returned};
    let items = vec![
        item(Asked(log::FundsAsked { wanted: amount(9), least: amount(1) })),
        item(Recalled(log::FundsRecalled { wanted: amount(8) })),
        item(Returned(log::FundsReturned { amount: amount(7) })),
        item(Granted(log::FundsGranted { amount: amount(0) })),
        log::LinkItem::default(),
    ];
    let run = log::LinkRun { source: 2, first_link_seq: 4, items: items.clone(), taken: 6 };
    let words = "run from shard 2, which has taken 6; item 4: bob asset 3, asks for 9 units, at \
                 least 1; item 5: bob asset 3, recalls 8 units; item 6: bob asset 3, returns 7 \
                 units; item 7: bob asset 3, grants 0 units; item 8: malformed item: account is \
                 missing or out of range";
    assert_eq!(input_words(input::Kind::LinkRun(run)), words);
    let gap = outcome::Kind::Gap(log::Gap { expected: 5 });
    assert_eq!(answer_words(gap, vec![]), "a gap: item 5 is due");
    let decided = log::WithdrawalDecided {
        record_id: 9,
        account: 1,
        outcome: Some(log::Outcome { kind: Some(outcome::Kind::Applied(log::Applied {})) }),
    };
    assert_eq!(
        event_words(event::Kind::WithdrawalDecided(decided)),
        "withdrawal 9 of bob: applied"
    );
    let sent = log::LinkSent { destination: 1, link_seq: 3, item: items.into_iter().next() };
    let progress = log::LinkProgress { partition: 2, taken: 7, acknowledged: 8, repeated: 0 };
    let body = log::AnswerBody {
        links_sent: vec![sent],
        link_progress: vec![progress],
        ..Default::default()
    };
    assert_eq!(
        links_words(body),
        "no outcome; sends shard 1 item 3: bob asset 3, asks for 9 units, at least 1; shard 2: 7 \
         taken from it, 8 taken by it"
    );
}

/// The words of an answer of this body.
fn links_words(body: log::AnswerBody) -> String {
    let chain = spine::Chain::default();
    let preamble = Preamble {
        out_seq: 5,
        in_offset: 4,
        epoch: 2,
        behaviour: 1,
        input_hash: chain,
        prev_chain: chain,
        now: Timestamp::EPOCH,
        request_id: RequestId(0),
    };
    let (value, _) = write(&preamble, &body.into());
    let words = words(Topic::Events, &stored(value));
    words.split_once(": ").unwrap_or_else(|| panic!("no preamble in {words}")).1.to_owned()
}

#[test]
fn listings() {
    let record = |body| ReferenceRecord {
        key: "asset/3".to_owned(),
        version: 1,
        body: Some(ReferenceBody { body: Some(body) }),
    };
    let asset = record(Body::Asset(AssetListing {
        id: 3,
        code: "BTC".to_owned(),
        decimals: 8,
        sandbox_grant_units: 1_000,
    }));
    let words_of_asset = "reference asset/3 version 1: asset 3 BTC, 8 decimals, grant 1000";
    assert_eq!(input_words(input::Kind::ReferenceChanged(asset.clone())), words_of_asset);
    assert_eq!(words(Topic::Reference, &stored(asset.encode_to_vec().into())), words_of_asset);
    let instrument = record(Body::Instrument(InstrumentListing {
        id: 11,
        base_asset_id: 3,
        quote_asset_id: 2,
        tick_size_units: 10,
        lot_size_units: 20,
        price_protection_bps: 500,
        partition: 1,
        ..Default::default()
    }));
    assert_eq!(
        event_words(event::Kind::ReferenceApplied(instrument)),
        "reference asset/3 version 1: instrument 11 of assets 3/2, tick 10, lot 20, protection 500 \
         bps, partition 1"
    );
    let charging = record(Body::Instrument(InstrumentListing {
        id: 11,
        maker_fee_millionths: -5,
        taker_fee_millionths: 20,
        ..Default::default()
    }));
    assert!(
        event_words(event::Kind::ReferenceApplied(charging))
            .ends_with(", fees -5 maker and 20 taker millionths in the quote asset")
    );
    let banding = record(Body::Instrument(InstrumentListing {
        price_band: Some(PriceBand { width_bps: 500, reference_secs: 60, auction_secs: 120 }),
        ..Default::default()
    }));
    assert!(
        event_words(event::Kind::ReferenceApplied(banding))
            .ends_with(", stops for 120 s beyond 500 bps of a price of the last 60 s")
    );
    let filters = ListingFilters {
        min_price_ticks: 5,
        quantity_step_lots: 10,
        max_notional: Some(log::Amount { units: 70, units_high: 0 }),
        max_notional_on_market: true,
        bid_multiplier_up: 12_000,
        max_orders: 9,
        min_trailing_below_bps: 3,
        ..Default::default()
    };
    let filtering = record(Body::Instrument(InstrumentListing {
        id: 11,
        filters: Some(filters),
        ..Default::default()
    }));
    let words = event_words(event::Kind::ReferenceApplied(filtering));
    let expected = ", takes price 5 to any in steps of 1 ticks, lot 0 to any in steps of 10 lots, \
                    notional to 70 of market orders too, bids to 12000 ten-thousandths, orders \
                    to 9, trailing below from 3 bps";
    assert!(words.ends_with(expected), "{words}");
}

#[test]
fn commands() {
    use log::client_command::Command::{
        Amend, Cancel, CancelAfter, CancelAll, CancelMatching, CancelNamed, Deposit, Place,
        Replace, Withdrawal,
    };
    let limit = log::PlaceOrder {
        key_space: log::KeySpace::ClientOrderId.into(),
        key: "a-1".to_owned(),
        instrument_id: 11,
        side: trading::Side::Buy.into(),
        r#type: trading::OrderType::Limit.into(),
        time_in_force: trading::TimeInForce::Gtc.into(),
        price_ticks: 345,
        quantity_lots: 12,
        quote_quantity: None,
        instructions: None,
    };
    assert_eq!(
        client(Place(limit.clone())),
        "place alice instrument 11 buy limit gtc 12 lots @ 345 ticks client_order_id=a-1"
    );
    let gtd = log::PlaceOrder {
        time_in_force: trading::TimeInForce::Gtd.into(),
        instructions: Some(log::Instructions {
            self_trade_prevention: trading::SelfTradePrevention::ExpireBoth.into(),
            expires_at_unix_nanos: 1_000_000_000,
            ..Default::default()
        }),
        ..limit.clone()
    };
    assert_eq!(
        client(Place(gtd)),
        "place alice instrument 11 buy limit gtd 12 lots @ 345 ticks expire_both, until \
         1970-01-01T00:00:01.000000Z client_order_id=a-1"
    );
    let by_quote = log::PlaceOrder {
        r#type: trading::OrderType::Market.into(),
        time_in_force: trading::TimeInForce::Ioc.into(),
        price_ticks: 0,
        quantity_lots: 0,
        quote_quantity: Some(log::Amount { units: 100, units_high: 0 }),
        ..limit.clone()
    };
    assert_eq!(
        client(Place(by_quote)),
        "place alice instrument 11 buy market ioc 100 units of quote client_order_id=a-1"
    );
    assert_eq!(client(Cancel(log::CancelOrder { order_id: 42 })), "cancel alice order 42");
    assert_eq!(client(CancelAll(log::CancelAllOrders { instrument_id: 0 })), "cancel-all alice");
    assert_eq!(
        client(CancelAll(log::CancelAllOrders { instrument_id: 11 })),
        "cancel-all alice instrument 11"
    );
    let both = || {
        let (order_id, client_order_id) = (42, "a-1".to_owned());
        Some(log::OrderName { order_id, client_order_id, instrument_id: 0 })
    };
    assert_eq!(
        client(Amend(log::AmendOrder { order: both(), quantity_lots: 7 })),
        "amend alice order 42 client_order_id=a-1 to 7 lots"
    );
    assert_eq!(
        client(CancelNamed(log::CancelNamedOrder { order: both(), only: 1 })),
        "cancel alice order 42 client_order_id=a-1, only if new"
    );
    let place = Some(limit.clone());
    assert_eq!(
        client(Replace(log::ReplaceOrder { replaced: both(), mode: 1, place: place.clone() })),
        "replace alice order 42 client_order_id=a-1 by instrument 11 buy limit gtc 12 lots @ 345 \
         ticks client_order_id=a-1"
    );
    assert_eq!(
        client(Replace(log::ReplaceOrder { replaced: both(), mode: 2, place })),
        "replace alice order 42 client_order_id=a-1, open or not, by instrument 11 buy limit gtc \
         12 lots @ 345 ticks client_order_id=a-1"
    );
    let after = log::CancelAfter { instrument_id: 11, timeout_seconds: 30, ..Default::default() };
    assert_eq!(client(CancelAfter(after)), "cancel-after alice instrument 11 30 s");
    let some = log::CancelMatchingOrders {
        instrument_id: 11,
        side: trading::Side::Sell.into(),
        price_from_ticks: 5,
        price_to_ticks: 7,
    };
    assert_eq!(
        client(CancelMatching(some)),
        "cancel-all alice instrument 11 sell from 5 ticks to 7 ticks"
    );
    let amount = Some(log::Amount { units: 5, units_high: 0 });
    let deposit = log::Deposit { asset_id: 3, amount, deposit_id: "d".to_owned() };
    assert_eq!(client(Deposit(deposit)), "deposit alice asset 3 5 units id=d");
    let withdrawal = log::Withdrawal { asset_id: 3, amount, withdrawal_id: "w".to_owned() };
    assert_eq!(client(Withdrawal(withdrawal)), "withdraw alice asset 3 5 units id=w");
    let malformed = log::ClientCommand {
        stamp: Some(log::Stamp::default()),
        account: "alice".to_owned(),
        command: Some(Place(log::PlaceOrder { side: 9, ..limit })),
    };
    assert_eq!(
        input_words(input::Kind::Client(malformed)),
        "malformed command: side is missing or out of range"
    );
}

#[test]
fn outcomes() {
    let of = |kind| answer_words(kind, Vec::new());
    let late = log::RefusalReason::Late.into();
    assert_eq!(of(outcome::Kind::Applied(log::Applied {})), "applied");
    assert_eq!(of(outcome::Kind::Refused(log::Refused { reason: late })), "refused late");
    assert_eq!(of(outcome::Kind::Refused(log::Refused { reason: 99 })), "refused reason 99");
    let duplicate =
        |original_order_id| outcome::Kind::Duplicate(log::Duplicate { original_order_id });
    assert_eq!(of(duplicate(3)), "duplicate of order 3");
    assert_eq!(of(duplicate(0)), "duplicate");
    assert_eq!(of(outcome::Kind::Stale(log::Stale {})), "stale");
    let poison = log::Poison { reason: "account is missing".to_owned() };
    assert_eq!(of(outcome::Kind::Poison(poison)), "poison (account is missing)");
}

#[test]
fn events_of_orders() {
    let terms = log::OrderTerms {
        account: 1,
        key_space: log::KeySpace::Generated.into(),
        key: "k".to_owned(),
        instrument_id: 11,
        side: trading::Side::Sell.into(),
        r#type: trading::OrderType::Limit.into(),
        time_in_force: trading::TimeInForce::Ioc.into(),
        price_ticks: 345,
        quantity_lots: 12,
        quote_quantity: None,
        instructions: None,
        replaces: false,
    };
    let told = "bob instrument 11 sell limit ioc 12 lots @ 345 ticks generated_key=k";
    let placed = log::OrderPlaced { terms: Some(terms.clone()), ..Default::default() };
    assert_eq!(event_words(event::Kind::OrderPlaced(placed)), format!("placed {told}"));
    let listed = log::ListedOrders {
        contingency: trading::Contingency::Oco.into(),
        orders: vec![terms.clone(), terms.clone()],
    };
    let list = log::OrderListPlaced { listed: Some(listed.clone()), ..Default::default() };
    let told_list = format!("oco list: {told}; {told}");
    assert_eq!(event_words(event::Kind::ListPlaced(list)), format!("placed {told_list}"));
    let list = log::OrderListRejected {
        listed: Some(listed.clone()),
        reason: log::RefusalReason::ListPrices.into(),
        list_id: 9,
    };
    assert_eq!(
        event_words(event::Kind::ListRejected(list)),
        format!("rejected parked order 9: {told_list} for list_prices")
    );
    let list = log::OrderListParked { listed: Some(listed) };
    assert_eq!(event_words(event::Kind::ListParked(list)), format!("parked {told_list}"));
    let goes_on = log::PendingPlaced { order_id: 5, account: 1, ..Default::default() };
    assert_eq!(event_words(event::Kind::PendingPlaced(goes_on)), "order 5 of bob goes on");
    let status = log::ListStatus {
        list_id: 9,
        account: 1,
        instrument_id: 11,
        status: trading::OrderListStatus::AllDone.into(),
    };
    assert_eq!(event_words(event::Kind::ListStatus(status)), "list 9 of bob is all_done");
    let instead = log::OrderPlaced {
        terms: Some(log::OrderTerms { replaces: true, ..terms.clone() }),
        replaced_order_id: 4,
        ..Default::default()
    };
    assert_eq!(
        event_words(event::Kind::OrderPlaced(instead)),
        format!("placed instead of order 4: {told}")
    );
    let rejected = log::OrderRejected {
        terms: Some(terms.clone()),
        reason: log::RefusalReason::InsufficientFunds.into(),
        order_id: 0,
    };
    let told_more = log::OrderPlaced {
        terms: Some(log::OrderTerms {
            time_in_force: trading::TimeInForce::Day.into(),
            instructions: Some(log::Instructions {
                post_only: true,
                self_trade_prevention: trading::SelfTradePrevention::ExpireMaker.into(),
                trigger: log::TriggerKind::StopLoss.into(),
                trigger_price_ticks: 7,
                display_lots: 3,
                trailing_delta_bps: 50,
                ..Default::default()
            }),
            ..terms
        }),
        expires_at_unix_nanos: 86_400_000_000_000,
        ..Default::default()
    };
    assert_eq!(
        event_words(event::Kind::OrderPlaced(told_more)),
        "placed bob instrument 11 sell limit day 12 lots @ 345 ticks post-only expire_maker \
         stop-loss @ 7 ticks trailing 50 bps showing 3 lots generated_key=k, until 1970-01-02T00:00:00.000000Z"
    );
    let refilled = log::OrderRefilled { order_id: 5, account: 1, shown_lots: 2, instrument_id: 11 };
    assert_eq!(
        event_words(event::Kind::OrderRefilled(refilled)),
        "order 5 of bob shows its next 2 lots"
    );
    let set = |group| event::Kind::TradeGroupSet(log::TradeGroupSet { account: 1, group });
    assert_eq!(event_words(set(7)), "bob is in trade group 7");
    assert_eq!(event_words(set(0)), "bob is in no trade group");
    let woken = log::OrderTriggered { order_id: 5, account: 1, instrument_id: 11 };
    assert_eq!(event_words(event::Kind::OrderTriggered(woken)), "order 5 of bob wakes");
    let amended = log::OrderAmended {
        order_id: 5,
        account: 1,
        quantity_lots: 9,
        remaining_lots: 4,
        ..Default::default()
    };
    assert_eq!(
        event_words(event::Kind::OrderAmended(amended)),
        "order 5 of bob amended to 9 lots, 4 left"
    );
    let set = |cancels_at_unix_nanos| {
        event_words(event::Kind::CancelAfterSet(log::CancelAfterSet {
            account: 1,
            instrument_id: 11,
            cancels_at_unix_nanos,
            ..Default::default()
        }))
    };
    assert_eq!(
        set(1_000_000_000),
        "orders of bob in instrument 11 end at 1970-01-01T00:00:01.000000Z"
    );
    assert_eq!(set(0), "orders of bob in instrument 11 end no longer by themselves");
    let state = trading::MarketState::CancelOnly.into();
    let changed =
        log::MarketStateChanged { instrument_id: 11, state, sequence: 7, opens_at_unix_nanos: 0 };
    assert_eq!(
        event_words(event::Kind::MarketStateChanged(changed)),
        "the market of instrument 11 is cancel_only after depth 7"
    );
    let state = trading::MarketState::VolatilityAuction.into();
    let stopped = log::MarketStateChanged { state, opens_at_unix_nanos: 1_000_000_000, ..changed };
    assert_eq!(
        event_words(event::Kind::MarketStateChanged(stopped)),
        "the market of instrument 11 is volatility_auction until 1970-01-01T00:00:01.000000Z after \
         depth 7"
    );
    let indicated = log::AuctionIndicated {
        instrument_id: 11,
        sequence: 7,
        price_ticks: 345,
        volume_lots: 20,
        imbalance_lots: 3,
        imbalance_side: trading::Side::Sell.into(),
    };
    assert_eq!(
        event_words(event::Kind::AuctionIndicated(indicated)),
        "in an auction of instrument 11 20 lots would trade @ 345 ticks, 3 more would be sold"
    );
    let nothing = log::AuctionIndicated { price_ticks: 0, ..indicated };
    assert_eq!(
        event_words(event::Kind::AuctionIndicated(nothing)),
        "in an auction of instrument 11 nothing would trade"
    );
    let met = log::TradePrevented {
        instrument_id: 11,
        number: 3,
        price_ticks: 345,
        mode: trading::SelfTradePrevention::Decrement.into(),
        maker_order_id: 5,
        taker_order_id: 6,
        maker_account: 1,
        taker_account: 1,
        maker_prevented_lots: 2,
        maker_remaining_lots: 0,
        taker_prevented_lots: 2,
        taker_remaining_lots: 7,
        taker_side: trading::Side::Buy.into(),
        ..Default::default()
    };
    assert_eq!(
        event_words(event::Kind::TradePrevented(met)),
        "prevented trade 3 of instrument 11 @ 345 ticks by decrement: taker buy order 6 of bob \
         loses 2 lots (7 left), maker order 5 of bob loses 2 lots (0 left)"
    );
    let after_a_wait = log::OrderRejected { order_id: 9, ..rejected.clone() };
    assert_eq!(
        event_words(event::Kind::OrderRejected(rejected)),
        format!("rejected {told} for insufficient_funds")
    );
    assert_eq!(
        event_words(event::Kind::OrderRejected(after_a_wait)),
        format!("rejected parked order 9: {told} for insufficient_funds")
    );
    let ended = log::OrderEnded {
        order_id: 4,
        account: 1,
        instrument_id: 11,
        reason: log::EndReason::ImmediateOrCancel.into(),
        remaining_lots: 2,
    };
    assert_eq!(
        event_words(event::Kind::OrderEnded(ended)),
        "order 4 of bob ended: immediate_or_cancel, 2 lots left"
    );
}

#[test]
fn events_of_books_and_owners() {
    let trade = log::TradeExecuted {
        instrument_id: 11,
        trade_id: 17,
        price_ticks: 345,
        quantity_lots: 10,
        maker_order_id: 3,
        taker_order_id: 4,
        maker_account: 0,
        taker_account: 1,
        maker_remaining_lots: 5,
        taker_remaining_lots: 2,
        taker_side: trading::Side::Sell.into(),
        ..Default::default()
    };
    assert_eq!(
        event_words(event::Kind::Trade(trade)),
        "trade 17 of instrument 11: 10 lots @ 345 ticks, taker sell order 4 of bob (2 lots left), \
         maker order 3 of alice (5 lots left)"
    );
    let units = |units| Some(log::Amount { units, units_high: 0 });
    let charged = log::TradeExecuted {
        maker_fee: units(-2),
        taker_fee: units(3),
        buyer_fee_in_base: true,
        ..trade
    };
    assert_eq!(
        event_words(event::Kind::Trade(charged)),
        "trade 17 of instrument 11: 10 lots @ 345 ticks, taker sell order 4 of bob (2 lots left) \
         pays 3 quote, maker order 3 of alice (5 lots left) gets 2 base"
    );
    let level = |price_ticks, total_lots| log::Level { price_ticks, total_lots };
    let changed = log::BookChanged {
        instrument_id: 11,
        sequence: 42,
        bids: vec![level(345, 5)],
        asks: vec![level(350, 0)],
    };
    assert_eq!(
        event_words(event::Kind::BookChanged(changed)),
        "book of instrument 11 change 42: bid 5 @ 345, ask @ 350 gone"
    );
    assert_eq!(
        event_words(event::Kind::TakenOver(log::TakenOver { epoch: 2, incarnation: 1 })),
        "epoch 2 begins, incarnation 0000000000000001"
    );
    let compacted = |account| event::Kind::AccountCompacted(log::AccountCompacted { account });
    assert_eq!(event_words(compacted(0)), "compacted alice");
    assert_eq!(event_words(compacted(9)), "compacted (unnamed account)");
}

#[test]
fn what_is_not_understood_is_said_so() {
    let bad = stored(Bytes::from_static(b"\xff\xff"));
    assert!(words(Topic::Orders, &bad).starts_with("not understood (2 bytes)"));
    assert!(words(Topic::Events, &bad).starts_with("not understood (2 bytes)"));
    assert_eq!(line(Topic::Events, &bad, true), "7  1970-01-01T00:00:00.000000Z  ffff");
    let mut letter = bad;
    letter.record.headers.push(header::DEAD_LETTER_PARTITION, "1");
    letter.record.headers.push(header::DEAD_LETTER_OFFSET, "12");
    letter.record.headers.push(header::DEAD_LETTER_REASON, "undecodable");
    let words = words(Topic::OrdersDeadLetters, &letter);
    assert!(
        words.starts_with("from partition 1 offset 12: undecodable; not understood"),
        "{words}"
    );
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    dump: DumpArguments,
}

fn dumped(log: &Arc<dyn Log>, line: &str) -> anyhow::Result<String> {
    let arguments = Line::try_parse_from(line.split_whitespace())?.dump;
    let mut out = Vec::new();
    dump(Arc::clone(log), &arguments, &mut out)?;
    Ok(String::from_utf8(out)?)
}

#[test]
fn a_partition_is_dumped_from_an_offset_up_to_a_limit() {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::new(2));
    let producer = log.producer(WriterRole::Shard).unwrap();
    let tick = log::Input { kind: Some(input::Kind::Tick(log::Tick {})) }.encode_to_vec();
    let place = Place::orders(Partition::new(1).unwrap());
    for _ in 0..5 {
        append_blocking(producer.as_ref(), place, Record::of(tick.clone())).unwrap();
    }
    let text = dumped(&log, "dump --topic orders --partition 1 --from 2 --limit 2").unwrap();
    let offsets: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(offsets, ["2", "3"]);
    assert!(text.lines().all(|line| line.ends_with("  tick")), "{text}");
    assert_eq!(dumped(&log, "dump --topic orders --partition 1").unwrap().lines().count(), 5);
    assert_eq!(dumped(&log, "dump --topic orders").unwrap(), "");
    assert!(dumped(&log, "dump --topic orders --partition 2").is_err());
    assert!(dumped(&log, "dump --topic orders --partition 1024").is_err());
    assert!(dumped(&log, "dump --topic orders --from 1").is_err());
}
