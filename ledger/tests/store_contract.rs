//! What every store promises, as one suite: each case is one test for each store.
//!
//! PostgreSQL's need `TRADESPINE_TEST_POSTGRES`, the address of a server as a URL. Without it they
//! are skipped, or fail where `TRADESPINE_XTASK` says that somebody was to start one.

#![allow(unreachable_pub, reason = "modules of one test program")]

mod answers;
#[path = "store_contract/cases.rs"]
mod cases;
#[path = "store_contract/controls.rs"]
mod controls;
#[path = "store_contract/extremes.rs"]
mod extremes;
#[path = "store_contract/homes.rs"]
mod homes;
#[path = "store_contract/ledgers.rs"]
mod ledgers;
mod postgres;

use homes::Home;

/// Makes a test of each case. Those of `alone` get a store of their own, those of `several` get two
/// on the same rows, as two ledgers have.
macro_rules! suite {
    ($($home:ident)* { alone: $($alone:ident),* $(,)?; several: $($several:ident),* $(,)?; }) => {
        suite!(@each [$($home)*] [$($alone)*] [$($several)*]);
    };
    (@each [$($home:ident)*] $alone:tt $several:tt) => {
        $(suite!(@home $home $alone $several);)*
    };
    (@home $home:ident [$($alone:ident)*] [$($several:ident)*]) => {
        #[allow(non_snake_case, reason = "named after the home")]
        mod $home {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $alone() {
                let Some(home) = homes::$home::fresh().await else { return };
                all::$alone(home.open().await.as_ref()).await;
                home.leave().await;
            })*

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $several() {
                let Some(home) = homes::$home::fresh().await else { return };
                let (one, other) = (home.open().await, home.open().await);
                all::$several([one.as_ref(), other.as_ref()]).await;
                home.leave().await;
            })*
        }
    };
}

/// Every case, whichever file it stands in.
mod all {
    pub use super::{cases::*, controls::*, extremes::*, ledgers::*};
}

suite!(Memory Sqlite Postgres {
    alone:
        a_batch_is_applied_once,
        a_batch_of_another_history_is_refused,
        a_refused_batch_changes_nothing,
        batch_sizes_make_no_difference,
        partitions_do_not_disturb_each_other,
        an_alias_finds_the_original,
        a_client_order_id_finds_its_newest_owner,
        what_an_order_says_and_what_became_of_its_quantity_is_kept,
        an_order_of_a_list_is_found_by_its_id_and_by_that_of_a_duplicate,
        balances_are_absolute,
        a_compacted_account_has_no_balances,
        a_later_listing_wins_whoever_brings_it,
        pages_are_stable_under_inserts,
        every_filter_agrees_with_a_plain_search,
        the_books_balance,
        what_is_in_force_is_kept_by_shard_and_replaced,
        volumes_are_the_sums_of_the_trades_of_their_time,
        a_listing_keeps_its_fee_tiers,
        the_largest_numbers_are_kept_whole,
        every_text_that_a_name_may_be_is_kept_as_it_is,
        a_statement_of_every_size_is_taken,
        a_batch_without_rows_moves_the_progress;
    several:
        of_two_ledgers_one_writes_each_batch,
        ledgers_of_two_partitions_do_not_hold_each_other_up,
        all_tables_are_read_at_one_moment;
});
