//! A cache in this process: bounded, the oldest entry goes first.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    future,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::OrderId;
use spine::LogId;

use super::{Cache, Claim, Finding, Kept, RetryKey};
use crate::desk::Answered;

/// How many parts it has: many times the threads that could meet in one.
const PARTS: usize = 16;

/// How many answers a part keeps. In all 32,768: a second of the rate of one shard, which is when
/// most retries come, at about a kilobyte each.
const PART_ANSWERS_MAX: usize = 2_048;

/// How many events an answer that is kept has at most: an ordinary order makes a handful, a sweep
/// thousands, and the shard tells of those again.
const EVENTS_MAX: usize = 64;

/// Answers in this process: bounded, the oldest of a part goes first.
///
/// Clients choose the keys, so they are hashed with randomness: else one could make up keys that
/// all fall into one place.
#[derive(Debug)]
pub struct MemoryCache {
    parts: Vec<Mutex<Part>>,
    choosing: RandomState,
}

#[derive(Debug, Default)]
struct Part {
    /// Never iterated.
    answers: HashMap<RetryKey, Kept>,
    /// Every key of `answers` once, the oldest first.
    oldest_first: VecDeque<RetryKey>,
}

impl Default for MemoryCache {
    fn default() -> MemoryCache {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        MemoryCache { parts, choosing: RandomState::new() }
    }
}

impl MemoryCache {
    fn part(&self, key: &RetryKey) -> MutexGuard<'_, Part> {
        let hash = self.choosing.hash_one(key);
        let part = &self.parts[(hash >> 32) as usize % PARTS];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that is kept under this key.
    pub(super) fn get(&self, key: &RetryKey) -> Option<Kept> {
        self.part(key).answers.get(key).cloned()
    }
}

impl Cache for MemoryCache {
    fn find<'a>(&'a self, claim: &'a Claim) -> Finding<'a> {
        Box::pin(future::ready(self.get(&claim.key)))
    }

    fn first(&self, claim: &Claim, original: OrderId) -> Option<Kept> {
        self.get(&claim.key).filter(|kept| kept.answered.id() == Some(original))
    }

    fn keep(&self, claim: Claim, log_id: LogId, answered: &Arc<Answered>) {
        let is_small = answered.answer.body.events.len() <= EVENTS_MAX;
        if !is_small || !answered.consumes_key() {
            return;
        }
        let mut part = self.part(&claim.key);
        let part = &mut *part;
        let kept = Kept { content: claim.content, log_id, answered: Arc::clone(answered) };
        match part.answers.entry(claim.key) {
            // The same key was used up again, so the shard had forgotten it: the newer one counts.
            Entry::Occupied(mut entry) => {
                entry.insert(kept);
            }
            Entry::Vacant(entry) => {
                part.oldest_first.push_back(entry.key().clone());
                entry.insert(kept);
            }
        }
        if part.oldest_first.len() > PART_ANSWERS_MAX
            && let Some(oldest) = part.oldest_first.pop_front()
        {
            part.answers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::{AccountName, InstrumentId, KeyText, Partition, RequestId, Timestamp};
    use proto::{
        command::{Key, KeySpace},
        log::{self, RefusalReason, outcome},
    };
    use spine::{Answer, Chain};

    use super::*;

    const LOG: LogId = LogId([1; 16]);

    fn claim(number: usize) -> Claim {
        let text = KeyText::new(&format!("key-{number}")).expect("a good key");
        let account = AccountName::new("alice").expect("a good name");
        let key = Key { space: KeySpace::ClientOrderId, text };
        Claim { key: RetryKey { account, instrument: InstrumentId(1), key }, content: [0; 16] }
    }

    fn answered(kind: outcome::Kind) -> Arc<Answered> {
        let outcome = Some(log::Outcome { kind: Some(kind) });
        let answer = Answer {
            out_seq: 1,
            in_offset: 0,
            epoch: 1,
            behaviour: 1,
            input_hash: Chain::default(),
            prev_chain: Chain::default(),
            chain: Chain::default(),
            now: Timestamp::EPOCH,
            request_id: RequestId(1),
            body: log::AnswerBody { outcome, ..Default::default() },
        };
        Arc::new(Answered::at_once(Partition::FIRST, answer))
    }

    fn applied() -> Arc<Answered> {
        answered(outcome::Kind::Applied(log::Applied {}))
    }

    #[tokio::test]
    async fn what_used_its_key_up_is_found_again() {
        let cache = MemoryCache::default();
        assert!(cache.find(&claim(1)).await.is_none());
        cache.keep(claim(1), LOG, &applied());
        let kept = cache.find(&claim(1)).await.expect("it is kept");
        assert_eq!((kept.content, kept.log_id), (claim(1).content, LOG));
    }

    #[tokio::test]
    async fn what_left_its_key_free_is_not_kept() {
        let cache = MemoryCache::default();
        let late = log::Refused { reason: RefusalReason::Late.into() };
        cache.keep(claim(1), LOG, &answered(outcome::Kind::Refused(late)));
        let original_order_id = 3;
        let duplicate = log::Duplicate { original_order_id };
        cache.keep(claim(1), LOG, &answered(outcome::Kind::Duplicate(duplicate)));
        assert!(cache.find(&claim(1)).await.is_none());
    }

    #[test]
    fn keys_chosen_for_one_part_of_one_cache_are_spread_over_those_of_another() {
        let [one, other] = [MemoryCache::default(), MemoryCache::default()];
        let part = |cache: &MemoryCache, number| {
            let part: *const Part = &raw const *cache.part(&claim(number).key);
            part
        };
        let first = part(&one, 0);
        let chosen: Vec<usize> =
            (0..).filter(|number| part(&one, *number) == first).take(64).collect();
        let spread: BTreeSet<_> = chosen.into_iter().map(|number| part(&other, number)).collect();
        assert!(spread.len() > 1, "two caches choose alike");
    }

    #[tokio::test]
    async fn it_is_bounded() {
        let cache = MemoryCache::default();
        let answered = applied();
        let count = PARTS * PART_ANSWERS_MAX * 2;
        (0..count).for_each(|number| cache.keep(claim(number), LOG, &answered));
        let kept: usize = cache.parts.iter().map(|part| part.lock().unwrap().answers.len()).sum();
        assert!(kept <= PARTS * PART_ANSWERS_MAX, "{kept}");
        assert!(cache.find(&claim(count - 1)).await.is_some(), "the newest stays");
    }
}
