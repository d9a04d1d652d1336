//! Several shards' states, and everything that goes between them under the test's control.

use std::collections::BTreeMap;

use model::{
    AccountName, Amount, AssetId, Contingency, Instructions, InstrumentId, KeyText, OperatorName,
    OrderFilter, OrderId, Partition, Price, Quantity, RequestId, Side, TimeInForce, Timestamp,
    Trigger, TriggerKind, home::home,
};
use prost::Message;
use proto::{
    command::{
        Ask, CancelAfter, ClientCommand, Command, Key, KeySpace, Leg, Movement, Operator,
        OperatorCommand, OperatorWord, OrderName, PlaceList, PlaceOrder, ReplaceOrder, Stamp,
        Transfer,
    },
    link::LinkItem,
    log::{self, event, input::Kind},
    reference::{
        AssetListing, InstrumentListing, ReferenceBody, ReferenceRecord, reference_body::Body,
    },
};
use spine::{
    Core, LogId, Record, Replica, Stored,
    answer::{self, Answer},
    genesis::Identity,
};

use crate::built::{Built, Wrong};

/// The quote asset and three base assets, each with an instrument of the same number on a shard of
/// its own where there are three.
pub(crate) const USD: u32 = 9;
pub(crate) const BASES: [u32; 3] = [1, 2, 3];

/// A whole coin, in smallest units.
pub(crate) const COIN: i128 = 100_000_000;

/// What the sandbox gives.
pub(crate) const USD_GRANT: i128 = 1_000 * COIN;
pub(crate) const BASE_GRANT: i128 = 10 * COIN;

/// A second, in the log's nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Accounts by the home that they have among three shards.
pub(crate) const AT_HOME: [&str; 3] = ["dave", "bob", "alice"];

pub(crate) struct Shard {
    pub(crate) replica: Replica<Built>,
    /// Everything that was ever sent, by destination.
    pub(crate) sent: BTreeMap<Partition, Vec<log::LinkItem>>,
    next_offset: u64,
}

pub(crate) struct World {
    pub(crate) shards: Vec<Shard>,
    pub(crate) now: u64,
    /// Every event since it was last taken, with the shard and the offset of its answer.
    pub(crate) told: Vec<(Partition, Answer)>,
    /// The version of each instrument that was listed again.
    versions: BTreeMap<u32, u32>,
}

pub(crate) fn partition(number: usize) -> Partition {
    Partition::new(u16::try_from(number).expect("small")).expect("in range")
}

pub(crate) fn name(account: &str) -> AccountName {
    AccountName::new(account).expect("a good name")
}

impl World {
    pub(crate) fn new(count: u16, sandbox: bool) -> World {
        World::built(count, sandbox, Wrong::Nothing)
    }

    /// The same with something wrong in every shard.
    pub(crate) fn built(count: u16, sandbox: bool, wrong: Wrong) -> World {
        let log_id = wrong.log_id();
        let genesis = log::Genesis {
            log_id: log_id.to_vec(),
            partition_count: count.into(),
            sandbox,
            key_retention_nanos: 100 * SECOND,
            behaviour: spine::BEHAVIOUR,
        };
        let identity =
            Identity { log_id: LogId(log_id), partition_count: count, genesis: genesis.clone() };
        let shards = (0..usize::from(count)).map(|number| Shard {
            replica: Replica::new(&identity, partition(number)),
            sent: BTreeMap::new(),
            next_offset: 0,
        });
        let versions = BTreeMap::new();
        let mut world = World { shards: shards.collect(), now: SECOND, told: Vec::new(), versions };
        for shard in 0..usize::from(count) {
            world.input(shard, Kind::Genesis(genesis.clone()));
            for body in listings(count) {
                let record = ReferenceRecord {
                    key: matcher::exchange::reference_key(&body),
                    version: 1,
                    body: Some(ReferenceBody { body: Some(body) }),
                };
                world.input(shard, Kind::ReferenceChanged(record));
            }
        }
        world.told.clear();
        world
    }

