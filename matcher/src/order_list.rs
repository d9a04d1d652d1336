//! Placing a list of orders: every check first, in the order in which a single order has them, then
//! all of it at once; and how the orders go on that waited for another.
//!
//! Two orders of which one is to cancel the other share one hold, the larger of what each would
//! hold alone (`shared`). Those that wait for a working order hold nothing until it was filled:
//! what they need may be just what it brings. They are placed in the same answer, and what is not
//! there then ends them: no order rests without money behind it.

mod going_on;
pub(crate) mod shared;

use matcher_core::{Holder, KeyCheck, NewOrder, Pending};
use model::{AccountHandle, AccountName, Amount, AssetId, OrderId};
use proto::{
    command::PlaceList,
    convert,
    draft::Draft,
    log::{self, RefusalReason, event},
    trading,
};
use spine::ClientInput;

use crate::{
    answer::{applied, duplicate, refused},
    content,
    exchange::Exchange,
    park::{Need, Waiting},
    place::{Funds, Hold},
    terms::{Origin, order_key, terms},
};
use shared::Shared;

/// What becomes of a list that is not refused.
enum Way {
    Execute(Hold),
    Wait(Funds),
}

impl Exchange {
    pub(crate) fn place_list(
        &mut self,
        input: &ClientInput<'_>,
        list: &PlaceList,
        is_late: bool,
        body: &mut Draft,
    ) {
        let Some(id) = OrderId::at(self.partition, input.offset) else {
            body.outcome = refused(RefusalReason::Late);
            return;
        };
        let account = &input.command.account;
        let key = order_key(account, list.instrument, &list.key);
        let content = content::hash_list(account, list);
        match self.keys.check(&key, &content) {
            KeyCheck::Same { original } => {
                self.keys.alias(&key, id);
                body.outcome = duplicate(original.number());
                return;
            }
            KeyCheck::OtherContent => {
                return self.reject_list(account, list, RefusalReason::KeyReused, body);
            }
            KeyCheck::New => {}
        }
        let is_known = list.behaviour() <= input.behaviour;
        let in_force = is_known.then_some(()).ok_or(RefusalReason::NotInForce);
        let checked = in_force.and_then(|()| self.check_admits_list(account, list, is_late));
        let taken = checked.and_then(|()| self.take_rate(account, list.legs.len(), input.now));
        if let Err(reason) = taken {
            return self.reject_list(account, list, reason, body);
        }
        let way = self.list_way(account, list);
        if let Ok(Way::Wait(funds)) = &way
            && !self.park.has_room(self.accounts.find(account), funds.asset)
        {
            return self.reject_list(account, list, RefusalReason::TooManyParked, body);
        }
        let has_account = way.is_ok() || self.accounts.find(account).is_some();
        let holder = if has_account { Holder::Account } else { Holder::Stranger };
        let keep_until = self.keep_until(&list.key, input);
        if self.keys.insert(key, content, id, keep_until, holder).is_err() {
            return self.reject_list(account, list, RefusalReason::TooManyKeys, body);
        }
        match way {
            Ok(Way::Execute(hold)) => {
                self.execute_list(id, account, list, &hold, Origin::Record, body);
                self.let_woken_go_on(body);
                body.outcome = applied();
            }
            Ok(Way::Wait(funds)) => self.park_list(id, input, list, &funds, body),
            Err(reason) => self.reject_list(account, list, reason, body),
        }
    }

    fn list_way(&self, account: &AccountName, list: &PlaceList) -> Result<Way, RefusalReason> {
        self.check_list(list)?;
        let funds = self.funds_of_list(account, list)?;
        let is_short = self.accounts.partition_count() > 1 && !funds.is_enough();
        if is_short && self.may_be_elsewhere(account) {
            return Ok(Way::Wait(funds));
        }
        funds.hold().map(Way::Execute)
    }

    /// What the filters refuse of any of its orders and the book of what is placed at once,
    /// whatever money there is.
    fn check_list(&self, list: &PlaceList) -> Result<(), RefusalReason> {
        (0..list.legs.len()).try_for_each(|at| self.check_filters(&list.order(at)))?;
        match &list.legs[..list.placed_at_once()] {
            [above, below] => {
                let terms = [above, below]
                    .map(|leg| (leg.ask.price(), crate::place::size(leg.ask), &leg.instructions));
                let checked = self.books.check_pair(list.instrument, above.side, &terms);
                checked.map_err(crate::room::refusal_of_book)
            }
            _ => self.check_rules(&list.order(0)),
        }
    }

    fn funds_of_list(
        &self,
        account: &AccountName,
        list: &PlaceList,
    ) -> Result<Funds, RefusalReason> {
        let (asset, need) =
            self.need_of_list(account, list).ok_or(RefusalReason::UnknownInstrument)?;
        Ok(Funds { asset, need, available: self.accounts.available_to(account, asset) })
    }

    /// What is held for what is placed at once: for a pair the larger of the two.
    pub(crate) fn need_of_list(
        &self,
        account: &AccountName,
        list: &PlaceList,
    ) -> Option<(AssetId, Need)> {
        let instrument = self.books.instrument(list.instrument)?;
        let needs = (0..list.placed_at_once())
            .map(|at| self.need_of_order(account, &list.order(at), instrument));
        needs.max_by_key(|(_, need)| need.whole)
    }

