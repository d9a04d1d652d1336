//! An order that comes instead of another: the old one is cancelled and the new one placed in one
//! input, and nothing comes between.
//!
//! Whatever can refuse the new order is looked at before anything is done, as if the old one were
//! gone: its hold counts as available, and a post-only order may cross it. The old one still counts
//! among the open orders; and of an order of a list nothing counts, for another may share its hold.
//! Then the old order is looked for; where it is not open the mode decides.
//! So there is no half of it that fails: what is refused has changed nothing.
//!
//! It never waits for money from other shards, since the old order would have to go first and the
//! answer may be no: where there is too little here it is refused as `FundsElsewhere`, and the key
//! is left free.

use model::{AccountName, OrderId, ReplaceMode};
use proto::{
    command::{PlaceOrder, ReplaceOrder},
    draft::Draft,
    log::RefusalReason,
};
use spine::ClientInput;

use crate::{exchange::Exchange, find::Open, place::Way, terms::Origin};

/// What an order comes instead of.
pub(crate) struct Replaced<'a> {
    /// The whole of what is asked.
    pub(crate) command: &'a ReplaceOrder,
    /// The order that goes, where it is open.
    old: Option<(OrderId, Open)>,
}

impl Replaced<'_> {
    pub(crate) fn origin(&self) -> Origin {
        Origin::Replacement(self.old.as_ref().map(|(id, _)| *id))
    }
}

impl Exchange {
    pub(crate) fn replace(
        &mut self,
        input: &ClientInput<'_>,
        command: &ReplaceOrder,
        is_late: bool,
        body: &mut Draft,
    ) {
        let account = &input.command.account;
        let is_same_book = |open: &Open| open.instrument() == command.place.instrument;
        let found = self.find_open(account, &command.replaced).ok();
        let old = found.filter(|(_, open)| is_same_book(open));
        let replaced = Replaced { command, old };
        self.place(input, &command.place, Some(&replaced), is_late, body);
    }

    /// How the new order goes on, as if the old one were gone.
    pub(crate) fn way_instead(
        &self,
        account: &AccountName,
        place: &PlaceOrder,
        replaced: &Replaced<'_>,
    ) -> Result<Way, RefusalReason> {
        match self.check_book(place) {
            Err(RefusalReason::WouldTake) if self.crosses_only(place, replaced) => {}
            checked => checked?,
        }
        if replaced.old.is_none() && replaced.command.mode == ReplaceMode::StopOnFailure {
            return Err(RefusalReason::ReplacedNotOpen);
        }
        let alone = replaced.old.as_ref().filter(|(id, _)| id.leg() == 0);
        let freed = alone.and_then(|(_, open)| self.held_by(open));
        let funds = self.funds_of(account, place)?.with(freed);
        if !funds.is_enough() && self.may_be_elsewhere(account) {
            return Err(RefusalReason::FundsElsewhere);
        }
        funds.hold().map(Way::Execute)
    }

    fn crosses_only(&self, place: &PlaceOrder, replaced: &Replaced<'_>) -> bool {
        let Some((old, _)) = replaced.old else { return false };
        let (PlaceOrder { instrument, side, .. }, price) = (place, place.ask.price());
        price.is_some_and(|price| self.books.is_alone_in_the_way(old, *instrument, *side, price))
    }

    /// The old order goes, where it is open. The new one comes next.
    pub(crate) fn end_replaced(&mut self, replaced: &Replaced<'_>, body: &mut Draft) {
        if let Some((id, open)) = &replaced.old {
            self.end_open(*id, open, body);
            self.matched.clear();
        }
    }
}
