//! The state as a snapshot keeps it: plain data of both cores under one protobuf message, written
//! canonically, and back with everything checked by the cores themselves.

mod accounts;
mod books;
mod closings;
mod controls;
mod indications;
mod keys;
mod park;
mod resets;
mod switches;
mod tiers;
mod transfers;

use std::collections::BTreeMap;

use matcher_core::Books;
use model::{AccountName, Partition, Span};
use prost::Message;
use proto::{
    convert,
    reference::{ReferenceRecord, reference_body::Body},
};

use crate::{
    answer::Named, credential::Credentials, exchange::Exchange, group,
    limits::GROUPED_ACCOUNTS_MAX, list::Listings, order_list::shared::SharedHolds, trail::Trail,
};

#[derive(Clone, PartialEq, Message)]
struct ExchangeImage {
    #[prost(uint32, tag = "1")]
    partition: u32,
    #[prost(uint64, tag = "2")]
    key_retention_nanos: u64,
    #[prost(message, repeated, tag = "3")]
    listings: Vec<ReferenceRecord>,
    #[prost(message, optional, tag = "4")]
    books: Option<books::BooksWire>,
    #[prost(message, optional, tag = "5")]
    accounts: Option<accounts::AccountsWire>,
    #[prost(message, optional, tag = "6")]
    keys: Option<keys::KeysWire>,
    #[prost(uint32, tag = "7")]
    partition_count: u32,
    #[prost(uint32, tag = "8")]
    revisited: u32,
    #[prost(message, optional, tag = "9")]
    park: Option<park::ParkWire>,
    #[prost(message, repeated, tag = "30")]
    groups: Vec<GroupWire>,
    #[prost(message, optional, tag = "10")]
    switches: Option<switches::SwitchesWire>,
    #[prost(message, optional, tag = "50")]
    controls: Option<controls::ControlsWire>,
    #[prost(message, repeated, tag = "40")]
    tiers: Vec<tiers::TierWire>,
    #[prost(message, repeated, tag = "41")]
    resets: Vec<resets::ResetWire>,
    #[prost(message, repeated, tag = "55")]
    indications: Vec<indications::IndicationWire>,
    #[prost(message, repeated, tag = "60")]
    on_their_way: Vec<transfers::TransferWire>,
    #[prost(message, repeated, tag = "100")]
    credentials: Vec<ReferenceRecord>,
    #[prost(uint64, tag = "101")]
    trail_entries: u64,
    /// Absent where the trail has no entry.
    #[prost(bytes = "vec", tag = "102")]
    trail_hash: Vec<u8>,
}

/// The group of an account.
#[derive(Clone, PartialEq, Message)]
struct GroupWire {
    #[prost(string, tag = "1")]
    account: String,
    #[prost(uint64, tag = "2")]
    group: u64,
}

/// Writes the whole state.
pub(crate) fn encode(exchange: &Exchange) -> Vec<u8> {
    ExchangeImage {
        partition: exchange.partition.number().into(),
        key_retention_nanos: exchange.key_retention.nanos(),
        listings: exchange.listings.records.values().cloned().collect(),
        books: Some(books::to_wire(&exchange.books.image())),
        accounts: Some(accounts::to_wire(&exchange.accounts.image())),
        keys: Some(keys::to_wire(&exchange.keys.image())),
        partition_count: exchange.partition_count,
        revisited: exchange.revisited,
        park: park::to_wire(&exchange.park, &exchange.asks),
        groups: exchange.groups.iter().map(group_to_wire).collect(),
        switches: switches::to_wire(&exchange.switches),
        controls: controls::to_wire(&exchange.controls),
        tiers: tiers::to_wire(&exchange.tiers),
        resets: exchange.resets.iter().map(resets::to_wire).collect(),
        indications: indications::to_wire(&exchange.indications),
        on_their_way: transfers::to_wire(&exchange.on_their_way),
        credentials: exchange.credentials.image(),
        trail_entries: exchange.trail.entries,
        trail_hash: trail_hash(exchange.trail),
    }
    .encode_to_vec()
}

