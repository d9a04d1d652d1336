//! Random flows: the table of accounts beside the naive reference, posting for posting, and the
//! properties that hold after every operation. A failure names its seed and step.

use std::collections::BTreeMap;

mod flow;
mod mistakes;
mod reference;

use flow::Flow;
use ledger_core::Grant;

/// Seeds and steps of the long flows: 800,000 operations in all, half of them in a sandbox.
const SEEDS: u64 = 16;
const STEPS: usize = 50_000;

/// Every cause of a posting.
const CAUSES: [&str; 13] = [
    "adjustment",
    "deposit",
    "grant",
    "grant returned",
    "hold",
    "link sent",
    "link taken",
    "release",
    "trade",
    "transfer",
    "transfer returned",
    "transfer taken",
    "withdrawal",
];

#[test]
fn long_flows_equal_the_reference_posting_for_posting() {
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..SEEDS {
        let grant = (seed % 2 == 0).then_some(Grant::STANDARD);
        let mut flow = Flow::new(seed, grant);
        for step in 0..STEPS {
            flow.step();
            if step % 500 == 0 {
                flow.check_everything();
            }
            if step % 5_000 == 0 {
                flow.go_on_from_the_image();
            }
        }
        flow.end_all_orders();
        flow.check_that_nothing_is_held();
        flow.check_everything();
        flow.counts.assert_every_branch_was_taken(grant.is_some());
        for (cause, count) in &flow.counts.causes {
            *causes.entry(cause.clone()).or_default() += count;
        }
    }
    println!("{causes:?}");
    let seen: Vec<&str> = causes.keys().map(String::as_str).collect();
    assert_eq!(seen, CAUSES);
    assert!(causes.values().all(|count| *count >= 1_000), "{causes:?}");
}

#[test]
fn a_refused_operation_changes_nothing() {
    let mut refused = 0;
    for seed in 100..104 {
        let mut flow = Flow::new(seed, (seed % 2 == 0).then_some(Grant::STANDARD));
        for _ in 0..1_000 {
            let before = flow.accounts.image();
            if !flow.step() {
                assert!(flow.accounts.image() == before, "changed at {}", flow.place());
                refused += 1;
            }
        }
    }
    assert!(refused > 400, "only {refused} refusals were seen");
}

#[test]
fn everything_holds_after_every_single_operation() {
    for seed in 200..204 {
        let mut flow = Flow::new(seed, (seed % 2 == 0).then_some(Grant::STANDARD));
        for _ in 0..1_000 {
            flow.step();
            flow.check_everything();
            flow.go_on_from_the_image();
        }
    }
}
