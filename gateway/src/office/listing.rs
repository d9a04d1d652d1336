//! What of an instrument's listing is to be another: read from text, put into the listing in force,
//! and the whole checked as a shard will check it.

use model::{FeeRate, decimal, instrument::ValueError};
use proto::{
    admin::SetInstrumentRequest,
    convert,
    reference::{InstrumentFilters, InstrumentListing, ListingFilters, PriceBand},
};

use crate::{
    entry,
    problem::{Kind, Problem},
    reference::{Listed, MULTIPLIER_DECIMALS},
};

/// The listing that is asked for instead of the one in force; what is not given stays as it is.
///
/// # Errors
/// [`Problem`] that names the field that cannot be read, or what does not go together.
pub(super) fn changed(
    in_force: &InstrumentListing,
    listed: &Listed,
    asked: &SetInstrumentRequest,
) -> Result<InstrumentListing, Problem> {
    let mut next = in_force.clone();
    let protection = asked.price_protection_bps;
    next.price_protection_bps = protection.unwrap_or(next.price_protection_bps);
    set_fees(&mut next, asked)?;
    set_band(&mut next, asked);
    if let Some(tiers) = &asked.fee_tiers {
        let charged_in = convert::fee_asset(next.fee_asset).unwrap_or_default();
        let fees = entry::tier_fees(&tiers.tiers, charged_in)?;
        next.fee_tiers = convert::tier_fees_to_wire(&fees);
    }
    if let Some(filters) = &asked.filters {
        let mut all = next.filters.unwrap_or_default();
        set_grids(&mut all, filters, listed)?;
        set_worth(&mut all, filters, listed)?;
        set_multipliers(&mut all, filters)?;
        set_counts(&mut all, filters);
        next.filters = (all != ListingFilters::default()).then_some(all);
    }
    convert::instrument(&next, &listed.base, &listed.quote)
        .map(|_| next)
        .map_err(|error| Problem::new(Kind::Malformed, "bad_listing", error.to_string()))
}

fn set_fees(next: &mut InstrumentListing, asked: &SetInstrumentRequest) -> Result<(), Problem> {
    for (field, text, rate) in [
        ("maker_fee", &asked.maker_fee, &mut next.maker_fee_millionths),
        ("taker_fee", &asked.taker_fee, &mut next.taker_fee_millionths),
    ] {
        let Some(text) = text else { continue };
        let read = FeeRate::from_text(text);
        let message = |error| format!("{field} is not a fee: {error}");
        let read = read
            .map_err(|error| Problem::new(Kind::Malformed, "bad_fee", message(error)).at(field))?;
        *rate = read.millionths();
    }
    if asked.fee_asset != 0 {
        let asset = convert::fee_asset(asked.fee_asset).map_err(|_| {
            Problem::field("fee_asset", "unknown_word", "must be quote or received")
        })?;
        next.fee_asset = convert::fee_asset_to_wire(asset).into();
    }
    Ok(())
}

/// How long a market collects orders where a new band does not say it: what venues take who stop
/// single instruments, two to five minutes.
const AUCTION_SECS: u32 = 120;

fn set_band(next: &mut InstrumentListing, asked: &SetInstrumentRequest) {
    let is_asked = asked.price_band_reference_secs.is_some()
        || asked.price_band_auction_secs.is_some()
        || asked.price_band_bps.is_some();
    if !is_asked {
        return;
    }
    let in_force = next.price_band.unwrap_or(PriceBand {
        width_bps: 0,
        reference_secs: 0,
        auction_secs: AUCTION_SECS,
    });
    let band = PriceBand {
        width_bps: asked.price_band_bps.unwrap_or(in_force.width_bps),
        reference_secs: asked.price_band_reference_secs.unwrap_or(in_force.reference_secs),
        auction_secs: asked.price_band_auction_secs.unwrap_or(in_force.auction_secs),
    };
    let takes_away = asked.price_band_bps == Some(0);
    next.price_band = (!takes_away).then_some(band);
}

