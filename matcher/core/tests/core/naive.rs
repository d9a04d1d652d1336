//! The rules again, as simply as possible: one unsorted list of orders, searched from end to end
//! for every trade. It imports only `model` and shares no line with the core.

#[path = "naive/auctions.rs"]
mod auctions;
#[path = "naive/bands.rs"]
mod bands;
#[path = "naive/filters.rs"]
mod filters;
#[path = "naive/lists.rs"]
mod lists;
#[path = "naive/states.rs"]
mod states;

use std::collections::BTreeMap;

use model::{
    AccountHandle, Amount, FeeAsset, Fees, Instrument, InstrumentId, MarketState, OrderId, Price,
    Quantity, Role, SelfTradePrevention as Mode, Side, TimeInForce, Timestamp, TradeId, Trailing,
    Trigger, TriggerKind,
};

#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub id: OrderId,
    pub account: AccountHandle,
    pub instrument: InstrumentId,
    pub side: Side,
    /// `None`: a market order.
    pub limit: Option<Price>,
    pub lasts: TimeInForce,
    pub until: Option<Timestamp>,
    pub post_only: bool,
    pub mode: Mode,
    pub size: Size,
    pub funds: Amount,
    pub fees: Fees,
    pub trigger: Option<Trigger>,
    /// It trails, and once it does, from this best price.
    pub trailing: Option<Trailing>,
    pub watermark: Option<Price>,
    /// An iceberg: so many lots are shown at a time.
    pub display: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub enum Size {
    Base(Quantity),
    Quote(Amount),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    pub order: OrderId,
    pub account: AccountHandle,
    pub left: u64,
    /// Its schedule; of no meaning where it comes to rest, which tells none.
    pub fees: Fees,
}

/// What of an order was just prevented, what ever was, and what traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    pub off: u64,
    pub prevented: u64,
    pub traded: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Trade {
        number: TradeId,
        price: Price,
        quantity: u64,
        taker_side: Side,
        maker: Party,
        taker: Party,
        in_auction: bool,
    },
    Prevented {
        number: u64,
        price: Price,
        mode: Mode,
        maker: (Party, Shares),
        taker: (Party, Shares),
    },
    Rests {
        price: Price,
        party: Party,
        shown: u64,
    },
    Refills {
        party: (OrderId, AccountHandle),
        shown: u64,
    },
    Ends {
        party: Party,
        why: &'static str,
    },
    Sleeps(OrderId),
    /// One that waited for another ends.
    Drops {
        party: Party,
        why: &'static str,
    },
    Amends {
        party: Party,
        quantity: u64,
        prevented: u64,
    },
    /// A book has stopped: what its band is around, and when it opens.
    Interrupts {
        instrument: InstrumentId,
        reference: Price,
        opens_at: Timestamp,
    },
}

/// Instrument, sequence, side, price, total.
pub type LevelLine = (InstrumentId, u64, Side, Price, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    pub party: Party,
    pub instrument: InstrumentId,
    pub side: Side,
    pub price: Price,
    pub until: Option<Timestamp>,
    pub shares: Shares,
    /// How much may be shown at a time, and what of it is shown.
    pub display: u64,
    pub shown: u64,
}

#[derive(Clone, Debug)]
struct Market {
    instrument: Instrument,
    sequence: u64,
    trades: u64,
    prevented: u64,
    last: Option<Price>,
    state: MarketState,
    /// Who has woken in it and waits.
    held: Vec<OrderId>,
    /// The price of its auction, if it has one yet, and what it is open for then.
    auction: Option<(Option<u64>, MarketState)>,
    /// What its band is around, and since when.
    reference: Option<(Price, Timestamp)>,
    /// When it opens again, what for, and how far away at most, in widths of the band.
    stopped: Option<(Timestamp, MarketState, u128)>,
}

