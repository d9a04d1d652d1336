//! Every check catches its fault: the evidence of a small real run, into which faults are planted
//! one at a time. `testdata/small` is a run of `cargo xtask torture --dev -- --kills 1 --only
//! redis,gateway --rate 120 --least-rate 1 --keep --seed 4`, each file packed with gzip. A
//! withdrawal and many orders of it waited for money from other shards.

mod bank;
mod plant;

use self::plant::{Evidence, keyed, swap, with_field};
use super::{Findings, TABLES, check, finding::Check};

/// How many partitions the recorded run has.
const PARTITIONS: u16 = 3;

/// The checks that fail once `plant` has been there.
fn failed(plant: impl FnOnce(&Evidence)) -> (Vec<Check>, Findings) {
    let evidence = Evidence::copy();
    plant(&evidence);
    let findings = check(evidence.path(), PARTITIONS).expect("it can be read");
    (findings.failed(), findings)
}

#[track_caller]
fn caught(by: Check, plant: impl FnOnce(&Evidence)) {
    let (failed, findings) = failed(plant);
    assert!(failed.contains(&by), "{by:?} is not among {failed:?}");
    assert!(findings.of(by).faults > 0, "{by:?} looked at nothing");
}

#[test]
fn the_recorded_run_is_good() {
    let (failed, findings) = failed(|_| ());
    assert!(failed.is_empty(), "{failed:?}: {findings:#?}");
}

#[test]
fn rows_that_are_missing_twice_or_altered_are_caught() {
    for table in &TABLES {
        caught(Check::Tables, |evidence| evidence.lines(&table.file(), |lines| drop(lines.pop())));
        caught(Check::Tables, |evidence| {
            evidence.lines(&table.file(), |lines| lines.push(lines[lines.len() - 1].clone()));
        });
        caught(Check::Tables, |evidence| {
            evidence.lines(&table.file(), |lines| lines[0] = swap(&lines[0]));
        });
    }
}

#[test]
fn bytes_that_are_altered_or_missing_are_caught() {
    for topic in ["orders", "events"] {
        for partition in 0..PARTITIONS {
            caught(Check::Answers, |evidence| {
                evidence.records(topic, partition, |records| records[5].value[3] ^= 1);
            });
            caught(Check::Answers, |evidence| {
                evidence.records(topic, partition, |records| drop(records.remove(5)));
            });
        }
    }
    // Another time is another input.
    caught(Check::Answers, |evidence| {
        evidence.records("orders", 0, |records| records[7].appended_ms += 1);
    });
}

#[test]
fn an_acknowledged_order_without_its_outcome_is_caught() {
    caught(Check::Acknowledged, |evidence| {
        // The log without its end, as after a lost disk: every hash of what is left is right.
        evidence.records("orders", 0, |records| records.truncate(records.len() / 2));
        evidence.records("events", 0, |records| records.truncate(records.len() / 2));
    });
    caught(Check::Acknowledged, |evidence| {
        evidence.history(|lines| {
            let told = lines.iter_mut().find(|line| line.starts_with("told")).expect("one");
            *told = with_field(told, 3, "9007199254740991");
        });
    });
}

#[test]
fn repeated_records_change_nothing() {
    let (failed, findings) = failed(|evidence| {
        evidence.records("events", 0, |records| {
            let again = records[4].again(records.len() as u64);
            records.push(again);
        });
    });
    assert!(failed.is_empty(), "{failed:?}: {findings:#?}");
}

#[test]
fn what_a_client_was_told_wrongly_is_caught() {
    let alter = |by: Check, kind: &'static str, field: usize, value: &'static str| {
        caught(by, |evidence| {
            evidence.history(|lines| {
                let has = |line: &&mut String| {
                    let of_kind = line.starts_with(kind);
                    of_kind && line.split('\t').nth(field).is_some_and(|text| text != "-")
                };
                let line = lines.iter_mut().find(has).expect("such a line");
                *line = with_field(line, field, value);
            });
        });
    };
    alter(Check::Told, "told", 4, "cancelled");
    alter(Check::Told, "told", 6, "BTC-USD-9999@1*1");
    alter(Check::Sent, "sent", 9, "77");
    alter(Check::Sent, "sent", 5, "neither");
    let add = |by: Check, line: &str| {
        let line = line.to_owned();
        caught(by, |evidence| evidence.history(|lines| lines.push(line)));
    };
    add(Check::Told, "cancelled\t1\ttrader-0\t1\tcancelled");
    add(Check::Told, "wrong\t1\t500 or so");
    add(Check::Followed, "broken\t1\tBTC-USD\t9 after 7");
    add(Check::Resolved, "sent\t1\tnever\tann\tBTC-USD\tbuy\tlimit\tgtc\t1\t1");
}

