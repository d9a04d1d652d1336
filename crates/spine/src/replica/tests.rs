//! What the core is shown of an input, and what the answer says.

use model::{AccountName, OperatorName};
use proto::{
    command::{Command, Operator, OperatorCommand, OperatorWord, Stamp},
    draft::Draft,
    log::outcome::Kind,
    reference::ReferenceRecord,
};

use super::*;
use crate::{Record, answer::Answer, core::OperatorInput};

/// A core that notes what it is shown.
#[derive(Debug, Default)]
struct Witness {
    passed: Vec<Timestamp>,
    valid_until: Vec<Timestamp>,
    behaviours: Vec<u32>,
    operators: Vec<(String, Timestamp)>,
}

impl Core for Witness {
    fn new(_genesis: &log::Genesis, _partition: Partition) -> Self {
        Witness::default()
    }

    fn pass_time(&mut self, now: Timestamp, _body: &mut Draft) {
        self.passed.push(now);
    }

    fn apply(&mut self, input: &ClientInput<'_>, body: &mut Draft) {
        self.valid_until.push(input.command.stamp.valid_until);
        self.behaviours.push(input.behaviour);
        body.outcome = Some(applied());
    }

    fn change_reference(&mut self, _change: &ReferenceRecord, _body: &mut Draft) {}

    fn operate(&mut self, input: &OperatorInput<'_>, body: &mut Draft) {
        let by = &input.command.by;
        self.operators.push((by.name.as_str().to_owned(), by.stamp.valid_until));
        body.outcome = Some(applied());
    }

    fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    fn decode(_bytes: &[u8]) -> Result<Self, String> {
        Ok(Witness::default())
    }
}

const REQUEST: RequestId = RequestId(u128::MAX - 7);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1_000)
}

fn replica() -> Replica<Witness> {
    let genesis = log::Genesis { log_id: vec![9; 16], partition_count: 1, ..Default::default() };
    let identity = Identity { log_id: LogId([9; 16]), partition_count: 1, genesis };
    Replica::new(&identity, Partition::FIRST)
}

fn client(valid_until: Timestamp) -> input::Kind {
    let command = ClientCommand {
        stamp: Stamp { request_id: REQUEST, valid_until },
        account: AccountName::new("alice").expect("a good name"),
        command: Command::CancelAll { instrument: None },
    };
    input::Kind::Client((&command).into())
}

fn stored(offset: u64, appended_at: Timestamp, kind: input::Kind) -> Stored {
    let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
    Stored { offset, appended_at, record }
}

fn answer_of(computed: &Computed) -> (Answer, Kind) {
    let answer = answer::read(&computed.value).expect("it was just written");
    let outcome = answer.body.outcome.clone().and_then(|outcome| outcome.kind);
    (answer, outcome.expect("every answer has one"))
}

/// A log of before there was a second behaviour says nothing of it in its genesis.
#[test]
fn an_upgrade_is_in_force_from_the_next_record_on_and_only_once() {
    let upgrade = |behaviour| input::Kind::Upgrade(log::Upgrade { behaviour, by: None });
    let mut replica = replica();
    let steps = [
        (client(at(9)), 1, Kind::Applied(log::Applied {})),
        (upgrade(2), 1, Kind::Applied(log::Applied {})),
        (client(at(9)), 2, Kind::Applied(log::Applied {})),
        (upgrade(2), 2, Kind::Stale(log::Stale {})),
        (upgrade(1), 2, Kind::Stale(log::Stale {})),
    ];
    for (offset, (input, behaviour, expected)) in (0..).zip(steps) {
        let computed = replica.apply(&stored(offset, at(5), input)).expect("it is the next");
        let (answer, outcome) = answer_of(&computed);
        assert_eq!((answer.behaviour, outcome), (behaviour, expected), "input {offset}");
    }
    assert_eq!(replica.core().behaviours, [1, 2], "what the core was shown");
    let beyond = replica.apply(&stored(5, at(5), upgrade(BEHAVIOUR + 1)));
    let error = ReplicaError::NewerBehaviour { asked: BEHAVIOUR + 1, offset: 5 };
    assert_eq!(beyond.map(|_| ()), Err(error));
}

fn olga() -> Operator {
    let stamp = Stamp { request_id: REQUEST, valid_until: at(99) };
    Operator { name: OperatorName::new("olga").expect("a good name"), stamp }
}

