//! What shards say to each other about money, and who waits for it: each item is numbered, taken
//! once, in order and as it was sent; money goes from shard to shard with an item that says so and
//! in no other way; in the end nothing is on its way and nobody waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Fold, Input, Now,
    money::{LINK, amount},
    orders::Status,
};
use crate::check::{
    finding::Check,
    wire::{Broken, Message},
};

/// Items that carry money, by the numbers of `LinkItem`'s choice.
const RETURNED: u64 = 5;
const GRANTED: u64 = 6;
const TRANSFERRED: u64 = 7;
const TRANSFER_ANSWERED: u64 = 8;

/// The first and the last number of that choice.
const KINDS: std::ops::RangeInclusive<u64> = 3..=TRANSFER_ANSWERED;

/// Causes of postings that move money between shards.
const SENT: u64 = 8;
const TAKEN: u64 = 9;
const TRANSFER: u64 = 10;
const TRANSFER_TAKEN: u64 = 11;
const TRANSFER_RETURNED: u64 = 12;

/// Two shards: who sends, and who takes.
type Pair = (u16, u16);

/// What one shard says to another about one account and asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    account: Arc<str>,
    asset: u32,
    kind: u64,
    /// What is asked for, recalled, returned or granted.
    units: i128,
    /// Of an ask: below this nothing is of use.
    least: i128,
    /// Of a transfer: who sends it, and the sender's id of it.
    transfer: Option<(Box<str>, Box<str>)>,
}

/// Items as they come in an input.
#[derive(Clone, Debug)]
pub(super) struct Run {
    source: u16,
    first: u64,
    items: Vec<Item>,
    taken: u64,
}

/// Everything that was said.
#[derive(Default)]
pub(super) struct Links {
    /// In the order of their numbers.
    sent: BTreeMap<Pair, Vec<Item>>,
    taken: BTreeMap<Pair, Vec<Item>>,
    /// Up to which number the sender knows its items to be taken.
    acknowledged: BTreeMap<Pair, u64>,
    /// Withdrawals that wait.
    withdrawals: BTreeSet<u64>,
}

/// Money that went to another shard or came from it in one answer, so that it can be sorted:
/// the posting's cause, the other shard, whose, of what, how much.
type Moved = (u64, u16, Arc<str>, u32, i128);

fn partition(number: u64) -> Result<u16, Broken> {
    u16::try_from(number).map_err(|_| Broken("a partition's number"))
}

impl Fold {
    /// Reads a run of an input.
    pub(super) fn run(&mut self, run: &Message<'_>) -> Result<Run, Broken> {
        let items = run.messages(3)?;
        Ok(Run {
            source: partition(run.number(1))?,
            first: run.number(2),
            items: items.iter().map(|item| self.item(item)).collect::<Result<_, _>>()?,
            taken: run.number(4),
        })
    }

    fn item(&mut self, item: &Message<'_>) -> Result<Item, Broken> {
        let choice = item.choice()?.filter(|(kind, _)| KINDS.contains(kind));
        let (kind, said) = choice.ok_or(Broken("an item that says nothing"))?;
        let is_transfer = matches!(kind, TRANSFERRED | TRANSFER_ANSWERED);
        let transfer =
            if is_transfer { Some((said.text(2)?.into(), said.text(3)?.into())) } else { None };
        Ok(Item {
            account: self.name(item.text(1)?),
            asset: item.small(2)?,
            kind,
            units: amount(said.message(1)?),
            least: if is_transfer { 0 } else { amount(said.message(2)?) },
            transfer,
        })
    }