#[test]
fn two_orders_of_one_key_are_caught() {
    caught(Check::Retries, |evidence| {
        evidence.history(|lines| {
            let told = |line: &&String| line.starts_with("told");
            let one = lines.iter().find(told).expect("one").clone();
            let other = lines.iter().rfind(told).expect("another").clone();
            let id = other.split('\t').nth(3).expect("an id");
            lines.push(with_field(&one, 3, id));
        });
    });
    caught(Check::Sent, |evidence| {
        evidence.history(|lines| {
            let told = lines.iter().find(|line| line.starts_with("told")).expect("one");
            let key = keyed(told).expect("a key").to_owned();
            lines.retain(|line| keyed(line) != Some(&key));
        });
    });
}

#[test]
fn a_followed_book_that_is_not_the_log_s_is_caught() {
    let alter = |change: fn(&mut Vec<String>)| {
        caught(Check::Followed, |evidence| {
            evidence.history(|lines| {
                let has_bids = |line: &&mut String| {
                    line.starts_with("book")
                        && line.split('\t').nth(4).is_some_and(|bids| bids != "-")
                };
                let line = lines.iter_mut().find(has_bids).expect("a book");
                let mut fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
                change(&mut fields);
                *line = fields.join("\t");
            });
        });
    };
    alter(|fields| fields[4].push('1'));
    alter(|fields| fields[4] = "-".to_owned());
    alter(|fields| fields[4].push_str(",1*1"));
    alter(|fields| fields[3].push_str("000"));
    // One that nobody followed to its end.
    caught(Check::Followed, |evidence| {
        evidence.history(|lines| {
            let book = |line: &&String| line.starts_with("book");
            let last = lines.iter().rfind(book).expect("a book").clone();
            let place = |line: &str| {
                let fields: Vec<&str> = line.split('\t').collect();
                (fields[2].to_owned(), fields[3].to_owned())
            };
            lines.retain(|line| !line.starts_with("book") || place(line) != place(&last));
        });
    });
}

#[test]
fn a_movement_that_was_not_made_as_told_is_caught() {
    let alter = |field: usize, value: &'static str| {
        caught(Check::Moved, |evidence| {
            evidence.history(|lines| {
                let done = |line: &&String| line.starts_with("moved") && line.ends_with("done");
                let done = lines.iter().find(done).expect("a movement that is done").clone();
                let id = done.split('\t').nth(2).expect("an id").to_owned();
                let is_its = |line: &&mut String| {
                    let kind = if field == 3 { "moved" } else { "moving" };
                    let mut fields = line.split('\t');
                    fields.next() == Some(kind) && fields.nth(1) == Some(&id)
                };
                let line = lines.iter_mut().find(is_its).expect("its line");
                *line = with_field(line, field, value);
            });
        });
    };
    alter(3, "409 Conflict");
    alter(3, "-");
    // What is done first is a withdrawal.
    alter(4, "deposit");
    alter(5, "DOGE");
    alter(6, "1");
    caught(Check::Moved, |evidence| {
        evidence.history(|lines| {
            lines.push("moving\t1\tnever\tann\tdeposit\tUSD\t1".to_owned());
            lines.push("moved\t1\tnever\tdone".to_owned());
        });
    });
    caught(Check::Moved, |evidence| {
        evidence.history(|lines| lines.retain(|line| !line.contains("mov")));
    });
}

/// Faults that a shard would have had to compute: bytes are altered and every hash is made anew.
#[test]
fn a_log_that_is_wrong_in_itself_is_caught() {
    for (by, path) in [
        (Check::Postings, &[10, 3, 6, 4, 1][..]),
        (Check::Balances, &[10, 4, 3, 1]),
        (Check::Trades, &[10, 2, 5, 2]),
        (Check::Trades, &[10, 2, 5, 3]),
        (Check::Orders, &[10, 2, 5, 9]),
        (Check::Orders, &[10, 2, 3, 1, 9]),
        (Check::Orders, &[10, 2, 6, 5]),
        (Check::Books, &[10, 2, 7, 2]),
        (Check::Books, &[10, 2, 7, 3, 2]),
        (Check::Books, &[10, 2, 7, 4, 1]),
        // An order that waited has another id, or other terms.
        (Check::Orders, &[10, 2, 3, 2]),
        // An item has another number, amount or account; less is taken than was sent.
        (Check::Links, &[10, 6, 2]),
        (Check::Links, &[10, 6, 3, 6, 1, 1]),
        (Check::Links, &[10, 6, 3, 2]),
        (Check::Links, &[10, 7, 2]),
        (Check::Links, &[10, 7, 3]),
        // Money goes to another shard than its item.
        (Check::Links, &[10, 3, 7]),
        // The balance on its way is told wrongly.
        (Check::Balances, &[10, 4, 5, 1]),
        // Somebody waited for nothing, or is decided twice.
        (Check::Links, &[10, 2, 12, 1]),
    ] {
        caught(by, |evidence| evidence.recompute(path));
    }
}
