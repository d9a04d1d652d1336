//! What a client was told must be what the log says of that very request.

use gateway::{
    desk::{Answered, News},
    result::{self, Decision},
};
use model::{OrderId, RequestId};
use proto::trading::Order;

use super::truth::Truths;
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
        News::Appended { id, .. } | News::Unknown { id: Some(id) } if stands != Some(*id) => {
            Err(format!("it was told that its record stands at {id}, and it does at {stands:?}"))
        }
        News::NotWritten(_) if stands.is_some() => {
            Err(format!("it was told that nothing was written, and its record is at {stands:?}"))
        }
        News::Answered(answered) => check_answered(answered, stands, truths),
        _ => Ok(()),
    }
}

fn check_answered(
    answered: &Answered,
    stands: Option<OrderId>,
    truths: &Truths,
) -> Result<(), String> {
    let logged = stands.and_then(|place| truths.answer(place));
    let logged = logged.ok_or("it was told an answer, and there is none")?;
    let told = &answered.answer;
    let body = &logged.body;
    let is_same = told.chain == logged.chain
        && (&told.body.outcome, &told.body.events) == (&body.outcome, &body.events)
        && (&told.body.balances, &told.body.accounts) == (&body.balances, &body.accounts);
    if is_same && answered.id() == stands {
        return Ok(());
    }
    Err(format!("it was told {told:?}, and the log says {logged:?}"))
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
    let logged = truths.answer(id).ok_or("there is no answer to what was known already")?;
    match result::decide(placed, id, logged) {
        Decision::Decided(decided) if *decided == *order => Ok(()),
        decision => Err(format!("it was told {order:?}, and the log says {decision:?}")),
    }
}
