//! Words of those who run the platform, on their way into the log. However busy a shard is, they
//! are let in: it may be what they are about.

use bytes::Bytes;
use model::{OperatorName, Partition};
use prost::Message;
use proto::{
    command::{Operator, OperatorCommand, OperatorWord, Stamp},
    log::{self, AdminCall, input},
};
use spine::{Place, Record};

use super::{Desk, News, OUTCOME_WAIT, Wants};
use crate::{idempotency::Claim, problem::Problem};

/// How a record goes into the log, and who hears of it.
pub(super) struct Way {
    pub(super) partition: Partition,
    pub(super) wants: Wants,
    pub(super) claim: Option<Claim>,
    pub(super) traceparent: Option<Bytes>,
    pub(super) is_order: bool,
}

/// What an operator says to one shard.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// From the next record on, this behaviour is in force.
    Upgrade {
        /// Which.
        behaviour: u32,
    },
    /// A command.
    Command(OperatorWord),
}

impl Said {
    fn value(self, name: &OperatorName, stamp: Stamp) -> Bytes {
        let by = Operator { name: name.clone(), stamp };
        let kind = Some(match self {
            Said::Upgrade { behaviour } => {
                input::Kind::Upgrade(log::Upgrade { behaviour, by: Some((&by).into()) })
            }
            Said::Command(command) => {
                input::Kind::Operator((&OperatorCommand { by, command }).into())
            }
        });
        log::Input { kind }.encode_to_vec().into()
    }
}

impl Desk {
    pub(super) fn check_works(&self) -> Result<(), Problem> {
        if self.has_failed() {
            let message = "the way into the log has failed; nothing was written, try again";
            return Err(Problem::unavailable("log_unavailable", message));
        }
        Ok(())
    }

    /// Writes what the operator of this name says to a shard, and waits for the answer.
    ///
    /// # Errors
    /// [`Problem`] where it was not written.
    pub async fn operate(
        &self,
        name: &OperatorName,
        partition: Partition,
        said: Said,
        traceparent: Option<Bytes>,
    ) -> Result<News, Problem> {
        self.say_to(name, partition, said, traceparent, Wants::Answer(OUTCOME_WAIT)).await
    }

    /// Writes into the audit trail what an operator of this name asks for, and waits until the log
    /// has it: whether the shard is there to answer does not matter.
    ///
    /// # Errors
    /// [`Problem`] where nobody can say that it has it.
    pub async fn record(&self, name: &OperatorName, call: AdminCall) -> Result<(), Problem> {
        let said = Said::Command(OperatorWord::Record(call));
        match self.say_to(name, Partition::FIRST, said, None, Wants::Receipt).await? {
            News::Appended { .. } | News::Answered(_) => Ok(()),
            News::NotWritten(problem) => Err(problem),
            News::Unknown { .. } => {
                let message = "whether the log has the call is not known, so it was not let in; \
                               try again";
                Err(Problem::unavailable("not_recorded", message))
            }
        }
    }

    async fn say_to(
        &self,
        name: &OperatorName,
        partition: Partition,
        said: Said,
        traceparent: Option<Bytes>,
        wants: Wants,
    ) -> Result<News, Problem> {
        self.check_works()?;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let way = Way { partition, wants, claim: None, traceparent, is_order: false };
        let name = name.clone();
        // Whoever asked may be gone; it is done all the same.
        let hear = Box::new(move |news| drop(sender.send(news)));
        self.append(way, move |stamp| said.value(&name, stamp), hear)?;
        Ok(receiver.await.unwrap_or(News::Unknown { id: None }))
    }

    /// Appends what no shard answers, and waits until the log has it.
    ///
    /// # Errors
    /// [`Problem`] where the log does not say that it has it.
    pub async fn publish(&self, place: Place, record: Record) -> Result<(), Problem> {
        self.check_works()?;
        let appended = spine::log::append(self.producer.as_ref(), place, record).await;
        appended.map(drop).map_err(|error| {
            let message = format!("the log did not take it: {error}; the same again is safe");
            Problem::unavailable("log_unavailable", message)
        })
    }
}
