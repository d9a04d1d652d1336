//! One random flow of operations, done to the table of accounts and to the reference alike.

mod paying;

use std::collections::BTreeMap;

use ledger_core::{
    Accounts, Bucket, Cause, Fee, Grant, MarketSize, MoneyError, Movement, Posting, Postings,
    Settlement, hold_for, hold_for_market,
};
use model::{
    AccountHandle, AccountName, Amount, Asset, AssetId, FeeAsset, FeeRate, Fees, Instrument,
    InstrumentId, KeyText, OrderId, Partition, Price, Quantity, Role, Side, TradeId,
    instrument::Listing,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::reference::{self, Charge, Deal, Entry, Place, Reference, Refusal};

const USD: AssetId = AssetId(7);
const BTC: AssetId = AssetId(3);
const ETH: AssetId = AssetId(11);
const EUR: AssetId = AssetId(12);
const UNLISTED: AssetId = AssetId(99);

/// Who trades, deposits and withdraws.
const TRADERS: usize = 24;
/// Who only places orders and cancels them, so that they come back to their grant.
const VISITORS: usize = 16;
/// Who never has an account.
const NOBODY: usize = TRADERS + VISITORS;
/// Beyond this many open orders more end than enter.
const OPEN_ORDERS_MAX: usize = 200;
/// When [`EUR`] is listed, with accounts open already.
const LATE_LISTING_STEP: usize = 300;

#[derive(Clone, Debug)]
struct Order {
    id: u64,
    account: usize,
    instrument: usize,
    side: Side,
    limit: Price,
    remaining: Quantity,
    fees: Fees,
    is_partial: bool,
}

/// How often what happened.
#[derive(Default, Debug)]
pub(crate) struct Counts {
    refused: usize,
    applied_again: usize,
    ids_reused: usize,
    trades: usize,
    self_trades: usize,
    improvements: usize,
    market_trades: usize,
    compacted: usize,
    supply_limits: usize,
    linked: usize,
    paid_again: usize,
    pay_ids_reused: usize,
    to_oneself: usize,
    to_nobody: usize,
    fees_in_base: usize,
    fees_in_quote: usize,
    rebates: usize,
    /// Rebates that were cut to what the other side paid.
    rebates_cut: usize,
    /// Postings by the first word of their cause.
    pub(crate) causes: BTreeMap<String, usize>,
}

impl Counts {
    pub(crate) fn assert_every_branch_was_taken(&self, is_sandbox: bool) {
        let Counts { refused, applied_again, ids_reused, trades, self_trades, .. } = *self;
        let least = [refused, applied_again, ids_reused, trades, self_trades, self.improvements];
        assert!(least.iter().all(|count| *count > 100), "{self:?}");
        assert!(self.market_trades > 100 && self.supply_limits > 10, "{self:?}");
        assert!(self.linked > 100, "{self:?}");
        let paid = [self.paid_again, self.pay_ids_reused, self.to_oneself];
        assert!(paid.iter().all(|count| *count > 10), "{self:?}");
        assert_eq!(self.to_nobody > 0, !is_sandbox, "{self:?}");
        let fees = [self.fees_in_base, self.fees_in_quote, self.rebates, self.rebates_cut];
        assert!(fees.iter().all(|count| *count > 100), "{self:?}");
        assert_eq!(self.compacted > 100, is_sandbox, "{self:?}");
    }
}

pub(crate) struct Flow {
    pub(crate) accounts: Accounts,
    pub(crate) counts: Counts,
    pub(crate) reference: Reference,
    out: Postings,
    rng: Pcg64Mcg,
    names: Vec<AccountName>,
    instruments: Vec<Instrument>,
    orders: Vec<Order>,
    moved: Vec<(usize, bool, AssetId, i128, KeyText)>,
    paid: Vec<paying::Payment>,
    seed: u64,
    steps: usize,
    last_order: u64,
    last_trade: u64,
}

fn instrument(id: u32, base: AssetId, quote: AssetId) -> Instrument {
    let asset = |id: AssetId| Asset { id, code: format!("A{}", id.0), decimals: 2 };
    let listing = Listing {
        id: InstrumentId(id),
        tick_size: Amount::from_units(10),
        lot_size: Amount::from_units(10),
        price_protection_bps: 500,
    };
    Instrument::list(&asset(base), &asset(quote), listing).expect("a good listing")
}

fn lots(lots: u64) -> Quantity {
    Quantity::from_lots(lots).expect("in range")
}

fn amount(units: i128) -> Amount {
    Amount::from_units(units)
}

/// What an order of this schedule pays in one role.
fn pays(fees: &Fees, is_maker: bool) -> Charge {
    let rate = fees.rate(if is_maker { Role::Maker } else { Role::Taker });
    let in_received = fees.charged_in() == FeeAsset::Received;
    Charge { millionths: rate.millionths().into(), in_received }
}

/// The same in whichever role it pays more.
fn dearer(fees: &Fees) -> Charge {
    let [maker, taker] = [pays(fees, true), pays(fees, false)];
    if maker.millionths > taker.millionths { maker } else { taker }
}

fn refusal(error: MoneyError) -> Refusal {
    match error {
        MoneyError::UnknownAsset => Refusal::UnknownAsset,
        MoneyError::NotPositive => Refusal::NotPositive,
        MoneyError::InsufficientFunds { available, needed } => {
            Refusal::Insufficient { available: available.units(), needed: needed.units() }
        }
        MoneyError::SupplyLimit => Refusal::SupplyLimit,
        MoneyError::IdReused => Refusal::IdReused,
        MoneyError::Nothing => Refusal::Nothing,
        MoneyError::SameAccount => Refusal::SameAccount,
        MoneyError::UnknownAccount => Refusal::UnknownAccount,
        MoneyError::TooManyAccounts => panic!("a flow has few accounts"),
    }
}

impl Flow {
    pub(crate) fn new(seed: u64, grant: Option<Grant>) -> Flow {
        let visitors = (0..VISITORS).map(|number| format!("visitor-{number}"));
        let names = (0..TRADERS).map(|number| format!("trader-{number}")).chain(visitors);
        let names = names.chain(["nobody".to_owned()]);
        let mut flow = Flow {
            accounts: Accounts::seeded(grant, seed.into()),
            counts: Counts::default(),
            reference: Reference::new(grant.is_some()),
            out: Postings::new(),
            rng: Pcg64Mcg::seed_from_u64(seed),
            names: names.map(|name| AccountName::new(&name).expect("a name")).collect(),
            instruments: vec![instrument(1, BTC, USD), instrument(2, ETH, BTC)],
            orders: Vec::new(),
            moved: Vec::new(),
            paid: Vec::new(),
            seed,
            steps: 0,
            last_order: 0,
            last_trade: 0,
        };
        for (asset, units) in [(USD, 100_000), (BTC, 3_000), (ETH, 0)] {
            flow.list(asset, units);
        }
        flow
    }

    /// How many operations there were.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// Where a failure is to be looked for.
    pub(crate) fn place(&self) -> String {
        format!("seed {} step {}", self.seed, self.steps)
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    fn list(&mut self, asset: AssetId, grant: i128) {
        let grant = if self.accounts.grant().is_some() { grant } else { 0 };
        self.accounts.list_asset(asset, amount(grant)).expect("a good listing");
        self.reference.list(asset, grant);
    }

    /// One operation. Whether it was not refused.
    pub(crate) fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps == LATE_LISTING_STEP {
            self.list(EUR, 500);
            return true;
        }
        // As a shard does with every command, and whoever is looked up then, at what is expected or
        // beside it, is the same.
        if !self.steps.is_multiple_of(3) {
            let expected = &self.names[self.steps % self.names.len()];
            let hash = self.accounts.hash(expected);
            self.accounts.expect(expected, hash);
        }
        let is_crowded = self.orders.len() > OPEN_ORDERS_MAX;
        match self.below(100) {
            0..15 => self.deposit_or_withdraw(),
            15..20 => self.move_again(),
            20..50 if !is_crowded => self.place_limit(),
            20..70 => self.trade_resting(),
            70..78 => self.place_market(),
            78..86 => self.cancel(),
            86..88 => self.link(),
            88..91 => self.pay(),
            _ => self.compact(),
        }
    }

    fn open(&mut self, account: usize) -> AccountHandle {
        let name = self.names[account].clone();
        for asset in [USD, BTC, ETH, EUR, UNLISTED] {
            let could = self.accounts.available_to(&name, asset).units();
            assert_eq!(could, self.reference.available_to(&name, asset), "{}", self.place());
        }
        let from = self.reference.journal.len();
        self.out.clear();
        let handle = self.accounts.open(&name, &mut self.out).expect("room for one more");
        self.reference.open(&name);
        self.compare(from);
        handle
    }

    fn deposit_or_withdraw(&mut self) -> bool {
        let account = self.below(TRADERS);
        let is_deposit = self.below(2) == 0;
        let asset = [USD, USD, BTC, BTC, ETH, ETH, EUR, UNLISTED][self.below(8)];
        let units = match self.below(20) {
            0 => 0,
            1 => -5,
            2 => 1 << 120,
            3 => (1 << 120) - 1_000_000_000,
            _ => self.rng.random_range(1..2_000),
        };
        let id = KeyText::new(&format!("id-{}", self.steps)).expect("a key");
        self.move_once(account, is_deposit, asset, units, &id)
    }

    /// The same movement again, or another one with its id.
    fn move_again(&mut self) -> bool {
        if self.moved.is_empty() {
            return self.deposit_or_withdraw();
        }
        let earlier = self.below(self.moved.len());
        let (account, is_deposit, asset, units, id) = self.moved[earlier].clone();
        match self.below(4) {
            0 => self.move_once(account, is_deposit, asset, units + 1, &id),
            1 => self.move_once(
                account,
                is_deposit,
                if asset == USD { BTC } else { USD },
                units,
                &id,
            ),
            _ => self.move_once(account, is_deposit, asset, units, &id),
        }
    }

    fn move_once(
        &mut self,
        account: usize,
        is_deposit: bool,
        asset: AssetId,
        units: i128,
        id: &KeyText,
    ) -> bool {
        let name = self.names[account].clone();
        let accounts = &self.accounts;
        let asked = if is_deposit {
            accounts.check_deposit(&name, asset, amount(units), id)
        } else {
            accounts.check_withdrawal(&name, asset, amount(units), id)
        };
        let handle = match (accounts.find(&name), asked) {
            (None, Err(_)) => {
                self.counts.refused += 1;
                return false;
            }
            (Some(handle), Err(_)) => handle,
            (_, Ok(_)) => self.open(account),
        };
        let from = self.reference.journal.len();
        self.out.clear();
        let movement = if is_deposit {
            self.accounts.deposit(handle, asset, amount(units), id, &mut self.out)
        } else {
            self.accounts.withdraw(handle, asset, amount(units), id, &mut self.out)
        };
        assert_eq!(movement.is_ok(), asked.is_ok(), "{}", self.place());
        let expected = self.reference.move_once(&name, is_deposit, asset, units, id);
        let is_now = movement.map(|movement| movement == Movement::Applied).map_err(refusal);
        assert_eq!(is_now, expected, "{}", self.place());
        self.compare(from);
        match &expected {
            Ok(true) => self.moved.push((account, is_deposit, asset, units, id.clone())),
            Ok(false) => self.counts.applied_again += 1,
            Err(Refusal::IdReused) => self.counts.ids_reused += 1,
            Err(Refusal::SupplyLimit) => self.counts.supply_limits += 1,
            Err(_) => self.counts.refused += 1,
        }
        expected.is_ok()
    }

    /// Holds for an order as the shard does: asks first, opens then. Whether it was accepted.
    fn hold(&mut self, account: usize, asset: AssetId, units: i128) -> bool {
        let name = self.names[account].clone();
        let could = self.accounts.available_to(&name, asset).units();
        let is_refused = could < units || units <= 0;
        if is_refused && !self.reference.is_open(&name) {
            self.counts.refused += 1;
            return false;
        }
        let handle = match self.accounts.find(&name) {
            Some(handle) if is_refused => handle,
            _ => self.open(account),
        };
        self.last_order += 1;
        let order = OrderId::from_number(self.last_order).expect("in range");
        let from = self.reference.journal.len();
        self.out.clear();
        let held = self.accounts.hold(handle, asset, amount(units), order, &mut self.out);
        let expected = self.reference.hold(&name, asset, units, self.last_order);
        assert_eq!(held.map_err(refusal), expected, "{}", self.place());
        assert_eq!(expected.is_err(), is_refused, "{}", self.place());
        self.compare(from);
        self.counts.refused += usize::from(is_refused);
        !is_refused
    }

    /// One of a few schedules, as if it had changed again and again: what was accepted under one
    /// trades with what was accepted under another.
    fn random_fees(&mut self) -> Fees {
        let (maker, taker, charged_in) = [
            (0, 0, FeeAsset::Quote),
            (1_000, 2_000, FeeAsset::Quote),
            (-7_500, 8_000, FeeAsset::Quote),
            (30_000, -20_000, FeeAsset::Quote),
            (100_000, 100_000, FeeAsset::Quote),
            (900, 1_000, FeeAsset::Received),
            (0, 77_777, FeeAsset::Received),
        ][self.below(7)];
        let rate = |millionths| FeeRate::from_millionths(millionths).expect("in range");
        Fees::new(rate(maker), rate(taker), charged_in).expect("a schedule")
    }

    fn random_order(&mut self) -> Order {
        let account = self.below(TRADERS + VISITORS);
        let side = Side::BOTH[self.below(2)];
        let limit = Price::from_ticks(self.rng.random_range(90..=110)).expect("in range");
        let remaining = lots(self.rng.random_range(1..40));
        let instrument = self.below(self.instruments.len());
        let fees = self.random_fees();
        let is_partial = false;
        Order { id: 0, account, instrument, side, limit, remaining, fees, is_partial }
    }

    /// What an order holds, as the reference says it too.
    fn holds(&self, order: &Order) -> (AssetId, Amount) {
        let Order { side, limit, remaining, fees, .. } = *order;
        let instrument = &self.instruments[order.instrument];
        let hold = hold_for(side, instrument, &fees, limit, remaining);
        let expected = match side {
            Side::Buy => {
                let worst = reference::worst(instrument, dearer(&fees), limit, remaining);
                (instrument.quote, amount(worst))
            }
            Side::Sell => (instrument.base, instrument.base_amount(remaining)),
        };
        assert_eq!(hold, expected, "{}", self.place());
        hold
    }

    fn place_limit(&mut self) -> bool {
        let mut order = self.random_order();
        let (asset, needed) = self.holds(&order);
        let is_held = self.hold(order.account, asset, needed.units());
        if is_held {
            order.id = self.last_order;
            self.orders.push(order);
        }
        is_held
    }

    /// Lets two resting orders that cross trade, at one of their limits or between.
    fn trade_resting(&mut self) -> bool {
        for _ in 0..20 {
            if self.orders.is_empty() {
                break;
            }
            let [first, second] = [0; 2].map(|_: i32| self.below(self.orders.len()));
            let (buy, sell) = (&self.orders[first], &self.orders[second]);
            let is_match = buy.side == Side::Buy
                && sell.side == Side::Sell
                && buy.instrument == sell.instrument
                && buy.limit >= sell.limit
                && buy.account.max(sell.account) < TRADERS;
            if is_match {
                let most = buy.remaining.min(sell.remaining).lots();
                let prices = sell.limit.ticks()..=buy.limit.ticks();
                let price = Price::from_ticks(self.rng.random_range(prices)).expect("in range");
                let quantity = lots(self.rng.random_range(1..=most));
                self.settle_limit(first, second, price, quantity);
                return true;
            }
        }
        self.place_limit()
    }

    fn settle_limit(&mut self, buy: usize, sell: usize, price: Price, quantity: Quantity) {
        let (buyer, limit) = (self.orders[buy].account, self.orders[buy].limit);
        let seller = self.orders[sell].account;
        let instrument = self.orders[buy].instrument;
        let fees = (self.orders[buy].fees, self.orders[sell].fees);
        let maker_side = Side::BOTH[self.below(2)];
        let buyer = (buyer, Some(limit));
        self.settle(instrument, (price, quantity, maker_side), buyer, seller, fees);
        self.counts.improvements += usize::from(limit > price);
        for order in [buy, sell] {
            let order = &mut self.orders[order];
            order.remaining = order.remaining.minus(quantity);
            order.is_partial = true;
        }
        self.orders.retain(|order| !order.remaining.is_zero());
    }

    fn settle(
        &mut self,
        instrument: usize,
        (price, quantity, maker_side): (Price, Quantity, Side),
        (buyer, buyer_limit): (usize, Option<Price>),
        seller: usize,
        (buyer_fees, seller_fees): (Fees, Fees),
    ) -> Amount {
        self.last_trade += 1;
        self.counts.trades += 1;
        self.counts.self_trades += usize::from(buyer == seller);
        let instrument = &self.instruments[instrument];
        let [buyer, seller] = [buyer, seller].map(|account| &self.names[account]);
        let deal = Deal {
            instrument,
            trade: self.last_trade,
            price,
            quantity,
            buyer,
            buyer_limit,
            seller,
            buyer_pays: pays(&buyer_fees, maker_side == Side::Buy),
            seller_pays: pays(&seller_fees, maker_side == Side::Sell),
            buyer_holds: dearer(&buyer_fees),
        };
        let handle = |name| self.accounts.find(name).expect("it has an open order");
        let settlement = Settlement {
            instrument,
            trade: TradeId(self.last_trade),
            price,
            quantity,
            maker_side,
            buyer: handle(buyer),
            buyer_limit,
            buyer_fees,
            seller: handle(seller),
            seller_fees,
        };
        let from = self.reference.journal.len();
        self.out.clear();
        let settled = self.accounts.settle(&settlement, &mut self.out);
        let [in_base, in_quote, of_seller] = self.reference.settle(&deal);
        let (buyer_pays, seller_pays) = (deal.buyer_pays, deal.seller_pays);
        let [base, quote] = [settlement.instrument.base, settlement.instrument.quote];
        let charged = if buyer_pays.in_received { (base, in_base) } else { (quote, in_quote) };
        let of = |fee: Fee| (fee.asset, fee.amount.units());
        assert_eq!(of(settled.buyer_fee), charged, "{}", self.place());
        assert_eq!(of(settled.seller_fee), (quote, of_seller), "{}", self.place());
        self.compare(from);
        let counts = &mut self.counts;
        counts.fees_in_base += usize::from(in_base > 0);
        counts.fees_in_quote += usize::from(in_quote > 0) + usize::from(of_seller > 0);
        counts.rebates += usize::from(in_quote < 0 || of_seller < 0);
        let asked_for = [buyer_pays, seller_pays].map(|pays| pays.millionths < 0);
        let is_cut = (asked_for[0] && in_quote == 0) || (asked_for[1] && of_seller == 0);
        counts.rebates_cut += usize::from(is_cut);
        settled.let_go
    }

    /// A market buy against what rests, within its budget; the rest of the budget is released.
    fn place_market(&mut self) -> bool {
        let account = self.below(TRADERS);
        let number = self.below(self.instruments.len());
        let instrument = self.instruments[number].clone();
        let bound = Price::from_ticks(self.rng.random_range(95..=110)).expect("in range");
        let available = self.accounts.available_to(&self.names[account], instrument.quote);
        let mut wanted = lots(self.rng.random_range(1..60));
        let fees = self.random_fees();
        let taking = pays(&fees, false);
        let worst = amount(reference::worst(&instrument, taking, bound, wanted));
        let (size, expected) = if self.below(2) == 0 {
            (MarketSize::Base(wanted), worst.min(available))
        } else {
            (MarketSize::Quote(worst), worst)
        };
        let hold = hold_for_market(Side::Buy, &instrument, &fees, size, bound, available);
        assert_eq!(hold, (instrument.quote, expected), "{}", self.place());
        let (asset, budget) = hold;
        if !self.hold(account, asset, budget.units()) {
            return false;
        }
        let order = self.last_order;
        let mut left = budget;
        while let Some(sell) = self.orders.iter().position(|resting| {
            let is_match = resting.side == Side::Sell && resting.instrument == number;
            is_match && resting.limit <= bound && resting.account < TRADERS
        }) {
            let Order { limit: price, remaining, account: seller, .. } = self.orders[sell];
            let net = fees.on_top(Side::Buy, Role::Taker).net(left);
            let quantity = remaining.min(wanted).min(instrument.affordable(net, price));
            if quantity.is_zero() {
                break;
            }
            let both = (fees, self.orders[sell].fees);
            let terms = (price, quantity, Side::Sell);
            let gave = self.settle(number, terms, (account, None), seller, both);
            self.counts.market_trades += 1;
            left = left.checked_sub(gave).expect("affordable");
            wanted = wanted.minus(quantity);
            self.orders[sell].remaining = remaining.minus(quantity);
            self.orders.retain(|order| !order.remaining.is_zero());
        }
        self.release(account, asset, left, order);
        true
    }

    /// Sends some of what an account has to another shard, or takes what comes from one.
    fn link(&mut self) -> bool {
        let account = self.below(TRADERS + VISITORS);
        let handle = self.open(account);
        let name = self.names[account].clone();
        let asset = [USD, BTC, ETH][self.below(3)];
        let peer = Partition::new(1 + u16::from(self.below(2) == 0)).expect("in range");
        let is_sent = self.below(2) == 0;
        // What went often comes back to the unit, so that accounts come back to their grant.
        let link = self.accounts.link(handle, asset).units();
        let available = self.accounts.available(handle, asset).units();
        let most = match (is_sent, self.below(2) == 0) {
            (true, true) => available.min((-link).max(0)),
            (false, true) => link.max(0),
            (true, false) => self.rng.random_range(0..=available.min(500)),
            (false, false) => self.rng.random_range(0..500),
        };
        let from = self.reference.journal.len();
        self.out.clear();
        if is_sent {
            self.accounts.send(handle, asset, amount(most), peer, &mut self.out);
        } else {
            self.accounts.receive(handle, asset, amount(most), peer, &mut self.out);
        }
        self.reference.link(&name, asset, most, (is_sent, peer));
        self.compare(from);
        self.counts.linked += usize::from(most > 0);
        true
    }

    fn release(&mut self, account: usize, asset: AssetId, rest: Amount, order: u64) {
        let name = self.names[account].clone();
        let handle = self.accounts.find(&name).expect("it has an open order");
        let from = self.reference.journal.len();
        self.out.clear();
        let id = OrderId::from_number(order).expect("in range");
        self.accounts.release(handle, asset, rest, id, &mut self.out);
        self.reference.release(&name, asset, rest.units(), order);
        self.compare(from);
    }

    fn end(&mut self, order: usize) {
        let order = self.orders.remove(order);
        let (asset, rest) = self.holds(&order);
        let Order { id, account, .. } = order;
        self.release(account, asset, rest, id);
    }

    /// Ends an order that was filled in part and forgets to let go of what it still holds. Whether
    /// there was one.
    pub(crate) fn forget_a_release(&mut self) -> bool {
        let is_partial = |order: &Order| order.is_partial && order.side == Side::Buy;
        let at = self.orders.iter().position(is_partial);
        at.map(|at| self.orders.remove(at)).is_some()
    }

    fn cancel(&mut self) -> bool {
        if self.orders.is_empty() {
            return self.place_limit();
        }
        let order = self.below(self.orders.len());
        self.end(order);
        true
    }

    /// Ends some or all orders of an account and tries to compact the account.
    fn compact(&mut self) -> bool {
        let visitor = TRADERS + self.below(VISITORS);
        let account = if self.below(2) == 0 { visitor } else { self.below(TRADERS + VISITORS) };
        while self.below(8) > 0 {
            let Some(order) = self.orders.iter().position(|order| order.account == account) else {
                break;
            };
            self.end(order);
        }
        let name = self.names[account].clone();
        let Some(handle) = self.accounts.find(&name) else {
            self.open(account);
            return true;
        };
        let open_orders = self.orders.iter().filter(|order| order.account == account).count();
        let from = self.reference.journal.len();
        self.out.clear();
        let is_gone = self.accounts.compact(handle, open_orders, &mut self.out);
        let is_sandbox = self.accounts.grant().is_some();
        let expected = is_sandbox && self.reference.compact(&name, open_orders);
        assert_eq!(is_gone, expected, "{}", self.place());
        assert_eq!(self.accounts.find(&name).is_none(), is_gone, "{}", self.place());
        self.compare(from);
        self.counts.compacted += usize::from(is_gone);
        true
    }

    /// The postings since are the reference's, and so are the balances that they touched.
    fn compare(&mut self, from: usize) {
        let entries: Vec<Entry> = self.out.iter().map(|posting| self.in_words(&posting)).collect();
        for entry in &entries {
            let is_name = |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase());
            let words: Vec<&str> = entry.why.split(' ').filter(is_name).collect();
            *self.counts.causes.entry(words.join(" ")).or_default() += 1;
        }
        assert_eq!(entries, self.reference.journal[from..], "postings differ at {}", self.place());
        let mut touched = Vec::new();
        for leg in self.out.iter().flat_map(|posting| posting.legs) {
            let pair = leg.bucket.account().map(|account| (account, leg.asset));
            touched.extend(pair.filter(|pair| !touched.contains(pair)));
        }
        assert_eq!(self.out.touched(), touched, "{}", self.place());
        for (handle, asset) in touched {
            let name = self.accounts.name(handle);
            self.compare_balance(handle, name, asset);
        }
    }

    fn compare_balance(&self, handle: AccountHandle, name: &AccountName, asset: AssetId) {
        let balance = self.accounts.balance(handle, asset);
        let available = self.reference.balance(Place::Available(name.clone()), asset);
        let held = self.reference.balance(Place::Held(name.clone()), asset);
        let got = (balance.available.units(), balance.held.units());
        assert_eq!(got, (available, held), "{name} {asset:?} at {}", self.place());
        assert!(available >= 0 && held >= 0, "{}", self.place());
        let link = self.reference.balance(Place::Link(name.clone()), asset);
        assert_eq!(self.accounts.link(handle, asset).units(), link, "{name} at {}", self.place());
    }

    fn in_words(&self, posting: &Posting<'_>) -> Entry {
        let why = match posting.cause {
            Cause::Grant => "grant".to_owned(),
            Cause::GrantReturned => "grant returned".to_owned(),
            Cause::Deposit { id } => format!("deposit {id}"),
            Cause::Withdrawal { id } => format!("withdrawal {id}"),
            Cause::Transfer { id, .. } => format!("transfer {id}"),
            Cause::TransferTaken { id, .. } => format!("transfer taken {id}"),
            Cause::TransferReturned { id, .. } => format!("transfer returned {id}"),
            Cause::Adjustment { id } => format!("adjustment {id}"),
            Cause::Hold { order } => format!("hold {order}"),
            Cause::Trade { instrument, trade } => format!("trade {}/{}", instrument.0, trade.0),
            Cause::Release { order } => format!("release {order}"),
            Cause::LinkSent { to } => format!("link sent {to}"),
            Cause::LinkTaken { from } => format!("link taken {from}"),
        };
        let place = |bucket| match bucket {
            Bucket::Available(handle) => Place::Available(self.accounts.name(handle).clone()),
            Bucket::Held(handle) => Place::Held(self.accounts.name(handle).clone()),
            Bucket::External => Place::External,
            Bucket::Faucet => Place::Faucet,
            Bucket::Fees => Place::Fees,
            Bucket::Adjustments => Place::Adjustments,
            Bucket::Link(handle) => Place::Link(self.accounts.name(handle).clone()),
        };
        assert!(posting.is_balanced(), "{}", self.place());
        let legs = posting.legs.iter();
        let legs = legs.map(|leg| (place(leg.bucket), leg.asset, leg.amount.units())).collect();
        Entry { why, legs }
    }

    pub(crate) fn end_all_orders(&mut self) {
        while !self.orders.is_empty() {
            self.end(0);
        }
    }

    pub(crate) fn check_that_nothing_is_held(&self) {
        for name in &self.names {
            let Some(handle) = self.accounts.find(name) else { continue };
            for (asset, balance) in self.accounts.balances(handle) {
                assert_eq!(balance.held, Amount::ZERO, "{name} {asset:?} at {}", self.place());
            }
        }
    }

    /// Invariants, totals, every account's balances, and holds equal to what orders remain.
    pub(crate) fn check_everything(&self) {
        self.accounts.check_invariants().unwrap_or_else(|why| panic!("{why} at {}", self.place()));
        for (asset, total) in self.accounts.totals() {
            assert_eq!(total, Amount::ZERO, "{asset:?} at {}", self.place());
        }
        for (account, name) in self.names.iter().enumerate() {
            assert_eq!(self.accounts.find(name).is_some(), self.reference.is_open(name));
            let Some(handle) = self.accounts.find(name) else { continue };
            for asset in [USD, BTC, ETH, EUR, UNLISTED] {
                self.compare_balance(handle, name, asset);
                let holds = self.orders.iter().filter(|order| order.account == account);
                let holds = holds.map(|order| self.holds(order));
                let held = holds.filter(|(of, _)| *of == asset).map(|(_, held)| held);
                let expected = Amount::checked_sum(held).expect("small");
                let held = self.accounts.balance(handle, asset).held;
                assert_eq!(held, expected, "not what open orders need at {}", self.place());
            }
        }
        if self.steps % 10_000 == 1 {
            self.reference.check();
        }
    }

    /// Replaces the accounts by what their image restores to.
    pub(crate) fn go_on_from_the_image(&mut self) {
        let image = self.accounts.image();
        let restored = Accounts::restore(image.clone()).expect("an image of a real state");
        assert_eq!(restored.image(), image, "{}", self.place());
        self.accounts = restored;
    }
}
