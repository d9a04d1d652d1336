//! The words that describe an order: side, type, time in force, and what else it may say.

use crate::{InstrumentId, Price, Quantity, Timestamp};

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Buys the base asset, pays the quote asset; rests among the bids.
    Buy,
    /// Sells the base asset, receives the quote asset; rests among the asks.
    Sell,
}

impl Side {
    /// Both sides, in the order in which anything that lists them does so.
    pub const BOTH: [Side; 2] = [Side::Buy, Side::Sell];

    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// Whether, for a resting order of this side, `price` comes before `other`: higher for bids,
    /// lower for asks.
    pub fn improves(self, price: Price, other: Price) -> bool {
        match self {
            Side::Buy => price > other,
            Side::Sell => price < other,
        }
    }

    /// Whether a taker of this side with `limit` may trade at a maker's `price`. Equal prices
    /// trade.
    pub fn accepts(self, limit: Price, price: Price) -> bool {
        match self {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        }
    }
}

/// What an order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderType {
    /// Trades at its price or better; the rest may rest.
    Limit,
    /// Trades at what the book offers, within the instrument's price protection; never rests.
    Market,
    /// Sleeps until the price turns against it, then is a market order.
    StopLoss,
    /// The same, then a limit order.
    StopLossLimit,
    /// Sleeps until the price turns in its favour, then is a market order.
    TakeProfit,
    /// The same, then a limit order.
    TakeProfitLimit,
}

impl OrderType {
    /// What it is once it is awake: limit or market.
    #[must_use]
    pub const fn awake(self) -> OrderType {
        match self {
            OrderType::Limit | OrderType::StopLossLimit | OrderType::TakeProfitLimit => {
                OrderType::Limit
            }
            OrderType::Market | OrderType::StopLoss | OrderType::TakeProfit => OrderType::Market,
        }
    }

    /// What it waits for, if it sleeps first.
    pub const fn waits_for(self) -> Option<TriggerKind> {
        match self {
            OrderType::Limit | OrderType::Market => None,
            OrderType::StopLoss | OrderType::StopLossLimit => Some(TriggerKind::StopLoss),
            OrderType::TakeProfit | OrderType::TakeProfitLimit => Some(TriggerKind::TakeProfit),
        }
    }

    /// A limit or market order that waits for this first.
    #[must_use]
    pub const fn waiting_for(self, kind: Option<TriggerKind>) -> OrderType {
        match (self.awake(), kind) {
            (awake, None) => awake,
            (OrderType::Limit, Some(TriggerKind::StopLoss)) => OrderType::StopLossLimit,
            (OrderType::Limit, Some(TriggerKind::TakeProfit)) => OrderType::TakeProfitLimit,
            (_, Some(TriggerKind::StopLoss)) => OrderType::StopLoss,
            (_, Some(TriggerKind::TakeProfit)) => OrderType::TakeProfit,
        }
    }
}

/// How long an order works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// Good till cancelled: what does not trade at once rests.
    Gtc,
    /// Immediate or cancel: what does not trade at once expires.
    Ioc,
    /// Fill or kill: all of it trades at once, or nothing does and it expires.
    Fok,
    /// Good till date: what does not trade at once rests until an instant that the order names.
    Gtd,
    /// What does not trade at once rests until the end of the day (UTC) in which it is accepted.
    Day,
}

/// What becomes of an order that would trade with one of its own account. The taker's word counts,
/// whatever the resting order said when it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SelfTradePrevention {
    /// They trade.
    #[default]
    None,
    /// What is left of the taker expires; the maker stays.
    ExpireTaker,
    /// The maker expires; the taker goes on to the next order.
    ExpireMaker,
    /// Both expire.
    ExpireBoth,
    /// Both become smaller by what would have traded; one of which nothing is left expires.
    Decrement,
}

impl SelfTradePrevention {
    /// Every mode, in the order in which anything that lists them does so.
    pub const ALL: [SelfTradePrevention; 5] = [
        SelfTradePrevention::None,
        SelfTradePrevention::ExpireTaker,
        SelfTradePrevention::ExpireMaker,
        SelfTradePrevention::ExpireBoth,
        SelfTradePrevention::Decrement,
    ];
}

/// What lets an order sleep until the price of a trade wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trigger {
    /// Whether the price has to turn against the order or to favour it.
    pub kind: TriggerKind,
    /// The price of a trade at which it wakes, or beyond.
    pub price: Price,
}

