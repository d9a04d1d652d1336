//! Fee tiers: what trading costs an account that trades much, and how much that has to be.
//!
//! An instrument lists rates for as many tiers as it likes. An account's tier pays the rates of the
//! highest that is listed at or below its own; where none is, what everybody pays. The table of
//! thresholds says by what volume of which asset a tier is reached.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use thiserror::Error;

use crate::{Amount, AssetId, FeeAsset, FeeRate, Fees, FeesError, Role};

/// The tier of an account: 0 is everybody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeeTier(u8);

impl FeeTier {
    /// Everybody's, who has no other.
    pub const STANDARD: FeeTier = FeeTier(0);

    /// The highest: as many as large exchanges have, and few enough that the schedules of all
    /// instruments are far below what a shard can have in use at a time.
    pub const MAX: u8 = 10;

    /// The tier of this number; `None` above [`FeeTier::MAX`].
    pub const fn new(number: u8) -> Option<FeeTier> {
        if number > Self::MAX { None } else { Some(FeeTier(number)) }
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Those that are not everybody's, the lowest first.
    pub fn above_standard() -> impl DoubleEndedIterator<Item = FeeTier> {
        (1..=Self::MAX).map(FeeTier)
    }

    /// Its row in a table of those above the standard.
    fn row(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }
}

/// Why tiers cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TiersError {
    /// Not a tier, or the standard one, which is what the instrument itself lists.
    #[error("a fee tier is a number from 1 to {}", FeeTier::MAX)]
    OutOfRange,
    /// Two of the same tier, or of the same asset in one.
    #[error("each fee tier is given once, and each asset once in it")]
    Twice,
    /// A volume of nothing or less.
    #[error("a fee tier is reached by a volume above zero")]
    NotPositive,
    /// A higher tier that is reached by as little or less.
    #[error("a higher fee tier needs more volume of an asset than the one below it")]
    NotAscending,
    /// Rates that are no schedule.
    #[error(transparent)]
    Fees(#[from] FeesError),
}

/// What an instrument charges who has a tier above the standard one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierFees([Option<Fees>; FeeTier::MAX as usize]);

impl TierFees {
    /// Every tier pays what everybody pays.
    pub const NONE: TierFees = TierFees([None; FeeTier::MAX as usize]);

    /// The schedules of these tiers, in any order: a maker's rate and a taker's, in one asset.
    ///
    /// # Errors
    /// [`TiersError`].
    pub fn new(
        tiers: impl IntoIterator<Item = (FeeTier, FeeRate, FeeRate)>,
        charged_in: FeeAsset,
    ) -> Result<TierFees, TiersError> {
        let mut all = TierFees::NONE;
        for (tier, maker, taker) in tiers {
            let row = tier.row().ok_or(TiersError::OutOfRange)?;
            let fees = Fees::new(maker, taker, charged_in)?;
            if all.0[row].replace(fees).is_some() {
                return Err(TiersError::Twice);
            }
        }
        Ok(all)
    }

    /// The schedule of an account of this tier, where the standard one is this.
    #[must_use]
    pub fn of(&self, tier: FeeTier, standard: Fees) -> Fees {
        let reached = &self.0[..usize::from(tier.0)];
        reached.iter().rev().find_map(|fees| *fees).unwrap_or(standard)
    }

    /// Those that are listed, the lowest first.
    pub fn listed(&self) -> impl Iterator<Item = (FeeTier, Fees)> + '_ {
        FeeTier::above_standard().zip(&self.0).filter_map(|(tier, fees)| Some((tier, (*fees)?)))
    }

    /// As text: `1:0.0008:0.0015,2:0:0.001`, tier, maker and taker; empty where there are none.
    pub fn to_text(&self) -> String {
        let one = |(tier, fees): (FeeTier, Fees)| {
            let [maker, taker] = [Role::Maker, Role::Taker].map(|role| fees.rate(role).to_text());
            format!("{}:{maker}:{taker}", tier.number())
        };
        self.listed().map(one).collect::<Vec<_>>().join(",")
    }

    /// Reads what [`TierFees::to_text`] writes.
    ///
    /// # Errors
    /// [`TiersError`].
    pub fn from_text(text: &str, charged_in: FeeAsset) -> Result<TierFees, TiersError> {
        let one = |text: &str| {
            let mut parts = text.split(':');
            let mut part = || parts.next().unwrap_or_default();
            let tier = part().parse().ok().and_then(FeeTier::new);
            let tier = tier.ok_or(TiersError::OutOfRange)?;
            let (maker, taker) = (FeeRate::from_text(part())?, FeeRate::from_text(part())?);
            if parts.next().is_some() {
                return Err(FeesError::NotARate.into());
            }
            Ok((tier, maker, taker))
        };
        let all = text.split(',').filter(|one| !one.is_empty()).map(one);
        TierFees::new(all.collect::<Result<Vec<_>, TiersError>>()?, charged_in)
    }
}

/// By what volume of thirty days each tier is reached, in any one of the assets that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierVolumes(BTreeMap<FeeTier, BTreeMap<AssetId, Amount>>);

