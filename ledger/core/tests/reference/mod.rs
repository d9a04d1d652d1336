//! The naive reference: a journal of entries and balances that are nothing but its sums.
//!
//! It imports only `model`, knows accounts by name, keeps everything in ordered maps and never
//! forgets an entry. It is what the real table of accounts must equal, posting for posting.

use std::collections::{BTreeMap, BTreeSet};

use model::{AccountName, AssetId, Instrument, KeyText, Partition, Price, Quantity};

/// A place in the chart of accounts, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Available(AccountName),
    Held(AccountName),
    External,
    Faucet,
    Fees,
    Adjustments,
    Link(AccountName),
}

/// A cause in words and what each place gains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) why: String,
    pub(crate) legs: Vec<(Place, AssetId, i128)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownAsset,
    NotPositive,
    Insufficient { available: i128, needed: i128 },
    SupplyLimit,
    IdReused,
    Nothing,
    SameAccount,
    UnknownAccount,
}

/// What one side pays: so many millionths of what is charged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    pub(crate) millionths: i128,
    /// Out of what it receives; else in the quote asset.
    pub(crate) in_received: bool,
}

/// Charges are rounded up and rebates, which are below zero, towards it.
fn fee_on(units: i128, millionths: i128) -> i128 {
    let exact = units * millionths;
    if exact > 0 { (exact + 999_999) / 1_000_000 } else { exact / 1_000_000 }
}

/// A mistake that one of the two makes, to show that comparing them finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A charge is rounded down.
    ChargesRoundedDown,
    /// A rebate is rounded up, away from zero.
    RebatesRoundedUp,
    /// The house's leg is forgotten.
    HouseForgotten,
    /// What is paid is a price times a quantity, both as floats.
    FloatPrice,
    /// A transfer that is sent again under its id is done again.
    TransferTwice,
    /// A transfer is remembered, and nothing moves.
    TransferLost,
}

/// What so many lots hold at a price, each lot by itself, with fees at the dearer of two rates.
pub(crate) fn worst(
    instrument: &Instrument,
    dearer: Charge,
    price: Price,
    quantity: Quantity,
) -> i128 {
    let one = Quantity::from_lots(1).expect("one is a quantity");
    let lot = instrument.notional(price, one).units();
    let fee = if dearer.in_received { 0 } else { fee_on(lot, dearer.millionths.max(0)) };
    (lot + fee) * i128::from(quantity.lots())
}

/// Who trades with whom, at what.
pub(crate) struct Deal<'a> {
    pub(crate) instrument: &'a Instrument,
    pub(crate) trade: u64,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
    pub(crate) buyer: &'a AccountName,
    pub(crate) buyer_limit: Option<Price>,
    pub(crate) seller: &'a AccountName,
    /// What either pays in its role, and what the buyer's limit order has held for.
    pub(crate) buyer_pays: Charge,
    pub(crate) seller_pays: Charge,
    pub(crate) buyer_holds: Charge,
}

/// Price times quantity in coins of a hundred units, where a tick and a lot are a tenth of one, and
/// then in units: how it is written where nobody thinks of it.
#[expect(clippy::cast_possible_truncation, reason = "the mistake is to do so")]
fn as_floats(price: Price, quantity: Quantity) -> i128 {
    let coins = |tenths: u64| tenths as f64 * 0.1;
    (coins(price.ticks()) * coins(quantity.lots()) * 100.0) as i128
}

pub(crate) const SUPPLY_MAX: i128 = 1 << 120;

#[derive(Default)]
pub(crate) struct Reference {
    /// Listed assets with their grants, in order of listing.
    listed: Vec<(AssetId, i128)>,
    /// The open accounts, with the assets that each was granted.
    open: BTreeMap<AccountName, BTreeSet<AssetId>>,
    /// Content of every deposit (`true`) and withdrawal ever applied.
    moved: BTreeMap<(AccountName, bool, KeyText), (AssetId, i128)>,
    pub(crate) journal: Vec<Entry>,
    pub(crate) wrong: Option<Wrong>,
    balances: BTreeMap<(Place, AssetId), i128>,
    /// Content of every transfer, by its sender, and of every adjustment ever applied.
    sent: BTreeMap<(AccountName, KeyText), (AccountName, AssetId, i128)>,
    corrected: BTreeMap<(AccountName, KeyText), (AssetId, i128)>,
    is_sandbox: bool,
}

