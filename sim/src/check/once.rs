//! What has a key is done once, however often it is asked for; what a client wants is done once,
//! however often it tries.

use std::collections::BTreeMap;

use gateway::result;
use model::{AccountName, InstrumentId, KeyText, OrderId};
use proto::{
    command::{ClientCommand, Command, Key, KeySpace},
    log::{RefusalReason, event, outcome},
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
    Transfer(AccountName, KeyText),
}

/// The first record that used a key up: where, and what it asked for.
type First = (OrderId, Command);

/// Checks every key, then every intent.
pub(super) fn check(story: &Story, truths: &Truths) -> Result<(), Fault> {
    let mut firsts = BTreeMap::new();
    for truth in &truths.of {
        for (_, answer) in &truth.answers {
            let effects = effects(truth, truths, answer);
            let mut effects = effects.into_iter();
            effects.try_for_each(|effect| check_key(&effect, &mut firsts)).map_err(Fault::Once)?;
        }
    }
    for (number, intent) in story.intents.iter().enumerate() {
        let attempts = story.attempts.iter().filter(|attempt| attempt.intent == number);
        let answers = attempts
            .filter_map(|attempt| truths.place(attempt.request_id?))
            .filter_map(|place| truths.result(place));
        let done = answers
            .filter(|answered| matches!(kind(&answered.answer), Some(outcome::Kind::Applied(_))));
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

/// What became of a record, at the place in the log where it did.
struct Effect<'a> {
    id: OrderId,
    command: &'a ClientCommand,
    kind: Option<&'a outcome::Kind>,
    /// Whether it used its key up.
    is_first: bool,
}

/// What an answer says of withdrawals that waited, and then of its own input. A withdrawal uses its
/// key up when it is done, an order also where it begins to wait.
fn effects<'a>(truth: &'a Truth, truths: &'a Truths, answer: &'a Answer) -> Vec<Effect<'a>> {
    let is_applied = |kind| matches!(kind, Some(&outcome::Kind::Applied(_)));
    let decided = answer.body.events.iter().filter_map(|event| match event.kind.as_ref()? {
        event::Kind::WithdrawalDecided(decided) => {
            let id = OrderId::from_number(decided.record_id)?;
            let kind = decided.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
            Some(Effect { id, command: truths.command(id)?, kind, is_first: is_applied(kind) })
        }
        _ => None,
    });
    let own = OrderId::at(truth.partition, answer.in_offset).and_then(|id| {
        let (command, kind) = (truths.command(id)?, kind(answer));
        let is_order = matches!(command.command, Command::Place(_));
        let waits = !is_order && truths.waits.contains_key(&id);
        let is_first = if is_order { result::consumes_key(answer) } else { is_applied(kind) };
        (!waits).then_some(Effect { id, command, kind, is_first })
    });
    decided.chain(own).collect()
}

fn check_key(effect: &Effect<'_>, firsts: &mut BTreeMap<Scope, First>) -> Result<(), String> {
    let Effect { id, command, kind, is_first } = effect;
    let Some(scope) = scope(&command.account, &command.command) else { return Ok(()) };
    match firsts.get(&scope) {
        Some((first, content)) => {
            let expected = if *content == command.command {
                let is_order = matches!(scope, Scope::Order(..));
                Expected::Duplicate(if is_order { first.number() } else { 0 })
            } else {
                Expected::KeyReused
            };
            if !expected.is(*kind) {
                return Err(format!("{scope:?} at {id} after {first} was answered {kind:?}"));
            }
        }
        None if *is_first => {
            firsts.insert(scope, (*id, command.command.clone()));
        }
        None if matches!(kind, Some(outcome::Kind::Duplicate(_))) => {
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
    fn is(&self, kind: Option<&outcome::Kind>) -> bool {
        match (self, kind) {
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

fn scope(account: &AccountName, command: &Command) -> Option<Scope> {
    let account = account.clone();
    match command {
        Command::Place(place) if place.key.space != KeySpace::Generated => {
            Some(Scope::Order(account, place.instrument, place.key.clone()))
        }
        Command::Deposit(movement) => Some(Scope::Deposit(account, movement.id.clone())),
        Command::Withdraw(movement) => Some(Scope::Withdrawal(account, movement.id.clone())),
        Command::Transfer(sent) => Some(Scope::Transfer(account, sent.movement.id.clone())),
        _ => None,
    }
}
