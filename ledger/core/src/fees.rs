//! What the two sides of a trade pay the house, and what it pays them.
//!
//! A fee is computed for each trade by itself, on its whole notional in units, and rounded towards
//! the house. What orders are charged in total is the sum of these, never computed again. A rebate
//! is paid out of what the other side of the same trade is charged and is never more than that: so
//! no trade makes the house poorer, whatever schedules its two orders were accepted under.

use model::{Amount, AssetId, FeeAsset, Fees, Role, Side};

use crate::{Accounts, Settlement};

/// The fee of one side of a trade: below zero it is a rebate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Which asset it is taken in.
    pub asset: AssetId,
    /// How much the house gains.
    pub amount: Amount,
}

/// What settling a trade came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What the buyer was charged.
    pub buyer_fee: Fee,
    /// What the seller was charged.
    pub seller_fee: Fee,
    /// What the buyer's order holds less of the quote asset by this trade.
    pub let_go: Amount,
}

/// The fees of both sides of a trade, in which `paid` goes for `delivered`.
pub(crate) fn fees_of(trade: &Settlement<'_>, paid: Amount, delivered: Amount) -> (Fee, Fee) {
    let role = |side| if side == trade.maker_side { Role::Maker } else { Role::Taker };
    let (base, quote) = (trade.instrument.base, trade.instrument.quote);
    let fee = |fees: &Fees, side: Side| {
        let rate = fees.rate(role(side));
        match (side, fees.charged_in()) {
            (Side::Buy, FeeAsset::Received) => Fee { asset: base, amount: rate.on(delivered) },
            _ => Fee { asset: quote, amount: rate.on(paid) },
        }
    };
    let buyer = fee(&trade.buyer_fees, Side::Buy);
    let seller = fee(&trade.seller_fees, Side::Sell);
    (out_of(buyer, seller), out_of(seller, buyer))
}

/// A fee; where it is a rebate, as much of it as the other's fee pays for.
fn out_of(fee: Fee, other: Fee) -> Fee {
    let pays = if fee.asset == other.asset { other.amount.max(Amount::ZERO) } else { Amount::ZERO };
    Fee { amount: fee.amount.max(-pays), ..fee }
}

impl Accounts {
    /// What the house has earned of `asset` here: all fees less all rebates. Never negative.
    pub fn fee_income(&self, asset: AssetId) -> Amount {
        self.assets.index(asset).map_or(Amount::ZERO, |index| self.assets.get(index).fees)
    }
}
