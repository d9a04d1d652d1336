//! The rules again, as simply as possible: one unsorted list of orders, searched from end to end
//! for every trade. It imports only `model` and shares no line with the core.

use std::collections::BTreeMap;

use model::{
    AccountHandle, Amount, Instrument, InstrumentId, OrderId, Price, Quantity, Side, TradeId,
};

#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub id: OrderId,
    pub account: AccountHandle,
    pub instrument: InstrumentId,
    pub side: Side,
    /// `None`: a market order.
    pub limit: Option<Price>,
    pub rests: bool,
    pub size: Size,
    pub funds: Amount,
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
    },
    Rests {
        price: Price,
        party: Party,
    },
    Ends {
        party: Party,
        why: &'static str,
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
}

#[derive(Debug)]
struct Market {
    instrument: Instrument,
    sequence: u64,
    trades: u64,
    last: Option<Price>,
}

#[derive(Debug, Default)]
pub struct Naive {
    markets: BTreeMap<InstrumentId, Market>,
    /// In order of entry.
    pub open: Vec<Open>,
}

type Totals = BTreeMap<(InstrumentId, Side, i128), (Price, u64)>;

impl Naive {
    pub fn list(&mut self, instrument: Instrument) {
        let market = self.markets.remove(&instrument.id);
        let (sequence, trades, last) =
            market.map_or((0, 0, None), |m| (m.sequence, m.trades, m.last));
        let id = instrument.id;
        self.markets.insert(id, Market { instrument, sequence, trades, last });
    }

    pub fn cancel(&mut self, id: OrderId) -> (Vec<Event>, Vec<LevelLine>) {
        self.cancel_where(|open| open.party.order == id)
    }

    pub fn cancel_all(
        &mut self,
        account: AccountHandle,
        only: Option<InstrumentId>,
    ) -> (Vec<Event>, Vec<LevelLine>) {
        self.cancel_where(|open| {
            open.party.account == account && only.is_none_or(|id| id == open.instrument)
        })
    }

    fn cancel_where(&mut self, which: impl Fn(&Open) -> bool) -> (Vec<Event>, Vec<LevelLine>) {
        let before = self.totals();
        let (ended, kept): (Vec<Open>, Vec<Open>) = self.open.iter().partition(|open| which(open));
        self.open = kept;
        let events =
            ended.iter().map(|o| Event::Ends { party: o.party, why: "cancelled" }).collect();
        (events, self.changes(&before))
    }

    pub fn place(&mut self, ask: &Ask) -> (Vec<Event>, Vec<LevelLine>) {
        let before = self.totals();
        let events = self.trade(ask);
        (events, self.changes(&before))
    }

    fn trade(&mut self, ask: &Ask) -> Vec<Event> {
        let mut events = Vec::new();
        let market = self.markets.get_mut(&ask.instrument).expect("listed");
        let worth = |price: Price| market.instrument.notional(price, one()).units();
        let (mut taken, mut money, mut fills) = (0_u64, 0_i128, 0);
        let reference = market.last;
        let (mut first_price, mut last_traded) = (None, None);
        let why = loop {
            if let Size::Base(asked) = ask.size
                && asked.lots() == taken
            {
                break "filled";
            }
            // The amount is reached when no further lot fits it at the price of the last trade.
            if let (Size::Quote(amount), Some(last)) = (ask.size, last_traded)
                && amount.units() - money < worth(last)
                && (ask.side == Side::Sell || ask.funds >= amount)
            {
                break "filled";
            }
            let candidates = self.open.iter().enumerate();
            let opposite =
                candidates.filter(|(_, o)| o.instrument == ask.instrument && o.side != ask.side);
            // The first of equals: `min_by_key` keeps the oldest.
            let best = opposite.min_by_key(|(_, o)| rank(o.side, o.price)).map(|(at, _)| at);
            let Some(at) = best else { break rest_or(ask, "no liquidity") };
            let maker = &mut self.open[at];
            let price = maker.price;
            let anchor = reference.unwrap_or_else(|| *first_price.get_or_insert(price));
            let is_too_far = match ask.limit {
                Some(limit) if ask.side == Side::Buy => price > limit,
                Some(limit) => price < limit,
                None => {
                    is_protected(ask.side, anchor, market.instrument.price_protection_bps, price)
                }
            };
            if is_too_far {
                break rest_or(ask, "protection");
            }
            let by_own_amount = |amount: Amount| (amount.units() - money) / worth(price);
            let by_funds = (ask.funds.units() - money) / worth(price);
            let (most, why) = match (ask.limit, ask.size, ask.side) {
                (Some(_), Size::Base(asked), _) | (None, Size::Base(asked), Side::Sell) => {
                    (i128::from(asked.lots() - taken), "")
                }
                (None, Size::Base(asked), Side::Buy) => {
                    (by_funds.min(i128::from(asked.lots() - taken)), "no funds")
                }
                (_, Size::Quote(amount), Side::Buy) => {
                    let is_short = ask.funds < amount;
                    let why = if is_short || fills == 0 { "no funds" } else { "filled" };
                    (by_own_amount(amount).min(by_funds), why)
                }
                (_, Size::Quote(amount), Side::Sell) => {
                    let lot = market.instrument.base_amount(one()).units();
                    let deliverable = ask.funds.units() / lot - i128::from(taken);
                    let is_reached = by_own_amount(amount) == 0 && fills > 0;
                    let why = if is_reached { "filled" } else { "no funds" };
                    (by_own_amount(amount).min(deliverable), why)
                }
            };
            if most == 0 {
                break why;
            }
            if fills == 5_000 {
                break "sweep limit";
            }
            let quantity = u64::try_from(most).unwrap_or(u64::MAX).min(maker.party.left);
            fills += 1;
            taken += quantity;
            money += worth(price) * i128::from(quantity);
            maker.party.left -= quantity;
            market.trades += 1;
            market.last = Some(price);
            last_traded = Some(price);
            let (number, maker) = (TradeId(market.trades), maker.party);
            let (taker, taker_side) = (taker(ask, taken), ask.side);
            events.push(Event::Trade { number, price, quantity, taker_side, maker, taker });
            if maker.left == 0 {
                self.open.remove(at);
                events.push(Event::Ends { party: maker, why: "filled" });
            }
        };
        let party = taker(ask, taken);
        match (why, ask.limit) {
            ("rests", Some(price)) => {
                events.push(Event::Rests { price, party });
                let Ask { instrument, side, .. } = *ask;
                self.open.push(Open { party, instrument, side, price });
            }
            (why, _) => events.push(Event::Ends { party, why }),
        }
        events
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::new();
        for open in &self.open {
            let key = (open.instrument, open.side, rank(open.side, open.price));
            totals.entry(key).or_insert((open.price, 0)).1 += open.party.left;
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

fn one() -> Quantity {
    Quantity::from_lots(1).expect("in range")
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
    Party { order: ask.id, account: ask.account, left }
}

fn rest_or(ask: &Ask, market: &'static str) -> &'static str {
    match (ask.limit, ask.rests) {
        (None, _) => market,
        (Some(_), true) => "rests",
        (Some(_), false) => "ioc",
    }
}