    /// Nothing below can fail: everything was checked.
    fn execute_list(
        &mut self,
        id: OrderId,
        account: &AccountName,
        list: &PlaceList,
        hold: &Hold,
        origin: Origin,
        body: &mut Draft,
    ) {
        let handle = self.open_with_group(account).expect("room was checked");
        self.accounts
            .hold(handle, hold.asset, hold.amount, id, &mut self.postings)
            .expect("the funds were checked");
        let orders = self.new_orders(id, handle, list);
        let index = self.named.index(handle, &self.accounts, body);
        let ends = orders.iter().map(|order| order.instructions.expires_at);
        let placed = log::OrderListPlaced {
            listed: Some(listed(list, index)),
            list_id: origin.named(id),
            expires_at_unix_nanos: ends.map(|end| end.map_or(0, |at| at.unix_nanos())).collect(),
        };
        body.event(&event::Kind::ListPlaced(placed));
        self.write_list_status(id, handle, list.instrument, Executing, body);
        match orders[..] {
            [above, below] if !list.contingency.has_working() => {
                self.place_pair(&[above, below], hold.asset);
            }
            [working, pending] => self.place_working(&working, Pending::One(pending)),
            [working, above, below] => {
                self.place_working(&working, Pending::Pair([above, below]));
            }
            _ => {}
        }
        self.write_matched(body);
    }

    /// Places two orders that share a hold which is made already.
    fn place_pair(&mut self, pair: &[NewOrder; 2], asset: AssetId) {
        self.shared.insert(pair[0].id.record(), Shared::of(pair, asset));
        self.books.place_pair(pair, &mut self.matched);
    }

    fn place_working(&mut self, working: &NewOrder, pending: Pending) {
        self.books.place_working(working, pending, &mut self.matched);
        self.settle_taker(working, working.funds);
    }

    /// The orders as their book takes them, each with what it would hold alone: those that wait
    /// with nothing.
    fn new_orders(&self, id: OrderId, account: AccountHandle, list: &PlaceList) -> Vec<NewOrder> {
        let legs = id.legs().enumerate().take(list.legs.len());
        let order = |(at, id): (usize, OrderId)| {
            let place = list.order(at);
            let instrument = self.books.instrument(list.instrument);
            let funds = match instrument {
                Some(instrument) if at < list.placed_at_once() => {
                    self.need_of_order(self.accounts.name(account), &place, instrument).1.whole
                }
                _ => Amount::ZERO,
            };
            self.new_order(id, account, &place, funds)
        };
        legs.map(order).collect()
    }

    fn park_list(
        &mut self,
        id: OrderId,
        input: &ClientInput<'_>,
        list: &PlaceList,
        funds: &Funds,
        body: &mut Draft,
    ) {
        let command = input.command;
        let handle = self.open_with_group(&command.account).expect("room was checked");
        let account = self.named.index(handle, &self.accounts, body);
        let parked = log::OrderListParked { listed: Some(listed(list, account)) };
        body.event(&event::Kind::ListParked(parked));
        let waiting = Waiting::List(list.clone());
        let times = (input.now, command.stamp.valid_until);
        self.wait(id, (handle, funds.asset), waiting, funds.need, times, body);
        body.outcome = applied();
    }

    /// What refuses a list whatever its book and its money say, and leaves its key free. Asked when
    /// it comes and, where it waited, when it is decided.
    fn check_admits_list(
        &self,
        account: &AccountName,
        list: &PlaceList,
        is_late: bool,
    ) -> Result<(), RefusalReason> {
        self.check_room_for(account, list.legs.len(), is_late)?;
        self.check_controls(account, list.instrument, list.legs.iter().map(|leg| leg.side))?;
        self.check_open_counts_of_list(account, list)?;
        self.check_risk_of_list(account, list)?;
        // All its orders are in one instrument, and so under one schedule.
        self.check_fees(account, &list.order(0))
    }

    /// A list that waited for money is decided.
    pub(crate) fn wake_list(
        &mut self,
        id: OrderId,
        name: &AccountName,
        list: &PlaceList,
        body: &mut Draft,
    ) {
        let hold = self.check_admits_list(name, list, false).and_then(|()| {
            self.check_list(list)?;
            self.funds_of_list(name, list)?.hold()
        });
        match hold {
            Ok(hold) => self.execute_list(id, name, list, &hold, Origin::Parking, body),
            Err(reason) => {
                let woken = Origin::Parking.named(id);
                write_list_rejected(name, list, reason, woken, body);
            }
        }
    }

    fn reject_list(
        &mut self,
        account: &AccountName,
        list: &PlaceList,
        reason: RefusalReason,
        body: &mut Draft,
    ) {
        write_list_rejected(account, list, reason, 0, body);
        body.outcome = refused(reason);
    }
}

use trading::OrderListStatus::Executing;

fn write_list_rejected(
    account: &AccountName,
    list: &PlaceList,
    reason: RefusalReason,
    list_id: u64,
    body: &mut Draft,
) {
    let index = body.account(account.as_str());
    let (listed, reason) = (Some(listed(list, index)), reason.into());
    let rejected = log::OrderListRejected { listed, reason, list_id };
    body.event(&event::Kind::ListRejected(rejected));
}

fn listed(list: &PlaceList, account: u32) -> log::ListedOrders {
    log::ListedOrders {
        contingency: convert::contingency_to_wire(list.contingency).into(),
        orders: (0..list.legs.len()).map(|at| terms(&list.order(at), account)).collect(),
    }
}
