//! Mistakes with what goes between shards, each made on purpose in all of them, and the check of
//! the random flows that finds it. `docs/proof.md` has them in a table.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    built::Wrong,
    flows::{Seen, flow},
};

/// Within how many choices each is found.
const CHOICES_MAX: usize = 100_000;

/// What the flows say where this is wrong, and after how many choices.
fn found(wrong: Wrong) -> (String, usize) {
    let choices = Cell::new(0);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let mut seeds = 0..;
        while choices.get() < CHOICES_MAX {
            let seed = seeds.next().expect("there is always another");
            flow((3, seed), wrong, &mut Seen::default(), &choices);
        }
    }));
    let panic = panic.expect_err(&format!("{wrong:?} was not found"));
    let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    println!("{wrong:?}: choice {}: {}", choices.get(), said.replace('\n', " "));
    (said, choices.get())
}

#[test]
fn money_between_shards_that_is_applied_twice_or_lost_is_found_by_what_everybody_has_in_all() {
    for wrong in [Wrong::TransferTwice, Wrong::TransferLost, Wrong::GrantTwice] {
        let (said, choices) = found(wrong);
        // The naive books name the account and the asset; the links, what is not on its way.
        let is_named = said.contains("of asset") || said.contains("left == right");
        assert!(is_named && choices <= CHOICES_MAX, "{wrong:?}: {said}");
    }
}
