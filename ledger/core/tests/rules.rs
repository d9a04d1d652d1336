//! The rules as text: `tests/rules/*.txt`, one row for each operation, entries in and entries out.
//!
//! A row is `operation | expected`. What is expected is the postings, each `cause: account bucket
//! amount asset, ...`, divided by `;`, or `nothing`, or `refused: why`, or the answer to a
//! question. A row without an operation continues the one above. `#` begins a remark. After every
//! row the invariants are checked, and every refusal must have changed nothing.
//!
//! The assets are USD with two decimals and BTC with two; BTC-USD has a tick of 1 USD and a lot of
//! 1 BTC.

use std::{collections::BTreeMap, fs, path::Path};

use ledger_core::{
    Accounts, Bucket, Cause, Grant, MarketSize, MoneyError, Movement, Posting, Postings,
    Settlement, Transfer, hold_for, hold_for_market,
};
use model::{
    AccountHandle, AccountName, Amount, Asset, AssetId, FeeAsset, FeeRate, Fees, Instrument,
    InstrumentId, KeyText, OrderId, Partition, Price, Quantity, Side, TradeId, instrument::Listing,
};

struct Book {
    accounts: Accounts,
    out: Postings,
    assets: [Asset; 2],
    instrument: Instrument,
    /// By the name of an account; by no name, those of all others.
    fees: BTreeMap<String, Fees>,
}

/// What a row did: postings, or an answer in words.
type Done = Result<Option<String>, MoneyError>;

fn order_id(text: &str) -> OrderId {
    OrderId::from_number(text.parse().expect("a number")).expect("in range")
}

/// A schedule of rates in millionths.
fn schedule(maker: &str, taker: &str, asset: &str) -> Fees {
    let rate =
        |text: &str| FeeRate::from_millionths(text.parse().expect("a number")).expect("in range");
    let charged_in = if asset == "quote" { FeeAsset::Quote } else { FeeAsset::Received };
    Fees::new(rate(maker), rate(taker), charged_in).expect("a schedule")
}

fn partition(text: &str) -> Partition {
    Partition::new(text.parse().expect("a number")).expect("in range")
}

impl Book {
    fn new() -> Book {
        let asset = |id, code: &str| Asset { id: AssetId(id), code: code.to_owned(), decimals: 2 };
        let assets = [asset(1, "USD"), asset(2, "BTC")];
        let hundred = Amount::from_units(100);
        let listing = Listing {
            id: InstrumentId(1),
            tick_size: hundred,
            lot_size: hundred,
            price_protection_bps: 500,
        };
        let instrument = Instrument::list(&assets[1], &assets[0], listing).expect("a listing");
        let fees = BTreeMap::new();
        Book { accounts: Accounts::new(None), out: Postings::new(), assets, instrument, fees }
    }

    fn asset(&self, code: &str) -> AssetId {
        let found = self.assets.iter().find(|asset| asset.code == code);
        found.map_or(AssetId(99), |asset| asset.id)
    }

    fn amount(&self, text: &str) -> Amount {
        match text.strip_prefix('-') {
            Some(text) => -self.assets[0].parse_amount(text).expect("an amount"),
            None => self.assets[0].parse_amount(text).expect("an amount"),
        }
    }

    fn fees_of(&self, name: &str) -> Fees {
        let fees = self.fees.get(name).or_else(|| self.fees.get(""));
        fees.copied().unwrap_or_default()
    }

    fn price(&self, text: &str) -> Price {
        self.instrument.parse_price(text).expect("a price")
    }

    fn quantity(&self, text: &str) -> Quantity {
        self.instrument.parse_quantity(text).expect("a quantity")
    }

    fn handle(&self, name: &str) -> AccountHandle {
        self.accounts.find(&account(name)).expect("an open account")
    }

