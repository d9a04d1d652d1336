//! A client: wants things, one after the other, and tries each again until it knows.

mod wish;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gateway::{
    desk::{Answered, News, OUTCOME_WAIT, RESULT_WAIT, Submission, Wants},
    idempotency::Claim,
    result::{self, Decision},
};
use ledger::store::Store;
use model::{AccountName, OrderId};
use proto::{
    log::{RefusalReason, outcome},
    trading::Order,
};

use crate::{
    broken::Broken,
    running::at_once,
    story::{Asked, Attempt, Heard, Intent},
    world::World,
};

/// After how long a client ends the connection by itself: somewhat more than a gateway ever takes.
const PATIENCE: Duration = Duration::from_secs(13);

/// See the [module](self).
pub(crate) struct Client {
    pub(crate) account: AccountName,
    /// How much it will still want.
    pub(crate) left: usize,
    doing: Option<Doing>,
    /// The orders that it was told the ids of.
    orders: Vec<OrderId>,
    keys: usize,
}

struct Doing {
    intent: usize,
    stage: Stage,
    tries: usize,
    is_doubled: bool,
}

enum Stage {
    /// Tries, from this time on.
    Until(Duration),
    /// Waits for what a gateway says.
    For { attempt: usize, gateway: usize, incarnation: u64, mail: Mail, since: Duration },
}

/// Where a gateway puts what it says.
type Mail = Arc<Mutex<Vec<News>>>;

/// What a client makes of what it heard.
enum Verdict {
    /// It knows.
    Sure,
    /// It has a receipt, and does not ask what came of it.
    Taken,
    /// It does not, and has no way to ask again.
    Unsure,
    /// It tries again.
    Again,
}

impl Client {
    pub(crate) fn new(account: AccountName, left: usize) -> Client {
        Client { account, left, doing: None, orders: Vec::new(), keys: 0 }
    }

    /// Whether it wants nothing at the moment.
    pub(crate) fn is_idle(&self) -> bool {
        self.doing.is_none()
    }

    /// Does one thing, where there is one to do.
    pub(crate) fn step(&mut self, world: &mut World) {
        let now = world.around.timeline.now();
        let Some(doing) = self.doing.take() else { return self.want(world) };
        let Doing { intent, tries, is_doubled, .. } = doing;
        match doing.stage {
            Stage::Until(until) if now < until => self.doing = Some(doing),
            Stage::Until(_) => self.try_it(world, intent, tries, is_doubled),
            Stage::For { attempt, gateway, incarnation, ref mail, since } => {
                let news =
                    std::mem::take(&mut *mail.lock().unwrap_or_else(PoisonError::into_inner));
                let heard: Vec<Heard> = news.into_iter().map(Heard::News).collect();
                let is_gone = world.gateways[gateway].incarnation() != Some(incarnation);
                let undisturbed_since = world.healed_at.unwrap_or_default().max(since);
                if !heard.is_empty() {
                    self.hear(world, &doing, attempt, heard);
                } else if is_gone || now >= undisturbed_since + PATIENCE {
                    if !is_gone {
                        world.around.tally.count("client: gave up waiting");
                        world.story.unheard.extend(world.healed_at.map(|_| attempt));
                    }
                    self.hear(world, &doing, attempt, vec![Heard::Lost]);
                } else {
                    self.doing = Some(doing);
                }
            }
        }
    }

