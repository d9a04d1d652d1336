//! A seeded flow of orders, trades, cancels, duplicates and refusals with their postings, made by a
//! small exchange that keeps every balance, so that balances are always the fold of the postings.

use std::collections::{BTreeMap, BTreeSet};

use proto::{
    log::{self, Bucket, EndReason, KeySpace, PostingCause, RefusalReason, event},
    trading,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use spine::Answer;

use super::{Scribe, applied, balance, duplicate_of, placed, rejected, units};

/// What an account is given of an asset when it first needs it.
const GRANT: i128 = 1 << 70;
const QUOTE: u32 = 1;

/// An order that rests.
struct Open {
    id: u64,
    account: u32,
    instrument: u32,
    side: trading::Side,
    price: u64,
    remaining: u64,
}

/// The exchange behind the flow.
pub struct Flow {
    pub scribe: Scribe,
    random: Pcg64Mcg,
    accounts: u32,
    instruments: u32,
    /// The first of its instruments.
    pub first_instrument: u32,
    /// Available and held, by account and asset.
    balances: BTreeMap<(u32, u32), (i128, i128)>,
    open: Vec<Open>,
    /// What the house has earned, by asset.
    income: BTreeMap<u32, i128>,
    trades: BTreeMap<u32, u64>,
    orders: u64,
}

/// An answer's body while it is made.
#[derive(Default)]
struct Draft {
    accounts: Vec<u32>,
    events: Vec<event::Kind>,
    postings: Vec<log::Posting>,
    touched: BTreeSet<(u32, u32)>,
    /// The assets of which the house has earned something.
    earned: BTreeSet<u32>,
}

impl Draft {
    fn index(&mut self, account: u32) -> u32 {
        let known = self.accounts.iter().position(|name| *name == account);
        let position = known.unwrap_or_else(|| {
            self.accounts.push(account);
            self.accounts.len() - 1
        });
        u32::try_from(position).expect("few")
    }
}

const fn base_of(instrument: u32) -> u32 {
    QUOTE + instrument
}

impl Flow {
    pub fn new(scribe: Scribe, seed: u64, accounts: u32, instruments: u32) -> Flow {
        Flow {
            scribe,
            random: Pcg64Mcg::seed_from_u64(seed),
            accounts,
            instruments,
            first_instrument: 1,
            balances: BTreeMap::new(),
            open: Vec::new(),
            income: BTreeMap::new(),
            trades: BTreeMap::new(),
            orders: 0,
        }
    }

    /// How many orders it has placed.
    pub fn orders(&self) -> u64 {
        self.orders
    }

    pub fn answers(&mut self, count: usize) -> Vec<Answer> {
        (0..count)
            .map(|_| {
                let body = self.body();
                self.scribe.answer(body)
            })
            .collect()
    }

    /// The next answer's body: half rest, a third trade, the others cancel, repeat, are refused.
    pub fn body(&mut self) -> log::AnswerBody {
        let mut draft = Draft::default();
        match self.random.random_range(0..100) {
            _ if self.open.is_empty() => self.rest(&mut draft),
            0..40 => self.rest(&mut draft),
            40..75 => self.take(&mut draft),
            75..97 => self.cancel(&mut draft),
            97 => return duplicate_of(self.some_open().id),
            98 => self.refuse(&mut draft),
            _ => {}
        }
        self.finish(draft)
    }

    fn some_open(&mut self) -> &Open {
        let index = self.random.random_range(0..self.open.len());
        &self.open[index]
    }

    fn finish(&self, draft: Draft) -> log::AnswerBody {
        let position = |account| draft.accounts.iter().position(|name| *name == account);
        let balances = draft.touched.iter().map(|(account, asset)| {
            let (available, held) = self.balances[&(*account, *asset)];
            let index = u32::try_from(position(*account).expect("named")).expect("few");
            balance(index, *asset, available, held)
        });
        let fee_income = draft
            .earned
            .iter()
            .map(|asset| log::FeeIncome { asset_id: *asset, amount: units(self.income[asset]) });
        log::AnswerBody {
            fee_income: fee_income.collect(),
            balances: balances.collect(),
            postings: draft.postings,
            accounts: draft.accounts.iter().map(|account| format!("client-{account}")).collect(),
            ..applied(draft.events)
        }
    }

    fn post(
        &mut self,
        draft: &mut Draft,
        posting: log::Posting,
        moves: &[(Bucket, u32, u32, i128)],
    ) {
        let mut legs = Vec::new();
        for (bucket, account, asset, amount) in moves {
            let index = match bucket {
                Bucket::Available | Bucket::Held => {
                    let (available, held) = self.balances.entry((*account, *asset)).or_default();
                    *(if *bucket == Bucket::Held { held } else { available }) += amount;
                    draft.touched.insert((*account, *asset));
                    draft.index(*account)
                }
                Bucket::Fees => {
                    *self.income.entry(*asset).or_default() += amount;
                    draft.earned.insert(*asset);
                    0
                }
                _ => 0,
            };
            let bucket = i32::from(*bucket);
            let amount = units(*amount);
            legs.push(log::Leg { bucket, account: index, asset_id: *asset, amount });
        }
        draft.postings.push(log::Posting { legs, ..posting });
    }

    fn hold(&mut self, draft: &mut Draft, id: u64, account: u32, asset: u32, amount: i128) {
        if !self.balances.contains_key(&(account, asset)) {
            let cause = PostingCause::Grant.into();
            let grant = log::Posting { cause, ..Default::default() };
            let moves =
                [(Bucket::Faucet, 0, asset, -GRANT), (Bucket::Available, account, asset, GRANT)];
            self.post(draft, grant, &moves);
        }
        let cause = PostingCause::Hold.into();
        let hold = log::Posting { cause, order_id: id, ..Default::default() };
        let moves =
            [(Bucket::Available, account, asset, -amount), (Bucket::Held, account, asset, amount)];
        self.post(draft, hold, &moves);
    }

    /// Places an order; returns it as if it rested.
    fn place(
        &mut self,
        draft: &mut Draft,
        account: u32,
        instrument: u32,
        side: trading::Side,
        price: u64,
        quantity: u64,
    ) -> Open {
        let id = self.scribe.next_order_id();
        self.orders += 1;
        let (key_space, key) = match self.random.random_range(0..2) {
            0 => (KeySpace::ClientOrderId, format!("mine-{}", self.orders)),
            _ => (KeySpace::Generated, format!("g-{id}")),
        };
        let index = draft.index(account);
        draft.events.push(placed(log::OrderTerms {
            account: index,
            instrument_id: instrument,
            side: side.into(),
            price_ticks: price,
            quantity_lots: quantity,
            ..super::terms(key_space, &key)
        }));
        let (asset, amount) = match side {
            trading::Side::Buy => (QUOTE, i128::from(price) * i128::from(quantity)),
            _ => (base_of(instrument), i128::from(quantity)),
        };
        self.hold(draft, id, account, asset, amount);
        Open { id, account, instrument, side, price, remaining: quantity }
    }

    fn rest(&mut self, draft: &mut Draft) {
        let account = self.random.random_range(0..self.accounts);
        let instrument = self.first_instrument + self.random.random_range(0..self.instruments);
        let (side, price) = match self.random.random_range(0..2) {
            0 => (trading::Side::Buy, self.random.random_range(900..1_000)),
            _ => (trading::Side::Sell, self.random.random_range(1_001..1_100)),
        };
        let quantity = self.random.random_range(1..1_000);
        let order = self.place(draft, account, instrument, side, price, quantity);
        self.open.push(order);
    }

    fn take(&mut self, draft: &mut Draft) {
        let at = self.random.random_range(0..self.open.len());
        let (maker_account, instrument) = (self.open[at].account, self.open[at].instrument);
        let (price, maker_remaining) = (self.open[at].price, self.open[at].remaining);
        let side = match self.open[at].side {
            trading::Side::Buy => trading::Side::Sell,
            _ => trading::Side::Buy,
        };
        let maker_id = self.open[at].id;
        let account = self.random.random_range(0..self.accounts);
        let quantity = self.random.random_range(1..=maker_remaining);
        let taker = self.place(draft, account, instrument, side, price, quantity);
        let trade_id = self.trades.entry(instrument).or_default();
        *trade_id += 1;
        let trade_id = *trade_id;
        let left = maker_remaining - quantity;
        // Most trades are charged: sellers out of what they are paid, buyers in what they get.
        let paid_fee =
            if trade_id.is_multiple_of(3) { 0 } else { i128::from(price * quantity / 100 + 1) };
        let got_fee = if trade_id.is_multiple_of(4) { 0 } else { i128::from(quantity / 50) };
        let charged = |is_buyer: bool| {
            Some(if is_buyer { got_fee } else { paid_fee }).filter(|fee| *fee > 0).and_then(units)
        };
        let takes = side == trading::Side::Buy;
        let [maker_index, taker_index] = [maker_account, account].map(|name| draft.index(name));
        draft.events.push(event::Kind::Trade(log::TradeExecuted {
            instrument_id: instrument,
            trade_id,
            price_ticks: price,
            quantity_lots: quantity,
            maker_order_id: maker_id,
            taker_order_id: taker.id,
            maker_account: maker_index,
            taker_account: taker_index,
            maker_remaining_lots: left,
            taker_remaining_lots: 0,
            taker_side: side.into(),
            maker_fee: charged(!takes),
            taker_fee: charged(takes),
            buyer_fee_in_base: got_fee > 0,
            in_auction: got_fee % 2 == 1,
        }));
        draft.events.push(super::ended(taker.id, EndReason::Filled, 0));
        if left == 0 {
            draft.events.push(super::ended(maker_id, EndReason::Filled, 0));
            self.open.swap_remove(at);
        } else {
            self.open[at].remaining = left;
        }
        let (buyer, seller) = match side {
            trading::Side::Buy => (account, maker_account),
            _ => (maker_account, account),
        };
        let cause = PostingCause::Trade.into();
        let posting =
            log::Posting { cause, instrument_id: instrument, trade_id, ..Default::default() };
        let (paid, delivered) = (i128::from(price) * i128::from(quantity), i128::from(quantity));
        let base = base_of(instrument);
        let moves = [
            (Bucket::Held, buyer, QUOTE, -paid),
            (Bucket::Available, seller, QUOTE, paid - paid_fee),
            (Bucket::Fees, 0, QUOTE, paid_fee),
            (Bucket::Held, seller, base, -delivered),
            (Bucket::Available, buyer, base, delivered - got_fee),
            (Bucket::Fees, 0, base, got_fee),
        ];
        let moves: Vec<_> =
            moves.into_iter().filter(|leg| leg.0 != Bucket::Fees || leg.3 > 0).collect();
        self.post(draft, posting, &moves);
    }

    fn cancel(&mut self, draft: &mut Draft) {
        let at = self.random.random_range(0..self.open.len());
        let order = self.open.swap_remove(at);
        draft.events.push(super::ended(order.id, EndReason::Cancelled, order.remaining));
        let (asset, amount) = match order.side {
            trading::Side::Buy => (QUOTE, i128::from(order.price) * i128::from(order.remaining)),
            _ => (base_of(order.instrument), i128::from(order.remaining)),
        };
        let cause = PostingCause::Release.into();
        let release = log::Posting { cause, order_id: order.id, ..Default::default() };
        let moves = [
            (Bucket::Held, order.account, asset, -amount),
            (Bucket::Available, order.account, asset, amount),
        ];
        self.post(draft, release, &moves);
    }

    fn refuse(&mut self, draft: &mut Draft) {
        let account = self.random.random_range(0..self.accounts);
        let terms = log::OrderTerms {
            account: draft.index(account),
            ..super::terms(KeySpace::ClientOrderId, "refused")
        };
        draft.events.push(rejected(terms, RefusalReason::InsufficientFunds));
    }
}
