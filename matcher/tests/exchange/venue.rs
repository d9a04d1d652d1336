//! A shard's state under test, and how a client talks to it.

use matcher::Exchange;
use model::{
    AccountName, Amount, AssetId, Instructions, InstrumentId, KeyText, OperatorName, OrderId,
    Partition, Price, Quantity, RequestId, Side, TimeInForce, Timestamp,
};
use proto::{
    command::{
        Ask, ClientCommand, Command, Key, KeySpace, Movement, Operator, OperatorCommand,
        OperatorWord, PlaceOrder, Stamp,
    },
    draft::Draft,
    link::LinkItem,
    log::{self, RefusalReason, outcome},
    reference::{
        AssetListing, InstrumentListing, ReferenceBody, ReferenceRecord, reference_body::Body,
    },
};
use spine::{ClientInput, Core, LinkInput, OperatorInput};

/// Quote and base assets, and the one instrument.
pub(crate) const USD: u32 = 1;
pub(crate) const BTC: u32 = 2;
pub(crate) const BTC_USD: InstrumentId = InstrumentId(1);

/// A second, in the log's nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// What became of a command, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    Applied,
    Refused(RefusalReason),
    Duplicate(u64),
}

pub(crate) struct Venue {
    pub(crate) exchange: Exchange,
    pub(crate) partition: Partition,
    pub(crate) next_offset: u64,
    pub(crate) now: u64,
    pub(crate) behaviour: u32,
}

impl Venue {
    /// A shard that trades BTC in USD, in a sandbox that gives 1,000 USD and 10 BTC, or in none.
    pub(crate) fn new(sandbox: bool) -> Venue {
        let mut venue = Venue::bare(sandbox, 1, Partition::FIRST);
        venue.list(asset(USD, "USD", 1_000));
        venue.list(asset(BTC, "BTC", 10));
        venue.list(Body::Instrument(btc_usd()));
        venue
    }

    /// One shard of several that lists nothing yet.
    pub(crate) fn bare(sandbox: bool, partition_count: u32, partition: Partition) -> Venue {
        let genesis = log::Genesis {
            log_id: vec![7; 16],
            partition_count,
            sandbox,
            key_retention_nanos: 100 * SECOND,
            behaviour: spine::BEHAVIOUR,
        };
        let exchange = Exchange::new(&genesis, partition);
        Venue { exchange, partition, next_offset: 1, now: SECOND, behaviour: spine::BEHAVIOUR }
    }

    pub(crate) fn list(&mut self, body: Body) {
        assert_eq!(self.try_list(1, body), Became::Applied);
    }

    pub(crate) fn try_list(&mut self, version: u32, body: Body) -> Became {
        let record = ReferenceRecord {
            key: matcher::exchange::reference_key(&body),
            version,
            body: Some(ReferenceBody { body: Some(body) }),
        };
        let mut body = Draft::default();
        self.exchange.change_reference(&record, &mut body);
        self.next_offset += 1;
        became(&body.body())
    }

    /// Applies a command whose record is appended now.
    pub(crate) fn apply(&mut self, account: &str, command: Command) -> log::AnswerBody {
        self.apply_until(account, command, self.now + 10 * SECOND)
    }

    /// The same, valid until the given instant.
    pub(crate) fn apply_until(
        &mut self,
        account: &str,
        command: Command,
        valid_until: u64,
    ) -> log::AnswerBody {
        let command = ClientCommand {
            stamp: Stamp {
                request_id: RequestId(self.next_offset.into()),
                valid_until: Timestamp::from_unix_nanos(valid_until),
            },
            account: AccountName::new(account).expect("a good name"),
            command,
        };
        let now = Timestamp::from_unix_nanos(self.now);
        let mut body = Draft::default();
        self.exchange.pass_time(now, &mut body);
        let input = ClientInput {
            offset: self.next_offset,
            appended_at: now,
            now,
            behaviour: self.behaviour,
            command: &command,
        };
        self.exchange.apply(&input, &mut body);
        self.next_offset += 1;
        body.body()
    }

    /// Applies a word of an operator, whose record is appended now.
    pub(crate) fn operate(&mut self, command: OperatorWord) -> log::AnswerBody {
        self.operate_until(command, self.now + 10 * SECOND)
    }