impl Reference {
    pub(crate) fn new(is_sandbox: bool) -> Reference {
        Reference { is_sandbox, ..Reference::default() }
    }

    fn write(&mut self, why: String, legs: Vec<(Place, AssetId, i128)>) {
        for (place, asset, amount) in &legs {
            *self.balances.entry((place.clone(), *asset)).or_insert(0) += amount;
        }
        self.journal.push(Entry { why, legs });
    }

    pub(crate) fn balance(&self, place: Place, asset: AssetId) -> i128 {
        self.balances.get(&(place, asset)).copied().unwrap_or(0)
    }

    /// The balances are what the journal adds up to, no client is below zero, all assets are zero.
    pub(crate) fn check(&self) {
        let mut sums: BTreeMap<(Place, AssetId), i128> = BTreeMap::new();
        let mut totals: BTreeMap<AssetId, i128> = BTreeMap::new();
        for (place, asset, amount) in self.journal.iter().flat_map(|entry| &entry.legs) {
            *sums.entry((place.clone(), *asset)).or_insert(0) += amount;
            *totals.entry(*asset).or_insert(0) += amount;
        }
        assert_eq!(sums, self.balances);
        assert!(totals.values().all(|total| *total == 0), "{totals:?}");
        let is_clients = |place: &Place| matches!(place, Place::Available(_) | Place::Held(_));
        let negative = sums.iter().find(|((place, _), sum)| is_clients(place) && **sum < 0);
        assert_eq!(negative, None);
    }

    pub(crate) fn list(&mut self, asset: AssetId, grant: i128) {
        self.listed.push((asset, grant));
    }

    pub(crate) fn open(&mut self, name: &AccountName) {
        let had = self.open.entry(name.clone()).or_default().clone();
        let mut legs = Vec::new();
        for (asset, grant) in self.listed.iter().filter(|(asset, _)| !had.contains(asset)) {
            if *grant > 0 {
                legs.push((Place::Faucet, *asset, -grant));
                legs.push((Place::Available(name.clone()), *asset, *grant));
            }
        }
        let all = self.listed.iter().map(|(asset, _)| *asset).collect();
        self.open.insert(name.clone(), all);
        if !legs.is_empty() {
            self.write("grant".to_owned(), legs);
        }
    }

    pub(crate) fn is_open(&self, name: &AccountName) -> bool {
        self.open.contains_key(name)
    }

    /// What the account could use once it is opened.
    pub(crate) fn available_to(&self, name: &AccountName, asset: AssetId) -> i128 {
        let had = self.open.get(name).is_some_and(|granted| granted.contains(&asset));
        let grants = self.listed.iter().filter(|(listed, _)| *listed == asset && !had);
        let pending: i128 = grants.map(|(_, grant)| grant).sum();
        self.balance(Place::Available(name.clone()), asset) + pending
    }

    fn check_listed(&self, asset: AssetId, amount: i128) -> Result<(), Refusal> {
        if !self.listed.iter().any(|(listed, _)| *listed == asset) {
            return Err(Refusal::UnknownAsset);
        }
        if amount <= 0 { Err(Refusal::NotPositive) } else { Ok(()) }
    }

    fn need(&self, name: &AccountName, asset: AssetId, needed: i128) -> Result<(), Refusal> {
        let available = self.balance(Place::Available(name.clone()), asset);
        if available < needed { Err(Refusal::Insufficient { available, needed }) } else { Ok(()) }
    }

    fn need_once_opened(
        &self,
        name: &AccountName,
        asset: AssetId,
        needed: i128,
    ) -> Result<(), Refusal> {
        let available = self.available_to(name, asset);
        if available < needed { Err(Refusal::Insufficient { available, needed }) } else { Ok(()) }
    }

    /// Whether money moved now (and not earlier).
    pub(crate) fn move_once(
        &mut self,
        name: &AccountName,
        is_deposit: bool,
        asset: AssetId,
        amount: i128,
        id: &KeyText,
    ) -> Result<bool, Refusal> {
        self.check_listed(asset, amount)?;
        let key = (name.clone(), is_deposit, id.clone());
        if let Some(content) = self.moved.get(&key) {
            return if *content == (asset, amount) { Ok(false) } else { Err(Refusal::IdReused) };
        }
        let available = Place::Available(name.clone());
        if is_deposit {
            if amount - self.balance(Place::External, asset) > SUPPLY_MAX {
                return Err(Refusal::SupplyLimit);
            }
            let legs = vec![(Place::External, asset, -amount), (available, asset, amount)];
            self.write(format!("deposit {id}"), legs);
        } else {
            self.need(name, asset, amount)?;
            let legs = vec![(available, asset, -amount), (Place::External, asset, amount)];
            self.write(format!("withdrawal {id}"), legs);
        }
        self.moved.insert(key, (asset, amount));
        Ok(true)
    }

