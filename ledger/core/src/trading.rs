//! Hold, settle, release, and what an order must hold.
//!
//! Holds are kept as a total for each account and asset. What is left of *one* order's hold follows
//! from the order: [`hold_for`] its schedule, its limit price and what remains of it, or, for a
//! market order, what it held at entry less what it has paid. The caller releases just that when
//! the order ends, so that nothing of it stays.

use model::{
    AccountHandle, Amount, AssetId, FeeRate, Fees, Instrument, OrderId, Price, Quantity, Role,
    Side, TradeId,
};

use crate::{
    Accounts, Bucket, Cause, Leg, MoneyError, Postings,
    fees::{Settled, fees_of},
};

/// A trade, as money sees it.
#[derive(Clone, Copy, Debug)]
pub struct Settlement<'a> {
    /// What was traded.
    pub instrument: &'a Instrument,
    /// The trade's number within the instrument.
    pub trade: TradeId,
    /// At what price: the maker's.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// Whose order rested.
    pub maker_side: Side,
    /// Who pays the quote asset, out of what is held.
    pub buyer: AccountHandle,
    /// The limit at which the buyer's order holds its quote asset; what it holds for this quantity
    /// beyond price and fee goes back with this trade. `None` for a market order, whose hold is a
    /// budget: price and fee leave it, and the rest is released when the order ends.
    pub buyer_limit: Option<Price>,
    /// The schedule of the buyer's order.
    pub buyer_fees: Fees,
    /// Who delivers the base asset, out of what is held. May be the buyer.
    pub seller: AccountHandle,
    /// The schedule of the seller's order.
    pub seller_fees: Fees,
}

impl Accounts {
    /// Holds `amount` of `asset` for an order that enters.
    ///
    /// # Errors
    /// In this order: [`MoneyError::UnknownAsset`], [`MoneyError::NotPositive`],
    /// [`MoneyError::InsufficientFunds`].
    pub fn hold(
        &mut self,
        handle: AccountHandle,
        asset: AssetId,
        amount: Amount,
        order: OrderId,
        out: &mut Postings,
    ) -> Result<(), MoneyError> {
        let index = self.assets.index(asset).ok_or(MoneyError::UnknownAsset)?;
        if amount <= Amount::ZERO {
            return Err(MoneyError::NotPositive);
        }
        let available = self.slot(handle).balance(index).available;
        if available < amount {
            return Err(MoneyError::InsufficientFunds { available, needed: amount });
        }
        let legs = Leg::pair(Bucket::Available(handle), Bucket::Held(handle), asset, amount);
        self.post(Cause::Hold { order }, legs, out);
        Ok(())
    }

    /// Settles a trade: the buyer pays, the seller delivers, both out of what their orders hold;
    /// the house gets its fees, the buyer's out of what is held or received, the seller's out of
    /// what is received; and the buyer gets back what its limit held beyond price and fee.
    ///
    /// # Panics
    /// Where a side does not hold what it owes, or the price is above the buyer's limit. Neither
    /// can be while every order has held [`hold_for`] its terms and no trade exceeds what remains
    /// of it: then what an account holds is the sum over its open orders, each at least what it
    /// owes.
    pub fn settle(&mut self, trade: &Settlement<'_>, out: &mut Postings) -> Settled {
        let Settlement { instrument, price, quantity, buyer, seller, .. } = *trade;
        let (base, quote) = (instrument.base, instrument.quote);
        let delivered = instrument.base_amount(quantity);
        let paid = instrument.notional(price, quantity);
        let (buyer_fee, seller_fee) = fees_of(trade, paid, delivered);
        let in_quote = if buyer_fee.asset == quote { buyer_fee.amount } else { Amount::ZERO };
        let in_base = if buyer_fee.asset == base { buyer_fee.amount } else { Amount::ZERO };
        let let_go = match trade.buyer_limit {
            Some(limit) => hold_for(Side::Buy, instrument, &trade.buyer_fees, limit, quantity).1,
            None => plus(paid, in_quote.max(Amount::ZERO)),
        };
        let improvement = minus(let_go, plus(paid, in_quote));
        assert!(!improvement.is_negative(), "a trade above the buyer's limit");

        let leg = |bucket, asset, amount| Leg { bucket, asset, amount };
        let unless_nothing = |leg: Leg| (!leg.amount.is_zero()).then_some(leg);
        let earned = plus(in_quote, seller_fee.amount);
        let legs = [
            Some(leg(Bucket::Held(buyer), quote, -let_go)),
            Some(leg(Bucket::Available(seller), quote, minus(paid, seller_fee.amount))),
            unless_nothing(leg(Bucket::Available(buyer), quote, improvement)),
            unless_nothing(leg(Bucket::Fees, quote, earned)),
            Some(leg(Bucket::Held(seller), base, -delivered)),
            Some(leg(Bucket::Available(buyer), base, minus(delivered, in_base))),
            unless_nothing(leg(Bucket::Fees, base, in_base)),
        ];
        let cause = Cause::Trade { instrument: instrument.id, trade: trade.trade };
        self.post(cause, legs.into_iter().flatten(), out);
        Settled { buyer_fee, seller_fee, let_go }
    }