#[test]
fn whoever_upgrades_is_told_and_so_is_who_comes_later() {
    let mut replica = replica();
    let upgrade = log::Upgrade { behaviour: 2, by: Some((&olga()).into()) };
    for (offset, outcome) in [(0, Kind::Applied(log::Applied {})), (1, Kind::Stale(log::Stale {}))]
    {
        let input = stored(offset, at(5), input::Kind::Upgrade(upgrade.clone()));
        let (answer, told) = answer_of(&replica.apply(&input).expect("it is the next"));
        assert_eq!((answer.request_id, told), (REQUEST, outcome));
    }
}

#[test]
fn operators_are_heard_once_the_log_knows_of_them() {
    let mut replica = replica();
    let command = OperatorWord::ChangeReference(Box::default());
    let command = OperatorCommand { by: olga(), command };
    let nothing = log::OperatorCommand { command: None, ..(&command).into() };
    let says = || input::Kind::Operator((&command).into());
    let refused = log::Refused { reason: log::RefusalReason::NotInForce.into() };
    let steps = [
        (says(), Kind::Refused(refused)),
        (input::Kind::Upgrade(log::Upgrade { behaviour: 4, by: Some((&olga()).into()) }), {
            Kind::Applied(log::Applied {})
        }),
        (says(), Kind::Applied(log::Applied {})),
        (input::Kind::Operator(nothing), {
            Kind::Poison(log::Poison { reason: "command is missing or out of range".to_owned() })
        }),
    ];
    for (offset, (input, expected)) in (0..).zip(steps) {
        let computed = replica.apply(&stored(offset, at(5), input)).expect("it is the next");
        let (answer, outcome) = answer_of(&computed);
        assert_eq!((answer.request_id, outcome), (REQUEST, expected), "input {offset}");
    }
    let heard = ("olga".to_owned(), at(16));
    assert_eq!(replica.core().operators, [heard], "valid as long as any record can be");
    let set_aside = stored(4, at(5), says());
    let computed = replica.apply_quarantined(&set_aside).expect("it is the next");
    assert_eq!(answer_of(&computed).0.request_id, REQUEST);
}

#[test]
fn a_log_begins_with_the_behaviour_of_its_genesis() {
    let of = |behaviour| {
        let genesis = log::Genesis { log_id: vec![9; 16], behaviour, ..Default::default() };
        let identity = Identity { log_id: LogId([9; 16]), partition_count: 1, genesis };
        let mut replica = Replica::<Witness>::new(&identity, Partition::FIRST);
        let computed = replica.apply(&stored(0, at(5), client(at(9))))?;
        Ok(answer_of(&computed).0.behaviour)
    };
    assert_eq!([of(0), of(1), of(2)], [Ok(1), Ok(1), Ok(2)]);
    let asked = BEHAVIOUR + 1;
    assert_eq!(of(asked), Err(ReplicaError::NewerBehaviour { asked, offset: 0 }));
}

#[test]
fn a_client_record_is_never_valid_for_longer_than_the_protocol_allows() {
    // Appended at second 5: what the record asks for, and what the core is shown.
    let cases = [
        (at(4), at(4)),
        (at(15), at(15)),
        (at(16), at(16)),
        (Timestamp::from_unix_nanos(at(16).unix_nanos() + 1), at(16)),
        (Timestamp::from_unix_nanos(u64::MAX), at(16)),
    ];
    for (asked, shown) in cases {
        let mut replica = replica();
        replica.apply(&stored(0, at(5), client(asked))).expect("it is the next");
        assert_eq!(replica.core().valid_until, [shown], "asked for {asked:?}");
    }
}

#[test]
fn a_quarantined_record_runs_nothing_of_its_own_and_its_waiter_is_told() {
    let mut replica = replica();
    let computed =
        replica.apply_quarantined(&stored(0, at(5), client(at(9)))).expect("it is the next");
    let (answer, outcome) = answer_of(&computed);
    assert_eq!(answer.request_id, REQUEST);
    assert_eq!(outcome, Kind::Poison(log::Poison { reason: QUARANTINED.to_owned() }));
    assert_eq!(answer.now, at(5));
    assert_eq!(replica.core().valid_until, []);
    assert_eq!(replica.core().passed, [at(5)]);
}

#[test]
fn a_quarantined_record_of_nobody_is_answered_to_nobody() {
    let take_over = input::Kind::TakeOver(log::TakeOver { expect_epoch: 0, incarnation: 7 });
    let noise = Stored { offset: 1, appended_at: at(1), record: Record::of(vec![0xff; 9]) };
    let mut replica = replica();
    for input in [stored(0, at(1), take_over), noise] {
        let computed = replica.apply_quarantined(&input).expect("it is the next");
        let (answer, outcome) = answer_of(&computed);
        assert_eq!(answer.request_id, RequestId(0));
        assert!(matches!(outcome, Kind::Poison(_)));
    }
    assert_eq!(replica.epoch(), 0);
}
