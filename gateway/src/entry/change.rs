//! The ladder that a change of an open order climbs: client, which order, then what is to change.

use std::sync::Arc;

use model::{
    AccountName, CancelOnly, OrderFilter, OrderId, Partition, Price, Quantity, ReplaceMode, Side,
};
use proto::command::{Command, Key, OrderName, ReplaceOrder};

use super::{
    client, instrument, key,
    order::{OrderFields, Placed, bad_value, place, quantity},
    word::{SIDES, Word, meant},
};
use crate::{
    problem::Problem,
    reference::{Catalogue, Listed},
};

/// Which order is meant, as it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameFields<'a> {
    /// Whose order it is.
    pub client_id: Option<&'a str>,
    /// Its id, where it is given, and good.
    pub id: Option<OrderId>,
    /// The client's own id of it.
    pub client_order_id: Option<&'a str>,
    /// The symbol of what it trades, which a client's own ids are scoped to.
    pub instrument: Option<&'a str>,
}

/// Whose order, which, and the partition that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Whose order it is.
    pub account: AccountName,
    /// Which.
    pub order: OrderName,
    /// Where it is.
    pub partition: Partition,
}

impl Named {
    /// Its id, where that was given.
    pub fn id(&self) -> Option<OrderId> {
        match &self.order {
            OrderName::Id(id) | OrderName::Both { id, .. } => Some(*id),
            OrderName::Own { .. } => None,
        }
    }
}

/// A cancel that passed the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// Which order.
    pub named: Named,
    /// The only state in which it is to be cancelled.
    pub only: Option<CancelOnly>,
}

impl Cancel {
    /// Of an order by its id, in whatever state.
    pub fn of(account: AccountName, id: OrderId) -> Cancel {
        let named = Named { account, order: OrderName::Id(id), partition: id.partition() };
        Cancel { named, only: None }
    }

    /// What goes into the log: where it can, what every log understands.
    pub fn command(&self) -> Command {
        match (&self.named.order, self.only) {
            (OrderName::Id(order_id), None) => Command::Cancel { order_id: *order_id },
            (order, only) => Command::CancelNamed { order: order.clone(), only },
        }
    }
}

/// Checks which order is meant.
///
/// # Errors
/// [`Problem`], by the first step of the ladder that fails.
pub fn named(fields: &NameFields<'_>, catalogue: &Catalogue) -> Result<Named, Problem> {
    let account = client(fields.client_id)?;
    let own = fields.client_order_id.map(|text| key("client_order_id", text)).transpose()?;
    let (order, partition) = match (fields.id, own) {
        (Some(id), None) => (OrderName::Id(id), id.partition()),
        (Some(id), Some(key)) => (OrderName::Both { id, key }, id.partition()),
        (None, Some(key)) => {
            let listed = instrument(fields.instrument, catalogue)?;
            (OrderName::Own { instrument: listed.instrument.id, key }, listed.partition)
        }
        (None, None) => {
            let advice = "is missing; give it, or client_order_id and instrument";
            return Err(Problem::field("id", "missing_field", advice));
        }
    };
    Ok(Named { account, order, partition })
}

/// Checks a cancel of one order.
///
/// # Errors
/// [`Problem`], likewise.
pub fn cancel(
    fields: &NameFields<'_>,
    only: Word<'_, CancelOnly>,
    catalogue: &Catalogue,
) -> Result<Cancel, Problem> {
    let named = named(fields, catalogue)?;
    Ok(Cancel { named, only: meant("only", only, &ONLY)? })
}

/// Checks the new quantity of an order in `listed`.
///
/// # Errors
/// [`Problem`] where it is none of this instrument.
pub fn new_quantity(text: &str, listed: &Listed) -> Result<Quantity, Problem> {
    quantity(text, listed)
}

/// An order that is to come instead of another, which passed the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacing {
    /// The order that goes.
    pub replaced: OrderId,
    /// What becomes of the new one where that is not open any more.
    pub mode: ReplaceMode,
    /// The order that comes.
    pub placed: Placed,
}

