//! One news for each command, whatever the log does with its record.

use std::sync::{Arc, Mutex};

use daemon::clock::ManualClock;
use model::RequestId;
use prost::Message;
use proto::log::{self, input};
use spine::{
    Chain,
    acceptor::Accepted,
    answer::{self, Preamble, Sealed},
    header::Headers,
    log::memory::{Delivery, MemoryLog},
};

use super::*;
use crate::{idempotency::MemoryCache, problem::Kind};

const AGE_MAX: Duration = Duration::from_secs(2);

/// A desk on a log that does what the test says, and all news in their order.
struct Table {
    log: MemoryLog,
    desk: Desk,
    heard: Arc<Mutex<Vec<News>>>,
}

impl Table {
    fn new() -> Table {
        Table::of_partitions(1)
    }

    fn of_partitions(partitions: u16) -> Table {
        let log = MemoryLog::controlled(partitions);
        let limits = DeskLimits { unanswered_max: 10, unanswered_age_max: AGE_MAX };
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_millis(5)));
        let cache = Arc::new(MemoryCache::default());
        let (log_id, machine) = (LogId([1; 16]), Machine::default());
        let desk = Desk::open(&log, log_id, partitions, clock, machine, cache, limits);
        let desk = desk.expect("it opens");
        Table { log, desk, heard: Arc::default() }
    }

    fn submit(&self, wants: Wants) -> Result<(), Problem> {
        self.submit_to(Partition::FIRST, wants)
    }

    fn submit_to(&self, partition: Partition, wants: Wants) -> Result<(), Problem> {
        let heard = Arc::clone(&self.heard);
        let submission = Submission {
            account: AccountName::new("alice").expect("a good name"),
            command: Command::CancelAll { instrument: None },
            partition,
            wants,
            claim: None,
            traceparent: None,
        };
        self.desk.submit(submission, Box::new(move |news| heard.lock().unwrap().push(news)))
    }

    /// What the log does with the first record in flight.
    fn deliver(&self, delivery: Delivery) {
        let lane = self.log.lanes()[0];
        self.log.deliver(lane, delivery);
    }

    /// The request id in the record at this offset.
    fn request_id(&self, offset: u64) -> RequestId {
        let place = Place::orders(Partition::FIRST);
        let mut reader = self.log.reader(place, offset, spine::Visibility::Synced).expect("there");
        let mut stored = Vec::new();
        let limit = spine::log::ReadLimit { records: 1, bytes: 1 };
        reader.poll(limit, Duration::ZERO, &mut stored).expect("it reads");
        let input = log::Input::decode(stored.remove(0).record.value).expect("an input");
        let Some(input::Kind::Client(client)) = input.kind else { panic!("a command") };
        let stamp = ClientCommand::try_from(client).expect("a good command").stamp;
        assert_eq!(stamp.valid_until, Timestamp::from_unix_millis(10_005));
        stamp.request_id
    }

    /// The shard answers the record at this offset.
    fn answer(&self, offset: u64) {
        let sealed = sealed(offset, self.request_id(offset), log::AnswerBody::default());
        self.answered(offset, sealed);
    }

    fn answered(&self, offset: u64, answer: Sealed) {
        let accepted = Accepted { offset, answer, headers: Headers::default() };
        self.desk.shared.heed(Partition::FIRST, accepted).expect("it opens");
    }

    /// The shard says that what this record asks for waits for money.
    fn park(&self, offset: u64) {
        let parked = log::event::Kind::OrderParked(log::OrderParked::default());
        let sealed = sealed(offset, self.request_id(offset), body(vec![parked]));
        self.answered(offset, sealed);
    }

    /// The shard answers the input at this offset, which is nobody's request.
    fn tell(&self, offset: u64, kinds: Vec<log::event::Kind>) {
        self.answered(offset, sealed(offset, RequestId(0), body(kinds)));
    }

    fn sweep_after(&self, seconds: u64) {
        self.desk.sweep(Instant::now() + Duration::from_secs(seconds));
    }

    fn heard(&self) -> Vec<News> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

#[test]
fn only_who_waits_for_an_answer_rings() {
    let table = Table::new();
    table.submit(Wants::Receipt).expect("there is room");
    assert!(!table.desk.bell().is_wanted(), "whoever waits for the log's word has no use for it");
    table.submit(Wants::Answer(RESULT_WAIT)).expect("there is room");
    assert!(table.desk.bell().is_wanted());
}

fn body(kinds: Vec<log::event::Kind>) -> log::AnswerBody {
    let events = kinds.into_iter().map(|kind| log::Event { kind: Some(kind) }).collect();
    log::AnswerBody { events, ..log::AnswerBody::default() }
}

