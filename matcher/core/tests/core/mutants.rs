//! Cores that are built wrong on purpose. Each mistake is one that matchers are known for, and each
//! is found within 100,000 commands: else what compares them would prove little.
//!
//! A mutant is a wrapper around the sound core. It changes what goes in (another time in force),
//! what comes out (another price), or the state between two commands, through an image (another
//! place in the queue), just as the mistake inside would. Nothing of it is in the core itself: no
//! feature that somebody could leave on, no build of its own, and no place in the source that a
//! later change would move away from under it. That single operators and branches inside are
//! noticed too is shown apart, by `cargo mutants` (docs/proof.md).

use std::collections::BTreeMap;

use matcher_core::{
    BookEvent, BookImage, Books, BooksImage, EndReason, NewOrder, OpenOrder, Outcome, Size,
};
use model::{Filters, MarketState, OrderId, SelfTradePrevention, Side, TimeInForce};

use crate::{
    compare::{Engine, Seen},
    flow::{self, Command, Refusal},
    prove::Plan,
    setup::{books, id},
};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// A maker that was filled in part goes to the back of its queue.
    MakerToTheBack,
    /// The maker's mode of self-trade prevention decides.
    MakersMode,
    /// A trade is at the taker's limit.
    TakersPrice,
    /// What is left of an IOC order rests.
    IocRests,
    /// Whether a FOK order can be filled is told by the levels' totals alone.
    FokCountsOwnOrders,
    /// A level's total is one too high after a maker was filled in part.
    TotalOffByOne,
    /// Orders whose time is up end in order of entry.
    ExpiryByEntry,
    /// A post-only order that crosses takes.
    PostOnlyTakes,
    /// Of two orders that have woken the later goes on first.
    LastWokenFirst,
    /// Cancel-all ends the newest order first.
    CancelAllBackwards,
    /// An amended order goes to the back of its queue.
    AmendedToTheBack,
    /// An image forgets when orders end by themselves.
    ImageWithoutInstants,
    /// An image forgets what self-trade prevention has taken off.
    ImageWithoutPrevented,
    /// An iceberg that shows its next part is the first at its price again.
    RefillKeepsPlace,
    /// An image shows all that an iceberg may show at once.
    ImageShowsWholeParts,
    /// An image forgets from which price an order trails.
    ImageWithoutWatermarks,
    /// The instrument's filters are asked again of an order that has woken.
    WokenIsFiltered,
    /// An image forgets what an instrument takes.
    ImageWithoutFilters,
    /// An image forgets what markets are open for.
    ImageWithoutStates,
    /// Of those that waited in a market the last goes on first.
    LastHeldFirst,
    /// A market that is halted takes amends.
    HaltedIsAmended,
    /// A trade of an auction is at the limit of the order that came first.
    AuctionAtMakersPrice,
    /// The buyer in an auction is told as its taker, whoever came first.
    AuctionBuyersTake,
    /// The newest order of the best bids is the first in an auction.
    AuctionNewestFirst,
    /// Price bands are not asked.
    BandIsNotAsked,
    /// A market that has stopped opens however far away.
    ReopensAnywhere,
    /// An image forgets what price bands are around.
    ImageWithoutReferences,
}

const ALL: [Wrong; 27] = [
    Wrong::MakerToTheBack,
    Wrong::MakersMode,
    Wrong::TakersPrice,
    Wrong::IocRests,
    Wrong::FokCountsOwnOrders,
    Wrong::TotalOffByOne,
    Wrong::ExpiryByEntry,
    Wrong::PostOnlyTakes,
    Wrong::LastWokenFirst,
    Wrong::CancelAllBackwards,
    Wrong::AmendedToTheBack,
    Wrong::ImageWithoutInstants,
    Wrong::ImageWithoutPrevented,
    Wrong::RefillKeepsPlace,
    Wrong::ImageShowsWholeParts,
    Wrong::ImageWithoutWatermarks,
    Wrong::WokenIsFiltered,
    Wrong::ImageWithoutFilters,
    Wrong::ImageWithoutStates,
    Wrong::LastHeldFirst,
    Wrong::HaltedIsAmended,
    Wrong::AuctionAtMakersPrice,
    Wrong::AuctionBuyersTake,
    Wrong::AuctionNewestFirst,
    Wrong::BandIsNotAsked,
    Wrong::ReopensAnywhere,
    Wrong::ImageWithoutReferences,
];