    /// Lets go of the rest of an order's hold at its end. Nothing is posted where nothing is left.
    ///
    /// # Panics
    /// Where `amount` is negative or more than the account holds: only a broken book asks for that.
    pub fn release(
        &mut self,
        handle: AccountHandle,
        asset: AssetId,
        amount: Amount,
        order: OrderId,
        out: &mut Postings,
    ) {
        assert!(!amount.is_negative(), "a release of less than nothing");
        if amount.is_zero() {
            return;
        }
        let legs = Leg::pair(Bucket::Held(handle), Bucket::Available(handle), asset, amount);
        self.post(Cause::Release { order }, legs, out);
    }
}

/// What a limit order under this schedule holds for this much of it: a buyer what it may have to
/// pay, fee included, a seller what it has to deliver. What it holds for two parts of it together
/// is the sum of what it holds for each.
pub fn hold_for(
    side: Side,
    instrument: &Instrument,
    fees: &Fees,
    price: Price,
    remaining: Quantity,
) -> (AssetId, Amount) {
    match side {
        Side::Buy => {
            let rate = fees.on_top_at_worst(Side::Buy);
            (instrument.quote, lot_by_lot(instrument, rate, price, remaining))
        }
        Side::Sell => (instrument.base, instrument.base_amount(remaining)),
    }
}

/// What `quantity` costs at `price` where each lot is a trade of its own and its fee is rounded up
/// by itself: no way in which it can be filled, at this price or lower ones, costs more.
fn lot_by_lot(instrument: &Instrument, rate: FeeRate, price: Price, quantity: Quantity) -> Amount {
    let paid = instrument.notional(price, quantity);
    if rate == FeeRate::FREE {
        return paid;
    }
    let one = Quantity::from_lots(1).expect("one is a quantity");
    let fee = rate.on(instrument.notional(price, one)).units();
    let fees = fee.checked_mul(i128::from(quantity.lots())).expect("less than a notional");
    plus(paid, Amount::from_units(fees))
}

/// Sums of notionals, which are below 2^112, and fees on them.
fn plus(first: Amount, second: Amount) -> Amount {
    first.checked_add(second).expect("notionals are below 2^112")
}

fn minus(first: Amount, second: Amount) -> Amount {
    plus(first, -second)
}

/// How much a market order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketSize {
    /// So much of the base asset.
    Base(Quantity),
    /// As much of the base asset as so much of the quote asset pays for.
    Quote(Amount),
}

/// What a market order holds while it trades: a budget that its trades are paid from
/// ([`Settlement::buyer_limit`] is `None`), the rest of which is released at its end.
///
/// `bound` is the worst price at which it may trade, `available` what the account can use of the
/// asset that is held. Where the size does not say how much that will be, the order holds the worst
/// case as far as the funds reach; where it does, it holds just that, funds or not, and what it
/// pays in fees comes out of it too. A budget of nothing means that the order cannot trade.
pub fn hold_for_market(
    side: Side,
    instrument: &Instrument,
    fees: &Fees,
    size: MarketSize,
    bound: Price,
    available: Amount,
) -> (AssetId, Amount) {
    match (side, size) {
        (Side::Buy, MarketSize::Base(quantity)) => {
            let rate = fees.on_top(Side::Buy, Role::Taker);
            (instrument.quote, lot_by_lot(instrument, rate, bound, quantity).min(available))
        }
        (Side::Buy, MarketSize::Quote(budget)) => (instrument.quote, budget),
        (Side::Sell, MarketSize::Base(quantity)) => {
            (instrument.base, instrument.base_amount(quantity))
        }
        (Side::Sell, MarketSize::Quote(proceeds)) => {
            let most = instrument.affordable(proceeds, bound);
            (instrument.base, instrument.base_amount(most).min(available))
        }
    }
}
