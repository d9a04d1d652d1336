//! Instruments and orders to test with.

use matcher_core::{Books, NewOrder, Size};
use model::{
    AccountHandle, Amount, Asset, AssetId, Fees, Filters, Instructions, Instrument, InstrumentId,
    OrderId, OrderType, Price, PriceBand, Quantity, Side, TimeInForce, instrument::Listing,
};

pub const A: InstrumentId = InstrumentId(1);
pub const B: InstrumentId = InstrumentId(2);

/// One tick is one unit of the quote asset and one lot one unit of the base asset, so that prices,
/// quantities and amounts read as they are.
pub fn plain(id: InstrumentId, price_protection_bps: u32) -> Instrument {
    let one = Amount::from_units(1);
    listed(id, Listing { id, tick_size: one, lot_size: one, price_protection_bps })
}

/// One that takes only such orders.
pub fn filtering(id: InstrumentId, filters: Filters) -> Instrument {
    plain(id, 500).filtering(filters).expect("filters that make sense")
}

/// The same, that stops for an auction outside of this band.
pub fn banding(id: InstrumentId, filters: Filters, band: Option<PriceBand>) -> Instrument {
    filtering(id, filters).banding(band).expect("a band that makes sense")
}

fn listed(id: InstrumentId, listing: Listing) -> Instrument {
    let base = Asset { id: AssetId(2 * id.0), code: format!("I{}", id.0), decimals: 0 };
    let quote = Asset { id: AssetId(1), code: "USD".to_owned(), decimals: 0 };
    Instrument::list(&base, &quote, listing).expect("a good listing")
}

pub fn books() -> Books {
    let mut books = Books::new();
    assert!(books.list(plain(B, 500)) && books.list(plain(A, 500)));
    books
}

pub fn id(number: u64) -> OrderId {
    OrderId::from_number(number).expect("in range")
}

pub fn price(ticks: u64) -> Price {
    Price::from_ticks(ticks).expect("in range")
}

pub fn lots(count: u64) -> Quantity {
    Quantity::from_lots(count).expect("in range")
}

pub fn limit(number: u64, account: u32, side: Side, count: u64, ticks: u64) -> NewOrder {
    NewOrder {
        id: id(number),
        account: AccountHandle(account),
        instrument: A,
        side,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Some(price(ticks)),
        size: Size::Base(lots(count)),
        funds: Amount::ZERO,
        fees: Fees::NONE,
        instructions: Instructions::default(),
    }
}

pub fn market(number: u64, account: u32, side: Side, size: Size, funds: Amount) -> NewOrder {
    let order_type = OrderType::Market;
    NewOrder { order_type, price: None, size, funds, ..limit(number, account, side, 1, 1) }
}
