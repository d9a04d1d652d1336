//! Money in and out of an account, and from one to another.

use bytes::Bytes;
use model::{AccountName, OrderId, home::home};
use proto::{command::Command, convert, ledger::Balance, log::outcome};

use super::{Office, at_least};
use crate::{
    desk::{Answered, News, RESULT_WAIT, Submission, Wants},
    problem::Problem,
};

/// What a client is told of a movement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Moved {
    /// It is done.
    Done {
        /// Whether it had been before.
        already_applied: bool,
        /// The account's balances after it.
        balances: Vec<Balance>,
    },
    /// Nobody here knows whether it was done.
    Unknown,
}

impl Office {
    /// Moves money, by a deposit, a withdrawal or a transfer, and waits for the result.
    pub(crate) async fn move_money(
        &self,
        account: &AccountName,
        command: Command,
        traceparent: Option<Bytes>,
    ) -> Result<Moved, Problem> {
        let submission = Submission {
            account: account.clone(),
            command,
            partition: home(account, self.desk.partition_count()),
            wants: Wants::Answer(RESULT_WAIT),
            claim: None,
            traceparent,
        };
        match self.desk.send(submission).await? {
            News::Answered(answered) => self.moved(account, &answered).await,
            News::NotWritten(problem) => Err(problem),
            News::Appended { .. } | News::Unknown { .. } => Ok(Moved::Unknown),
        }
    }

    async fn moved(&self, account: &AccountName, answered: &Answered) -> Result<Moved, Problem> {
        let outcome = answered.answer.body.outcome.as_ref();
        let already_applied = match outcome.and_then(|outcome| outcome.kind.as_ref()) {
            Some(outcome::Kind::Applied(_)) => false,
            Some(outcome::Kind::Duplicate(_)) => true,
            Some(outcome::Kind::Refused(refused)) => {
                return Err(Problem::refused(refused.reason()));
            }
            _ => return Err(Problem::refused(proto::log::RefusalReason::Unspecified)),
        };
        let balances = self.balances_after(account, answered).await;
        Ok(Moved::Done { already_applied, balances })
    }

    /// All balances from the ledger once it has read the answer; else those that the answer names.
    async fn balances_after(&self, account: &AccountName, answered: &Answered) -> Vec<Balance> {
        let decided = OrderId::at(answered.partition, answered.decided_at);
        let own = decided.map(|id| vec![at_least(id)]).unwrap_or_default();
        match self.upstream.balances(account.as_str(), own).await {
            Ok(response) => response.balances,
            Err(_) => self.balances_in(account, answered),
        }
    }

    fn balances_in(&self, account: &AccountName, answered: &Answered) -> Vec<Balance> {
        let catalogue = self.reference.catalogue();
        let answer = &answered.answer;
        let own = answer.body.balances.iter().filter(|balance| {
            answer.account(balance.account).is_some_and(|name| name == account.as_str())
        });
        let told = own.filter_map(|balance| {
            let asset = catalogue.asset_by_id(model::AssetId(balance.asset_id))?;
            let text = |amount: &Option<proto::log::Amount>| {
                Some(asset.format_amount(convert::amount(amount.as_ref()).ok()?))
            };
            let (available, held) = (text(&balance.available)?, text(&balance.held)?);
            let in_flight = String::new();
            Some(Balance { asset: asset.code.clone(), available, held, in_flight })
        });
        told.collect()
    }
}
