//! What copies the items that a shard sends to others from its accepted answers into their inputs.
//!
//! In production it is a thread beside the owner. Here it is a process, so that it also ends and
//! stops by itself; and each place for an owner has one, so that now and then two send.

use std::time::Duration;

use model::Partition;
use spine::link::sender::{LinkSender, SenderError};

use super::Surroundings;
use crate::fault::Fault;

/// A place for one sender.
pub(crate) struct Sender {
    partition: Partition,
    running: Option<LinkSender>,
}

impl Sender {
    pub(crate) fn new(partition: Partition) -> Sender {
        Sender { partition, running: None }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn end(&mut self) {
        self.running = None;
    }

    pub(crate) fn start(&mut self, around: &Surroundings) -> Result<(), Fault> {
        let (log, store) = (around.log.as_ref(), around.snapshots.as_ref());
        let opened = LinkSender::open(log, &around.identity, self.partition, store);
        self.running = Some(opened.map_err(|error| self.fault(&error))?);
        Ok(())
    }

    /// Does one step; it is gone where its producer was.
    pub(crate) fn step(&mut self, around: &Surroundings, may_send: bool) -> Result<(), Fault> {
        let Some(sender) = &mut self.running else { return Ok(()) };
        match sender.step(around.timeline.now(), Duration::ZERO, may_send) {
            Ok(()) => {}
            Err(SenderError::Producer) => self.running = None,
            Err(error) => return Err(self.fault(&error)),
        }
        Ok(())
    }

    fn fault(&self, error: &SenderError) -> Fault {
        Fault::SenderEnded { partition: self.partition.number(), why: error.to_string() }
    }
}
