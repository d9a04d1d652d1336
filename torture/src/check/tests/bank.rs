//! Totals that are told wrongly are caught: the recorded run with what a reader would have been
//! told after its last answers, and faults planted into it.

use super::{Check, Evidence, PARTITIONS, caught, failed, with_field};
use crate::{
    check::fold,
    history::{self, Story, Total},
};

/// Adds what there is of everything after the last answers.
fn read_totals(evidence: &Evidence) {
    let path = evidence.path().join(history::FILE);
    let mut story = Story::read(&path).expect("a history");
    let once = fold(evidence.path(), PARTITIONS, &story).expect("it folds");
    let last = |(partition, at): (&u16, &fold::Progress)| {
        (*partition, (at.out_seq, at.now_nanos / 1_000_000))
    };
    let as_of: std::collections::BTreeMap<_, _> = once.progress.iter().map(last).collect();
    story.totals.push(Total { as_of: as_of.clone(), ..Total::default() });
    let again = fold(evidence.path(), PARTITIONS, &story).expect("it folds");
    let mut assets = Vec::new();
    for (id, asset) in &again.assets {
        let mut sums = [0; 8];
        for cut in again.cuts.values() {
            let here = cut.get(id).copied().unwrap_or_default();
            sums.iter_mut().zip(here).for_each(|(sum, here)| *sum += here);
        }
        let figures: Vec<String> = sums.iter().map(|units| decimal(*units)).collect();
        assets.push(format!("{}={}/0/1", asset.code, figures.join("/")));
    }
    let at =
        |(partition, (out_seq, now)): (&u16, &(u64, u64))| format!("{partition}:{out_seq}:{now}");
    let as_of: Vec<String> = as_of.iter().map(at).collect();
    evidence.history(|lines| {
        // The run is taken to have begun in 1970: so all that was done has to be there.
        lines.push("bank\t1\t0".to_owned());
        lines.push(format!("total\t999999999\t1\t{}\t{}", as_of.join(","), assets.join(",")));
    });
}

/// Eight decimals.
fn decimal(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let (whole, part) = (units.unsigned_abs() / 100_000_000, units.unsigned_abs() % 100_000_000);
    format!("{sign}{whole}.{part:08}")
}

/// Changes the line of the totals.
fn told(evidence: &Evidence, change: impl Fn(&str) -> String) {
    evidence.history(|lines| {
        let line = lines.iter_mut().find(|line| line.starts_with("total")).expect("totals");
        *line = change(line);
    });
}

#[test]
fn totals_as_they_are_are_good() {
    let (failed, findings) = failed(read_totals);
    assert!(failed.is_empty(), "{failed:?}: {findings:#?}");
    assert!(findings.of(Check::Totals).looked_at > 10);
}

#[test]
fn a_bank_that_nobody_read_is_not_good() {
    let (failed, _) =
        failed(|evidence| evidence.history(|lines| lines.push("bank\t1\t0".to_owned())));
    assert_eq!(failed, [Check::Totals]);
}

#[test]
fn totals_that_are_told_wrongly_are_caught() {
    // Each figure of the first asset in turn, its difference, and whether it is sound.
    for figure in 0..10 {
        caught(Check::Totals, |evidence| {
            read_totals(evidence);
            told(evidence, |line| {
                let mut parts: Vec<String> = line.split('/').map(str::to_owned).collect();
                let (name, digits) = match parts[figure].rsplit_once('=') {
                    Some((before, digits)) => (format!("{before}="), digits.to_owned()),
                    None => (String::new(), parts[figure].clone()),
                };
                // The last part has the next asset behind a comma.
                let (digits, rest) = digits.split_once(',').unwrap_or((&digits, ""));
                let changed = if digits == "1" { "0" } else { "77" };
                let comma = if rest.is_empty() { "" } else { "," };
                parts[figure] = format!("{name}{changed}{comma}{rest}");
                parts.join("/")
            });
        });
    }
    // As of an answer before, of one that there is not, and without an asset.
    for as_of in ["0:5:1,1:5:1,2:5:1", "0:99999:1"] {
        caught(Check::Totals, |evidence| {
            read_totals(evidence);
            told(evidence, |line| with_field(line, 3, as_of));
        });
    }
    caught(Check::Totals, |evidence| {
        read_totals(evidence);
        told(evidence, |line| {
            line.split_once(',').map_or_else(String::new, |_| {
                let assets = line.rsplit('\t').next().expect("assets");
                let (_, others) = assets.split_once(',').expect("several assets");
                with_field(line, 4, others)
            })
        });
    });
}

#[test]
fn what_came_in_is_within_what_the_client_knows() {
    // Nobody asked for what is told to have come in or gone out.
    caught(Check::Totals, |evidence| {
        read_totals(evidence);
        let is_moved = |line: &String| {
            ["moving", "moved", "unmoved"].iter().any(|kind| line.starts_with(kind))
        };
        evidence.history(|lines| lines.retain(|line| !is_moved(line)));
    });
    // It was told before anybody had asked.
    caught(Check::Totals, |evidence| {
        read_totals(evidence);
        told(evidence, |line| with_field(line, 1, "0"));
    });
    // What was told to be done is not there.
    caught(Check::Totals, |evidence| {
        read_totals(evidence);
        evidence.history(|lines| {
            lines.push("moving\t1\tlost\tann\tdeposit\tUSD\t1".to_owned());
            lines.push("moved\t2\tlost\tdone".to_owned());
        });
    });
}
