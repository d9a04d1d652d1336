//! Text in columns, for people.

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words: to the left.
    Word,
    /// Decimal numbers: their points below each other.
    Number,
}

/// What parts two columns.
const GAP: &str = "  ";

/// Rows below a line of titles, each column as wide as it needs; without a final line break.
pub fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let columns: Vec<Vec<String>> = columns
        .iter()
        .enumerate()
        .map(|(index, (title, align))| {
            let cells = rows.iter().map(|row| row.get(index).map_or("", String::as_str));
            column(title, *align, &cells.collect::<Vec<_>>())
        })
        .collect();
    let line = |index: usize| {
        let cells: Vec<&str> = columns.iter().map(|cells| cells[index].as_str()).collect();
        cells.join(GAP).trim_end().to_owned()
    };
    (0..=rows.len()).map(line).collect::<Vec<_>>().join("\n")
}

/// Names and values below each other; without a final line break.
pub fn fields(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{name:width$}{GAP}{value}");
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The title and the cells, all of one width.
pub fn column(title: &str, align: Align, cells: &[&str]) -> Vec<String> {
    let cells = match align {
        Align::Word => cells.iter().map(|cell| (*cell).to_owned()).collect(),
        Align::Number => on_the_point(cells),
    };
    let longest = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let width = longest.max(title.chars().count());
    let pad = |text: &str| match align {
        Align::Word => format!("{text:width$}"),
        Align::Number => format!("{text:>width$}"),
    };
    std::iter::once(pad(title)).chain(cells.iter().map(|cell| pad(cell))).collect()
}

/// The cells with what follows the point filled up to one width.
fn on_the_point(cells: &[&str]) -> Vec<String> {
    let after = |cell: &str| cell.find('.').map_or(0, |point| cell.len() - point);
    let width = cells.iter().map(|cell| after(cell)).max().unwrap_or(0);
    cells.iter().map(|cell| format!("{cell}{:fill$}", "", fill = width - after(cell))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_below_each_other() {
        let rows = vec![
            vec!["buy".to_owned(), "61837.63".to_owned(), "a".to_owned()],
            vec!["sell".to_owned(), "9".to_owned(), "b".to_owned()],
            vec!["sell".to_owned(), "10.5".to_owned(), String::new()],
        ];
        let columns = [("side", Align::Word), ("price", Align::Number), ("id", Align::Word)];
        let expected = "\
side     price  id
buy   61837.63  a
sell      9     b
sell     10.5";
        assert_eq!(table(&columns, &rows), expected);
    }

    #[test]
    fn names_stand_beside_their_values() {
        let rows = [("order", "7".to_owned()), ("status", "open".to_owned())];
        assert_eq!(fields(&rows), "order   7\nstatus  open");
    }
}
