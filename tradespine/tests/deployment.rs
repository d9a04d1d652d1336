//! What the platform is deployed with, held against the platform: every process of the compose
//! file and of the overlays is asked, by `--check`, whether it would begin with exactly the
//! variables and files that it is given there; every port, probe, name and metric has to be
//! somebody's.
//!
//! The files are those that `cargo xtask` rendered. Each rule is a function that complains; the
//! tests at the end spoil what is good and wait for the complaint.

#[path = "deployment/compose.rs"]
mod compose;
#[path = "deployment/kubernetes.rs"]
mod kubernetes;
#[path = "deployment/pod.rs"]
mod pod;
#[path = "deployment/process.rs"]
mod process;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use kubernetes::Overlay;
use serde_json::{Value, json};

/// The directory with the renderings; `None` where there is none and the test is skipped.
fn rendered() -> Option<PathBuf> {
    let directory = env::var_os("TRADESPINE_TEST_MANIFESTS").map(PathBuf::from);
    if directory.is_none() {
        assert!(env::var_os("TRADESPINE_XTASK").is_none(), "TRADESPINE_TEST_MANIFESTS is not set");
        println!("skipped: TRADESPINE_TEST_MANIFESTS names no directory with renderings");
    }
    directory
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn file(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose_file() -> Option<Value> {
    let text = fs::read_to_string(rendered()?.join("compose.json")).expect("it is rendered");
    Some(serde_json::from_str(&text).expect("it is JSON"))
}

fn overlay(name: &'static str) -> Option<Overlay> {
    let text = fs::read_to_string(rendered()?.join(format!("{name}.yaml"))).expect("rendered");
    let documents = serde_saphyr::from_multiple(&text).expect("it is YAML");
    Some(Overlay { name, documents })
}

/// The variables that the image sets by itself.
fn of_image() -> BTreeMap<String, String> {
    let dockerfile = file("Dockerfile");
    let set = dockerfile.lines().filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_process_of_the_compose_file_would_begin() {
    let Some(compose) = compose_file() else { return };
    assert_none(&compose::complaints(&compose, &of_image()));
}

#[test]
fn every_process_of_the_sandbox_overlay_would_begin() {
    let Some(overlay) = overlay("dev") else { return };
    assert_none(&kubernetes::complaints(&overlay, &of_image()));
}

#[test]
fn every_process_of_the_production_overlay_would_begin() {
    let Some(overlay) = overlay("production") else { return };
    assert_none(&kubernetes::complaints(&overlay, &of_image()));
    let settings = overlay.documents.iter().find(|it| it["kind"] == "ConfigMap");
    assert_eq!(settings.expect("there is one")["data"]["TRADESPINE_PROFILE"], "production");
}

#[test]
fn prometheus_scrapes_every_service() {
    let Some(compose) = compose_file() else { return };
    let prometheus: Value =
        serde_saphyr::from_str(&file("deploy/prometheus/prometheus.yml")).expect("it is YAML");
    assert_none(&compose::scrape_complaints(&prometheus, &compose, &of_image()));
    let mut spoilt = prometheus;
    spoilt["scrape_configs"][1]["dns_sd_configs"][0]["port"] = json!(9103);
    let complaints = compose::scrape_complaints(&spoilt, &compose, &of_image());
    assert!(complaints[0].contains("no pages of matcher at 9103"), "{complaints:?}");
}

/// Every name of ours in the dashboard is written in the source of a service.
#[test]
fn the_dashboard_shows_metrics_that_exist() {
    let mut sources = String::new();
    for room in ["crates", "gateway", "broadcaster", "ledger", "matcher"] {
        read_sources(&root().join(room), &mut sources);
    }
    let dashboard = file("deploy/grafana/tradespine.json");
    serde_json::from_str::<Value>(&dashboard).expect("it is JSON");
    let names = metrics(&dashboard);
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("\"{name}\"")), "nobody measures {name}");
    }
    assert!(!sources.contains("\"tradespine_no_such_metric\""));
}

fn read_sources(directory: &Path, sources: &mut String) {
    for entry in fs::read_dir(directory).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).expect("it is text"));
        }
    }
}

