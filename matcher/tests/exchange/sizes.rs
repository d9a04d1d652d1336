//! The largest answers that a shard can be brought to give: each must fit one record of the log.
//!
//! Names, keys, ids, prices and amounts are as long as they get, and counters that no test can
//! drive so far are put to their ends before the answer is written. What comes from other shards at
//! the same time is added by its bounds.

use std::{collections::BTreeSet, sync::LazyLock};

use ledger_core::{ASSET_NUMBER_MAX, SUPPLY_MAX};
use matcher::limits::{
    COMPACTIONS_MAX, GRANTS_RETURNED_MAX, LINKS_SENT_MAX, LISTINGS_MAX,
    OPEN_ORDERS_PER_ACCOUNT_MAX, ORDER_EXPIRIES_MAX, PARKED_EXPIRIES_MAX, WOKEN_FILLS_MAX,
    WOKEN_MAX,
};
use matcher_core::{COUNTER_MAX, FILLS_MAX};
use model::{
    AccountName, Amount, AssetId, InstrumentId, OrderId, Partition, Price, Quantity, RequestId,
    Side, TimeInForce, Timestamp, home::home,
};
use prost::Message;
use proto::{
    command::{Ask, Command},
    link::{LinkItem, LinkKind},
    log::{self, EndReason, PostingCause, event::Kind},
    reference::{AssetListing, InstrumentListing, reference_body::Body},
    topic::RECORD_BYTES_MAX,
};
use spine::{
    Record,
    answer::{self, Preamble},
    chain::Chain,
    header::{self, Headers},
};

use crate::venue::{Became, Venue, became, movement, place_in};

/// The instrument, its base and its quote asset, with the longest numbers that there are.
const INSTRUMENT: u32 = u32::MAX;
const BASE: u32 = ASSET_NUMBER_MAX;
const QUOTE: u32 = ASSET_NUMBER_MAX - 1;

/// The shard with the longest order ids, near the end of its partition.
fn last_shard(sandbox: bool) -> Venue {
    let count = Partition::COUNT_MAX;
    let last = Partition::new(count - 1).expect("in range");
    let mut venue = Venue::bare(sandbox, count.into(), last);
    venue.next_offset = OrderId::OFFSET_END - 1_000_000;
    venue
}

fn asset(id: u32) -> Body {
    let code = format!("A{id}");
    Body::Asset(AssetListing { id, code, decimals: 0, sandbox_grant_units: u64::MAX })
}

/// An instrument with the largest lot and the largest worth of a lot at a tick.
fn instrument(id: u32, base_asset_id: u32, quote_asset_id: u32) -> Body {
    Body::Instrument(InstrumentListing {
        id,
        base_asset_id,
        quote_asset_id,
        tick_size_units: 1,
        lot_size_units: 1 << 32,
        price_protection_bps: 10_000,
        partition: u32::from(Partition::COUNT_MAX) - 1,
        ..Default::default()
    })
}

/// The longest text that names a key.
fn text(number: usize) -> String {
    format!("{number:064}")
}

/// The longest names of accounts that are at home on the last shard.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let is_home = |name: &String| {
        let name = AccountName::new(name).expect("a good name");
        home(&name, Partition::COUNT_MAX).number() == Partition::COUNT_MAX - 1
    };
    (0..).map(text).filter(is_home).take(11 + FILLS_MAX).collect()
});

fn name(account: usize) -> &'static str {
    &NAMES[account]
}

fn order(instrument: u32, key: usize, side: Side, ticks: u64, lots: u64) -> Command {
    let price = Price::from_ticks(ticks).expect("in range");
    let quantity = Quantity::from_lots(lots).expect("in range");
    let ask = Ask::Limit { price, quantity };
    place_in(InstrumentId(instrument), &text(key), side, ask, TimeInForce::Gtc)
}

fn deposit(asset: u32, units: i128) -> Command {
    Command::Deposit(movement(asset, units, &text(asset as usize)))
}

fn applied(venue: &mut Venue, account: usize, command: Command) -> log::AnswerBody {
    let body = venue.apply(name(account), command);
    assert_eq!(became(&body), Became::Applied);
    body
}

