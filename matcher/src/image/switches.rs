//! The switches' part of a snapshot.

use model::{AccountName, InstrumentId, OrderId, Timestamp};
use prost::Message;
use proto::convert;

use crate::switch::{Switches, Which, Whose};

#[derive(Clone, PartialEq, Message)]
pub(super) struct SwitchesWire {
    #[prost(message, repeated, tag = "1")]
    set: Vec<SwitchWire>,
    #[prost(message, repeated, tag = "2")]
    gone_off: Vec<SwitchWire>,
}

/// One that is set, or one that has gone off.
#[derive(Clone, PartialEq, Message)]
struct SwitchWire {
    #[prost(string, tag = "1")]
    account: String,
    /// 0 for every instrument.
    #[prost(uint32, tag = "2")]
    instrument_id: u32,
    /// When it goes off; the end of what waits and is of it, where it has.
    #[prost(uint64, tag = "3")]
    at_or_through: u64,
    /// The stream of orders that it is set for; 0 for the account's own.
    #[prost(fixed64, tag = "4")]
    session: u64,
}

/// Nothing where there is none, so that a shard without any is as it was.
pub(super) fn to_wire(switches: &Switches) -> Option<SwitchesWire> {
    let set = switches.set.iter().map(|((name, instrument, session), at)| SwitchWire {
        session: *session,
        ..switch_to_wire(name, *instrument, at.unix_nanos())
    });
    let gone_off = switches
        .gone_off
        .iter()
        .map(|((name, instrument), id)| switch_to_wire(name, *instrument, id.number()));
    let wire = SwitchesWire { set: set.collect(), gone_off: gone_off.collect() };
    (wire != SwitchesWire::default()).then_some(wire)
}

fn switch_to_wire(
    name: &AccountName,
    instrument: Option<InstrumentId>,
    at_or_through: u64,
) -> SwitchWire {
    SwitchWire {
        account: name.as_str().to_owned(),
        instrument_id: instrument.map_or(0, |instrument| instrument.0),
        at_or_through,
        session: 0,
    }
}

pub(super) fn restore(wire: Option<SwitchesWire>) -> Result<Switches, String> {
    let mut switches = Switches::default();
    let wire = wire.unwrap_or_default();
    for switch in &wire.set {
        let (name, instrument) = whose(switch)?;
        let which: Which = (name, instrument, switch.session);
        if switches.set.last_key_value().is_some_and(|(last, _)| *last >= which) {
            return Err(format!("the switch of {} is out of order", which.0));
        }
        let at = Timestamp::from_unix_nanos(switch.at_or_through);
        if !switches.set(which, at) {
            return Err("there are more switches than may be".to_owned());
        }
    }
    for switch in &wire.gone_off {
        let (whose, through) = (whose(switch)?, through(switch)?);
        if switches.gone_off.last_key_value().is_some_and(|(last, _)| *last >= whose) {
            return Err(format!("the switch of {} went off out of order", whose.0));
        }
        switches.gone_off.insert(whose, through);
    }
    Ok(switches)
}

fn whose(wire: &SwitchWire) -> Result<Whose, String> {
    let name = AccountName::new(&wire.account).map_err(|error| error.to_string())?;
    Ok((name, (wire.instrument_id > 0).then_some(InstrumentId(wire.instrument_id))))
}

fn through(wire: &SwitchWire) -> Result<OrderId, String> {
    convert::order_id(wire.at_or_through).map_err(|error| error.to_string())
}
