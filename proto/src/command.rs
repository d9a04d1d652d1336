//! What a client asks of a shard, as checked values: the shard never sees a wire type, and a record
//! that does not convert is poison, answered as such and never half applied.

mod change;
mod list;

pub use change::{CancelAfter, OrderName, ReplaceOrder};
pub use list::{Leg, ListError, PlaceList};

use model::{
    AccountName, AccountState, Amount, AssetId, CancelOnly, FeeTier, Instructions, InstrumentId,
    KeyText, MarketState, OperatorName, OrderFilter, OrderId, OrderType, Price, Quantity,
    RequestId, RiskLimits, Side, TimeInForce, Timestamp,
};

use crate::reference::ReferenceRecord;

/// A client's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCommand {
    /// What identifies this attempt; no part of the content that a retry repeats.
    pub stamp: Stamp,
    /// Whose command it is.
    pub account: AccountName,
    /// What is asked.
    pub command: Command,
}

/// What identifies one attempt at a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// By this a gateway knows its answer.
    pub request_id: RequestId,
    /// A record appended after this instant is refused as late.
    pub valid_until: Timestamp,
}

/// What a client can ask of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Place an order.
    Place(PlaceOrder),
    /// Place a list of orders, all of them or none.
    PlaceList(PlaceList),
    /// Cancel one open order.
    Cancel {
        /// The order's id, or a list's, or one that a duplicate of it was given.
        order_id: OrderId,
    },
    /// Cancel all open orders of the account on this shard.
    CancelAll {
        /// Only those of this instrument, where given.
        instrument: Option<InstrumentId>,
    },
    /// Lower the quantity of one open order, which keeps its place.
    Amend {
        /// Which order.
        order: OrderName,
        /// What it is to ask for in all, above zero.
        quantity: Quantity,
    },
    /// Cancel one open order, by either id, where it is in the state that the client names.
    CancelNamed {
        /// Which order.
        order: OrderName,
        /// The only state in which it is to be cancelled; any where `None`.
        only: Option<CancelOnly>,
    },
    /// Cancel one open order and place a new one in its instrument, in one step.
    Replace(ReplaceOrder),
    /// Set when all of the account's open orders on this shard end, or those of one instrument.
    CancelAfter(CancelAfter),
    /// Cancel those of the account's open orders on this shard that fit.
    CancelMatching(OrderFilter),
    /// Put the account into a group, which is one to self-trade prevention.
    SetTradeGroup {
        /// Which; `None` takes it out of its own.
        group: Option<u64>,
    },
    /// Credit the account from outside.
    Deposit(Movement),
    /// Debit the account to outside.
    Withdraw(Movement),
    /// Send money to another account.
    Transfer(Transfer),
}

/// A record of those who run the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorCommand {
    /// Who spoke, and which attempt this is.
    pub by: Operator,
    /// What is asked.
    pub command: OperatorWord,
}

/// Who of those that run the platform spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name.
    pub name: OperatorName,
    /// What identifies this attempt.
    pub stamp: Stamp,
}

/// What those who run the platform can ask of a shard.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorWord {
    /// List something, or its next version. The first partition decides; elsewhere it is a copy.
    ChangeReference(Box<ReferenceRecord>),
    /// What an account may do from now on. Each shard is told.
    SetAccountState {
        /// Which account.
        account: AccountName,
        /// What it may do.
        state: AccountState,
    },
    /// What an account may risk from now on. Each shard is told.
    SetRiskLimits {
        /// Which account.
        account: AccountName,
        /// All of its limits; none takes them away.
        limits: RiskLimits,
    },
    /// Which fee tier accounts have from now on, each named once. Each shard is told.
    AssignFeeTiers(Vec<(AccountName, FeeTier)>),
    /// End all that an account has open and give it back what a new one has. Only in a sandbox;
    /// each shard is told.
    Reset {
        /// Whose.
        account: AccountName,
        /// Its own id, which is done once.
        id: KeyText,
    },
    /// Stop trading, or let it go on.
    SetKillSwitch {
        /// What of it.
        scope: KillScope,
        /// Whether it is stopped.
        is_engaged: bool,
    },
    /// Take a call of theirs into the audit trail. Only the first partition does.
    Record(crate::log::AdminCall),
    /// Correct what an account has available. Only its home decides.
    Adjust {
        /// Whose money.
        account: AccountName,
        /// What of it; the amount is not nothing, and below zero where it is taken.
        movement: Movement,
    },
    /// Say what an instrument's market is open for. The shard that trades it decides.
    SetMarketState {
        /// Whose market.
        instrument: InstrumentId,
        /// What for.
        state: MarketState,
    },
}