    /// Whether money moved now, from one account to another that is opened for it.
    pub(crate) fn transfer(
        &mut self,
        from: &AccountName,
        to: &AccountName,
        (asset, amount): (AssetId, i128),
        id: &KeyText,
    ) -> Result<bool, Refusal> {
        self.check_listed(asset, amount)?;
        if from == to {
            return Err(Refusal::SameAccount);
        }
        let (key, content) = ((from.clone(), id.clone()), (to.clone(), asset, amount));
        match self.sent.get(&key) {
            Some(earlier) if *earlier == content && self.wrong != Some(Wrong::TransferTwice) => {
                return Ok(false);
            }
            Some(earlier) if *earlier != content => return Err(Refusal::IdReused),
            Some(_) | None => {}
        }
        if !self.is_sandbox && !self.is_open(to) {
            return Err(Refusal::UnknownAccount);
        }
        self.need_once_opened(from, asset, amount)?;
        self.open(to);
        let [from, to] = [from, to].map(|name| Place::Available(name.clone()));
        if self.wrong != Some(Wrong::TransferLost) {
            self.write(format!("transfer {id}"), vec![(from, asset, -amount), (to, asset, amount)]);
        }
        self.sent.insert(key, content);
        Ok(true)
    }

    /// Whether a correction was done now.
    pub(crate) fn adjust(
        &mut self,
        name: &AccountName,
        (asset, amount): (AssetId, i128),
        id: &KeyText,
    ) -> Result<bool, Refusal> {
        if !self.listed.iter().any(|(listed, _)| *listed == asset) {
            return Err(Refusal::UnknownAsset);
        }
        if amount == 0 {
            return Err(Refusal::Nothing);
        }
        let key = (name.clone(), id.clone());
        match self.corrected.get(&key) {
            Some(earlier) if *earlier == (asset, amount) => return Ok(false),
            Some(_) => return Err(Refusal::IdReused),
            None => {}
        }
        if (self.balance(Place::Adjustments, asset) - amount).abs() > SUPPLY_MAX {
            return Err(Refusal::SupplyLimit);
        }
        self.need_once_opened(name, asset, -amount)?;
        let available = Place::Available(name.clone());
        let legs = vec![(Place::Adjustments, asset, -amount), (available, asset, amount)];
        self.write(format!("adjustment {id}"), legs);
        self.corrected.insert(key, (asset, amount));
        Ok(true)
    }

    /// A transfer came from another shard, or came back from it.
    pub(crate) fn arrive(
        &mut self,
        to: &AccountName,
        back_to: Option<&AccountName>,
        (asset, amount): (AssetId, i128),
        id: &KeyText,
    ) {
        let why = if back_to.is_some() { "returned" } else { "taken" };
        let into = Place::Available(back_to.unwrap_or(to).clone());
        let legs = vec![(Place::Link(to.clone()), asset, -amount), (into, asset, amount)];
        self.write(format!("transfer {why} {id}"), legs);
    }

    pub(crate) fn hold(
        &mut self,
        name: &AccountName,
        asset: AssetId,
        amount: i128,
        order: u64,
    ) -> Result<(), Refusal> {
        self.check_listed(asset, amount)?;
        self.need(name, asset, amount)?;
        let [available, held] = [Place::Available(name.clone()), Place::Held(name.clone())];
        let legs = vec![(available, asset, -amount), (held, asset, amount)];
        self.write(format!("hold {order}"), legs);
        Ok(())
    }

    pub(crate) fn release(&mut self, name: &AccountName, asset: AssetId, amount: i128, order: u64) {
        let [available, held] = [Place::Available(name.clone()), Place::Held(name.clone())];
        if amount != 0 {
            let legs = vec![(held, asset, -amount), (available, asset, amount)];
            self.write(format!("release {order}"), legs);
        }
    }

    /// Money goes to another shard, or comes from it where `is_sent` says no.
    pub(crate) fn link(
        &mut self,
        name: &AccountName,
        asset: AssetId,
        amount: i128,
        (is_sent, peer): (bool, Partition),
    ) {
        let [available, link] = [Place::Available(name.clone()), Place::Link(name.clone())];
        if amount != 0 {
            let (from, to) = if is_sent { (available, link) } else { (link, available) };
            let why = if is_sent { "sent" } else { "taken" };
            self.write(
                format!("link {why} {peer}"),
                vec![(from, asset, -amount), (to, asset, amount)],
            );
        }
    }

