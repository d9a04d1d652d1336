//! Parameters after the question mark, and in the path.

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{Uri, request::Parts},
};
use proto::trading::OrderStatus;

use crate::problem::{Kind, Problem};

/// The longest page.
pub(super) const LIMIT_MAX: u32 = 500;

/// How deep pages go: beyond it counting rows costs more than the page, and a cursor does not.
pub(super) const ROWS_MAX: u64 = 100_000;

/// The one parameter of a path, as text.
pub(super) struct PathText(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathText, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(PathText(text)),
            Err(error) => {
                let message = format!("the path cannot be read: {}", error.body_text());
                Err(Problem::new(Kind::Malformed, "bad_path", message).at("path"))
            }
        }
    }
}

/// All parameters, in their order.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

/// Which rows of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) size: u32,
    /// Rows to pass over.
    pub(super) skip: u32,
    pub(super) cursor: String,
}

impl Params {
    pub(super) fn of(uri: &Uri) -> Result<Params, Problem> {
        if uri.query().is_none_or(str::is_empty) {
            return Ok(Params::default());
        }
        let Query(pairs) = Query::try_from_uri(uri).map_err(|error| {
            let message = format!("the query cannot be read: {error}");
            Problem::new(Kind::Malformed, "bad_query", message).at("query")
        })?;
        Ok(Params(pairs))
    }

    /// The value of the first parameter of this name, where it has one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The same, copied; empty where there is none.
    pub(super) fn owned(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// Whether the client waits for the result.
    pub(super) fn waits(&self) -> Result<bool, Problem> {
        match self.get("wait") {
            None => Ok(false),
            Some(word) if word.eq_ignore_ascii_case("result") => Ok(true),
            Some(_) => Err(Problem::field("wait", "unknown_word", "is none of: result")),
        }
    }

    /// A whole number from 1 to `maximum`.
    pub(super) fn number(
        &self,
        name: &'static str,
        default: u32,
        maximum: u32,
    ) -> Result<u32, Problem> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (1..=maximum).contains(number));
        number.ok_or_else(|| {
            let advice = format!("must be a whole number from 1 to {maximum}");
            Problem::field(name, "out_of_range", advice)
        })
    }

    /// The page that is asked for, of `default` rows where nothing is said.
    pub(super) fn page(&self, default: u32) -> Result<Page, Problem> {
        let size = self.number("limit", default, LIMIT_MAX)?;
        let page = self.number("page", 1, u32::MAX).map_err(|problem| deeper(&problem))?;
        let skip = u64::from(page - 1) * u64::from(size);
        if skip + u64::from(size) > ROWS_MAX {
            let advice = format!(
                "reaches beyond the first {ROWS_MAX} rows; go on with cursor, from the header \
                 x-next-cursor of the page before"
            );
            return Err(Problem::field("page", "too_deep", advice));
        }
        let skip = u32::try_from(skip).unwrap_or(u32::MAX);
        Ok(Page { size, skip, cursor: self.owned("cursor") })
    }

    /// The status that is asked for; unspecified where none is.
    pub(super) fn status(&self) -> Result<OrderStatus, Problem> {
        let Some(word) = self.get("status") else { return Ok(OrderStatus::Unspecified) };
        let known = STATUSES
            .into_iter()
            .find(|status| proto::text::order_status(*status).eq_ignore_ascii_case(word));
        known.ok_or_else(|| {
            let words = STATUSES.map(proto::text::order_status).join(", ");
            Problem::field("status", "unknown_word", format!("is none of: {words}"))
        })
    }
}

const STATUSES: [OrderStatus; 7] = [
    OrderStatus::Pending,
    OrderStatus::Open,
    OrderStatus::PartiallyFilled,
    OrderStatus::Filled,
    OrderStatus::Cancelled,
    OrderStatus::Expired,
    OrderStatus::Rejected,
];

/// What is no page at all is told with the depth that pages have.
fn deeper(problem: &Problem) -> Problem {
    let advice = format!("must be a whole number from 1; pages reach to row {ROWS_MAX}");
    Problem::field("page", problem.code, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        let uri = format!("/x?{query}").parse().expect("a good uri");
        Params::of(&uri).expect("a good query")
    }

    #[test]
    fn pages_are_bounded_and_say_so() {
        let page = |query: &str| params(query).page(10);
        assert_eq!(page(""), Ok(Page { size: 10, skip: 0, cursor: String::new() }));
        let third = Page { size: 500, skip: 1_000, cursor: "abc".to_owned() };
        assert_eq!(page("limit=500&page=3&cursor=abc"), Ok(third));
        assert!(page("limit=500&page=200").is_ok());
        let table = [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=1000000000", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("limit=1e2", "limit"),
            ("page=0", "page"),
            ("page=1000000000", "page"),
            ("page=99999999999999999999", "page"),
            ("limit=500&page=201", "page"),
        ];
        for (query, field) in table {
            let problem = page(query).expect_err(query);
            assert_eq!(problem.field.as_deref(), Some(field), "{query}");
        }
        assert!(page("page=1000000000").unwrap_err().message.contains("cursor"));
    }

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!(params("status=Partially_Filled").status(), Ok(OrderStatus::PartiallyFilled));
        assert_eq!(params("status=").status(), Ok(OrderStatus::Unspecified));
        assert!(params("status=lost").status().is_err());
        assert_eq!(params("wait=RESULT").waits(), Ok(true));
        assert_eq!(params("").waits(), Ok(false));
        assert!(params("wait=yes").waits().is_err());
    }
}
