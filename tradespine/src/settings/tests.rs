//! Which source wins, and what the defaults are.

use std::fs;

use super::*;

fn loaded(file: &str, variables: &[(&str, &str)], flags: &Flags) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tradespine.toml");
    fs::write(&path, file).unwrap();
    daemon::settings::load(&Sources::exactly(Some(&path), variables), flags).unwrap()
}

const FILE: &str = "data_dir = 'file'\n\
                    [gateway]\nrest_address = '127.0.0.1:2'\n\
                    [otlp]\nendpoint = 'http://localhost:4317'\n";
const VARIABLES: [(&str, &str); 2] =
    [("TRADESPINE_DATA_DIR", "variable"), ("TRADESPINE_GATEWAY__REST_ADDRESS", "127.0.0.1:3")];

#[test]
fn a_data_directory_is_the_flags_then_the_variables_then_the_files() {
    let flags = Flags { data_dir: Some("flag".into()), ..Flags::default() };
    let none = Flags::default();
    assert_eq!(loaded(FILE, &VARIABLES, &flags).data_dir, Path::new("flag"));
    assert_eq!(loaded(FILE, &VARIABLES, &none).data_dir, Path::new("variable"));
    assert_eq!(loaded(FILE, &[], &none).data_dir, Path::new("file"));
    assert_eq!(loaded("", &[], &none).data_dir, Path::new("data"));
}

#[test]
fn an_address_is_the_variables_then_the_files() {
    let none = Flags::default();
    let port = |file, variables: &[_]| loaded(file, variables, &none).gateway.rest_address.port();
    assert_eq!(port(FILE, &VARIABLES), 3);
    assert_eq!(port(FILE, &[]), 2);
    assert_eq!(port("", &[]), 8080);
    assert_eq!(loaded(FILE, &VARIABLES, &none).gateway.grpc_address.port(), 50051);
}

#[test]
fn nothing_said_is_the_default_and_a_flag_changes_only_itself() {
    assert_eq!(loaded("", &[], &Flags::default()), Settings::default());
    let flags = Flags { market_maker: Some(false), shards: Some(3), ..Flags::default() };
    let expected = Settings { market_maker: false, shards: 3, ..Settings::default() };
    assert_eq!(loaded("", &[], &flags), expected);
}

#[test]
fn an_endpoint_alone_gets_every_trace() {
    let otlp = loaded(FILE, &[], &Flags::default()).otlp.of("tradespine-gateway");
    assert_eq!(otlp.service_name, "tradespine-gateway");
    assert_eq!(otlp.endpoint.as_deref(), Some("http://localhost:4317"));
    assert!((otlp.ratio - 1.0).abs() < f64::EPSILON);
}

#[test]
fn every_default_address_is_this_machine_only_and_its_own() {
    let settings = Settings::default();
    let mut addresses: Vec<SocketAddr> =
        settings.addresses().into_iter().map(|(address, _)| address).collect();
    addresses.push(settings.matcher.http_address);
    assert!(addresses.iter().all(|address| address.ip().is_loopback()));
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 7);
}
