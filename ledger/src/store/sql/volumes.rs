//! How much was traded in a time, added up by the database a day at a time.
//!
//! A price and a quantity have 40 bits each, and a column of SQLite holds 63 of their sum: so each
//! is taken in two halves, and the four products are summed apart.

use model::{AccountName, InstrumentId, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{column, entity, failed};
use crate::{
    store::StoreError,
    volume::{Traded, VolumesQuery},
};

/// Half of a price's bits and of a quantity's.
const HALF: i128 = 1 << 20;

/// What of the parties of a trade is looked at.
const PARTIES: [entity::trade::Column; 2] =
    [entity::trade::Column::MakerAccount, entity::trade::Column::TakerAccount];

pub(super) async fn traded(
    connection: &impl ConnectionTrait,
    query: &VolumesQuery,
) -> Result<Traded, StoreError> {
    let mut traded = Traded::new();
    for (after, until) in query.slices() {
        for party in PARTIES {
            for row in slice(connection, query.account.as_ref(), party, (after, until)).await? {
                let account = column::account_of(&row.account)?;
                let instrument: InstrumentId = column::instrument_of(row.instrument_id)?;
                let sum = traded.entry(account).or_default().entry(instrument).or_insert(0);
                *sum += row.product();
            }
        }
    }
    Ok(traded)
}

/// What one party of the trades of a time has traded, by account and instrument.
#[derive(FromQueryResult)]
struct Row {
    account: String,
    instrument_id: i64,
    upper_upper: i64,
    upper_lower: i64,
    lower_upper: i64,
    lower_lower: i64,
}

impl Row {
    fn product(&self) -> i128 {
        let [upper, one, other, lower] =
            [self.upper_upper, self.upper_lower, self.lower_upper, self.lower_lower]
                .map(i128::from);
        (upper * HALF + one + other) * HALF + lower
    }
}

async fn slice(
    connection: &impl ConnectionTrait,
    account: Option<&AccountName>,
    party: entity::trade::Column,
    (after, until): (Timestamp, Timestamp),
) -> Result<Vec<Row>, StoreError> {
    use entity::trade::{Column, Entity};
    let at = |instant: Timestamp| column::count(instant.unix_nanos());
    let product = |price: &str, quantity: &str| {
        let (price, quantity) =
            (format!("price_ticks {price} {HALF}"), format!("quantity_lots {quantity} {HALF}"));
        Expr::cust(format!("CAST(SUM(({price}) * ({quantity})) AS BIGINT)"))
    };
    let mut found = Entity::find()
        .select_only()
        .column_as(party, "account")
        .column(Column::InstrumentId)
        .expr_as(product("/", "/"), "upper_upper")
        .expr_as(product("/", "%"), "upper_lower")
        .expr_as(product("%", "/"), "lower_upper")
        .expr_as(product("%", "%"), "lower_lower")
        .filter(Column::ExecutedAtNanos.gt(at(after)))
        .filter(Column::ExecutedAtNanos.lte(at(until)))
        .filter(Expr::col(Column::MakerAccount).ne(Expr::col(Column::TakerAccount)))
        .group_by(party)
        .group_by(Column::InstrumentId);
    if let Some(account) = account {
        found = found.filter(party.eq(account.as_str()));
    }
    found.into_model::<Row>().all(connection).await.map_err(failed)
}
