//! Groups of accounts that are one to self-trade prevention.

use bytes::Bytes;
use futures_util::future::join_all;
use model::{AccountName, Partition};
use proto::{
    command::Command,
    log::{RefusalReason, outcome},
};

use super::Office;
use crate::{
    desk::{News, RESULT_WAIT, Submission, Wants},
    problem::Problem,
};

impl Office {
    /// Puts an account into a group, or takes it out of its own, on every shard, and waits for all
    /// of them. Where one fails others may have done it: the same again is safe.
    pub(crate) async fn set_trade_group(
        &self,
        account: &AccountName,
        group: Option<u64>,
        traceparent: Option<Bytes>,
    ) -> Result<(), Problem> {
        let partitions = (0..self.desk.partition_count()).filter_map(Partition::new);
        let sent = partitions.map(|partition| {
            let submission = Submission {
                account: account.clone(),
                command: Command::SetTradeGroup { group },
                partition,
                wants: Wants::Answer(RESULT_WAIT),
                claim: None,
                traceparent: traceparent.clone(),
            };
            async move { is_set(&self.desk.send(submission).await?) }
        });
        join_all(sent).await.into_iter().collect()
    }
}

fn is_set(news: &News) -> Result<(), Problem> {
    let answered = match news {
        News::Answered(answered) => answered,
        News::NotWritten(problem) => return Err(problem.clone()),
        News::Appended { .. } | News::Unknown { .. } => {
            let message = "not every shard has told that it did it; the same request again is safe";
            return Err(Problem::unavailable("outcome_unknown", message));
        }
    };
    let outcome = answered.answer.body.outcome.as_ref();
    match outcome.and_then(|outcome| outcome.kind.as_ref()) {
        Some(outcome::Kind::Applied(_)) => Ok(()),
        Some(outcome::Kind::Refused(refused)) => Err(Problem::refused(refused.reason())),
        _ => Err(Problem::refused(RefusalReason::Unspecified)),
    }
}
