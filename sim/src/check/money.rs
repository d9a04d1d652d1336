//! Money is only moved: counted here from the answers alone, by other code than the ledger's.

use std::collections::BTreeMap;

use proto::{
    convert,
    link::{LinkItem, LinkKind},
    log::{AnswerBody, Bucket, PostingCause, event},
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
    check_links(truths).map_err(Fault::Money)
}

/// A way of money from one shard to another: both partitions, whose, and of what.
type Way = (u32, u32, String, u32);

/// All that went each way, in order: as items say it, and as both shards booked it.
#[derive(Default)]
struct Links {
    items: BTreeMap<Way, Vec<i128>>,
    sent: BTreeMap<Way, Vec<i128>>,
    taken: BTreeMap<Way, Vec<i128>>,
}

/// What left a shard for another came there, once and in order; so nothing is on its way.
fn check_links(truths: &Truths) -> Result<(), String> {
    let mut links = Links::default();
    for truth in &truths.of {
        let at = truth.partition.number().into();
        truth.answers.iter().try_for_each(|(_, answer)| links.take(at, &answer.body))?;
    }
    let Links { items, sent, taken } = &links;
    for (word, booked) in [("sent", sent), ("taken", taken)] {
        let mut ways = items.keys().chain(booked.keys());
        if let Some(way) = ways.find(|way| items.get(*way) != booked.get(*way)) {
            let (items, booked) = (items.get(way), booked.get(way));
            return Err(format!("{items:?} went the way {way:?}, and {booked:?} was {word}"));
        }
    }
    Ok(())
}

impl Links {
    fn take(&mut self, at: u32, body: &AnswerBody) -> Result<(), String> {
        for link in &body.links_sent {
            let item = link.item.as_ref().ok_or("an empty item")?;
            let item = LinkItem::try_from(item).map_err(|error| error.to_string())?;
            let way = (at, link.destination, item.account.as_str().to_owned(), item.asset.0);
            let units = item.kind.amount().units();
            // What comes back was booked by nobody at the receiver's home.
            if matches!(item.kind, LinkKind::TransferAnswered { .. }) {
                add(&mut self.sent, way.clone(), units);
            }
            add(&mut self.items, way, units);
        }
        for posting in &body.postings {
            let (other, is_sent) = match posting.cause() {
                PostingCause::LinkSent | PostingCause::Transfer => (posting.link_partition, true),
                PostingCause::LinkTaken
                | PostingCause::TransferTaken
                | PostingCause::TransferReturned => (posting.link_partition, false),
                _ => continue,
            };
            let leg = posting.legs.iter().find(|leg| leg.bucket() == Bucket::Link);
            // A transfer between two accounts that are at home here is on no link.
            if leg.is_none() && posting.cause() == PostingCause::Transfer {
                continue;
            }
            let leg = leg.ok_or("money of a link that is on none")?;
            let (whose, units) = (name(body, leg.account)?.to_owned(), units(leg.amount.as_ref())?);
            if is_sent {
                add(&mut self.sent, (at, other, whose, leg.asset_id), units);
            } else {
                add(&mut self.taken, (other, at, whose, leg.asset_id), -units);
            }
        }
        Ok(())
    }
}

/// Notes what went this way, unless it is nothing.
fn add(went: &mut BTreeMap<Way, Vec<i128>>, way: Way, units: i128) {
    if units != 0 {
        went.entry(way).or_default().push(units);
    }
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
