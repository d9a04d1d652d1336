//! A list of orders, and what is the same for all lists wherever the price stands.

use model::{
    Contingency, Instructions, InstrumentId, OrderType, Quantity, Side, TimeInForce, TriggerKind,
};
use thiserror::Error;

use super::{Ask, Key, PlaceOrder};

/// The behaviour of a log from which on it knows lists.
const BEHAVIOUR: u32 = 4;

/// A list of orders to place, all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceList {
    /// What makes a retry safe: one key for all of it.
    pub key: Key,
    /// What to trade.
    pub instrument: InstrumentId,
    /// How the orders hang together.
    pub contingency: Contingency,
    /// The orders: the working one first; of a pair the one above the price, then the one below.
    pub legs: Vec<Leg>,
}

/// One order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Which way.
    pub side: Side,
    /// How much and at what price.
    pub ask: Ask,
    /// How long it works.
    pub time_in_force: TimeInForce,
    /// What else it says.
    pub instructions: Instructions,
}

/// Why orders make no list, with the place of the one at fault, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ListError {
    /// Not as many as the contingency has.
    #[error("there are not as many orders as such a list has")]
    Count,
    /// The working order is not a limit order.
    #[error("the working order is not a limit order; give it a price and no stop_price")]
    Working(usize),
    /// A market order by quote amount.
    #[error("an order of a list cannot be by quote_quantity; give quantity")]
    ByQuote(usize),
    /// The two of a pair go different ways, or ask for different quantities.
    #[error("the two orders of a pair differ in side or quantity; make them the same")]
    Differs(usize),
    /// No post-only limit order or take-profit beside a stop-loss.
    #[error(
        "of a pair one order is a stop_loss or stop_loss_limit, and the other a limit with \
         post_only, a take_profit or a take_profit_limit"
    )]
    Kinds(usize),
    /// The one that should be above the price is not above the other.
    #[error("the order above the price is not above the one below it; swap them or their prices")]
    Order(usize),
}

impl ListError {
    /// Which order is at fault, from 0.
    pub const fn place(&self) -> usize {
        match self {
            ListError::Count => 0,
            ListError::Working(place)
            | ListError::ByQuote(place)
            | ListError::Differs(place)
            | ListError::Kinds(place)
            | ListError::Order(place) => *place,
        }
    }
}

impl PlaceList {
    /// The behaviour of a log from which on it knows all that the list says.
    pub fn behaviour(&self) -> u32 {
        let orders = (0..self.legs.len()).map(|at| self.order(at).behaviour());
        orders.max().unwrap_or_default().max(BEHAVIOUR)
    }

    /// The order at a place of the list, as if it had come alone.
    pub fn order(&self, at: usize) -> PlaceOrder {
        let Leg { side, ask, time_in_force, instructions } = self.legs[at];
        let (key, instrument) = (self.key.clone(), self.instrument);
        PlaceOrder { key, instrument, side, ask, time_in_force, instructions }
    }

    /// How many orders are placed at once; the others wait.
    pub fn placed_at_once(&self) -> usize {
        if self.contingency.has_working() { 1 } else { self.legs.len() }
    }

    /// Checks what must hold wherever the price stands.
    ///
    /// # Errors
    /// [`ListError`], by the first rule that it breaks.
    pub fn check(&self) -> Result<(), ListError> {
        if self.legs.len() != self.contingency.legs() {
            return Err(ListError::Count);
        }
        let is_by_quote = |leg: &Leg| matches!(leg.ask, Ask::MarketByQuote { .. });
        if let Some(at) = self.legs.iter().position(is_by_quote) {
            return Err(ListError::ByQuote(at));
        }
        let working = &self.legs[0];
        let is_limit = working.ask.order_type() == OrderType::Limit;
        if self.contingency.has_working()
            && !(is_limit && working.instructions.waits_for().is_none())
        {
            return Err(ListError::Working(0));
        }
        match self.contingency {
            Contingency::Oto => Ok(()),
            Contingency::Oco => check_pair(&self.legs[0], &self.legs[1], 0),
            Contingency::Otoco => check_pair(&self.legs[1], &self.legs[2], 1),
        }
    }
}

/// Checks a pair, the first of which stands at `at`.
fn check_pair(above: &Leg, below: &Leg, at: usize) -> Result<(), ListError> {
    if above.side != below.side || quantity(&above.ask) != quantity(&below.ask) {
        return Err(ListError::Differs(at + 1));
    }
    // A buyer gains below the price, a seller above it.
    let (gain, loss, loss_at) = match above.side {
        Side::Buy => (below, above, at),
        Side::Sell => (above, below, at + 1),
    };
    let kind = |leg: &Leg| leg.instructions.trigger.map(|trigger| trigger.kind);
    let is_gain = match kind(gain) {
        None => gain.instructions.post_only,
        Some(kind) => kind == TriggerKind::TakeProfit,
    };
    if !is_gain || kind(loss) != Some(TriggerKind::StopLoss) {
        return Err(ListError::Kinds(if is_gain { loss_at } else { at + at + 1 - loss_at }));
    }
    let turn = |leg: &Leg| match leg.instructions.trigger {
        Some(trigger) => Some(trigger.price),
        None => leg.ask.price(),
    };
    if turn(above) > turn(below) { Ok(()) } else { Err(ListError::Order(at)) }
}

fn quantity(ask: &Ask) -> Option<Quantity> {
    match ask {
        Ask::Limit { quantity, .. } | Ask::Market { quantity } => Some(*quantity),
        Ask::MarketByQuote { .. } => None,
    }
}
