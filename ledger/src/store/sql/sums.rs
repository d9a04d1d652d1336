//! What there is of each asset, summed by the database at one moment.
//!
//! An amount is two columns, and SQLite sums no further than a column holds: so the lower one is
//! summed in two halves. Of the postings only those legs are read that are outside, the faucet's or
//! adjustments; a partial index has just these.

use model::{Amount, AssetId};
use proto::log::Bucket;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, SimpleExpr},
};

use super::{column, entity, failed, read, whole::snapshot};
use crate::{
    solvency::{AssetSums, Cut},
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

pub(super) async fn cut(connection: &DatabaseConnection) -> Result<Cut, StoreError> {
    let snapshot = snapshot(connection).await.map_err(failed)?;
    let as_of = read::progress(&snapshot).await?;
    let mut sums = AssetSums::new();
    owned(&snapshot, &mut sums).await?;
    for row in entity::fee_income::Entity::find().all(&snapshot).await.map_err(failed)? {
        let ((asset, _), earned) = column::fee_income_of(&row)?;
        let sum = sums.entry(asset).or_default();
        sum.fees = sum.fees.checked_add(earned).ok_or_else(beyond)?;
    }
    outside(&snapshot, &mut sums).await?;
    snapshot.commit().await.map_err(failed)?;
    Ok(Cut { as_of, sums })
}

/// What accounts have, in one pass over their balances.
async fn owned(snapshot: &DatabaseTransaction, sums: &mut AssetSums) -> Result<(), StoreError> {
    let names = ["available", "held", "link"];
    let mut balances = entity::balance::Entity::find()
        .select_only()
        .column(entity::balance::Column::AssetId)
        .group_by(entity::balance::Column::AssetId);
    for name in names {
        for (part, sum) in parts(&format!("{name}_units")) {
            balances = balances.expr_as(sum, format!("{name}_{part}"));
        }
    }
    for row in balances.into_tuple::<Owned>().all(snapshot).await.map_err(failed)? {
        let sum = sums.entry(asset_of(row.0)?).or_default();
        sum.available = amount_of([row.1, row.2, row.3])?;
        sum.held = amount_of([row.4, row.5, row.6])?;
        sum.link = amount_of([row.7, row.8, row.9])?;
    }
    Ok(())
}

/// An asset, and the parts of three sums.
type Owned = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);

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
    let sums_of =
        parts("units").into_iter().fold(legs, |legs, (part, sum)| legs.expr_as(sum, part));
    for row in sums_of.into_tuple::<Crossed>().all(snapshot).await.map_err(failed)? {
        let (asset, bucket, upper, lower, high) = row;
        let bucket = Bucket::try_from(i32::from(bucket)).map_err(|_| beyond())?;
        let sum = sums.entry(asset_of(asset)?).or_default();
        sum.count_outside(bucket, amount_of([upper, lower, high])?).ok_or_else(beyond)?;
    }
    Ok(())
}

/// An asset, a bucket, and the parts of a sum.
type Crossed = (i64, i16, i64, i64, i64);

/// The parts of the sum of an amount's two columns.
fn parts(units: &str) -> [(&'static str, SimpleExpr); 3] {
    let part = |expression: String| Expr::cust(format!("CAST(SUM({expression}) AS BIGINT)"));
    [
        ("upper", part(format!("{units} / {HALF}"))),
        ("lower", part(format!("{units} % {HALF}"))),
        ("high", part(format!("{units}_high"))),
    ]
}

fn asset_of(number: i64) -> Result<AssetId, StoreError> {
    u32::try_from(number).map(AssetId).map_err(|_| beyond())
}

fn amount_of(parts: [i64; 3]) -> Result<Amount, StoreError> {
    let [upper, lower, high] = parts.map(i128::from);
    let units = high.checked_mul(HIGH).and_then(|high| high.checked_add(upper * HALF + lower));
    units.map(Amount::from_units).ok_or_else(beyond)
}

fn beyond() -> StoreError {
    StoreError::Damaged("a sum of an asset is beyond what an amount holds".to_owned())
}
