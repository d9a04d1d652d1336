//! A shard that answers by simple rules, on its own thread: a limit order rests, a market order is
//! filled at 100 by order 1, a list rests whole unless it sells, keys of retries are remembered,
//! and nobody can withdraw as much as
//! 100. Market orders of [`POOR`] wait for money until anybody pays anything in.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use model::{CancelOnly, KeyText, OrderFilter, OrderId, Partition, ReplaceMode, RequestId, Side};
use prost::Message;
use proto::{
    command::{
        Ask, ClientCommand, Command, KeySpace, OrderName, PlaceList, PlaceOrder, ReplaceOrder,
        Transfer,
    },
    log::{
        self, Applied, BookChanged, Duplicate, EndReason, Event, OrderEnded, Outcome,
        RefusalReason, Refused, TradeExecuted, event, outcome,
    },
};
use spine::{
    Chain, Log, LogId, Place, Record, Stored, Visibility,
    answer::{self, Preamble},
    log::{ReadLimit, WriterRole, append_blocking},
};

/// 100 of any asset, in its smallest units.
const HUNDRED: i128 = 10_000_000_000;

/// Whose orders wait for money.
pub const POOR: &str = "poor";

/// A running shard; it ends when it is dropped.
pub struct Shard {
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl Shard {
    pub fn start(log: &Arc<dyn Log>, log_id: LogId, partition: Partition) -> Shard {
        let stop = Arc::new(AtomicBool::new(false));
        let (log, told) = (Arc::clone(log), Arc::clone(&stop));
        let run = move || {
            let rules = Rules { partition, ..Rules::default() };
            run(log.as_ref(), log_id, rules, &told);
        };
        Shard { stop, running: Some(thread::spawn(run)) }
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            running.join().expect("the shard did not panic");
        }
    }
}

fn run(log: &dyn Log, log_id: LogId, mut rules: Rules, stop: &AtomicBool) {
    let partition = rules.partition;
    let producer = log.producer(WriterRole::Shard).expect("a producer");
    let mut reader = log.reader(Place::orders(partition), 0, Visibility::Synced).expect("a reader");
    let mut prev_chain = Chain::start(log_id, partition);
    let mut polled = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let limit = ReadLimit { records: 1_024, bytes: 1 << 20 };
        reader.poll(limit, Duration::from_millis(20), &mut polled).expect("it reads");
        for stored in polled.drain(..) {
            let (request_id, body) = rules.answer(&stored);
            let preamble = Preamble {
                out_seq: stored.offset + 1,
                in_offset: stored.offset,
                epoch: 1,
                behaviour: 1,
                input_hash: Chain::of_input(&stored.record.value, stored.appended_at),
                prev_chain,
                now: stored.appended_at,
                request_id,
            };
            let (value, chain) = answer::write(&preamble, &body.into());
            prev_chain = chain;
            let record = Record::of(value);
            append_blocking(producer.as_ref(), Place::events(partition), record)
                .expect("it is appended");
        }
    }
}

#[derive(Default)]
struct Rules {
    partition: Partition,
    /// What was placed under a key, and as which order.
    keys: BTreeMap<(String, KeySpace, String), (PlaceOrder, u64)>,
    lists: BTreeMap<(String, KeySpace, String), (PlaceList, u64)>,
    /// Whose, of which instrument, how much.
    open: BTreeMap<u64, (String, u32, u64)>,
    deposits: BTreeMap<String, i64>,
    depth_sequences: BTreeMap<u32, u64>,
    /// What waits for money, by id.
    parked: BTreeMap<u64, PlaceOrder>,
}

