//! Hold, settle, release, and what an order must hold.
//!
//! Holds are kept as a total for each account and asset. What is left of *one* order's hold follows
//! from the order: [`hold_for`] its limit price and what remains of it, or, for a market order,
//! what it held at entry less what it has paid. The caller releases just that when the order ends,
//! so that nothing of it stays.

use model::{AccountHandle, Amount, AssetId, Instrument, OrderId, Price, Quantity, Side, TradeId};

use crate::{Accounts, Bucket, Cause, Leg, MoneyError, Postings};

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
    /// Who pays the quote asset, out of what is held.
    pub buyer: AccountHandle,
    /// The limit at which the buyer's order holds its quote asset; what it holds for this quantity
    /// beyond the price goes back with this trade. `None` for a market order, whose hold is a
    /// budget: the price leaves it, and the rest is released when the order ends.
    pub buyer_limit: Option<Price>,
    /// Who delivers the base asset, out of what is held. May be the buyer.
    pub seller: AccountHandle,
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

    /// Settles a trade: the buyer pays, the seller delivers, both out of what their orders hold,
    /// and the buyer gets back what its limit held beyond the price.
    ///
    /// # Panics
    /// Where a side does not hold what it owes, or the price is above the buyer's limit. Neither
    /// can be while every order has held [`hold_for`] its terms and no trade exceeds what remains
    /// of it: then what an account holds is the sum over its open orders, each at least what it
    /// owes.
    pub fn settle(&mut self, trade: &Settlement<'_>, out: &mut Postings) {
        let Settlement { instrument, price, quantity, buyer, seller, .. } = *trade;
        let (base, quote) = (instrument.base, instrument.quote);
        let delivered = instrument.base_amount(quantity);
        let paid = instrument.notional(price, quantity);
        let held = instrument.notional(trade.buyer_limit.unwrap_or(price), quantity);
        let improvement = held.checked_sub(paid).expect("notionals are below 2^112");
        assert!(!improvement.is_negative(), "a trade above the buyer's limit");

        let cause = Cause::Trade { instrument: instrument.id, trade: trade.trade };
        let (pays, delivers) = (Bucket::Held(buyer), Bucket::Held(seller));
        let [pays, is_paid] = Leg::pair(pays, Bucket::Available(seller), quote, paid);
        let [delivers, receives] = Leg::pair(delivers, Bucket::Available(buyer), base, delivered);
        if improvement.is_zero() {
            self.post(cause, [pays, is_paid, delivers, receives], out);
        } else {
            let pays = Leg { amount: -held, ..pays };
            let bucket = Bucket::Available(buyer);
            let keeps = Leg { bucket, asset: quote, amount: improvement };
            self.post(cause, [pays, is_paid, keeps, delivers, receives], out);
        }
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

/// What a limit order with this much remaining holds: a buyer what it may have to pay, a seller
/// what it has to deliver.
pub fn hold_for(
    side: Side,
    instrument: &Instrument,
    price: Price,
    remaining: Quantity,
) -> (AssetId, Amount) {
    match side {
        Side::Buy => (instrument.quote, instrument.notional(price, remaining)),
        Side::Sell => (instrument.base, instrument.base_amount(remaining)),
    }
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
/// case as far as the funds reach; where it does, it holds just that, funds or not. A budget of
/// nothing means that the order cannot trade.
pub fn hold_for_market(
    side: Side,
    instrument: &Instrument,
    size: MarketSize,
    bound: Price,
    available: Amount,
) -> (AssetId, Amount) {
    match (side, size) {
        (Side::Buy, MarketSize::Base(quantity)) => {
            (instrument.quote, instrument.notional(bound, quantity).min(available))
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