struct Mutant {
    books: Books,
    wrong: Wrong,
    /// The mode of every order that was placed.
    modes: BTreeMap<OrderId, SelfTradePrevention>,
    commands: u64,
}

impl Engine for Mutant {
    fn books(&mut self) -> &mut Books {
        &mut self.books
    }

    fn run(&mut self, command: Command, out: &mut Outcome) -> Option<Refusal> {
        self.commands += 1;
        if self.commands.is_multiple_of(100) {
            self.restart();
        }
        match command {
            Command::Place(order) => self.place(order, out),
            Command::Filter(instrument, filters, _) if self.wrong == Wrong::BandIsNotAsked => {
                self.run_another(Command::Filter(instrument, filters, None), out)
            }
            _ => self.run_another(command, out),
        }
    }
}

impl Mutant {
    fn new(wrong: Wrong) -> Mutant {
        Mutant { books: books(), wrong, modes: BTreeMap::new(), commands: 0 }
    }

    fn place(&mut self, order: NewOrder, out: &mut Outcome) -> Option<Refusal> {
        let mode = order.instructions.self_trade;
        self.modes.insert(order.id, mode);
        let mut placed = order;
        match self.wrong {
            Wrong::MakersMode => {
                let meets = self.first_own_maker(&order).and_then(|maker| self.modes.get(&maker));
                placed.instructions.self_trade = *meets.unwrap_or(&mode);
            }
            Wrong::IocRests if order.time_in_force == TimeInForce::Ioc => {
                placed.time_in_force = TimeInForce::Gtc;
            }
            Wrong::PostOnlyTakes => placed.instructions.post_only = false,
            Wrong::FokCountsOwnOrders if self.seems_feasible(&order) => {
                placed.time_in_force = TimeInForce::Ioc;
            }
            _ => {}
        }
        let refused = flow::run(&mut self.books, Command::Place(placed), out);
        match self.wrong {
            Wrong::MakerToTheBack => self.send_maker_to_the_back(out),
            Wrong::RefillKeepsPlace => self.send_refilled_to_the_front(out),
            _ => out.events.iter_mut().for_each(|event| self.retell(event, &order)),
        }
        let is_partial = out.fills().any(|fill| !fill.maker_done);
        if let Some(level) = out.levels.last_mut()
            && self.wrong == Wrong::TotalOffByOne
            && is_partial
        {
            level.total_lots += 1;
        }
        refused
    }

    /// What happened, as the mistake tells it.
    fn retell(&self, event: &mut BookEvent, order: &NewOrder) {
        match (self.wrong, event) {
            (Wrong::TakersPrice, BookEvent::Fill(fill)) => {
                fill.price = fill.taker_limit.unwrap_or(fill.price);
            }
            (Wrong::MakersMode, BookEvent::Prevented(met)) => {
                met.mode = order.instructions.self_trade;
            }
            (Wrong::FokCountsOwnOrders, BookEvent::Ended(end))
                if end.order == order.id && end.reason == EndReason::ImmediateOrCancel =>
            {
                end.reason = EndReason::FillOrKill;
            }
            _ => {}
        }
    }

