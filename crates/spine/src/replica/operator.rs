//! What those who run the platform ask for. Every word of theirs is a record, with who said it.

use model::RequestId;
use proto::{
    command::OperatorCommand,
    log::{self, RefusalReason, outcome},
};

use super::{
    Computed, Replica, ReplicaError, VALID_FOR_MAX,
    behaviour::{self, KNOWS_OPERATORS},
    outcome::{applied, stale},
    request_id_of as request_id_of_stamp,
};
use crate::{
    core::{Core, OperatorInput},
    log::Stored,
};

impl<C: Core> Replica<C> {
    /// Raises the behaviour, from the next record on.
    pub(super) fn upgrade(
        &mut self,
        stored: &Stored,
        upgrade: &log::Upgrade,
    ) -> Result<Computed, ReplicaError> {
        let request_id = request_id_of(upgrade.by.as_ref());
        let asked = upgrade.behaviour;
        if asked <= self.behaviour {
            let body = self.body_with(stored, false, stale());
            return Ok(self.answer(stored, request_id, body, None));
        }
        behaviour::check(asked, stored)?;
        let body = self.body_with(stored, false, applied());
        let computed = self.answer(stored, request_id, body, None);
        self.behaviour = asked;
        Ok(computed)
    }

    /// Shows the core a command, where the log knows of such.
    pub(super) fn operator(&mut self, stored: &Stored, wire: log::OperatorCommand) -> Computed {
        let request_id = request_id_of(wire.by.as_ref());
        let mut command = match OperatorCommand::try_from(wire) {
            Ok(command) => command,
            Err(malformed) => return self.poison(stored, request_id, &malformed.to_string()),
        };
        if self.behaviour < KNOWS_OPERATORS {
            let refused = log::Refused { reason: RefusalReason::NotInForce.into() };
            let outcome = log::Outcome { kind: Some(outcome::Kind::Refused(refused)) };
            let body = self.body_with(stored, false, outcome);
            return self.answer(stored, request_id, body, None);
        }
        let stamp = &mut command.by.stamp;
        stamp.valid_until = stamp.valid_until.min(stored.appended_at.plus(VALID_FOR_MAX));
        let mut body = self.body_after_time(stored, false);
        let input =
            OperatorInput { appended_at: stored.appended_at, now: self.now, command: &command };
        self.core.operate(&input, &mut body);
        self.answer(stored, request_id, body, None)
    }
}

/// The request of whoever spoke; none where that is nobody.
pub(super) fn request_id_of(by: Option<&log::Operator>) -> RequestId {
    request_id_of_stamp(by.and_then(|by| by.stamp.as_ref()))
}
