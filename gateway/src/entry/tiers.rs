//! Fee tiers, as those who run the platform ask for them.

use model::{FeeAsset, FeeRate, TierFees, TierVolumes};
use proto::{
    convert,
    reference::{self, TierThreshold},
};

use crate::{
    problem::{Kind, Problem},
    reference::Catalogue,
};

/// By what volume each tier is to be reached.
///
/// # Errors
/// [`Problem`] that names the field.
pub(crate) fn fee_tiers(
    rows: &[TierThreshold],
    catalogue: &Catalogue,
) -> Result<TierVolumes, Problem> {
    let one = |row: &TierThreshold| {
        let tier = tier(row.tier)?;
        let asset = catalogue.asset(&row.asset).ok_or_else(|| {
            Problem::field("asset", "unknown_asset", "is not a listed asset; write one as USDT")
        })?;
        let volume = asset.parse_amount(&row.volume);
        let volume = volume.map_err(|error| Problem::field("volume", "bad_number", error))?;
        Ok((tier, asset.id, volume))
    };
    let rows: Vec<_> = rows.iter().map(one).collect::<Result<_, Problem>>()?;
    let bad = |error: model::TiersError| {
        Problem::new(Kind::Malformed, "bad_tiers", error.to_string()).at("thresholds")
    };
    TierVolumes::new(rows).map_err(bad)
}

/// What an instrument is to charge accounts that have a tier.
///
/// # Errors
/// [`Problem`] that names the field.
pub(crate) fn tier_fees(
    rows: &[reference::TierFees],
    charged_in: FeeAsset,
) -> Result<TierFees, Problem> {
    let rate = |field: &'static str, text: &str| {
        let message = |error| format!("{field} of a fee tier is not a fee: {error}");
        FeeRate::from_text(text)
            .map_err(|error| Problem::new(Kind::Malformed, "bad_fee", message(error)).at(field))
    };
    let one = |row: &reference::TierFees| {
        let (maker, taker) =
            (rate("maker_fee", &row.maker_fee)?, rate("taker_fee", &row.taker_fee)?);
        Ok((tier(row.tier)?, maker, taker))
    };
    let rows: Vec<_> = rows.iter().map(one).collect::<Result<_, Problem>>()?;
    let bad = |error: model::TiersError| {
        Problem::new(Kind::Malformed, "bad_tiers", error.to_string()).at("fee_tiers")
    };
    TierFees::new(rows, charged_in).map_err(bad)
}

fn tier(number: u32) -> Result<model::FeeTier, Problem> {
    let advice = format!("must be from 1 to {}", model::FeeTier::MAX);
    convert::fee_tier(number).map_err(|_| Problem::field("tier", "bad_tier", advice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::tests::bodies;

    fn threshold(tier: u32, asset: &str, volume: &str) -> TierThreshold {
        TierThreshold { tier, asset: asset.to_owned(), volume: volume.to_owned() }
    }

    #[test]
    fn thresholds_are_read_in_the_decimals_of_their_asset_and_whole() {
        let catalogue = Catalogue::of(&bodies());
        let read = |rows: &[TierThreshold]| {
            let table = fee_tiers(rows, &catalogue)
                .map_err(|problem| problem.field.map(|field| field.to_string()))?;
            let told = table.thresholds().map(|row| (row.0.number(), row.1.0, row.2.units()));
            Ok(told.collect::<Vec<_>>())
        };
        let rows =
            [threshold(2, "USDT", "1.5"), threshold(1, "USDT", "1"), threshold(1, "BTC", "2")];
        let expected = vec![(1, 1, 200_000_000), (1, 2, 100_000_000), (2, 2, 150_000_000)];
        assert_eq!(read(&rows), Ok(expected));
        assert_eq!(read(&[]), Ok(vec![]));
        for (field, row) in [
            ("tier", threshold(11, "USDT", "1")),
            ("asset", threshold(1, "NO", "1")),
            ("volume", threshold(1, "USDT", "-1")),
            ("thresholds", threshold(1, "USDT", "0")),
            ("thresholds", threshold(0, "USDT", "1")),
        ] {
            assert_eq!(read(&[row]), Err(Some(field.to_owned())), "{field}");
        }
        let falling = [threshold(1, "USDT", "2"), threshold(2, "USDT", "1")];
        assert_eq!(read(&falling), Err(Some("thresholds".to_owned())));
    }

    #[test]
    fn rates_of_tiers_are_read_whole() {
        let row = |tier, maker: &str, taker: &str| reference::TierFees {
            tier,
            maker_fee: maker.to_owned(),
            taker_fee: taker.to_owned(),
        };
        let read = |rows: &[reference::TierFees]| {
            let fees = tier_fees(rows, FeeAsset::Quote)
                .map_err(|problem| problem.field.map(|field| field.to_string()))?;
            Ok(fees.to_text())
        };
        let rows = [row(3, "-0.0001", "0.0005"), row(1, "0", "0.001")];
        assert_eq!(read(&rows), Ok("1:0:0.001,3:-0.0001:0.0005".to_owned()));
        for (field, row) in [
            ("tier", row(12, "0", "0")),
            ("maker_fee", row(1, "1%", "0")),
            ("taker_fee", row(1, "0", "0.2")),
            ("fee_tiers", row(1, "-0.002", "0.001")),
        ] {
            assert_eq!(read(&[row]), Err(Some(field.to_owned())), "{field}");
        }
    }
}