impl Rules {
    fn answer(&mut self, stored: &Stored) -> (RequestId, log::AnswerBody) {
        let input = log::Input::decode(stored.record.value.clone()).expect("an input");
        let Some(log::input::Kind::Client(client)) = input.kind else {
            return (RequestId(0), applied(Vec::new()));
        };
        let client = ClientCommand::try_from(client).expect("gateways write good commands");
        let id = OrderId::at(self.partition, stored.offset).expect("in range").number();
        let name = client.account.as_str().to_owned();
        let body = match client.command {
            Command::Place(order) => self.place(id, name, order),
            Command::PlaceList(list) => self.place_list(id, name, &list),
            Command::Cancel { order_id } => self.cancel(&name, order_id.number()),
            Command::CancelNamed { only: Some(CancelOnly::PartiallyFilled), .. } => {
                refused(RefusalReason::CancelRestricted)
            }
            Command::CancelNamed { order, .. } => match self.find(&name, &order) {
                Some(id) => self.cancel(&name, id),
                None => refused(RefusalReason::UnknownOrder),
            },
            Command::Replace(replace) => self.replace(id, name, replace),
            Command::Amend { order, quantity } => {
                self.amend(&name, self.find(&name, &order).unwrap_or_default(), quantity.lots())
            }
            Command::CancelAfter(after) => {
                let set = log::CancelAfterSet {
                    account: 0,
                    instrument_id: after.instrument.map_or(0, |instrument| instrument.0),
                    cancels_at_unix_nanos: after.timeout.nanos(),
                    session: after.session,
                };
                applied(vec![event(event::Kind::CancelAfterSet(set))])
            }
            // Of what is open here the side and the limit are not kept.
            Command::CancelMatching(filter) if filter.side == Some(Side::Sell) => {
                applied(Vec::new())
            }
            Command::CancelMatching(OrderFilter { instrument, .. })
            | Command::CancelAll { instrument } => {
                self.cancel_all(&name, instrument.map(|instrument| instrument.0))
            }
            Command::SetTradeGroup { .. } => applied(Vec::new()),
            Command::Withdraw(movement) if movement.amount.units() >= HUNDRED => {
                refused(RefusalReason::InsufficientFunds)
            }
            Command::Transfer(sent) if sent.movement.amount.units() >= HUNDRED => {
                refused(RefusalReason::InsufficientFunds)
            }
            Command::Deposit(movement)
            | Command::Withdraw(movement)
            | Command::Transfer(Transfer { movement, .. }) => {
                self.fund(name, movement.id.as_str(), movement.amount.units() as i64)
            }
        };
        (client.stamp.request_id, body)
    }

    fn place(&mut self, id: u64, name: String, order: PlaceOrder) -> log::AnswerBody {
        let key = (name.clone(), order.key.space, order.key.text.as_str().to_owned());
        if let Some((known, original)) = self.keys.get(&key) {
            return if *known == order {
                outcome(outcome::Kind::Duplicate(Duplicate { original_order_id: *original }))
            } else {
                refused(RefusalReason::KeyReused)
            };
        }
        self.keys.insert(key, (order.clone(), id));
        let instrument_id = order.instrument.0;
        let accounts = vec![name.clone()];
        let mut body = match order.ask {
            Ask::Limit { quantity, .. } => {
                self.open.insert(id, (name, instrument_id, quantity.lots()));
                applied(vec![placed(&order), self.book_changed(instrument_id)])
            }
            Ask::Market { .. } if accounts[0] == POOR => {
                let terms = Some(terms(&order));
                self.parked.insert(id, order);
                applied(vec![event(event::Kind::OrderParked(log::OrderParked { terms }))])
            }
            Ask::Market { quantity } => {
                let mut events = vec![placed(&order)];
                events.extend(fill(id, instrument_id, quantity.lots()));
                applied(events)
            }
            Ask::MarketByQuote { .. } => {
                let reason = RefusalReason::InsufficientFunds;
                log::AnswerBody { events: vec![rejected(&order, reason)], ..refused(reason) }
            }
        };
        body.accounts = accounts;
        body
    }

