//! Commands of those who run the platform.
//!
//! Unlike a copy, a change that was decided before is answered as a duplicate where it says the
//! same: whoever repeats a command that was cut short learns that this part of it is done.

use ledger_core::{MoneyError, Movement as Moved};
use model::AccountName;
use proto::{
    command::{Movement, OperatorWord},
    credential::Credential,
    draft::Draft,
    log::{self, RefusalReason},
    reference::ReferenceRecord,
};
use spine::OperatorInput;

use crate::{
    answer::{applied, duplicate, refused},
    exchange::Exchange,
    fund::refusal,
};

impl Exchange {
    pub(crate) fn obey(&mut self, input: &OperatorInput<'_>, body: &mut Draft) {
        if let OperatorWord::Record(call) = &input.command.command {
            self.record(&input.command.by.name, call, input.now, body);
            return;
        }
        if input.appended_at > input.command.by.stamp.valid_until {
            body.outcome = refused(RefusalReason::Late);
            return;
        }
        match &input.command.command {
            OperatorWord::ChangeReference(change) => match Credential::of_record(change) {
                Some(_) => self.change_credential(change, input.now, body),
                None => self.relist(change, body),
            },
            OperatorWord::SetAccountState { account, state } => {
                body.outcome = self.set_account_state(account, *state);
                self.write_if_applied(account, body);
            }
            OperatorWord::SetRiskLimits { account, limits } => {
                body.outcome = self.set_risk_limits(account, limits);
                self.write_if_applied(account, body);
            }
            OperatorWord::AssignFeeTiers(tiers) => self.assign_fee_tiers(tiers, body),
            OperatorWord::Reset { account, id } => self.reset(account, id, body),
            OperatorWord::SetKillSwitch { scope, is_engaged } => {
                self.set_kill_switch(scope, *is_engaged, body);
            }
            OperatorWord::SetMarketState { instrument, state } => {
                self.set_market_state(*instrument, *state, body);
            }
            OperatorWord::Record(_) => {}
            OperatorWord::Adjust { account, movement } => {
                body.outcome = self.adjust(account, movement);
            }
        }
    }

    /// Corrects what an account has available, at its home. Outside a sandbox it must be there: a
    /// name that is mistyped is given nothing.
    fn adjust(&mut self, name: &AccountName, movement: &Movement) -> Option<log::Outcome> {
        if !self.accounts.is_home(name) {
            return refused(RefusalReason::NotHome);
        }
        if !self.accounts.may_receive(name) {
            return refused(RefusalReason::UnknownAccount);
        }
        let Movement { asset, amount, id } = movement;
        let checked = self.accounts.check_adjustment(name, *asset, *amount, id);
        let done = checked.and_then(|moved| {
            if moved == Moved::Applied {
                let account = self.open(name)?;
                self.accounts.adjust(account, *asset, *amount, id, &mut self.postings)?;
            }
            Ok::<_, MoneyError>(moved)
        });
        match done {
            Ok(Moved::Applied) => applied(),
            Ok(Moved::AlreadyApplied) => duplicate(0),
            Err(error) => refused(refusal(&error)),
        }
    }

    fn relist(&mut self, change: &ReferenceRecord, body: &mut Draft) {
        if self.listings.records.get(&change.key) == Some(change) {
            body.outcome = duplicate(0);
            return;
        }
        self.list(change, body);
    }
}
