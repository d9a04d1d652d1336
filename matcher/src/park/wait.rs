//! How something comes to wait for money, asks for it, and stops waiting.

use ledger_core::{MoneyError, Movement as Moved};
use model::{Amount, OrderId, Partition, Timestamp, home::home};
use proto::{
    command::{Movement, PlaceOrder},
    draft::Draft,
    link::{LinkItem, LinkKind},
    log::{self, EndReason, RefusalReason, event},
    trading::OrderListStatus,
};

use super::{Asked, Parked, Purse, Waiting, home::Ask};
use crate::{
    answer::{duplicate, refused},
    exchange::Exchange,
    transfer::in_core,
};

/// How much something needs before it can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// All that it could use.
    pub(crate) whole: Amount,
    /// Whether less is of use, too.
    pub(crate) takes_less: bool,
}

impl Exchange {
    /// Parks something that lacks money: what is there is held, and the rest asked for unless an
    /// ask is out already.
    pub(crate) fn wait(
        &mut self,
        id: OrderId,
        purse: Purse,
        waiting: Waiting,
        need: Need,
        (now, until): (Timestamp, Timestamp),
        body: &mut Draft,
    ) {
        self.park.insert(id, Parked { purse, waiting, held: Amount::ZERO, until });
        let is_idle = self
            .park
            .queues
            .get(&purse)
            .is_some_and(|queue| queue.asked.is_none() && !self.park.ready.contains(&purse));
        self.hold_what_is_there(id, need);
        if is_idle {
            self.ask(id, need, now, body);
        }
    }

    /// Holds as much of what `id` still needs as is available.
    pub(super) fn hold_what_is_there(&mut self, id: OrderId, need: Need) {
        let Some(parked) = self.park.parked.get_mut(&id) else { return };
        let (account, asset) = parked.purse;
        let lacks = need.whole.checked_sub(parked.held).unwrap_or_default();
        let more = self.accounts.available(account, asset).min(lacks);
        if more > Amount::ZERO {
            parked.held = parked.held.checked_add(more).expect("at most the whole need");
            let held = self.accounts.hold(account, asset, more, id, &mut self.postings);
            held.expect("no more than is available");
        }
    }

    /// Asks the account's home for what `id` lacks. No ask of the purse is out.
    pub(super) fn ask(&mut self, id: OrderId, need: Need, now: Timestamp, body: &mut Draft) {
        self.hold_what_is_there(id, need);
        let Some(parked) = self.park.parked.get(&id) else { return };
        let (purse, held) = (parked.purse, parked.held);
        let unit = Amount::from_units(1);
        let wanted = need.whole.checked_sub(held).unwrap_or_default().max(unit);
        let least = if need.takes_less { unit } else { wanted };
        if let Some(queue) = self.park.queues.get_mut(&purse) {
            queue.asked = Some(Asked { by: id, wanted });
        }
        let name = self.accounts.name(purse.0).clone();
        if self.accounts.is_home(&name) {
            self.asks.push(purse, Ask { from: self.partition, wanted, least });
            self.work_asks(now, body);
            return;
        }
        let to = home(&name, self.accounts.partition_count());
        let kind = LinkKind::Asked { wanted, least };
        send(to, &LinkItem { account: name, asset: purse.1, kind }, body);
    }

    /// Ends a parked order of which nobody needs to be asked.
    pub(crate) fn end_parked(&mut self, id: OrderId, reason: EndReason, body: &mut Draft) {
        let Some(parked) = self.unpark(id) else { return };
        let account = self.named.index(parked.purse.0, &self.accounts, body);
        let ended = |id: OrderId, place: &PlaceOrder| {
            let (_, remaining_lots, _) = place.ask.into();
            let (order_id, instrument_id) = (id.number(), place.instrument.0);
            let reason = reason.into();
            let end = log::OrderEnded { order_id, account, instrument_id, reason, remaining_lots };
            event::Kind::OrderEnded(end)
        };
        let kind = match &parked.waiting {
            Waiting::Order(place) => ended(id, place),
            Waiting::List(list) => {
                let legs = id.legs().enumerate().take(list.legs.len());
                legs.for_each(|(at, leg)| body.event(&ended(leg, &list.order(at))));
                let (purse, status) = (parked.purse, OrderListStatus::AllDone);
                return self.write_list_status(id, purse.0, list.instrument, status, body);
            }
            Waiting::Withdrawal(Movement { asset, amount, id: own_id }) => {
                let name = self.accounts.name(parked.purse.0);
                let checked = self.accounts.check_withdrawal(name, *asset, *amount, own_id);
                decided(id, account, in_vain(&checked))
            }
            Waiting::Transfer(transfer) => {
                let sender = self.accounts.name(parked.purse.0);
                let checked = self.accounts.check_transfer(sender, &in_core(transfer));
                decided(id, account, in_vain(&checked))
            }
        };
        body.event(&kind);
    }

    /// It waits no longer and holds nothing.
    pub(super) fn unpark(&mut self, id: OrderId) -> Option<Parked> {
        let parked = self.park.remove(id)?;
        let (account, asset) = parked.purse;
        self.accounts.release(account, asset, parked.held, id, &mut self.postings);
        Some(parked)
    }

    /// Ends what has waited too long, at most so many.
    pub(crate) fn end_overdue(&mut self, now: Timestamp, most: usize, body: &mut Draft) {
        for _ in 0..most {
            let Some(id) = self.park.overdue(now) else { break };
            self.end_parked(id, EndReason::ParkedTooLong, body);
        }
    }
}

/// What becomes of a withdrawal or a transfer that has waited too long: what another record under
/// its id did meanwhile is not denied.
fn in_vain(checked: &Result<Moved, MoneyError>) -> Option<log::Outcome> {
    match checked {
        Ok(Moved::AlreadyApplied) => duplicate(0),
        Err(MoneyError::IdReused) => refused(RefusalReason::KeyReused),
        Ok(Moved::Applied) | Err(_) => refused(RefusalReason::Late),
    }
}

/// What became of a withdrawal or a transfer that waited.
pub(super) fn decided(id: OrderId, account: u32, outcome: Option<log::Outcome>) -> event::Kind {
    let record_id = id.number();
    event::Kind::WithdrawalDecided(log::WithdrawalDecided { record_id, account, outcome })
}

/// Writes an item for another shard.
pub(crate) fn send(to: Partition, item: &LinkItem, body: &mut Draft) {
    body.links_sent.push(log::LinkSent {
        destination: to.number().into(),
        link_seq: 0,
        item: Some(item.into()),
    });
}
