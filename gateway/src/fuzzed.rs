//! What fuzzing reads of requests (`fuzz/`); built with `--cfg fuzzing` alone.

use proto::command::Command;

use crate::{
    entry::{self, OrderFields, Word},
    grpc, idempotency,
    office::generated_key,
    problem::Problem,
    reference::Catalogue,
    rest,
};

/// What came of a request: the commands in it, or the first thing that is wrong.
pub type Asked = Result<Vec<Command>, Problem>;

/// Reads bytes as each body of the REST edge that asks for something.
pub fn bodies(bytes: &[u8], catalogue: &Catalogue) -> Vec<Asked> {
    rest::fuzzed::bodies(bytes, catalogue)
}

/// Reads a query of the REST edge.
pub fn query(text: &str) {
    rest::fuzzed::query(text);
}

/// Reads bytes as each message of order entry that asks for something.
pub fn messages(bytes: &[u8], catalogue: &Catalogue) -> Vec<Asked> {
    grpc::fuzzed::messages(bytes, catalogue)
}

/// Reads what stands in Redis under a key.
///
/// # Panics
/// Where it is not written as it was read.
pub fn kept_word(bytes: &[u8]) {
    idempotency::redis::fuzzed(bytes);
}

/// Checks an order that is to come instead of another.
pub(crate) fn replacing(
    fields: &OrderFields<'_>,
    mode: Word<'_, model::ReplaceMode>,
    catalogue: &Catalogue,
) -> Asked {
    let replaced = model::OrderId::from_number(7).expect("an id");
    let replacing = entry::replace(replaced, mode, fields, catalogue, generated_key)?;
    Ok(vec![replacing.command()])
}
