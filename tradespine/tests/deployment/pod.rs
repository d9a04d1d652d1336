//! A workload's pod, as Kubernetes would make it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::process::{list, port, text, words};

/// What begins the images that are ours, under whatever name an overlay gives them.
const OURS: &str = "tradespine:";

/// The user of our image.
pub(crate) const USER: u64 = 65_532;

/// The kinds that make pods.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "Job"];

pub(crate) struct Pod<'a> {
    pub(crate) name: &'a str,
    pub(crate) workload: &'a Value,
    template: &'a Value,
    pub(crate) spec: &'a Value,
}

impl<'a> Pod<'a> {
    /// The pod of a document that makes one.
    pub(crate) fn of(workload: &'a Value) -> Option<Pod<'a>> {
        let template = &workload["spec"]["template"];
        let name = text(workload, "/metadata/name");
        let is_one = WORKLOADS.contains(&text(workload, "/kind"));
        is_one.then_some(Pod { name, workload, template, spec: &template["spec"] })
    }

    pub(crate) fn container(&self) -> &'a Value {
        &self.spec["containers"][0]
    }

    pub(crate) fn is_ours(&self) -> bool {
        let image = text(self.container(), "/image");
        image.rsplit('/').next().is_some_and(|name| name.starts_with(OURS))
    }

    pub(crate) fn is_job(&self) -> bool {
        text(self.workload, "/kind") == "Job"
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        words(&self.container()["args"])
    }

    pub(crate) fn ports(&self) -> BTreeMap<&'a str, u16> {
        let ports = list(self.container(), "/ports");
        ports.filter_map(|it| Some((text(it, "/name"), port(it, "/containerPort")?))).collect()
    }

    /// The number of a port that is told by its name.
    pub(crate) fn port(&self, name: &Value) -> Option<u16> {
        self.ports().get(name.as_str()?).copied()
    }

    pub(crate) fn has(&self, labels: &Value) -> bool {
        let own = &self.template["metadata"]["labels"];
        let Some(labels) = labels.as_object().filter(|labels| !labels.is_empty()) else {
            return false;
        };
        labels.iter().all(|(name, value)| own[name] == *value)
    }

    pub(crate) fn mounts(&self) -> Vec<String> {
        let mounts = list(self.container(), "/volumeMounts");
        mounts.map(|mount| text(mount, "/mountPath").to_owned()).collect()
    }

    /// The names of the secrets that it needs.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &'a str> {
        let mounted = list(self.spec, "/volumes").map(|it| text(it, "/secret/secretName"));
        let set = list(self.container(), "/env").map(|it| text(it, "/valueFrom/secretKeyRef/name"));
        mounted.chain(set).filter(|name| !name.is_empty())
    }

    /// Mounts of what it does not have.
    pub(crate) fn unknown_volumes(&self) -> Vec<String> {
        let volumes = list(self.spec, "/volumes").map(|volume| text(volume, "/name"));
        let claims = list(self.workload, "/spec/volumeClaimTemplates");
        let claims = claims.map(|claim| text(claim, "/metadata/name"));
        let known: Vec<&str> = volumes.chain(claims).collect();
        let mounts = list(self.container(), "/volumeMounts").map(|mount| text(mount, "/name"));
        let unknown = mounts.filter(|name| !known.contains(name));
        unknown.map(|name| format!("{}: there is no volume {name}", self.name)).collect()
    }
}

/// What a pod may that it need not.
pub(crate) fn security(pod: &Pod<'_>) -> Vec<String> {
    let container = pod.container();
    let is_true = |value: &Value, pointer: &str| value.pointer(pointer) == Some(&Value::Bool(true));
    let is_false =
        |value: &Value, pointer: &str| value.pointer(pointer) == Some(&Value::Bool(false));
    let dropped = container.pointer("/securityContext/capabilities/drop");
    let image = text(container, "/image").rsplit('/').next().unwrap_or_default();
    let mut rules = vec![
        ("has one container", list(pod.spec, "/containers").count() == 1),
        ("has an image with a version", image.contains(':') && !image.ends_with(":latest")),
        ("is nobody's root", is_true(pod.spec, "/securityContext/runAsNonRoot")),
        (
            "makes only the usual calls",
            text(pod.spec, "/securityContext/seccompProfile/type") == "RuntimeDefault",
        ),
        ("gains nothing", is_false(container, "/securityContext/allowPrivilegeEscalation")),
        ("has no capabilities", dropped.is_some_and(|dropped| words(dropped) == ["ALL"])),
        ("has a limit of memory", container.pointer("/resources/limits/memory").is_some()),
        ("asks for a share", container.pointer("/resources/requests/cpu").is_some()),
        ("has no token", is_false(pod.spec, "/automountServiceAccountToken")),
        ("is not given others' variables", is_false(pod.spec, "/enableServiceLinks")),
    ];
    if pod.is_ours() {
        let user = pod.spec.pointer("/securityContext/runAsUser").and_then(Value::as_u64);
        rules.push(("is the image's user", user == Some(USER)));
        let is_read_only = is_true(container, "/securityContext/readOnlyRootFilesystem");
        rules.push(("does not write to its image", is_read_only));
    }
    let broken = rules.into_iter().filter(|(_, holds)| !holds);
    broken.map(|(rule, _)| format!("{}: it is not so that it {rule}", pod.name)).collect()
}
