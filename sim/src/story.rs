//! What clients wanted, tried and were told: the history that the log is held against.

use std::fmt;

use gateway::{desk::News, entry::Placed, problem::Problem};
use model::{AccountName, InstrumentId, OrderId, Partition, RequestId};
use proto::{
    command::{Command, KeySpace, Movement, Transfer},
    trading::Order,
};

/// Everything that clients wanted, and every attempt at it.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) intents: Vec<Intent>,
    pub(crate) attempts: Vec<Attempt>,
    /// Attempts of which a gateway said nothing for too long, though nothing disturbed it.
    pub(crate) unheard: Vec<usize>,
}

/// One thing that a client wants to have happened once.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) asked: Asked,
    /// Whether the client is done with it.
    pub(crate) is_settled: bool,
    /// Whether it was told something that cannot change any more.
    pub(crate) is_sure: bool,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Place(Placed),
    Cancel { account: AccountName, order: OrderId },
    CancelAll { account: AccountName, partition: Partition, instrument: Option<InstrumentId> },
    Deposit { account: AccountName, partition: Partition, movement: Movement },
    Withdraw { account: AccountName, partition: Partition, movement: Movement },
    Transfer { account: AccountName, partition: Partition, transfer: Transfer },
}

/// One try at an intent, through one gateway.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) intent: usize,
    /// What was asked this time.
    pub(crate) asked: Asked,
    /// The id of the request, where it came as far as to have one.
    pub(crate) request_id: Option<RequestId>,
    /// All that was heard: once at most.
    pub(crate) heard: Vec<Heard>,
    /// What the gateway recalled of the first result, where this was a duplicate: the order with
    /// this id.
    pub(crate) recalled: Option<(OrderId, Box<Order>)>,
}

/// What a client hears of one attempt.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    /// From the desk.
    News(News),
    /// What its gateway knew already: the order with this id, as it was answered.
    Known(OrderId, Box<Order>),
    /// It was refused at the door: nothing was written.
    Refused(Problem),
    /// The connection ended, or the client ended it.
    Lost,
}

impl Heard {
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Heard::News(News::Appended { .. }) => "heard: appended",
            Heard::News(News::Answered(_)) => "heard: answered",
            Heard::News(News::NotWritten(_)) => "heard: not written",
            Heard::News(News::Unknown { .. }) => "heard: unknown",
            Heard::Known(..) => "heard: known already",
            Heard::Refused(_) => "heard: refused at the door",
            Heard::Lost => "client: connection lost",
        }
    }
}

/// For the history: what was heard, without what the log can tell later.
impl fmt::Display for Heard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |id: &OrderId| format!("{}:{}", id.partition(), id.offset());
        match self {
            Heard::News(News::Appended { id, .. }) => {
                write!(formatter, "appended at {}", place(id))
            }
            Heard::News(News::Answered(answered)) => {
                let at = answered.id().as_ref().map(place).unwrap_or_default();
                write!(formatter, "answered at {at}: {:?}", answered.answer.body.outcome)
            }
            Heard::News(News::NotWritten(problem)) => write!(formatter, "not written: {problem}"),
            Heard::News(News::Unknown { id }) => {
                write!(formatter, "unknown, at {:?}", id.as_ref().map(place))
            }
            Heard::Known(id, order) => {
                write!(formatter, "known already at {}: {:?}", place(id), order.status())
            }
            Heard::Refused(problem) => write!(formatter, "refused: {problem}"),
            Heard::Lost => formatter.write_str("lost"),
        }
    }
}

impl Asked {
    pub(crate) const fn account(&self) -> &AccountName {
        match self {
            Asked::Place(placed) => &placed.account,
            Asked::Cancel { account, .. }
            | Asked::CancelAll { account, .. }
            | Asked::Deposit { account, .. }
            | Asked::Withdraw { account, .. }
            | Asked::Transfer { account, .. } => account,
        }
    }

    /// The partition that it goes to.
    pub(crate) fn partition(&self) -> Partition {
        match self {
            Asked::Place(placed) => placed.listed.partition,
            Asked::Cancel { order, .. } => order.partition(),
            Asked::CancelAll { partition, .. }
            | Asked::Deposit { partition, .. }
            | Asked::Withdraw { partition, .. }
            | Asked::Transfer { partition, .. } => *partition,
        }
    }

    /// What goes into the log.
    pub(crate) fn command(&self) -> Command {
        match self {
            Asked::Place(placed) => placed.command(),
            Asked::Cancel { order, .. } => Command::Cancel { order_id: *order },
            Asked::CancelAll { instrument, .. } => Command::CancelAll { instrument: *instrument },
            Asked::Deposit { movement, .. } => Command::Deposit(movement.clone()),
            Asked::Withdraw { movement, .. } => Command::Withdraw(movement.clone()),
            Asked::Transfer { transfer, .. } => Command::Transfer(transfer.clone()),
        }
    }

    /// Whether trying again can do it twice: an order under a key that its gateway made up.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Asked::Place(placed) => placed.order.key.space != KeySpace::Generated,
            _ => true,
        }
    }

    /// Whether a key makes it happen once.
    pub(crate) fn has_key(&self) -> bool {
        !matches!(self, Asked::Cancel { .. } | Asked::CancelAll { .. }) && self.is_repeatable()
    }
}
