//! The state of a shard, and how the spine drives it.

use std::collections::BTreeMap;

use ledger_core::{Accounts, Direction, Grant, Postings, hold_for};
use matcher_core::{Books, Keys, Outcome};
use model::{AssetId, Partition, Span, Timestamp};
use proto::{
    command::Command,
    log,
    reference::{self, ReferenceRecord},
};
use spine::{ClientInput, Core};

use crate::{answer::Named, image, list::Listings};

/// The order books of a partition, the accounts that trade in them, and the keys of their retries.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) partition: Partition,
    /// How many shards the log has; it never changes.
    pub(crate) partition_count: u32,
    pub(crate) key_retention: Span,
    pub(crate) listings: Listings,
    pub(crate) books: Books,
    pub(crate) accounts: Accounts,
    pub(crate) keys: Keys,
    /// The number of the account that is looked at next for compaction, whoever trades.
    pub(crate) revisited: u32,
    /// What the current input moved, matched and named; empty between inputs.
    pub(crate) postings: Postings,
    pub(crate) matched: Outcome,
    pub(crate) named: Named,
}

impl Core for Exchange {
    /// In a sandbox every shard gives a grant of its own: money cannot go from one to another yet,
    /// and with a grant at home only an account could trade nowhere else.
    fn new(genesis: &log::Genesis, partition: Partition) -> Self {
        let grant = genesis.sandbox.then_some(Grant::STANDARD);
        let seed = seed(genesis);
        Exchange {
            partition,
            partition_count: genesis.partition_count,
            key_retention: Span::from_nanos(genesis.key_retention_nanos),
            listings: Listings::default(),
            books: Books::new(),
            accounts: Accounts::seeded(grant, seed),
            keys: Keys::seeded(seed),
            revisited: 0,
            postings: Postings::new(),
            matched: Outcome::default(),
            named: Named::default(),
        }
    }

    fn pass_time(&mut self, now: Timestamp, _body: &mut log::AnswerBody) {
        let books = &self.books;
        self.keys.expire(now, |order| books.order(order).is_some());
    }

    fn apply(&mut self, input: &ClientInput<'_>, body: &mut log::AnswerBody) {
        self.begin();
        let client = input.command;
        let is_late = input.appended_at > client.stamp.valid_until;
        match &client.command {
            Command::Place(place) => self.place(input, place, is_late, body),
            Command::Cancel { order_id } => self.cancel(&client.account, *order_id, is_late, body),
            Command::CancelAll { instrument } => {
                self.cancel_all(&client.account, *instrument, is_late, body);
            }
            Command::Deposit(movement) => {
                self.fund(Direction::Deposit, &client.account, movement, is_late, body);
            }
            Command::Withdraw(movement) => {
                self.fund(Direction::Withdrawal, &client.account, movement, is_late, body);
            }
        }
        self.finish(body);
    }

    fn change_reference(&mut self, change: &ReferenceRecord, body: &mut log::AnswerBody) {
        self.list(change, body);
    }

    fn encode(&self) -> Vec<u8> {
        image::encode(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        image::decode(bytes)
    }
}

impl Exchange {
    fn begin(&mut self) {
        self.postings.clear();
        self.matched.clear();
        self.named.clear();
    }

    /// Sends accounts that are back at their grant out of memory, then writes what money moved.
    fn finish(&mut self, body: &mut log::AnswerBody) {
        self.compact(body);
        let Exchange { postings, accounts, named, .. } = self;
        crate::answer::write_money(postings, accounts, named, body);
    }

    /// Checks what must always hold; for tests, and affordable after every input only there.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.books.check_invariants()?;
        self.accounts.check_invariants()?;
        self.keys.check_invariants(|name| self.accounts.find(name).is_some())?;
        self.check_holds()
    }

    /// What an account holds must be what its open orders need, to the unit.
    fn check_holds(&self) -> Result<(), String> {
        for account in &self.accounts.image().accounts {
            let mut needed: BTreeMap<AssetId, i128> = BTreeMap::new();
            for order in self.books.orders_of(account.handle) {
                let instrument = self.books.instrument(order.instrument);
                let instrument = instrument.ok_or("an order in no book")?;
                let (asset, amount) =
                    hold_for(order.side, instrument, order.price, order.remaining);
                *needed.entry(asset).or_default() += amount.units();
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
            format!("instrument/{}", instrument.id)
        }
    }
}
