//! What there is of each asset, summed by the database at one moment.
//!
//! An amount is two columns, and SQLite sums no further than a column holds: so the lower one is
//! summed in two halves. Of the postings only those legs are read that are outside, the faucet's or
//! adjustments; a partial index has just these.

use model::{Amount, AssetId};
use proto::log::Bucket;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, Select, sea_query::Expr,
};

use super::{column, entity, failed, whole::snapshot};
use crate::{
    solvency::{AssetSum, AssetSums},
    store::StoreError,
};

/// Half of a column.
const HALF: i128 = 1 << 32;

/// What the upper of an amount's columns counts.
const HIGH: i128 = 1 << 63;

/// The condition of the partial index, to the letter.
const OUTSIDE: &str = "bucket IN (3, 4, 7)";

const _: () = assert!(Bucket::External as i32 == 3 && Bucket::Faucet as i32 == 4);
const _: () = assert!(Bucket::Adjustments as i32 == 7);

pub(super) async fn sums(connection: &DatabaseConnection) -> Result<AssetSums, StoreError> {
    let snapshot = snapshot(connection).await.map_err(failed)?;
    let mut sums = AssetSums::new();
    for (name, field) in [
        ("available", (|sum| &mut sum.available) as fn(&mut AssetSum) -> &mut Amount),
        ("held", |sum| &mut sum.held),
        ("link", |sum| &mut sum.link),
    ] {
        let of_asset = entity::balance::Entity::find()
            .select_only()
            .column(entity::balance::Column::AssetId)
            .expr_as(Expr::cust("CAST(0 AS SMALLINT)"), "bucket")
            .group_by(entity::balance::Column::AssetId);
        for row in rows(of_asset, &format!("{name}_units"), &snapshot).await? {
            *field(sums.entry(row.asset()?).or_default()) = row.amount()?;
        }
    }
    for row in entity::fee_income::Entity::find().all(&snapshot).await.map_err(failed)? {
        let ((asset, _), earned) = column::fee_income_of(&row)?;
        let sum = sums.entry(asset).or_default();
        sum.fees = sum.fees.checked_add(earned).ok_or_else(beyond)?;
    }
    outside(&snapshot, &mut sums).await?;
    snapshot.commit().await.map_err(failed)?;
    Ok(sums)
}

/// What crossed the border, in and out apart, and what was given and corrected.
async fn outside(snapshot: &DatabaseTransaction, sums: &mut AssetSums) -> Result<(), StoreError> {
    use entity::leg::{Column, Entity};
    let is_taken = Expr::cust("CASE WHEN units < 0 OR units_high < 0 THEN 1 ELSE 0 END");
    let legs = Entity::find()
        .select_only()
        .column(Column::AssetId)
        .column(Column::Bucket)
        .filter(Expr::cust(OUTSIDE))
        .group_by(Column::AssetId)
        .group_by(Column::Bucket)
        .group_by(is_taken);
    for row in rows(legs, "units", snapshot).await? {
        let bucket = Bucket::try_from(i32::from(row.bucket)).map_err(|_| beyond())?;
        let sum = sums.entry(row.asset()?).or_default();
        sum.count_outside(bucket, row.amount()?).ok_or_else(beyond)?;
    }
    Ok(())
}

/// A sum in parts.
#[derive(FromQueryResult)]
struct Row {
    asset_id: i64,
    bucket: i16,
    upper: i64,
    lower: i64,
    high: i64,
}

async fn rows<E: EntityTrait>(
    of: Select<E>,
    units: &str,
    snapshot: &DatabaseTransaction,
) -> Result<Vec<Row>, StoreError> {
    let part = |expression: String| Expr::cust(format!("CAST(SUM({expression}) AS BIGINT)"));
    let parts = of
        .expr_as(part(format!("{units} / {HALF}")), "upper")
        .expr_as(part(format!("{units} % {HALF}")), "lower")
        .expr_as(part(format!("{units}_high")), "high");
    parts.into_model::<Row>().all(snapshot).await.map_err(failed)
}

impl Row {
    fn asset(&self) -> Result<AssetId, StoreError> {
        let number = u32::try_from(self.asset_id).map_err(|_| beyond())?;
        Ok(AssetId(number))
    }

    fn amount(&self) -> Result<Amount, StoreError> {
        let [upper, lower, high] = [self.upper, self.lower, self.high].map(i128::from);
        let units = high.checked_mul(HIGH).and_then(|high| high.checked_add(upper * HALF + lower));
        units.map(Amount::from_units).ok_or_else(beyond)
    }
}

fn beyond() -> StoreError {
    StoreError::Damaged("a sum of an asset is beyond what an amount holds".to_owned())
}
