//! What is traded: a log founded as a sandbox, three assets, three instruments.

use std::sync::Arc;

use gateway::reference::{Catalogue, Listed};
use prost::Message;
use proto::{
    log::{self, input},
    reference::{
        AssetListing, InstrumentListing, ReferenceBody, ReferenceRecord, reference_body::Body,
    },
};
use spine::{
    Log, Place, Record,
    genesis::{self, Identity},
    log::{
        WriterRole,
        memory::{Delivery, MemoryLog},
    },
};

use crate::{broken::Broken, planted};

/// One coin in smallest units.
const COIN: u64 = 100_000_000;

/// What everybody is given: so little that some want more than they have.
const ASSETS: [(u32, &str, u64); 3] = [(1, "USD", 5_000), (2, "BTC", 40), (3, "ETH", 40)];

/// Base and quote of each instrument.
const INSTRUMENTS: [(u32, u32, u32); 3] = [(1, 2, 1), (2, 3, 1), (3, 3, 2)];

/// Founds the log and lists everything on every partition, as the first inputs of each.
pub(crate) fn found(
    memory: &MemoryLog,
    log: &dyn Log,
    partitions: u16,
    broken: Broken,
) -> Identity {
    let genesis = log::Genesis {
        log_id: planted::log_id(broken),
        partition_count: partitions.into(),
        sandbox: true,
        key_retention_nanos: 24 * 3_600 * 1_000_000_000,
        behaviour: spine::BEHAVIOUR,
    };
    let founder = WriterRole::Edge { give_up_after: std::time::Duration::ZERO };
    let founder = log.producer(founder).expect("a memory takes producers");
    let listings = bodies(partitions).into_iter().map(|body| {
        let key = matcher::exchange::reference_key(&body);
        let body = Some(ReferenceBody { body: Some(body) });
        input::Kind::ReferenceChanged(ReferenceRecord { key, version: 1, body })
    });
    let inputs: Vec<_> = std::iter::once(input::Kind::Genesis(genesis)).chain(listings).collect();
    for partition in (0..partitions).filter_map(model::Partition::new) {
        for kind in &inputs {
            let record = Record::of(log::Input { kind: Some(kind.clone()) }.encode_to_vec());
            founder.append(Place::orders(partition), record, Box::new(|_| {}));
        }
    }
    while let Some(lane) = memory.lanes().first() {
        memory.deliver(*lane, Delivery::Land);
    }
    genesis::identify(log).expect("it was just founded")
}

/// Everything that is listed, as edges see it.
pub(crate) fn catalogue(partitions: u16) -> Catalogue {
    Catalogue::of(&bodies(partitions))
}

/// All instruments, by symbol.
pub(crate) fn instruments(catalogue: &Catalogue) -> Vec<Arc<Listed>> {
    catalogue.instruments().cloned().collect()
}

fn bodies(partitions: u16) -> Vec<Body> {
    let asset = |(id, code, coins): (u32, &str, u64)| {
        let (code, sandbox_grant_units) = (code.to_owned(), coins * COIN);
        Body::Asset(AssetListing { id, code, decimals: 8, sandbox_grant_units })
    };
    let instrument = |(id, base_asset_id, quote_asset_id)| {
        Body::Instrument(InstrumentListing {
            id,
            base_asset_id,
            quote_asset_id,
            tick_size_units: COIN / 100,
            lot_size_units: COIN / 100_000,
            price_protection_bps: 500,
            partition: (id - 1) % u32::from(partitions),
            ..Default::default()
        })
    };
    ASSETS.into_iter().map(asset).chain(INSTRUMENTS.into_iter().map(instrument)).collect()
}
