//! How fast money moves: one order's worth of it at a time, over many accounts.

use divan::{Bencher, counter::ItemsCount};
use ledger_core::{Accounts, Postings, Settlement, hold_for};
use model::{
    AccountHandle, AccountName, Amount, Asset, AssetId, Fees, Instrument, InstrumentId, KeyText,
    OrderId, Price, Quantity, Side, TradeId, instrument::Listing,
};

/// As many accounts as the platform's closed-loop benchmark has.
const ACCOUNTS: u32 = 10_000;

fn main() {
    divan::main();
}

fn instrument() -> Instrument {
    let asset = |id, code: &str| Asset { id: AssetId(id), code: code.to_owned(), decimals: 8 };
    let listing = Listing {
        id: InstrumentId(1),
        tick_size: Amount::from_units(1_000_000),
        lot_size: Amount::from_units(1_000),
        price_protection_bps: 500,
    };
    Instrument::list(&asset(2, "BTC"), &asset(1, "USD"), listing).expect("a good listing")
}

fn funded() -> Accounts {
    let mut accounts = Accounts::new(None);
    let mut out = Postings::new();
    for asset in 1..=14 {
        accounts.list_asset(AssetId(asset), Amount::ZERO).expect("a good listing");
    }
    let plenty = Amount::from_units(1 << 90);
    let id = KeyText::new("first").expect("a key");
    for number in 0..ACCOUNTS {
        let name = AccountName::new(&format!("account-{number}")).expect("a name");
        let handle = accounts.open(&name, &mut out).expect("room");
        accounts.deposit(handle, AssetId(1), plenty, &id, &mut out).expect("credited");
        let id = KeyText::new("second").expect("a key");
        accounts.deposit(handle, AssetId(2), plenty, &id, &mut out).expect("credited");
    }
    accounts
}

/// Two orders enter, trade at a better price than the buyer's limit, and half of each is released:
/// five postings, for two orders.
#[divan::bench]
fn two_orders_hold_trade_and_end(bencher: Bencher<'_, '_>) {
    let instrument = instrument();
    let mut accounts = funded();
    let mut out = Postings::new();
    let [limit, price] = [6_000_000, 5_900_000].map(|ticks| Price::from_ticks(ticks).expect("ok"));
    let [asked, half] = [20, 10].map(|lots| Quantity::from_lots(lots).expect("ok"));
    let mut number = 0_u32;
    bencher.counter(ItemsCount::new(2_u32)).bench_local(|| {
        out.clear();
        number = number.wrapping_add(7_919);
        let [buyer, seller] = [number, number / 3].map(|one| AccountHandle(one % ACCOUNTS));
        let order = OrderId::from_number(u64::from(number)).expect("in range");
        for (side, handle) in [(Side::Buy, buyer), (Side::Sell, seller)] {
            let (asset, amount) = hold_for(side, &instrument, &Fees::NONE, limit, asked);
            accounts.hold(handle, asset, amount, order, &mut out).expect("funds");
        }
        let trade = Settlement {
            instrument: &instrument,
            trade: TradeId(1),
            price,
            quantity: half,
            maker_side: Side::Sell,
            buyer,
            buyer_limit: Some(limit),
            buyer_fees: Fees::NONE,
            seller,
            seller_fees: Fees::NONE,
        };
        accounts.settle(&trade, &mut out);
        for (side, handle) in [(Side::Buy, buyer), (Side::Sell, seller)] {
            let (asset, amount) = hold_for(side, &instrument, &Fees::NONE, limit, half);
            accounts.release(handle, asset, amount, order, &mut out);
        }
        out.touched().len()
    });
}

/// Finding an account by its name, as the first step of every command does.
#[divan::bench]
fn find_by_name(bencher: Bencher<'_, '_>) {
    let accounts = funded();
    let names: Vec<AccountName> = (0..ACCOUNTS)
        .map(|number| AccountName::new(&format!("account-{number}")).expect("a name"))
        .collect();
    let mut next = 0;
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        next = (next + 7_919) % names.len();
        accounts.find(&names[next])
    });
}
