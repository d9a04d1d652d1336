//! Which source wins, and what a person reads where a setting is wrong.

use std::fs;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Process {
    name: String,
    gateway: Gateway,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Gateway {
    rest_port: u16,
    grpc_port: u16,
    ws_port: u16,
    mode: Mode,
    password: Secret,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Sandbox,
    Production,
}

impl Default for Process {
    fn default() -> Process {
        Process { name: "default".to_owned(), gateway: Gateway::default() }
    }
}

impl Default for Gateway {
    fn default() -> Gateway {
        Gateway {
            rest_port: 1,
            grpc_port: 1,
            ws_port: 1,
            mode: Mode::Sandbox,
            password: Secret::default(),
        }
    }
}

#[derive(Default, Serialize)]
struct Flags {
    name: Option<String>,
    gateway: GatewayFlags,
}

#[derive(Default, Serialize)]
struct GatewayFlags {
    rest_port: Option<u32>,
}

fn with_file<R>(text: &str, body: impl FnOnce(&Path) -> R) -> R {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let path = directory.path().join("settings.toml");
    fs::write(&path, text).expect("a file for the test");
    body(&path)
}

fn fault(file: &str, variables: &[(&str, &str)], flags: &Flags) -> String {
    with_file(file, |path| {
        load::<Process>(&Sources::exactly(Some(path), variables), flags)
            .expect_err("the settings are bad")
            .to_string()
    })
}

#[test]
fn flag_over_variable_over_file_over_default() {
    let file = "[gateway]\nrest_port = 2\ngrpc_port = 2\n";
    let variables = [("TRADESPINE_GATEWAY__REST_PORT", "3"), ("TRADESPINE_NAME", "three")];
    let flags = Flags { gateway: GatewayFlags { rest_port: Some(4) }, ..Flags::default() };
    let loaded: Process = with_file(file, |path| {
        load(&Sources::exactly(Some(path), &variables), &flags).expect("the settings are good")
    });
    let gateway = Gateway { rest_port: 4, grpc_port: 2, ..Gateway::default() };
    assert_eq!(loaded, Process { name: "three".to_owned(), gateway });
}

#[test]
fn nothing_said_is_the_default() {
    let loaded: Process =
        load(&Sources::exactly(None, &[]), &Flags::default()).expect("the settings are good");
    assert_eq!(loaded, Process::default());
}

#[test]
fn variables_go_levels_down_side_by_side() {
    let variables = [
        ("TRADESPINE_GATEWAY__REST_PORT", "3"),
        ("TRADESPINE_GATEWAY__MODE", "production"),
        ("HOME", "/nowhere"),
    ];
    let loaded: Process =
        load(&Sources::exactly(None, &variables), &Flags::default()).expect("good");
    assert_eq!(loaded.gateway.rest_port, 3);
    assert_eq!(loaded.gateway.mode, Mode::Production);
}

#[test]
fn variables_for_tests_and_tools_are_no_settings() {
    let variables = [
        ("TRADESPINE_TEST_KAFKA", "localhost:9092"),
        ("TRADESPINE_RECORDING", "/a/file"),
        ("TRADESPINE_XTASK", "1"),
    ];
    let loaded: Process =
        load(&Sources::exactly(None, &variables), &Flags::default()).expect("good");
    assert_eq!(loaded, Process::default());
}

#[test]
fn a_bad_variable_is_named_as_it_is_spelled() {
    let text = fault("", &[("TRADESPINE_GATEWAY__REST_PORT", "abc")], &Flags::default());
    assert!(text.contains("`gateway.rest_port`"), "{text}");
    assert!(text.contains("variable TRADESPINE_GATEWAY__REST_PORT"), "{text}");
    assert!(text.contains("\"abc\"") && text.contains("u16"), "{text}");
    assert!(text.contains("correct it"), "{text}");
}

#[test]
fn a_bad_line_is_told_with_its_file() {
    let text = fault("[gateway]\nrest_port = 70000\n", &[], &Flags::default());
    assert!(text.contains("`gateway.rest_port`"), "{text}");
    assert!(text.contains("settings.toml") && text.contains("70000"), "{text}");
}

#[test]
fn a_bad_flag_is_told_as_one() {
    let flags = Flags { gateway: GatewayFlags { rest_port: Some(70_000) }, ..Flags::default() };
    let text = fault("", &[], &flags);
    assert!(text.contains("`gateway.rest_port`"), "{text}");
    assert!(text.contains("the command line"), "{text}");
}

#[test]
fn a_misspelt_name_is_told_with_the_known_ones() {
    let text = fault("[gateway]\nrest_prot = 2\n", &[], &Flags::default());
    assert!(text.contains("rest_prot") && text.contains("settings.toml"), "{text}");
    assert!(text.contains("rest_port, grpc_port, ws_port, mode, password"), "{text}");
    let text = fault("", &[("TRADESPINE_GATWAY__REST_PORT", "2")], &Flags::default());
    assert!(text.contains("gatway") && text.contains("name, gateway"), "{text}");
    let text = fault("", &[("TRADESPINE_GATEWAY__MODE", "prod")], &Flags::default());
    assert!(text.contains("sandbox, production"), "{text}");
}

#[test]
fn text_that_looks_like_a_number_is_told_to_be_quoted() {
    let text = fault("", &[("TRADESPINE_NAME", "12345")], &Flags::default());
    assert!(text.contains("double quotes"), "{text}");
    let variables = [("TRADESPINE_NAME", "\"12345\"")];
    let loaded: Process =
        load(&Sources::exactly(None, &variables), &Flags::default()).expect("good");
    assert_eq!(loaded.name, "12345");
}

#[test]
fn a_file_that_is_named_must_be_there_and_be_toml() {
    let absent = Sources::exactly(Some(Path::new("/no/such/file.toml")), &[]);
    let text = load::<Process>(&absent, &Flags::default()).expect_err("absent").to_string();
    assert!(text.contains("/no/such/file.toml") && text.contains("no such file"), "{text}");
    let text = fault("gateway = [", &[], &Flags::default());
    assert!(text.contains("settings.toml"), "{text}");
}

#[test]
fn a_secret_is_text_whatever_it_looks_like() {
    for text in ["00712", "true", "1e5", "[a", "\"x\"", "correct horse"] {
        let variables = [("TRADESPINE_GATEWAY__PASSWORD", text)];
        let loaded: Process =
            load(&Sources::exactly(None, &variables), &Flags::default()).expect("good");
        assert_eq!(loaded.gateway.password.reveal(), text);
        assert!(!format!("{loaded:?}").contains(text), "{text} is shown");
    }
}

#[test]
fn a_secret_that_is_no_text_is_not_told_by_its_value() {
    for line in ["password = 71253", "password = -71253", "password = 7.1253", "password = true"] {
        let text = fault(&format!("[gateway]\n{line}\n"), &[], &Flags::default());
        assert!(text.contains("gateway.password") && text.contains("double quotes"), "{text}");
        assert!(!text.contains("1253") && !text.contains("true"), "{text}");
    }
}
