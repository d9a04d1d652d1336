//! Answers folded into rows. Pure: no clock, no IO, no reading back.
//!
//! Everything is written absolutely, from the answer itself: a trade tells what remains of both
//! orders, an end tells what was left, a balance is what it is and not what it changed by. So no
//! row has to be read to write the next, many changes of one row in a batch become one write, and
//! a batch that is folded again is the same batch.
//!
//! | what the answer says | what becomes of the rows |
//! |---|---|
//! | `OrderPlaced` | the order, open; one that was parked is there already |
//! | `OrderRejected` | the order, rejected, with the reason; likewise |
//! | `OrderParked` | the order, pending |
//! | `OrderListPlaced`, `OrderListRejected`, `OrderListParked` | the same of every order of the list; those that wait for a working order are pending |
//! | `PendingPlaced` | the order, open |
//! | `TradeExecuted` | the trade; maker and taker partially filled, with what remains of each |
//! | `OrderAmended` | what it asks for now, and what remains of that |
//! | `OrderEnded` | filled, cancelled, or expired with the reason; what was not traded |
//! | outcome `Duplicate` of an order | the duplicate's own id, as an alias of the first order's |
//! | balances | the balance, replaced |
//! | fee income | what the house has earned, replaced |
//! | `AccountCompacted` | the account's balances on this shard, removed: it is back at its grant, which is what an account without rows has in a sandbox |
//! | `AccountControlled`, `KillSwitchTurned`, `MarketStateChanged` | what is in force of the account or of trading on this shard, replaced |
//! | postings | the posting and its legs |
//! | `ReferenceApplied` | the asset or the instrument, unless a later version is there |

mod batch;
mod controls;
mod events;
mod lists;
mod wire;

use model::{AccountName, OrderId, Partition};
use proto::{
    convert::Malformed,
    log::{self, outcome},
};
use spine::{Answer, Chain, LogId};
use thiserror::Error;

pub use self::batch::{Batch, Changes, OrderChange};
pub(crate) use self::wire::{
    bucket_from_wire, key_from_wire, order_type_from_wire, posting_cause_from_wire,
};
use crate::row::{Balance, BalanceKey, Leg, PostingKey, PostingRow, Progress};

/// Why an answer could not be folded: it is not what a shard writes, and the projection stops.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProjectionError {
    /// Not the answer after the last one.
    #[error("answer {found} of partition {partition} does not follow answer {last} or its chain")]
    OutOfOrder {
        /// The partition.
        partition: Partition,
        /// The last answer folded.
        last: u64,
        /// The answer that came.
        found: u64,
    },
    /// A field of the answer is missing or impossible.
    #[error("answer {out_seq} of partition {partition}: {field} is missing or out of range")]
    Malformed {
        /// The partition.
        partition: Partition,
        /// The answer.
        out_seq: u64,
        /// The field at fault.
        field: &'static str,
    },
}

/// Where the fold of a partition stands: the number and chain of the last answer folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The number; 0 before the first.
    pub out_seq: u64,
    /// The chain.
    pub chain: Chain,
}

/// Folds the answers of one partition, in order, into batches for a store.
#[derive(Clone, Debug)]
pub struct Projector {
    partition: Partition,
    log_id: LogId,
    /// After the last batch that was taken.
    taken: Folded,
    /// After the last answer that was folded.
    folded: Folded,
    /// Of the last answer folded since the last batch was taken.
    progress: Option<Progress>,
    changes: Changes,
    answers: usize,
}

impl Projector {
    /// Goes on after `progress`, or begins before the first answer of `partition`.
    pub fn new(log_id: LogId, partition: Partition, progress: Option<&Progress>) -> Projector {
        let start = Folded { out_seq: 0, chain: Chain::start(log_id, partition) };
        let folded = progress
            .map_or(start, |progress| Folded { out_seq: progress.out_seq, chain: progress.chain });
        Projector {
            partition,
            log_id,
            taken: folded,
            folded,
            progress: None,
            changes: Changes::default(),
            answers: 0,
        }
    }

    /// Folds the next answer, which stands at the physical `offset` of the events partition.
    ///
    /// # Errors
    /// [`ProjectionError`]; the projector is then of no further use.
    pub fn fold(&mut self, offset: u64, answer: &Answer) -> Result<(), ProjectionError> {
        let next = self.folded.out_seq + 1;
        if answer.out_seq != next || answer.prev_chain != self.folded.chain {
            let (last, found) = (self.folded.out_seq, answer.out_seq);
            return Err(ProjectionError::OutOfOrder { partition: self.partition, last, found });
        }
        let mut fold = Fold { partition: self.partition, answer, names: Vec::new() };
        fold.body(&mut self.changes).map_err(|Malformed(field)| ProjectionError::Malformed {
            partition: self.partition,
            out_seq: answer.out_seq,
            field,
        })?;
        self.folded = Folded { out_seq: answer.out_seq, chain: answer.chain };
        self.progress = Some(Progress {
            partition: self.partition,
            log_id: self.log_id,
            out_seq: answer.out_seq,
            in_offset: answer.in_offset,
            chain: answer.chain,
            next_offset: offset + 1,
            now: answer.now,
        });
        self.answers += 1;
        Ok(())
    }

