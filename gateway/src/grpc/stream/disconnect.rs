//! Accounts whose open orders end with this stream, whoever ends it and however: its client, a
//! connection that breaks, or a gateway that drains. A gateway that is killed says nothing; for
//! that each shard has an instant that is moved on as long as the stream is open.
//!
//! The orders are all of the account, not only those that came over the stream: a client that is
//! cut off does not know any longer what it has, by whichever way it came.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use model::{AccountName, Partition, Span as Time};
use proto::{
    command::{CancelAfter, Command},
    orders::{CancelAfterResult, CancelOnDisconnectRequest},
};
use tokio::sync::mpsc;
use tracing::Span;

use super::{super::given, About, Inlet, Told, tell};
use crate::{
    desk::{Hear, News, OUTCOME_WAIT, Submission, Wants},
    entry,
    office::cancel_after_result,
    problem::{Kind, Problem},
    trace::Trace,
};

/// How many accounts one stream may end the orders of: in a sandbox it may trade for several.
const ACCOUNTS_MAX: usize = 16;

/// The accounts of one stream.
pub(super) struct Watched {
    /// By which shards tell this stream from all others.
    session: u64,
    accounts: Mutex<Vec<Account>>,
}

/// One account, and in how many seconds its instants are moved on next.
struct Account {
    name: AccountName,
    timeout_seconds: u32,
    due_seconds: u32,
}

impl Account {
    /// Three times within a timeout, so that one that is late or lost ends nothing.
    const fn every(timeout_seconds: u32) -> u32 {
        timeout_seconds / 3
    }
}

impl Watched {
    pub(super) fn new() -> Watched {
        // Zero is what an account sets itself.
        Watched { session: rand::random::<u64>().max(1), accounts: Mutex::default() }
    }

    /// From now on this account's orders end with the stream, or with a timeout of 0 no longer.
    fn set(&self, name: &AccountName, timeout_seconds: u32) -> Result<(), Problem> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|account| account.name != *name);
        if timeout_seconds == 0 {
            return Ok(());
        }
        if accounts.len() >= ACCOUNTS_MAX {
            let message = format!("a stream ends the orders of {ACCOUNTS_MAX} accounts at most");
            return Err(Problem::new(Kind::TooMany, "too_many_accounts", message));
        }
        let due_seconds = Account::every(timeout_seconds);
        accounts.push(Account { name: name.clone(), timeout_seconds, due_seconds });
        Ok(())
    }

    /// A second has passed: whose instants are moved on now, and how far.
    fn due(&self) -> Vec<(AccountName, u32)> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        for Account { name, timeout_seconds, due_seconds } in accounts.iter_mut() {
            *due_seconds = due_seconds.saturating_sub(1);
            if *due_seconds == 0 {
                *due_seconds = Account::every(*timeout_seconds);
                due.push((name.clone(), *timeout_seconds));
            }
        }
        due
    }

    /// The stream has ended: whose orders do too.
    fn take(&self) -> Vec<AccountName> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *accounts).into_iter().map(|account| account.name).collect()
    }

    fn command(&self, timeout_seconds: u32, has_ended: bool) -> Command {
        let own = CancelAfter::own(None, Time::from_secs(timeout_seconds.into()));
        Command::CancelAfter(CancelAfter { session: self.session, has_ended, ..own })
    }
}

impl Inlet {
    pub(super) fn cancel_on_disconnect(
        &self,
        correlation_id: u64,
        request: &CancelOnDisconnectRequest,
        trace: Trace,
    ) -> Result<(), Problem> {
        let asker = self.office.asker();
        let client_id = asker.account(given(&request.client_id))?;
        let (account, seconds) = entry::on_disconnect(client_id, request.timeout_seconds)?;
        self.watched.set(&account, seconds)?;
        let partitions = self.office.partitions_of(None);
        let (traceparent, span) = trace.into_parts();
        let gather = Arc::new(Gather {
            correlation_id,
            sender: self.sender.clone(),
            awaited: AtomicUsize::new(partitions.len()),
            gathered: Mutex::default(),
            _span: span,
        });
        for partition in partitions {
            let command = self.watched.command(seconds, false);
            let submission = submission(&account, command, partition);
            let submission = Submission { traceparent: traceparent.clone(), ..submission };
            let hearing = Arc::clone(&gather);
            let hear: Hear = Box::new(move |news| hearing.hear(partition, news));
            if let Err(problem) = self.office.desk.submit(submission, hear) {
                gather.hear(partition, News::NotWritten(problem));
            }
        }
        Ok(())
    }