    fn fee_on(&self, units: i128, millionths: i128) -> i128 {
        let exact = units * millionths;
        match self.wrong {
            Some(Wrong::ChargesRoundedDown) if exact > 0 => exact / 1_000_000,
            Some(Wrong::RebatesRoundedUp) if exact < 0 => (exact - 999_999) / 1_000_000,
            _ => fee_on(units, millionths),
        }
    }

    /// What so much of it costs.
    fn paid(&self, instrument: &Instrument, price: Price, quantity: Quantity) -> i128 {
        let exact = instrument.notional(price, quantity).units();
        if self.wrong == Some(Wrong::FloatPrice) { as_floats(price, quantity) } else { exact }
    }

    /// What the two sides were charged: the buyer in base, the buyer in quote, the seller.
    pub(crate) fn settle(&mut self, deal: &Deal<'_>) -> [i128; 3] {
        let Deal { instrument, quantity, buyer, seller, buyer_pays, seller_pays, .. } = *deal;
        let (base, quote) = (instrument.base, instrument.quote);
        let paid = self.paid(instrument, deal.price, quantity);
        let delivered = instrument.base_amount(quantity).units();
        let (mut in_base, mut in_quote) = (0, 0);
        if buyer_pays.in_received {
            in_base = self.fee_on(delivered, buyer_pays.millionths);
        } else {
            in_quote = self.fee_on(paid, buyer_pays.millionths);
        }
        let mut of_seller = self.fee_on(paid, seller_pays.millionths);
        // Nobody is paid more than the other pays in the same asset.
        if in_quote < 0 && in_quote + of_seller < 0 {
            in_quote = -of_seller.max(0);
        }
        if of_seller < 0 && in_quote + of_seller < 0 {
            of_seller = -in_quote.max(0);
        }
        let held = match deal.buyer_limit {
            Some(limit) => worst(instrument, deal.buyer_holds, limit, quantity),
            None => paid + in_quote.max(0),
        };
        let mut legs = vec![
            (Place::Held(buyer.clone()), quote, -held),
            (Place::Available(seller.clone()), quote, paid - of_seller),
        ];
        if held != paid + in_quote {
            legs.push((Place::Available(buyer.clone()), quote, held - paid - in_quote));
        }
        if in_quote + of_seller != 0 && self.wrong != Some(Wrong::HouseForgotten) {
            legs.push((Place::Fees, quote, in_quote + of_seller));
        }
        legs.push((Place::Held(seller.clone()), base, -delivered));
        legs.push((Place::Available(buyer.clone()), base, delivered - in_base));
        if in_base != 0 {
            legs.push((Place::Fees, base, in_base));
        }
        self.write(format!("trade {}/{}", instrument.id.0, deal.trade), legs);
        assert!(self.balance(Place::Fees, base) >= 0 && self.balance(Place::Fees, quote) >= 0);
        [in_base, in_quote, of_seller]
    }

    pub(crate) fn compact(&mut self, name: &AccountName, open_orders: usize) -> bool {
        let Some(granted) = self.open.get(name).cloned() else { return false };
        let [available, held] = [Place::Available(name.clone()), Place::Held(name.clone())];
        let is_at_grant = self.listed.iter().all(|(asset, grant)| {
            let expected = if granted.contains(asset) { *grant } else { 0 };
            self.balance(available.clone(), *asset) == expected
                && self.balance(held.clone(), *asset) == 0
                && self.balance(Place::Link(name.clone()), *asset) == 0
        });
        let has_moved = self.moved.keys().any(|(mover, _, _)| mover == name)
            || self.sent.keys().chain(self.corrected.keys()).any(|(mover, _)| mover == name);
        if open_orders > 0 || has_moved || !is_at_grant {
            return false;
        }
        let mut legs = Vec::new();
        for (asset, grant) in self.listed.iter().filter(|(asset, _)| granted.contains(asset)) {
            if *grant > 0 {
                legs.push((available.clone(), *asset, -grant));
                legs.push((Place::Faucet, *asset, *grant));
            }
        }
        if !legs.is_empty() {
            self.write("grant returned".to_owned(), legs);
        }
        self.open.remove(name);
        true
    }
}
