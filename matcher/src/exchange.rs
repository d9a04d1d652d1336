//! The state of a shard, and how the spine drives it.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::{Accounts, Grant, Postings, Settled, hold_for};
use matcher_core::{Books, Keys, Outcome};
use model::{AccountName, AssetId, InstrumentId, KeyText, OrderFilter, Partition, Span, Timestamp};
use proto::{
    command::{Command, OrderName},
    credential::Credential,
    draft::Draft,
    listing::{FEE_TIERS_KEY, instrument_key},
    log::{self, RefusalReason},
    reference::{self, ReferenceRecord},
};
use spine::{ClientInput, Core, LinkInput, OperatorInput};

use crate::{
    answer::{Named, refused},
    control::Controls,
    credential::Credentials,
    fund::Border,
    image,
    indication::Indications,
    limits::{ORDER_EXPIRIES_MAX, PARKED_EXPIRIES_MAX},
    list::Listings,
    order_list::shared::SharedHolds,
    park::{Park, home::Asks},
    switch::Switches,
    tier::Tiers,
    trail::Trail,
    transfer::OnTheirWay,
};

/// The order books of a partition, the accounts that trade in them, and the keys of their retries.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) partition: Partition,
    /// How many shards the log has; it never changes.
    pub(crate) partition_count: u32,
    pub(crate) key_retention: Span,
    pub(crate) listings: Listings,
    /// On the first shard, which tokens there are.
    pub(crate) credentials: Credentials,
    /// On the first shard, the end of the audit trail.
    pub(crate) trail: Trail,
    pub(crate) books: Books,
    pub(crate) accounts: Accounts,
    /// The group of each account that is in one, open or not.
    pub(crate) groups: BTreeMap<AccountName, u64>,
    pub(crate) keys: Keys,
    /// What orders hold of which one is to cancel the other; it follows from the books.
    pub(crate) shared: SharedHolds,
    /// What waits for money from other shards.
    pub(crate) park: Park,
    /// What other shards ask of accounts that are at home here.
    pub(crate) asks: Asks,
    /// When accounts' orders end unless they are heard of in time.
    pub(crate) switches: Switches,
    /// Transfers to other shards that are on their way.
    pub(crate) on_their_way: OnTheirWay,
    /// What was told of auctions to come.
    pub(crate) indications: Indications,
    /// What those who run the platform let accounts do.
    pub(crate) controls: Controls,
    /// Which fee tier accounts have.
    pub(crate) tiers: Tiers,
    /// The resets of sandbox accounts that were done.
    pub(crate) resets: BTreeSet<(AccountName, KeyText)>,
    /// Whether more has waited too long than the last answer held.
    pub(crate) has_overdue: bool,
    /// The number of the account that is looked at next for compaction, whoever trades.
    pub(crate) revisited: u32,
    /// What the current input moved, matched and named; empty between inputs.
    pub(crate) postings: Postings,
    pub(crate) matched: Outcome,
    /// What each trade in it was settled at, in their order.
    pub(crate) settled: Vec<Settled>,
    /// How many trades, prevented ones included, the current input has made so far.
    pub(crate) matches: usize,
    pub(crate) named: Named,
}

impl Core for Exchange {
    fn new(genesis: &log::Genesis, partition: Partition) -> Self {
        let grant = genesis.sandbox.then_some(Grant::STANDARD);
        let seed = seed(genesis);
        let partition_count = u16::try_from(genesis.partition_count).unwrap_or(u16::MAX);
        Exchange {
            partition,
            partition_count: genesis.partition_count,
            key_retention: Span::from_nanos(genesis.key_retention_nanos),
            listings: Listings::default(),
            credentials: Credentials::default(),
            trail: Trail::default(),
            books: Books::new(),
            accounts: Accounts::seeded(grant, seed).on(partition, partition_count),
            groups: BTreeMap::new(),
            keys: Keys::seeded(seed),
            shared: SharedHolds::default(),
            park: Park::default(),
            asks: Asks::default(),
            switches: Switches::default(),
            controls: Controls::default(),
            tiers: Tiers::default(),
            resets: BTreeSet::new(),
            indications: Indications::new(),
            on_their_way: OnTheirWay::default(),
            has_overdue: false,
            revisited: 0,
            postings: Postings::new(),
            matched: Outcome::default(),
            settled: Vec::new(),
            matches: 0,
            named: Named::default(),
        }
    }

