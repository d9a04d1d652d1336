//! What money did: postings leg by leg, balances, and what the house has earned.

use model::{Amount, AssetId};

use super::{Draft, field, wire::Wire};
use crate::log;

/// What a posting says beside its legs: see `Posting` in `answer.proto`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostingHead<'a> {
    /// Why money moved.
    pub cause: log::PostingCause,
    /// The order of a hold or a release; else 0.
    pub order_id: u64,
    /// The instrument of a trade; else 0.
    pub instrument_id: u32,
    /// The trade; else 0.
    pub trade_id: u64,
    /// The id from outside; else empty.
    pub external_id: &'a str,
    /// The other shard's partition, where there is one; else 0.
    pub link_partition: u32,
}

/// One leg of a posting: see `Leg` in `answer.proto`.
#[derive(Clone, Copy, Debug)]
pub struct PostedLeg {
    /// Where.
    pub bucket: log::Bucket,
    /// The index of the account whose bucket it is; 0 where it is nobody's.
    pub account: u32,
    /// Of what.
    pub asset: AssetId,
    /// What the bucket gains.
    pub amount: Amount,
}

impl Draft {
    /// Writes a posting with the legs that `next_leg` tells until it tells none. It may name
    /// accounts.
    pub fn posting(
        &mut self,
        head: &PostingHead<'_>,
        mut next_leg: impl FnMut(&mut Draft) -> Option<PostedLeg>,
    ) {
        let begun = self.postings.begin(field::POSTINGS);
        self.postings.number(1, wire_enum(head.cause.into()));
        self.postings.number(2, head.order_id);
        self.postings.number(3, head.instrument_id.into());
        self.postings.number(4, head.trade_id);
        self.postings.text(5, head.external_id);
        while let Some(leg) = next_leg(self) {
            self.postings.nested(6, |bytes| {
                bytes.number(1, wire_enum(leg.bucket.into()));
                bytes.number(2, leg.account.into());
                bytes.number(3, leg.asset.0.into());
                bytes.amount(4, leg.amount);
            });
        }
        self.postings.number(7, head.link_partition.into());
        self.postings.end(begun);
    }

    /// What an account has of an asset now; `link` where it is not nothing.
    pub fn balance(
        &mut self,
        account: u32,
        asset: AssetId,
        available: Amount,
        held: Amount,
        link: Option<Amount>,
    ) {
        self.balances.nested(field::BALANCES, |bytes| {
            bytes.number(1, account.into());
            bytes.number(2, asset.0.into());
            bytes.amount(3, available);
            bytes.amount(4, held);
            if let Some(link) = link {
                bytes.amount(5, link);
            }
        });
    }

    /// What the house has earned of an asset in all.
    pub fn fee_income(&mut self, asset: AssetId, amount: Amount) {
        self.fee_income.nested(field::FEE_INCOME, |bytes| {
            bytes.number(1, asset.0.into());
            bytes.amount(2, amount);
        });
    }
}

/// The number of a value of an enum, which here is never negative.
pub(super) const fn wire_enum(number: i32) -> u64 {
    number.unsigned_abs() as u64
}