    /// A second has passed with the stream open.
    pub(super) fn keep_watching(&self) {
        for (account, seconds) in self.watched.due() {
            for partition in self.office.partitions_of(None) {
                let command = self.watched.command(seconds, false);
                self.say(submission(&account, command, partition));
            }
        }
    }

    /// The stream has ended. Where this is not written, the instants come.
    pub(super) fn end_watched(&self) {
        for account in self.watched.take() {
            for partition in self.office.partitions_of(None) {
                let command = self.watched.command(0, true);
                self.say(submission(&account, command, partition));
            }
        }
    }

    /// Writes what nobody waits for but the end of the stream.
    fn say(&self, submission: Submission) {
        let held = self.sender.clone();
        let hear: Hear = Box::new(move |_| drop(held));
        if let Err(problem) = self.office.desk.submit(submission, hear) {
            tracing::warn!(%problem, "could not say that a stream of orders goes on, or has ended");
        }
    }
}

fn submission(account: &AccountName, command: Command, partition: Partition) -> Submission {
    let (account, wants) = (account.clone(), Wants::Answer(OUTCOME_WAIT));
    Submission { account, command, partition, wants, claim: None, traceparent: None }
}

/// Brings together what the partitions say.
struct Gather {
    correlation_id: u64,
    sender: mpsc::Sender<Told>,
    awaited: AtomicUsize,
    gathered: Mutex<Vec<CancelAfterResult>>,
    /// Ends when the last partition was heard.
    _span: Option<Span>,
}

impl Gather {
    fn hear(&self, partition: Partition, news: News) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.push(cancel_after_result(partition, news));
        if self.awaited.fetch_sub(1, Ordering::AcqRel) == 1 {
            let mut results = std::mem::take(&mut *gathered);
            results.sort_by_key(|result| result.partition);
            tell(&self.sender, self.correlation_id, About::CancelOnDisconnect { results });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(account: &str) -> AccountName {
        AccountName::new(account).expect("a good name")
    }

    #[test]
    fn an_instant_is_moved_on_three_times_within_its_timeout() {
        let watched = Watched::new();
        watched.set(&name("alice"), 30).expect("there is room");
        watched.set(&name("bob"), 3).expect("there is room");
        let due: Vec<_> = (0..20).map(|_| watched.due()).collect();
        let of = |who: &str| {
            let at = due.iter().enumerate();
            at.filter(|(_, due)| due.iter().any(|(one, _)| one.as_str() == who))
                .map(|(second, _)| second + 1)
                .collect::<Vec<_>>()
        };
        assert_eq!(of("alice"), [10, 20]);
        assert_eq!(of("bob"), (1..=20).collect::<Vec<_>>());
        watched.set(&name("bob"), 0).expect("it is taken away");
        assert_eq!(watched.take(), [name("alice")]);
        assert!(watched.take().is_empty(), "once");
    }

    #[test]
    fn a_stream_watches_so_many_accounts_and_each_once() {
        let watched = Watched::new();
        for number in 0..ACCOUNTS_MAX {
            watched.set(&name(&format!("client-{number}")), 5).expect("there is room");
        }
        watched.set(&name("client-3"), 9).expect("it is there already");
        let full = watched.set(&name("one-more"), 5).expect_err("there is no room");
        assert_eq!(full.code, "too_many_accounts");
        assert_ne!(watched.session, Watched::new().session);
    }
}