#[derive(Clone, Debug, Default)]
pub struct Naive {
    markets: BTreeMap<InstrumentId, Market>,
    /// In order of entry.
    pub open: Vec<Open>,
    now: Timestamp,
    /// What sleeps or has woken, in order of entry; and those that have woken, in theirs.
    pub asleep: Vec<Ask>,
    pub woken: Vec<OrderId>,
    /// Accounts that are one to self-trade prevention have one number here.
    groups: BTreeMap<AccountHandle, u64>,
    pub pairs: Vec<lists::Pair>,
    pub waits: Vec<lists::Waiting>,
    /// What waited and was filled, in that order.
    pub due: Vec<Vec<Ask>>,
    /// What is to end of an account or of all, in all books or one, by id; killed after closed.
    closing: BTreeMap<Closing, Vec<OrderId>>,
}

/// For what, of whom and in which book.
type Closing = (&'static str, Option<AccountHandle>, Option<InstrumentId>);

type Totals = BTreeMap<(InstrumentId, Side, i128), (Price, u64)>;

impl Naive {
    pub fn list(&mut self, instrument: Instrument) {
        let id = instrument.id;
        let new = Market {
            instrument: instrument.clone(),
            sequence: 0,
            trades: 0,
            prevented: 0,
            last: None,
            state: MarketState::Trading,
            held: Vec::new(),
            auction: None,
            reference: None,
            stopped: None,
        };
        let market = self.markets.entry(id).or_insert(new);
        if market.instrument.band != instrument.band {
            market.reference = None;
        }
        market.instrument = instrument;
    }

    pub fn join(&mut self, account: AccountHandle, group: Option<u64>) {
        self.groups.remove(&account);
        self.groups.extend(group.map(|group| (account, group)));
    }

    pub fn cancel_all(
        &mut self,
        account: AccountHandle,
        only: Option<InstrumentId>,
        side: Option<Side>,
        range: Option<(u64, u64)>,
    ) -> (Vec<Event>, Vec<LevelLine>) {
        let fits = |limit: Option<Price>| match (range, limit) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some((from, to)), Some(limit)) => (from..=to).contains(&limit.ticks()),
        };
        let is_asked = |of: AccountHandle, in_book: InstrumentId, on: Side| {
            of == account && [None, Some(in_book)].contains(&only) && side.unwrap_or(on) == on
        };
        let before = self.totals();
        let open = self.open.iter().filter(|open| {
            is_asked(open.party.account, open.instrument, open.side) && fits(Some(open.price))
        });
        let mut ids: Vec<OrderId> = open.map(|open| open.party.order).collect();
        let asks = self.asleep.iter().chain(self.due.iter().flatten());
        let asks =
            asks.filter(|ask| is_asked(ask.account, ask.instrument, ask.side) && fits(ask.limit));
        ids.extend(asks.map(|ask| ask.id));
        let mut events = Vec::new();
        // One that has gone with another by then is not found any more.
        for id in ids {
            self.cancel_one(id, &mut events);
        }
        (events, self.changes(&before))
    }

    /// Lowers what an order asks for in all, where it stands.
    pub fn amend(
        &mut self,
        id: OrderId,
        quantity: u64,
    ) -> Result<(Vec<Event>, Vec<LevelLine>), &'static str> {
        let before = self.totals();
        let resting = self.open.iter().find(|open| open.party.order == id);
        let asleep = self.asleep.iter().find(|ask| ask.id == id);
        let asked = match (&resting, &asleep) {
            (Some(open), _) => open.party.left + open.shares.prevented + open.shares.traded,
            (None, Some(ask)) => taker(ask, 0).left,
            (None, None) => return Err("unknown order"),
        };
        let is_taken = match (&resting, &asleep) {
            (Some(open), _) => states::amends_resting(self.markets[&open.instrument].state),
            (None, Some(ask)) => states::takes(self.markets[&ask.instrument].state, ask),
            (None, None) => return Err("unknown order"),
        };
        if !is_taken {
            return Err("market");
        }
        let gone = resting.map_or(0, |o| o.shares.prevented + o.shares.traded);
        match quantity {
            more if more > asked => return Err("increases"),
            same if same == asked => return Err("changes nothing"),
            less if less <= gone => return Err("leaves nothing"),
            _ => {}
        }
        if let Some(why) = self.refuses_amend(id, quantity) {
            return Err(why);
        }
        let resting = self.open.iter_mut().find(|open| open.party.order == id);
        let asleep = self.asleep.iter_mut().find(|ask| ask.id == id);
        let event = match (resting, asleep) {
            (Some(open), _) => {
                open.party.left = quantity - gone;
                open.shown = open.shown.min(open.party.left);
                let party = Party { fees: Fees::NONE, ..open.party };
                Event::Amends { party, quantity, prevented: open.shares.prevented }
            }
            (None, Some(ask)) => {
                let funds = ask.funds.units() * i128::from(quantity);
                let asked = i128::from(asked);
                ask.funds = Amount::from_units((funds + asked - 1).div_euclid(asked));
                ask.size = Size::Base(Quantity::from_lots(quantity).expect("in range"));
                let party = Party { fees: Fees::NONE, ..taker(ask, 0) };
                Event::Amends { party, quantity, prevented: 0 }
            }
            (None, None) => return Err("unknown order"),
        };
        Ok((vec![event], self.changes(&before)))
    }

    /// The next that has woken goes on; nothing where none has.
    pub fn go_on(&mut self) -> (Vec<Event>, Vec<LevelLine>) {
        if self.woken.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let id = self.woken.remove(0);
        let at = self.asleep.iter().position(|ask| ask.id == id).expect("it sleeps");
        let ask = self.asleep.remove(at);
        let before = self.totals();
        if let Some(why) = self.is_closed(id) {
            let mut events = vec![Event::Ends { party: taker(&ask, 0), why }];
            self.follow(id, why, &mut events);
            return (events, self.changes(&before));
        }
        let mut events = self.decide(id);
        let mut lines = self.changes(&before);
        let (more, more_lines) = self.place(&Ask { trigger: None, trailing: None, ..ask });
        events.extend(more);
        lines.extend(more_lines);
        (events, lines)
    }

    /// Lets each trade pass each order that sleeps; then wakes whom they reached: of those that
    /// waited for a fall the highest first, then of those that waited for a rise the lowest, and
    /// the oldest of equals.
    fn wake(&mut self, instrument: InstrumentId, events: &[Event]) {
        let mut reached: Vec<(bool, i128, OrderId)> = Vec::new();
        for event in events {
            let Event::Trade { price, .. } = *event else { continue };
            for ask in self.asleep.iter_mut().filter(|ask| ask.instrument == instrument) {
                let held = &self.markets[&instrument].held;
                let is_awake = self.woken.contains(&ask.id) || held.contains(&ask.id);
                if is_awake || reached.iter().any(|(.., id)| *id == ask.id) {
                    continue;
                }
                if let Some((rising, at)) = ask.pass(price) {
                    let ticks = i128::from(at);
                    reached.push((rising, if rising { ticks } else { -ticks }, ask.id));
                }
            }
        }
        let entry = |id: OrderId| self.asleep.iter().position(|ask| ask.id == id);
        reached.sort_by_key(|(rising, rank, id)| (*rising, *rank, entry(*id)));
        for (.., id) in reached {
            self.let_wake(instrument, id);
        }
    }

    /// Ends what is over at `now`, but only the first so many.
    pub fn pass_time(&mut self, now: Timestamp, most: usize) -> (Vec<Event>, Vec<LevelLine>) {
        self.now = self.now.max(now);
        let before = self.totals();
        let is_over = |open: &&Open| open.until.is_some_and(|until| until <= self.now);
        let mut over: Vec<Open> = self.open.iter().filter(is_over).copied().collect();
        over.sort_by_key(|open| open.until);
        let mut events = Vec::new();
        for one in over {
            if events.len() < most {
                let party = one.party;
                self.open.retain(|open| *open != one);
                events.push(Event::Ends { party, why: "expired" });
                self.follow(party.order, "expired", &mut events);
            }
        }
        while events.len() < most {
            let Some((which, ids)) = self.closing.pop_first() else { break };
            let resting = self.open.iter().map(|open| (open.party.account, open.party.order));
            let gone = resting.chain(self.asleep.iter().map(|ask| (ask.account, ask.id)));
            let mut gone: Vec<_> = gone.filter(|(_, id)| ids.contains(id)).collect();
            gone.sort_by_key(|(account, _)| *account);
            for (_, id) in gone {
                if events.len() < most && self.end_one(id, which.0, &mut events) {
                    self.follow(id, which.0, &mut events);
                }
            }
            if events.len() >= most {
                self.closing.insert(which, ids);
            }
        }
        self.end_delisted(most, &mut events);
        (events, self.changes(&before))
    }

    /// All that is open of an account, or of all, is to end, and what is due does at once.
    pub fn close(
        &mut self,
        why: &'static str,
        account: Option<AccountHandle>,
        only: Option<InstrumentId>,
    ) -> Vec<Event> {
        let fits = |of: AccountHandle, book: InstrumentId| {
            account.is_none_or(|account| of == account) && only.is_none_or(|only| only == book)
        };
        let open = self.open.iter().filter(|open| fits(open.party.account, open.instrument));
        let asleep = self.asleep.iter().filter(|ask| fits(ask.account, ask.instrument));
        let ids = open.map(|open| open.party.order).chain(asleep.map(|ask| ask.id)).collect();
        self.closing.insert((why, account, only), ids);
        let due = self.due.iter().flatten().filter(|ask| fits(ask.account, ask.instrument));
        let drops = due.map(|ask| Event::Drops { party: taker(ask, 0), why }).collect();
        self.due.retain(|asks| !fits(asks[0].account, asks[0].instrument));
        drops
    }

    fn is_closed(&self, id: OrderId) -> Option<&'static str> {
        let closes = self.closing.iter().find(|(_, ids)| ids.contains(&id));
        closes.map(|((why, ..), _)| *why)
    }

    pub fn refuses(&self, ask: &Ask) -> Option<&'static str> {
        if !states::takes(self.markets[&ask.instrument].state, ask) {
            return Some("market");
        }
        if let (Some(display), Size::Base(asked)) = (ask.display, ask.size)
            && asked.lots() > 100 * display
        {
            return Some("too many parts");
        }
        if ask.until.is_some_and(|until| until <= self.now) {
            return Some("already expired");
        }
        if let (Some(at), Some(last)) = (ask.trigger, self.markets[&ask.instrument].last) {
            let rises = waits_for_rise(ask.side, at);
            if (rises && last >= at.price) || (!rises && last <= at.price) {
                return Some("would trigger");
            }
        }
        let crosses = |open: &Open| {
            let limit = ask.limit.expect("post-only orders have one");
            open.instrument == ask.instrument
                && open.side != ask.side
                && rank(ask.side, open.price) >= rank(ask.side, limit)
        };
        (ask.post_only && self.open.iter().any(crosses)).then_some("would take")
    }

    pub fn place(&mut self, ask: &Ask) -> (Vec<Event>, Vec<LevelLine>) {
        if ask.trigger.is_some() || ask.trailing.is_some() {
            self.asleep.push(*ask);
            return (vec![Event::Sleeps(ask.id)], Vec::new());
        }
        let before = self.totals();
        if states::collects(self.markets[&ask.instrument].state) {
            let event = self.rest(ask);
            return (vec![event], self.changes(&before));
        }
        self.refer(ask.instrument);
        // All or nothing: it is tried on a copy, which counts only where everything traded.
        if ask.lasts == TimeInForce::Fok {
            let mut copy = self.clone();
            let traded = copy.trade(ask).into_iter().map(|event| match event {
                Event::Trade { quantity, .. } => quantity,
                _ => 0,
            });
            let party = taker(ask, 0);
            if traded.sum::<u64>() != party.left {
                let mut events = vec![Event::Ends { party, why: "fok" }];
                self.follow(ask.id, "fok", &mut events);
                return (events, Vec::new());
            }
        }
        let events = self.trade(ask);
        self.wake(ask.instrument, &events);
        (events, self.changes(&before))
    }

    fn trade(&mut self, ask: &Ask) -> Vec<Event> {
        let mut events = Vec::new();
        let Market { instrument, last: reference, .. } = self.markets[&ask.instrument].clone();
        let worth = |price: Price| instrument.notional(price, one()).units();
        let cost = |price: Price, lots: i128| {
            let paid = worth(price) * lots;
            paid + (paid * on_top(ask) + 999_999) / 1_000_000
        };
        // The most lots at a price that cost no more than what is left: by halving.
        let most_for = |left: i128, price: Price| {
            let (mut fits, mut too_many) = (0, left.max(0) / worth(price) + 1);
            while too_many - fits > 1 {
                let middle = i128::midpoint(fits, too_many);
                if cost(price, middle) <= left {
                    fits = middle;
                } else {
                    too_many = middle;
                }
            }
            fits
        };
        // What prevention takes off the taker counts as taken.
        let (mut taken, mut money, mut fills) = (0_u64, 0_i128, 0);
        let (mut has_traded, mut is_prevented) = (false, false);
        let mut shares = Shares::default();
        let (mut first_price, mut last_traded, mut stops) = (None, None, false);
        let why = loop {
            let complete = if is_prevented { "prevented" } else { "filled" };
            if let Size::Base(asked) = ask.size
                && asked.lots() == taken
            {
                break complete;
            }
            // The amount is reached when no further lot fits it at the price of the last trade.
            if let (Size::Quote(amount), Some(last)) = (ask.size, last_traded)
                && amount.units() - money < cost(last, 1)
                && (ask.side == Side::Sell || ask.funds >= amount)
            {
                break complete;
            }
            let candidates = self.open.iter().enumerate();
            let opposite =
                candidates.filter(|(_, o)| o.instrument == ask.instrument && o.side != ask.side);
            // The first of equals: `min_by_key` keeps the oldest.
            let best = opposite.min_by_key(|(_, o)| rank(o.side, o.price)).map(|(at, _)| at);
            let Some(at) = best else { break rest_or(ask, "no liquidity") };
            let maker = self.open[at];
            let price = maker.price;
            let anchor = reference.unwrap_or_else(|| *first_price.get_or_insert(price));
            let is_too_far = match ask.limit {
                Some(limit) if ask.side == Side::Buy => price > limit,
                Some(limit) => price < limit,
                None => is_protected(ask.side, anchor, instrument.price_protection_bps, price),
            };
            if is_too_far {
                break rest_or(ask, "protection");
            }
            let by_own_amount = |amount: Amount| most_for(amount.units() - money, price);
            let by_funds = most_for(ask.funds.units() - money, price);
            let reached = match (is_prevented, has_traded) {
                (true, _) => "prevented",
                (false, true) => "filled",
                (false, false) => "no funds",
            };
            let (most, why) = match (ask.limit, ask.size, ask.side) {
                (Some(_), Size::Base(asked), _) | (None, Size::Base(asked), Side::Sell) => {
                    (i128::from(asked.lots() - taken), "")
                }
                (None, Size::Base(asked), Side::Buy) => {
                    (by_funds.min(i128::from(asked.lots() - taken)), "no funds")
                }
                (_, Size::Quote(amount), Side::Buy) => {
                    let is_short = ask.funds < amount;
                    let why = if is_short { "no funds" } else { reached };
                    (by_own_amount(amount).min(by_funds), why)
                }
                (_, Size::Quote(amount), Side::Sell) => {
                    let lot = instrument.base_amount(one()).units();
                    let deliverable = ask.funds.units() / lot - i128::from(taken);
                    let why = if by_own_amount(amount) == 0 { reached } else { "no funds" };
                    (by_own_amount(amount).min(deliverable), why)
                }
            };
            if most == 0 {
                break why;
            }
            if fills >= 5_000 {
                break "sweep limit";
            }
            let quantity = u64::try_from(most).unwrap_or(u64::MAX).min(maker.shown);
            fills += if self.is_paired(maker.party.order) { 2 } else { 1 };
            let is_expired = maker.until.is_some_and(|until| until <= self.now);
            let closed = self.is_closed(maker.party.order);
            if let Some(why) = is_expired.then_some("expired").or(closed) {
                let party = self.open.remove(at).party;
                events.push(Event::Ends { party, why });
                self.follow(party.order, why, &mut events);
                continue;
            }
            let [one, other] = [maker.party.account, ask.account].map(|of| self.groups.get(&of));
            let is_one = maker.party.account == ask.account || (one.is_some() && one == other);
            let is_own = is_one && ask.mode != Mode::None;
            if !is_own && self.is_outside(ask, price) {
                stops = true;
                break bands::rest_or_end(ask);
            }
            let all_left = match ask.size {
                Size::Base(asked) => asked.lots() - taken,
                // Nothing that anybody is told.
                Size::Quote(_) => 0,
            };
            let (off_maker, off_taker) = match ask.mode {
                _ if !is_own => (quantity, quantity),
                Mode::None | Mode::Decrement => (quantity, quantity),
                Mode::ExpireTaker => (0, all_left),
                Mode::ExpireMaker => (maker.party.left, 0),
                Mode::ExpireBoth => (maker.party.left, all_left),
            };
            taken += off_taker;
            if off_maker > 0 {
                events.extend(self.decide(maker.party.order));
            }
            let maker = &mut self.open[at];
            maker.party.left -= off_maker;
            maker.shown -= off_maker.min(maker.shown);
            for (shares, off) in [(&mut maker.shares, off_maker), (&mut shares, off_taker)] {
                shares.off = if is_own { off } else { 0 };
                shares.prevented += if is_own { off } else { 0 };
                shares.traded += if is_own { 0 } else { off };
            }
            let maker_shares = maker.shares;
            maker.shares.off = 0;
            let refilled = maker.display.min(maker.party.left);
            let is_used_up = maker.shown == 0;
            let (maker, maker_why) = (maker.party, if is_own { "prevented" } else { "filled" });
            if maker.left == 0 {
                self.open.remove(at);
            } else if is_used_up {
                // Behind everything else at its price.
                let maker = self.open.remove(at);
                self.open.push(Open { shown: refilled, ..maker });
            }
            let market = self.markets.get_mut(&ask.instrument).expect("listed");
            if is_own {
                market.prevented += 1;
                let is_told = matches!(ask.size, Size::Base(_));
                let told = if is_told { shares } else { Shares::default() };
                events.push(Event::Prevented {
                    number: market.prevented,
                    price,
                    mode: ask.mode,
                    maker: (maker, maker_shares),
                    taker: (taker(ask, taken), told),
                });
            } else {
                market.trades += 1;
                market.last = Some(price);
                let (number, taker_side) = (TradeId(market.trades), ask.side);
                let taker = taker(ask, taken);
                let in_auction = false;
                events.push(Event::Trade {
                    number,
                    price,
                    quantity,
                    taker_side,
                    maker,
                    taker,
                    in_auction,
                });
                (has_traded, is_prevented) = (true, false);
            }
            if maker.left == 0 {
                events.push(Event::Ends { party: maker, why: maker_why });
                self.follow(maker.order, maker_why, &mut events);
            } else if is_used_up {
                let party = (maker.order, maker.account);
                events.push(Event::Refills { party, shown: refilled });
            }
            if !is_own || ask.mode == Mode::Decrement {
                money += cost(price, i128::from(quantity));
                last_traded = Some(price);
            }
            match ask.mode {
                Mode::ExpireTaker | Mode::ExpireBoth if is_own => break "prevented",
                Mode::Decrement if is_own => is_prevented = true,
                _ => {}
            }
        };
        let party = taker(ask, taken);
        match (why, ask.limit) {
            ("rests", Some(price)) => {
                let told = Party { fees: Fees::NONE, ..party };
                let Ask { instrument, side, until, .. } = *ask;
                shares.off = 0;
                let display = ask.display.unwrap_or(u64::MAX);
                let shown = party.left.min(display);
                events.push(Event::Rests { price, party: told, shown });
                let open = Open { party, instrument, side, price, until, shares, display, shown };
                self.open.push(open);
            }
            (why, _) => {
                events.push(Event::Ends { party, why });
                self.follow(ask.id, why, &mut events);
            }
        }
        if stops {
            events.push(self.stop(ask.instrument));
        }
        events
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::new();
        for open in &self.open {
            let key = (open.instrument, open.side, rank(open.side, open.price));
            totals.entry(key).or_insert((open.price, 0)).1 += open.shown;
        }
        totals
    }

    fn changes(&mut self, before: &Totals) -> Vec<LevelLine> {
        let after = self.totals();
        let mut lines = BTreeMap::new();
        for (key, (price, total)) in &after {
            if before.get(key) != Some(&(*price, *total)) {
                lines.insert(*key, (*price, *total));
            }
        }
        for (key, (price, _)) in before {
            if !after.contains_key(key) {
                lines.insert(*key, (*price, 0));
            }
        }
        for (id, market) in &mut self.markets {
            market.sequence += u64::from(lines.keys().any(|(changed, ..)| changed == id));
        }
        let sequence = |id| self.markets[&id].sequence;
        lines.iter().map(|((id, side, _), (p, t))| (*id, sequence(*id), *side, *p, *t)).collect()
    }
}

