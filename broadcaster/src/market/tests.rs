use model::MarketState;
use proptest::prelude::*;
use prost::Message as _;
use proto::{
    log::event::Kind,
    reference::{ReferenceBody, reference_body},
    trading::{MarketState as WireState, Side as WireSide},
};
use spine::log::memory::MemoryLog;

use super::*;
use crate::fixture::{
    BTC_USDT, ETH_USDT, Flow, Shard, asset, depth, instrument, listed, listings, state, trade,
};

const BTC: InstrumentId = InstrumentId(BTC_USDT);

struct Folding {
    market: Market,
    shard: Shard,
}

impl Folding {
    fn new() -> Folding {
        let shard = Shard::new(&MemoryLog::new(1), 0);
        let mut folding = Folding { market: Market::default(), shard };
        folding.fold(listings()).expect("good listings");
        folding
    }

    fn fold(&mut self, events: Vec<Kind>) -> Result<Vec<Arc<Frame>>, MarketError> {
        let mut published = Vec::new();
        self.market.apply(&self.shard.answer(events).into(), &mut published)?;
        Ok(published)
    }

    fn texts(&mut self, events: Vec<Kind>) -> Vec<String> {
        let published = self.fold(events).expect("they fit");
        published.iter().map(|frame| frame.text().to_string()).collect()
    }
}

#[test]
fn frames_read_as_the_contract_says() {
    let mut folding = Folding::new();
    let texts = folding.texts(vec![
        depth(BTC_USDT, 1, &[(6_183_763, 50_000), (6_183_700, 1)], &[(6_183_800, 250_000)]),
        trade(BTC_USDT, 1, WireSide::Buy),
        trade(BTC_USDT, 2, WireSide::Sell),
        depth(ETH_USDT, 1, &[], &[]),
    ]);
    let golden = [
        r#"{"type":"trade","id":"BTC-USDT-1","instrument":"BTC-USDT","sequence":1,"price":"100.01","quantity":"0.5","buy_order_id":9,"sell_order_id":7,"taker_side":"buy","executed_at":"2024-08-08T23:54:13.937085Z"}"#,
        r#"{"type":"trade","id":"BTC-USDT-2","instrument":"BTC-USDT","sequence":2,"price":"100.02","quantity":"0.5","buy_order_id":7,"sell_order_id":9,"taker_side":"sell","executed_at":"2024-08-08T23:54:13.937085Z"}"#,
        r#"{"type":"depth","instrument":"BTC-USDT","first_sequence":1,"last_sequence":1,"bids":[["61837.63","0.5"],["61837","0.00001"]],"asks":[["61838","2.5"]]}"#,
        r#"{"type":"depth","instrument":"ETH-USDT","first_sequence":1,"last_sequence":1,"bids":[],"asks":[]}"#,
    ];
    assert_eq!(texts, golden, "trades first, then depth, each in its own order");

    let texts = folding.texts(vec![depth(BTC_USDT, 2, &[(6_183_763, 0)], &[(6_183_801, 7)])]);
    assert_eq!(
        texts,
        [
            r#"{"type":"depth","instrument":"BTC-USDT","first_sequence":2,"last_sequence":2,"bids":[["61837.63","0"]],"asks":[["61838.01","0.00007"]]}"#
        ]
    );
    let snapshot = folding.market.snapshot(BTC).expect("it is listed");
    assert_eq!(
        snapshot.text().as_str(),
        r#"{"type":"snapshot","instrument":"BTC-USDT","sequence":2,"bids":[["61837","0.00001"]],"asks":[["61838","2.5"],["61838.01","0.00007"]],"state":"trading"}"#
    );
    let listed = folding.market.listed(BTC).expect("it is listed");
    for (reason, word) in [(GapReason::TooSlow, "too_slow"), (GapReason::TooOld, "too_old")] {
        let gap = Frame::of(listed, Content::Gap { last_sequence: 17, reason });
        assert_eq!(
            gap.text().as_str(),
            format!(
                r#"{{"type":"gap","instrument":"BTC-USDT","last_sequence":17,"reason":"{word}"}}"#
            )
        );
    }
}

