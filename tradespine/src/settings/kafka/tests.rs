//! What librdkafka is told for what is set, and what is refused.

use std::io::Write;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file for the test");
    file.write_all(text.as_bytes()).expect("it is written");
    file
}

fn parsed(text: &str) -> Kafka {
    let mut file = file(text);
    file.flush().expect("it is written");
    let sources = daemon::settings::Sources::exactly(Some(file.path()), &[]);
    daemon::settings::load(&sources, &()).expect("the settings are good")
}

fn told(kafka: &Kafka) -> Vec<(String, String)> {
    kafka.client("gateway").expect("the settings are good").properties.into_iter().collect()
}

fn faults(kafka: &Kafka) -> Vec<String> {
    let problems = kafka.client("gateway").expect_err("the settings are bad").problems;
    problems.into_iter().map(|problem| problem.key).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn brokers_that_trust_everybody_are_told_nothing() {
    let kafka = parsed("brokers = 'one:9092,two:9092'\ntopic_prefix = 'here-'\n");
    let client = kafka.client("ledger").expect("good");
    assert_eq!(client.bootstrap_servers, "one:9092,two:9092");
    assert_eq!(
        (client.client_id.as_str(), client.topic_prefix.as_str()),
        ("tradespine-ledger", "here-")
    );
    assert_eq!(told(&kafka), []);
}

#[test]
fn a_user_and_a_password_from_a_file() {
    let password = file("s3cret words\r\n");
    let mut kafka = parsed("sasl.mechanism = 'scram-sha-512'\nsasl.user = 'ann'\n");
    kafka.sasl.password_file = Some(password.path().to_owned());
    let expected = [
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.password", "s3cret words"),
        ("sasl.username", "ann"),
        ("security.protocol", "sasl_plaintext"),
    ];
    assert_eq!(told(&kafka), pairs(&expected));
    kafka.sasl.password = Some(Secret::new("another"));
    assert_eq!(faults(&kafka), ["kafka.sasl.password_file"]);
    kafka.sasl.password = None;
    kafka.sasl.password_file = Some("/no/such/file".into());
    assert_eq!(faults(&kafka), ["kafka.sasl.password_file"]);
}

#[test]
fn tls_with_a_certificate_of_our_own() {
    let pem = file("pem");
    let path = pem.path().display().to_string();
    let mut kafka = parsed("tls.enabled = true\ntls.key_password = 'opens'\n");
    assert!(told(&kafka).contains(&("ssl.ca.location".to_owned(), "probe".to_owned())));
    kafka.tls.ca_file = Some(pem.path().to_owned());
    kafka.tls.certificate_file = Some(pem.path().to_owned());
    assert_eq!(faults(&kafka), ["kafka.tls.key_file"]);
    kafka.tls.key_file = Some(pem.path().to_owned());
    let expected = [
        ("security.protocol", "ssl"),
        ("ssl.ca.location", path.as_str()),
        ("ssl.certificate.location", path.as_str()),
        ("ssl.key.location", path.as_str()),
        ("ssl.key.password", "opens"),
    ];
    assert_eq!(told(&kafka), pairs(&expected));
    kafka.tls.ca_file = Some("/no/such/ca.pem".into());
    let error = kafka.client("gateway").expect_err("there is no such file").to_string();
    assert!(error.contains("kafka.tls.ca_file") && error.contains("/no/such/ca.pem"), "{error}");
}

#[test]
fn both_together_are_one_protocol() {
    let kafka =
        parsed("tls.enabled = true\n[sasl]\nmechanism = 'plain'\nuser = 'a'\npassword = 'b'\n");
    let protocol = ("security.protocol".to_owned(), "sasl_ssl".to_owned());
    assert!(told(&kafka).contains(&protocol));
}

#[test]
fn half_of_what_is_needed_is_refused_by_name() {
    let kafka = parsed("sasl.mechanism = 'plain'\n");
    assert_eq!(faults(&kafka), ["kafka.sasl.user", "kafka.sasl.password"]);
    assert_eq!(faults(&parsed("sasl.password = 'b'\n")), ["kafka.sasl.mechanism"]);
    assert_eq!(faults(&parsed("tls.ca_file = '/a/b.pem'\n")), ["kafka.tls.ca_file"]);
}

#[test]
fn a_mechanism_that_is_not_built_in_is_told_with_those_that_are() {
    let file = file("sasl.mechanism = 'gssapi'\n");
    let sources = daemon::settings::Sources::exactly(Some(file.path()), &[]);
    let error = daemon::settings::load::<Kafka>(&sources, &()).expect_err("not built in");
    assert!(error.to_string().contains("plain, scram-sha-256, scram-sha-512"), "{error}");
}

#[test]
fn no_secret_is_shown() {
    let kafka = parsed(
        "tls.enabled = true\ntls.key_password = 'hush-1'\n\
         sasl.mechanism = 'plain'\nsasl.user = 'ann'\nsasl.password = 'hush-2'\n",
    );
    let client = kafka.client("gateway").expect("good");
    assert!(!format!("{kafka:?} {client:?}").contains("hush"));
}