    /// Lists the next version of an instrument on every shard.
    pub(crate) fn relist(
        &mut self,
        instrument: u32,
        change: impl Fn(InstrumentListing) -> InstrumentListing,
    ) {
        let all = listings(self.count()).into_iter().filter_map(|body| match body {
            Body::Instrument(listing) if listing.id == instrument => Some(change(listing)),
            _ => None,
        });
        let body = Body::Instrument(all.last().expect("it is listed"));
        let key = matcher::exchange::reference_key(&body);
        let body = Some(ReferenceBody { body: Some(body) });
        let version = self.versions.entry(instrument).or_insert(1);
        *version += 1;
        let record = ReferenceRecord { key, version: *version, body };
        for shard in 0..self.shards.len() {
            self.input(shard, Kind::ReferenceChanged(record.clone()));
        }
    }

    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.shards.len()).expect("few")
    }

    /// Applies an input that is appended now, and checks what must hold after it.
    pub(crate) fn input(&mut self, shard: usize, kind: Kind) -> Answer {
        let appended_at = Timestamp::from_unix_nanos(self.now);
        let Shard { replica, sent, next_offset } = &mut self.shards[shard];
        let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
        let stored = Stored { offset: *next_offset, appended_at, record };
        *next_offset += 1;
        let computed = replica.apply(&stored).unwrap_or_else(|error| panic!("{error}"));
        let answer = answer::read(&computed.value).expect("it was just written");
        for link in &answer.body.links_sent {
            let to = partition(link.destination as usize);
            let items = sent.entry(to).or_default();
            items.push(link.item.clone().expect("an item"));
            assert_eq!(link.link_seq, items.len() as u64, "numbers have no gaps");
        }
        self.told.push((partition(shard), answer.clone()));
        answer
    }

    /// A client's command, valid for ten seconds; the place of its record.
    pub(crate) fn client(&mut self, account: &str, command: Command) -> (OrderId, Answer) {
        let shard = self.shard_of(account, &command);
        self.client_at(shard, account, command)
    }

    pub(crate) fn client_at(
        &mut self,
        shard: usize,
        account: &str,
        command: Command,
    ) -> (OrderId, Answer) {
        let offset = self.shards[shard].next_offset;
        let valid_until = Timestamp::from_unix_nanos(self.now + 10 * SECOND);
        let stamp = Stamp { request_id: RequestId(u128::from(offset) + 1), valid_until };
        let command = ClientCommand { stamp, account: name(account), command };
        let answer = self.input(shard, Kind::Client((&command).into()));
        (OrderId::at(partition(shard), offset).expect("in range"), answer)
    }

    /// A word of those who run the platform, valid for ten seconds.
    pub(crate) fn operate(&mut self, shard: usize, command: OperatorWord) -> Answer {
        let valid_until = Timestamp::from_unix_nanos(self.now + 10 * SECOND);
        let offset = self.shards[shard].next_offset;
        let stamp = Stamp { request_id: RequestId(u128::from(offset) + 1), valid_until };
        let by = Operator { name: OperatorName::new("olga").expect("a good name"), stamp };
        let command = OperatorCommand { by, command };
        self.input(shard, Kind::Operator((&command).into()))
    }

    fn shard_of(&self, account: &str, command: &Command) -> usize {
        let count = self.count();
        match command {
            Command::Place(place) | Command::Replace(ReplaceOrder { place, .. }) => {
                (place.instrument.0 as usize - 1) % usize::from(count)
            }
            Command::PlaceList(list) => (list.instrument.0 as usize - 1) % usize::from(count),
            Command::Cancel { order_id } => order_id.partition().number().into(),
            Command::CancelAll { instrument }
            | Command::CancelAfter(CancelAfter { instrument, .. })
            | Command::CancelMatching(OrderFilter { instrument, .. }) => {
                instrument.map_or(0, |one| (one.0 as usize - 1) % usize::from(count))
            }
            Command::Amend { order, .. } | Command::CancelNamed { order, .. } => match order {
                OrderName::Id(id) | OrderName::Both { id, .. } => id.partition().number().into(),
                OrderName::Own { instrument, .. } => {
                    (instrument.0 as usize - 1) % usize::from(count)
                }
            },
            Command::SetTradeGroup { .. }
            | Command::Deposit(_)
            | Command::Withdraw(_)
            | Command::Transfer(_) => home(&name(account), count).number().into(),
        }
    }

    /// The state of each shard.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Built> {
        self.shards.iter().map(|shard| shard.replica.core())
    }

    /// How many items `from` has sent to `to`, and how many of them are taken there.
    pub(crate) fn link(&self, from: usize, to: usize) -> (u64, u64) {
        let sent = self.shards[from].sent.get(&partition(to)).map_or(0, Vec::len) as u64;
        (sent, self.shards[to].replica.links().taken(partition(from)))
    }

    /// Appends a run of items to the destination's input: `count` of them from number `first` on.
    pub(crate) fn run(&mut self, from: usize, to: usize, first: u64, count: usize) -> Answer {
        let items = self.shards[from].sent.get(&partition(to));
        let first_index = usize::try_from(first - 1).expect("small");
        let items = items.into_iter().flatten().skip(first_index).take(count).cloned().collect();
        let taken = self.shards[from].replica.links().taken(partition(to));
        let source = u32::try_from(from).expect("small");
        let run = log::LinkRun { source, first_link_seq: first, items, taken };
        self.input(to, Kind::LinkRun(run))
    }

    pub(crate) fn tick(&mut self, shard: usize) -> Answer {
        self.input(shard, Kind::Tick(log::Tick {}))
    }

    /// Lets everything that is on its way arrive, without time passing, until nothing is.
    pub(crate) fn settle(&mut self) {
        let count = self.shards.len();
        for _ in 0..10_000 {
            let mut is_quiet = true;
            for from in 0..count {
                for to in (0..count).filter(|to| *to != from) {
                    let (sent, taken) = self.link(from, to);
                    if taken < sent {
                        is_quiet = false;
                        self.run(from, to, taken + 1, 256);
                    }
                }
                while self.shards[from].replica.core().has_more_to_expire() {
                    is_quiet = false;
                    self.tick(from);
                }
            }
            if is_quiet {
                return;
            }
        }
        panic!("the links never come to rest");
    }

    /// Time passes everywhere, a second at a time.
    pub(crate) fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += SECOND;
            for shard in 0..self.shards.len() {
                self.tick(shard);
            }
        }
    }

    /// What an account has of an asset on one shard: available, held, link.
    pub(crate) fn at(&self, shard: usize, account: &str, asset: u32) -> [i128; 3] {
        let accounts = self.shards[shard].replica.core().accounts();
        accounts.find(&name(account)).map_or([0; 3], |handle| {
            let asset = AssetId(asset);
            let balance = accounts.balance(handle, asset);
            [balance.available, balance.held, accounts.link(handle, asset)].map(Amount::units)
        })
    }

    /// What is on its way between shards, by account and asset.
    pub(crate) fn in_flight(&self) -> BTreeMap<(AccountName, u32), i128> {
        let mut in_flight = BTreeMap::new();
        for (from, shard) in self.shards.iter().enumerate() {
            for (to, items) in &shard.sent {
                let taken = self.link(from, to.number().into()).1;
                let on_its_way = items.iter().skip(usize::try_from(taken).expect("small"));
                for item in on_its_way {
                    let item = LinkItem::try_from(item).expect("a shard wrote it");
                    let amount = item.kind.amount().units();
                    *in_flight.entry((item.account, item.asset.0)).or_insert(0) += amount;
                }
            }
        }
        in_flight.retain(|_, amount| *amount != 0);
        in_flight
    }

    /// One balance, wherever it is: what the account has on all shards and on its way, available
    /// and held; an account that is not at home is at its grant there.
    pub(crate) fn balance(&self, account: &str, asset: u32) -> (i128, i128) {
        let account_name = name(account);
        let home = usize::from(home(&account_name, self.count()).number());
        let at_home = self.shards[home].replica.core().accounts();
        let mut available = match at_home.find(&account_name) {
            Some(_) => 0,
            None => at_home.available_to(&account_name, AssetId(asset)).units(),
        };
        let mut held = 0;
        for shard in 0..self.shards.len() {
            let [here, held_here, _] = self.at(shard, account, asset);
            available += here;
            held += held_here;
        }
        let in_flight = self.in_flight().get(&(account_name, asset)).copied();
        (available + in_flight.unwrap_or(0), held)
    }

    /// Checks every shard, that its state survives its encoding, and that what the links of all
    /// shards add up to is just what is on its way, for each account and asset.
    pub(crate) fn check(&self) {
        let mut links: BTreeMap<(AccountName, u32), i128> = BTreeMap::new();
        for shard in &self.shards {
            let exchange = shard.replica.core();
            exchange.check_invariants().unwrap_or_else(|broken| panic!("{broken}"));
            let accounts = exchange.accounts();
            for (asset, total) in accounts.totals() {
                assert!(total.is_zero(), "{asset:?} sums to {total:?}");
            }
            for account in &accounts.image().accounts {
                for (asset, link) in &account.links {
                    let sum = links.entry((account.name.clone(), asset.0)).or_insert(0);
                    *sum += link.units();
                }
            }
            let bytes = exchange.encode();
            let again = Built::decode(&bytes).unwrap_or_else(|broken| panic!("{broken}"));
            assert_eq!(again.encode(), bytes, "the encoding is canonical");
        }
        links.retain(|_, link| *link != 0);
        assert_eq!(links, self.in_flight());
    }

    /// Whether nothing waits, nothing is asked and nothing is on its way.
    pub(crate) fn is_at_rest(&self) -> bool {
        let waits = self.shards.iter().any(|shard| shard.replica.core().waits_for_links());
        !waits && self.in_flight().is_empty()
    }

    /// The events since they were last taken.
    pub(crate) fn take_events(&mut self) -> Vec<(Partition, u64, event::Kind)> {
        let answers = std::mem::take(&mut self.told);
        let of = |(partition, answer): (Partition, Answer)| {
            let kinds = answer.body.events.into_iter().filter_map(|event| event.kind);
            kinds.map(move |kind| (partition, answer.in_offset, kind))
        };
        answers.into_iter().flat_map(of).collect()
    }
}