/// Gives an account more than may come in through one shard: it comes from another.
fn gather(venue: &mut Venue, account: usize, asset: u32, units: i128) {
    let (available, _) = venue.balance(name(account), asset);
    let too_much = Command::Withdraw(movement(asset, available + 1, &text(asset as usize)));
    applied(venue, account, too_much);
    let account = AccountName::new(name(account)).expect("a good name");
    for from in (0..Partition::COUNT_MAX - 1).filter_map(Partition::new) {
        let amount =
            if from == Partition::FIRST { Amount::from_units(units) } else { Amount::ZERO };
        let kind = LinkKind::Returned { amount };
        venue.take(from, &LinkItem { account: account.clone(), asset: AssetId(asset), kind });
    }
}

/// The size of the record that carries this answer.
fn record_bytes(mut body: log::AnswerBody) -> usize {
    swell(&mut body);
    let chain = Chain([u8::MAX; 16]);
    let preamble = Preamble {
        out_seq: u64::MAX,
        in_offset: OrderId::OFFSET_END - 1,
        epoch: u32::MAX,
        behaviour: u32::MAX,
        input_hash: chain,
        prev_chain: chain,
        now: Timestamp::from_unix_nanos(u64::MAX),
        request_id: RequestId(u128::MAX),
    };
    let (value, _) = answer::write(&preamble, &body.into());
    // As long as the W3C's trace context wants every platform to carry.
    let headers = Headers::default()
        .with(header::TRACE_PARENT, vec![b'0'; 55])
        .with(header::TRACE_STATE, vec![b'0'; 512])
        .with(header::INCARNATION, vec![b'0'; 16]);
    Record { key: None, value, headers }.bytes()
}

/// Puts every counter of the answer to its end.
fn swell(body: &mut log::AnswerBody) {
    for posting in body.postings.iter_mut().filter(|posting| posting.trade_id > 0) {
        posting.trade_id = COUNTER_MAX;
    }
    for event in &mut body.events {
        match event.kind.as_mut().expect("every event is of a kind") {
            Kind::Trade(trade) => trade.trade_id = COUNTER_MAX,
            Kind::BookChanged(changed) => {
                changed.sequence = COUNTER_MAX;
                let levels = changed.bids.iter_mut().chain(&mut changed.asks);
                for level in levels.filter(|level| level.total_lots > 0) {
                    level.total_lots = u64::MAX;
                }
            }
            _ => {}
        }
    }
}

fn assert_fits(name: &str, body: log::AnswerBody) {
    let bytes = record_bytes(body);
    println!("{name}: {bytes} of {RECORD_BYTES_MAX} bytes");
    assert!(
        bytes < RECORD_BYTES_MAX,
        "{name} has {bytes} bytes, a record at most {RECORD_BYTES_MAX}"
    );
}

fn count(body: &log::AnswerBody, is_it: impl Fn(&Kind) -> bool) -> usize {
    body.events.iter().filter(|event| event.kind.as_ref().is_some_and(&is_it)).count()
}

/// Accounts at the start of the sweep that will be back at their grant after it: each buys a lot
/// from the account of the number `seller` and offers it again, at a price of its own from 2 ticks.
fn offer_back(venue: &mut Venue, accounts: std::ops::Range<usize>, seller: usize) {
    // Dearest first, so that each meets its own seller and no cheaper offer of another.
    for (ticks, account) in (2..).zip(accounts).collect::<Vec<_>>().into_iter().rev() {
        applied(venue, seller, order(INSTRUMENT, account, Side::Sell, ticks, 1));
        applied(venue, account, order(INSTRUMENT, 1, Side::Buy, ticks, 1));
        applied(venue, account, order(INSTRUMENT, 2, Side::Sell, ticks, 1));
    }
}

/// Makers that have and hold as much of both assets as so many can, each with a level of its own
/// to be taken.
fn offer_dear(venue: &mut Venue, makers: std::ops::Range<usize>) {
    let shards = i128::from(Partition::COUNT_MAX);
    let lots = Quantity::LOTS_MAX / FILLS_MAX as u64;
    for (away, maker) in (2..).zip(makers) {
        applied(venue, maker, deposit(BASE, (SUPPLY_MAX.units() / shards) >> 13));
        applied(venue, maker, deposit(QUOTE, (SUPPLY_MAX.units() / shards) >> 14));
        let offer = order(INSTRUMENT, 1, Side::Sell, Price::TICKS_MAX - away, lots);
        applied(venue, maker, offer);
        applied(venue, maker, order(INSTRUMENT, 2, Side::Sell, Price::TICKS_MAX, 1 << 40));
        applied(venue, maker, order(INSTRUMENT, 3, Side::Buy, 1, 1 << 40));
    }
}