/// What lets an order follow the price instead of waiting for one: it wakes once the price has
/// turned by so much from the best since it began to follow, for a buy up from the lowest, for a
/// sell down from the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trailing {
    /// Of which kind it is; with a trigger, of the trigger's.
    pub kind: TriggerKind,
    delta_bps: u32,
}

impl Trailing {
    /// The largest turn, in basis points: the price of a sell's trigger stays above zero, and what
    /// a buy holds stays below twice its reference.
    pub const DELTA_BPS_MAX: u32 = 9_999;

    /// With a turn of so many basis points; `None` for none and for more than
    /// [`DELTA_BPS_MAX`](Self::DELTA_BPS_MAX).
    pub fn new(kind: TriggerKind, delta_bps: u32) -> Option<Trailing> {
        (1..=Self::DELTA_BPS_MAX).contains(&delta_bps).then_some(Trailing { kind, delta_bps })
    }

    /// By how much the price has to turn, in basis points.
    pub const fn delta_bps(&self) -> u32 {
        self.delta_bps
    }

    /// The price of a trade that wakes an order of this side, or beyond, where `watermark` is the
    /// best price since it began to follow: the first that has turned far enough, in whole ticks.
    /// `None` where no price has.
    pub fn price(&self, side: Side, watermark: Price) -> Option<Price> {
        const WHOLE_BPS: u64 = 10_000;
        let delta = u64::from(self.delta_bps);
        // Below 2^40 * 20,000: far from overflow.
        let ticks = match side {
            Side::Buy => (watermark.ticks() * (WHOLE_BPS + delta)).div_ceil(WHOLE_BPS),
            Side::Sell => watermark.ticks() * (WHOLE_BPS - delta) / WHOLE_BPS,
        };
        Price::from_ticks(ticks).ok()
    }
}

/// Which way the price has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TriggerKind {
    /// Against the order: up to wake a buy, down to wake a sell.
    StopLoss,
    /// In its favour: down to wake a buy, up to wake a sell.
    TakeProfit,
}

impl Trigger {
    /// Whether an order of this side waits for the price to rise to the trigger, not to fall to it.
    pub fn waits_for_rise(&self, side: Side) -> bool {
        (self.kind == TriggerKind::StopLoss) == (side == Side::Buy)
    }

    /// Whether a trade at `price` wakes an order of this side. Equal prices do.
    pub fn is_met(&self, side: Side, price: Price) -> bool {
        if self.waits_for_rise(side) { price >= self.price } else { price <= self.price }
    }
}

/// What an order may say beyond side, size, price and time in force. Most say none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Instructions {
    /// It only ever rests: where it would take, it is refused.
    pub post_only: bool,
    /// What becomes of it where it would trade with its own account.
    pub self_trade: SelfTradePrevention,
    /// When a good-till-date order ends.
    pub expires_at: Option<Timestamp>,
    /// The price at which it wakes, if it sleeps first; or from which on it trails.
    pub trigger: Option<Trigger>,
    /// By how much the price has to turn to wake it, if it trails. Without a trigger it trails from
    /// the next trade on.
    pub trailing: Option<Trailing>,
    /// How much of it is shown at a time where it rests as an iceberg: above zero and at most its
    /// quantity. Only limit orders that are good till cancelled are icebergs.
    pub display: Option<Quantity>,
}

impl Instructions {
    /// What it sleeps for, if it sleeps first.
    pub fn waits_for(&self) -> Option<TriggerKind> {
        let trails_for = self.trailing.map(|trailing| trailing.kind);
        self.trigger.map(|trigger| trigger.kind).or(trails_for)
    }

    /// Whether it says nothing.
    pub fn is_plain(&self) -> bool {
        *self == Instructions::default()
    }
}

/// The only state in which an order is to be cancelled, for a client that must not cancel it in
/// another: between what it knows and the cancel the order may have traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelOnly {
    /// Nothing of it has traded.
    New,
    /// Some of it has.
    PartiallyFilled,
}

/// What becomes of an order that is to come instead of another where that is not open any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplaceMode {
    /// It is refused.
    StopOnFailure,
    /// It is placed all the same.
    AllowFailure,
}

/// Which of an account's open orders: all of them where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OrderFilter {
    /// Only those of this instrument.
    pub instrument: Option<InstrumentId>,
    /// Only those of this side.
    pub side: Option<Side>,
    /// Only those whose limit is this or higher; so none without a limit.
    pub price_from: Option<Price>,
    /// Only those whose limit is this or lower; likewise.
    pub price_to: Option<Price>,
}

impl OrderFilter {
    /// All of an account's orders, or all in one instrument.
    pub const fn all(instrument: Option<InstrumentId>) -> OrderFilter {
        OrderFilter { instrument, side: None, price_from: None, price_to: None }
    }

