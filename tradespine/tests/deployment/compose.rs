//! The compose file, held against the program and against itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::process::{Process, Told, list, port, text, words};

/// The image that is ours.
const IMAGE: &str = "tradespine:local";

/// The jobs, which end by themselves.
const JOBS: [&str; 2] = ["topics", "migrate"];

/// Where the images of others listen by themselves.
const OTHERS: [(&str, u16); 4] =
    [("postgres", 5432), ("redis", 6379), ("jaeger", 4317), ("prometheus", 9090)];

/// Everything that is wrong with the compose file, given what the image sets.
pub(crate) fn complaints(compose: &Value, of_image: &BTreeMap<String, String>) -> Vec<String> {
    let services = compose["services"].as_object().expect("there are services");
    let mut complaints = Vec::new();
    let mut ports = BTreeMap::new();
    let mut processes = Vec::new();
    for (name, service) in services {
        complaints.extend(of_any(name, service, compose));
        if text(service, "/image") == IMAGE {
            let process = process(name, service, of_image);
            match process.check() {
                Ok(told) => {
                    complaints.extend(of_ours(name, service, &process, &told));
                    ports.insert(name.clone(), told.ports());
                }
                Err(refusal) => complaints.push(refusal),
            }
            processes.push(process);
        }
    }
    ports.insert("kafka".to_owned(), advertised(&services["kafka"]));
    ports.extend(OTHERS.map(|(name, port)| (name.to_owned(), BTreeSet::from([port]))));
    for process in &processes {
        for (host, port) in process.targets() {
            if !ports.get(&host).is_some_and(|ports| ports.contains(&port)) {
                complaints.push(format!("{}: nobody listens at {host}:{port}", process.place));
            }
        }
    }
    complaints
}

fn process(name: &str, service: &Value, of_image: &BTreeMap<String, String>) -> Process {
    let mut variables = of_image.clone();
    for (name, value) in service["environment"].as_object().into_iter().flatten() {
        variables.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    let mounts = list(service, "/volumes").map(|mount| text(mount, "/target").to_owned());
    Process {
        place: format!("docker-compose.yml: {name}"),
        arguments: words(&service["command"]),
        variables,
        mounts: mounts.collect(),
    }
}

/// What is asked of every service, whoever's it is.
fn of_any(name: &str, service: &Value, compose: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain =
        |what: String| complaints.push(format!("docker-compose.yml: {name}: {what}"));
    let tag = text(service, "/image").rsplit('/').next().and_then(|name| name.split_once(':'));
    if tag.is_none_or(|(_, tag)| tag == "latest") {
        complain("its image has no version".to_owned());
    }
    for (other, need) in service["depends_on"].as_object().into_iter().flatten() {
        let needed = &compose["services"][other];
        let is_possible = match text(need, "/condition") {
            "service_healthy" => needed["healthcheck"].is_object(),
            "service_completed_successfully" => !text(needed, "/restart").contains("unless"),
            _ => false,
        };
        if !is_possible {
            complain(format!("{other} never becomes what it waits for"));
        }
    }
    for mount in list(service, "/volumes").filter(|mount| text(mount, "/type") == "volume") {
        if !compose["volumes"]
            .as_object()
            .is_some_and(|all| all.contains_key(text(mount, "/source")))
        {
            complain(format!("there is no volume {}", mount["source"]));
        }
    }
    for published in list(service, "/ports") {
        if text(published, "/host_ip") != "127.0.0.1" {
            complain(format!("everybody may reach port {}", published["target"]));
        }
    }
    for (variable, value) in service["environment"].as_object().into_iter().flatten() {
        if variable.ends_with("PASSWORD") {
            complain(format!("{variable} is written here: {value}"));
        }
    }
    complaints
}

/// What is asked of ours.
fn of_ours(name: &str, service: &Value, process: &Process, told: &Told) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain =
        |what: String| complaints.push(format!("docker-compose.yml: {name}: {what}"));
    if service["read_only"] != true || words(&service["cap_drop"]) != ["ALL"] {
        complain("it may write to its image, or has capabilities".to_owned());
    }
    if JOBS.contains(&process.name()) {
        return complaints;
    }
    for published in list(service, "/ports") {
        let target = port(published, "/target").unwrap_or_default();
        if !told.ports().contains(&target) {
            complain(format!("it does not listen at {target}, which is published"));
        }
    }
    if told.addresses.iter().any(|address| !address.ip().is_unspecified()) {
        complain("it listens where nobody else can reach it".to_owned());
    }
    let grace = text(service, "/stop_grace_period").trim_end_matches('s').parse::<u64>();
    if !grace.is_ok_and(|grace| Some(grace) > told.drain_seconds) {
        complain("it is killed before it has drained".to_owned());
    }
    let health = words(&service["healthcheck"]["test"]);
    let health: Vec<&str> = health.iter().map(String::as_str).collect();
    match health.as_slice() {
        ["CMD", "tradespine", probe @ ..]
            if probe.get(1) == Some(&process.name()) && process.knows(probe) => {}
        _ => complain(format!("its health is not asked by its own probe: {health:?}")),
    }
    complaints
}

/// The ports that the broker tells to others.
fn advertised(kafka: &Value) -> BTreeSet<u16> {
    let listeners = text(kafka, "/environment/KAFKA_ADVERTISED_LISTENERS").split(',');
    let inside = listeners.filter_map(|listener| listener.split_once("://kafka:"));
    inside.filter_map(|(_, port)| port.parse().ok()).collect()
}

/// What is wrong with what Prometheus is told to scrape.
pub(crate) fn scrape_complaints(
    prometheus: &Value,
    compose: &Value,
    of_image: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut scraped = BTreeSet::new();
    let jobs = list(prometheus, "/scrape_configs");
    for target in jobs.flat_map(|job| list(job, "/dns_sd_configs")) {
        let port = port(target, "/port").unwrap_or_default();
        for name in words(&target["names"]) {
            let service = &compose["services"][&name];
            let told = process(&name, service, of_image).check().unwrap_or_default();
            if told.addresses.first().map(std::net::SocketAddr::port) != Some(port) {
                complaints.push(format!("prometheus.yml: no pages of {name} at {port}"));
            }
            scraped.insert(name);
        }
    }
    let services = compose["services"].as_object().expect("there are services");
    for (name, service) in services {
        let job = words(&service["command"]).first().is_some_and(|job| JOBS.contains(&&**job));
        if text(service, "/image") == IMAGE && !job && !scraped.contains(name) {
            complaints.push(format!("prometheus.yml: nobody scrapes {name}"));
        }
    }
    complaints
}