impl TierVolumes {
    /// The thresholds of these tiers, in any order.
    ///
    /// # Errors
    /// [`TiersError`] where they are not: of an asset a higher tier always needs more.
    pub fn new(
        thresholds: impl IntoIterator<Item = (FeeTier, AssetId, Amount)>,
    ) -> Result<TierVolumes, TiersError> {
        let mut tiers: BTreeMap<FeeTier, BTreeMap<AssetId, Amount>> = BTreeMap::new();
        for (tier, asset, volume) in thresholds {
            if tier == FeeTier::STANDARD {
                return Err(TiersError::OutOfRange);
            }
            if volume <= Amount::ZERO {
                return Err(TiersError::NotPositive);
            }
            if tiers.entry(tier).or_default().insert(asset, volume).is_some() {
                return Err(TiersError::Twice);
            }
        }
        let mut needed: BTreeMap<AssetId, Amount> = BTreeMap::new();
        for (asset, volume) in tiers.values().flatten() {
            if needed.insert(*asset, *volume).is_some_and(|below| below >= *volume) {
                return Err(TiersError::NotAscending);
            }
        }
        Ok(TierVolumes(tiers))
    }

    /// The tier of whoever has traded this much.
    pub fn tier_of(&self, volumes: &BTreeMap<AssetId, Amount>) -> FeeTier {
        let is_reached = |needed: &BTreeMap<AssetId, Amount>| {
            let has = |asset| volumes.get(asset).copied().unwrap_or(Amount::ZERO);
            needed.iter().any(|(asset, volume)| has(asset) >= *volume)
        };
        let highest = self.0.iter().rev().find(|(_, needed)| is_reached(needed));
        highest.map_or(FeeTier::STANDARD, |(tier, _)| *tier)
    }

    /// Every threshold: by tier, then by asset.
    pub fn thresholds(&self) -> impl Iterator<Item = (FeeTier, AssetId, Amount)> + '_ {
        let of = |(tier, needed): (&FeeTier, &BTreeMap<AssetId, Amount>)| {
            let tier = *tier;
            needed.iter().map(move |(asset, volume)| (tier, *asset, *volume)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(number: u8) -> FeeTier {
        FeeTier::new(number).expect("a tier")
    }

    fn rate(millionths: i32) -> FeeRate {
        FeeRate::from_millionths(millionths).expect("in range")
    }

    #[test]
    fn a_tier_pays_the_highest_rates_at_or_below_it() {
        let tiers = [(tier(3), rate(0), rate(500)), (tier(1), rate(800), rate(1_500))];
        let fees = TierFees::new(tiers, FeeAsset::Quote).expect("tiers");
        let standard = Fees::new(rate(1_000), rate(2_000), FeeAsset::Quote).expect("a schedule");
        let taker = |number| fees.of(tier(number), standard).rate(Role::Taker).millionths();
        assert_eq!([0, 1, 2, 3, 4, 10].map(taker), [2_000, 1_500, 1_500, 500, 500, 500]);
        assert_eq!(TierFees::NONE.of(tier(10), standard), standard);
        assert_eq!(fees.to_text(), "1:0.0008:0.0015,3:0:0.0005");
        assert_eq!(TierFees::from_text(&fees.to_text(), FeeAsset::Quote), Ok(fees));
        assert_eq!(TierFees::from_text("", FeeAsset::Quote), Ok(TierFees::NONE));
    }

    #[test]
    fn rates_of_a_tier_are_a_schedule_and_each_tier_is_given_once() {
        let make = |tiers: &[(u8, i32, i32)], asset| {
            let tiers = tiers.iter().map(|one| (tier(one.0), rate(one.1), rate(one.2)));
            TierFees::new(tiers, asset).map(drop)
        };
        let rebate = Err(TiersError::Fees(FeesError::RebateBeyondFee));
        assert_eq!(make(&[(1, -6, 5)], FeeAsset::Quote), rebate);
        let received = Err(TiersError::Fees(FeesError::RebateInReceived));
        assert_eq!(make(&[(1, -5, 5)], FeeAsset::Received), received);
        assert_eq!(make(&[(0, 1, 1)], FeeAsset::Quote), Err(TiersError::OutOfRange));
        assert_eq!(make(&[(2, 1, 1), (2, 1, 1)], FeeAsset::Quote), Err(TiersError::Twice));
        assert_eq!(make(&[(1, -5, 5), (10, 0, 0)], FeeAsset::Quote), Ok(()));
        for text in ["11:0:0", "x", "1:0", "1:0:0:0", "1:0:0.2", "1:0:0,1:0:0"] {
            assert!(TierFees::from_text(text, FeeAsset::Quote).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_tier_is_reached_in_any_one_asset_and_a_higher_one_needs_more() {
        let (usd, eur) = (AssetId(1), AssetId(2));
        let amount = Amount::from_units;
        let of = |rows: &[(u8, AssetId, i128)]| {
            TierVolumes::new(rows.iter().map(|row| (tier(row.0), row.1, amount(row.2))))
        };
        let table = of(&[(3, usd, 100), (1, usd, 10), (2, eur, 50)]).expect("a table");
        let reached = |usd_units, eur_units| {
            let volumes = [(usd, amount(usd_units)), (eur, amount(eur_units))];
            table.tier_of(&volumes.into()).number()
        };
        assert_eq!(
            [reached(9, 49), reached(10, 0), reached(99, 50), reached(100, 0)],
            [0, 1, 2, 3]
        );
        assert_eq!(TierVolumes::default().tier_of(&[(usd, amount(9))].into()), FeeTier::STANDARD);
        let told: Vec<_> = table.thresholds().map(|(tier, ..)| tier.number()).collect();
        assert_eq!(told, [1, 2, 3]);
        assert_eq!(of(&[(1, usd, 10), (2, usd, 10)]), Err(TiersError::NotAscending));
        assert_eq!(of(&[(1, usd, 0)]), Err(TiersError::NotPositive));
        assert_eq!(of(&[(0, usd, 1)]), Err(TiersError::OutOfRange));
        assert_eq!(of(&[(1, usd, 1), (1, usd, 2)]), Err(TiersError::Twice));
    }
}
