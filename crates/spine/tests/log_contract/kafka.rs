//! The Kafka log on trial, with topics of its own for each case, and what only Kafka can do.

use std::{env, sync::Arc};

use proto::topic::Topic;
use rand::RngExt as _;
use spine::{
    Log,
    log::{
        LogError,
        kafka::{
            KafkaLog, KafkaSettings,
            admin::{self, TopicsError},
        },
    },
};

use crate::trial::{SHARDS, Trial, append_all, orders, reader, shard, take};

pub(crate) struct OnKafka(KafkaSettings);

pub(crate) fn fresh() -> Option<OnKafka> {
    let settings = settings()?;
    admin::create_topics(&settings, SHARDS, 1).expect("the topics are created");
    Some(OnKafka(settings))
}

/// The broker to use, with names that no other case uses.
#[expect(clippy::disallowed_methods, reason = "a name among others; no case depends on it")]
fn settings() -> Option<KafkaSettings> {
    let Ok(bootstrap) = env::var("TRADESPINE_TEST_KAFKA") else {
        assert!(env::var_os("TRADESPINE_XTASK").is_none(), "TRADESPINE_TEST_KAFKA is not set");
        println!("skipped: TRADESPINE_TEST_KAFKA names no broker");
        return None;
    };
    let mut settings = KafkaSettings::new(bootstrap);
    settings.topic_prefix = format!("test-{:016x}-", rand::rng().random::<u64>());
    Some(settings)
}

impl Trial for OnKafka {
    fn open(&self) -> Arc<dyn Log> {
        Arc::new(KafkaLog::open(self.0.clone()).expect("the broker answers"))
    }
}

#[test]
fn topics_are_created_once_and_checked() {
    let Some(settings) = settings() else { return };
    let missing = admin::check(&settings, SHARDS, 1);
    assert!(matches!(missing, Err(TopicsError::Missing { .. })), "{missing:?}");
    assert_eq!(admin::create_topics(&settings, SHARDS, 1), Ok(()));
    assert_eq!(admin::create_topics(&settings, SHARDS, 1), Ok(()));
    assert_eq!(admin::check(&settings, SHARDS, 1), Ok(()));
    let topic = format!("{}{}", settings.topic_prefix, Topic::Orders.name());
    let other_count = TopicsError::PartitionCount { topic, found: SHARDS, expected: 2 };
    assert_eq!(admin::create_topics(&settings, 2, 1), Err(other_count.clone()));
    assert_eq!(admin::check(&settings, 2, 1), Err(other_count));
    let replication = admin::check(&settings, SHARDS, 3);
    assert!(matches!(replication, Err(TopicsError::Replication { found: 1, .. })));
}

#[test]
fn the_partition_count_is_the_brokers() {
    let Some(trial) = fresh() else { return };
    let log = trial.open();
    assert_eq!(log.partition_count(Topic::Orders), Ok(SHARDS));
    assert_eq!(log.partition_count(Topic::Market), Ok(1));
}

#[test]
fn the_log_stamps_orders_and_tells_the_time_when_it_acknowledges() {
    let Some(trial) = fresh() else { return };
    let log = trial.open();
    let appended = append_all(&*shard(&*log), orders(), ["x"]);
    let stored = take(&mut *reader(&*log, orders(), 0), 1);
    assert_eq!(appended[0].appended_at, Some(stored[0].appended_at));
}

/// Nobody listens at this port of the loopback interface.
fn nobody() -> KafkaSettings {
    KafkaSettings::new("127.0.0.1:1")
}

#[test]
fn a_broker_that_is_not_there_is_an_error() {
    let error = KafkaLog::open(nobody()).expect_err("nobody answers");
    assert!(matches!(error, LogError::Failed(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1") && text.contains("refused"), "{text}");
}

#[test]
fn a_property_that_is_none_is_an_error_and_values_are_not_shown() {
    let mut settings = nobody();
    settings.properties.insert("no.such.property".to_owned(), "secret".to_owned());
    assert!(!format!("{settings:?}").contains("secret"));
    let error = KafkaLog::open(settings).expect_err("there is no such property");
    assert!(matches!(error, LogError::BadSetting(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("no.such.property") && !text.contains("secret"), "{text}");
}

#[test]
fn a_value_that_cannot_be_used_is_told_as_a_setting() {
    let mut settings = nobody();
    let mut set = |name: &str, value: &str| {
        settings.properties.insert(name.to_owned(), value.to_owned());
    };
    set("security.protocol", "ssl");
    set("ssl.ca.location", "/no/such/file.pem");
    let error = KafkaLog::open(settings).expect_err("there is no such file");
    assert!(matches!(error, LogError::BadSetting(_)), "{error}");
    assert!(error.to_string().contains("ssl.ca.location"), "{error}");
}