fn set_grids(
    next: &mut ListingFilters,
    asked: &InstrumentFilters,
    listed: &Listed,
) -> Result<(), Problem> {
    let instrument = &listed.instrument;
    for (field, text, ticks) in [
        ("min_price", &asked.min_price, &mut next.min_price_ticks),
        ("max_price", &asked.max_price, &mut next.max_price_ticks),
        ("price_step", &asked.price_step, &mut next.price_step_ticks),
    ] {
        if let Some(text) = text {
            let price = or_none(field, instrument.parse_price(text))?;
            *ticks = price.map_or(0, |price| price.ticks());
        }
    }
    for (field, text, lots) in [
        ("min_quantity", &asked.min_quantity, &mut next.min_quantity_lots),
        ("max_quantity", &asked.max_quantity, &mut next.max_quantity_lots),
        ("quantity_step", &asked.quantity_step, &mut next.quantity_step_lots),
        ("market_min_quantity", &asked.market_min_quantity, &mut next.market_min_quantity_lots),
        ("market_max_quantity", &asked.market_max_quantity, &mut next.market_max_quantity_lots),
        ("market_quantity_step", &asked.market_quantity_step, &mut next.market_quantity_step_lots),
    ] {
        if let Some(text) = text {
            let quantity = or_none(field, instrument.parse_quantity(text))?;
            *lots = quantity.map_or(0, |quantity| quantity.lots());
        }
    }
    Ok(())
}

fn set_worth(
    next: &mut ListingFilters,
    asked: &InstrumentFilters,
    listed: &Listed,
) -> Result<(), Problem> {
    for (field, text, amount) in [
        ("min_notional", &asked.min_notional, &mut next.min_notional),
        ("max_notional", &asked.max_notional, &mut next.max_notional),
    ] {
        if let Some(text) = text {
            let worth = or_none(field, listed.instrument.parse_quote_amount(text))?;
            *amount = worth.map(convert::to_amount);
        }
    }
    for (asked, on_market) in [
        (asked.min_notional_on_market, &mut next.min_notional_on_market),
        (asked.max_notional_on_market, &mut next.max_notional_on_market),
    ] {
        *on_market = asked.unwrap_or(*on_market);
    }
    Ok(())
}

fn set_multipliers(next: &mut ListingFilters, asked: &InstrumentFilters) -> Result<(), Problem> {
    for (field, text, multiplier) in [
        ("bid_multiplier_up", &asked.bid_multiplier_up, &mut next.bid_multiplier_up),
        ("bid_multiplier_down", &asked.bid_multiplier_down, &mut next.bid_multiplier_down),
        ("ask_multiplier_up", &asked.ask_multiplier_up, &mut next.ask_multiplier_up),
        ("ask_multiplier_down", &asked.ask_multiplier_down, &mut next.ask_multiplier_down),
    ] {
        let Some(text) = text else { continue };
        let units = decimal::parse_units(text, MULTIPLIER_DECIMALS)
            .map_err(|error| Problem::field(field, "bad_number", error))?;
        // What is too large for the field is too large for a multiplier.
        *multiplier = u32::try_from(units).unwrap_or(u32::MAX);
    }
    Ok(())
}

fn set_counts(next: &mut ListingFilters, asked: &InstrumentFilters) {
    for (asked, count) in [
        (asked.max_orders, &mut next.max_orders),
        (asked.max_algo_orders, &mut next.max_algo_orders),
        (asked.max_iceberg_parts, &mut next.max_iceberg_parts),
        (asked.min_trailing_above_bps, &mut next.min_trailing_above_bps),
        (asked.max_trailing_above_bps, &mut next.max_trailing_above_bps),
        (asked.min_trailing_below_bps, &mut next.min_trailing_below_bps),
        (asked.max_trailing_below_bps, &mut next.max_trailing_below_bps),
    ] {
        *count = asked.unwrap_or(*count);
    }
}