impl Ask {
    /// A trade passes it while it sleeps. If that wakes it: whether it waited for a rise, and the
    /// price that it waited for.
    fn pass(&mut self, price: Price) -> Option<(bool, u64)> {
        let meets = |at: Trigger| {
            if waits_for_rise(self.side, at) { price >= at.price } else { price <= at.price }
        };
        let Some(trailing) = self.trailing else {
            let at = self.trigger.filter(|at| meets(*at))?;
            return Some((waits_for_rise(self.side, at), at.price.ticks()));
        };
        let Some(best) = self.watermark else {
            let begins = self.trigger.is_none_or(meets);
            self.watermark = begins.then_some(price);
            return None;
        };
        let delta = u64::from(trailing.delta_bps());
        let rises = self.side == Side::Buy;
        let has_turned = |ticks: u64| match self.side {
            Side::Buy => ticks * 10_000 >= best.ticks() * (10_000 + delta),
            Side::Sell => ticks * 10_000 <= best.ticks() * (10_000 - delta),
        };
        if !has_turned(price.ticks()) {
            self.watermark = Some(if rises { best.min(price) } else { best.max(price) });
            return None;
        }
        // The first tick on the way from the best price that had turned far enough.
        let mut at = best.ticks();
        while !has_turned(at) {
            at = if rises { at + 1 } else { at - 1 };
        }
        Some((rises, at))
    }
}