    fn want(&mut self, world: &mut World) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let Some(asked) = self.wish(world) else { return };
        world.note(format_args!("{} wants {:?}", self.account.as_str(), asked.command()));
        let intent = world.story.intents.len();
        world.story.intents.push(Intent { asked, is_settled: false, is_sure: false });
        let stage = Stage::Until(world.around.timeline.now());
        self.doing = Some(Doing { intent, stage, tries: 0, is_doubled: false });
    }

    fn try_it(&mut self, world: &mut World, intent: usize, tries: usize, is_doubled: bool) {
        let gateway = world.around.random.index(world.gateways.len());
        let asked = self.asked_again(world, intent, tries);
        let tries = tries + 1;
        let later = |world: &mut World| {
            let wait = Duration::from_millis(world.around.random.within(1..1_500));
            Stage::Until(world.around.timeline.now() + wait)
        };
        let Some(incarnation) = world.reachable(gateway) else {
            let stage = later(world);
            self.doing = Some(Doing { intent, stage, tries: tries - 1, is_doubled });
            return;
        };
        if tries > 1 {
            world.around.tally.count("client: retried");
        }
        let attempt = world.story.attempts.len();
        let stage = Stage::Until(Duration::ZERO);
        let doing = Doing { intent, stage, tries, is_doubled };
        let (mail, sent) = submit(world, gateway, &asked);
        let request_id = sent.as_ref().ok().copied();
        let account = self.account.as_str();
        world.note(format_args!(
            "{account} asks gateway {gateway} for {intent}, attempt {attempt}: {}",
            request_id.map_or_else(|| "not sent".to_owned(), |id| format!("{:032x}", id.0))
        ));
        world.story.attempts.push(Attempt {
            intent,
            asked,
            request_id,
            heard: Vec::new(),
            recalled: None,
        });
        match sent {
            Ok(_) => {
                let since = world.around.timeline.now();
                let stage = Stage::For { attempt, gateway, incarnation, mail, since };
                self.doing = Some(Doing { stage, ..doing });
            }
            Err(heard) => self.hear(world, &doing, attempt, vec![*heard]),
        }
    }

    /// The same again, but for clients that are built wrong.
    fn asked_again(&mut self, world: &World, intent: usize, tries: usize) -> Asked {
        let mut asked = world.story.intents[intent].asked.clone();
        if world.around.broken == Broken::FreshKeys
            && tries > 0
            && let Asked::Place(placed) = &mut asked
        {
            placed.order.key.text = self.next_key();
        }
        asked
    }

    fn hear(&mut self, world: &mut World, doing: &Doing, attempt: usize, heard: Vec<Heard>) {
        let mut verdict = Verdict::Again;
        let asked = world.story.attempts[attempt].asked.clone();
        for heard in heard {
            world.around.tally.count(heard.word());
            world.note(format_args!("{} heard of {attempt}: {heard}", self.account.as_str()));
            let recalled = recall(world, doing, &asked, &heard);
            verdict = match &recalled {
                Some((id, _)) => {
                    self.orders.push(*id);
                    Verdict::Sure
                }
                None => self.judge(world, &asked, &heard),
            };
            let attempt = &mut world.story.attempts[attempt];
            attempt.recalled = recalled;
            attempt.heard.push(heard);
        }
        let intent = &mut world.story.intents[doing.intent];
        let now = world.around.timeline.now();
        let is_doubled = match verdict {
            Verdict::Again => doing.is_doubled,
            Verdict::Unsure => {
                intent.is_settled = true;
                return;
            }
            Verdict::Sure | Verdict::Taken => {
                intent.is_settled = true;
                intent.is_sure |= matches!(verdict, Verdict::Sure);
                if doing.is_doubled || !asked.has_key() || !world.around.random.chance(150) {
                    return;
                }
                world.around.tally.count("client: doubled");
                true
            }
        };
        let wait = Duration::from_millis(world.around.random.within(1..1_500));
        let (intent, tries, stage) = (doing.intent, doing.tries, Stage::Until(now + wait));
        self.doing = Some(Doing { intent, stage, tries, is_doubled });
    }

    fn judge(&mut self, world: &World, asked: &Asked, heard: &Heard) -> Verdict {
        match heard {
            Heard::Known(id, _) => {
                self.orders.push(*id);
                Verdict::Sure
            }
            Heard::News(News::Appended { id, .. }) => {
                if matches!(asked, Asked::Place(_)) {
                    self.orders.push(*id);
                }
                Verdict::Taken
            }
            Heard::News(News::Answered(answered)) => match asked {
                Asked::Place(placed) => {
                    let Some(id) = answered.id() else { return Verdict::Again };
                    match result::decide(placed, id, answered) {
                        Decision::Decided(_) if answered.consumes_key() => {
                            self.orders.push(id);
                            Verdict::Sure
                        }
                        Decision::KeyReused(_) => Verdict::Sure,
                        Decision::Duplicate(original) => self.look_up(world, original),
                        Decision::Decided(_) => again(asked),
                    }
                }
                _ if is_late(answered) => Verdict::Again,
                _ => Verdict::Sure,
            },
            Heard::Refused(_) | Heard::News(News::NotWritten(_)) => Verdict::Again,
            Heard::News(News::Unknown { .. }) | Heard::Lost => again(asked),
        }
    }

    /// What a gateway does for a duplicate whose first answer it cannot recall: it asks the ledger.
    fn look_up(&mut self, world: &World, original: OrderId) -> Verdict {
        match at_once(world.store.order(original)) {
            Some(Ok(Some(_))) => {
                self.orders.push(original);
                Verdict::Sure
            }
            _ => Verdict::Again,
        }
    }
}

