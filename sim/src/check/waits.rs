//! What waits for money from other shards is decided, and once.

use std::collections::{BTreeMap, btree_map::Entry};

use model::{OrderId, Partition};
use proto::log::{Event, event::Kind};

use super::truth::{Truth, Truths};
use crate::{fault::Fault, tally::Tally};

/// Everything that waited, by the place of its record, with the offset of the input whose answer
/// decided it.
pub(super) type Waits = BTreeMap<OrderId, Option<u64>>;

/// Reads them from the answers of all partitions.
pub(super) fn read(truths: &[Truth]) -> Result<Waits, Fault> {
    let mut waits = Waits::new();
    for truth in truths {
        for (_, answer) in &truth.answers {
            for event in &answer.body.events {
                let noted = note(truth.partition, answer.in_offset, event, &mut waits);
                noted.map_err(Fault::Once)?;
            }
        }
    }
    Ok(waits)
}

/// Checks that none waits any more.
pub(super) fn check(truths: &Truths, tally: &Tally) -> Result<(), Fault> {
    match truths.waits.iter().find(|(_, decided_at)| decided_at.is_none()) {
        Some((id, _)) => {
            Err(Fault::Once(format!("nobody ever said what became of {id}, which waited")))
        }
        None => {
            truths.waits.iter().for_each(|_| tally.count("waited for money"));
            Ok(())
        }
    }
}

fn note(at: Partition, offset: u64, event: &Event, waits: &mut Waits) -> Result<(), String> {
    let (number, is_end) = match &event.kind {
        Some(Kind::OrderParked(_) | Kind::ListParked(_) | Kind::WithdrawalParked(_)) => {
            let id = OrderId::at(at, offset).ok_or("a small number")?;
            return match waits.insert(id, None) {
                None => Ok(()),
                Some(_) => Err(format!("{id} begins to wait twice")),
            };
        }
        Some(Kind::OrderPlaced(placed)) => (placed.order_id, false),
        Some(Kind::OrderRejected(rejected)) => (rejected.order_id, false),
        Some(Kind::ListPlaced(placed)) => (placed.list_id, false),
        Some(Kind::ListRejected(rejected)) => (rejected.list_id, false),
        Some(Kind::WithdrawalDecided(decided)) => (decided.record_id, false),
        Some(Kind::OrderEnded(ended)) => (ended.order_id, true),
        _ => return Ok(()),
    };
    let id = OrderId::from_number(number).filter(|_| number > 0);
    // An order of a list waited with all of it.
    let Some(id) = id.map(OrderId::record) else { return Ok(()) };
    match waits.entry(id) {
        Entry::Occupied(mut wait) if wait.get().is_none() => {
            wait.insert(Some(offset));
            Ok(())
        }
        // Every order ends, also one that never waited, and one that was placed after it had.
        _ if is_end => Ok(()),
        Entry::Occupied(_) => Err(format!("{id} is decided twice")),
        Entry::Vacant(_) => Err(format!("{id} is decided and never waited")),
    }
}
