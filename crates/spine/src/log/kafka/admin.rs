//! Creates the topics of the topic table, and checks that those that exist are set as the log's
//! promises need: kept without limit, stamped by the log, large enough for one answer.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use proto::topic::{Partitions, Stamped, Topic};
use rdkafka::{
    ClientConfig,
    admin::{
        AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
    },
    error::{KafkaError, RDKafkaErrorCode},
};
use thiserror::Error;

use super::{
    ANSWER_WAIT_MAX, KafkaSettings, MESSAGE_BYTES_MAX,
    client::{self, Listener},
    failed,
};
use crate::log::LogError;

/// How often it is looked whether a new topic is known to the brokers asked, and how long between.
const APPEARANCE_LOOKS_MAX: usize = 100;
/// See [`APPEARANCE_LOOKS_MAX`]; together ten seconds.
const APPEARANCE_LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why the topics are not as they have to be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicsError {
    /// The brokers did not answer, or refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A topic does not exist.
    #[error("there is no topic {topic}")]
    Missing {
        /// Its name.
        topic: String,
    },
    /// A topic has another number of partitions than there are shards.
    #[error(
        "topic {topic} has {found} partitions and should have {expected}; the number of shards cannot be changed on an existing log"
    )]
    PartitionCount {
        /// Its name.
        topic: String,
        /// How many it has.
        found: u16,
        /// How many it should have.
        expected: u16,
    },
    /// A topic has fewer replicas than asked for.
    #[error("topic {topic} has a partition with {found} replicas and should have {expected}")]
    Replication {
        /// Its name.
        topic: String,
        /// The fewest that one of its partitions has.
        found: usize,
        /// How many each should have.
        expected: i32,
    },
    /// A setting of a topic would break a promise of the log.
    #[error("{setting} of topic {topic} is {found} and should be {expected}")]
    Setting {
        /// The topic's name.
        topic: String,
        /// The setting's name.
        setting: String,
        /// Its value.
        found: String,
        /// The value it should have.
        expected: String,
    },
}

/// Creates the topics that do not exist, with `shards` partitions where a topic has one a shard and
/// `replication` replicas, then checks all of them. Blocks.
///
/// # Errors
/// [`TopicsError`]; what was created stays, and the call can be repeated.
pub fn create_topics(
    settings: &KafkaSettings,
    shards: u16,
    replication: i32,
) -> Result<(), TopicsError> {
    let admin = connect(settings)?;
    let topics = Topic::ALL.map(|topic| Wanted::new(settings, topic, shards, replication));
    let new: Vec<NewTopic<'_>> = topics.iter().map(Wanted::as_new).collect();
    let results = block_on(admin.create_topics(&new, &options()))
        .map_err(|error| failed("creating the topics", &error))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                let error = KafkaError::AdminOp(code);
                return Err(failed(&format!("creating topic {name}"), &error).into());
            }
        }
    }
    topics.iter().try_for_each(|wanted| wanted.wait_for(&admin))?;
    check_all(&admin, &topics)
}

/// Checks that every topic exists with `shards` partitions where it has one a shard, at least
/// `replication` replicas, and the settings that the log's promises need. Blocks.
///
/// # Errors
/// [`TopicsError`] says the first thing that is not so.
pub fn check(settings: &KafkaSettings, shards: u16, replication: i32) -> Result<(), TopicsError> {
    let admin = connect(settings)?;
    check_all(&admin, &Topic::ALL.map(|topic| Wanted::new(settings, topic, shards, replication)))
}

/// A topic as it should be.
struct Wanted {
    name: String,
    partitions: u16,
    replication: i32,
    settings: Vec<(&'static str, String)>,
}

impl Wanted {
    fn new(settings: &KafkaSettings, topic: Topic, shards: u16, replication: i32) -> Wanted {
        let partitions = match topic.partitions() {
            Partitions::OneAShard => shards,
            Partitions::One => 1,
        };
        let stamped = match topic.stamped() {
            Stamped::ByTheLog => "LogAppendTime",
            Stamped::ByTheWriter => "CreateTime",
        };
        // With three replicas one may be away, and what is acknowledged still stands on two.
        let in_sync_min = if replication >= 3 { 2 } else { 1 };
        let settings_wanted = vec![
            ("cleanup.policy", if topic.compacted() { "compact" } else { "delete" }.to_owned()),
            ("retention.ms", "-1".to_owned()),
            ("retention.bytes", "-1".to_owned()),
            ("message.timestamp.type", stamped.to_owned()),
            ("max.message.bytes", MESSAGE_BYTES_MAX.to_string()),
            ("min.insync.replicas", in_sync_min.to_string()),
            ("unclean.leader.election.enable", "false".to_owned()),
        ];
        let name = settings.topic_name(topic);
        Wanted { name, partitions, replication, settings: settings_wanted }
    }