fn sealed(offset: u64, request_id: RequestId, body: log::AnswerBody) -> Sealed {
    let preamble = Preamble {
        out_seq: offset + 1,
        in_offset: offset,
        epoch: 1,
        behaviour: 1,
        input_hash: Chain::default(),
        prev_chain: Chain::default(),
        now: Timestamp::from_unix_millis(6),
        request_id,
    };
    let (value, _) = answer::write(&preamble, &body.into());
    Sealed::read(&value).expect("it was just written")
}

const PATIENT: Wants = Wants::Answer(RESULT_WAIT);

#[test]
fn nothing_is_told_before_the_log_has_the_record() {
    let table = Table::new();
    table.submit(Wants::Receipt).expect("taken");
    assert_eq!(table.heard(), []);
    table.deliver(Delivery::Land);
    let id = OrderId::at(Partition::FIRST, 0).expect("in range");
    assert!(matches!(table.heard()[..], [News::Appended { id: at, .. }] if at == id));
    table.answer(0);
    assert_eq!(table.heard(), [], "one news only");
    assert_eq!(table.desk.acknowledged().collect::<Vec<_>>(), [(Partition::FIRST, 0)]);
}

#[test]
fn an_answer_that_beats_the_acknowledgement_is_told() {
    let table = Table::new();
    table.submit(Wants::Receipt).expect("taken");
    table.submit(PATIENT).expect("taken");
    table.deliver(Delivery::LandUnheard);
    table.deliver(Delivery::LandUnheard);
    table.answer(0);
    table.answer(1);
    let heard = table.heard();
    assert!(matches!(heard[0], News::Appended { .. }), "the answer proves the record");
    assert!(matches!(&heard[1], News::Answered(answered) if answered.answer.in_offset == 1));
}

#[test]
fn what_the_log_does_not_confirm_is_unknown_and_may_still_be_answered() {
    let table = Table::new();
    table.submit(Wants::Receipt).expect("taken");
    table.deliver(Delivery::Lose);
    assert_eq!(table.heard(), [News::Unknown { id: None }]);
    table.submit(PATIENT).expect("an edge goes on");
    table.deliver(Delivery::LandUnconfirmed);
    assert_eq!(table.heard(), [], "an answer may still come");
    table.answer(0);
    assert!(matches!(table.heard()[..], [News::Answered(_)]));
}

#[test]
fn time_is_up_with_what_is_known() {
    let table = Table::new();
    table.submit(PATIENT).expect("taken");
    table.submit(PATIENT).expect("taken");
    table.deliver(Delivery::Land);
    table.sweep_after(4);
    assert_eq!(table.heard(), []);
    table.sweep_after(6);
    let mut places: Vec<_> = table
        .heard()
        .into_iter()
        .map(|news| match news {
            News::Unknown { id } => id.map(OrderId::offset),
            other => panic!("{other:?}"),
        })
        .collect();
    places.sort();
    assert_eq!(places, [None, Some(0)]);
}

#[test]
fn old_commands_without_an_answer_close_the_desk_until_they_have_one() {
    let table = Table::new();
    table.submit(Wants::Receipt).expect("taken");
    table.deliver(Delivery::Land);
    table.sweep_after(3);
    let problem = table.submit(Wants::Receipt).expect_err("shed");
    assert_eq!((problem.kind, problem.code), (Kind::Overloaded, "overloaded"));
    table.answer(0);
    table.sweep_after(3);
    table.submit(Wants::Receipt).expect("taken");
}

#[test]
fn a_shard_that_is_down_closes_the_desk_for_its_own_commands_only() {
    let table = Table::of_partitions(2);
    let other = Partition::new(1).expect("in range");
    table.submit(Wants::Receipt).expect("taken");
    table.deliver(Delivery::Land);
    table.sweep_after(3);
    assert_eq!(table.submit(Wants::Receipt).expect_err("shed").code, "overloaded");
    table.submit_to(other, Wants::Receipt).expect("its shard is well");
}

