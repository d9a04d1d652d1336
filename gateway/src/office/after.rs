//! When a client's open orders end unless it is heard of.

use bytes::Bytes;
use futures_util::future::join_all;
use model::{Partition, Timestamp};
use proto::{convert, log::event, orders::CancelAfterResult};

use super::{Office, applied};
use crate::{
    desk::{Answered, News, RESULT_WAIT, Submission, Wants},
    entry::Ending,
    problem::Problem,
};

impl Office {
    /// Sets when all of an account's open orders end, or those of one instrument; on each partition
    /// by itself. What each of them said.
    ///
    /// # Errors
    /// [`Problem`] where no partition has done it, and the first says why.
    pub(crate) async fn cancel_after(
        &self,
        ending: &Ending,
        traceparent: Option<Bytes>,
    ) -> Result<Vec<CancelAfterResult>, Problem> {
        let partitions = self.partitions_of(ending.listed.as_deref());
        let sent = partitions.into_iter().map(|partition| {
            let submission = Submission {
                account: ending.account.clone(),
                command: ending.command(),
                partition,
                wants: Wants::Answer(RESULT_WAIT),
                claim: None,
                traceparent: traceparent.clone(),
            };
            async move {
                let news = self.desk.send(submission).await;
                (partition, said(news.unwrap_or_else(News::NotWritten)))
            }
        });
        let said = join_all(sent).await;
        if said.iter().all(|(_, said)| said.is_err())
            && let Some((_, Err(problem))) = said.first()
        {
            return Err(problem.clone());
        }
        Ok(said.into_iter().map(|(partition, said)| result(partition, said)).collect())
    }
}

/// What a partition says of it.
pub(crate) fn cancel_after_result(partition: Partition, news: News) -> CancelAfterResult {
    result(partition, said(news))
}

/// When the orders end; `None` for no longer by themselves.
fn said(news: News) -> Result<Option<Timestamp>, Problem> {
    match news {
        News::Answered(answered) => set(&answered),
        News::NotWritten(problem) => Err(problem),
        News::Appended { .. } | News::Unknown { .. } => {
            let message = "whether it is set is not known; say it again";
            Err(Problem::unavailable("unknown_outcome", message))
        }
    }
}

fn set(answered: &Answered) -> Result<Option<Timestamp>, Problem> {
    applied(answered)?;
    let nanos = answered.answer.body.events.iter().find_map(|event| match &event.kind {
        Some(event::Kind::CancelAfterSet(set)) => Some(set.cancels_at_unix_nanos),
        _ => None,
    });
    Ok(nanos.filter(|nanos| *nanos > 0).map(Timestamp::from_unix_nanos))
}

fn result(partition: Partition, said: Result<Option<Timestamp>, Problem>) -> CancelAfterResult {
    let (cancels_at, problem) = match said {
        Ok(at) => (at.map(convert::to_proto_timestamp), String::new()),
        Err(problem) => (None, problem.message),
    };
    CancelAfterResult { partition: partition.number().into(), cancels_at, problem }
}