    fn run(&mut self, operation: &[&str]) -> Done {
        let answer = match *operation {
            ["sandbox"] => {
                self.accounts = Accounts::new(Some(Grant::STANDARD));
                None
            }
            ["sandbox", number, "of", count] => {
                let count = count.parse().expect("a number");
                let accounts = Accounts::new(Some(Grant::STANDARD));
                self.accounts = accounts.on(partition(number), count);
                None
            }
            ["list", asset, "grant", grant] => {
                let (asset, grant) = (self.asset(asset), self.amount(grant));
                self.accounts.list_asset(asset, grant).expect("a good listing");
                None
            }
            ["open", name] => {
                self.accounts.open(&account(name), &mut self.out)?;
                None
            }
            ["compact", name, "open", open_orders] => {
                let handle = self.handle(name);
                let open_orders = open_orders.parse().expect("a number");
                let is_gone = self.accounts.compact(handle, open_orders, &mut self.out);
                (!is_gone).then(|| "kept".to_owned())
            }
            ["balance", name, asset] => {
                let balance = self.accounts.balance(self.handle(name), self.asset(asset));
                let [available, held] = [balance.available, balance.held]
                    .map(|part| self.assets[0].format_amount(part));
                Some(format!("{available} available, {held} held"))
            }
            ["link", name, asset] => {
                let link = self.accounts.link(self.handle(name), self.asset(asset));
                Some(self.assets[0].format_amount(link))
            }
            ["send", name, amount, asset, "to", to] => {
                let (handle, asset, amount) =
                    (self.handle(name), self.asset(asset), self.amount(amount));
                self.accounts.send(handle, asset, amount, partition(to), &mut self.out);
                None
            }
            ["receive", name, amount, asset, "from", from] => {
                let (handle, asset, amount) =
                    (self.handle(name), self.asset(asset), self.amount(amount));
                self.accounts.receive(handle, asset, amount, partition(from), &mut self.out);
                None
            }
            ["transfer", from, amount, asset, "to", to, "id", id] => {
                let (asset, amount) = (self.asset(asset), self.amount(amount));
                return self.transfer(from, to, asset, amount, id);
            }
            ["take", to, amount, asset, "id", id] => {
                let (handle, asset, amount) =
                    (self.handle(to), self.asset(asset), self.amount(amount));
                let (moved, from) = ((asset, amount), partition("1"));
                self.accounts.take_transfer(handle, moved, &key(id), from, &mut self.out);
                None
            }
            ["return", from, amount, asset, "of", to, "id", id] => {
                let both = (self.handle(from), self.handle(to));
                let (asset, amount) = (self.asset(asset), self.amount(amount));
                self.accounts.return_transfer(both, (asset, amount), &key(id), &mut self.out);
                None
            }
            ["corrected", asset] => {
                let corrected = self.accounts.adjustments(self.asset(asset)).units();
                let sign = if corrected < 0 { "-" } else { "" };
                let amount = Amount::from_units(corrected.abs());
                Some(format!("{sign}{}", self.assets[0].format_amount(amount)))
            }
            ["could", name, "use", asset] => {
                let available = self.accounts.available_to(&account(name), self.asset(asset));
                Some(self.assets[0].format_amount(available))
            }
            ["came", "in", asset] => {
                let asset = self.asset(asset);
                let amounts =
                    [self.accounts.net_deposits(asset), self.accounts.owed_to_clients(asset)];
                let [came, owed] = amounts.map(|amount| self.assets[0].format_amount(amount));
                Some(format!("{came}, owed {owed}"))
            }
            ["fees", "maker", maker, "taker", taker, "in", asset] => {
                self.fees.insert(String::new(), schedule(maker, taker, asset));
                None
            }
            ["fees", "of", name, "maker", maker, "taker", taker, "in", asset] => {
                self.fees.insert(name.to_owned(), schedule(maker, taker, asset));
                None
            }
            ["house", asset] => {
                Some(self.assets[0].format_amount(self.accounts.fee_income(self.asset(asset))))
            }
            _ => return self.run_trading(operation),
        };
        Ok(answer)
    }

