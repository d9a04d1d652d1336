//! What is taken for a Redis, and under which names things stand there.

use model::{AccountName, InstrumentId, KeyText};
use proto::command::{Key, KeySpace};

use super::*;

fn settings(url: &str, password: Option<&str>) -> RedisSettings {
    RedisSettings { url: Secret::new(url), password: password.map(Secret::new) }
}

#[test]
fn a_url_is_checked_without_a_word_of_what_is_in_it() {
    for good in ["redis://h", "redis://h:1/2", "redis://u:p@h", "unix:///run/redis.sock"] {
        assert_eq!(settings(good, None).check(), Ok(()), "{good}");
    }
    for (bad, why) in [
        ("", BadUrl::NotAnAddress),
        ("h:6379", BadUrl::NotAnAddress),
        ("http://u:hush@h", BadUrl::NotAnAddress),
        ("redis://u:hush@h:port", BadUrl::NotAnAddress),
        ("rediss://u:hush@h", BadUrl::Tls),
    ] {
        let error = settings(bad, None).check().expect_err(bad);
        assert_eq!(error, why, "{bad}");
        assert!(!error.to_string().contains("hush"));
    }
    assert_eq!(settings("redis://u:p@h", Some("q")).check(), Err(BadUrl::TwoPasswords));
    assert!(!format!("{:?}", settings("redis://u:hush@h", Some("hush"))).contains("hush"));
}

#[test]
fn a_password_is_sent_in_the_open_where_it_leaves_the_machine() {
    for (url, password, is_sent) in [
        ("redis://far", None, false),
        ("redis://far", Some("p"), true),
        ("redis://:p@far", None, true),
        ("redis://user@far", None, false),
        ("redis://:p@localhost", None, false),
        ("redis://:p@127.0.0.3:1", None, false),
        ("redis://:p@[::1]:1", None, false),
        ("unix:///run/redis.sock", Some("p"), false),
    ] {
        assert_eq!(settings(url, password).sends_password(), Ok(is_sent), "{url}");
    }
}

#[tokio::test]
async fn every_part_of_a_key_is_in_its_name_and_none_can_be_read_there() {
    let key = |account: &str, instrument, space, text: &str| RetryKey {
        account: AccountName::new(account).expect("a good name"),
        instrument: InstrumentId(instrument),
        key: Key { space, text: KeyText::new(text).expect("a good key") },
    };
    use KeySpace::{ClientOrderId, IdempotencyKey};
    let keys = [
        key("alice", 1, ClientOrderId, "k"),
        key("alicek", 1, ClientOrderId, "k"),
        key("alice", 1, ClientOrderId, "kk"),
        key("alice", 2, ClientOrderId, "k"),
        key("alice", 1, IdempotencyKey, "k"),
    ];
    let [one, other] = [1, 2].map(|log| {
        Redis::start(&settings("redis://127.0.0.1:1", None), LogId([log; 16])).expect("a good URL")
    });
    let mut names: Vec<String> = keys.iter().map(|key| one.name(key)).collect();
    names.push(other.name(&keys[0]));
    assert!(names.iter().all(|name| !name.contains("alice")));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 6);
}
