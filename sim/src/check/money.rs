//! Money is only moved: counted here from the answers alone, by other code than the ledger's.

use std::collections::BTreeMap;

use proto::{
    convert,
    log::{AnswerBody, Bucket, event},
};
use spine::Answer;

use super::truth::Truths;
use crate::fault::Fault;

/// What there is on one shard, in smallest units.
#[derive(Default)]
struct Purse {
    /// Available and held together, by account and asset, as last told.
    balances: BTreeMap<(String, u32), i128>,
    /// Their sum by asset, and with it all legs of what is nobody's.
    totals: BTreeMap<u32, i128>,
}

/// Checks every asset after every accepted answer of every partition.
pub(super) fn check(truths: &Truths) -> Result<(), Fault> {
    for truth in &truths.of {
        let mut purse = Purse::default();
        for (_, answer) in &truth.answers {
            purse.take(answer).map_err(|what| {
                let place = format!("partition {}, answer {}", truth.partition, answer.out_seq);
                Fault::Money(format!("{place}: {what}"))
            })?;
        }
    }
    Ok(())
}

impl Purse {
    fn take(&mut self, answer: &Answer) -> Result<(), String> {
        let body = &answer.body;
        self.balances(body)?;
        for posting in &body.postings {
            let mut sums: BTreeMap<u32, i128> = BTreeMap::new();
            for leg in &posting.legs {
                let units = units(leg.amount.as_ref())?;
                *sums.entry(leg.asset_id).or_default() += units;
                if !matches!(leg.bucket(), Bucket::Available | Bucket::Held) {
                    *self.totals.entry(leg.asset_id).or_default() += units;
                }
            }
            if let Some((asset, sum)) = sums.into_iter().find(|(_, sum)| *sum != 0) {
                return Err(format!("a posting moves {sum} of asset {asset} from nowhere"));
            }
        }
        for event in &body.events {
            if let Some(event::Kind::AccountCompacted(compacted)) = &event.kind {
                self.compact(name(body, compacted.account)?);
            }
        }
        match self.totals.iter().find(|(_, total)| **total != 0) {
            Some((asset, total)) => Err(format!("asset {asset} sums to {total}")),
            None => Ok(()),
        }
    }

    fn balances(&mut self, body: &AnswerBody) -> Result<(), String> {
        for balance in &body.balances {
            let available = units(balance.available.as_ref())?;
            let held = units(balance.held.as_ref())?;
            let account = name(body, balance.account)?;
            if available < 0 || held < 0 {
                return Err(format!("{account} has {available} and holds {held}"));
            }
            let key = (account.to_owned(), balance.asset_id);
            let before = self.balances.insert(key, available + held).unwrap_or(0);
            *self.totals.entry(balance.asset_id).or_default() += available + held - before;
        }
        Ok(())
    }

    fn compact(&mut self, account: &str) {
        let totals = &mut self.totals;
        self.balances.retain(|(name, asset), units| {
            let stays = name != account;
            if !stays {
                *totals.entry(*asset).or_default() -= *units;
            }
            stays
        });
    }
}

fn units(amount: Option<&proto::log::Amount>) -> Result<i128, String> {
    convert::amount(amount).map(|amount| amount.units()).map_err(|error| error.to_string())
}

fn name(body: &AnswerBody, index: u32) -> Result<&str, String> {
    let name = usize::try_from(index).ok().and_then(|index| body.accounts.get(index));
    name.map(String::as_str).ok_or_else(|| format!("there is no account {index}"))
}
