//! How what happened is written down: the body of an answer.

use ledger_core::{Accounts, Bucket, Cause, Postings};
use model::{AccountHandle, KeyText, Partition};
use proto::{
    draft::{Draft, PostedLeg, PostingHead},
    log::{self, RefusalReason, outcome},
};
use rustc_hash::FxHashMap;

/// Up to so many accounts a scan beats a hash; nearly every answer names fewer.
const SCANNED_MAX: usize = 16;

/// The accounts that an answer names, each once: elsewhere in it an account is its index here.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// In the order of their naming, with their indexes.
    indexes: Vec<(AccountHandle, u32)>,
    /// All of them once there are more than [`SCANNED_MAX`], else nothing. Never iterated.
    by_handle: FxHashMap<AccountHandle, u32>,
}

impl Named {
    /// Forgets all and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.indexes.clear();
        if !self.by_handle.is_empty() {
            self.by_handle.clear();
        }
    }

    /// The index of an open account, which is named where it was not yet.
    pub(crate) fn index(
        &mut self,
        handle: AccountHandle,
        accounts: &Accounts,
        body: &mut Draft,
    ) -> u32 {
        if let Some(index) = self.find(handle) {
            return index;
        }
        let index = body.account(accounts.name(handle).as_str());
        self.indexes.push((handle, index));
        if self.indexes.len() == SCANNED_MAX + 1 {
            self.by_handle.extend(self.indexes.iter().copied());
        } else if !self.by_handle.is_empty() {
            self.by_handle.insert(handle, index);
        }
        index
    }

    fn find(&self, handle: AccountHandle) -> Option<u32> {
        if !self.by_handle.is_empty() {
            return self.by_handle.get(&handle).copied();
        }
        let found = self.indexes.iter().find(|(known, _)| *known == handle);
        found.map(|(_, index)| *index)
    }
}

/// The input did what it asked for.
pub(crate) fn applied() -> Option<log::Outcome> {
    Some(log::Outcome { kind: Some(outcome::Kind::Applied(log::Applied {})) })
}

/// The input changed nothing.
pub(crate) fn refused(reason: RefusalReason) -> Option<log::Outcome> {
    let refused = log::Refused { reason: reason.into() };
    Some(log::Outcome { kind: Some(outcome::Kind::Refused(refused)) })
}

/// The input was done before.
pub(crate) fn duplicate(original_order_id: u64) -> Option<log::Outcome> {
    let duplicate = log::Duplicate { original_order_id };
    Some(log::Outcome { kind: Some(outcome::Kind::Duplicate(duplicate)) })
}

/// Writes all postings, and the new balances of whatever they touched.
pub(crate) fn write_money(
    postings: &Postings,
    accounts: &Accounts,
    named: &mut Named,
    body: &mut Draft,
) {
    for posting in postings.iter() {
        let mut legs = posting.legs.iter();
        body.posting(&caused(posting.cause), |body| {
            let leg = legs.next()?;
            let account = leg.bucket.account();
            Some(PostedLeg {
                bucket: bucket(leg.bucket),
                account: account.map_or(0, |handle| named.index(handle, accounts, body)),
                asset: leg.asset,
                amount: leg.amount,
            })
        });
    }
    for (handle, asset) in postings.touched() {
        let balance = accounts.balance(*handle, *asset);
        let link = Some(accounts.link(*handle, *asset)).filter(|link| !link.is_zero());
        let account = named.index(*handle, accounts, body);
        body.balance(account, *asset, balance.available, balance.held, link);
    }
    for asset in postings.earned() {
        body.fee_income(*asset, accounts.fee_income(*asset));
    }
}

const fn bucket(bucket: Bucket) -> log::Bucket {
    match bucket {
        Bucket::Available(_) => log::Bucket::Available,
        Bucket::Held(_) => log::Bucket::Held,
        Bucket::External => log::Bucket::External,
        Bucket::Faucet => log::Bucket::Faucet,
        Bucket::Link(_) => log::Bucket::Link,
        Bucket::Fees => log::Bucket::Fees,
        Bucket::Adjustments => log::Bucket::Adjustments,
    }
}

/// What a posting of this cause says beside its legs.
fn caused(cause: &Cause) -> PostingHead<'_> {
    use log::PostingCause as Wire;
    let of = |cause: Wire| PostingHead { cause, ..PostingHead::default() };
    let by_id = |cause, id| PostingHead { external_id: KeyText::as_str(id), ..of(cause) };
    let linked = |partition: &Partition, head| {
        let link_partition = partition.number().into();
        PostingHead { link_partition, ..head }
    };
    match cause {
        Cause::Grant => of(Wire::Grant),
        Cause::GrantReturned => of(Wire::GrantReturned),
        Cause::Deposit { id } => by_id(Wire::Deposit, id),
        Cause::Withdrawal { id } => by_id(Wire::Withdrawal, id),
        Cause::Transfer { id, to: None } => by_id(Wire::Transfer, id),
        Cause::Transfer { id, to: Some(to) } => linked(to, by_id(Wire::Transfer, id)),
        Cause::TransferTaken { id, from } => linked(from, by_id(Wire::TransferTaken, id)),
        Cause::TransferReturned { id, from } => linked(from, by_id(Wire::TransferReturned, id)),
        Cause::Adjustment { id } => by_id(Wire::Adjustment, id),
        Cause::LinkSent { to } => linked(to, of(Wire::LinkSent)),
        Cause::LinkTaken { from } => linked(from, of(Wire::LinkTaken)),
        Cause::Hold { order } => PostingHead { order_id: order.number(), ..of(Wire::Hold) },
        Cause::Release { order } => PostingHead { order_id: order.number(), ..of(Wire::Release) },
        Cause::Trade { instrument, trade } => {
            PostingHead { instrument_id: instrument.0, trade_id: trade.0, ..of(Wire::Trade) }
        }
    }
}
