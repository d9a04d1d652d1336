//! The exchange, with what is built wrong in it on purpose.
//!
//! What is wrong is told by the log's id, so that every replica is built wrong alike, the judge's
//! too: no replica can tell, and what is looked at in the end has to.

use matcher::Exchange;
use model::{Partition, Timestamp};
use proto::{
    draft::Draft,
    link::{LinkItem, LinkKind},
    log::{self, EndReason, event::Kind},
    reference::ReferenceRecord,
};
use spine::{ClientInput, Core, LinkInput, OperatorInput};

use crate::broken::Broken;

/// The first byte of the ids of logs whose exchanges are sound, take a grant twice, and forget.
const SOUND: u8 = 9;
const GRANTS_TWICE: u8 = 10;
const FORGETS: u8 = 11;

/// The id of a log whose exchanges have this built wrong.
pub(crate) fn log_id(broken: Broken) -> Vec<u8> {
    let first = match broken {
        Broken::GrantTwice => GRANTS_TWICE,
        Broken::ForgottenParked => FORGETS,
        _ => SOUND,
    };
    let mut id = vec![9; 16];
    id[0] = first;
    id
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Planted {
    exchange: Exchange,
    wrong: u8,
}

impl Planted {
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Says nothing of what waited in vain.
    fn forget(&self, body: &mut Draft) {
        if self.wrong == FORGETS {
            let mut told = body.body();
            told.events.retain(|event| match &event.kind {
                Some(Kind::OrderRejected(rejected)) => rejected.order_id == 0,
                Some(Kind::OrderEnded(ended)) => ended.reason() != EndReason::ParkedTooLong,
                _ => true,
            });
            *body = told.into();
        }
    }
}

impl Core for Planted {
    fn new(genesis: &log::Genesis, partition: Partition) -> Self {
        let wrong = genesis.log_id.first().copied().unwrap_or(SOUND);
        Planted { exchange: Exchange::new(genesis, partition), wrong }
    }

    fn pass_time(&mut self, now: Timestamp, body: &mut Draft) {
        self.exchange.pass_time(now, body);
        self.forget(body);
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
        let item = LinkItem::try_from(input.item);
        let is_grant = item.is_ok_and(|item| matches!(item.kind, LinkKind::Granted { .. }));
        self.exchange.take_link(input, body)?;
        if self.wrong == GRANTS_TWICE && is_grant {
            // That nobody asked for it is said after it was credited.
            let _ = self.exchange.take_link(input, body);
        }
        Ok(())
    }

    fn go_on(&mut self, now: Timestamp, body: &mut Draft) {
        self.exchange.go_on(now, body);
        self.forget(body);
    }

    fn has_more_to_expire(&self) -> bool {
        self.exchange.has_more_to_expire()
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.exchange.encode();
        bytes.push(self.wrong);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (wrong, exchange) = bytes.split_last().ok_or("it is empty")?;
        Ok(Planted { exchange: Exchange::decode(exchange)?, wrong: *wrong })
    }
}
