//! What those who run the platform have said of accounts and of trading.

use model::InstrumentId;
use proto::{
    convert::{self, Malformed},
    log::{AccountControlled, KillSwitchTurned, MarketStateChanged},
};

use super::{Changes, Fold};
use crate::control::AccountControl;

impl Fold<'_> {
    pub(super) fn controlled(
        &self,
        wire: &AccountControlled,
        changes: &mut Changes,
    ) -> Result<(), Malformed> {
        let control = AccountControl {
            state: convert::account_state(wire.state)?,
            is_killed: wire.killed,
            limits: convert::risk_limits(wire.limits.as_ref())?,
            tier: convert::fee_tier(wire.fee_tier)?,
        };
        let key = (self.name(wire.account)?.clone(), self.partition);
        changes.controls.insert(key, control);
        Ok(())
    }

    pub(super) fn turned(&self, wire: &KillSwitchTurned, changes: &mut Changes) {
        let instrument = (wire.instrument_id > 0).then_some(InstrumentId(wire.instrument_id));
        changes.switches.insert((self.partition, instrument), wire.engaged);
    }
}

pub(super) fn market_state(
    wire: &MarketStateChanged,
    changes: &mut Changes,
) -> Result<(), Malformed> {
    let state = convert::market_state_from_wire(wire.state)?;
    changes.market_states.insert(InstrumentId(wire.instrument_id), state);
    Ok(())
}
