//! What a client asks to change about orders that are open.

use model::{InstrumentId, KeyText, OrderId, ReplaceMode, Span};

use super::{Command, PlaceOrder};

/// The behaviour of a log from which on it knows these commands.
const BEHAVIOUR_OF_CHANGES: u32 = 4;

/// Which order a client means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderName {
    /// The one with this id, or of which this is a duplicate's.
    Id(OrderId),
    /// The one to which the client gave this id of its own.
    Own {
        /// What it trades: a client's own ids are scoped to it.
        instrument: InstrumentId,
        /// The client order id.
        key: KeyText,
    },
    /// The one with both; where they are of two orders, none.
    Both {
        /// The order's id, likewise.
        id: OrderId,
        /// The client order id.
        key: KeyText,
    },
}

/// An order that is to come instead of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaceOrder {
    /// The order that goes.
    pub replaced: OrderName,
    /// What becomes of the new one where that is not open any more.
    pub mode: ReplaceMode,
    /// The order that comes. Its key is that of the whole.
    pub place: PlaceOrder,
}

/// When an account's open orders end, unless it says so again before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelAfter {
    /// Only those of this instrument; of all where `None`. Each is set apart.
    pub instrument: Option<InstrumentId>,
    /// How long after the record that is, at most [`CancelAfter::SECONDS_MAX`]; never where zero.
    pub timeout: Span,
    /// For which stream of orders that is set, each apart; 0 for what the account sets itself.
    pub session: u64,
    /// Whether that stream has ended: they end now.
    pub has_ended: bool,
}

impl CancelAfter {
    /// The longest timeout: a day.
    pub const SECONDS_MAX: u32 = 86_400;

    /// What an account sets itself.
    pub const fn own(instrument: Option<InstrumentId>, timeout: Span) -> CancelAfter {
        CancelAfter { instrument, timeout, session: 0, has_ended: false }
    }
}

impl Command {
    /// The behaviour of a log from which on it knows such a command.
    pub fn behaviour(&self) -> u32 {
        match self {
            Command::Place(place) => place.behaviour(),
            Command::PlaceList(list) => list.behaviour(),
            Command::Replace(replace) => replace.place.behaviour().max(BEHAVIOUR_OF_CHANGES),
            Command::Amend { .. }
            | Command::CancelNamed { .. }
            | Command::CancelMatching(_)
            | Command::SetTradeGroup { .. }
            | Command::CancelAfter(_)
            | Command::Transfer(_) => BEHAVIOUR_OF_CHANGES,
            Command::Cancel { .. }
            | Command::CancelAll { .. }
            | Command::Deposit(_)
            | Command::Withdraw(_) => 1,
        }
    }
}
