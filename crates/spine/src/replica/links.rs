//! What a run of items from another shard does, and how items get their numbers.

use model::{Partition, RequestId};
use proto::{
    draft::Draft,
    log::{self, outcome},
};

use super::{Computed, Replica, ReplicaError, applied, stale};
use crate::{
    core::{Core, LinkInput},
    link::{LinkError, Links, Take},
    log::Stored,
};

impl<C: Core> Replica<C> {
    /// Takes what is new in the run, in order, and then lets the core go on with what it brought.
    pub(super) fn link_run(
        &mut self,
        stored: &Stored,
        run: &log::LinkRun,
    ) -> Result<Computed, ReplicaError> {
        let fault = |error| ReplicaError::Link { offset: stored.offset, error };
        let from = self.source(run.source).map_err(fault)?;
        let known_before = self.links.progress(from);
        self.links.acknowledge(from, run.taken).map_err(fault)?;
        let mut body = self.body_after_time(stored, false);
        let (mut gap, mut repeated) = (None, 0);
        for (link_seq, item) in (run.first_link_seq..).zip(&run.items) {
            match self.links.take(from, link_seq) {
                Take::Next => self.take_item(from, link_seq, item, &mut body).map_err(fault)?,
                Take::Known => repeated += 1,
                Take::Beyond { expected } => {
                    gap = Some(log::Gap { expected });
                    break;
                }
            }
        }
        self.core.go_on(self.now, &mut body);
        let progress = self.links.progress(from);
        body.outcome = Some(match gap {
            Some(gap) => log::Outcome { kind: Some(outcome::Kind::Gap(gap)) },
            None if progress == known_before => stale(),
            None => applied(),
        });
        body.link_progress.push(log::LinkProgress { repeated, ..progress });
        Ok(self.answer(stored, RequestId(0), body, None))
    }

    fn take_item(
        &mut self,
        from: Partition,
        link_seq: u64,
        item: &log::LinkItem,
        body: &mut Draft,
    ) -> Result<(), LinkError> {
        let input = LinkInput { from, now: self.now, behaviour: self.behaviour, item };
        self.core.take_link(&input, body).map_err(|reason| LinkError::Item {
            from,
            link_seq,
            reason,
        })
    }

    fn source(&self, number: u32) -> Result<Partition, LinkError> {
        u16::try_from(number)
            .ok()
            .and_then(Partition::new)
            .filter(|from| number < self.genesis.partition_count && *from != self.partition)
            .ok_or(LinkError::NoSuchSource(number))
    }

    /// Numbers what the core has sent with this input.
    pub(super) fn number_links(&mut self, body: &mut Draft) {
        for sent in &mut body.links_sent {
            let to = u16::try_from(sent.destination).ok().and_then(Partition::new);
            let to = to.expect("a core sends to partitions that there are");
            sent.link_seq = self.links.send(to, sent.item.clone().unwrap_or_default());
        }
    }
}

impl<C> Replica<C> {
    /// What it has sent to other shards and taken from them.
    pub fn links(&self) -> &Links {
        &self.links
    }
}
