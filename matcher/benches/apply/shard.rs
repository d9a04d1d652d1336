//! A shard's state with the rules of one variant in force.

use matcher::Exchange;
use model::{
    Amount, AssetId, AssetLimit, FeeTier, InstrumentId, OperatorName, OrderId, OrderRate,
    Partition, RequestId, RiskLimits, Side, Timestamp,
};
use proto::{
    command::{ClientCommand, Operator, OperatorCommand, OperatorWord, Stamp},
    convert,
    draft::Draft,
    log::{self, outcome},
    reference::{
        AssetListing, InstrumentListing, ListingFilters, ListingTier, ReferenceBody,
        ReferenceRecord, reference_body::Body,
    },
};
use spine::{ClientInput, Core, OperatorInput};

use crate::{
    Rules,
    flow::{STEP_NANOS, names},
};

pub(crate) const QUOTE: AssetId = AssetId(1);
pub(crate) const BASE: AssetId = AssetId(2);
pub(crate) const INSTRUMENT: u32 = 1;

/// A coin, in smallest units.
const COIN: i128 = 100_000_000;

/// How long keys are kept: at 100,000 commands a second some 60,000 of them at any time.
const KEY_RETENTION_NANOS: u64 = 1_000_000_000;

/// How many fee tiers are listed, and given to accounts in turn.
const TIERS: u32 = 3;

/// A shard.
pub(crate) struct Shard {
    exchange: Exchange,
    next_offset: u64,
    now: u64,
    refused: usize,
    /// The last answer's body, and its bytes.
    body: Draft,
    bytes: Vec<u8>,
}

impl Shard {
    /// One that lists everything, in which `rules` are in force.
    pub(crate) fn new(rules: Rules) -> Shard {
        let genesis = genesis();
        let exchange = Exchange::new(&genesis, Partition::FIRST);
        let (body, bytes) = (Draft::default(), Vec::new());
        let mut shard =
            Shard { exchange, next_offset: 1, now: 1_000_000_000, refused: 0, body, bytes };
        for record in listings(rules) {
            let mut body = Draft::default();
            shard.exchange.change_reference(&record, &mut body);
            shard.next_offset += 1;
        }
        // Orders are named by their places, so there is room for the words in every variant.
        shard.next_offset += words(Rules::ALL).count() as u64;
        for command in words(rules) {
            let now = Timestamp::from_unix_nanos(shard.now);
            let input = OperatorInput { appended_at: now, now, command: &command };
            let mut body = Draft::default();
            shard.exchange.operate(&input, &mut body);
            assert!(is_applied(&body), "{:?}", body.outcome);
        }
        shard
    }

    /// What the protocol does with a client's command, up to the answer's body as bytes: time
    /// passes, then it is applied.
    pub(crate) fn apply(&mut self, command: &ClientCommand) {
        self.now += STEP_NANOS;
        let now = Timestamp::from_unix_nanos(self.now);
        let Shard { body, bytes, .. } = self;
        body.clear();
        bytes.clear();
        self.exchange.pass_time(now, body);
        let offset = self.next_offset;
        self.next_offset += 1;
        let input =
            ClientInput { offset, appended_at: now, now, behaviour: spine::BEHAVIOUR, command };
        self.exchange.apply(&input, body);
        body.encode(bytes);
        self.refused += usize::from(!is_applied(body));
    }

    pub(crate) fn next_offset(&self) -> u64 {
        self.next_offset
    }

    pub(crate) fn resting(&self) -> usize {
        self.exchange.books().len()
    }

    /// The best price on this side, in ticks.
    pub(crate) fn best(&self, side: Side) -> Option<u64> {
        let depth = self.exchange.books().depth(InstrumentId(INSTRUMENT), 1);
        let levels = if side == Side::Buy { depth.bids } else { depth.asks };
        levels.first().map(|(price, _)| price.ticks())
    }

    /// How many commands were not done.
    pub(crate) fn refused(&self) -> usize {
        self.refused
    }

    /// What is left of an order, where it is open.
    pub(crate) fn remaining(&self, order: OrderId) -> Option<u64> {
        Some(self.exchange.books().order(order)?.remaining.lots())
    }
}

fn is_applied(body: &Draft) -> bool {
    let outcome = body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
    matches!(outcome, Some(outcome::Kind::Applied(_)))
}

