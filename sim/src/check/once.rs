//! What has a key is done once, however often it is asked for; what a client wants is done once,
//! however often it tries.

use std::collections::BTreeMap;

use gateway::result;
use model::{AccountName, InstrumentId, KeyText, OrderId};
use proto::{
    command::{ClientCommand, Command, Key, KeySpace},
    log::{RefusalReason, outcome},
};
use spine::Answer;

use super::truth::{Truth, Truths, kind};
use crate::{fault::Fault, story::Story};

/// What a key is of: the same text is another key for another account, instrument or kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Order(AccountName, InstrumentId, Key),
    Deposit(AccountName, KeyText),
    Withdrawal(AccountName, KeyText),
}

/// The first record that used a key up: where, and what it asked for.
type First = (OrderId, Command);

/// Checks every key, then every intent.
pub(super) fn check(story: &Story, truths: &Truths) -> Result<(), Fault> {
    let mut firsts = BTreeMap::new();
    for truth in &truths.of {
        for (offset, command) in &truth.commands {
            check_key(truth, *offset, command, &mut firsts).map_err(Fault::Once)?;
        }
    }
    for (number, intent) in story.intents.iter().enumerate() {
        let attempts = story.attempts.iter().filter(|attempt| attempt.intent == number);
        let answers = attempts
            .filter_map(|attempt| truths.place(attempt.request_id?))
            .filter_map(|place| truths.answer(place));
        let done = answers.filter(|answer| matches!(kind(answer), Some(outcome::Kind::Applied(_))));
        let done = done.count();
        let is_keyed = intent.asked.has_key();
        if done > 1 && (is_keyed || !intent.asked.is_repeatable()) {
            return Err(Fault::Once(format!("intent {number} was done {done} times")));
        }
        let scope = is_keyed.then(|| scope(intent.asked.account(), &intent.asked.command()));
        let is_known = scope.flatten().is_none_or(|scope| firsts.contains_key(&scope));
        let is_move = !matches!(intent.asked.command(), Command::Place(_));
        // A movement that is refused leaves no trace of its id.
        if intent.is_sure && !is_known && !is_move {
            return Err(Fault::Once(format!("intent {number} is sure and was never done")));
        }
    }
    Ok(())
}

fn check_key(
    truth: &Truth,
    offset: u64,
    command: &ClientCommand,
    firsts: &mut BTreeMap<Scope, First>,
) -> Result<(), String> {
    let Some(scope) = scope(&command.account, &command.command) else { return Ok(()) };
    let id = OrderId::at(truth.partition, offset).ok_or("a small number")?;
    let index = usize::try_from(offset).map_err(|_| "a small number")?;
    let answer = &truth.answers[index].1;
    match firsts.get(&scope) {
        Some((first, content)) => {
            let expected = if *content == command.command {
                let is_order = matches!(scope, Scope::Order(..));
                Expected::Duplicate(if is_order { first.number() } else { 0 })
            } else {
                Expected::KeyReused
            };
            if !expected.is(answer) {
                let is = kind(answer);
                return Err(format!("{scope:?} at {id} after {first} was answered {is:?}"));
            }
        }
        None if is_first(&scope, answer) => {
            firsts.insert(scope, (id, command.command.clone()));
        }
        None if matches!(kind(answer), Some(outcome::Kind::Duplicate(_))) => {
            return Err(format!("{scope:?} at {id} is the duplicate of nothing"));
        }
        None => {}
    }
    Ok(())
}

/// What must be answered to a key that is used up.
enum Expected {
    Duplicate(u64),
    KeyReused,
}

impl Expected {
    fn is(&self, answer: &Answer) -> bool {
        match (self, kind(answer)) {
            (Expected::Duplicate(original), Some(outcome::Kind::Duplicate(duplicate))) => {
                duplicate.original_order_id == *original
            }
            (Expected::KeyReused, Some(outcome::Kind::Refused(refused))) => {
                refused.reason() == RefusalReason::KeyReused
            }
            _ => false,
        }
    }
}

/// Whether this answer used its key up.
fn is_first(scope: &Scope, answer: &Answer) -> bool {
    match scope {
        Scope::Order(..) => result::consumes_key(answer),
        _ => matches!(kind(answer), Some(outcome::Kind::Applied(_))),
    }
}

fn scope(account: &AccountName, command: &Command) -> Option<Scope> {
    let account = account.clone();
    match command {
        Command::Place(place) if place.key.space != KeySpace::Generated => {
            Some(Scope::Order(account, place.instrument, place.key.clone()))
        }
        Command::Deposit(movement) => Some(Scope::Deposit(account, movement.id.clone())),
        Command::Withdraw(movement) => Some(Scope::Withdrawal(account, movement.id.clone())),
        _ => None,
    }
}