/// 5,000 trades at 5,000 levels with 5,000 accounts, each of which ends an order; as many of them
/// go out of memory as may; and the taker is granted every asset on top.
#[test]
fn the_largest_sweep_fits_a_record() {
    let (taker, seller) = (0, 1);
    let mut venue = last_shard(true);
    for body in [asset(BASE), asset(QUOTE), instrument(INSTRUMENT, BASE, QUOTE)] {
        venue.list(body);
    }
    // One maker more than a sweep reaches, so that it is cut and the rest of its hold released.
    let makers = 10 + COMPACTIONS_MAX..11 + FILLS_MAX;
    offer_dear(&mut venue, makers);
    applied(&mut venue, taker, deposit(QUOTE, 1));
    gather(&mut venue, taker, QUOTE, SUPPLY_MAX.units() / 2);
    for id in 1..=small(LISTINGS_MAX) - 3 {
        venue.list(asset(ASSET_NUMBER_MAX - 1 - id));
    }
    offer_back(&mut venue, 10..10 + COMPACTIONS_MAX, seller);

    let sweep = order(INSTRUMENT, 1, Side::Buy, Price::TICKS_MAX - 1, Quantity::LOTS_MAX);
    let body = applied(&mut venue, taker, sweep);
    venue.exchange.check_invariants().expect("all holds");
    let makers: BTreeSet<u32> = body
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            Some(Kind::Trade(trade)) => Some(trade.maker_account),
            _ => None,
        })
        .collect();
    assert_eq!(makers.len(), FILLS_MAX, "each trade is with another account");
    let is_cut = |kind: &Kind| match kind {
        Kind::OrderEnded(end) => end.reason() == EndReason::SweepLimit,
        _ => false,
    };
    assert_eq!(count(&body, is_cut), 1, "the sweep is cut");
    assert_eq!(count(&body, |kind| matches!(kind, Kind::OrderEnded(_))), FILLS_MAX + 1);
    let of_cause = |cause| body.postings.iter().filter(move |posting| posting.cause() == cause);
    assert_eq!(
        of_cause(PostingCause::Grant).map(|grant| grant.legs.len()).sum::<usize>(),
        2 * (LISTINGS_MAX - 3)
    );
    let returned = of_cause(PostingCause::GrantReturned).map(|back| back.legs.len() / 2);
    let returned: usize = returned.sum();
    let in_reach = GRANTS_RETURNED_MAX - LISTINGS_MAX..=GRANTS_RETURNED_MAX;
    assert!(in_reach.contains(&returned), "{returned} grants went back");
    let bytes = record_bytes(body.clone());
    assert_fits("the largest sweep", body);
    // What wakes can trade almost a tenth more, while what waited ends and other shards are asked.
    let woken = bytes + bytes * WOKEN_FILLS_MAX / FILLS_MAX;
    let items = (LINKS_SENT_MAX + usize::from(Partition::COUNT_MAX)) * LINK_ITEM_BYTES_MAX;
    let ended = PARKED_EXPIRIES_MAX * PARKED_END_BYTES_MAX;
    let expired = ORDER_EXPIRIES_MAX * PARKED_END_BYTES_MAX;
    let charged = (FILLS_MAX + WOKEN_FILLS_MAX) * TRADE_FEES_BYTES_MAX;
    let all = woken + items + ended + expired + charged;
    println!("the largest that wakes: {all} of {RECORD_BYTES_MAX} bytes");
    assert!(all < RECORD_BYTES_MAX, "{all} bytes");
    // Where a maker is one of a pair the other ends too; so it counts as two, and costs less.
    assert!(PAIRED_END_BYTES_MAX < bytes / FILLS_MAX, "{} bytes a maker", bytes / FILLS_MAX);
    // Each that goes on can end one, too.
    assert!(all + WOKEN_MAX * PAIRED_END_BYTES_MAX < RECORD_BYTES_MAX);
}

/// What the other order of a pair adds to an answer that names its account and tells its balance
/// already: its end, that its list is done, and a release.
const PAIRED_END_BYTES_MAX: usize = 160;

