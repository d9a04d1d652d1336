//! `tradespine admin instrument`: how an instrument is listed.

use clap::{Args, Subcommand, ValueEnum};
use proto::{
    admin::SetInstrumentRequest,
    reference::{FeeAsset, InstrumentFilters, TierFees, TierFeesOfAll},
};

#[derive(Debug, Subcommand)]
pub(super) enum InstrumentWord {
    /// List its next version; what is not said stays as it is
    ///
    /// Orders that rest stay as they are: they keep the fees that they were accepted with, and no
    /// filter is asked of them again. A filter that is set to 0 bounds nothing any more. Where it
    /// was cut short, the same again finishes it.
    #[command(after_help = "\
Examples:  tradespine admin instrument set BTC-USDT --price-protection-bps 300
           tradespine admin instrument set BTC-USDT --maker-fee 0.001 --taker-fee 0.002
           tradespine admin instrument set BTC-USDT --fee-tier 1=0.0008,0.0015
           tradespine admin instrument set BTC-USDT --min-notional 5 --max-orders 200")]
    Set(Box<SetArguments>),
}

#[derive(Clone, Debug, Args)]
pub(super) struct SetArguments {
    /// Which instrument
    #[arg(value_name = "SYMBOL")]
    pub(super) instrument: String,

    /// How far from the last trade a market order may trade, in basis points
    #[arg(long, value_name = "BPS")]
    price_protection_bps: Option<u32>,

    /// What a trade costs the order that rested, as a fraction; below zero a rebate
    #[arg(long, value_name = "FRACTION", allow_hyphen_values = true)]
    maker_fee: Option<String>,

    /// What it costs the order that came
    #[arg(long, value_name = "FRACTION", allow_hyphen_values = true)]
    taker_fee: Option<String>,

    /// In which asset both are charged
    #[arg(long, value_name = "ASSET")]
    fee_asset: Option<ChargedIn>,

    /// How far from a reference price it trades before it stops for an auction; 0 for no band
    #[arg(long, value_name = "BPS")]
    price_band_bps: Option<u32>,

    /// How long a reference price is one before the last trade's takes its place; 0 until the next
    /// auction
    #[arg(long, value_name = "SECS")]
    price_band_reference_secs: Option<u32>,

    /// How long it collects orders before it opens again; 120 for a new band
    #[arg(long, value_name = "SECS")]
    price_band_auction_secs: Option<u32>,
    /// What maker and taker are charged from this fee tier on; for each tier, instead of all that
    /// were listed
    #[arg(long = "fee-tier", value_name = "TIER=MAKER,TAKER", value_parser = tier_fees)]
    fee_tiers: Vec<TierFees>,

    /// Charge everybody alike, whatever their fee tier
    #[arg(long, conflicts_with = "fee_tiers")]
    no_fee_tiers: bool,

    #[command(flatten)]
    filters: FilterArguments,
}

fn tier_fees(text: &str) -> Result<TierFees, String> {
    let parts = || {
        let (tier, rates) = text.split_once('=')?;
        let (maker_fee, taker_fee) = rates.split_once(',')?;
        let (maker_fee, taker_fee) = (maker_fee.to_owned(), taker_fee.to_owned());
        Some(TierFees { tier: tier.parse().ok()?, maker_fee, taker_fee })
    };
    parts().ok_or_else(|| "write a tier and two fractions, such as 1=0.0008,0.0015".to_owned())
}

/// In which asset fees are charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ChargedIn {
    /// The quote asset: a buyer pays on top of the price
    Quote,
    /// What each side receives: a buyer pays in the base asset
    Received,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
struct FilterArguments {
    /// The least price and stop price
    #[arg(long, value_name = "PRICE")]
    min_price: Option<String>,

    /// The most
    #[arg(long, value_name = "PRICE")]
    max_price: Option<String>,

    /// What they must be multiples of
    #[arg(long, value_name = "PRICE")]
    price_step: Option<String>,

    /// The least quantity, and display quantity
    #[arg(long, value_name = "QUANTITY")]
    min_quantity: Option<String>,

    /// The most
    #[arg(long, value_name = "QUANTITY")]
    max_quantity: Option<String>,

    /// What they must be multiples of
    #[arg(long, value_name = "QUANTITY")]
    quantity_step: Option<String>,

    /// The least quantity of a market order
    #[arg(long, value_name = "QUANTITY")]
    market_min_quantity: Option<String>,

    /// The most
    #[arg(long, value_name = "QUANTITY")]
    market_max_quantity: Option<String>,

