//! A rendered overlay, held against the program and against itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    pod::{Pod, security},
    process::{Process, Told, list, port, text},
};

/// How long after its drain a service may still take to end.
const END_SECONDS: u64 = 5;

/// The port of names.
const DNS: u16 = 53;

/// An overlay as it would be applied.
pub(crate) struct Overlay {
    pub(crate) name: &'static str,
    pub(crate) documents: Vec<Value>,
}

impl Overlay {
    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.documents.iter().filter(move |document| text(document, "/kind") == kind)
    }

    fn find<'a>(&'a self, kind: &'a str, name: &str) -> Option<&'a Value> {
        self.of_kind(kind).find(|document| text(document, "/metadata/name") == name)
    }

    fn pods(&self) -> Vec<Pod<'_>> {
        self.documents.iter().filter_map(Pod::of).collect()
    }

    /// Whether it brings everything itself, secrets too.
    fn is_whole(&self) -> bool {
        self.name == "dev"
    }
}

/// Everything that is wrong with an overlay, given what the image sets.
pub(crate) fn complaints(overlay: &Overlay, of_image: &BTreeMap<String, String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut known = BTreeSet::from([DNS]);
    for pod in overlay.pods() {
        known.extend(pod.ports().values());
        complaints.extend(security(&pod));
        complaints.extend(references(overlay, &pod));
        if !pod.is_ours() {
            continue;
        }
        let process = process(overlay, &pod, of_image);
        let targets = process.targets();
        known.extend(targets.iter().map(|(_, port)| port));
        complaints.extend(targets.iter().filter_map(|(host, port)| lost(overlay, host, *port)));
        match process.check() {
            Ok(told) if pod.is_job() => assert!(told.addresses.is_empty(), "a job serves nobody"),
            Ok(told) => complaints.extend(of_service(&pod, &told)),
            Err(refusal) => complaints.push(refusal),
        }
    }
    complaints.extend(selections(overlay));
    complaints.extend(shards(overlay, of_image));
    complaints.extend(policies(overlay, &known));
    if !overlay.is_whole() {
        complaints.extend(overlay.of_kind("Secret").map(|secret| {
            format!("{}: a secret in the repository: {}", overlay.name, secret["metadata"])
        }));
    }
    complaints.iter().map(|complaint| format!("{}: {complaint}", overlay.name)).collect()
}

fn process(overlay: &Overlay, pod: &Pod<'_>, of_image: &BTreeMap<String, String>) -> Process {
    let mut variables = of_image.clone();
    for source in list(pod.container(), "/envFrom") {
        let map = overlay.find("ConfigMap", text(source, "/configMapRef/name"));
        for (name, value) in map.and_then(|map| map["data"].as_object()).into_iter().flatten() {
            variables.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
        }
    }
    for variable in list(pod.container(), "/env") {
        variables.insert(text(variable, "/name").to_owned(), text(variable, "/value").to_owned());
    }
    Process {
        place: pod.name.to_owned(),
        arguments: pod.arguments(),
        variables,
        mounts: pod.mounts(),
    }
}

/// What a pod names and nobody makes.
fn references(overlay: &Overlay, pod: &Pod<'_>) -> Vec<String> {
    let mut wanted: Vec<(&str, &str)> = list(pod.container(), "/envFrom")
        .map(|source| ("ConfigMap", text(source, "/configMapRef/name")))
        .collect();
    if pod.is_ours() {
        wanted.push(("ServiceAccount", text(pod.spec, "/serviceAccountName")));
    }
    if let Some(service) = pod.workload.pointer("/spec/serviceName").and_then(Value::as_str) {
        wanted.push(("Service", service));
    }
    if overlay.is_whole() {
        wanted.extend(pod.secrets().map(|name| ("Secret", name)));
    }
    let missing = wanted.into_iter().filter(|(kind, name)| overlay.find(kind, name).is_none());
    let missing = missing.map(|(kind, name)| format!("{}: there is no {kind} {name:?}", pod.name));
    missing.chain(pod.unknown_volumes()).collect()
}

/// A target that nobody in the overlay is, where it is not somebody's outside.
fn lost(overlay: &Overlay, host: &str, wanted: u16) -> Option<String> {
    if host.contains('.') {
        return None;
    }
    let service = overlay.find("Service", host);
    let mut ports = service.into_iter().flat_map(|service| list(service, "/spec/ports"));
    let is_there = ports.any(|offered| port(offered, "/port") == Some(wanted));
    (!is_there).then(|| format!("no Service is {host}:{wanted}"))
}

