//! The rows that the ledger keeps, in the words of `model`: what the projection makes of answers
//! and what every store holds. Numbers are whole units; decimal text is made only when answering.

use model::{
    AccountName, Amount, AssetId, Contingency, Fees, Instructions, InstrumentId, KeyText, OrderId,
    OrderType, Partition, Price, Quantity, Side, TierFees, TimeInForce, Timestamp, TradeId,
};
use proto::{
    log::{Bucket, PostingCause},
    trading::OrderStatus,
};
use spine::{Chain, LogId};

/// An order: what it asked for, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id, which is the place of its record in the log.
    pub id: OrderId,
    /// Whose it is.
    pub account: AccountName,
    /// The client's own id of it, where the client gave one.
    pub client_order_id: Option<KeyText>,
    /// What it trades. A rejected order can name an instrument that does not exist.
    pub instrument: InstrumentId,
    /// Which way.
    pub side: Side,
    /// Limit or market.
    pub order_type: OrderType,
    /// How long it works.
    pub time_in_force: TimeInForce,
    /// Its limit; `None` for a market order.
    pub price: Option<Price>,
    /// The quote amount that it asked for, where it is a market order by that.
    pub quote_quantity: Option<Amount>,
    /// What else it said. One for the day says when that ends, once it was accepted.
    pub instructions: Instructions,
    /// How it hangs together with the others of its list, where it came with one. The list's id is
    /// that of its record.
    pub contingency: Option<Contingency>,
    /// The log's time at its own record.
    pub created_at: Timestamp,
    /// What has become of it.
    pub state: OrderState,
}

/// What has become of an order: all of an order that ever changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderState {
    /// How much it asks for in all, as far as this change tells; zero for a market order by quote
    /// amount. It never rises: of two states of an order the smaller counts.
    pub quantity: Quantity,
    /// What was neither traded nor prevented.
    pub remaining: Quantity,
    /// What self-trade prevention has taken off it, as far as this change tells. It never falls:
    /// of two states of an order the larger counts.
    pub prevented: Quantity,
    /// Open, partially filled, filled, cancelled, expired or rejected.
    pub status: OrderStatus,
    /// Why it was rejected or expired, or was cancelled without being asked, as a code of
    /// `proto::text`; else empty.
    pub reason: String,
    /// The log's time at its last change.
    pub updated_at: Timestamp,
}

impl OrderState {
    /// This state as the one that comes after `earlier`.
    #[must_use]
    pub fn after(self, earlier: &OrderState) -> OrderState {
        OrderState {
            quantity: self.quantity.min(earlier.quantity),
            prevented: self.prevented.max(earlier.prevented),
            ..self
        }
    }
}

/// What identifies a trade.
pub type TradeKey = (InstrumentId, TradeId);

/// A trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeRow {
    /// What was traded.
    pub instrument: InstrumentId,
    /// The trade's number within its instrument.
    pub id: TradeId,
    /// The maker's price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// The order that rested.
    pub maker_order: OrderId,
    /// The order that came.
    pub taker_order: OrderId,
    /// Whose the maker is.
    pub maker_account: AccountName,
    /// Whose the taker is.
    pub taker_account: AccountName,
    /// Which way the taker went.
    pub taker_side: Side,
    /// The log's time at the taker's record.
    pub executed_at: Timestamp,
    /// What the maker was charged; below zero it is a rebate.
    pub maker_fee: Amount,
    /// What the taker was charged, likewise.
    pub taker_fee: Amount,
    /// Whether the buyer's fee was taken in the base asset. All others are in the quote asset.
    pub buyer_fee_in_base: bool,
    /// Whether it is one of an auction.
    pub in_auction: bool,
}

impl TradeRow {
    /// What `account` was charged, and whether in the base asset: of its taking side, where it was
    /// on both. `None` where it was on neither.
    pub fn fee_of(&self, account: &AccountName) -> Option<(Amount, bool)> {
        let (fee, side) = if *account == self.taker_account {
            (self.taker_fee, self.taker_side)
        } else if *account == self.maker_account {
            (self.maker_fee, self.taker_side.opposite())
        } else {
            return None;
        };
        Some((fee, self.buyer_fee_in_base && side == Side::Buy))
    }
}

/// What identifies an income: of what, and on which shard.
pub type IncomeKey = (AssetId, Partition);

/// What identifies a balance. An account has one for each partition in which it has money.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BalanceKey {
    /// Whose.
    pub account: AccountName,
    /// Of what.
    pub asset: AssetId,
    /// On which shard.
    pub partition: Partition,
}

/// What an account has of an asset on one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What it can use.
    pub available: Amount,
    /// What its open orders hold.
    pub held: Amount,
    /// What went to other shards less what came from them; negative where more came. Over all
    /// shards it is what is on its way between them.
    pub link: Amount,
}

/// An asset as last listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRow {
    /// Its number.
    pub id: AssetId,
    /// Its code, such as `BTC`.
    pub code: String,
    /// How many digits after the point its smallest unit is.
    pub decimals: u8,
    /// What the sandbox gives of it to a new account, in smallest units.
    pub sandbox_grant_units: u64,
    /// Counts its listings.
    pub version: u32,
}

/// An instrument as last listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentRow {
    /// Its number.
    pub id: InstrumentId,
    /// What is bought and sold.
    pub base: AssetId,
    /// What it is paid in.
    pub quote: AssetId,
    /// The quote asset's smallest units in one tick.
    pub tick_size_units: u64,
    /// The base asset's smallest units in one lot.
    pub lot_size_units: u64,
    /// How far from the reference price a market order may trade, in basis points.
    pub price_protection_bps: u32,
    /// The shard that trades it.
    pub partition: Partition,
    /// What trading it costs.
    pub fees: Fees,
    /// What it costs who has a fee tier.
    pub tier_fees: TierFees,
    /// Counts its listings.
    pub version: u32,
}

/// What identifies a posting: the answer that it is in, and its number there, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PostingKey {
    /// The partition.
    pub partition: Partition,
    /// The number of the answer.
    pub out_seq: u64,
    /// Its number within the answer.
    pub number: u32,
}

/// One balanced change of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostingRow {
    /// Why money moved.
    pub cause: PostingCause,
    /// The order of a hold or a release.
    pub order: Option<OrderId>,
    /// The trade of a trade.
    pub trade: Option<TradeKey>,
    /// The deposit's or withdrawal's own id.
    pub external_id: Option<KeyText>,
    /// The other shard, where money went to it or came from it.
    pub link: Option<Partition>,
    /// Where it moved.
    pub legs: Vec<Leg>,
}

/// What one bucket gained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Which kind of bucket.
    pub bucket: Bucket,
    /// Whose bucket, if it is anybody's.
    pub account: Option<AccountName>,
    /// Of what.
    pub asset: AssetId,
    /// How much; negative where it lost.
    pub amount: Amount,
}

/// How far a partition is projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The partition.
    pub partition: Partition,
    /// The log whose answers these are.
    pub log_id: LogId,
    /// The number of the last projected answer.
    pub out_seq: u64,
    /// The offset of the input that it answers.
    pub in_offset: u64,
    /// Its chain.
    pub chain: Chain,
    /// The physical offset from which to read on.
    pub next_offset: u64,
    /// The log's time at that input.
    pub now: Timestamp,
}