/// The names of metrics in a text, as they were before a histogram got its parts.
fn metrics(text: &str) -> Vec<&str> {
    let starts = text.match_indices("tradespine_").map(|(start, _)| &text[start..]);
    let mut names: Vec<&str> = starts
        .map(|rest| {
            let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            let name = &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())];
            let parts = ["_bucket", "_sum", "_count"];
            parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name)
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn the_image_is_built_from_the_workspace_as_it_is() {
    let (manifest, ignored) = (file("Cargo.toml"), file(".dockerignore"));
    let members = manifest.split("members = [").nth(1).expect("there are members");
    let members = members.split(']').next().unwrap_or_default();
    for member in members.split(',').map(|member| member.trim().trim_matches('"')) {
        let room = member.split('/').next().unwrap_or_default();
        let is_copied = room.is_empty() || ignored.lines().any(|line| line == format!("!{room}"));
        assert!(is_copied, "the Dockerfile does not see {room}: add it to .dockerignore");
    }
    let dockerfile = file("Dockerfile");
    let version = manifest.split("rust-version = \"").nth(1).expect("there is a version");
    let version = version.split('"').next().unwrap_or_default();
    assert!(dockerfile.contains(&format!("/rust:{version}.")), "another Rust than {version}");
    assert!(dockerfile.contains(&format!("USER {0}:{0}\n", pod::USER)), "another user");
    assert!(of_image().contains_key("TRADESPINE_DATA_DIR"));
}

#[test]
fn what_production_needs_is_written_down() {
    let Some(overlay) = overlay("production") else { return };
    let guide = file("docs/deploy.md");
    let pods = overlay.documents.iter().filter_map(pod::Pod::of).collect::<Vec<_>>();
    for secret in pods.iter().flat_map(pod::Pod::secrets) {
        assert!(guide.contains(&format!("`{secret}`")), "docs/deploy.md does not tell of {secret}");
    }
}

/// A place in the compose file, what is written there instead, and what is then complained about.
#[test]
fn a_spoilt_compose_file_is_complained_about() {
    let Some(good) = compose_file() else { return };
    let environment = |service: &str| format!("/services/{service}/environment");
    for (place, wrong, complaint) in [
        (environment("gateway") + "/TRADESPINE_GATEWAY__RST_ADDRESS", json!("x"), "rst_address"),
        (environment("gateway") + "/TRADESPINE_GATEWAY__LEDGER_URI", json!("ledger:1"), "ledger:1"),
        (environment("matcher") + "/TRADESPINE_KAFKA__BROKERS", json!("kafka:9"), "kafka:9"),
        (
            environment("ledger") + "/TRADESPINE_LEDGER__GRPC_ADDRESS",
            json!("1.1.1.1:1"),
            "reach it",
        ),
        (environment("topics") + "/TRADESPINE_SHARDS", json!("0.5"), "shards"),
        (environment("postgres") + "/POSTGRES_PASSWORD", json!("hush"), "is written here"),
        ("/services/gateway/ports/0/target".to_owned(), json!(8081), "not listen at 8081"),
        ("/services/gateway/ports/0/host_ip".to_owned(), json!("0.0.0.0"), "may reach port 8080"),
        ("/services/gateway/command/0".to_owned(), json!("gatewy"), "gatewy"),
        ("/services/gateway/healthcheck/test/3".to_owned(), json!("ledger"), "own probe"),
        ("/services/gateway/stop_grace_period".to_owned(), json!("10s"), "before it has drained"),
        ("/services/gateway/read_only".to_owned(), json!(false), "may write to its image"),
        ("/services/ledger/volumes".to_owned(), json!([]), "database_password_file"),
        ("/services/kafka/healthcheck".to_owned(), Value::Null, "never becomes"),
        ("/services/gateway/depends_on/nobody".to_owned(), json!({}), "nobody never becomes"),
        ("/services/kafka/volumes/0/source".to_owned(), json!("kafkas"), "no volume \"kafkas\""),
        ("/services/redis/image".to_owned(), json!("docker.io/library/redis"), "no version"),
    ] {
        let mut spoilt = good.clone();
        put(&mut spoilt, &place, wrong);
        expect(&compose::complaints(&spoilt, &of_image()), &place, complaint);
    }
}