    fn run_another(&mut self, command: Command, out: &mut Outcome) -> Option<Refusal> {
        if self.wrong == Wrong::LastWokenFirst && matches!(command, Command::GoOn) {
            self.change(|image| image.woken.reverse());
        }
        if self.wrong == Wrong::WokenIsFiltered
            && matches!(command, Command::GoOn)
            && let Some(filtered) = self.filtered_woken()
        {
            out.clear();
            self.books.cancel(filtered, out);
            return None;
        }
        match (self.wrong, command) {
            (Wrong::ReopensAnywhere, Command::Reopen) => self.change(|image| {
                let stopped = image.books.iter_mut().filter_map(|book| book.interruption.as_mut());
                stopped.for_each(|stands| stands.extensions = 60);
            }),
            (Wrong::AuctionNewestFirst, Command::Uncross(_)) => self.turn_best_bids(),
            _ => {}
        }
        let woken = self.books.image().woken;
        let mut refused = flow::run(&mut self.books, command, out);
        match (self.wrong, command) {
            (Wrong::LastHeldFirst, Command::SetState(..)) => self.change(|image| {
                let freed = image.woken.iter().take_while(|id| !woken.contains(id)).count();
                image.woken[..freed].reverse();
            }),
            (Wrong::HaltedIsAmended, Command::Amend(number, quantity))
                if refused == Some("market") =>
            {
                self.change(|image| {
                    let shut = [MarketState::Halted, MarketState::CancelOnly];
                    let shut = image.books.iter_mut().filter(|book| shut.contains(&book.state));
                    shut.for_each(|book| book.state = MarketState::PreOpen);
                });
                refused = flow::run(&mut self.books, Command::Amend(number, quantity), out);
            }
            (Wrong::AuctionAtMakersPrice | Wrong::AuctionBuyersTake, Command::Uncross(_)) => {
                out.events.iter_mut().for_each(|event| self.retell_auction(event));
            }
            (Wrong::ExpiryByEntry, Command::PassTime(..)) => out.events.sort_by_key(ended),
            (Wrong::AmendedToTheBack, Command::Amend(number, _)) if refused.is_none() => {
                self.send_to_the_back(id(number));
            }
            (Wrong::CancelAllBackwards, Command::CancelAll(..)) => out.events.reverse(),
            _ => {}
        }
        refused
    }

    fn retell_auction(&self, event: &mut BookEvent) {
        let BookEvent::Fill(fill) = event else { return };
        if self.wrong == Wrong::AuctionAtMakersPrice {
            fill.price = fill.maker_limit;
        } else if fill.maker_side == Side::Buy {
            std::mem::swap(&mut fill.maker, &mut fill.taker);
            fill.maker_side = Side::Sell;
        }
    }

    /// Of the best bids of a market in an auction the last is the first.
    fn turn_best_bids(&mut self) {
        self.change(|image| {
            let in_auction = |book: &&BookImage| book.state == MarketState::Auction;
            let Some(book) = image.books.iter().find(in_auction) else { return };
            let instrument = book.instrument.id;
            let is_bid =
                |order: &&OpenOrder| order.instrument == instrument && order.side == Side::Buy;
            let Some(best) = image.orders.iter().filter(is_bid).map(|order| order.price).max()
            else {
                return;
            };
            let is_best = |order: &OpenOrder| is_bid(&order) && order.price == best;
            let mut places: Vec<u64> =
                image.orders.iter().filter(|order| is_best(order)).map(|o| o.priority).collect();
            for order in image.orders.iter_mut().filter(|order| is_best(order)) {
                order.priority = places.pop().expect("as many places as orders");
            }
            image.orders.sort_by_key(|order| order.priority);
        });
    }

    /// The next order that has woken, where a filter would not take it if it came now.
    fn filtered_woken(&self) -> Option<OrderId> {
        let woken = *self.books.image().woken.first()?;
        let order = self.books.sleeper(woken)?.order;
        let NewOrder { instrument, side, price, size, ref instructions, .. } = order;
        let checked = self.books.check_filters(instrument, side, price, size, instructions);
        checked.is_err().then_some(woken)
    }

    /// Changes the state through its image.
    fn change(&mut self, change: impl FnOnce(&mut BooksImage)) {
        let mut image = self.books.image();
        change(&mut image);
        self.books = Books::restore(image).expect("a state that could be");
    }

    fn restart(&mut self) {
        match self.wrong {
            Wrong::ImageWithoutInstants => self.change(|image| {
                image.orders.iter_mut().for_each(|order| order.expires_at = None);
            }),
            Wrong::ImageWithoutPrevented => self.change(|image| {
                for order in &mut image.orders {
                    order.prevented = order.prevented.minus(order.prevented);
                }
            }),
            Wrong::ImageShowsWholeParts => self.change(|image| {
                for order in &mut image.orders {
                    let remaining = order.remaining;
                    if let Some(iceberg) = &mut order.iceberg {
                        iceberg.shown = iceberg.display.min(remaining);
                    }
                }
            }),
            Wrong::ImageWithoutStates => self.change(|image| {
                // Books that may be crossed keep theirs: else the image would be refused.
                let shut = [MarketState::Halted, MarketState::CancelOnly, MarketState::LimitOnly];
                let shut = image.books.iter_mut().filter(|book| shut.contains(&book.state));
                shut.for_each(|book| book.state = MarketState::Trading);
            }),
            Wrong::ImageWithoutWatermarks => self.change(|image| {
                // Of those with a trigger the image would tell that they should trail.
                let has_trigger = |order: OrderId| {
                    let mut all = image.sleepers.iter().map(|sleeper| &sleeper.order);
                    all.any(|one| one.id == order && one.instructions.trigger.is_some())
                };
                image.watermarks.retain(|watermark| has_trigger(watermark.order));
            }),
            Wrong::ImageWithoutReferences => self.change(|image| {
                image.books.iter_mut().for_each(|book| book.reference = None);
            }),
            Wrong::ImageWithoutFilters => self.change(|image| {
                image.books.iter_mut().for_each(|book| book.instrument.filters = Filters::NONE);
            }),
            _ => {}
        }
    }

