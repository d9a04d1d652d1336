//! No target of its own: writes what the others begin with, taken from the seeded flow of the whole
//! shard's tests, and ends. Run with `-runs=0`, as `cargo xtask fuzz` does before all others.

#![no_main]

use std::{collections::BTreeSet, fs, path::Path};

use broadcaster::snapshot::Snapshot;
use libfuzzer_sys::fuzz_target;
use prost::Message;
use proto::{log, reference::reference_body::Body};
use spine::{
    Core, LogId, Position, Stored,
    answer::{self, Happened},
    snapshot::{self, MemorySnapshots, SnapshotStore},
};
use tradespine_fuzz::{FOUNDING, answers, flow, identity};

/// How many records of the flow are taken: each kind is among them.
const RECORDS: usize = 3_000;

fuzz_target!(
    init: write_all(),
    |_nothing: &[u8]| {}
);

fn write_all() {
    let identity = identity(1);
    let records = flow(&identity, 1, RECORDS);
    of_log(&records);
    of_states(&identity, &records);
    of_edges();
}

/// One seed, under its number.
fn write(target: &str, number: usize, bytes: &[u8]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&directory).expect("a directory for seeds");
    fs::write(directory.join(format!("seed-{number}")), bytes).expect("a seed");
}

fn of_log(records: &[Stored]) {
    let (_, values) = answers(&identity(1), records);
    for (number, chunk) in records[FOUNDING..].chunks(24).enumerate().step_by(3) {
        let mut run = vec![u8::try_from(number % 2).expect("a bit")];
        for stored in chunk {
            let value = &stored.record.value;
            let length = u16::try_from(value.len()).expect("a record of the flow is short");
            run.push(255);
            run.extend_from_slice(&length.to_le_bytes());
            run.extend_from_slice(value);
        }
        write("shard", number, &run);
    }
    let mut seen = BTreeSet::new();
    for (number, (stored, value)) in records.iter().zip(&values).enumerate() {
        let body = answer::read(value).expect("an answer").body;
        // A seed for each set of events, and each kind of command.
        let kinds: Vec<String> = body.events.iter().map(|event| kind(&event.kind)).collect();
        if seen.insert(kinds.join(" ")) {
            write("answer", number, &body.encode_to_vec());
            let mut kept = vec![0, 0];
            kept.extend_from_slice(&journal_body(stored));
            write("journal", number, &kept);
        }
        let input = log::Input::decode(stored.record.value.as_ref()).expect("an input");
        let bytes = match input.kind {
            Some(log::input::Kind::Client(wire)) => wire.encode_to_vec(),
            Some(log::input::Kind::Operator(wire)) => wire.encode_to_vec(),
            Some(log::input::Kind::ReferenceChanged(record)) => {
                match record.body.and_then(|body| body.body) {
                    Some(Body::Instrument(listing)) => listing.encode_to_vec(),
                    _ => continue,
                }
            }
            _ => continue,
        };
        if number < 10 || number.is_multiple_of(16) {
            write("command", number, &bytes);
        }
    }
}

/// What stands before the first bracket of its name.
fn kind(kind: &impl std::fmt::Debug) -> String {
    let text = format!("{kind:?}");
    text.split('(').take(2).collect::<Vec<_>>().join("(")
}

/// The body of a record of the journal, without headers: see `spine::log::embedded`.
fn journal_body(stored: &Stored) -> Vec<u8> {
    let mut body = stored.offset.to_be_bytes().to_vec();
    body.extend_from_slice(&stored.appended_at.unix_nanos().to_be_bytes());
    body.extend_from_slice(&u32::MAX.to_be_bytes());
    body.extend_from_slice(&0_u32.to_be_bytes());
    body.extend_from_slice(&stored.record.value);
    body
}

fn of_states(identity: &spine::genesis::Identity, records: &[Stored]) {
    for (number, count) in [FOUNDING, 40, 200, 800].into_iter().enumerate() {
        let (replica, _) = answers(identity, &records[..count]);
        write("state", number, &replica.core().encode());
        let (out_seq, chain) = (replica.out_seq(), replica.chain());
        let position = Position { out_seq, chain, next_offset: out_seq };
        let store = MemorySnapshots::default();
        snapshot::take(&store, identity, &replica, position).expect("it is faithful");
        let bytes = store.get(replica.partition(), out_seq).expect("it is there");
        let body = &bytes[8..bytes.len() - 32];
        write("snapshot", number, &[&[1], body].concat());
        write("snapshot", 10 + number, &[&[0], bytes.as_slice()].concat());
    }
    let mut kept = Snapshot::start(identity);
    let (_, values) = answers(identity, &records[..800]);
    for value in &values {
        let answer = answer::read(value).expect("an answer");
        kept.market.apply(&Happened::from(answer), &mut Vec::new()).expect("it fits");
    }
    let market = kept.market.image();
    let bytes = broadcaster::snapshot::encode(LogId([7; 16]), &kept.positions, market);
    write("snapshot", 20, &[&[3], &bytes[8..bytes.len() - 32]].concat());
    write("snapshot", 21, &[&[2], bytes.as_slice()].concat());
}

