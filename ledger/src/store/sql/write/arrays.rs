//! Rows as PostgreSQL takes them most cheaply: an array for each column.
//!
//! However many rows there are, the statement reads the same, binds one value a column, is prepared
//! once a connection and then never planned again. The arrays are unnested in the select list, side
//! by side: in a `FROM` PostgreSQL would first write each of them down as a table, which takes
//! twice the time.

use sea_orm::{
    Value,
    sea_query::{Alias, Expr, Query as Select, SelectStatement},
    sqlx::{Postgres, postgres::PgArguments, query::Query},
};

use super::{StoreError, Values};

/// A statement of PostgreSQL with what it binds.
pub(super) type Bound = Query<'static, Postgres, PgArguments>;

/// The values of one column.
enum Array {
    Bool(Vec<Option<bool>>),
    Small(Vec<Option<i16>>),
    Int(Vec<Option<i32>>),
    Big(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
}

impl Array {
    /// With room for `rows` values of the kind of `value`, which may be null.
    fn of(value: &Value, rows: usize) -> Result<Array, StoreError> {
        match value {
            Value::Bool(_) => Ok(Array::Bool(Vec::with_capacity(rows))),
            Value::SmallInt(_) => Ok(Array::Small(Vec::with_capacity(rows))),
            Value::Int(_) => Ok(Array::Int(Vec::with_capacity(rows))),
            Value::BigInt(_) => Ok(Array::Big(Vec::with_capacity(rows))),
            Value::String(_) => Ok(Array::Text(Vec::with_capacity(rows))),
            _ => Err(unwritable()),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), StoreError> {
        match (self, value) {
            (Array::Bool(values), Value::Bool(value)) => values.push(value),
            (Array::Small(values), Value::SmallInt(value)) => values.push(value),
            (Array::Int(values), Value::Int(value)) => values.push(value),
            (Array::Big(values), Value::BigInt(value)) => values.push(value),
            (Array::Text(values), Value::String(value)) => values.push(value),
            _ => return Err(unwritable()),
        }
        Ok(())
    }

    /// The type of its values.
    const fn word(&self) -> &'static str {
        match self {
            Array::Bool(_) => "boolean",
            Array::Small(_) => "smallint",
            Array::Int(_) => "integer",
            Array::Big(_) => "bigint",
            Array::Text(_) => "text",
        }
    }

    fn bind(self, query: Bound) -> Bound {
        match self {
            Array::Bool(values) => query.bind(values),
            Array::Small(values) => query.bind(values),
            Array::Int(values) => query.bind(values),
            Array::Big(values) => query.bind(values),
            Array::Text(values) => query.bind(values),
        }
    }
}

/// Rows, turned on their side.
pub(super) struct Arrays(Vec<Array>);

impl Arrays {
    /// Of `rows`, which are some, and each have the columns of the first.
    pub(super) fn of(rows: Vec<Values>) -> Result<Arrays, StoreError> {
        let (count, first) = (rows.len(), rows.first().ok_or_else(unwritable)?);
        let arrays: Result<Vec<Array>, _> =
            first.iter().map(|value| Array::of(value, count)).collect();
        let mut arrays = arrays?;
        for row in rows {
            if row.len() != arrays.len() {
                return Err(unwritable());
            }
            for (array, value) in arrays.iter_mut().zip(row) {
                array.push(value)?;
            }
        }
        Ok(Arrays(arrays))
    }

    /// The rows again, in their order, their columns named as those of a list of values are:
    /// `column1`, `column2` and so on.
    pub(super) fn unnested(&self) -> SelectStatement {
        let mut select = Select::select();
        for (number, array) in (1..).zip(&self.0) {
            let word = array.word();
            let values = Expr::cust(format!("UNNEST(${number}::{word}[])"));
            select.expr_as(values, Alias::new(format!("column{number}")));
        }
        select
    }

    pub(super) fn bind(self, query: Bound) -> Bound {
        self.0.into_iter().fold(query, |query, array| array.bind(query))
    }
}

/// Binds single values, of the kinds that columns have.
pub(super) fn bind_each(query: Bound, values: Values) -> Result<Bound, StoreError> {
    values.into_iter().try_fold(query, |query, value| match value {
        Value::Bool(value) => Ok(query.bind(value)),
        Value::SmallInt(value) => Ok(query.bind(value)),
        Value::Int(value) => Ok(query.bind(value)),
        Value::BigInt(value) => Ok(query.bind(value)),
        Value::String(value) => Ok(query.bind(value)),
        _ => Err(unwritable()),
    })
}

fn unwritable() -> StoreError {
    StoreError::Failed("a row's values are not what its columns hold; this is a bug".to_owned())
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::PostgresQueryBuilder;

    use super::*;

    #[test]
    fn rows_become_one_array_a_column_whatever_their_number() {
        let row = |id: i64, key: Option<&str>| -> Values {
            vec![id.into(), key.map(str::to_owned).into(), true.into(), 1_i16.into(), 2_i32.into()]
        };
        for rows in [vec![row(1, None)], vec![row(1, Some("a")), row(2, None), row(3, Some(""))]] {
            let text = Arrays::of(rows).unwrap().unnested().to_string(PostgresQueryBuilder);
            assert_eq!(
                text,
                "SELECT UNNEST($1::bigint[]) AS \"column1\", UNNEST($2::text[]) AS \"column2\", \
                 UNNEST($3::boolean[]) AS \"column3\", UNNEST($4::smallint[]) AS \"column4\", \
                 UNNEST($5::integer[]) AS \"column5\""
            );
        }
    }

    #[test]
    fn rows_that_do_not_fit_together_are_refused() {
        let refused = |rows: Vec<Values>| Arrays::of(rows).err() == Some(unwritable());
        assert!(refused(vec![]));
        assert!(refused(vec![vec![1_i64.into()], vec![]]));
        assert!(refused(vec![vec![1_i64.into()], vec![1_i64.into(), 2_i64.into()]]));
        assert!(refused(vec![vec![1_i64.into()], vec![1_i16.into()]]));
        assert!(refused(vec![vec![1.5_f64.into()]]));
    }
}