/// What the gateway that told of a duplicate recalls of the first result, whoever took it in.
fn recall(
    world: &World,
    doing: &Doing,
    asked: &Asked,
    heard: &Heard,
) -> Option<(OrderId, Box<Order>)> {
    let (Stage::For { gateway, .. }, Asked::Place(placed)) = (&doing.stage, asked) else {
        return None;
    };
    let Heard::News(News::Answered(answered)) = heard else { return None };
    let Decision::Duplicate(original) = result::decide(placed, answered.id()?, answered) else {
        return None;
    };
    let kept = world.gateways[*gateway].first(&Claim::of(placed)?, original)?;
    world.around.tally.count("heard: recalled");
    match result::decide(placed, original, &kept.answered) {
        Decision::Decided(order) => Some((original, order)),
        _ => None,
    }
}

fn again(asked: &Asked) -> Verdict {
    if asked.is_repeatable() { Verdict::Again } else { Verdict::Unsure }
}

fn is_late(answered: &Answered) -> bool {
    let outcome = answered.answer.body.outcome.as_ref();
    match outcome.and_then(|outcome| outcome.kind.as_ref()) {
        Some(outcome::Kind::Refused(refused)) => refused.reason() == RefusalReason::Late,
        _ => false,
    }
}

/// What a gateway does with a request: what it knows is told, everything else goes into the log.
fn submit(
    world: &mut World,
    gateway: usize,
    asked: &Asked,
) -> (Mail, Result<model::RequestId, Box<Heard>>) {
    let mail = Mail::default();
    let claim = match asked {
        Asked::Place(placed) => Claim::of(placed),
        _ => None,
    };
    if let (Some(claim), Asked::Place(placed)) = (&claim, asked)
        && let Some(kept) = world.gateways[gateway].known(claim)
        && kept.content == claim.content
        && let Some(id) = kept.answered.id()
        && let Decision::Decided(order) = result::decide(placed, id, &kept.answered)
    {
        return (mail, Err(Box::new(Heard::Known(id, order))));
    }
    let wants = *world.around.random.pick(&[
        Wants::Receipt,
        Wants::Answer(RESULT_WAIT),
        Wants::Answer(OUTCOME_WAIT),
    ]);
    let submission = Submission {
        account: asked.account().clone(),
        command: asked.command(),
        partition: asked.partition(),
        wants,
        claim,
        traceparent: None,
    };
    let told = Arc::clone(&mail);
    let hear = Box::new(move |news| {
        told.lock().unwrap_or_else(PoisonError::into_inner).push(news);
    });
    let sent = match world.gateways[gateway].submit(submission, hear) {
        Some(Ok(request_id)) => Ok(request_id),
        Some(Err(problem)) => Err(Box::new(Heard::Refused(problem))),
        None => Err(Box::new(Heard::Lost)),
    };
    (mail, sent)
}