    /// What it must be a multiple of
    #[arg(long, value_name = "QUANTITY")]
    market_quantity_step: Option<String>,

    /// The least that price times quantity may be
    #[arg(long, value_name = "AMOUNT")]
    min_notional: Option<String>,

    /// The most
    #[arg(long, value_name = "AMOUNT")]
    max_notional: Option<String>,

    /// Whether the least is asked of market orders too
    #[arg(long, value_name = "BOOL")]
    min_notional_on_market: Option<bool>,

    /// Whether the most is
    #[arg(long, value_name = "BOOL")]
    max_notional_on_market: Option<bool>,

    /// How many times the last trade's price a buyer may offer at most, such as 1.2
    #[arg(long, value_name = "NUMBER")]
    bid_multiplier_up: Option<String>,

    /// And at least
    #[arg(long, value_name = "NUMBER")]
    bid_multiplier_down: Option<String>,

    /// How many times that price a seller may ask at most
    #[arg(long, value_name = "NUMBER")]
    ask_multiplier_up: Option<String>,

    /// And at least
    #[arg(long, value_name = "NUMBER")]
    ask_multiplier_down: Option<String>,

    /// How many orders an account may have open in it
    #[arg(long, value_name = "COUNT")]
    max_orders: Option<u32>,

    /// How many of them may wait for a price
    #[arg(long, value_name = "COUNT")]
    max_algo_orders: Option<u32>,

    /// In how many parts an iceberg may be shown
    #[arg(long, value_name = "COUNT")]
    max_iceberg_parts: Option<u32>,

    /// The smallest trailing delta of stop-loss buys and take-profit sells
    #[arg(long, value_name = "BPS")]
    min_trailing_above_bps: Option<u32>,

    /// The largest
    #[arg(long, value_name = "BPS")]
    max_trailing_above_bps: Option<u32>,

    /// The smallest trailing delta of stop-loss sells and take-profit buys
    #[arg(long, value_name = "BPS")]
    min_trailing_below_bps: Option<u32>,

    /// The largest
    #[arg(long, value_name = "BPS")]
    max_trailing_below_bps: Option<u32>,
}

impl SetArguments {
    /// What is asked of the gateway.
    pub(super) fn request(self, operator: String) -> SetInstrumentRequest {
        let fee_asset = match self.fee_asset {
            None => FeeAsset::Unspecified,
            Some(ChargedIn::Quote) => FeeAsset::Quote,
            Some(ChargedIn::Received) => FeeAsset::Received,
        };
        SetInstrumentRequest {
            operator,
            instrument: self.instrument,
            price_protection_bps: self.price_protection_bps,
            maker_fee: self.maker_fee,
            taker_fee: self.taker_fee,
            fee_asset: fee_asset.into(),
            filters: Some(self.filters.into()),
            price_band_bps: self.price_band_bps,
            price_band_reference_secs: self.price_band_reference_secs,
            price_band_auction_secs: self.price_band_auction_secs,
            fee_tiers: (self.no_fee_tiers || !self.fee_tiers.is_empty())
                .then_some(TierFeesOfAll { tiers: self.fee_tiers }),
        }
    }
}

impl From<FilterArguments> for InstrumentFilters {
    fn from(said: FilterArguments) -> Self {
        InstrumentFilters {
            min_price: said.min_price,
            max_price: said.max_price,
            price_step: said.price_step,
            min_quantity: said.min_quantity,
            max_quantity: said.max_quantity,
            quantity_step: said.quantity_step,
            market_min_quantity: said.market_min_quantity,
            market_max_quantity: said.market_max_quantity,
            market_quantity_step: said.market_quantity_step,
            min_notional: said.min_notional,
            max_notional: said.max_notional,
            min_notional_on_market: said.min_notional_on_market,
            max_notional_on_market: said.max_notional_on_market,
            bid_multiplier_up: said.bid_multiplier_up,
            bid_multiplier_down: said.bid_multiplier_down,
            ask_multiplier_up: said.ask_multiplier_up,
            ask_multiplier_down: said.ask_multiplier_down,
            max_orders: said.max_orders,
            max_algo_orders: said.max_algo_orders,
            max_iceberg_parts: said.max_iceberg_parts,
            min_trailing_above_bps: said.min_trailing_above_bps,
            max_trailing_above_bps: said.max_trailing_above_bps,
            min_trailing_below_bps: said.min_trailing_below_bps,
            max_trailing_below_bps: said.max_trailing_below_bps,
        }
    }
}
