//! The exchange, with what is built wrong in it on purpose. What that is stands in the log's id, so
//! that every state of it is built wrong alike, after a restart too.

use std::ops::Deref;

use matcher::Exchange;
use model::{Partition, Timestamp};
use proto::{
    draft::Draft,
    link::{LinkItem, LinkKind},
    log,
    reference::ReferenceRecord,
};
use spine::{ClientInput, Core, LinkInput, OperatorInput};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    /// A transfer that comes from another shard is applied twice.
    TransferTwice,
    /// A transfer that comes from another shard is taken, and nobody has it.
    TransferLost,
    /// What another shard grants is credited twice.
    GrantTwice,
}

const ALL: [Wrong; 4] =
    [Wrong::Nothing, Wrong::TransferTwice, Wrong::TransferLost, Wrong::GrantTwice];

/// The first byte of the id of a log in which nothing is wrong.
const SOUND: u8 = 7;

impl Wrong {
    /// The id of a log whose shards have this wrong.
    pub(crate) fn log_id(self) -> [u8; 16] {
        let mut id = [SOUND; 16];
        id[0] += u8::try_from(ALL.iter().position(|one| *one == self).expect("one of all"))
            .expect("few");
        id
    }

    fn of(number: u8) -> Option<Wrong> {
        ALL.get(usize::from(number.checked_sub(SOUND)?)).copied()
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Built {
    exchange: Exchange,
    wrong: Wrong,
}

impl Deref for Built {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        &self.exchange
    }
}

impl Core for Built {
    fn new(genesis: &log::Genesis, partition: Partition) -> Self {
        let wrong = genesis.log_id.first().and_then(|first| Wrong::of(*first));
        let wrong = wrong.unwrap_or(Wrong::Nothing);
        Built { exchange: Exchange::new(genesis, partition), wrong }
    }

    fn pass_time(&mut self, now: Timestamp, body: &mut Draft) {
        self.exchange.pass_time(now, body);
    }

    fn apply(&mut self, input: &ClientInput<'_>, body: &mut Draft) {
        self.exchange.apply(input, body);
    }

    fn change_reference(&mut self, change: &ReferenceRecord, body: &mut Draft) {
        self.exchange.change_reference(change, body);
    }

    fn operate(&mut self, input: &OperatorInput<'_>, body: &mut Draft) {
        self.exchange.operate(input, body);
    }

    fn take_link(&mut self, input: &LinkInput<'_>, body: &mut Draft) -> Result<(), String> {
        let item = LinkItem::try_from(input.item).map_err(|error| error.to_string())?;
        match (self.wrong, &item.kind) {
            (Wrong::TransferLost, LinkKind::Transferred { .. }) => Ok(()),
            (Wrong::TransferTwice, LinkKind::Transferred { .. })
            | (Wrong::GrantTwice, LinkKind::Granted { .. }) => {
                self.exchange.take_link(input, body)?;
                // That nobody asked for it, or the reply to it, is nobody's business: only the
                // money is.
                let sent = body.links_sent.len();
                let _ = self.exchange.take_link(input, body);
                body.links_sent.truncate(sent);
                Ok(())
            }
            _ => self.exchange.take_link(input, body),
        }
    }

    fn go_on(&mut self, now: Timestamp, body: &mut Draft) {
        self.exchange.go_on(now, body);
    }

    fn has_more_to_expire(&self) -> bool {
        self.exchange.has_more_to_expire()
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.exchange.encode();
        bytes.push(self.wrong.log_id()[0]);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (wrong, exchange) = bytes.split_last().ok_or("it is empty")?;
        let wrong = Wrong::of(*wrong).ok_or("nothing is wrong like that")?;
        Ok(Built { exchange: Exchange::decode(exchange)?, wrong })
    }
}
