//! What was measured, round by round, and the table that is made of it.

use std::fmt::Write as _;

/// Every figure, in the order in which each was first taken.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    unit: &'static str,
    values: Vec<f64>,
}

impl Figures {
    /// Takes down what a round came to.
    pub(crate) fn note(&mut self, what: impl Into<String>, unit: &'static str, value: f64) {
        let what = what.into();
        match self.rows.iter_mut().find(|row| row.what == what) {
            Some(row) => row.values.push(value),
            None => self.rows.push(Row { what, unit, values: vec![value] }),
        }
    }

    /// The median of all rounds so far.
    pub(crate) fn median(&self, what: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.what == what).map(|row| median(&row.values))
    }

    /// What the last round came to.
    pub(crate) fn last(&self, what: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.what == what)?.values.last().copied()
    }

    /// The quotient of what the last round came to in both, where it has both.
    pub(crate) fn note_ratio(&mut self, what: &str, above: &str, below: &str) {
        if let (Some(above), Some(below)) = (self.last(above), self.last(below)) {
            self.note(what, "", above / below);
        }
    }

    /// A table in markdown: of each figure the median, the least and the most of all rounds.
    pub(crate) fn table(&self) -> String {
        let mut table =
            "| what | median | least | most | rounds |\n|---|---|---|---|---|\n".to_owned();
        for Row { what, unit, values } in &self.rows {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let space = if unit.is_empty() { "" } else { " " };
            let [middle, least, most] = [median(values), least, most].map(number);
            // Writing to memory does not fail.
            let _ = writeln!(
                table,
                "| {what} | {middle}{space}{unit} | {least} | {most} | {} |",
                values.len()
            );
        }
        table
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// A number with as many digits as a reader needs.
fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        let whole = format!("{value:.0}");
        let (sign, digits) = whole.strip_prefix('-').map_or(("", &*whole), |rest| ("-", rest));
        let first = digits.len() % 3;
        let mut groups: Vec<&str> = Vec::new();
        groups.extend((first > 0).then(|| &digits[..first]));
        groups.extend((first..digits.len()).step_by(3).map(|at| &digits[at..at + 3]));
        return format!("{sign}{}", groups.join(","));
    }
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_median_of_each_row_and_its_bounds() {
        let mut figures = Figures::default();
        for value in [12_345.4, 9_000.0, 20_000.0] {
            figures.note("REST", "/s", value);
        }
        figures.note("p50", "ms", 0.456);
        figures.note("p50", "ms", 0.5);
        figures.note_ratio("p50 by REST", "p50", "REST");
        figures.note_ratio("by nothing", "p50", "none");
        let rows: Vec<String> = figures.table().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(rows[0], "| REST | 12,345 /s | 9,000 | 20,000 | 3 |");
        assert_eq!(rows[1], "| p50 | 0.48 ms | 0.46 | 0.50 | 2 |");
        assert_eq!(rows[2], "| p50 by REST | 0.00 | 0.00 | 0.00 | 1 |");
        assert_eq!(rows.len(), 3);
        assert_eq!(figures.median("REST"), Some(12_345.4));
        assert_eq!(figures.last("REST"), Some(20_000.0));
    }

    #[test]
    fn numbers_are_grouped() {
        for (value, text) in [
            (0.0, "0.00"),
            (9.876, "9.88"),
            (98.76, "98.8"),
            (987.6, "988"),
            (1_000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-12_345.0, "-12,345"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