/// Reads a state that [`encode`] wrote.
///
/// # Errors
/// What is wrong with the bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Exchange, String> {
    let image = ExchangeImage::decode(bytes).map_err(|error| error.to_string())?;
    let partition = u16::try_from(image.partition).ok().and_then(Partition::new);
    let partition = partition.filter(|_| image.partition < image.partition_count);
    let listings = listings(image.listings)?;
    let books = image.books.ok_or("it has no books")?;
    let accounts = image.accounts.ok_or("it has no accounts")?;
    let keys = image.keys.ok_or("it has no keys")?;
    let partition = partition.ok_or("there is no such partition")?;
    let partition_count = u16::try_from(image.partition_count).unwrap_or(u16::MAX);
    let accounts = accounts::restore(accounts, keys.seed(), (partition, partition_count))?;
    let (park, asks) = park::restore(image.park)?;
    let switches = switches::restore(image.switches)?;
    let controls = controls::restore(image.controls, &accounts)?;
    let tiers = tiers::restore(&image.tiers, &accounts)?;
    let on_their_way = transfers::restore(&image.on_their_way)?;
    if image.revisited >= accounts.handles_end().max(1) {
        return Err("there is no such account to look at".to_owned());
    }
    let instruments = instruments(&listings)?;
    let groups = groups(&image.groups)?;
    let mut books = books::from_wire(books, &instruments)?;
    books.groups = group::of_open(groups.iter(), |name| accounts.find(name));
    let books = Books::restore(books).map_err(|error| error.to_string())?;
    let exchange = Exchange {
        partition,
        partition_count: image.partition_count,
        key_retention: Span::from_nanos(image.key_retention_nanos),
        shared: SharedHolds::of(&books),
        books,
        groups,
        keys: keys::restore(keys, |name| accounts.find(name).is_some())?,
        accounts,
        park,
        asks,
        switches,
        controls,
        tiers,
        resets: resets::restore(&image.resets)?,
        indications: indications::restore(&image.indications)?,
        on_their_way,
        has_overdue: false,
        revisited: image.revisited,
        listings,
        credentials: Credentials::restore(image.credentials)?,
        trail: trail(image.trail_entries, &image.trail_hash)?,
        postings: Default::default(),
        matched: Default::default(),
        settled: Default::default(),
        matches: 0,
        named: Named::default(),
    };
    exchange.check_invariants()?;
    Ok(exchange)
}

fn trail_hash(trail: Trail) -> Vec<u8> {
    if trail.entries == 0 { Vec::new() } else { trail.hash.to_vec() }
}

fn trail(entries: u64, hash: &[u8]) -> Result<Trail, String> {
    match (entries, hash) {
        (0, []) => Ok(Trail::default()),
        (0, _) => Err("an empty audit trail has a hash".to_owned()),
        (entries, hash) => {
            let hash = hash.try_into().map_err(|_| "the audit trail has no hash")?;
            Ok(Trail { entries, hash })
        }
    }
}

fn group_to_wire((account, group): (&AccountName, &u64)) -> GroupWire {
    GroupWire { account: account.as_str().to_owned(), group: *group }
}

fn groups(wires: &[GroupWire]) -> Result<BTreeMap<AccountName, u64>, String> {
    let mut groups = BTreeMap::new();
    for GroupWire { account, group } in wires {
        let name = AccountName::new(account).map_err(|error| error.to_string())?;
        let is_next = groups.last_key_value().is_none_or(|(last, _)| *last < name);
        if !is_next || *group == 0 || groups.len() >= GROUPED_ACCOUNTS_MAX {
            return Err(format!("the group of {account} is out of order, or none"));
        }
        groups.insert(name, *group);
    }
    Ok(groups)
}

fn listings(records: Vec<ReferenceRecord>) -> Result<Listings, String> {
    let mut listings = Listings::default();
    for record in records {
        if listings.records.last_key_value().is_some_and(|(last, _)| *last >= record.key) {
            return Err(format!("listing {} is out of order", record.key));
        }
        listings.records.insert(record.key.clone(), record);
    }
    Ok(listings)
}

/// Every listed instrument, as its listing makes it.
fn instruments(listings: &Listings) -> Result<Vec<model::Instrument>, String> {
    let bodies = listings.records.values().filter_map(|record| record.body.as_ref()?.body.as_ref());
    bodies
        .filter_map(|body| match body {
            Body::Instrument(listing) => Some(listing),
            Body::Asset(_) | Body::Credential(_) | Body::FeeTiers(_) => None,
        })
        .map(|listing| {
            let asset = |id| listings.asset(id).ok_or_else(|| format!("asset {id} is not listed"));
            let (base, quote) = (asset(listing.base_asset_id)?, asset(listing.quote_asset_id)?);
            convert::instrument(listing, &base, &quote).map_err(|error| error.to_string())
        })
        .collect()
}
