//! What one gateway of many knows: answers to its own orders, what the log answered lately to the
//! orders of others, and through a Redis which order of another gateway to look for.
//!
//! Redis only ever gives an order's id, or the news that another gateway is at it. The answer that
//! a client is told is the one that was read from the log here, and only where that names the same
//! account, instrument and key. So a Redis that forgets, lies, or is away costs a record in the
//! log, whose shard then says that it is a duplicate; it never costs an order.

use std::{sync::Arc, time::Duration};

use model::{OrderId, Partition};
use spine::{LogId, answer::Sealed};
use tokio::time::{Instant, sleep};

use super::{
    Cache, Claim, Finding, Kept, MemoryCache,
    asked::asked,
    recent::{Looked, Recent},
    redis::{Found, Redis},
};
use crate::desk::{Answered, Waits};

/// How long one waits for another gateway that claimed the same key, or for the log to show here
/// what another gateway has seen already: many times what an answer takes. Then the order is
/// appended all the same, and its shard says what it is.
const HELD_WAIT_MAX: Duration = Duration::from_millis(250);

/// The first pause of such a wait, about what an answer takes at least; each next is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// See the [module](self).
pub struct FleetCache {
    log_id: LogId,
    own: MemoryCache,
    recent: Recent,
    redis: Option<Redis>,
    meters: Meters,
}

/// How retries were looked up. Each look-up is counted once.
struct Meters {
    own: metrics::Counter,
    hit: metrics::Counter,
    miss: metrics::Counter,
    held: metrics::Counter,
    unconfirmed: metrics::Counter,
    lie: metrics::Counter,
    degraded: metrics::Counter,
}

impl Meters {
    fn new() -> Meters {
        let counter =
            |found| metrics::counter!("tradespine_gateway_retry_lookups_total", "found" => found);
        Meters {
            own: counter("own"),
            hit: counter("hit"),
            miss: counter("miss"),
            held: counter("held"),
            unconfirmed: counter("unconfirmed"),
            lie: counter("lie"),
            degraded: counter("degraded"),
        }
    }
}

/// What the log says of an order that Redis named.
enum Confirmed {
    /// It is the one that was asked for, and this is its answer.
    Yes(Kept),
    /// It may be: the log was not read so far here, or the order still waits for money.
    NotYet,
    /// It may be: the answer is longer ago than what is kept here.
    Gone,
    /// It is another.
    No,
}

impl FleetCache {
    /// Of a gateway on the log `log_id`; without a Redis it knows what the log tells it.
    pub fn new(log_id: LogId, partition_count: u16, redis: Option<Redis>) -> FleetCache {
        let (own, recent) = (MemoryCache::default(), Recent::new(partition_count));
        FleetCache { log_id, own, recent, redis, meters: Meters::new() }
    }

    async fn search(&self, claim: &Claim) -> Option<Kept> {
        let waits_until = Instant::now() + HELD_WAIT_MAX;
        let mut pause = PAUSE_MIN;
        loop {
            if let Some(kept) = self.own.get(&claim.key) {
                self.meters.own.increment(1);
                return Some(kept);
            }
            let wait = match self.ask(claim).await {
                Search::Found(kept) => return Some(kept),
                Search::NotFound => return None,
                Search::Wait(meter) => meter,
            };
            if Instant::now() >= waits_until {
                wait.increment(1);
                return None;
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Asks Redis once, and the log about what Redis says.
    async fn ask(&self, claim: &Claim) -> Search<'_> {
        let meters = &self.meters;
        let Some(redis) = &self.redis else { return Search::NotFound };
        let meter = match redis.claim(&claim.key).await {
            Ok(Found::Claimed) => &meters.miss,
            Ok(Found::Held) => return Search::Wait(&meters.held),
            Ok(Found::Nonsense) => &meters.lie,
            Ok(Found::Order(id)) => match self.confirm(claim, id) {
                Confirmed::Yes(kept) => {
                    meters.hit.increment(1);
                    self.own.keep(claim_of(claim, &kept), kept.log_id, &kept.answered);
                    return Search::Found(kept);
                }
                Confirmed::NotYet => return Search::Wait(&meters.unconfirmed),
                Confirmed::Gone => &meters.unconfirmed,
                Confirmed::No => &meters.lie,
            },
            Err(_) => &meters.degraded,
        };
        meter.increment(1);
        Search::NotFound
    }

    /// Whether the log says that `id` is the order that used this key up, as far as it was read
    /// here. Its content may be another: that is for the client to hear.
    fn confirm(&self, claim: &Claim, id: OrderId) -> Confirmed {
        let (sealed, decided) = match self.recent.look(id) {
            Looked::Answer(sealed) => (sealed, None),
            Looked::Waited { own, decided } => (own, Some(decided)),
            Looked::NotYet => return Confirmed::NotYet,
            Looked::Gone => return Confirmed::Gone,
            Looked::Nothing => return Confirmed::No,
        };
        let Ok(mut answer) = sealed.open() else { return Confirmed::No };
        let asked = asked(&answer).filter(|asked| asked.key == claim.key);
        let Some(asked) = asked else { return Confirmed::No };
        let answered = match decided.map(|sealed| sealed.open()) {
            Some(Ok(decided)) => Answered::after_waiting(&decided, id, answer.now),
            Some(Err(_)) => return Confirmed::No,
            None => {
                // As the desk keeps them.
                answer.body.postings = Vec::new();
                Answered::at_once(id.partition(), answer)
            }
        };
        let answered = Arc::new(answered);
        Confirmed::Yes(Kept { content: asked.content, log_id: self.log_id, answered })
    }

    fn tell(&self, claim: &Claim, kept: &Arc<Answered>) {
        if let (Some(redis), Some(id)) = (&self.redis, kept.id()) {
            redis.tell(&claim.key, id);
        }
    }
}

/// What one question to Redis came to.
enum Search<'a> {
    Found(Kept),
    NotFound,
    /// It is worth asking again; what to count where it no longer is.
    Wait(&'a metrics::Counter),
}

/// The claim that `kept` answers: its key is this one's, its content its own.
fn claim_of(claim: &Claim, kept: &Kept) -> Claim {
    Claim { key: claim.key.clone(), content: kept.content }
}

impl Cache for FleetCache {
    fn find<'a>(&'a self, claim: &'a Claim) -> Finding<'a> {
        Box::pin(self.search(claim))
    }

    fn first(&self, claim: &Claim, original: OrderId) -> Option<Kept> {
        if let Some(kept) = self.own.first(claim, original) {
            return Some(kept);
        }
        let Confirmed::Yes(kept) = self.confirm(claim, original) else { return None };
        self.own.keep(claim_of(claim, &kept), kept.log_id, &kept.answered);
        // Redis did not know, or this would not have been asked of the log.
        self.tell(claim, &kept.answered);
        Some(kept)
    }

    fn hear(&self, partition: Partition, answer: &Sealed, waits: &Waits) {
        self.recent.push(partition, answer, waits);
    }

    fn keep(&self, claim: Claim, log_id: LogId, answered: &Arc<Answered>) {
        if answered.consumes_key() {
            self.tell(&claim, answered);
            self.own.keep(claim, log_id, answered);
        } else {
            self.let_go(&claim);
        }
    }

    fn let_go(&self, claim: &Claim) {
        if let Some(redis) = &self.redis {
            redis.let_go(&claim.key);
        }
    }
}
