//! Words of those who run the platform.

use matcher::exchange::reference_key;
use model::Side;
use proto::{
    command::OperatorWord,
    log::RefusalReason,
    reference::{InstrumentListing, ReferenceBody, ReferenceRecord, reference_body::Body},
};

use crate::venue::{BTC, Became, USD, Venue, became, btc_usd, limit};

/// The word that lists this version of the instrument.
pub(crate) fn relist(version: u32, listing: InstrumentListing) -> OperatorWord {
    let body = Body::Instrument(listing);
    let key = reference_key(&body);
    let body = Some(ReferenceBody { body: Some(body) });
    OperatorWord::ChangeReference(Box::new(ReferenceRecord { key, version, body }))
}

#[test]
fn a_listing_is_changed_once_and_whoever_repeats_it_is_told() {
    let mut venue = Venue::new(true);
    let closer = InstrumentListing { price_protection_bps: 100, ..btc_usd() };
    let other = InstrumentListing { price_protection_bps: 200, ..btc_usd() };
    venue.apply("maker", limit("1", Side::Sell, 10_000, 1_000));
    let late = venue.operate_until(relist(2, closer.clone()), venue.now - 1);
    assert_eq!(became(&late), Became::Refused(RefusalReason::Late));
    let body = venue.operate(relist(2, closer.clone()));
    assert_eq!(became(&body), Became::Applied);
    assert_eq!(body.events.len(), 1, "that it is listed");
    let again = venue.operate(relist(2, closer));
    assert_eq!(became(&again), Became::Duplicate(0));
    assert!(again.events.is_empty());
    let successor = Became::Refused(RefusalReason::NotSuccessor);
    assert_eq!(became(&venue.operate(relist(2, other.clone()))), successor);
    assert_eq!(became(&venue.operate(relist(4, other.clone()))), successor);
    assert_eq!(became(&venue.operate(relist(3, other))), Became::Applied);
    let instrument = venue.exchange.books().instrument(crate::venue::BTC_USD).expect("listed");
    assert_eq!(instrument.price_protection_bps, 200);
    assert_eq!(venue.exchange.books().len(), 1, "what rests stays");
}

#[test]
fn what_an_instrument_counts_never_changes_on_whichever_shard() {
    let elsewhere = InstrumentListing { id: 2, partition: 1, ..btc_usd() };
    for partition_count in [1, 2] {
        let mut venue = Venue::bare(true, partition_count, model::Partition::FIRST);
        venue.list(crate::venue::asset(USD, "USD", 1));
        venue.list(crate::venue::asset(BTC, "BTC", 1));
        let listing = if partition_count == 1 { btc_usd() } else { elsewhere.clone() };
        venue.list(Body::Instrument(listing.clone()));
        for bad in [
            InstrumentListing { tick_size_units: 2_000_000, ..listing.clone() },
            InstrumentListing { lot_size_units: 2_000, ..listing.clone() },
            InstrumentListing { base_asset_id: USD, quote_asset_id: BTC, ..listing.clone() },
            InstrumentListing { partition: 1 - listing.partition, ..listing.clone() },
            InstrumentListing { price_protection_bps: 0, ..listing.clone() },
        ] {
            let refused = Became::Refused(RefusalReason::BadListing);
            assert_eq!(became(&venue.operate(relist(2, bad.clone()))), refused, "{bad:?}");
        }
        assert_eq!(became(&venue.operate(relist(2, listing))), Became::Applied);
    }
}