impl Replacing {
    /// What goes into the log.
    pub fn command(&self) -> Command {
        Command::Replace(ReplaceOrder {
            replaced: OrderName::Id(self.replaced),
            mode: self.mode,
            place: self.placed.order.clone(),
        })
    }
}

/// Checks an order that is to come instead of another: the order as any, then the rest.
///
/// # Errors
/// [`Problem`], by the first step of the ladder that fails.
pub fn replace(
    replaced: OrderId,
    mode: Word<'_, ReplaceMode>,
    fields: &OrderFields<'_>,
    catalogue: &Catalogue,
    generate: impl FnOnce() -> Key,
) -> Result<Replacing, Problem> {
    let placed = place(fields, catalogue, generate)?;
    let mode = meant("mode", mode, &MODES)?.unwrap_or(ReplaceMode::StopOnFailure);
    if replaced.partition() != placed.listed.partition {
        let advice = "is not what the order trades that is to be replaced";
        return Err(Problem::field("instrument", "other_instrument", advice));
    }
    Ok(Replacing { replaced, mode, placed })
}

/// Which of a client's orders are meant, as it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilterFields<'a> {
    /// Whose orders.
    pub client_id: Option<&'a str>,
    /// Only those of the instrument with this symbol.
    pub instrument: Option<&'a str>,
    /// Only those of this side.
    pub side: Word<'a, Side>,
    /// Decimal text in the quote asset: only those whose limit is this or higher.
    pub price_from: Option<&'a str>,
    /// The same: this or lower.
    pub price_to: Option<&'a str>,
}

/// A cancel of all that passed the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelAll {
    /// Whose orders.
    pub account: AccountName,
    /// What they trade, where they are of one instrument.
    pub listed: Option<Arc<Listed>>,
    /// Which of them.
    pub filter: OrderFilter,
}

impl CancelAll {
    /// What goes into the log: where it can, what every log understands.
    pub fn command(&self) -> Command {
        let instrument = self.filter.instrument;
        if self.filter == OrderFilter::all(instrument) {
            return Command::CancelAll { instrument };
        }
        Command::CancelMatching(self.filter)
    }
}

/// Checks a cancel of all.
///
/// # Errors
/// [`Problem`], by the first step of the ladder that fails.
pub fn cancel_all(fields: &FilterFields<'_>, catalogue: &Catalogue) -> Result<CancelAll, Problem> {
    let account = client(fields.client_id)?;
    let listed = match fields.instrument {
        Some(symbol) => Some(Arc::clone(instrument(Some(symbol), catalogue)?)),
        None => None,
    };
    let side = meant("side", fields.side, &SIDES)?;
    let price_from = bound("price_from", fields.price_from, listed.as_deref())?;
    let price_to = bound("price_to", fields.price_to, listed.as_deref())?;
    if price_from.zip(price_to).is_some_and(|(from, to)| from > to) {
        let advice = "is above price_to, so that no price fits both";
        return Err(Problem::field("price_from", "empty_range", advice));
    }
    let instrument = listed.as_ref().map(|listed| listed.instrument.id);
    let filter = OrderFilter { instrument, side, price_from, price_to };
    Ok(CancelAll { account, listed, filter })
}

fn bound(
    field: &'static str,
    text: Option<&str>,
    listed: Option<&Listed>,
) -> Result<Option<Price>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let listed = listed.ok_or_else(|| {
        let advice = "is missing; prices are those of one instrument";
        Problem::field("instrument", "missing_field", advice)
    })?;
    let price = listed.instrument.parse_price(text);
    price.map(Some).map_err(|error| bad_value(field, &error))
}

const MODES: [(&str, ReplaceMode); 2] =
    [("stop_on_failure", ReplaceMode::StopOnFailure), ("allow_failure", ReplaceMode::AllowFailure)];

const ONLY: [(&str, CancelOnly); 2] =
    [("new", CancelOnly::New), ("partially_filled", CancelOnly::PartiallyFilled)];
