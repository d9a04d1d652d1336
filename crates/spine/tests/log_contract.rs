//! What a log promises, held against every backend: one list of cases, run as one test for each
//! backend and case.
//!
//! Kafka's need `TRADESPINE_TEST_KAFKA`, the address of a broker. Without it they are skipped, or
//! fail where `TRADESPINE_XTASK` says that somebody was to start one.

#[path = "log_contract/cases.rs"]
mod cases;
#[path = "log_contract/embedded.rs"]
mod embedded;
#[path = "log_contract/kafka.rs"]
mod kafka;
#[path = "log_contract/memory.rs"]
mod memory;
#[path = "log_contract/trial.rs"]
mod trial;

/// Makes a test of each case, on a log of its own that the backend's `fresh` makes.
macro_rules! tests {
    ($backend:ident: $($case:ident),* $(,)?) => {$(
        #[test]
        fn $case() {
            if let Some(trial) = crate::$backend::fresh() {
                crate::cases::$case(&trial);
            }
        }
    )*};
}

/// The promises of every backend.
macro_rules! promises_of_every_log {
    ($backend:ident) => {
        tests! { $backend:
            offsets_are_dense_from_nought,
            a_producers_order_is_kept_with_many_in_flight,
            what_is_appended_together_stands_in_order_among_the_rest,
            what_comes_behind_something_on_its_way_stands_behind_it,
            more_than_there_is_room_for_can_be_appended_together,
            producers_interleave_without_loss,
            headers_keys_and_empty_values_survive,
            append_times_never_run_backwards,
            a_reader_begins_in_the_middle,
            a_reader_at_the_end_waits_and_sees_the_next_record,
            a_reader_that_tells_tells_of_what_comes,
            a_reader_beyond_the_end_is_refused,
            a_poll_is_limited_by_records,
            a_poll_is_limited_by_bytes,
            the_end_is_told_and_not_before,
            the_end_is_told_while_records_keep_coming,
            readers_are_independent,
            what_is_acknowledged_is_shown_as_synced,
            the_largest_record_goes_and_a_larger_one_is_refused,
            partitions_and_topics_are_independent,
            places_that_do_not_exist_are_refused,
        }
    };
}

/// The promises of those that outlive their process.
macro_rules! promises_of_durable_logs {
    ($backend:ident) => {
        tests! { $backend:
            everything_is_there_when_opened_again,
            appending_goes_on_when_opened_again,
        }
    };
}

mod memory_log {
    promises_of_every_log!(memory);
}

mod embedded_log {
    promises_of_every_log!(embedded);
    promises_of_durable_logs!(embedded);
}

mod kafka_log {
    promises_of_every_log!(kafka);
    promises_of_durable_logs!(kafka);
}