    /// How many rows the next batch has so far.
    pub fn rows(&self) -> usize {
        self.changes.rows()
    }

    /// How many answers the next batch has so far.
    pub fn answers(&self) -> usize {
        self.answers
    }

    /// Takes what was folded since the last batch; `None` where nothing was.
    pub fn take(&mut self) -> Option<Batch> {
        let progress = self.progress.take()?;
        let expected = self.taken;
        self.taken = self.folded;
        self.answers = 0;
        Some(Batch { expected, progress, changes: std::mem::take(&mut self.changes) })
    }
}

/// One answer, while it is folded.
struct Fold<'a> {
    partition: Partition,
    answer: &'a Answer,
    /// The accounts that the answer names.
    names: Vec<AccountName>,
}

impl Fold<'_> {
    fn body(&mut self, changes: &mut Changes) -> Result<(), Malformed> {
        let body = &self.answer.body;
        for name in &body.accounts {
            self.names.push(AccountName::new(name).map_err(|_| Malformed("accounts"))?);
        }
        // Balances before events: an account that this answer compacts away has none after it.
        self.balances(changes)?;
        self.postings(changes)?;
        for event in &body.events {
            self.event(event, changes)?;
        }
        self.alias(changes)
    }

    fn name(&self, index: u32) -> Result<&AccountName, Malformed> {
        let index = usize::try_from(index).map_err(|_| Malformed("account"))?;
        self.names.get(index).ok_or(Malformed("account"))
    }

    /// The id of the order that this input made.
    fn own_id(&self) -> Result<OrderId, Malformed> {
        self.answer.order_id(self.partition).ok_or(Malformed("in_offset"))
    }

    fn alias(&self, changes: &mut Changes) -> Result<(), Malformed> {
        let outcome = self.answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
        if let Some(outcome::Kind::Duplicate(duplicate)) = outcome
            && duplicate.original_order_id > 0
        {
            let original = proto::convert::order_id(duplicate.original_order_id)?;
            changes.aliases.push((self.own_id()?, original));
        }
        Ok(())
    }

    fn balances(&self, changes: &mut Changes) -> Result<(), Malformed> {
        for wire in &self.answer.body.balances {
            let key = BalanceKey {
                account: self.name(wire.account)?.clone(),
                asset: model::AssetId(wire.asset_id),
                partition: self.partition,
            };
            let balance = Balance {
                available: proto::convert::amount(wire.available.as_ref())?,
                held: proto::convert::amount(wire.held.as_ref())?,
                link: proto::convert::amount(wire.link.as_ref())?,
            };
            changes.balances.insert(key, balance);
        }
        for wire in &self.answer.body.fee_income {
            let key = (model::AssetId(wire.asset_id), self.partition);
            let amount = proto::convert::amount(wire.amount.as_ref())?;
            changes.fee_income.insert(key, amount);
        }
        Ok(())
    }

    fn postings(&self, changes: &mut Changes) -> Result<(), Malformed> {
        for (number, wire) in (0..).zip(&self.answer.body.postings) {
            let key =
                PostingKey { partition: self.partition, out_seq: self.answer.out_seq, number };
            let posting = self.posting(wire)?;
            changes.legs += posting.legs.len();
            changes.postings.push((key, posting));
        }
        Ok(())
    }

    fn posting(&self, wire: &log::Posting) -> Result<PostingRow, Malformed> {
        let legs = wire.legs.iter().map(|leg| self.leg(leg)).collect::<Result<_, _>>()?;
        Ok(PostingRow {
            cause: wire::posting_cause_from_wire(wire.cause)?,
            order: match wire.order_id {
                0 => None,
                number => Some(proto::convert::order_id(number)?),
            },
            trade: (wire.trade_id > 0).then_some((
                model::InstrumentId(wire.instrument_id),
                model::TradeId(wire.trade_id),
            )),
            external_id: wire::key_from_wire(&wire.external_id)?,
            link: wire::link_from_wire(wire)?,
            legs,
        })
    }

    fn leg(&self, wire: &log::Leg) -> Result<Leg, Malformed> {
        let bucket = wire::bucket_from_wire(wire.bucket)?;
        let account = match bucket {
            log::Bucket::Available | log::Bucket::Held | log::Bucket::Link => {
                Some(self.name(wire.account)?.clone())
            }
            _ => None,
        };
        let amount = proto::convert::amount(wire.amount.as_ref())?;
        Ok(Leg { bucket, account, asset: model::AssetId(wire.asset_id), amount })
    }
}
