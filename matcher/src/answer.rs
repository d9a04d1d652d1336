//! How what happened is written down: the body of an answer.

use ledger_core::{Accounts, Bucket, Cause, Postings};
use model::{AccountHandle, KeyText};
use proto::{
    convert,
    log::{self, RefusalReason, event, outcome},
};
use rustc_hash::FxHashMap;

/// The accounts that an answer names, each once: elsewhere in it an account is its index here.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Never iterated.
    by_handle: FxHashMap<AccountHandle, u32>,
}

impl Named {
    /// Forgets all and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.by_handle.clear();
    }

    /// The index of an open account, which is named where it was not yet.
    pub(crate) fn index(
        &mut self,
        handle: AccountHandle,
        accounts: &Accounts,
        body: &mut log::AnswerBody,
    ) -> u32 {
        *self.by_handle.entry(handle).or_insert_with(|| {
            let index = u32::try_from(body.accounts.len()).unwrap_or(u32::MAX);
            body.accounts.push(accounts.name(handle).as_str().to_owned());
            index
        })
    }
}

/// An event.
pub(crate) fn event(kind: event::Kind) -> log::Event {
    log::Event { kind: Some(kind) }
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
    body: &mut log::AnswerBody,
) {
    for posting in postings.iter() {
        let mut legs = Vec::with_capacity(posting.legs.len());
        for leg in posting.legs {
            let account =
                leg.bucket.account().map_or(0, |handle| named.index(handle, accounts, body));
            legs.push(log::Leg {
                bucket: bucket(leg.bucket).into(),
                account,
                asset_id: leg.asset.0,
                amount: Some(convert::to_amount(leg.amount)),
            });
        }
        body.postings.push(log::Posting { legs, ..caused(posting.cause) });
    }
    for (handle, asset) in postings.touched() {
        let balance = accounts.balance(*handle, *asset);
        let account = named.index(*handle, accounts, body);
        body.balances.push(log::Balance {
            account,
            asset_id: asset.0,
            available: Some(convert::to_amount(balance.available)),
            held: Some(convert::to_amount(balance.held)),
            link: Some(accounts.link(*handle, *asset))
                .filter(|link| !link.is_zero())
                .map(convert::to_amount),
        });
    }
    for asset in postings.earned() {
        let amount = Some(convert::to_amount(accounts.fee_income(*asset)));
        body.fee_income.push(log::FeeIncome { asset_id: asset.0, amount });
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

/// A posting of this cause, without its legs.
fn caused(cause: &Cause) -> log::Posting {
    use log::PostingCause as Wire;
    let of = |cause: Wire| log::Posting { cause: cause.into(), ..Default::default() };
    let by_id =
        |cause, id: &KeyText| log::Posting { external_id: id.as_str().to_owned(), ..of(cause) };
    match cause {
        Cause::Grant => of(Wire::Grant),
        Cause::GrantReturned => of(Wire::GrantReturned),
        Cause::Deposit { id } => by_id(Wire::Deposit, id),
        Cause::Withdrawal { id } => by_id(Wire::Withdrawal, id),
        Cause::Transfer { id, to } => log::Posting {
            link_partition: to.map_or(0, |to| to.number().into()),
            ..by_id(Wire::Transfer, id)
        },
        Cause::TransferTaken { id, from } => {
            log::Posting { link_partition: from.number().into(), ..by_id(Wire::TransferTaken, id) }
        }
        Cause::TransferReturned { id, from } => log::Posting {
            link_partition: from.number().into(),
            ..by_id(Wire::TransferReturned, id)
        },
        Cause::Adjustment { id } => by_id(Wire::Adjustment, id),
        Cause::LinkSent { to } => {
            log::Posting { link_partition: to.number().into(), ..of(Wire::LinkSent) }
        }
        Cause::LinkTaken { from } => {
            log::Posting { link_partition: from.number().into(), ..of(Wire::LinkTaken) }
        }
        Cause::Hold { order } => log::Posting { order_id: order.number(), ..of(Wire::Hold) },
        Cause::Release { order } => log::Posting { order_id: order.number(), ..of(Wire::Release) },
        Cause::Trade { instrument, trade } => {
            log::Posting { instrument_id: instrument.0, trade_id: trade.0, ..of(Wire::Trade) }
        }
    }
}
