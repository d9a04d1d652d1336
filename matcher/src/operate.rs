//! Commands of those who run the platform.
//!
//! Unlike a copy, a change that was decided before is answered as a duplicate where it says the
//! same: whoever repeats a command that was cut short learns that this part of it is done.

use proto::{
    command::OperatorWord,
    log::{self, RefusalReason},
    reference::ReferenceRecord,
};
use spine::OperatorInput;

use crate::{
    answer::{duplicate, refused},
    exchange::Exchange,
};

impl Exchange {
    pub(crate) fn obey(&mut self, input: &OperatorInput<'_>, body: &mut log::AnswerBody) {
        if input.appended_at > input.command.by.stamp.valid_until {
            body.outcome = refused(RefusalReason::Late);
            return;
        }
        match &input.command.command {
            OperatorWord::ChangeReference(change) => self.relist(change, body),
        }
    }

    fn relist(&mut self, change: &ReferenceRecord, body: &mut log::AnswerBody) {
        if self.listings.records.get(&change.key) == Some(change) {
            body.outcome = duplicate(0);
            return;
        }
        self.list(change, body);
    }
}