pub(crate) fn genesis() -> log::Genesis {
    log::Genesis {
        log_id: vec![7; 16],
        partition_count: 1,
        sandbox: false,
        key_retention_nanos: KEY_RETENTION_NANOS,
        behaviour: spine::BEHAVIOUR,
    }
}

/// Two assets, and the instrument with what it charges and takes.
pub(crate) fn listings(rules: Rules) -> Vec<ReferenceRecord> {
    let asset = |id: AssetId, code: &str| {
        Body::Asset(AssetListing {
            id: id.0,
            code: code.to_owned(),
            decimals: 8,
            sandbox_grant_units: 0,
        })
    };
    let mut instrument = InstrumentListing {
        id: INSTRUMENT,
        base_asset_id: BASE.0,
        quote_asset_id: QUOTE.0,
        tick_size_units: 1_000_000,
        lot_size_units: 1_000,
        price_protection_bps: 500,
        partition: 0,
        ..Default::default()
    };
    if rules.fees {
        (instrument.maker_fee_millionths, instrument.taker_fee_millionths) = (1_000, 2_000);
    }
    if rules.tiers {
        let tier = |tier| ListingTier {
            tier,
            maker_fee_millionths: 1_000 - i32::try_from(tier).expect("a small number") * 200,
            taker_fee_millionths: 2_000 - i32::try_from(tier).expect("a small number") * 300,
        };
        instrument.fee_tiers = (1..=TIERS).map(tier).collect();
    }
    instrument.filters = rules.filters.then(filters);
    let bodies = [asset(QUOTE, "USD"), asset(BASE, "BTC"), Body::Instrument(instrument)];
    let records = bodies.into_iter().map(|body| ReferenceRecord {
        key: matcher::exchange::reference_key(&body),
        version: 1,
        body: Some(ReferenceBody { body: Some(body) }),
    });
    records.collect()
}

/// Every filter that an order of the flow can meet, none so narrow that it refuses one.
fn filters() -> ListingFilters {
    ListingFilters {
        min_price_ticks: 1,
        max_price_ticks: 1 << 30,
        price_step_ticks: 1,
        min_quantity_lots: 1,
        max_quantity_lots: 1 << 30,
        quantity_step_lots: 1,
        min_notional: Some(convert::to_amount(Amount::from_units(1))),
        max_notional: Some(convert::to_amount(Amount::from_units(1 << 80))),
        bid_multiplier_up: 50_000,
        bid_multiplier_down: 2_000,
        ask_multiplier_up: 50_000,
        ask_multiplier_down: 2_000,
        max_orders: 500,
        max_algo_orders: 50,
        ..Default::default()
    }
}

/// What an operator says of each account: its tier, and all limits, none so narrow that it refuses
/// an order.
pub(crate) fn words(rules: Rules) -> impl Iterator<Item = OperatorCommand> {
    let limits = |name| OperatorWord::SetRiskLimits { account: name, limits: limits() };
    let limits = names().filter(move |_| rules.limits).map(limits);
    tiers(rules).into_iter().chain(limits).enumerate().map(|(number, command)| {
        let stamp = Stamp {
            request_id: RequestId(number as u128),
            valid_until: Timestamp::from_unix_nanos(u64::MAX),
        };
        let name = OperatorName::new("olga").expect("a good name");
        OperatorCommand { by: Operator { name, stamp }, command }
    })
}

fn tiers(rules: Rules) -> Vec<OperatorWord> {
    let tiers = (1..=TIERS).cycle().map(|tier| u8::try_from(tier).expect("a small number"));
    let tiers = tiers.map(|tier| FeeTier::new(tier).expect("a tier"));
    let given: Vec<_> = names().filter(|_| rules.tiers).zip(tiers).collect();
    let words = given.chunks(convert::TIERS_ASSIGNED_MAX).map(<[_]>::to_vec);
    words.map(OperatorWord::AssignFeeTiers).collect()
}

fn limits() -> RiskLimits {
    let of = |asset, max_order_notional, max_position| AssetLimit {
        asset,
        max_order_notional: Amount::from_units(max_order_notional),
        max_position: Amount::from_units(max_position),
    };
    RiskLimits {
        assets: vec![of(QUOTE, 1_000_000 * COIN, 0), of(BASE, 0, 1 << 80)],
        max_open_orders: 500,
        rate: Some(OrderRate { per_second: 1_000, burst: 1_000 }),
        price_collar_bps: 5_000,
    }
}