fn of_edges() {
    let texts = [
        "0.1",
        "61800.01",
        "12",
        "000.50",
        "1e5",
        "-3",
        "2026-11-21T08:00:00Z",
        "2026-11-21T08:00:00.123456789+02:00",
        "alice",
        "a-1",
        "9007199254740991",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        write("text", number, &[&[8], text.as_bytes()].concat());
    }
    let order = r#""client_id":"alice","instrument":"BTC-USD","side":"buy","type":"limit","price":"100.5","quantity":0.01"#;
    let leg = r#"{"side":"sell","type":"limit","price":"120","quantity":"0.01"}"#;
    let stop = r#"{"side":"sell","type":"stop_loss","stop_price":"90","quantity":"0.01"}"#;
    let bodies = [
        format!("{{{order}}}"),
        format!(
            "{{{order},\"client_order_id\":\"a-1\",\"time_in_force\":\"gtd\",\"expires_at\":\"2030-01-01T00:00:00Z\",\"post_only\":true,\"self_trade_prevention\":\"decrement\",\"display_quantity\":\"0.005\"}}"
        ),
        format!("{{{order},\"mode\":\"allow_failure\"}}"),
        format!("{{\"orders\":[{{{order}}},{leg},{stop}]}}"),
        format!(
            "{{\"client_id\":\"alice\",\"instrument\":\"BTC-USD\",\"contingency\":\"oco\",\"above\":{leg},\"below\":{stop}}}"
        ),
        format!(
            "{{\"client_id\":\"alice\",\"instrument\":\"BTC-USD\",\"contingency\":\"oto\",\"working\":{leg},\"pending\":{stop}}}"
        ),
        r#"{"client_id":"alice","quantity":"0.005"}"#.to_owned(),
        r#"{"asset":"USD","amount":"100.5","deposit_id":"d-1","withdrawal_id":"w-1"}"#.to_owned(),
        r#"{"to":"bob","asset":"USD","amount":1,"transfer_id":"t-1"}"#.to_owned(),
        r#"{"trade_group_id":4711,"instrument":"BTC-USD","timeout_seconds":30}"#.to_owned(),
    ];
    for (number, body) in bodies.iter().enumerate() {
        write("body", number, body.as_bytes());
    }
    of_messages();
    let words: [&[u8]; 8] = [
        b"\x00c10123456789abcdef",
        b"\x00o1\x00\x00\x00\x00\x00\x00\x00\x07",
        b"\x01o000000000000000100000000000000070000000000000000",
        b"\x01p000000000000000000000000000000090000000000000001",
        b"\x02limit=50&page=2&status=filled&wait=result&cursor=x",
        b"\x03instrument=BTC-USD&since=12",
        b"\x0400-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"\x0400-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    ];
    for (number, word) in words.into_iter().enumerate() {
        write("word", number, word);
    }
    let lines = [
        r#"1 {"lastUpdateId":7,"bids":[["100.01","0.5"]],"asks":[["100.02","1.00000000"]]}"#,
        r#"2 {"stream":"s","data":{"e":"depthUpdate","U":8,"u":9,"b":[["100.01","0.00000000"]],"a":[]}}"#,
        r#"3 {"stream":"s","data":{"e":"trade","p":"100.01","q":"0.001","m":true}}"#,
    ];
    for (number, line) in lines.into_iter().enumerate() {
        write("feed", number, format!("{line}\n").as_bytes());
    }
    write("feed", lines.len(), lines.join("\n").as_bytes());
}

fn of_messages() {
    use proto::orders::{
        PlaceOrderListRequest, PlaceOrderRequest, PlaceOrdersRequest, ReplaceOrderRequest,
    };
    let order = PlaceOrderRequest {
        client_id: "alice".to_owned(),
        client_order_id: "a-1".to_owned(),
        instrument: "BTC-USD".to_owned(),
        side: 1,
        r#type: 1,
        price: "100.5".to_owned(),
        quantity: "0.01".to_owned(),
        ..PlaceOrderRequest::default()
    };
    let leg = PlaceOrderRequest {
        client_id: String::new(),
        client_order_id: String::new(),
        instrument: String::new(),
        ..order.clone()
    };
    let list = PlaceOrderListRequest {
        client_id: "alice".to_owned(),
        instrument: "BTC-USD".to_owned(),
        contingency: 2,
        working: Some(leg.clone()),
        pending: Some(leg),
        ..PlaceOrderListRequest::default()
    };
    let replacing = ReplaceOrderRequest {
        replaced_order_id: 7,
        order: Some(order.clone()),
        ..ReplaceOrderRequest::default()
    };
    let messages = [
        order.encode_to_vec(),
        PlaceOrdersRequest { orders: vec![order], ..PlaceOrdersRequest::default() }.encode_to_vec(),
        list.encode_to_vec(),
        replacing.encode_to_vec(),
    ];
    for (number, message) in messages.iter().enumerate() {
        write("request", number, message);
    }
}