    fn place_list(&mut self, id: u64, name: String, list: &PlaceList) -> log::AnswerBody {
        let key = (name.clone(), list.key.space, list.key.text.as_str().to_owned());
        if let Some((known, original)) = self.lists.get(&key) {
            return if known == list {
                outcome(outcome::Kind::Duplicate(Duplicate { original_order_id: *original }))
            } else {
                refused(RefusalReason::KeyReused)
            };
        }
        self.lists.insert(key, (list.clone(), id));
        let orders = (0..list.legs.len()).map(|at| list.order(at));
        let contingency = proto::convert::contingency_to_wire(list.contingency).into();
        let listed = Some(log::ListedOrders {
            contingency,
            orders: orders.map(|order| terms(&order)).collect(),
        });
        let mut body = if list.legs[0].side == model::Side::Sell {
            let reason = RefusalReason::ListPrices;
            let rejected = log::OrderListRejected { listed, reason: reason.into(), list_id: 0 };
            let events = vec![event(event::Kind::ListRejected(rejected))];
            log::AnswerBody { events, ..refused(reason) }
        } else {
            let legs = OrderId::from_number(id).expect("an id").legs().take(list.legs.len());
            for leg in legs {
                self.open.insert(leg.number(), (name.clone(), list.instrument.0, 1));
            }
            let placed = log::OrderListPlaced { listed, ..Default::default() };
            applied(vec![event(event::Kind::ListPlaced(placed))])
        };
        body.accounts = vec![name];
        body
    }

    /// All that is open of a list, or the one order.
    fn cancel(&mut self, name: &str, id: u64) -> log::AnswerBody {
        let legs = OrderId::from_number(id).expect("an id").legs().map(|leg| leg.number());
        let of_list: Vec<u64> = legs.filter(|leg| self.open.contains_key(leg)).collect();
        if !of_list.is_empty() {
            let mut events = Vec::new();
            for leg in of_list {
                events.extend(self.cancel(name, leg).events);
            }
            return applied(events);
        }
        match self.open.get(&id) {
            Some((owner, instrument_id, lots)) if owner == name => {
                let ended = ended(id, *instrument_id, EndReason::Cancelled, *lots);
                let instrument_id = *instrument_id;
                self.open.remove(&id);
                applied(vec![ended, self.book_changed(instrument_id)])
            }
            _ => refused(RefusalReason::UnknownOrder),
        }
    }

    fn find(&self, name: &str, order: &OrderName) -> Option<u64> {
        let own = |key: &KeyText| {
            let key = (name.to_owned(), KeySpace::ClientOrderId, key.as_str().to_owned());
            self.keys.get(&key).map(|(_, id)| *id)
        };
        match order {
            OrderName::Id(id) => Some(id.number()),
            OrderName::Own { key, .. } => own(key),
            OrderName::Both { id, key } => own(key).filter(|own| *own == id.number()),
        }
    }

    /// Under its key stands the order alone: enough for gateways.
    fn replace(&mut self, id: u64, name: String, replace: ReplaceOrder) -> log::AnswerBody {
        let old = self.find(&name, &replace.replaced);
        let old = old.filter(|old| self.open.get(old).is_some_and(|(owner, ..)| *owner == name));
        if old.is_none() && replace.mode == ReplaceMode::StopOnFailure {
            let reason = RefusalReason::ReplacedNotOpen;
            let events = vec![rejected(&replace.place, reason)];
            return log::AnswerBody { events, accounts: vec![name], ..refused(reason) };
        }
        let mut body = self.place(id, name.clone(), replace.place);
        let Some(old) = old else { return body };
        for event in &mut body.events {
            if let Some(event::Kind::OrderPlaced(placed)) = &mut event.kind {
                placed.replaced_order_id = old;
                body.events.splice(0..0, self.cancel(&name, old).events);
                break;
            }
        }
        body
    }

    /// Of what is open nothing has traded.
    fn amend(&mut self, name: &str, id: u64, quantity_lots: u64) -> log::AnswerBody {
        match self.open.get_mut(&id) {
            Some((owner, instrument_id, lots)) if owner == name => {
                if quantity_lots >= *lots {
                    return refused(RefusalReason::AmendIncreases);
                }
                *lots = quantity_lots;
                let amended = log::OrderAmended {
                    order_id: id,
                    account: 0,
                    instrument_id: *instrument_id,
                    quantity_lots,
                    remaining_lots: quantity_lots,
                    prevented_lots: 0,
                };
                applied(vec![event(event::Kind::OrderAmended(amended))])
            }
            _ => refused(RefusalReason::UnknownOrder),
        }
    }

