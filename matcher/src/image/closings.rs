//! What is being closed, in a snapshot.

use matcher_core::{ClosedBy, Closing};
use model::{AccountHandle, InstrumentId};
use prost::Message;

/// What is being closed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ClosingWire {
    #[prost(uint32, tag = "1")]
    account: u32,
    /// 0 for every book.
    #[prost(uint32, tag = "2")]
    instrument_id: u32,
    #[prost(uint64, tag = "3")]
    through: u64,
    /// By those who run the platform.
    #[prost(bool, tag = "4")]
    is_killed: bool,
    /// Of every account.
    #[prost(bool, tag = "5")]
    is_of_all: bool,
    #[prost(uint32, tag = "6")]
    next_account: u32,
}

pub(super) fn to_wire(closing: &Closing) -> ClosingWire {
    ClosingWire {
        account: closing.account.map_or(0, |account| account.0),
        instrument_id: closing.instrument.map_or(0, |instrument| instrument.0),
        through: closing.through,
        is_killed: closing.by == ClosedBy::KillSwitch,
        is_of_all: closing.account.is_none(),
        next_account: closing.next_account,
    }
}

pub(super) fn from_wire(wire: &ClosingWire) -> Closing {
    Closing {
        by: if wire.is_killed { ClosedBy::KillSwitch } else { ClosedBy::CancelAfter },
        account: (!wire.is_of_all).then_some(AccountHandle(wire.account)),
        instrument: (wire.instrument_id > 0).then_some(InstrumentId(wire.instrument_id)),
        through: wire.through,
        next_account: wire.next_account,
    }
}
