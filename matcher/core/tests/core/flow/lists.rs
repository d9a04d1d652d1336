//! Lists of orders in the random flows: how they are drawn, and what of them is compared.

use matcher_core::{Books, BooksImage, Link, NewOrder, Outcome, Pending, Size};
use model::{OrderId, Side, TimeInForce, Trigger, TriggerKind};

use super::{Command, Flow};
use crate::{
    naive::{Event, Naive},
    setup::{id, limit, lots, market, price},
};

impl Flow {
    /// The order of this number, or one of the list, or the list.
    pub(super) fn any_leg(&mut self, number: u64) -> u64 {
        let leg = if self.one_in(3) { 1 + self.below(3) as u8 } else { 0 };
        id(number).with_leg(leg).expect("at most three").number()
    }

    /// Two orders around the middle, most of them with the price between them.
    pub(super) fn pair(&mut self) -> [NewOrder; 2] {
        let (number, account) = (self.next_id, self.below(6) as u32);
        self.next_id += 1;
        let which = self.below(2) as usize;
        self.pair_of(number, account, 1, which)
    }

    /// The pair has the legs from `first` on.
    fn pair_of(&mut self, number: u64, account: u32, first: u8, which: usize) -> [NewOrder; 2] {
        let (side, count) = ([Side::Buy, Side::Sell][self.below(2) as usize], 1 + self.below(20));
        let middle = self.middle[which];
        let [up, down] =
            [middle + 6 - self.below(8), (middle + self.below(8)).saturating_sub(6).max(1)];
        let (gain, loss) = if side == Side::Sell { (up, down) } else { (down, up) };
        let waking = |kind, ticks| Some(Trigger { kind, price: price(ticks) });
        let rich = model::Amount::from_units(1_000_000_000);
        let at_market = || market(number, account, side, Size::Base(lots(count)), rich);
        let mut profit = limit(number, account, side, count, gain);
        match self.below(4) {
            0 => profit.instructions.trigger = waking(TriggerKind::TakeProfit, gain),
            1 => {
                profit = at_market();
                profit.instructions.trigger = waking(TriggerKind::TakeProfit, gain);
            }
            2 => {
                profit.time_in_force = TimeInForce::Gtd;
                profit.instructions.post_only = true;
                let until = model::Timestamp::from_unix_nanos(self.now + self.below(60));
                profit.instructions.expires_at = Some(until);
            }
            _ => profit.instructions.post_only = true,
        }
        let mut stop =
            if self.one_in(2) { at_market() } else { limit(number, account, side, count, loss) };
        stop.instructions.trigger = waking(TriggerKind::StopLoss, loss);
        let legs = if self.one_in(2) { [profit, stop] } else { [stop, profit] };
        let mut leg = first;
        legs.map(|mut order| {
            order.instrument = self.names[which];
            order.id = id(number).with_leg(leg).expect("at most three");
            order.instructions.self_trade = self.mode();
            order.fees = self.fees();
            leg += 1;
            order
        })
    }

    /// An order, and one or two that wait for it.
    pub(super) fn working(&mut self) -> (NewOrder, Pending) {
        let number = self.next_id;
        let mut working = self.order();
        while working.price.is_none() || working.instructions.waits_for().is_some() {
            working = self.order();
        }
        working.id = id(number).with_leg(1).expect("one");
        let account = working.account;
        let pending = if self.one_in(2) {
            let which = usize::from(working.instrument == self.names[1]);
            Pending::Pair(self.pair_of(number, account.0, 2, which))
        } else {
            let mut order = self.order();
            while order.instrument != working.instrument || matches!(order.size, Size::Quote(_)) {
                order = self.order();
            }
            let id = id(number).with_leg(2).expect("two");
            Pending::One(NewOrder { id, account, ..order })
        };
        (working, pending)
    }
}

/// Places what is due next, or drops it for the reason for which it is refused.
pub fn place_due(books: &mut Books, out: &mut Outcome) {
    let Some(pending) = books.next_due() else { return };
    match (books.check_pending(&pending), &pending) {
        (Err(refused), _) => books.drop_pending(&pending, refused.into(), out),
        (Ok(()), Pending::One(order)) => books.place(order, out),
        (Ok(()), Pending::Pair(pair)) => books.place_pair(pair, out),
    }
}

/// The name under which an end of this kind is counted.
pub fn dropped(why: &str) -> &'static str {
    match why {
        "order list" => "dropped: order list",
        "cancelled" => "dropped: cancelled",
        "closed" => "dropped: closed",
        "killed" => "dropped: killed",
        "list prices" => "dropped: list prices",
        "market" => "dropped: market",
        "delisted" => "dropped: delisted",
        _ => "dropped: refused",
    }
}

pub fn is_placed(events: &[Event]) -> bool {
    events.iter().any(|event| !matches!(event, Event::Drops { .. }))
}

/// The orders of a list that a command brings.
pub fn brought(command: &Command) -> Vec<NewOrder> {
    match command {
        Command::PlacePair(pair) => pair.to_vec(),
        Command::PlaceWorking(working, pending) => {
            [*working].into_iter().chain(pending.orders().iter().copied()).collect()
        }
        _ => Vec::new(),
    }
}

/// What is open and not placed yet.
pub fn pending(image: &BooksImage) -> impl Iterator<Item = &NewOrder> {
    let pending = image.lists.iter().filter_map(|list| match &list.link {
        Link::Pair(_) => None,
        Link::Waits(_, pending) | Link::Due(pending) => Some(pending.orders()),
    });
    pending.flatten()
}

/// Who hangs together: pairs, who waits for whom, and what is due.
pub type Linked = (Vec<[OrderId; 2]>, Vec<(OrderId, Vec<OrderId>)>, Vec<OrderId>);

pub fn linked(image: &BooksImage) -> Linked {
    let (mut pairs, mut waits) = (Vec::new(), Vec::new());
    for list in &image.lists {
        let ids = |pending: &Pending| pending.orders().iter().map(|order| order.id).collect();
        match &list.link {
            Link::Pair(pair) => pairs.push(*pair),
            Link::Waits(working, pending) => waits.push((*working, ids(pending))),
            Link::Due(_) => {}
        }
    }
    (pairs, waits, image.due.clone())
}

pub fn linked_naively(naive: &Naive) -> Linked {
    let mut pairs = naive.pairs.clone();
    let waits = naive.waits.iter();
    let waits = waits.map(|(working, asks)| (*working, asks.iter().map(|ask| ask.id).collect()));
    let mut waits: Vec<_> = waits.collect();
    pairs.sort_unstable_by_key(|pair| pair[0].record());
    waits.sort_unstable_by_key(|(working, _)| working.record());
    let due = naive.due.iter().map(|asks| asks[0].id.record());
    (pairs, waits, due.collect())
}