    /// What an answer sends, what it takes, and the money that goes with both.
    pub(super) fn links(
        &mut self,
        now: &Now<'_>,
        postings: &[Message<'_>],
        body: &Message<'_>,
        input: Option<&Input>,
    ) -> Result<(), Broken> {
        let mut due = Vec::new();
        for progress in body.messages(7)? {
            let run = input.and_then(|input| input.run.as_ref());
            due.extend(self.took(now, &progress, run)?);
        }
        for sent in body.messages(6)? {
            due.extend(self.sent(now, &sent)?);
        }
        due.sort();
        let mut moved = moved(now, postings)?;
        moved.sort();
        if !due.is_empty() || !moved.is_empty() {
            self.findings.hold(Check::Links, due == moved, || {
                format!(
                    "answer {} of partition {} says {due:?} to other shards, and moves {moved:?}",
                    now.out_seq, now.partition
                )
            });
        }
        Ok(())
    }

    /// An item that is sent has the next number. Returns the money that must go with it.
    fn sent(&mut self, now: &Now<'_>, sent: &Message<'_>) -> Result<Option<Moved>, Broken> {
        let (to, number) = (partition(sent.number(1))?, sent.number(2));
        let item = self.item(&sent.message(3)?.unwrap_or_default())?;
        let due = item.money(Way::Goes, to);
        let before = self.links.sent.entry((now.partition, to)).or_default();
        let is_next = number == before.len() as u64 + 1 && to != now.partition;
        before.push(item);
        self.findings.hold(Check::Links, is_next, || {
            format!(
                "answer {} of partition {} sends item {number} to {to}",
                now.out_seq, now.partition
            )
        });
        Ok(due)
    }

    /// Takes from a run what its answer says was taken. Returns the money that must come with it.
    fn took(
        &mut self,
        now: &Now<'_>,
        progress: &Message<'_>,
        run: Option<&Run>,
    ) -> Result<Vec<Moved>, Broken> {
        let (from, taken) = (partition(progress.number(1))?, progress.number(2));
        let own = self.links.sent.get(&(now.partition, from)).map_or(0, |sent| sent.len() as u64);
        let known = self.links.acknowledged.entry((now.partition, from)).or_default();
        *known = (*known).max(run.map_or(0, |run| run.taken));
        let acknowledged = *known;
        let before = self.links.taken.entry((from, now.partition)).or_default();
        let mut due = Vec::new();
        let mut number = before.len() as u64;
        let run = run.filter(|run| run.source == from);
        while number < taken {
            number += 1;
            let at = run.and_then(|run| number.checked_sub(run.first));
            let at = at.and_then(|at| usize::try_from(at).ok());
            let item = run.zip(at).and_then(|(run, at)| run.items.get(at));
            let Some(item) = item else { break };
            due.extend(item.money(Way::Comes, from));
            before.push(item.clone());
        }
        let is_good = before.len() as u64 == taken
            && run.is_some()
            && acknowledged == progress.number(3)
            && acknowledged <= own;
        self.findings.hold(Check::Links, is_good, || {
            format!(
                "answer {} of partition {} to {run:?} says that {taken} items of {from} were \
                 taken and {} of its own, of {own}",
                now.out_seq,
                now.partition,
                progress.number(3)
            )
        });
        Ok(due)
    }

    /// A withdrawal waits for money.
    pub(super) fn withdrawal_parked(&mut self, now: &Now<'_>) {
        let is_new = self.links.withdrawals.insert(now.own_id());
        self.findings.hold(Check::Links, is_new, || format!("{} waits twice", now.own_id()));
    }

    /// A withdrawal that waited is decided.
    pub(super) fn withdrawal_decided(&mut self, event: &Message<'_>) {
        let id = event.number(1);
        let waited = self.links.withdrawals.remove(&id);
        self.findings.hold(Check::Links, waited, || {
            format!("the withdrawal at {id} is decided, and does not wait")
        });
    }

    /// After everything: what was sent was taken, and nothing and nobody is left waiting.
    pub(in crate::check) fn arrived(&mut self) {
        let Links { sent, taken, withdrawals, .. } = std::mem::take(&mut self.links);
        let pairs: BTreeSet<Pair> = sent.keys().chain(taken.keys()).copied().collect();
        for pair in pairs {
            let (sent, taken) = (sent.get(&pair), taken.get(&pair));
            let [sent, taken] = [sent, taken].map(|items| items.map_or(&[][..], Vec::as_slice));
            for at in 0..sent.len().max(taken.len()) {
                let (sent, taken) = (sent.get(at), taken.get(at));
                self.findings.hold(Check::Links, sent == taken, || {
                    let number = at + 1;
                    format!("item {number} of {pair:?} was sent as {sent:?}, taken as {taken:?}")
                });
            }
        }
        self.nothing_on_its_way();
        for id in withdrawals {
            self.findings.fault(Check::Links, format!("the withdrawal at {id} waits for ever"));
        }
        for (id, order) in &self.orders {
            if order.status == Status::Pending {
                self.findings.fault(Check::Links, format!("order {id} waits for ever: {order:?}"));
            }
        }
    }

    /// Over all shards the links of every account and asset come to nothing.
    fn nothing_on_its_way(&mut self) {
        let mut sums: BTreeMap<(&Arc<str>, u32), i128> = BTreeMap::new();
        for ((account, asset, _), balance) in &self.balances {
            *sums.entry((account, *asset)).or_default() += balance.link;
        }
        for ((account, asset), sum) in sums {
            self.findings.hold(Check::Links, sum == 0, || {
                format!("{sum} of asset {asset} of {account} is on its way in the end")
            });
        }
    }
}

/// Whether an item goes or comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Goes,
    Comes,
}

impl Item {
    /// The money that goes with it.
    fn money(&self, way: Way, peer: u16) -> Option<Moved> {
        let cause = match (self.kind, way) {
            (RETURNED | GRANTED, Way::Goes) => SENT,
            (RETURNED | GRANTED, Way::Comes) => TAKEN,
            (TRANSFERRED, Way::Goes) => TRANSFER,
            (TRANSFERRED, Way::Comes) => TRANSFER_TAKEN,
            // It never came to anybody there, so that it is not sent back from anybody either.
            (TRANSFER_ANSWERED, Way::Comes) => TRANSFER_RETURNED,
            _ => return None,
        };
        let money = (cause, peer, Arc::clone(&self.account), self.asset, self.units);
        (self.units != 0).then_some(money)
    }
}

/// Whether a posting moves money between shards: of transfers only those that leave this one.
pub(super) fn goes_between(posting: &Message<'_>) -> Result<bool, Broken> {
    if !(SENT..=TRANSFER_RETURNED).contains(&posting.number(1)) {
        return Ok(false);
    }
    for leg in posting.messages(6)? {
        if leg.small(1)? == LINK {
            return Ok(true);
        }
    }
    Ok(posting.number(1) != TRANSFER)
}

/// What an answer's postings move over links.
fn moved(now: &Now<'_>, postings: &[Message<'_>]) -> Result<Vec<Moved>, Broken> {
    let mut moved = Vec::new();
    for posting in postings {
        let cause = posting.number(1);
        for leg in posting.messages(6)? {
            if leg.small(1)? == LINK {
                let gained = amount(leg.message(4)?);
                let units = if [SENT, TRANSFER].contains(&cause) { gained } else { -gained };
                let peer = partition(posting.number(7))?;
                moved.push((cause, peer, now.account(leg.small(2)?)?, leg.small(3)?, units));
            }
        }
    }
    Ok(moved)
}