    /// Whether it takes an order of this instrument, side and limit.
    pub fn takes(&self, instrument: InstrumentId, side: Side, limit: Option<Price>) -> bool {
        let is_from = |from| limit.is_some_and(|limit| limit >= from);
        let is_to = |to| limit.is_some_and(|limit| limit <= to);
        self.instrument.is_none_or(|asked| asked == instrument)
            && self.side.is_none_or(|asked| asked == side)
            && self.price_from.is_none_or(is_from)
            && self.price_to.is_none_or(is_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_waits_against_the_order_and_a_take_profit_in_its_favour() {
        let [low, at, high] = [9, 10, 11].map(|ticks| Price::from_ticks(ticks).expect("in range"));
        let met = |kind, side| {
            let trigger = Trigger { kind, price: at };
            [low, at, high].map(|price| trigger.is_met(side, price))
        };
        let (rise, fall) = ([false, true, true], [true, true, false]);
        assert_eq!(met(TriggerKind::StopLoss, Side::Buy), rise);
        assert_eq!(met(TriggerKind::TakeProfit, Side::Sell), rise);
        assert_eq!(met(TriggerKind::StopLoss, Side::Sell), fall);
        assert_eq!(met(TriggerKind::TakeProfit, Side::Buy), fall);
    }

    #[test]
    fn what_trails_wakes_at_the_first_tick_that_has_turned_far_enough() {
        let of = |delta_bps| Trailing::new(TriggerKind::StopLoss, delta_bps).expect("in range");
        let price = |ticks| Price::from_ticks(ticks).expect("in range");
        for (delta, watermark, buy, sell) in [
            (500, 42_000, Some(44_100), Some(39_900)),
            (1, 1, Some(2), None),
            (1, 10_001, Some(10_003), Some(9_999)),
            (9_999, 10_000, Some(19_999), Some(1)),
            (1, Price::TICKS_MAX, None, Some(Price::TICKS_MAX - (1 << 40) / 10_000 - 1)),
        ] {
            let found = [Side::Buy, Side::Sell].map(|side| of(delta).price(side, price(watermark)));
            assert_eq!(
                found,
                [buy, sell].map(|ticks| ticks.map(price)),
                "{delta} from {watermark}"
            );
        }
        for bad in [0, 10_000, u32::MAX] {
            assert_eq!(Trailing::new(TriggerKind::TakeProfit, bad), None);
        }
    }

    #[test]
    fn a_type_is_what_it_waits_for_and_what_it_is_awake() {
        use OrderType::{Limit, Market, StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit};
        for order_type in [Limit, Market, StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit] {
            let again = order_type.awake().waiting_for(order_type.waits_for());
            assert_eq!(again, order_type);
        }
        assert_eq!((StopLossLimit.awake(), TakeProfit.awake()), (Limit, Market));
    }

    #[test]
    fn a_filter_takes_what_fits_all_that_it_says() {
        let [low, at, high] = [9, 10, 11].map(|ticks| Price::from_ticks(ticks).ok());
        let (one, other) = (InstrumentId(1), InstrumentId(2));
        let all = OrderFilter::default();
        assert!(all.takes(one, Side::Buy, None) && all.takes(other, Side::Sell, high));
        let filter = OrderFilter { instrument: Some(one), side: Some(Side::Buy), ..all };
        assert!(filter.takes(one, Side::Buy, None) && !filter.takes(one, Side::Sell, at));
        assert!(!filter.takes(other, Side::Buy, at));
        let range = OrderFilter { price_from: at, price_to: at, ..all };
        let taken = [None, low, at, high].map(|limit| range.takes(one, Side::Buy, limit));
        assert_eq!(taken, [false, false, true, false]);
        let above = OrderFilter { price_from: at, ..all };
        let taken = [None, low, at, high].map(|limit| above.takes(one, Side::Sell, limit));
        assert_eq!(taken, [false, false, true, true]);
    }

    #[test]
    fn better_and_tradable_depend_on_the_side() {
        let [low, high] = [10, 11].map(|ticks| Price::from_ticks(ticks).expect("in range"));
        assert!(Side::Buy.improves(high, low) && !Side::Buy.improves(low, high));
        assert!(Side::Sell.improves(low, high) && !Side::Sell.improves(low, low));
        assert!(Side::Buy.accepts(high, low) && Side::Buy.accepts(low, low));
        assert!(!Side::Buy.accepts(low, high) && !Side::Sell.accepts(high, low));
    }
}