    fn as_new(&self) -> NewTopic<'_> {
        let replication = TopicReplication::Fixed(self.replication);
        let new = NewTopic::new(&self.name, self.partitions.into(), replication);
        self.settings.iter().fold(new, |new, (name, value)| new.set(name, value))
    }

    /// Brokers hear of a new topic one after another.
    fn wait_for(&self, admin: &AdminClient<Listener>) -> Result<(), TopicsError> {
        for _ in 0..APPEARANCE_LOOKS_MAX {
            if client::partition_count(admin.inner(), &self.name)?.is_some() {
                return Ok(());
            }
            thread::sleep(APPEARANCE_LOOK_EVERY);
        }
        Err(TopicsError::Missing { topic: self.name.clone() })
    }

    fn check_partitions(&self, admin: &AdminClient<Listener>) -> Result<(), TopicsError> {
        let (topic, expected) = (self.name.clone(), self.partitions);
        match client::partition_count(admin.inner(), &topic)? {
            None => Err(TopicsError::Missing { topic }),
            Some(found) if found != expected => {
                Err(TopicsError::PartitionCount { topic, found, expected })
            }
            Some(_) => self.check_replication(admin),
        }
    }

    fn check_replication(&self, admin: &AdminClient<Listener>) -> Result<(), TopicsError> {
        let metadata = admin
            .inner()
            .fetch_metadata(Some(&self.name), ANSWER_WAIT_MAX)
            .map_err(|error| failed(&format!("asking about topic {}", self.name), &error))?;
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let found = partitions.map(|partition| partition.replicas().len()).min().unwrap_or(0);
        let enough = i32::try_from(found).is_ok_and(|found| found >= self.replication);
        let (topic, expected) = (self.name.clone(), self.replication);
        if enough { Ok(()) } else { Err(TopicsError::Replication { topic, found, expected }) }
    }

    fn check_settings(&self, found: &ConfigResource) -> Result<(), TopicsError> {
        for (setting, expected) in &self.settings {
            let value = found.get(setting).and_then(|entry| entry.value.as_deref());
            if !is_as_good(setting, value, expected) {
                return Err(TopicsError::Setting {
                    topic: self.name.clone(),
                    setting: (*setting).to_owned(),
                    found: value.unwrap_or("not set").to_owned(),
                    expected: expected.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Larger messages and more replicas in sync than asked for are as good; all else must be equal.
fn is_as_good(setting: &str, found: Option<&str>, expected: &str) -> bool {
    if matches!(setting, "max.message.bytes" | "min.insync.replicas") {
        let number = |text: &str| text.parse::<u64>().ok();
        return found.and_then(number) >= number(expected);
    }
    found == Some(expected)
}

fn check_all(admin: &AdminClient<Listener>, topics: &[Wanted]) -> Result<(), TopicsError> {
    topics.iter().try_for_each(|wanted| wanted.check_partitions(admin))?;
    let resources: Vec<ResourceSpecifier<'_>> =
        topics.iter().map(|wanted| ResourceSpecifier::Topic(&wanted.name)).collect();
    // They are answered in the order of the questions.
    let found = block_on(admin.describe_configs(&resources, &options()))
        .map_err(|error| failed("asking for the topics' settings", &error))?;
    for (wanted, found) in topics.iter().zip(found) {
        let found = found.map_err(|code| {
            failed(
                &format!("asking for the settings of {}", wanted.name),
                &KafkaError::AdminOp(code),
            )
        })?;
        wanted.check_settings(&found)?;
    }
    Ok(())
}

fn connect(settings: &KafkaSettings) -> Result<AdminClient<Listener>, LogError> {
    let config: ClientConfig = client::config(settings);
    config
        .create_with_context(Listener::default())
        .map_err(|error| failed("making a client", &error))
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ANSWER_WAIT_MAX))
        .operation_timeout(Some(ANSWER_WAIT_MAX))
}

/// Runs a future of the admin client, which is driven by a thread of its own, without a runtime.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
