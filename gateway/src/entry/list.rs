//! A list of orders: each climbs the ladder of a single order, then they are looked at together.

use std::{borrow::Cow, sync::Arc};

use model::{AccountName, Contingency, OrderType};
use proto::{
    command::{Command, Key, KeySpace, Leg, ListError, PlaceList},
    text,
};

use super::{
    OrderFields, Placed, client, instrument, order,
    word::{CONTINGENCIES, TYPES, Word, meant},
};
use crate::{
    problem::{Kind, Problem},
    reference::{Catalogue, Listed},
};

/// The fields of a list as they came; nothing is checked yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListFields<'a> {
    /// Whose orders they are.
    pub client_id: Option<&'a str>,
    /// The client's own id of the list.
    pub client_order_id: Option<&'a str>,
    /// The key of retries where there is no client order id.
    pub idempotency_key: Option<&'a str>,
    /// The symbol of what is traded.
    pub instrument: Option<&'a str>,
    /// How the orders hang together.
    pub contingency: Word<'a, Contingency>,
    /// The order that is placed first.
    pub working: Option<OrderFields<'a>>,
    /// The one that waits for it.
    pub pending: Option<OrderFields<'a>>,
    /// Of a pair, the one above the price.
    pub above: Option<OrderFields<'a>>,
    /// And the one below.
    pub below: Option<OrderFields<'a>>,
}

/// A list that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedList {
    /// Whose orders they are.
    pub account: AccountName,
    /// What is traded, and where.
    pub listed: Arc<Listed>,
    /// What goes into the log.
    pub list: PlaceList,
}

impl PlacedList {
    /// The command that goes into the log.
    pub fn command(&self) -> Command {
        Command::PlaceList(self.list.clone())
    }

    /// Whether the client can repeat the list under this key.
    pub fn has_own_key(&self) -> bool {
        self.list.key.space != KeySpace::Generated
    }

    /// Its orders, as if each had come alone.
    pub fn orders(&self) -> impl Iterator<Item = Placed> {
        (0..self.list.legs.len()).map(|at| Placed {
            account: self.account.clone(),
            listed: Arc::clone(&self.listed),
            order: self.list.order(at),
        })
    }
}

/// The names of a list's orders, in its order.
const fn names(contingency: Contingency) -> &'static [&'static str] {
    match contingency {
        Contingency::Oco => &["above", "below"],
        Contingency::Oto => &["working", "pending"],
        Contingency::Otoco => &["working", "above", "below"],
    }
}

/// Checks a list's fields. `generate` makes up a key for clients that give none.
///
/// # Errors
/// [`Problem`], by the first step that fails; of an order its field is named after the order, as
/// `above.price`.
pub fn place_list(
    fields: &ListFields<'_>,
    catalogue: &Catalogue,
    generate: impl FnOnce() -> Key,
) -> Result<PlacedList, Problem> {
    let account = client(fields.client_id)?;
    let listed = instrument(fields.instrument, catalogue)?;
    let contingency = meant("contingency", fields.contingency, &CONTINGENCIES)?
        .ok_or_else(|| Problem::missing("contingency"))?;
    let given = [
        ("working", fields.working),
        ("pending", fields.pending),
        ("above", fields.above),
        ("below", fields.below),
    ];
    let names = names(contingency);
    if let Some((name, _)) = given.iter().find(|(name, one)| one.is_some() && !names.contains(name))
    {
        let advice = format!("is not part of an {} list", text::contingency(contingency));
        return Err(Problem::field(name, "not_for_list", advice));
    }
    let own = OrderFields {
        client_order_id: fields.client_order_id,
        idempotency_key: fields.idempotency_key,
        ..OrderFields::default()
    };
    let key = order::retry_key(&own, generate)?;
    let mut legs = Vec::with_capacity(names.len());
    for name in names {
        let one = given.iter().find(|(given, _)| given == name).and_then(|(_, one)| *one);
        let one = one.ok_or_else(|| Problem::missing(name))?;
        let leg = self::leg(name, &one, fields, catalogue, &key);
        legs.push(leg.map_err(|problem| within(name, problem))?);
    }
    let list = PlaceList { key, instrument: listed.instrument.id, contingency, legs };
    list.check().map_err(|error| no_list(names, &error))?;
    Ok(PlacedList { account, listed: Arc::clone(listed), list })
}

/// One order of a list: of a pair, a limit order is post-only whether it says so or not.
fn leg(
    name: &str,
    one: &OrderFields<'_>,
    fields: &ListFields<'_>,
    catalogue: &Catalogue,
    key: &Key,
) -> Result<Leg, Problem> {
    if one.client_order_id.is_some() {
        let advice = "is the list's, which its orders share; leave it out here";
        return Err(Problem::field("client_order_id", "only_for_list", advice));
    }
    let is_limit = meant("type", one.order_type, &TYPES)? == Some(OrderType::Limit);
    let is_of_pair = ["above", "below"].contains(&name);
    let one = OrderFields {
        client_id: fields.client_id,
        instrument: fields.instrument,
        idempotency_key: None,
        post_only: one.post_only || (is_limit && is_of_pair),
        ..*one
    };
    let order = order::place(&one, catalogue, || key.clone())?.order;
    let (side, ask) = (order.side, order.ask);
    let (time_in_force, instructions) = (order.time_in_force, order.instructions);
    Ok(Leg { side, ask, time_in_force, instructions })
}

/// The same problem, in the order of this name.
pub(crate) fn within(name: &str, problem: Problem) -> Problem {
    let Problem { kind, code, field, message } = problem;
    match field {
        Some(field) => {
            let message = match message.strip_prefix(field.as_ref()) {
                Some(rest) => format!("{name}.{field}{rest}"),
                None => message,
            };
            let field = Some(Cow::Owned(format!("{name}.{field}")));
            Problem { kind, code, field, message }
        }
        None => Problem { kind, code, field, message },
    }
}

fn no_list(names: &[&'static str], error: &ListError) -> Problem {
    let code = match error {
        ListError::Count => "bad_count",
        ListError::Working(_) => "not_limit",
        ListError::ByQuote(_) => "by_quote",
        ListError::Differs(_) => "pair_differs",
        ListError::Kinds(_) => "pair_kinds",
        ListError::Order(_) => "pair_prices",
    };
    let problem = Problem::new(Kind::Malformed, code, error.to_string());
    match names.get(error.place()) {
        Some(name) => problem.at(name),
        None => problem,
    }
}