/// What is asked of a service that would do what it told.
fn of_service(pod: &Pod<'_>, told: &Told) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: String| complaints.push(format!("{}: {what}", pod.name));
    let ports: BTreeSet<u16> = pod.ports().into_values().collect();
    if ports != told.ports() {
        complain(format!("it listens at {:?} and its ports are {ports:?}", told.ports()));
    }
    if told.addresses.iter().any(|address| !address.ip().is_unspecified()) {
        complain("it listens where nobody else can reach it".to_owned());
    }
    let pages = told.addresses.first().map(std::net::SocketAddr::port);
    for (probe, paths) in
        [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
    {
        let asked = &pod.container()[probe]["httpGet"];
        assert!(daemon::health::PATHS.contains(&paths), "{paths} is a page");
        if pod.port(&asked["port"]) != pages || text(asked, "/path") != paths {
            complain(format!("its {probe} asks where no such page is: {asked}"));
        }
    }
    let grace = pod.spec["terminationGracePeriodSeconds"].as_u64().unwrap_or_default();
    let before = pod.container().pointer("/lifecycle/preStop/sleep/seconds");
    let before = before.and_then(Value::as_u64).unwrap_or_default();
    let drain = told.drain_seconds.expect("a service drains");
    if grace < before + drain + END_SECONDS {
        complain(format!("it is killed after {grace} s, and needs {before} s and {drain} s"));
    }
    complaints
}

/// Services and budgets that mean nobody, or ports that nobody has.
fn selections(overlay: &Overlay) -> Vec<String> {
    let mut complaints = Vec::new();
    let pods = overlay.pods();
    for service in overlay.of_kind("Service") {
        let name = text(service, "/metadata/name");
        let chosen = pods.iter().filter(|pod| pod.has(&service["spec"]["selector"]));
        let chosen: Vec<&Pod<'_>> = chosen.collect();
        if chosen.is_empty() {
            complaints.push(format!("the Service {name} means nobody"));
        }
        for offered in list(service, "/spec/ports") {
            if chosen.iter().any(|pod| pod.port(&offered["targetPort"]).is_none()) {
                complaints.push(format!("the Service {name} has a port of nobody: {offered}"));
            }
        }
    }
    for budget in overlay.of_kind("PodDisruptionBudget") {
        if !pods.iter().any(|pod| pod.has(&budget["spec"]["selector"]["matchLabels"])) {
            complaints.push(format!("a budget means nobody: {}", budget["metadata"]["name"]));
        }
    }
    for pod in pods.iter().filter(|pod| pod.is_ours() && !pod.is_job()) {
        if overlay.find("PodDisruptionBudget", pod.name).is_none() {
            complaints.push(format!("{} has no budget", pod.name));
        }
        if !pod.has(&pod.workload["spec"]["selector"]["matchLabels"]) {
            complaints.push(format!("{} does not mean its own pods", pod.name));
        }
    }
    complaints
}

/// Matchers that find no shard, or shards that no matcher finds.
fn shards(overlay: &Overlay, of_image: &BTreeMap<String, String>) -> Vec<String> {
    let pods = overlay.pods();
    let matcher = pods.iter().find(|pod| pod.name == "matcher").expect("there is a matcher");
    let variables = process(overlay, matcher, of_image).variables;
    let number = |name: &str| variables.get(name).and_then(|value| value.parse::<u64>().ok());
    let shards = number("TRADESPINE_SHARDS").unwrap_or(1);
    let a_pod = number("TRADESPINE_MATCHER__SHARDS_PER_POD").unwrap_or(shards).max(1);
    let matchers = matcher.workload["spec"]["replicas"].as_u64().unwrap_or(1);
    let needed = shards.div_ceil(a_pod);
    let complaint = format!("{matchers} matchers for {shards} shards, and {needed} are needed");
    if matchers == needed { Vec::new() } else { vec![complaint] }
}

/// Ports that a policy opens and nobody has.
fn policies(overlay: &Overlay, known: &BTreeSet<u16>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut policies = overlay.of_kind("NetworkPolicy").peekable();
    assert!(policies.peek().is_some(), "there are policies");
    for policy in policies {
        for direction in ["/spec/ingress", "/spec/egress"] {
            for opened in list(policy, direction).flat_map(|rule| list(rule, "/ports")) {
                if !port(opened, "/port").is_some_and(|port| known.contains(&port)) {
                    let name = &policy["metadata"]["name"];
                    complaints.push(format!("the policy {name} opens a port of nobody: {opened}"));
                }
            }
        }
    }
    complaints
}