#[test]
fn the_end_of_one_of_a_pair_is_as_small_as_it_is_taken_to_be() {
    let account = small(FILLS_MAX + COMPACTIONS_MAX);
    let order_id = (1 << 53) - 1;
    let ended = log::OrderEnded {
        order_id,
        account,
        instrument_id: u32::MAX,
        reason: EndReason::OrderList.into(),
        remaining_lots: Quantity::LOTS_MAX,
    };
    let status = log::ListStatus {
        list_id: order_id,
        account,
        instrument_id: u32::MAX,
        status: proto::trading::OrderListStatus::AllDone.into(),
    };
    let amount = |units| Some(proto::convert::to_amount(Amount::from_units(units)));
    let leg = |units| log::Leg { bucket: 2, account, asset_id: u32::MAX, amount: amount(units) };
    let released = SUPPLY_MAX.units() / 2;
    let release = log::Posting {
        cause: PostingCause::Release.into(),
        order_id,
        legs: vec![leg(-released), leg(released)],
        ..Default::default()
    };
    let body = |events: Vec<Kind>, postings| log::AnswerBody {
        events: events.into_iter().map(|kind| log::Event { kind: Some(kind) }).collect(),
        postings,
        ..Default::default()
    };
    let whole = body(vec![Kind::OrderEnded(ended), Kind::ListStatus(status)], vec![release]);
    let bytes = prost::Message::encoded_len(&whole);
    assert!(bytes <= PAIRED_END_BYTES_MAX, "{bytes} bytes");
}

/// An item to another shard: a name of 64 bytes, two amounts of 22, and numbers.
const LINK_ITEM_BYTES_MAX: usize = 150;

/// The end of something parked, or of an order whose time is up: its event of 31 bytes, a name of
/// 66, a release of two legs of 82, a balance of 78, and a level of a book of its own of 45.
const PARKED_END_BYTES_MAX: usize = 320;

/// What fees add to a trade: see the test of its name.
const TRADE_FEES_BYTES_MAX: usize = 102;

/// The largest fees of a trade, each a tenth of what changes hands: in its event, and as legs of
/// the house.
#[test]
fn fees_add_so_much_to_a_trade() {
    let notional = 1_i128 << 112;
    let [in_quote, in_base] = [notional / 10, (1 << 72) / 10]
        .map(|units| Some(proto::convert::to_amount(Amount::from_units(units))));
    let event = log::TradeExecuted {
        maker_fee: in_quote,
        taker_fee: in_base,
        buyer_fee_in_base: true,
        ..Default::default()
    };
    let leg = |asset_id, amount| {
        let bucket = log::Bucket::Fees.into();
        log::Leg { bucket, account: 0, asset_id, amount }
    };
    let posting =
        log::Posting { legs: vec![leg(QUOTE, in_quote), leg(BASE, in_base)], ..Default::default() };
    let bytes = event.encoded_len() + posting.encoded_len();
    assert!(bytes <= TRADE_FEES_BYTES_MAX, "{bytes} bytes");
}

/// As many orders as one account may have, each at a level where more rests, in as many books as
/// there can be with an asset for each of them.
fn small(number: usize) -> u32 {
    u32::try_from(number).expect("a few thousand")
}

#[test]
fn the_largest_mass_cancel_fits_a_record() {
    let (canceller, other) = (0, 1);
    let mut venue = last_shard(false);
    let books = small(LISTINGS_MAX) / 2;
    let asset_of = |number: u32| ASSET_NUMBER_MAX - number % books;
    for number in 0..books {
        venue.list(asset(asset_of(number)));
    }
    for number in 0..books {
        venue.list(instrument(INSTRUMENT - number, asset_of(number), asset_of(number + 1)));
    }
    for account in [canceller, other] {
        for number in 0..books {
            applied(&mut venue, account, deposit(asset_of(number), 1));
            gather(&mut venue, account, asset_of(number), SUPPLY_MAX.units() / 2 + 1);
        }
        for number in 0..OPEN_ORDERS_PER_ACCOUNT_MAX {
            let book = small(number) % books;
            let ticks = Price::TICKS_MAX - number as u64;
            let bid = order(INSTRUMENT - book, number, Side::Buy, ticks, Quantity::LOTS_MAX);
            applied(&mut venue, account, bid);
        }
    }
    let body = applied(&mut venue, canceller, Command::CancelAll { instrument: None });
    venue.exchange.check_invariants().expect("all holds");
    let ended = count(&body, |kind| matches!(kind, Kind::OrderEnded(_)));
    assert_eq!(ended, OPEN_ORDERS_PER_ACCOUNT_MAX);
    assert_eq!(count(&body, |kind| matches!(kind, Kind::BookChanged(_))), books as usize);
    let balance = venue.balance(name(canceller), QUOTE);
    assert_eq!(balance, (SUPPLY_MAX.units() / 2, 0), "of {:?}", AssetId(QUOTE));
    assert_fits("the largest mass cancel", body);
}