#[test]
fn an_order_that_waits_for_money_is_heard_of_when_it_is_decided() {
    let table = Table::of_partitions(2);
    // The first record of a partition is nobody's order.
    table.submit(PATIENT).expect("taken");
    table.deliver(Delivery::Land);
    let of = |order_id| log::OrderPlaced { order_id, ..Default::default() };
    let trade = |taker_order_id| log::TradeExecuted { taker_order_id, ..Default::default() };
    table.submit(PATIENT).expect("taken");
    table.deliver(Delivery::Land);
    table.park(1);
    assert_eq!(table.heard(), [], "it is no result");
    table.tell(7, vec![log::event::Kind::OrderPlaced(of(5))]);
    assert_eq!(table.heard(), [], "it is another's");
    let own = log::event::Kind::Trade(trade(1));
    let kinds = vec![
        log::event::Kind::OrderPlaced(of(5)),
        log::event::Kind::Trade(trade(5)),
        log::event::Kind::OrderPlaced(of(1)),
        own.clone(),
    ];
    table.tell(8, kinds);
    let [News::Answered(answered)] = &table.heard()[..] else { panic!("an answer") };
    assert_eq!((answered.id().map(OrderId::number), answered.decided_at), (Some(1), 8));
    let told: Vec<_> =
        answered.answer.body.events.iter().filter_map(|event| event.kind.clone()).collect();
    assert_eq!(told, [log::event::Kind::OrderPlaced(of(1)), own], "and nothing of others");
    assert!(matches!(
        answered.answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref()),
        Some(log::outcome::Kind::Applied(_))
    ));
    table.tell(9, vec![log::event::Kind::OrderPlaced(of(1))]);
    assert_eq!(table.heard(), [], "once");
}

#[test]
fn whoever_waits_for_money_too_long_is_told_that_nobody_knows() {
    let table = Table::of_partitions(2);
    for offset in 0..3 {
        table.submit(if offset == 2 { Wants::Receipt } else { PATIENT }).expect("taken");
        table.deliver(Delivery::Land);
        table.heard();
        table.park(offset);
    }
    let reason = log::RefusalReason::InsufficientFunds.into();
    let rejected = log::OrderRejected { order_id: 1, reason, terms: None };
    table.tell(8, vec![log::event::Kind::OrderRejected(rejected)]);
    let [News::Answered(answered)] = &table.heard()[..] else { panic!("an answer") };
    let outcome = answered.answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
    assert!(
        matches!(outcome, Some(log::outcome::Kind::Refused(refused)) if refused.reason == reason)
    );
    table.sweep_after(4);
    assert_eq!(table.heard(), []);
    table.sweep_after(6);
    assert_eq!(table.heard(), [News::Unknown { id: OrderId::at(Partition::FIRST, 0) }]);
    table.sweep_after(60);
    assert_eq!(table.heard(), [], "once, and who has a receipt waits for nothing");
}

#[test]
fn a_retry_of_what_waits_for_money_waits_for_the_same_answer() {
    let table = Table::of_partitions(2);
    table.submit(PATIENT).expect("taken");
    table.deliver(Delivery::Land);
    // Whoever placed it, here nobody waits for it.
    let parked = log::event::Kind::OrderParked(log::OrderParked::default());
    table.answered(1, sealed(1, RequestId(77), body(vec![parked])));
    let duplicate = log::Duplicate { original_order_id: 1 };
    let outcome = Some(log::Outcome { kind: Some(log::outcome::Kind::Duplicate(duplicate)) });
    let duplicate = log::AnswerBody { outcome, ..log::AnswerBody::default() };
    table.answered(2, sealed(2, table.request_id(0), duplicate.clone()));
    assert_eq!(table.heard(), [], "the first has no result yet");
    let placed = log::OrderPlaced { order_id: 1, ..Default::default() };
    table.tell(9, vec![log::event::Kind::OrderPlaced(placed)]);
    let [News::Answered(answered)] = &table.heard()[..] else { panic!("an answer") };
    assert_eq!((answered.id().map(OrderId::number), answered.decided_at), (Some(1), 9));
    table.submit(PATIENT).expect("taken");
    table.deliver(Delivery::Land);
    table.answered(10, sealed(10, table.request_id(1), duplicate));
    let [News::Answered(answered)] = &table.heard()[..] else { panic!("an answer") };
    assert_eq!(answered.id().map(OrderId::offset), Some(10), "now it has one");
}

#[test]
fn what_waits_and_is_decided_by_one_answer_is_heard_of() {
    let table = Table::of_partitions(2);
    for _ in 0..2 {
        table.submit(PATIENT).expect("taken");
        table.deliver(Delivery::Land);
    }
    let reason = log::RefusalReason::TooManyOpenOrders.into();
    let kinds = vec![
        log::event::Kind::OrderParked(log::OrderParked::default()),
        log::event::Kind::OrderRejected(log::OrderRejected { order_id: 1, reason, terms: None }),
    ];
    table.answered(1, sealed(1, table.request_id(1), body(kinds)));
    let [News::Answered(answered)] = &table.heard()[..] else { panic!("an answer") };
    let outcome = answered.answer.body.outcome.as_ref().and_then(|outcome| outcome.kind.as_ref());
    assert!(
        matches!(outcome, Some(log::outcome::Kind::Refused(refused)) if refused.reason == reason)
    );
}
