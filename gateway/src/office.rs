//! What both protocols do, in domain words: orders, cancels, movements of money, and look-ups.

mod admin;
mod after;
mod amend;
mod batch;
mod cancel;
mod control;
mod group;
mod list;
mod listing;
mod lookup;
mod markets;
mod money;
mod order;
mod replace;
mod tiers;
mod token;

use std::sync::Arc;

use model::{KeyText, OrderId, Span};
use proto::{
    command::{Key, KeySpace},
    ledger::AtLeast,
};
use rand::distr::{Alphanumeric, SampleString};

pub(crate) use self::{
    after::cancel_after_result,
    amend::amended_by,
    batch::check_count,
    cancel::{Changed, applied, brief, cancel_all_submission, ended_by, results_of},
    list::{CancelledList, ToldList},
    money::Moved,
    order::{Told, submission},
    replace::Replaced,
    tiers::Recomputed,
    token::TokenWanted,
};
use crate::{
    caller::{Asker, Gate},
    desk::Desk,
    idempotency::Cache,
    journal::Journal,
    reference::Reference,
    upstream::Upstream,
};

/// How long a made-up key is: 131 bits of chance, so that no two are ever the same.
const GENERATED_KEY_CHARS: usize = 22;

/// Everything that a request can need.
pub(crate) struct Office {
    pub(crate) gate: Gate,
    pub(crate) desk: Desk,
    pub(crate) reference: Arc<Reference>,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) journal: Journal,
    pub(crate) upstream: Upstream,
    /// How long a shard remembers a key at least; an answer is not used for longer.
    pub(crate) key_retention: Span,
}

impl Office {
    /// Who asks in this task.
    pub(crate) fn asker(&self) -> Asker {
        self.gate.asker()
    }

    /// What a read must reflect for clients of this gateway to see what they wrote.
    fn own_writes(&self) -> Vec<AtLeast> {
        let acknowledged = self.desk.acknowledged();
        let at_least = acknowledged.map(|(partition, offset)| AtLeast {
            partition: u32::from(partition.number()),
            offset,
        });
        at_least.collect()
    }
}

/// What a read must reflect to see the record at `id`.
fn at_least(id: OrderId) -> AtLeast {
    AtLeast { partition: u32::from(id.partition().number()), offset: id.offset() }
}

/// A key for a client that gave none.
pub(crate) fn generated_key() -> Key {
    let text = Alphanumeric.sample_string(&mut rand::rng(), GENERATED_KEY_CHARS);
    let text = KeyText::new(&text).expect("letters and digits make a key");
    Key { space: KeySpace::Generated, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_keys_differ() {
        let (one, other) = (generated_key(), generated_key());
        assert_eq!(one.space, KeySpace::Generated);
        assert_ne!(one, other);
    }
}