/// A value, or none where the text says zero, which takes the bound away.
fn or_none<T>(field: &'static str, read: Result<T, ValueError>) -> Result<Option<T>, Problem> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(ValueError::Zero) => Ok(None),
        Err(error) => Err(Problem::field(field, "bad_number", error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::reference::{FeeAsset, reference_body::Body};

    use super::*;
    use crate::reference::{Catalogue, tests::bodies};

    fn listed() -> (InstrumentListing, Arc<Listed>) {
        let bodies = bodies();
        let catalogue = Catalogue::of(&bodies);
        let listing = bodies.iter().find_map(|body| match body {
            Body::Instrument(listing) if listing.id == 1 => Some(listing.clone()),
            _ => None,
        });
        let listed = catalogue.instrument("BTC-USDT").expect("it is listed");
        (listing.expect("it is listed"), Arc::clone(listed))
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn all() -> InstrumentFilters {
        InstrumentFilters {
            min_price: text("0.01"),
            max_price: text("1000000"),
            price_step: text("0.05"),
            min_quantity: text("0.0001"),
            max_quantity: text("9000"),
            quantity_step: text("0.00002"),
            market_min_quantity: text("0.001"),
            market_max_quantity: text("100"),
            market_quantity_step: text("0.0005"),
            min_notional: text("5"),
            max_notional: text("9000000.00000001"),
            min_notional_on_market: Some(true),
            max_notional_on_market: Some(false),
            bid_multiplier_up: text("5"),
            bid_multiplier_down: text("0.2"),
            ask_multiplier_up: text("1.5"),
            ask_multiplier_down: text("0.8001"),
            max_orders: Some(200),
            max_algo_orders: Some(5),
            max_iceberg_parts: Some(10),
            min_trailing_above_bps: Some(10),
            max_trailing_above_bps: Some(2_000),
            min_trailing_below_bps: Some(11),
            max_trailing_below_bps: Some(2_001),
        }
    }

    fn shown(listing: &InstrumentListing, listed: &Listed) -> Option<InstrumentFilters> {
        let instrument = convert::instrument(listing, &listed.base, &listed.quote);
        let listed = Listed { instrument: instrument.expect("it was checked"), ..listed.clone() };
        listed.summary().filters
    }

    #[test]
    fn what_is_set_is_shown_as_it_was_said_and_zero_takes_it_away() {
        let (listing, listed) = listed();
        let set = |listing: &InstrumentListing, filters| {
            let request = SetInstrumentRequest { filters: Some(filters), ..Default::default() };
            changed(listing, &listed, &request).expect("good filters")
        };
        let next = set(&listing, all());
        assert_eq!(shown(&next, &listed), Some(all()));
        let without = InstrumentFilters { min_price: text("0.00"), ..Default::default() };
        let next = set(&next, without);
        assert_eq!(shown(&next, &listed), Some(InstrumentFilters { min_price: None, ..all() }));
        let zero = text("0");
        let nothing = InstrumentFilters {
            min_price: None,
            max_price: zero.clone(),
            price_step: zero.clone(),
            min_quantity: zero.clone(),
            max_quantity: zero.clone(),
            quantity_step: zero.clone(),
            market_min_quantity: zero.clone(),
            market_max_quantity: zero.clone(),
            market_quantity_step: zero.clone(),
            min_notional: zero.clone(),
            max_notional: zero.clone(),
            min_notional_on_market: Some(false),
            max_notional_on_market: Some(false),
            bid_multiplier_up: zero.clone(),
            bid_multiplier_down: zero.clone(),
            ask_multiplier_up: zero.clone(),
            ask_multiplier_down: zero,
            max_orders: Some(0),
            max_algo_orders: Some(0),
            max_iceberg_parts: Some(0),
            min_trailing_above_bps: Some(0),
            max_trailing_above_bps: Some(0),
            min_trailing_below_bps: Some(0),
            max_trailing_below_bps: Some(0),
        };
        assert_eq!(set(&next, nothing), listing, "it is as it was listed first");
    }

    #[test]
    fn fees_are_set_and_what_is_not_given_stays() {
        let (listing, listed) = listed();
        let asked = SetInstrumentRequest {
            maker_fee: text("-0.0001"),
            taker_fee: text("0.002"),
            ..Default::default()
        };
        let next = changed(&listing, &listed, &asked).expect("a schedule");
        assert_eq!((next.maker_fee_millionths, next.taker_fee_millionths), (-100, 2_000));
        assert_eq!(next.price_protection_bps, listing.price_protection_bps);
        let received = SetInstrumentRequest {
            maker_fee: text("0"),
            fee_asset: FeeAsset::Received.into(),
            ..Default::default()
        };
        let next = changed(&next, &listed, &received).expect("a schedule");
        assert_eq!((next.maker_fee_millionths, next.taker_fee_millionths), (0, 2_000));
        assert_eq!(next.fee_asset, i32::from(FeeAsset::Received));
    }

    #[test]
    fn a_band_is_set_number_by_number_and_a_width_of_zero_takes_it_away() {
        let (listing, listed) = listed();
        let set = |in_force: &InstrumentListing, [bps, reference, auction]: [Option<u32>; 3]| {
            let asked = SetInstrumentRequest {
                price_band_bps: bps,
                price_band_reference_secs: reference,
                price_band_auction_secs: auction,
                ..Default::default()
            };
            changed(in_force, &listed, &asked)
        };
        let band = |width_bps, reference_secs, auction_secs| {
            Some(PriceBand { width_bps, reference_secs, auction_secs })
        };
        let next = set(&listing, [Some(500), None, None]).expect("a band");
        assert_eq!(next.price_band, band(500, 0, 120));
        let next = set(&next, [None, Some(300), Some(60)]).expect("a band");
        assert_eq!(next.price_band, band(500, 300, 60));
        let instrument = convert::instrument(&next, &listed.base, &listed.quote);
        let shown = Listed { instrument: instrument.expect("it is one"), ..(*listed).clone() };
        assert_eq!(shown.summary().price_band, next.price_band);
        assert_eq!(set(&next, [None; 3]).expect("as it is"), next);
        assert_eq!(set(&next, [Some(0), None, None]).expect("none"), listing);
        for (asked, field) in [
            ([Some(10_001), None, None], "price_band_bps"),
            ([None, None, Some(60)], "price_band_bps"),
            ([Some(1), None, Some(0)], "price_band_auction_secs"),
            ([Some(1), Some(86_401), None], "price_band_reference_secs"),
        ] {
            let problem = set(&listing, asked).expect_err("out of range");
            assert!(problem.message.contains(field), "{problem}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_field() {
        let (listing, listed) = listed();
        let problem = |request| changed(&listing, &listed, &request).expect_err("it cannot be");
        let filters =
            |filters| SetInstrumentRequest { filters: Some(filters), ..Default::default() };
        let none = InstrumentFilters::default;
        for (field, request) in [
            ("maker_fee", SetInstrumentRequest { maker_fee: text("1%"), ..Default::default() }),
            ("taker_fee", SetInstrumentRequest { taker_fee: text("0.2"), ..Default::default() }),
            ("fee_asset", SetInstrumentRequest { fee_asset: 9, ..Default::default() }),
            ("price_step", filters(InstrumentFilters { price_step: text("0.015"), ..none() })),
            ("max_quantity", filters(InstrumentFilters { max_quantity: text("-1"), ..none() })),
            ("min_notional", filters(InstrumentFilters { min_notional: text("1e3"), ..none() })),
            (
                "bid_multiplier_up",
                filters(InstrumentFilters { bid_multiplier_up: text("1.00001"), ..none() }),
            ),
        ] {
            let problem = problem(request);
            assert_eq!(problem.field.as_deref(), Some(field), "{problem}");
            assert!(problem.message.starts_with(field), "{problem}");
        }
        let rebate = SetInstrumentRequest { maker_fee: text("-0.01"), ..Default::default() };
        assert!(problem(rebate).message.contains("rebate"));
        let crossed = filters(InstrumentFilters {
            min_quantity: text("2"),
            max_quantity: text("1"),
            ..none()
        });
        assert!(problem(crossed).message.contains("max_quantity"));
        let far = filters(InstrumentFilters { ask_multiplier_up: text("99999999"), ..none() });
        assert!(problem(far).message.contains("multiplier up"));
    }
}