    fn run_trading(&mut self, operation: &[&str]) -> Done {
        match *operation {
            [kind @ ("deposit" | "withdraw" | "adjust"), name, amount, asset, "id", id] => {
                self.move_money(kind, name, self.amount(amount), self.asset(asset), id)
            }
            ["place", order, name, side, quantity, "at", price] => {
                let (price, quantity) = (self.price(price), self.quantity(quantity));
                let (asset, amount) =
                    hold_for(side_of(side), &self.instrument, &self.fees_of(name), price, quantity);
                self.hold(name, asset, amount, order)
            }
            ["end", order, name, side, rest, "at", price] => {
                let (price, rest) = (self.price(price), self.quantity(rest));
                let (asset, rest) =
                    hold_for(side_of(side), &self.instrument, &self.fees_of(name), price, rest);
                self.release(name, asset, rest, order)
            }
            ["market", order, name, side, "for", size, unit, "bound", bound] => {
                let size = match unit {
                    "BTC" => MarketSize::Base(self.quantity(size)),
                    _ => MarketSize::Quote(self.amount(size)),
                };
                let side = side_of(side);
                let held = if side == Side::Buy { "USD" } else { "BTC" };
                let available = self.accounts.available_to(&account(name), self.asset(held));
                let bound = self.price(bound);
                let fees = self.fees_of(name);
                let (asset, amount) =
                    hold_for_market(side, &self.instrument, &fees, size, bound, available);
                self.hold(name, asset, amount, order)
            }
            ["end", order, name, rest, asset] => {
                self.release(name, self.asset(asset), self.amount(rest), order)
            }
            [
                "trade",
                trade,
                buyer,
                "buys",
                quantity,
                "at",
                price,
                "limit",
                limit,
                "from",
                ref takes @ ..,
                seller,
            ] => {
                let is_sale = *takes == ["taker"];
                let settlement = Settlement {
                    instrument: &self.instrument,
                    trade: TradeId(trade.parse().expect("a number")),
                    price: self.price(price),
                    quantity: self.quantity(quantity),
                    buyer: self.handle(buyer),
                    maker_side: if is_sale { Side::Buy } else { Side::Sell },
                    buyer_limit: (limit != "none").then(|| self.price(limit)),
                    buyer_fees: self.fees_of(buyer),
                    seller: self.handle(seller),
                    seller_fees: self.fees_of(seller),
                };
                self.accounts.settle(&settlement, &mut self.out);
                Ok(None)
            }
            _ => panic!("no such operation: {operation:?}"),
        }
    }

    fn move_money(
        &mut self,
        kind: &str,
        name: &str,
        amount: Amount,
        asset: AssetId,
        id: &str,
    ) -> Done {
        let (handle, id) = (self.handle(name), key(id));
        let movement = match kind {
            "deposit" => self.accounts.deposit(handle, asset, amount, &id, &mut self.out)?,
            "withdraw" => self.accounts.withdraw(handle, asset, amount, &id, &mut self.out)?,
            _ => self.accounts.adjust(handle, asset, amount, &id, &mut self.out)?,
        };
        Ok(done(movement))
    }

    /// As the shard does it: asks first, and opens the receiver then.
    fn transfer(&mut self, from: &str, to: &str, asset: AssetId, amount: Amount, id: &str) -> Done {
        let (to, id) = (account(to), key(id));
        let transfer = Transfer { to: &to, asset, amount, id: &id };
        if self.accounts.check_transfer(&account(from), &transfer)? == Movement::Applied {
            self.accounts.open(&to, &mut self.out)?;
        }
        let movement = self.accounts.transfer(self.handle(from), &transfer, &mut self.out)?;
        Ok(done(movement))
    }

    fn hold(&mut self, name: &str, asset: AssetId, amount: Amount, order: &str) -> Done {
        let handle = self.handle(name);
        self.accounts.hold(handle, asset, amount, order_id(order), &mut self.out).map(|()| None)
    }

    fn release(&mut self, name: &str, asset: AssetId, rest: Amount, order: &str) -> Done {
        let handle = self.handle(name);
        self.accounts.release(handle, asset, rest, order_id(order), &mut self.out);
        Ok(None)
    }