    fn send_refilled_to_the_front(&mut self, out: &Outcome) {
        let refilled = out.events.iter().find_map(|event| match event {
            BookEvent::Refilled(refill) => Some(refill.order),
            _ => None,
        });
        let Some(refilled) = refilled.filter(|order| self.books.is_open(*order)) else { return };
        self.change(|image| {
            let at = image.orders.iter().position(|order| order.id == refilled);
            let own = image.orders[at.expect("it is open")];
            let is_beside = |order: &OpenOrder| {
                (order.instrument, order.side, order.price) == (own.instrument, own.side, own.price)
            };
            // Whoever lies there keeps the places and moves back by one.
            let places: Vec<u64> =
                image.orders.iter().filter(|order| is_beside(order)).map(|o| o.priority).collect();
            let mut next = places.iter().skip(1);
            for order in image.orders.iter_mut().filter(|order| is_beside(order)) {
                let place = if order.id == refilled { places.first() } else { next.next() };
                order.priority = *place.expect("as many places as orders");
            }
            image.orders.sort_by_key(|order| order.priority);
        });
    }

    fn send_maker_to_the_back(&mut self, out: &Outcome) {
        let partial = out.fills().find(|fill| !fill.maker_done);
        partial.map(|fill| fill.maker).into_iter().for_each(|maker| self.send_to_the_back(maker));
    }

    fn send_to_the_back(&mut self, id: OrderId) {
        self.change(|image| {
            let Some(at) = image.orders.iter().position(|order| order.id == id) else {
                return;
            };
            let mut maker = image.orders.remove(at);
            maker.priority = image.next_priority;
            image.next_priority += 1;
            image.orders.push(maker);
        });
    }

    /// The order of its own account that an order would meet first, if it meets one.
    fn first_own_maker(&self, order: &NewOrder) -> Option<OrderId> {
        let is_met = |maker: &OpenOrder| {
            maker.instrument == order.instrument
                && maker.side != order.side
                && order.price.is_none_or(|limit| order.side.accepts(limit, maker.price))
        };
        let own = self.books.orders_of(order.account).filter(is_met);
        let first = own.min_by_key(|maker| {
            let ticks = i128::from(maker.price.ticks());
            if maker.side == Side::Sell { ticks } else { -ticks }
        });
        first.map(|maker| maker.id)
    }

    /// Whether the totals of the levels up to its limit are enough for a FOK order.
    fn seems_feasible(&self, order: &NewOrder) -> bool {
        let (Size::Base(asked), Some(limit)) = (order.size, order.price) else { return false };
        let depth = self.books.depth(order.instrument, usize::MAX);
        let levels = if order.side == Side::Buy { depth.asks } else { depth.bids };
        let within = levels.iter().filter(|(price, _)| order.side.accepts(limit, *price));
        let total: u64 = within.map(|(_, total)| total).sum();
        order.time_in_force == TimeInForce::Fok && total >= asked.lots()
    }
}

fn ended(event: &BookEvent) -> Option<OrderId> {
    match event {
        BookEvent::Ended(end) => Some(end.order),
        _ => None,
    }
}

#[test]
fn every_mutant_is_found_within_a_hundred_thousand_commands() {
    let plan = Plan { seed: 0, orders: 200 };
    for wrong in ALL {
        let found = plan.run(0, 100_000, Mutant::new(wrong), &mut Seen::new());
        let found = found.expect_err(&format!("{wrong:?} was not found"));
        let why: String = found.why.chars().take(90).collect();
        println!("{wrong:?}: command {}: {why}", found.number);
    }
}
