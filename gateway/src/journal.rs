//! An order's own record, or that of its list, read back from the log: its id says where it stands.
//! So an order that was acknowledged is found before its shard or the ledger has seen it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{OrderId, Partition, Timestamp};
use prost::Message;
use proto::{
    command::{ClientCommand, Command, PlaceList, PlaceOrder, ReplaceOrder},
    log::{self, input},
    reference::ReferenceRecord,
    topic::Topic,
};
use spine::{
    Log, Place, Stored, Visibility,
    log::{LogError, ReachedEnd, ReadLimit},
};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// How many records are looked up at once. Each takes a thread for a moment and a reader of the
/// log.
const LOOKUPS_MAX: usize = 8;

/// One poll of a look-up, and how many of them it takes at most.
const POLL_WAIT: Duration = Duration::from_millis(100);
const POLLS_MAX: usize = 20;

/// What its record asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) account: model::AccountName,
    pub(crate) asked: Asked,
    pub(crate) appended_at: Timestamp,
}

/// What a record that brings orders can ask for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    Order(PlaceOrder),
    List(PlaceList),
}

/// Looks up single records.
pub(crate) struct Journal {
    log: Arc<dyn Log>,
    partition_count: u16,
    lookups: Semaphore,
}

impl Journal {
    pub(crate) fn new(log: Arc<dyn Log>, partition_count: u16) -> Journal {
        Journal { log, partition_count, lookups: Semaphore::new(LOOKUPS_MAX) }
    }

    /// What the record of `id` asked for, which is that of an order, of one of a list, or of a
    /// list; `None` where there is no record, or not of any.
    pub(crate) async fn asked(&self, id: OrderId) -> Result<Option<Recorded>, Problem> {
        if id.partition().number() >= self.partition_count {
            return Ok(None);
        }
        let Ok(_permit) = self.lookups.try_acquire() else {
            let message = "too many orders are looked up in the log at once; try again";
            return Err(Problem::overloaded(message));
        };
        let log = Arc::clone(&self.log);
        let read = tokio::task::spawn_blocking(move || record_at(log.as_ref(), id));
        match read.await {
            Ok(Ok(stored)) => Ok(stored.and_then(asked_in)),
            Ok(Err(error)) => {
                tracing::warn!(%id, %error, "could not read an order's record");
                Err(unreadable())
            }
            Err(_) => Err(unreadable()),
        }
    }
}

impl Journal {
    /// The newest version of everything that is listed, as the log has it now.
    pub(crate) async fn listings(&self) -> Result<BTreeMap<String, ReferenceRecord>, Problem> {
        let log = Arc::clone(&self.log);
        match tokio::task::spawn_blocking(move || newest_listings(log.as_ref())).await {
            Ok(Ok(listings)) => Ok(listings),
            Ok(Err(error)) => {
                tracing::warn!(%error, "could not read the listings");
                Err(unreadable())
            }
            Err(_) => Err(unreadable()),
        }
    }
}

fn newest_listings(log: &dyn Log) -> Result<BTreeMap<String, ReferenceRecord>, LogError> {
    let place = Place { topic: Topic::Reference, partition: Partition::FIRST };
    let end = log.end(place, Visibility::Synced)?;
    let mut reader = log.reader(place, 0, Visibility::Synced)?;
    let limit = ReadLimit { records: 1_024, bytes: 1 << 20 };
    let (mut listings, mut polled) = (BTreeMap::<String, ReferenceRecord>::new(), Vec::new());
    let mut reached = ReachedEnd::No;
    let mut next = 0;
    while next < end && reached == ReachedEnd::No {
        reached = reader.poll(limit, POLL_WAIT, &mut polled)?;
        for stored in polled.drain(..) {
            next = stored.offset + 1;
            let Ok(record) = ReferenceRecord::decode(stored.record.value) else { continue };
            let known = listings.get(&record.key).map_or(0, |known| known.version);
            if record.version >= known {
                listings.insert(record.key.clone(), record);
            }
        }
    }
    Ok(listings)
}

fn unreadable() -> Problem {
    Problem::unavailable("log_unavailable", "the log could not be read; try again")
}

fn record_at(log: &dyn Log, id: OrderId) -> Result<Option<Stored>, LogError> {
    let place = Place::orders(id.partition());
    if id.offset() >= log.end(place, Visibility::Synced)? {
        return Ok(None);
    }
    let mut reader = log.reader(place, id.offset(), Visibility::Synced)?;
    let mut polled = Vec::new();
    for _ in 0..POLLS_MAX {
        let reached = reader.poll(ReadLimit { records: 1, bytes: 1 }, POLL_WAIT, &mut polled)?;
        if !polled.is_empty() || reached == ReachedEnd::Yes {
            break;
        }
    }
    Ok(polled.into_iter().find(|stored| stored.offset == id.offset()))
}

fn asked_in(stored: Stored) -> Option<Recorded> {
    let appended_at = stored.appended_at;
    let input = log::Input::decode(stored.record.value).ok()?;
    let Some(input::Kind::Client(wire)) = input.kind else { return None };
    let client = ClientCommand::try_from(wire).ok()?;
    let asked = match client.command {
        Command::Place(order) | Command::Replace(ReplaceOrder { place: order, .. }) => {
            Asked::Order(order)
        }
        Command::PlaceList(list) => Asked::List(list),
        _ => return None,
    };
    Some(Recorded { account: client.account, asked, appended_at })
}
