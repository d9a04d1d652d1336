//! The state of a shard, and how the spine drives it.

use ledger_core::{Accounts, Direction, Grant, Postings};
use matcher_core::{Books, Keys, Outcome};
use model::{Partition, Span, Timestamp};
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
    pub(crate) key_retention: Span,
    pub(crate) listings: Listings,
    pub(crate) books: Books,
    pub(crate) accounts: Accounts,
    pub(crate) keys: Keys,
    /// What the current input moved, matched and named; empty between inputs.
    pub(crate) postings: Postings,
    pub(crate) matched: Outcome,
    pub(crate) named: Named,
}

impl Core for Exchange {
    fn new(genesis: &log::Genesis, partition: Partition) -> Self {
        let grant = genesis.sandbox.then_some(Grant::STANDARD);
        Exchange {
            partition,
            key_retention: Span::from_nanos(genesis.key_retention_nanos),
            listings: Listings::default(),
            books: Books::new(),
            accounts: Accounts::new(grant),
            keys: Keys::new(),
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

    /// Looks at the accounts that this input touched, in the order in which it did.
    fn compact(&mut self, body: &mut log::AnswerBody) {
        if self.accounts.grant().is_none() {
            return;
        }
        let mut seen = 0;
        while let Some((handle, _)) = self.postings.touched().get(seen).copied() {
            seen += 1;
            let open_orders = self.books.open_count(handle);
            if self.accounts.compact(handle, open_orders, &mut self.postings) {
                let account = self.named.index(handle, &self.accounts, body);
                let compacted = log::AccountCompacted { account };
                let kind = log::event::Kind::AccountCompacted(compacted);
                body.events.push(crate::answer::event(kind));
            }
        }
    }

    /// Checks what must always hold; for tests, and affordable after every input only there.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.books.check_invariants()?;
        self.accounts.check_invariants()?;
        self.check_holds()
    }

    /// What accounts hold must be what their open orders need, to the unit.
    fn check_holds(&self) -> Result<(), String> {
        let mut needed = std::collections::BTreeMap::new();
        for order in self.books.open_orders() {
            let instrument = self.books.instrument(order.instrument).ok_or("an order in no book")?;
            let (asset, amount) = ledger_core::hold_for(
                order.side,
                instrument,
                order.price,
                order.remaining,
            );
            let sum: &mut i128 = needed.entry((order.account, asset)).or_default();
            *sum += amount.units();
        }
        let account_images = self.accounts.image().accounts;
        for account in &account_images {
            for (asset, balance) in &account.balances {
                let needs = needed.remove(&(account.handle, *asset)).unwrap_or(0);
                if balance.held.units() != needs {
                    let (name, held) = (&account.name, balance.held.units());
                    return Err(format!(
                        "{name} holds {held} of asset {} and its open orders need {needs}",
                        asset.0
                    ));
                }
            }
        }
        match needed.into_iter().find(|(_, amount)| *amount != 0) {
            Some(((account, asset), amount)) => {
                Err(format!("orders of account {} need {amount} of asset {} unheld", account.0, asset.0))
            }
            None => Ok(()),
        }
    }
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