#[test]
fn order_ids_of_53_bits_and_totals_beyond_one_order_are_exact() {
    let mut folding = Folding::new();
    let mut big = trade(BTC_USDT, 1, WireSide::Buy);
    if let Kind::Trade(trade) = &mut big {
        trade.maker_order_id = (1 << 53) - 1;
        trade.price_ticks = 1 << 40;
        trade.quantity_lots = 1 << 40;
    }
    let texts = folding.texts(vec![big, depth(BTC_USDT, 1, &[(1, u64::MAX)], &[])]);
    assert!(texts[0].contains(r#""sell_order_id":9007199254740991,"#), "{}", texts[0]);
    assert!(texts[0].contains(r#""price":"10995116277.76""#), "{}", texts[0]);
    assert!(texts[0].contains(r#""quantity":"10995116.27776""#), "{}", texts[0]);
    assert!(texts[1].contains(r#"[["0.01","184467440737095.51615"]]"#), "{}", texts[1]);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let changed = |change: &dyn Fn(&mut log::TradeExecuted)| {
        let mut kind = trade(BTC_USDT, 1, WireSide::Buy);
        if let Kind::Trade(trade) = &mut kind {
            change(trade);
        }
        kind
    };
    let with_version = |mut record: proto::reference::ReferenceRecord, version| {
        record.version = version;
        listed(record)
    };
    let mut other_body = asset(1, "BTC");
    if let Some(ReferenceBody { body: Some(reference_body::Body::Asset(asset)) }) =
        &mut other_body.body
    {
        asset.decimals = 7;
    }
    let table = [
        (depth(BTC_USDT, 2, &[], &[]), "depth change 2 of BTC-USDT came where 1 was due"),
        (depth(BTC_USDT, 0, &[], &[]), "depth change 0 of BTC-USDT came where 1 was due"),
        (depth(9, 1, &[], &[]), "instrument 9 was never listed"),
        (depth(BTC_USDT, 1, &[(0, 1)], &[]), "price_ticks is missing or out of range"),
        (depth(BTC_USDT, 1, &[], &[(u64::MAX, 1)]), "price_ticks is missing or out of range"),
        (trade(BTC_USDT, 2, WireSide::Buy), "trade 2 of BTC-USDT came where 1 was due"),
        (trade(BTC_USDT, 1, WireSide::Unspecified), "side is missing or out of range"),
        (trade(9, 1, WireSide::Buy), "instrument 9 was never listed"),
        (state(9, WireState::Halted, 0), "instrument 9 was never listed"),
        (state(BTC_USDT, WireState::Unspecified, 0), "state is missing or out of range"),
        (
            state(BTC_USDT, WireState::Halted, 1),
            "a change of the state of BTC-USDT names depth change 1, and 0 was last",
        ),
        (changed(&|trade| trade.price_ticks = 0), "price_ticks is missing or out of range"),
        (
            changed(&|trade| trade.quantity_lots = u64::MAX),
            "quantity_lots is missing or out of range",
        ),
        (changed(&|trade| trade.maker_order_id = u64::MAX), "order_id is missing or out of range"),
        (with_version(asset(1, "BTC"), 3), "version 3 of asset/1 came where at most 2 was due"),
        (listed(other_body), "two partitions hold different bodies of version 1 of asset/1"),
        (listed(instrument(7, 99)), "the record instrument/7 lists nothing that can be"),
        (listed(asset(9, "no code")), "the record asset/9 lists nothing that can be"),
    ];
    for (event, expected) in table {
        let error = Folding::new().fold(vec![event]).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_copies_of_other_partitions_and_other_events_change_nothing() {
    let mut folding = Folding::new();
    folding.fold(vec![depth(BTC_USDT, 1, &[(5, 5)], &[])]).expect("it fits");
    let before = folding.market.clone();
    folding.fold(listings()).expect("copies");
    let ended = Kind::OrderEnded(log::OrderEnded::default());
    assert!(folding.fold(vec![ended]).expect("not ours").is_empty());
    assert_eq!(folding.market, before);
    let mut next = instrument(BTC_USDT, 1);
    next.version = 2;
    folding.fold(vec![listed(next)]).expect("the successor");
    let book = folding.market.book(BTC).expect("it is listed");
    assert_eq!((book.sequence(), book.top(9).bids.len()), (1, 1), "a book outlives a new version");
}

#[test]
fn what_a_market_is_open_for_is_told_among_the_changes_of_depth_and_kept() {
    let mut folding = Folding::new();
    // What time ended came before the state, what woke with it after.
    let texts = folding.texts(vec![
        depth(BTC_USDT, 1, &[(5, 5)], &[]),
        state(BTC_USDT, WireState::Halted, 1),
        trade(BTC_USDT, 1, WireSide::Buy),
        depth(BTC_USDT, 2, &[(5, 4)], &[]),
    ]);
    assert!(texts[0].starts_with(r#"{"type":"trade""#), "{}", texts[0]);
    assert_eq!(
        texts[2],
        r#"{"type":"status","instrument":"BTC-USDT","sequence":1,"state":"halted"}"#
    );
    assert!(texts[3].contains(r#""last_sequence":2"#), "{}", texts[3]);
    let snapshot = folding.market.snapshot(BTC).expect("it is listed");
    assert!(snapshot.text().ends_with(r#""state":"halted"}"#), "{}", snapshot.text());
    let states: Vec<_> = folding
        .market
        .statuses()
        .map(|(listed, status)| {
            (listed.symbol().to_owned(), status.standing.state, status.sequence)
        })
        .collect();
    let expected = [("BTC-USDT", MarketState::Halted, 2), ("ETH-USDT", MarketState::Trading, 0)];
    assert_eq!(states, expected.map(|(symbol, state, at)| (symbol.to_owned(), state, at)));
    let kept = Market::from_image(&folding.market.image()).expect("it was just made");
    assert_eq!(kept, folding.market);
}

/// That a market would trade so at tick 5, with so many lots left over.
fn indicated(sequence: u64, volume_lots: u64, imbalance: Option<(WireSide, u64)>) -> Kind {
    let (side, imbalance_lots) = imbalance.unwrap_or((WireSide::Unspecified, 0));
    Kind::AuctionIndicated(log::AuctionIndicated {
        instrument_id: BTC_USDT,
        sequence,
        price_ticks: if volume_lots > 0 { 5 } else { 0 },
        volume_lots,
        imbalance_lots,
        imbalance_side: side.into(),
    })
}

#[test]
fn what_an_auction_would_do_is_told_and_kept_as_long_as_the_market_collects() {
    let mut folding = Folding::new();
    let mut stopped = state(BTC_USDT, WireState::VolatilityAuction, 1);
    if let Kind::MarketStateChanged(changed) = &mut stopped {
        changed.opens_at_unix_nanos = 1_000_000_000;
    }
    let texts = folding.texts(vec![
        depth(BTC_USDT, 1, &[(5, 5)], &[]),
        stopped,
        indicated(1, 3, Some((WireSide::Sell, 2))),
    ]);
    let golden = [
        r#"{"type":"status","instrument":"BTC-USDT","sequence":1,"state":"volatility_auction","opens_at":"1970-01-01T00:00:01.000000Z"}"#,
        r#"{"type":"indication","instrument":"BTC-USDT","sequence":1,"indication":{"price":"0.05","volume":"0.00003","imbalance":"0.00002","imbalance_side":"sell"}}"#,
    ];
    assert_eq!(texts[1..], golden);
    let snapshot = folding.market.snapshot(BTC).expect("it is listed");
    let told = r#""state":"volatility_auction","opens_at":"1970-01-01T00:00:01.000000Z","indication":{"price":"0.05","volume":"0.00003","imbalance":"0.00002","imbalance_side":"sell"}}"#;
    assert!(snapshot.text().ends_with(told), "{}", snapshot.text());
    let kept = Market::from_image(&folding.market.image()).expect("it was just made");
    assert_eq!(kept, folding.market);
    let texts = folding.texts(vec![indicated(1, 3, None), indicated(1, 0, None)]);
    assert!(texts[0].ends_with(r#""imbalance":"0","imbalance_side":null}}"#), "{}", texts[0]);
    let nothing = r#"{"type":"indication","instrument":"BTC-USDT","sequence":1,"indication":null}"#;
    assert_eq!(texts[1], nothing);
    let mut crossed = trade(BTC_USDT, 1, WireSide::Buy);
    if let Kind::Trade(trade) = &mut crossed {
        trade.in_auction = true;
    }
    let opened = state(BTC_USDT, WireState::Trading, 1);
    let texts = folding.texts(vec![indicated(1, 3, None), crossed, opened]);
    assert!(texts[0].ends_with(r#","auction":true}"#), "{}", texts[0]);
    let snapshot = folding.market.snapshot(BTC).expect("it is listed");
    assert!(snapshot.text().ends_with(r#""state":"trading"}"#), "{}", snapshot.text());
    let kept = Market::from_image(&folding.market.image()).expect("it was just made");
    assert_eq!(kept, folding.market);
    let wrong = folding.fold(vec![indicated(9, 3, None)]).expect_err("another depth");
    assert!(wrong.to_string().contains("names depth change 9, and 1 was last"), "{wrong}");
}

#[test]
fn a_tape_knows_what_came_after_a_sequence() {
    let mut folding = Folding::new();
    let last = RECENT_TRADES_MAX as u64 + 10;
    for sequence in 1..=last {
        folding.fold(vec![trade(BTC_USDT, sequence, WireSide::Buy)]).expect("it fits");
    }
    let tape = folding.market.tape(BTC).expect("it is listed");
    let eth = folding.market.tape(InstrumentId(ETH_USDT)).expect("it is listed");
    assert_eq!(tape.oldest_sequence(), 11);
    assert_eq!(eth.oldest_sequence(), 1, "the next");
    let table = [
        (last + 5, None),
        (last, None),
        (last - 1, Some(last)),
        (10, Some(11)),
        (9, Some(11)),
        (0, Some(11)),
    ];
    for (since, first) in table {
        let frames = tape.after(since);
        assert_eq!(frames.first().map(|frame| frame.sequence()), first, "since {since}");
        let count = first.map_or(0, |first| last - first + 1);
        assert_eq!(frames.len() as u64, count, "since {since}");
    }
}

#[test]
fn a_listing_that_is_kept_twice_is_refused() {
    let folding = Folding::new();
    let kinds = listings().into_iter();
    let records = kinds.filter_map(|kind| match kind {
        Kind::ReferenceApplied(record) => Some(record),
        _ => None,
    });
    for record in records {
        // One more of a field that repeats, behind all others.
        let mut bytes = folding.market.image().encode_to_vec();
        bytes.push(1 << 3 | 2);
        bytes.extend(record.encode_length_delimited_to_vec());
        let image = MarketImage::decode(bytes.as_slice()).expect("it is a message");
        let refused = Market::from_image(&image).expect_err("its key was there");
        assert_eq!(refused.to_string(), "a listing is kept twice, or not in the order of its key");
    }
}

fn pairs(levels: &[Level]) -> Vec<(u64, u64)> {
    levels.iter().map(|level| (level.price.ticks(), level.lots)).collect()
}

proptest! {
    #[test]
    fn a_book_equals_the_naive_table(seed in any::<u64>(), changes in 1..60_usize) {
        let mut folding = Folding::new();
        let mut flow = Flow::new(seed);
        for _ in 0..changes {
            let change = flow.change(BTC_USDT);
            folding.fold(vec![change]).expect("it fits");
            let book = folding.market.book(BTC).expect("it is listed");
            let top = book.top(usize::MAX);
            prop_assert_eq!(top.sequence, flow.sequence);
            prop_assert_eq!(pairs(&top.bids), flow.side(true));
            prop_assert_eq!(pairs(&top.asks), flow.side(false));
            prop_assert_eq!(pairs(&book.top(2).asks), &flow.side(false)[..top.asks.len().min(2)]);
        }
        let again = Market::from_image(&folding.market.image()).expect("its own image");
        prop_assert_eq!(again, folding.market);
    }
}