fn one() -> Quantity {
    Quantity::from_lots(1).expect("in range")
}

fn waits_for_rise(side: Side, at: Trigger) -> bool {
    match (at.kind, side) {
        (TriggerKind::StopLoss, Side::Buy) | (TriggerKind::TakeProfit, Side::Sell) => true,
        (TriggerKind::StopLoss, Side::Sell) | (TriggerKind::TakeProfit, Side::Buy) => false,
    }
}

/// Lower is better.
fn rank(side: Side, price: Price) -> i128 {
    let ticks = i128::from(price.ticks());
    if side == Side::Buy { -ticks } else { ticks }
}

fn is_protected(side: Side, anchor: Price, bps: u32, price: Price) -> bool {
    let (anchor, price) = (u128::from(anchor.ticks()), u128::from(price.ticks()));
    match side {
        Side::Buy => price * 10_000 > anchor * (10_000 + u128::from(bps)),
        Side::Sell => price * 10_000 < anchor * (10_000 - u128::from(bps)),
    }
}

fn taker(ask: &Ask, taken: u64) -> Party {
    let left = match ask.size {
        Size::Base(asked) => asked.lots() - taken,
        Size::Quote(_) => 0,
    };
    Party { order: ask.id, account: ask.account, left, fees: ask.fees }
}

/// What a buyer pays on top of the price, in millionths.
fn on_top(ask: &Ask) -> i128 {
    let is_charged = ask.side == Side::Buy && ask.fees.charged_in() == FeeAsset::Quote;
    if is_charged { i128::from(ask.fees.rate(Role::Taker).millionths()).max(0) } else { 0 }
}

fn rest_or(ask: &Ask, market: &'static str) -> &'static str {
    match (ask.limit, ask.lasts) {
        (None, _) => market,
        (Some(_), TimeInForce::Gtc | TimeInForce::Gtd | TimeInForce::Day) => "rests",
        (Some(_), TimeInForce::Ioc | TimeInForce::Fok) => "ioc",
    }
}
