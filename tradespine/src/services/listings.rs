//! What a new platform lists: the assets and instruments of a first start.

use proto::reference::{
    AssetListing, InstrumentListing, ReferenceBody, ReferenceRecord, reference_body::Body,
};

/// Every seeded asset has eight decimals.
const DECIMALS: u32 = 8;
/// One coin in smallest units.
const COIN: u64 = 100_000_000;
/// What the sandbox gives of an asset that prices are quoted in.
const QUOTE_GRANT_COINS: u64 = 1_000_000;
/// What it gives of any other.
const BASE_GRANT_COINS: u64 = 1_000;
/// A cent: 0.01 of the quote asset.
const TICK_UNITS: u64 = COIN / 100;
/// 0.00001 of the base asset.
const LOT_UNITS: u64 = COIN / 100_000;
/// How far from the last trade a market order may go: 5 %.
const PROTECTION_BPS: u32 = 500;

/// The asset codes, by id from 1; the first two are what prices are quoted in.
const ASSETS: [&str; 12] =
    ["USD", "USDT", "BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "DOT", "MATIC", "LTC"];
const QUOTES: usize = 2;

/// A seeded instrument: its symbol's halves, and the price in cents that the first market makers
/// start from.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// The base asset's code.
    pub base: &'static str,
    /// The quote asset's code.
    pub quote: &'static str,
    /// A plausible price, in ticks.
    pub start_ticks: u64,
}

/// The seeded instruments, by id from 1.
pub const INSTRUMENTS: [Seed; 12] = [
    Seed { base: "BTC", quote: "USD", start_ticks: 6_180_000 },
    Seed { base: "ETH", quote: "USD", start_ticks: 268_000 },
    Seed { base: "SOL", quote: "USD", start_ticks: 15_600 },
    Seed { base: "BNB", quote: "USD", start_ticks: 51_700 },
    Seed { base: "XRP", quote: "USD", start_ticks: 6_100 },
    Seed { base: "ADA", quote: "USD", start_ticks: 3_400 },
    Seed { base: "DOGE", quote: "USD", start_ticks: 1_050 },
    Seed { base: "DOT", quote: "USD", start_ticks: 4_700 },
    Seed { base: "MATIC", quote: "USD", start_ticks: 4_300 },
    Seed { base: "LTC", quote: "USD", start_ticks: 6_200 },
    Seed { base: "BTC", quote: "USDT", start_ticks: 6_180_000 },
    Seed { base: "ETH", quote: "USDT", start_ticks: 268_000 },
];

impl Seed {
    /// The instrument's symbol.
    pub fn symbol(&self) -> String {
        format!("{}-{}", self.base, self.quote)
    }
}

/// What accounts of a sandbox are given when they open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grants {
    /// Plenty of everything.
    Standard,
    /// Nothing: all money comes in by deposits.
    Nothing,
}

/// The records of a first start, in the order in which they must be applied: assets first. The
/// instruments are dealt out over the shards in turn.
pub fn first_listings(partition_count: u16, grants: Grants) -> Vec<ReferenceRecord> {
    let assets = ASSETS.iter().zip(1..).map(|(code, id)| asset(code, id, grants));
    let partitions = (0..u32::from(partition_count)).cycle();
    let instruments = INSTRUMENTS.iter().zip(1..).zip(partitions);
    let instruments = instruments.map(|((seed, id), partition)| instrument(seed, id, partition));
    assets.chain(instruments).map(first_version).collect()
}

fn first_version(body: Body) -> ReferenceRecord {
    ReferenceRecord {
        key: matcher::exchange::reference_key(&body),
        version: 1,
        body: Some(ReferenceBody { body: Some(body) }),
    }
}

fn asset(code: &str, id: u32, grants: Grants) -> Body {
    let coins = match grants {
        Grants::Nothing => 0,
        Grants::Standard if ASSETS[..QUOTES].contains(&code) => QUOTE_GRANT_COINS,
        Grants::Standard => BASE_GRANT_COINS,
    };
    Body::Asset(AssetListing {
        id,
        code: code.to_owned(),
        decimals: DECIMALS,
        sandbox_grant_units: coins * COIN,
    })
}

fn instrument(seed: &Seed, id: u32, partition: u32) -> Body {
    Body::Instrument(InstrumentListing {
        id,
        base_asset_id: asset_id(seed.base),
        quote_asset_id: asset_id(seed.quote),
        tick_size_units: TICK_UNITS,
        lot_size_units: LOT_UNITS,
        price_protection_bps: PROTECTION_BPS,
        partition,
        ..Default::default()
    })
}

fn asset_id(code: &str) -> u32 {
    ASSETS.iter().zip(1..).find(|(known, _)| **known == code).map_or(0, |(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listing_is_one_that_a_shard_accepts() {
        let records = first_listings(3, Grants::Standard);
        let bodies = || records.iter().filter_map(|record| record.body.as_ref()?.body.as_ref());
        let assets: Vec<_> = bodies()
            .filter_map(|body| match body {
                Body::Asset(listing) => proto::convert::asset(listing),
                Body::Instrument(_) | Body::Credential(_) | Body::FeeTiers(_) => None,
            })
            .collect();
        assert_eq!(assets.len(), ASSETS.len());
        let find = |id| assets.iter().find(|asset| asset.id.0 == id).expect("it is listed");
        for body in bodies() {
            let Body::Instrument(listing) = body else { continue };
            let (base, quote) = (find(listing.base_asset_id), find(listing.quote_asset_id));
            let listed = proto::convert::instrument(listing, base, quote).expect("a good listing");
            let seed = INSTRUMENTS[listing.id as usize - 1];
            assert_eq!(listed.symbol.as_str(), seed.symbol());
            assert!(listing.partition < 3);
        }
    }
}
