//! What a client was told must be what the log says of that very request.

use gateway::{
    desk::{Answered, News},
    result::{self, Decision},
};
use model::{OrderId, RequestId};
use proto::{log::outcome, trading::Order};

use super::truth::{Truths, kind};
use crate::{
    fault::Fault,
    story::{Asked, Attempt, Heard, Story},
};

/// Checks every attempt.
pub(super) fn check(story: &Story, truths: &Truths) -> Result<(), Fault> {
    for (number, attempt) in story.attempts.iter().enumerate() {
        let checked = check_one(attempt, truths);
        checked.map_err(|what| Fault::Told(format!("attempt {number}: {what}")))?;
    }
    if let Some(attempt) = story.unheard.first() {
        return Err(Fault::Stuck(format!("nobody ever said what became of attempt {attempt}")));
    }
    match story.intents.iter().position(|intent| !intent.is_settled) {
        Some(intent) => Err(Fault::Stuck(format!("intent {intent} never came to an end"))),
        None => Ok(()),
    }
}

fn check_one(attempt: &Attempt, truths: &Truths) -> Result<(), String> {
    let [heard] = &attempt.heard[..] else {
        return Err(format!("it was told {} times", attempt.heard.len()));
    };
    if let Some((id, order)) = &attempt.recalled {
        check_known(*id, order, attempt, truths)?;
    }
    match (heard, attempt.request_id) {
        (Heard::News(news), Some(request)) => check_news(news, request, attempt, truths),
        (Heard::Known(id, order), None) => check_known(*id, order, attempt, truths),
        (Heard::Refused(_), None) | (Heard::Lost, _) => Ok(()),
        (heard, request) => Err(format!("{request:?} was told {heard:?}")),
    }
}

fn check_news(
    news: &News,
    request: RequestId,
    attempt: &Attempt,
    truths: &Truths,
) -> Result<(), String> {
    let stands = truths.place(request);
    if let Some(command) = stands.and_then(|place| truths.command(place))
        && (command.command != attempt.asked.command()
            || command.account != *attempt.asked.account())
    {
        return Err("its record asks for something else".to_owned());
    }
    match news {
        News::Appended { id, .. } if stands != Some(*id) => {
            Err(format!("it was told that its record stands at {id}, and it does at {stands:?}"))
        }
        News::Unknown { id: Some(id) } if !is_at(*id, stands, truths) => {
            Err(format!("it was told of the record at {id}, and its own stands at {stands:?}"))
        }
        News::NotWritten(_) if stands.is_some() => {
            Err(format!("it was told that nothing was written, and its record is at {stands:?}"))
        }
        News::Answered(answered) => check_answered(answered, stands, truths),
        _ => Ok(()),
    }
}

/// Whether `id` is where the record stands, or what waits there of which it is a duplicate.
fn is_at(id: OrderId, stands: Option<OrderId>, truths: &Truths) -> bool {
    let own = stands.and_then(|place| truths.answer(place));
    let original = match own.and_then(kind) {
        Some(outcome::Kind::Duplicate(duplicate)) => {
            OrderId::from_number(duplicate.original_order_id)
        }
        _ => None,
    };
    stands == Some(id) || (original == Some(id) && truths.waits.contains_key(&id))
}

fn check_answered(
    answered: &Answered,
    stands: Option<OrderId>,
    truths: &Truths,
) -> Result<(), String> {
    let own = stands.and_then(|place| truths.answer(place));
    let own = own.ok_or("it was told an answer, and there is none")?;
    // What is a duplicate of something that waits waits for the same.
    let of = match kind(own) {
        Some(outcome::Kind::Duplicate(duplicate)) if answered.id() != stands => {
            OrderId::from_number(duplicate.original_order_id)
        }
        _ => stands,
    };
    let result = of.and_then(|place| truths.result(place)).ok_or("it was told what is to come")?;
    let body = &result.answer.body;
    let told = &answered.answer;
    let is_same = told.chain == result.answer.chain
        && (&told.body.outcome, &told.body.events) == (&body.outcome, &body.events)
        && (&told.body.balances, &told.body.accounts) == (&body.balances, &body.accounts)
        && (answered.decided_at, answered.received_at) == (result.decided_at, result.received_at);
    if is_same && answered.id() == of {
        return Ok(());
    }
    Err(format!("it was told {answered:?}, and the log says {result:?}"))
}

/// What was known already is what the first record under this key was answered.
fn check_known(
    id: OrderId,
    order: &Order,
    attempt: &Attempt,
    truths: &Truths,
) -> Result<(), String> {
    let Asked::Place(placed) = &attempt.asked else {
        return Err("only orders are known already".to_owned());
    };
    let result = truths.result(id).ok_or("there is no answer to what was known already")?;
    match result::decide(placed, id, &result) {
        Decision::Decided(decided) if *decided == *order => Ok(()),
        decision => Err(format!("it was told {order:?}, and the log says {decision:?}")),
    }
}