    fn pass_time(&mut self, now: Timestamp, body: &mut Draft) {
        let (books, park) = (&self.books, &self.park);
        let is_open = |order| books.is_open(order) || books.has_open_leg(order);
        self.keys.expire(now, |order| is_open(order) || park.holds(order));
        let (dropped, unparked) = self.let_switches_go_off(now, body);
        if dropped + unparked > 0 {
            self.finish(body);
        }
        let is_due = self.park.overdue(now).is_some();
        if is_due {
            self.end_overdue(now, PARKED_EXPIRIES_MAX - unparked, body);
            self.finish(body);
        }
        self.has_overdue = is_due && self.park.overdue(now).is_some();
        let most = ORDER_EXPIRIES_MAX.saturating_sub(dropped);
        if self.books.expire(now, most, &mut self.matched) > 0 {
            self.settle_ends();
            self.write_matched(body);
            self.finish(body);
        }
        self.reopen_markets(body);
    }

    fn apply(&mut self, input: &ClientInput<'_>, body: &mut Draft) {
        let client = input.command;
        let is_late = input.appended_at > client.stamp.valid_until;
        let hash = self.accounts.hash(&client.account);
        self.accounts.expect(&client.account, hash);
        self.keys.expect(&client.account, hash);
        match &client.command {
            Command::Place(place) => self.place(input, place, None, is_late, body),
            Command::PlaceList(list) => self.place_list(input, list, is_late, body),
            Command::Replace(replace) => self.replace(input, replace, is_late, body),
            Command::SetTradeGroup { group } => {
                self.set_trade_group(input, *group, is_late, body);
            }
            Command::Deposit(movement) => {
                self.fund(input, Border::In, movement, is_late, body);
            }
            Command::Withdraw(movement) => {
                self.fund(input, Border::Out, movement, is_late, body);
            }
            Command::Transfer(transfer) => self.transfer(input, transfer, is_late, body),
            _ if is_late => body.outcome = refused(RefusalReason::Late),
            command if command.behaviour() > input.behaviour => {
                body.outcome = refused(RefusalReason::NotInForce);
            }
            Command::Cancel { order_id } => {
                self.cancel(&client.account, &OrderName::Id(*order_id), None, body);
            }
            Command::CancelNamed { order, only } => {
                self.cancel(&client.account, order, *only, body);
            }
            Command::CancelAll { instrument } => {
                self.cancel_all(&client.account, &OrderFilter::all(*instrument), body);
            }
            Command::CancelAfter(after) => {
                self.cancel_after(&client.account, after, input.now, body);
            }
            Command::CancelMatching(filter) => self.cancel_all(&client.account, filter, body),
            Command::Amend { order, quantity } => {
                self.amend(&client.account, order, *quantity, body);
            }
        }
        self.finish(body);
    }

    fn take_link(&mut self, input: &LinkInput<'_>, body: &mut Draft) -> Result<(), String> {
        self.take(input, body)
    }

    /// Asks and what waits for money go on, and orders that have woken or are due; and what items
    /// from other shards moved is written.
    fn go_on(&mut self, now: Timestamp, body: &mut Draft) {
        let goes_on = self.books.has_woken() || self.books.has_due() || self.books.has_auction();
        let goes_on = goes_on || self.books.collecting().next().is_some();
        if self.accounts.partition_count() == 1 && !goes_on {
            return;
        }
        self.work_asks(now, body);
        self.wake(now, body);
        self.uncross(body);
        self.let_woken_go_on(body);
        self.indicate(now, body);
        self.finish(body);
    }

    fn has_more_to_expire(&self) -> bool {
        self.has_overdue
            || self.books.has_overdue()
            || self.books.has_auction()
            || self.books.has_reopening()
            || self.books.has_woken()
            || self.books.has_due()
            || !self.switches.gone_off.is_empty()
            || !self.park.ready.is_empty()
            || !self.asks.ready.is_empty()
    }

