//! Answers of a shard in words.

use bytes::Bytes;
use proto::{
    log::{self, outcome},
    text,
};
use spine::answer::{self, Answer};

use super::{event, input, word};

/// The value of a record of `events`.
pub(super) fn words(value: &Bytes) -> String {
    match answer::read(value) {
        Ok(answer) => of(&answer),
        Err(error) => word::undecodable(value, &error),
    }
}

fn of(answer: &Answer) -> String {
    let mut parts = vec![format!(
        "answer {} to offset {} epoch {} chain {}{}: {}",
        answer.out_seq,
        answer.in_offset,
        answer.epoch,
        answer.chain,
        request(answer),
        outcome(answer.body.outcome.as_ref())
    )];
    parts.extend(answer.body.events.iter().map(|event| event::words(answer, event)));
    parts.extend(answer.body.links_sent.iter().map(|sent| {
        let item = sent.item.as_ref().map(word::link_item).unwrap_or_default();
        format!("sends shard {} item {}: {item}", sent.destination, sent.link_seq)
    }));
    parts.extend(answer.body.link_progress.iter().map(|link| {
        let log::LinkProgress { partition, taken, acknowledged, .. } = link;
        format!("shard {partition}: {taken} taken from it, {acknowledged} taken by it")
    }));
    for (count, what) in
        [(answer.body.postings.len(), "postings"), (answer.body.balances.len(), "balances")]
    {
        if count > 0 {
            parts.push(format!("{what} {count}"));
        }
    }
    parts.join("; ")
}

fn request(answer: &Answer) -> String {
    match answer.request_id.0 {
        0 => String::new(),
        _ => format!(" request={}", input::request(answer.request_id)),
    }
}

/// What became of an input.
pub(super) fn outcome(outcome: Option<&log::Outcome>) -> String {
    match outcome.and_then(|outcome| outcome.kind.as_ref()) {
        Some(outcome::Kind::Applied(log::Applied {})) => "applied".to_owned(),
        Some(outcome::Kind::Refused(refused)) => format!("refused {}", refusal(refused.reason)),
        Some(outcome::Kind::Duplicate(duplicate)) => match duplicate.original_order_id {
            0 => "duplicate".to_owned(),
            original => format!("duplicate of order {original}"),
        },
        Some(outcome::Kind::Stale(log::Stale {})) => "stale".to_owned(),
        Some(outcome::Kind::Gap(gap)) => format!("a gap: item {} is due", gap.expected),
        Some(outcome::Kind::Poison(poison)) => format!("poison ({})", poison.reason),
        None => "no outcome".to_owned(),
    }
}

/// A reason as its code; one that this program does not know, as its number.
pub(super) fn refusal(reason: i32) -> String {
    log::RefusalReason::try_from(reason)
        .map_or_else(|_| format!("reason {reason}"), |reason| text::refusal(reason).to_owned())
}