fn listings(count: u16) -> Vec<Body> {
    let asset = |id, code: &str, units: i128| {
        let sandbox_grant_units = u64::try_from(units).expect("small");
        Body::Asset(AssetListing { id, code: code.to_owned(), decimals: 8, sandbox_grant_units })
    };
    let mut listings = vec![asset(USD, "USD", USD_GRANT)];
    for base in BASES {
        listings.push(asset(base, &format!("B{base}"), BASE_GRANT));
        listings.push(Body::Instrument(InstrumentListing {
            id: base,
            base_asset_id: base,
            quote_asset_id: USD,
            tick_size_units: 1_000_000,
            lot_size_units: 1_000,
            price_protection_bps: 500,
            partition: (base - 1) % u32::from(count),
            ..Default::default()
        }));
    }
    listings
}

pub(crate) fn order(instrument: u32, key: &str, side: Side, ask: Ask) -> Command {
    let key = Key { space: KeySpace::ClientOrderId, text: KeyText::new(key).expect("a good key") };
    let time_in_force = match ask {
        Ask::Limit { .. } => TimeInForce::Gtc,
        Ask::Market { .. } | Ask::MarketByQuote { .. } => TimeInForce::Ioc,
    };
    let instrument = InstrumentId(instrument);
    let instructions = Instructions::default();
    Command::Place(PlaceOrder { key, instrument, side, ask, time_in_force, instructions })
}