    fn change_reference(&mut self, change: &ReferenceRecord, body: &mut Draft) {
        self.list(change, body);
    }

    fn operate(&mut self, input: &OperatorInput<'_>, body: &mut Draft) {
        self.obey(input, body);
        self.finish(body);
    }

    fn encode(&self) -> Vec<u8> {
        image::encode(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        image::decode(bytes)
    }
}

impl Exchange {
    /// Sends accounts that are back at their grant out of memory, then writes what money moved, and
    /// leaves nothing for the next input.
    fn finish(&mut self, body: &mut Draft) {
        self.compact(body);
        let Exchange { postings, accounts, named, .. } = self;
        crate::answer::write_money(postings, accounts, named, body);
        self.postings.clear();
        self.matched.clear();
        self.settled.clear();
        self.matches = 0;
        self.named.clear();
    }

    /// Checks what must always hold; for tests, and affordable after every input only there.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.books.check_invariants()?;
        self.accounts.check_invariants()?;
        self.keys.check_invariants(|name| self.accounts.find(name).is_some())?;
        self.park.check_invariants()?;
        self.asks.check_invariants(&self.accounts)?;
        self.check_groups()?;
        self.check_controlled()?;
        self.check_tiers()?;
        self.check_transfers()?;
        self.check_indications()?;
        if self.shared != SharedHolds::of(&self.books) {
            return Err("shared holds are not those of the pairs in the books".to_owned());
        }
        self.check_holds()
    }

    /// What an account holds must be what its open orders need and what its parked ones have, to
    /// the unit.
    fn check_holds(&self) -> Result<(), String> {
        for account in &self.accounts.image().accounts {
            let mut needed: BTreeMap<AssetId, i128> = BTreeMap::new();
            for order in self.books.orders_of(account.handle) {
                let instrument = self.books.instrument(order.instrument);
                let instrument = instrument.ok_or("an order in no book")?;
                let (asset, amount) =
                    hold_for(order.side, instrument, &order.fees, order.price, order.remaining);
                *needed.entry(asset).or_default() += amount.units();
            }
            for sleeper in self.books.sleepers_of(account.handle) {
                let (asset, amount) = self.hold_of(&sleeper.order).ok_or("a sleeper in no book")?;
                *needed.entry(asset).or_default() += amount.units();
            }
            for shared in self.shared.iter().filter(|shared| shared.account == account.handle) {
                *needed.entry(shared.asset).or_default() -= shared.saved().units();
            }
            for (asset, held) in self.park.held(account.handle) {
                *needed.entry(asset).or_default() += held.units();
            }
            for (asset, balance) in &account.balances {
                let (needs, held) = (needed.remove(asset).unwrap_or(0), balance.held.units());
                if held != needs {
                    let name = &account.name;
                    return Err(format!("{name} holds {held} of {asset:?} and needs {needs}"));
                }
            }
            if let Some((asset, needs)) = needed.into_iter().find(|(_, needs)| *needs != 0) {
                return Err(format!("{} needs {needs} of {asset:?} and holds none", account.name));
            }
        }
        Ok(())
    }

    /// Whether anything waits for money from other shards, or is owed or asked of accounts at home.
    pub fn waits_for_links(&self) -> bool {
        !self.park.queues.is_empty() || !self.asks.queues.is_empty()
    }

    /// The order books, for tests and tools.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// The accounts, for tests and tools.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }
}

/// Clients choose their names and the texts of their keys, so the tables of both are seeded with
/// what nobody knew before the log was founded and every replica knows alike.
fn seed(genesis: &log::Genesis) -> u128 {
    genesis.log_id.iter().fold(0, |seed, byte| seed << 8 | u128::from(*byte))
}

/// The key of a listing in the reference data.
pub fn reference_key(body: &reference::reference_body::Body) -> String {
    match body {
        reference::reference_body::Body::Asset(asset) => format!("asset/{}", asset.id),
        reference::reference_body::Body::Instrument(instrument) => {
            instrument_key(InstrumentId(instrument.id))
        }
        reference::reference_body::Body::FeeTiers(_) => FEE_TIERS_KEY.to_owned(),
        reference::reference_body::Body::Credential(credential) => {
            Credential::key_of(credential.slot)
        }
    }
}
