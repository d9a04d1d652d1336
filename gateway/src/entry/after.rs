//! The ladder that a dead man's switch climbs: client, instrument, timeout.

use std::sync::Arc;

use model::{AccountName, Span};
use proto::command::{CancelAfter, Command};

use super::{client, instrument};
use crate::{
    problem::Problem,
    reference::{Catalogue, Listed},
};

/// When a client's open orders are to end, as it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct AfterFields<'a> {
    /// Whose orders.
    pub client_id: Option<&'a str>,
    /// Only those of the instrument with this symbol.
    pub instrument: Option<&'a str>,
    /// Whole seconds as text; 0: no longer.
    pub timeout_seconds: Option<&'a str>,
}

/// When a client's open orders are to end, which passed the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whose orders.
    pub account: AccountName,
    /// What they trade, where they are of one instrument.
    pub listed: Option<Arc<Listed>>,
    /// What goes into the log.
    pub after: CancelAfter,
    /// The same in whole seconds.
    pub timeout_seconds: u32,
}

impl Ending {
    /// What goes into the log.
    pub fn command(&self) -> Command {
        Command::CancelAfter(self.after)
    }
}

/// How long the orders of a stream may outlive a gateway that is gone, in seconds: long enough that
/// no pause of one ends them, short enough to be of use.
const DISCONNECT_SECONDS: std::ops::RangeInclusive<u32> = 3..=60;

/// Whose orders end with a stream, and how soon without a gateway; 0: no longer.
///
/// # Errors
/// [`Problem`], by the first step of the ladder that fails.
pub fn on_disconnect(
    client_id: Option<&str>,
    timeout_seconds: u32,
) -> Result<(AccountName, u32), Problem> {
    let account = client(client_id)?;
    let (least, most) = (DISCONNECT_SECONDS.start(), DISCONNECT_SECONDS.end());
    if timeout_seconds != 0 && !DISCONNECT_SECONDS.contains(&timeout_seconds) {
        let advice = format!("must be from {least} to {most} seconds, or 0 for no longer");
        return Err(Problem::field("timeout_seconds", "out_of_range", advice));
    }
    Ok((account, timeout_seconds))
}

/// Checks when a client's open orders are to end.
///
/// # Errors
/// [`Problem`], by the first step of the ladder that fails.
pub fn cancel_after(fields: &AfterFields<'_>, catalogue: &Catalogue) -> Result<Ending, Problem> {
    const FIELD: &str = "timeout_seconds";
    let account = client(fields.client_id)?;
    let listed = match fields.instrument {
        Some(symbol) => Some(Arc::clone(instrument(Some(symbol), catalogue)?)),
        None => None,
    };
    let text = fields.timeout_seconds.ok_or_else(|| Problem::missing(FIELD))?;
    let most = CancelAfter::SECONDS_MAX;
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| is_digits && *seconds <= most);
    let timeout_seconds: u32 = seconds.ok_or_else(|| {
        let advice = format!("is not a whole number of seconds from 0, for no longer, to {most}");
        Problem::field(FIELD, "out_of_range", advice)
    })?;
    let instrument = listed.as_ref().map(|listed| listed.instrument.id);
    let after = CancelAfter::own(instrument, Span::from_secs(timeout_seconds.into()));
    Ok(Ending { account, listed, after, timeout_seconds })
}