    fn cancel_all(&mut self, name: &str, instrument: Option<u32>) -> log::AnswerBody {
        let mut events = Vec::new();
        self.open.retain(|id, (owner, of, lots)| {
            let is_asked = owner == name && instrument.is_none_or(|instrument| instrument == *of);
            if is_asked {
                events.push(ended(*id, *of, EndReason::Cancelled, *lots));
            }
            !is_asked
        });
        applied(events)
    }

    fn fund(&mut self, name: String, id: &str, units: i64) -> log::AnswerBody {
        match self.deposits.get(id) {
            Some(known) if *known == units => {
                outcome(outcome::Kind::Duplicate(Duplicate { original_order_id: 0 }))
            }
            Some(_) => refused(RefusalReason::KeyReused),
            None => {
                self.deposits.insert(id.to_owned(), units);
                let available = Some(log::Amount { units, units_high: 0 });
                let balance =
                    log::Balance { account: 0, asset_id: 2, available, ..Default::default() };
                let (balances, accounts) = (vec![balance], vec![name]);
                log::AnswerBody { balances, accounts, ..applied(self.wake()) }
            }
        }
    }

    /// What waited is filled.
    fn wake(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for (id, order) in std::mem::take(&mut self.parked) {
            let Ask::Market { quantity } = order.ask else { continue };
            let terms = Some(terms(&order));
            let of = log::OrderPlaced { order_id: id, terms, ..Default::default() };
            events.push(event(event::Kind::OrderPlaced(of)));
            events.extend(fill(id, order.instrument.0, quantity.lots()));
        }
        events
    }

    fn book_changed(&mut self, instrument_id: u32) -> Event {
        let sequence = self.depth_sequences.entry(instrument_id).or_default();
        *sequence += 1;
        let changed = BookChanged { instrument_id, sequence: *sequence, ..Default::default() };
        event(event::Kind::BookChanged(changed))
    }
}

fn placed(order: &PlaceOrder) -> Event {
    event(event::Kind::OrderPlaced(log::OrderPlaced {
        terms: Some(terms(order)),
        ..Default::default()
    }))
}

fn rejected(order: &PlaceOrder, reason: RefusalReason) -> Event {
    let (terms, reason) = (Some(terms(order)), reason.into());
    event(event::Kind::OrderRejected(log::OrderRejected { order_id: 0, terms, reason }))
}

/// Of the first account that the answer names.
fn terms(order: &PlaceOrder) -> log::OrderTerms {
    let wire = log::PlaceOrder::from(order);
    log::OrderTerms {
        account: 0,
        key_space: wire.key_space,
        key: wire.key,
        instrument_id: wire.instrument_id,
        side: wire.side,
        r#type: wire.r#type,
        time_in_force: wire.time_in_force,
        price_ticks: wire.price_ticks,
        quantity_lots: wire.quantity_lots,
        quote_quantity: wire.quote_quantity,
        instructions: wire.instructions,
        replaces: false,
    }
}

fn fill(id: u64, instrument_id: u32, lots: u64) -> Vec<Event> {
    let trade = TradeExecuted {
        instrument_id,
        trade_id: 1,
        price_ticks: 10_000,
        quantity_lots: lots,
        maker_order_id: 1,
        taker_order_id: id,
        ..Default::default()
    };
    vec![event(event::Kind::Trade(trade)), ended(id, instrument_id, EndReason::Filled, 0)]
}

fn ended(order_id: u64, instrument_id: u32, reason: EndReason, remaining_lots: u64) -> Event {
    let reason = reason.into();
    let ended = OrderEnded { order_id, account: 0, instrument_id, reason, remaining_lots };
    event(event::Kind::OrderEnded(ended))
}

fn event(kind: event::Kind) -> Event {
    Event { kind: Some(kind) }
}

fn outcome(kind: outcome::Kind) -> log::AnswerBody {
    log::AnswerBody { outcome: Some(Outcome { kind: Some(kind) }), ..Default::default() }
}

fn applied(events: Vec<Event>) -> log::AnswerBody {
    log::AnswerBody { events, ..outcome(outcome::Kind::Applied(Applied {})) }
}

fn refused(reason: RefusalReason) -> log::AnswerBody {
    outcome(outcome::Kind::Refused(Refused { reason: reason.into() }))
}
