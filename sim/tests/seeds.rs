//! Many seeds, each a world of its own; and what is built wrong is found.
//!
//! `TRADESPINE_TEST_SIM_SEEDS` sets how many seeds are run, `TRADESPINE_TEST_SIM_FROM` the first;
//! a failure names its seed.

use std::time::Instant;

use sim::{Broken, Fault, Outcome, Tally, run};

/// How many seeds are run where nobody asks for another number: less than half a minute.
const SEEDS: u64 = 500;

/// How many lines of what happened are shown of a world in which something was built wrong.
const LINES_SHOWN: usize = 12;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, and not a number")))
}

fn outcome(seed: u64, broken: Broken) -> Outcome {
    run(seed, broken).unwrap_or_else(|fault| panic!("seed {seed} did not start: {fault}"))
}

#[test]
#[expect(clippy::disallowed_methods, reason = "people want to know how long it took")]
fn whatever_happens_everybody_ends_with_the_same_truth() {
    let from = number("TRADESPINE_TEST_SIM_FROM").unwrap_or(0);
    let count = number("TRADESPINE_TEST_SIM_SEEDS").unwrap_or(SEEDS);
    let (tally, started) = (Tally::default(), Instant::now());
    for seed in from..from + count {
        let outcome = outcome(seed, Broken::Nothing);
        if let Err(fault) = outcome.verdict {
            let lines = outcome.last_lines.join("\n");
            let again = "TRADESPINE_TEST_SIM_SEEDS=1 cargo test -p tradespine-sim whatever";
            panic!(
                "{lines}\n\nseed {seed}: {fault}\nthe same again: \
                 TRADESPINE_TEST_SIM_FROM={seed} {again}"
            );
        }
        tally.absorb(&outcome.tally);
    }
    println!("{tally}\n{count} seeds in {:.1} s", started.elapsed().as_secs_f64());
    if count >= SEEDS {
        assert_eq!(tally.missing(), Vec::<&str>::new(), "these never happened");
    }
}

#[test]
fn the_same_seed_is_the_same_world_to_the_byte() {
    let [one, again, other] = [7, 7, 8].map(|seed| outcome(seed, Broken::Nothing).hash);
    assert_eq!(one, again);
    assert_ne!(one, other);
}

/// The first seed that finds it, and what it finds.
fn found(broken: Broken) -> Fault {
    let found = (0..SEEDS).find_map(|seed| {
        let outcome = outcome(seed, broken);
        let fault = outcome.verdict.err()?;
        Some((seed, fault, outcome.last_lines))
    });
    let (seed, fault, lines) = found.unwrap_or_else(|| panic!("{broken:?} was not found"));
    let shown = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
    println!("{}\n{broken:?} is found by seed {seed}: {fault}\n", shown.join("\n"));
    fault
}

#[test]
fn a_gateway_that_tells_before_the_log_has_acknowledged_is_found() {
    assert!(matches!(found(Broken::ToldBeforeAcknowledged), Fault::Told(_)));
}

#[test]
fn a_client_that_tries_again_under_a_new_key_is_found() {
    assert!(matches!(found(Broken::FreshKeys), Fault::Once(_)));
}

#[test]
fn a_store_that_writes_its_progress_apart_from_the_rows_is_found() {
    let fault = found(Broken::ProgressBeforeRows);
    assert!(matches!(fault, Fault::Ledger(_) | Fault::ProjectorEnded(_)), "{fault}");
}

#[test]
fn a_broadcaster_that_skips_an_answer_after_a_restart_is_found() {
    let fault = found(Broken::SkippedAnswer);
    assert!(matches!(fault, Fault::Market(_) | Fault::BroadcasterEnded(_)), "{fault}");
}

#[test]
fn an_owner_that_ignores_that_another_took_over_is_found() {
    let fault = found(Broken::DeafOwners);
    assert!(matches!(fault, Fault::Sequence(_) | Fault::OwnerEnded { .. }), "{fault}");
}

#[test]
fn a_gateway_that_never_looks_whose_time_is_up_is_found() {
    assert!(matches!(found(Broken::NoSweep), Fault::Stuck(_)));
}

#[test]
fn a_shard_that_credits_a_grant_twice_is_found() {
    assert!(matches!(found(Broken::GrantTwice), Fault::Money(_)));
}

#[test]
fn a_shard_that_forgets_what_waited_for_money_is_found() {
    let fault = found(Broken::ForgottenParked);
    assert!(matches!(fault, Fault::Once(_) | Fault::Stuck(_)), "{fault}");
}

#[test]
fn a_gateway_that_takes_waiting_for_a_result_is_found() {
    assert!(matches!(found(Broken::WaitIsResult), Fault::Told(_)));
}