/// What a kill switch stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KillScope {
    /// All trading of the shard.
    Venue,
    /// All trading in an instrument.
    Instrument(InstrumentId),
    /// All trading of an account.
    Account(AccountName),
}

/// An order to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// What makes a retry safe.
    pub key: Key,
    /// What to trade.
    pub instrument: InstrumentId,
    /// Which way.
    pub side: Side,
    /// How much and at what price.
    pub ask: Ask,
    /// How long it works.
    pub time_in_force: TimeInForce,
    /// What else it says: an end if and only if it is good till date.
    pub instructions: Instructions,
}

impl PlaceOrder {
    /// The type that the edges call it.
    pub fn order_type(&self) -> OrderType {
        self.ask.order_type().waiting_for(self.instructions.waits_for())
    }

    /// The behaviour of a log from which on it knows such orders.
    pub fn behaviour(&self) -> u32 {
        let is_old = matches!(self.time_in_force, TimeInForce::Gtc | TimeInForce::Ioc);
        if self.instructions.display.is_some() || self.instructions.trailing.is_some() {
            return 4;
        }
        if self.instructions.trigger.is_some() {
            return 3;
        }
        if is_old && self.instructions.is_plain() { 1 } else { 2 }
    }
}

/// How much an order asks for, and at what price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// This quantity at this price or better.
    Limit {
        /// The worst price.
        price: Price,
        /// How much.
        quantity: Quantity,
    },
    /// This quantity at what the book offers.
    Market {
        /// How much.
        quantity: Quantity,
    },
    /// As much as this amount of the quote asset buys, or until it is received.
    MarketByQuote {
        /// How much of the quote asset.
        amount: Amount,
    },
}

impl Ask {
    /// The worst price, where it has one.
    pub const fn price(&self) -> Option<Price> {
        match self {
            Ask::Limit { price, .. } => Some(*price),
            Ask::Market { .. } | Ask::MarketByQuote { .. } => None,
        }
    }

    /// What it is once it is awake: limit or market, which is how the log has it.
    pub const fn order_type(&self) -> OrderType {
        match self {
            Ask::Limit { .. } => OrderType::Limit,
            Ask::Market { .. } | Ask::MarketByQuote { .. } => OrderType::Market,
        }
    }
}

/// A key that makes a retry of an order safe, scoped to account and instrument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which name space it is in.
    pub space: KeySpace,
    /// Its text.
    pub text: KeyText,
}

/// The name spaces of keys: the same text in two of them is two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySpace {
    /// The client's own id of the order.
    ClientOrderId,
    /// The Idempotency-Key header.
    IdempotencyKey,
    /// Made up by a gateway; kept only until the record's `valid_until`.
    Generated,
}

/// Money that an account sends to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// What is sent; the id is the sender's.
    pub movement: Movement,
    /// Who is sent it.
    pub receiver: AccountName,
}

/// What moves by an id from outside: a deposit, a withdrawal, what a transfer sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Of what.
    pub asset: AssetId,
    /// How much: above zero, but of an adjustment.
    pub amount: Amount,
    /// Its own id, never used twice by the account.
    pub id: KeyText,
}