/// A limit order; 100 ticks are one USD, 100,000 lots one coin.
/// A stop-loss above, at its limit and its trigger, and a bid below.
pub(crate) fn buyers_pair(
    instrument: u32,
    key: &str,
    [limit, trigger, bid]: [u64; 3],
    lots: u64,
) -> Command {
    let price = |ticks| Price::from_ticks(ticks).expect("in range");
    let leg = |ticks, instructions| Leg {
        side: Side::Buy,
        ask: Ask::Limit {
            price: price(ticks),
            quantity: Quantity::from_lots(lots).expect("in range"),
        },
        time_in_force: TimeInForce::Gtc,
        instructions,
    };
    let trigger = Some(Trigger { kind: TriggerKind::StopLoss, price: price(trigger) });
    let text = KeyText::new(key).expect("a good key");
    Command::PlaceList(PlaceList {
        key: Key { space: KeySpace::ClientOrderId, text },
        instrument: InstrumentId(instrument),
        contingency: Contingency::Oco,
        legs: vec![
            leg(limit, Instructions { trigger, ..Instructions::default() }),
            leg(bid, Instructions { post_only: true, ..Instructions::default() }),
        ],
    })
}

pub(crate) fn limit(instrument: u32, key: &str, side: Side, ticks: u64, lots: u64) -> Command {
    let price = Price::from_ticks(ticks).expect("in range");
    let quantity = Quantity::from_lots(lots).expect("in range");
    order(instrument, key, side, Ask::Limit { price, quantity })
}

pub(crate) fn market(instrument: u32, key: &str, side: Side, lots: u64) -> Command {
    let quantity = Quantity::from_lots(lots).expect("in range");
    order(instrument, key, side, Ask::Market { quantity })
}

pub(crate) fn movement(asset: u32, units: i128, id: &str) -> Movement {
    let id = KeyText::new(id).expect("a good id");
    Movement { asset: AssetId(asset), amount: Amount::from_units(units), id }
}

pub(crate) fn transfer(asset: u32, units: i128, id: &str, receiver: &str) -> Command {
    Command::Transfer(Transfer { movement: movement(asset, units, id), receiver: name(receiver) })
}