    fn in_words(&self, posting: Posting<'_>) -> String {
        let cause = match posting.cause {
            Cause::Grant => "grant".to_owned(),
            Cause::GrantReturned => "grant returned".to_owned(),
            Cause::Deposit { id } => format!("deposit {id}"),
            Cause::Withdrawal { id } => format!("withdrawal {id}"),
            Cause::Transfer { id, .. } => format!("transfer {id}"),
            Cause::TransferTaken { id, .. } => format!("transfer taken {id}"),
            Cause::TransferReturned { id, .. } => format!("transfer returned {id}"),
            Cause::Adjustment { id } => format!("adjustment {id}"),
            Cause::Hold { order } => format!("hold {order}"),
            Cause::Trade { trade, .. } => format!("trade {}", trade.0),
            Cause::Release { order } => format!("release {order}"),
            Cause::LinkSent { to } => format!("link sent {to}"),
            Cause::LinkTaken { from } => format!("link taken {from}"),
        };
        let legs = posting.legs.iter().map(|leg| {
            let bucket = match leg.bucket {
                Bucket::Available(handle) => format!("{} available", self.accounts.name(handle)),
                Bucket::Held(handle) => format!("{} held", self.accounts.name(handle)),
                Bucket::External => "external".to_owned(),
                Bucket::Faucet => "faucet".to_owned(),
                Bucket::Fees => "house".to_owned(),
                Bucket::Adjustments => "adjustments".to_owned(),
                Bucket::Link(handle) => format!("{} link", self.accounts.name(handle)),
            };
            let sign = if leg.amount.is_negative() { "" } else { "+" };
            let asset = self.assets.iter().find(|asset| asset.id == leg.asset).expect("listed");
            format!("{bucket} {sign}{} {}", asset.format_amount(leg.amount), asset.code)
        });
        format!("{cause}: {}", legs.collect::<Vec<_>>().join(", "))
    }

    /// Runs one row and says what came of it.
    fn answer(&mut self, operation: &str) -> String {
        self.out.clear();
        let before = self.accounts.image();
        let words: Vec<&str> = operation.split_whitespace().collect();
        let done = self.run(&words);
        self.accounts.check_invariants().unwrap_or_else(|why| panic!("{operation}: {why}"));
        match done {
            Err(error) => {
                assert!(self.accounts.image() == before, "refused, but changed: {operation}");
                assert!(self.out.is_empty(), "refused, but posted: {operation}");
                format!("refused: {error}")
            }
            Ok(Some(answer)) => answer,
            Ok(None) if self.out.is_empty() => "nothing".to_owned(),
            Ok(None) => {
                let postings: Vec<String> = self.out.iter().map(|one| self.in_words(one)).collect();
                postings.join("; ")
            }
        }
    }
}

fn account(name: &str) -> AccountName {
    AccountName::new(name).expect("a name")
}

fn key(text: &str) -> KeyText {
    KeyText::new(text).expect("a key")
}

fn done(movement: Movement) -> Option<String> {
    (movement == Movement::AlreadyApplied).then(|| "already applied".to_owned())
}

fn side_of(text: &str) -> Side {
    if text == "buys" { Side::Buy } else { Side::Sell }
}

/// The rows of a table: line number, operation, expected.
fn rows(table: &str) -> Vec<(usize, String, String)> {
    let mut rows: Vec<(usize, String, String)> = Vec::new();
    for (number, line) in table.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let (operation, expected) = line.split_once('|').unwrap_or((line, ""));
        let [operation, expected] =
            [operation, expected].map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "));
        match rows.last_mut() {
            _ if operation.is_empty() && expected.is_empty() => {}
            Some((_, _, above)) if operation.is_empty() => {
                *above = format!("{above} {expected}").trim().to_owned();
            }
            _ => rows.push((number + 1, operation, expected)),
        }
    }
    rows
}

#[test]
fn every_table_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let entries = fs::read_dir(folder).expect("the folder of tables");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in &files {
        let table = fs::read_to_string(file).expect("a table");
        let mut book = Book::new();
        for (line, operation, expected) in rows(&table) {
            let got = book.answer(&operation);
            seen += 1;
            if got != expected {
                let file = file.display();
                wrong.push(format!("{file}:{line}: {operation}\n  not {expected}\n  but {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 60, "only {seen} rows were found");
}
