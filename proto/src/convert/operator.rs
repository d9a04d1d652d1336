//! Commands of those who run the platform, between the log's wire form and the domain.

use model::{InstrumentId, OperatorName};

use super::{
    Malformed, command::stamp, control, market_state_from_wire, market_state_to_wire, money, risk,
    tier,
};
use crate::{
    command::{Operator, OperatorCommand, OperatorWord},
    log::{self, AdminDecision, operator_command::Command as Wire},
};

impl TryFrom<log::OperatorCommand> for OperatorCommand {
    type Error = Malformed;

    fn try_from(wire: log::OperatorCommand) -> Result<Self, Malformed> {
        let by = wire.by.as_ref().ok_or(Malformed("by"))?.try_into()?;
        let command = match wire.command.ok_or(Malformed("command"))? {
            Wire::ChangeReference(record) => OperatorWord::ChangeReference(Box::new(record)),
            Wire::SetAccountState(set) => control::set_state(&set)?,
            Wire::SetRiskLimits(set) => risk::set_limits(&set)?,
            Wire::SetKillSwitch(set) => control::set_switch(&set)?,
            Wire::AssignFeeTiers(assigned) => tier::assigned(&assigned)?,
            Wire::ResetAccount(reset) => money::reset(&reset)?,
            Wire::Adjust(adjustment) => money::adjustment(&adjustment)?,
            Wire::SetMarketState(set) => OperatorWord::SetMarketState {
                instrument: InstrumentId(set.instrument_id),
                state: market_state_from_wire(set.state)?,
            },
            Wire::AdminCall(call) => OperatorWord::Record(admin_call(call)?),
        };
        Ok(OperatorCommand { by, command })
    }
}

impl TryFrom<&log::Operator> for Operator {
    type Error = Malformed;

    fn try_from(wire: &log::Operator) -> Result<Self, Malformed> {
        let name = OperatorName::new(&wire.name).map_err(|_| Malformed("name"))?;
        Ok(Operator { name, stamp: stamp(wire.stamp.as_ref())? })
    }
}

impl From<&Operator> for log::Operator {
    fn from(by: &Operator) -> Self {
        log::Operator { name: by.name.as_str().to_owned(), stamp: Some((&by.stamp).into()) }
    }
}

impl From<&OperatorCommand> for log::OperatorCommand {
    fn from(command: &OperatorCommand) -> Self {
        let OperatorCommand { by, command } = command;
        let command = match command {
            OperatorWord::ChangeReference(record) => Wire::ChangeReference((**record).clone()),
            OperatorWord::SetAccountState { account, state } => {
                Wire::SetAccountState(control::set_state_to_wire(account, *state))
            }
            OperatorWord::SetRiskLimits { account, limits } => {
                Wire::SetRiskLimits(risk::set_limits_to_wire(account, limits))
            }
            OperatorWord::SetKillSwitch { scope, is_engaged } => {
                Wire::SetKillSwitch(control::set_switch_to_wire(scope, *is_engaged))
            }
            OperatorWord::Reset { account, id } => {
                Wire::ResetAccount(money::reset_to_wire(account, id))
            }
            OperatorWord::AssignFeeTiers(tiers) => {
                Wire::AssignFeeTiers(tier::assigned_to_wire(tiers))
            }
            OperatorWord::Record(call) => Wire::AdminCall(call.clone()),
            OperatorWord::Adjust { account, movement } => {
                Wire::Adjust(money::adjustment_to_wire(account, movement))
            }
            OperatorWord::SetMarketState { instrument, state } => {
                Wire::SetMarketState(log::SetMarketState {
                    instrument_id: instrument.0,
                    state: market_state_to_wire(*state).into(),
                })
            }
        };
        log::OperatorCommand { by: Some(by.into()), command: Some(command) }
    }
}

/// The longest name of a method, and of a source: an address of version 6 has 45 characters.
const TEXT_BYTES_MAX: usize = 128;

fn admin_call(call: log::AdminCall) -> Result<log::AdminCall, Malformed> {
    if call.method.len() > TEXT_BYTES_MAX {
        return Err(Malformed("method"));
    }
    if call.source.len() > TEXT_BYTES_MAX {
        return Err(Malformed("source"));
    }
    match AdminDecision::try_from(call.decision) {
        Ok(AdminDecision::Unspecified) | Err(_) => Err(Malformed("decision")),
        Ok(_) => Ok(call),
    }
}

#[cfg(test)]
mod tests {
    use model::{MarketState, RequestId, Timestamp};

    use super::*;
    use crate::{command::Stamp, reference::ReferenceRecord};

    fn by() -> Operator {
        let (request_id, valid_until) = (RequestId(u128::MAX - 3), Timestamp::from_unix_nanos(7));
        let name = OperatorName::new("olga").expect("a good name");
        Operator { name, stamp: Stamp { request_id, valid_until } }
    }

    #[test]
    fn commands_survive_the_log() {
        let record = ReferenceRecord { key: "asset/1".to_owned(), version: 2, body: None };
        let command =
            OperatorCommand { by: by(), command: OperatorWord::ChangeReference(Box::new(record)) };
        let wire = log::OperatorCommand::from(&command);
        assert_eq!(OperatorCommand::try_from(wire), Ok(command));
        for state in MarketState::ALL {
            let command = OperatorWord::SetMarketState { instrument: InstrumentId(7), state };
            let command = OperatorCommand { by: by(), command };
            let wire = log::OperatorCommand::from(&command);
            assert_eq!(OperatorCommand::try_from(wire), Ok(command));
        }
    }

    #[test]
    fn what_is_not_a_command_names_its_field() {
        let good = log::OperatorCommand {
            by: Some((&by()).into()),
            command: Some(Wire::ChangeReference(ReferenceRecord::default())),
        };
        let nobody = log::Operator { name: String::new(), ..(&by()).into() };
        let unstamped = log::Operator { stamp: None, ..(&by()).into() };
        let stateless = Wire::SetMarketState(log::SetMarketState { instrument_id: 1, state: 0 });
        for (field, bad) in [
            ("by", log::OperatorCommand { by: None, ..good.clone() }),
            ("name", log::OperatorCommand { by: Some(nobody), ..good.clone() }),
            ("stamp", log::OperatorCommand { by: Some(unstamped), ..good.clone() }),
            ("state", log::OperatorCommand { command: Some(stateless), ..good.clone() }),
            ("command", log::OperatorCommand { command: None, ..good }),
        ] {
            assert_eq!(OperatorCommand::try_from(bad), Err(Malformed(field)));
        }
    }
}
