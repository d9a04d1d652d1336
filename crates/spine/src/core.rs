//! What a shard's state is made of: the pure core that the protocol drives.

use model::{Partition, Timestamp};
use proto::{
    command::{ClientCommand, OperatorCommand},
    draft::Draft,
    log::{self, outcome},
    reference::ReferenceRecord,
};

/// A client's record, as the core is shown it.
#[derive(Debug)]
pub struct ClientInput<'a> {
    /// Its offset in the input partition, from which its order id is made.
    pub offset: u64,
    /// When the log appended it. Lateness is measured by this.
    pub appended_at: Timestamp,
    /// The log's own time at this record.
    pub now: Timestamp,
    /// The behaviour in force at this record: a command that asks for more must change nothing.
    pub behaviour: u32,
    /// What is asked.
    pub command: &'a ClientCommand,
}

/// A record of those who run the platform, as the core is shown it. The log knows of such.
#[derive(Debug)]
pub struct OperatorInput<'a> {
    /// When the log appended it. Lateness is measured by this.
    pub appended_at: Timestamp,
    /// The log's own time at this record.
    pub now: Timestamp,
    /// What is asked, and by whom.
    pub command: &'a OperatorCommand,
}

/// An item from another shard, as the core is shown it: each once and in order.
#[derive(Clone, Copy, Debug)]
pub struct LinkInput<'a> {
    /// The partition of the shard that sent it.
    pub from: Partition,
    /// The log's own time at the record that brought it.
    pub now: Timestamp,
    /// The behaviour in force at that record.
    pub behaviour: u32,
    /// The item.
    pub item: &'a log::LinkItem,
}

/// A shard's state: the same inputs give the same bytes, forever. No clock, no randomness, no IO.
///
/// Every method fills in the body of the answer to one input. What happens because time has passed
/// comes first in it, then what the input itself does, then its outcome.
///
/// A core sends to other shards by pushing items to the body's `links_sent`, without numbers: those
/// are the protocol's. Items are kept until they are taken, so a core has to bound them itself.
pub trait Core: Sized + Send {
    /// The state before the first input of `partition` of the log that `genesis` describes.
    fn new(genesis: &log::Genesis, partition: Partition) -> Self;

    /// Time has passed: `now` is the log's own time before the input's own effect.
    fn pass_time(&mut self, now: Timestamp, body: &mut Draft);

    /// Applies a client's command.
    fn apply(&mut self, input: &ClientInput<'_>, body: &mut Draft);

    /// Applies a change of reference data.
    fn change_reference(&mut self, change: &ReferenceRecord, body: &mut Draft);

    /// Applies a command of those who run the platform.
    fn operate(&mut self, _input: &OperatorInput<'_>, body: &mut Draft) {
        let nothing = log::Refused { reason: log::RefusalReason::Unspecified.into() };
        body.outcome = Some(log::Outcome { kind: Some(outcome::Kind::Refused(nothing)) });
    }

    /// Takes an item from another shard. It has no outcome of its own.
    ///
    /// # Errors
    /// What is wrong with the item, where no shard of this platform can have sent it: the shard
    /// then stops, for money may depend on it.
    fn take_link(&mut self, _input: &LinkInput<'_>, _body: &mut Draft) -> Result<(), String> {
        Err("this state has no links".to_owned())
    }

    /// Goes on with what is left over from earlier inputs, as far as one answer holds. Called at
    /// every tick, and after the items of a run.
    fn go_on(&mut self, _now: Timestamp, _body: &mut Draft) {}

    /// Whether effects of time are left that did not fit one answer, so that the owner should tick
    /// again at once.
    fn has_more_to_expire(&self) -> bool {
        false
    }

    /// Writes the whole state, canonically: equal states write equal bytes.
    fn encode(&self) -> Vec<u8>;

    /// Reads a state that [`Core::encode`] wrote; everything in it is checked.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}
