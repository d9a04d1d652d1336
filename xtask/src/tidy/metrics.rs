//! docs/metrics.md names every metric that the code has, with its kind, and no other; and names end
//! as Prometheus asks.

use std::{collections::BTreeMap, fmt};

use super::{Complaint, source::Source};

/// The page.
pub(super) const PAGE: &str = "docs/metrics.md";

/// What a metric of ours begins with.
const PREFIX: &str = "\"tradespine_";

/// How many lines below its macro a name may stand.
const NAME_WITHIN_LINES: usize = 2;

/// A macro that makes a metric, and what the page calls it.
const KINDS: [(&str, &str); 3] =
    [("counter!(", "counter"), ("gauge!(", "gauge"), ("histogram!(", "histogram")];

/// Metrics by their names: of what kind each is, and where it stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metrics(BTreeMap<String, (String, String)>);

impl Metrics {
    /// Adds those that a source makes, outside of tests.
    pub(super) fn read(&mut self, source: &Source<'_>) {
        let lines: Vec<_> = source.lines_outside_tests().collect();
        for (index, line) in lines.iter().enumerate() {
            for (makes, kind) in KINDS {
                let Some((_, rest)) = line.text.split_once(makes) else { continue };
                let below = lines[index + 1..].iter().take(NAME_WITHIN_LINES);
                let texts = [rest].into_iter().chain(below.map(|line| line.text));
                if let Some(name) = texts.filter_map(quoted).next() {
                    let place = format!("{}:{}", source.name, line.number);
                    self.0.insert(name, (kind.to_owned(), place));
                }
            }
        }
    }

    /// Those in the rows of the page's tables.
    fn of_page(page: &str) -> Metrics {
        let mut metrics = Metrics::default();
        for (line, number) in page.lines().zip(1..) {
            let mut cells = line.split('|').skip(1).map(str::trim);
            let name = cells.next().and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
            let kind = cells.next().filter(|kind| KINDS.iter().any(|(_, known)| kind == known));
            if let (Some(name), Some(kind)) = (name, kind) {
                metrics.0.insert(name.to_owned(), (kind.to_owned(), place(number)));
            }
        }
        metrics
    }
}

fn place(line: impl fmt::Display) -> String {
    format!("{PAGE}:{line}")
}

fn quoted(text: &str) -> Option<String> {
    let start = text.find(PREFIX)? + 1;
    text[start..].split('"').next().map(str::to_owned)
}

/// Finds what the page and the code do not have in common, and names that say no unit.
pub(super) fn check(made: &Metrics, page: &str) -> Vec<Complaint> {
    let listed = Metrics::of_page(page);
    let mut complaints = Vec::new();
    for (name, (kind, place)) in &made.0 {
        if listed.0.get(name).is_none_or(|(listed, _)| listed != kind) {
            let sentence = format!("{name} is a {kind} that {PAGE} does not list; add its row");
            complaints.push(Complaint::new(place, sentence));
        }
        if (kind == "counter") != name.ends_with("_total") {
            let sentence = format!("{name} is a {kind}: counters end in _total, and only they");
            complaints.push(Complaint::new(place, sentence));
        }
    }
    for (name, (_, place)) in &listed.0 {
        if !made.0.contains_key(name) {
            complaints.push(Complaint::new(place, format!("nothing makes {name}; strike the row")));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_OF_TWO: &str = "| metric | kind |\n|---|---|\n| `tradespine_a_total` | counter | | a |\n\
                               | stage | `rate(tradespine_a_total[1m])` |\n| `tradespine_b_seconds` | gauge |";

    fn found(text: &str) -> Vec<String> {
        let mut made = Metrics::default();
        made.read(&Source::new("a/src/b.rs", text));
        check(&made, PAGE_OF_TWO).iter().map(Complaint::to_string).collect()
    }

    #[test]
    fn what_is_made_and_listed_is_well() {
        let text = "counter!(\"tradespine_a_total\").increment(1);\n\
                    Age::of(metrics::gauge!(\n    \"tradespine_b_seconds\",\n    &labels\n));\n\
                    #[cfg(test)]\nmod tests {\n    counter!(\"tradespine_test_total\");\n}";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn what_only_one_of_them_has_is_told() {
        let text = "counter!(\"tradespine_a_total\");\nhistogram!(\"tradespine_b_seconds\");\n\
                    gauge!(\"tradespine_c\");";
        assert_eq!(
            found(text),
            [
                "a/src/b.rs:2: tradespine_b_seconds is a histogram that docs/metrics.md does not list; add its row",
                "a/src/b.rs:3: tradespine_c is a gauge that docs/metrics.md does not list; add its row",
            ]
        );
        assert_eq!(
            found("gauge!(\"tradespine_b_seconds\");"),
            ["docs/metrics.md:3: nothing makes tradespine_a_total; strike the row",]
        );
    }

    #[test]
    fn a_counter_ends_in_total() {
        let text = "gauge!(\"tradespine_a_total\");\ngauge!(\"tradespine_b_seconds\");";
        let complaints = found(text);
        assert!(complaints.iter().any(|line| line.contains("only they")), "{complaints:?}");
    }
}