/// The kind and name of a document, a place in it, what is written there instead, and what is then
/// complained about.
#[test]
fn a_spoilt_overlay_is_complained_about() {
    let pod = |rest: &str| format!("/spec/template/spec/{rest}");
    let container = |rest: &str| format!("/spec/template/spec/containers/0/{rest}");
    for (overlay_name, document, place, wrong, complaint) in [
        ("dev", "Deployment/gateway", container("ports/0/containerPort"), json!(80), "ports are"),
        ("dev", "Deployment/gateway", container("args/0"), json!("gatewy"), "gatewy"),
        (
            "dev",
            "Deployment/ledger",
            container("livenessProbe/httpGet/port"),
            json!("grpc"),
            "asks",
        ),
        ("dev", "Deployment/ledger", container("readinessProbe/httpGet/path"), json!("/"), "asks"),
        (
            "dev",
            "Deployment/ledger",
            container("volumeMounts"),
            json!([]),
            "database_password_file",
        ),
        ("dev", "Deployment/ledger", container("volumeMounts/0/name"), json!("x"), "no volume x"),
        ("dev", "Deployment/ledger", pod("enableServiceLinks"), json!(true), "others' variables"),
        ("dev", "Deployment/ledger", pod("terminationGracePeriodSeconds"), json!(20), "is killed"),
        ("dev", "Deployment/ledger", pod("securityContext/runAsUser"), json!(0), "image's user"),
        ("dev", "Deployment/ledger", pod("serviceAccountName"), json!("x"), "ServiceAccount \"x\""),
        ("dev", "StatefulSet/kafka", pod("securityContext/runAsNonRoot"), json!(false), "root"),
        ("dev", "StatefulSet/matcher", "/spec/replicas".to_owned(), json!(2), "2 matchers for 2"),
        ("dev", "Service/ledger", "/spec/ports/0/port".to_owned(), json!(50_051), "ledger:50052"),
        ("dev", "Service/ledger", "/spec/ports/0/targetPort".to_owned(), json!("x"), "of nobody"),
        (
            "dev",
            "NetworkPolicy/ledger",
            "/spec/ingress/0/ports/0/port".to_owned(),
            json!(7),
            "opens",
        ),
        ("production", "Job/topics", pod("volumes"), json!([]), "no volume kafka"),
        ("production", "Job/topics", container("volumeMounts"), json!([]), "password_file"),
        ("production", "Namespace/tradespine", "/kind".to_owned(), json!("Secret"), "a secret"),
    ] {
        let Some(mut spoilt) = overlay(overlay_name) else { return };
        let (kind, name) = document.split_once('/').expect("a kind and a name");
        let found = spoilt
            .documents
            .iter_mut()
            .find(|document| document["kind"] == kind && document["metadata"]["name"] == name);
        put(found.expect(document), &place, wrong);
        let complaints = kubernetes::complaints(&spoilt, &of_image());
        expect(&complaints, &format!("{document}{place}"), complaint);
    }
}

/// Each setting of the production overlay that its profile asks for, left out or wrong.
#[test]
fn a_spoilt_setting_of_production_is_complained_about() {
    for (setting, wrong, complaint) in [
        ("TRADESPINE_GATEWAY__ADMIN__TOKEN_FILE", None, "gateway.admin.token"),
        ("TRADESPINE_KAFKA__SASL__MECHANISM", None, "kafka.sasl"),
        ("TRADESPINE_KAFKA__SASL__PASSWORD_FILE", Some("/etc/elsewhere"), "password_file"),
        ("TRADESPINE_KAFKA__TLS__ENABLED", Some("false"), "kafka.tls"),
        ("TRADESPINE_KAFKA__REPLICATION", Some("2"), "kafka.replication"),
        ("TRADESPINE_MATCHER__SHARD_PER_POD", Some("1"), "shard_per_pod"),
        ("TRADESPINE_LEDGER__DATABASE_URL", Some("mysql://ledger@db/x"), "ledger.database_url"),
        ("TRADESPINE_OTLP__RATIO", Some("2"), "share of traces"),
    ] {
        let Some(mut spoilt) = overlay("production") else { return };
        let settings = spoilt.documents.iter_mut().find(|it| it["kind"] == "ConfigMap");
        let settings = settings.expect("there is one")["data"].as_object_mut().expect("settings");
        settings.remove(setting);
        settings.extend(wrong.map(|wrong| (setting.to_owned(), json!(wrong))));
        expect(&kubernetes::complaints(&spoilt, &of_image()), setting, complaint);
    }
}

/// Writes `value` at a place whose parent is there.
fn put(document: &mut Value, place: &str, value: Value) {
    let (parent, key) = place.rsplit_once('/').expect("a place");
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"));
    match key.parse::<usize>() {
        Ok(index) => parent[index] = value,
        Err(_) => parent[key] = value,
    }
}

#[track_caller]
fn expect(complaints: &[String], place: &str, complaint: &str) {
    let is_told = complaints.iter().any(|told| told.contains(complaint));
    assert!(is_told, "{place}: nothing of {complaint:?} in {complaints:#?}");
}
