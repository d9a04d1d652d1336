//! The ledger's tables against the fold: which tables there are, how PostgreSQL is asked for them,
//! and the comparison of two sorted streams of rows.

use std::{
    cmp::Ordering,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use super::{
    finding::{Check, Findings},
    fold::Fold,
};

/// A table: its name, its columns in the order of the fold's rows, and how many of them, from the
/// first on, are its key.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static str,
    key_columns: usize,
}

const fn table(name: &'static str, key_columns: usize, columns: &'static str) -> Table {
    Table { name, columns, key_columns }
}

/// Every table that follows from the log. New columns of the ledger do not disturb: columns are
/// asked for by name.
#[rustfmt::skip]
pub(crate) const TABLES: [Table; 9] = [
    table("progress", 1, "partition, log_id, out_seq, in_offset, chain, next_offset, now_nanos"),
    table("assets", 1, "id, code, decimals, sandbox_grant_units, version"),
    table("instruments", 1, "id, base_asset_id, quote_asset_id, tick_size_units, lot_size_units, price_protection_bps, partition, version"),
    table("orders", 1, "id, account, client_order_id, instrument_id, side, order_type, time_in_force, price_ticks, quantity_lots, quote_units, quote_units_high, remaining_lots, status, reason, created_at_nanos, updated_at_nanos"),
    table("order_aliases", 1, "alias_id, order_id"),
    table("trades", 2, "instrument_id, trade_id, price_ticks, quantity_lots, maker_order_id, taker_order_id, maker_account, taker_account, taker_side, executed_at_nanos"),
    table("balances", 3, "account, asset_id, partition, available_units, available_units_high, held_units, held_units_high, link_units, link_units_high"),
    table("postings", 3, "partition, out_seq, number, cause, order_id, instrument_id, trade_id, external_id, link_partition"),
    table("posting_legs", 4, "partition, out_seq, number, leg, bucket, account, asset_id, units, units_high"),
];

impl Table {
    /// The command that makes PostgreSQL write all rows in the order of the key.
    pub(crate) fn copy(&self) -> String {
        let Table { name, columns, key_columns } = self;
        let key: Vec<String> = columns
            .split(", ")
            .take(*key_columns)
            .map(|column| match column {
                "account" => format!("{column} COLLATE \"C\""),
                _ => column.to_owned(),
            })
            .collect();
        format!("COPY (SELECT {columns} FROM {name} ORDER BY {}) TO STDOUT", key.join(", "))
    }

    /// The file that its rows are written into.
    pub(crate) fn file(&self) -> String {
        format!("{}.rows", self.name)
    }

    /// The file with the rows that it should have, where they are too many for memory.
    pub(super) fn expected_file(&self) -> String {
        format!("{}.expected", self.name)
    }
}

/// Holds every table's file in `directory` against the fold.
///
/// # Errors
/// Where a file cannot be read.
pub(super) fn check(directory: &Path, fold: &Fold, findings: &mut Findings) -> io::Result<()> {
    for table in &TABLES {
        let found = lines(&directory.join(table.file()))?;
        let rows = match table.name {
            "progress" => fold.progress_rows(),
            "assets" => fold.asset_rows(),
            "instruments" => fold.instrument_rows(),
            "orders" => fold.order_rows(),
            "order_aliases" => fold.alias_rows(),
            "trades" => fold.trade_rows(),
            "balances" => fold.balance_rows(),
            _ => {
                let expected = lines(&directory.join(table.expected_file()))?;
                compare(table, expected, found, findings)?;
                continue;
            }
        };
        compare(table, rows.map(Ok), found, findings)?;
    }
    Ok(())
}

fn lines(path: &Path) -> io::Result<io::Lines<BufReader<File>>> {
    let file = File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    Ok(BufReader::with_capacity(1 << 20, file).lines())
}

/// Walks two sorted streams side by side.
fn compare(
    table: &Table,
    mut expected: impl Iterator<Item = io::Result<String>>,
    mut found: impl Iterator<Item = io::Result<String>>,
    findings: &mut Findings,
) -> io::Result<()> {
    let name = table.name;
    let mut should = expected.next().transpose()?;
    let mut is = found.next().transpose()?;
    loop {
        let order = match (&should, &is) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(should), Some(is)) => by_key(should, is, table.key_columns),
        };
        findings.looked_at(Check::Tables, 1);
        match (order, &should, &is) {
            (Ordering::Less, Some(row), _) => {
                findings.fault(Check::Tables, format!("{name} misses: {row}"));
            }
            (Ordering::Greater, _, Some(row)) => {
                findings.fault(Check::Tables, format!("{name} has too much: {row}"));
            }
            (_, Some(should), Some(is)) if should != is => {
                findings.fault(Check::Tables, format!("{name} has: {is}; it should be: {should}"));
            }
            _ => {}
        }
        if order.is_le() {
            should = expected.next().transpose()?;
        }
        if order.is_ge() {
            is = found.next().transpose()?;
        }
    }
}

/// Orders two rows by their first columns, numbers as numbers.
fn by_key(one: &str, other: &str, key_columns: usize) -> Ordering {
    let pairs = one.split('\t').zip(other.split('\t')).take(key_columns);
    let mut orders = pairs.map(|(one, other)| match (one.parse::<i64>(), other.parse::<i64>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => one.cmp(other),
    });
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(expected: &[&str], found: &[&str]) -> Vec<String> {
        let rows = |rows: &[&str]| -> Vec<io::Result<String>> {
            rows.iter().map(|row| Ok((*row).to_owned())).collect()
        };
        let mut findings = Findings::default();
        let table = table("trades", 2, "instrument_id, trade_id, price_ticks");
        compare(&table, rows(expected).into_iter(), rows(found).into_iter(), &mut findings)
            .expect("nothing is read");
        findings.of(Check::Tables).examples
    }

    #[test]
    fn what_is_missing_too_much_or_different_is_told() {
        let rows = ["1\t9\t5", "1\t10\t5", "2\t1\t7"];
        assert!(compared(&rows, &rows).is_empty());
        assert_eq!(compared(&rows, &[rows[0], rows[2]]), ["trades misses: 1\t10\t5"]);
        assert_eq!(compared(&rows[..2], &rows), ["trades has too much: 2\t1\t7"]);
        let twice = [rows[0], rows[1], rows[1], rows[2]];
        assert_eq!(compared(&rows, &twice), ["trades has too much: 1\t10\t5"]);
        let other = [rows[0], "1\t10\t6", rows[2]];
        let told = compared(&rows, &other);
        assert_eq!(told, ["trades has: 1\t10\t6; it should be: 1\t10\t5"]);
        assert_eq!(compared(&[], &rows).len(), 3);
    }

    #[test]
    fn rows_are_asked_for_in_the_order_of_the_key() {
        let balances = TABLES.iter().find(|table| table.name == "balances").expect("a table");
        assert!(balances.copy().ends_with(
            "FROM balances ORDER BY account COLLATE \"C\", asset_id, partition) TO STDOUT"
        ));
    }
}