    /// The same, valid until the given instant.
    pub(crate) fn operate_until(
        &mut self,
        command: OperatorWord,
        valid_until: u64,
    ) -> log::AnswerBody {
        let stamp = Stamp {
            request_id: RequestId(self.next_offset.into()),
            valid_until: Timestamp::from_unix_nanos(valid_until),
        };
        let name = OperatorName::new("olga").expect("a good name");
        let command = OperatorCommand { by: Operator { name, stamp }, command };
        let now = Timestamp::from_unix_nanos(self.now);
        let mut body = Draft::default();
        self.exchange.pass_time(now, &mut body);
        let input = OperatorInput { appended_at: now, now, command: &command };
        self.exchange.operate(&input, &mut body);
        self.next_offset += 1;
        body.body()
    }

    /// Takes an item from another shard and goes on with what it brought.
    pub(crate) fn take(&mut self, from: Partition, item: &LinkItem) -> log::AnswerBody {
        let now = Timestamp::from_unix_nanos(self.now);
        let mut body = Draft::default();
        self.exchange.pass_time(now, &mut body);
        let input = LinkInput { from, now, behaviour: spine::BEHAVIOUR, item: &item.into() };
        self.exchange.take_link(&input, &mut body).expect("it is owed");
        self.exchange.go_on(now, &mut body);
        body.body()
    }

    /// The id of the order that the last command placed.
    pub(crate) fn last_order(&self) -> OrderId {
        OrderId::at(self.partition, self.next_offset - 1).expect("in range")
    }

    pub(crate) fn balance(&self, account: &str, asset: u32) -> (i128, i128) {
        let accounts = self.exchange.accounts();
        let name = AccountName::new(account).expect("a good name");
        accounts.find(&name).map_or((0, 0), |handle| {
            let balance = accounts.balance(handle, AssetId(asset));
            (balance.available.units(), balance.held.units())
        })
    }
}

/// An asset of which the sandbox gives so many coins.
pub(crate) fn asset(id: u32, code: &str, coins: u64) -> Body {
    let sandbox_grant_units = coins * 100_000_000;
    Body::Asset(AssetListing { id, code: code.to_owned(), decimals: 8, sandbox_grant_units })
}

/// The instrument, on the first shard.
pub(crate) fn btc_usd() -> InstrumentListing {
    InstrumentListing {
        id: BTC_USD.0,
        base_asset_id: BTC,
        quote_asset_id: USD,
        tick_size_units: 1_000_000,
        lot_size_units: 1_000,
        price_protection_bps: 500,
        partition: 0,
        ..Default::default()
    }
}

pub(crate) fn place(key: &str, side: Side, ask: Ask, time_in_force: TimeInForce) -> Command {
    place_in(BTC_USD, key, side, ask, time_in_force)
}

pub(crate) fn place_in(
    instrument: InstrumentId,
    key: &str,
    side: Side,
    ask: Ask,
    time_in_force: TimeInForce,
) -> Command {
    let key = Key { space: KeySpace::ClientOrderId, text: KeyText::new(key).expect("a good key") };
    let instructions = Instructions::default();
    Command::Place(PlaceOrder { key, instrument, side, ask, time_in_force, instructions })
}

/// The same order, saying more.
pub(crate) fn saying(
    command: Command,
    time_in_force: TimeInForce,
    instructions: Instructions,
) -> Command {
    match command {
        Command::Place(place) => {
            Command::Place(PlaceOrder { time_in_force, instructions, ..place })
        }
        other => other,
    }
}

pub(crate) fn limit(key: &str, side: Side, price_ticks: u64, lots: u64) -> Command {
    let price = Price::from_ticks(price_ticks).expect("in range");
    let quantity = Quantity::from_lots(lots).expect("in range");
    place(key, side, Ask::Limit { price, quantity }, TimeInForce::Gtc)
}

pub(crate) fn market(key: &str, side: Side, lots: u64) -> Command {
    let quantity = Quantity::from_lots(lots).expect("in range");
    place(key, side, Ask::Market { quantity }, TimeInForce::Ioc)
}

pub(crate) fn movement(asset: u32, units: i128, id: &str) -> Movement {
    Movement {
        asset: AssetId(asset),
        amount: Amount::from_units(units),
        id: KeyText::new(id).expect("a good id"),
    }
}

pub(crate) fn became(body: &log::AnswerBody) -> Became {
    let outcome = body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
    match outcome.expect("every input has an outcome") {
        outcome::Kind::Applied(_) => Became::Applied,
        outcome::Kind::Refused(refused) => Became::Refused(refused.reason()),
        outcome::Kind::Duplicate(duplicate) => Became::Duplicate(duplicate.original_order_id),
        other => panic!("a core does not answer {other:?}"),
    }
}
