//! What Kubernetes takes, as kubeconform reads it: a JSON schema a kind, made of the description of
//! its API that Kubernetes itself is released with. Strict: what a kind does not know is refused.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::go::Go;
use crate::tools;

/// The release that is checked against.
const KUBERNETES: &str = "k8s.io/kubernetes@v1.34.1";

/// Where in it its API is described.
const DESCRIPTION: &str = "api/openapi-spec/swagger.json";

/// Where a description points to another, and where a schema does.
const DEFINITIONS: &str = "#/definitions/";
const OWN_DEFINITIONS: &str = "#/$defs/";

/// Types that are written as text or as a number, which their descriptions do not say.
const TEXT_OR_NUMBER: [&str; 2] = [
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
];

type Definitions = Map<String, Value>;

/// The directory with the schemas, which are made the first time.
///
/// # Errors
/// Where the description cannot be fetched or read.
pub(super) fn make(go: &Go) -> Result<PathBuf> {
    let version = KUBERNETES.rsplit('@').next().unwrap_or_default();
    tools::kept(&format!("kubernetes-schemas-{version}"), |aside| {
        let text = fs::read_to_string(go.module(KUBERNETES)?.join(DESCRIPTION))?;
        let description: Value = serde_json::from_str(&text)?;
        write_all(&strict(&description)?, aside)
    })
}

/// The definitions, by name, none of which takes what it does not know.
fn strict(description: &Value) -> Result<Definitions> {
    let described = description["definitions"].as_object().context("it defines nothing")?;
    let definitions = described.iter().map(|(name, definition)| {
        let definition = if TEXT_OR_NUMBER.contains(&name.as_str()) {
            json!({ "type": ["string", "number"] })
        } else {
            closed(definition.clone())
        };
        (name.clone(), definition)
    });
    Ok(definitions.collect())
}

/// The definition with its pointers turned, closed where it lists what it takes.
fn closed(mut definition: Value) -> Value {
    turn(&mut definition);
    if let Some(fields) = definition.as_object_mut() {
        let is_open = fields.contains_key("additionalProperties")
            || fields.contains_key("x-kubernetes-preserve-unknown-fields");
        if fields.contains_key("properties") && !is_open {
            fields.insert("additionalProperties".to_owned(), false.into());
        }
    }
    definition
}

/// Turns every pointer to where a schema keeps its definitions.
fn turn(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get_mut("$ref") {
                *target = target.replace(DEFINITIONS, OWN_DEFINITIONS);
            }
            fields.values_mut().for_each(turn);
        }
        Value::Array(values) => values.iter_mut().for_each(turn),
        _ => {}
    }
}

fn write_all(definitions: &Definitions, directory: &Path) -> Result<()> {
    for (name, definition) in definitions {
        let kinds = definition["x-kubernetes-group-version-kind"].as_array();
        for kind in kinds.into_iter().flatten() {
            let schema = schema(definitions, name, kind);
            fs::write(directory.join(file_name(kind)), serde_json::to_vec(&schema)?)?;
        }
    }
    Ok(())
}

/// A definition as a schema of its own, for one kind that it is the definition of.
fn schema(definitions: &Definitions, name: &str, kind: &Value) -> Value {
    let mut needed = BTreeSet::new();
    need(definitions, name, &mut needed);
    let mut schema = definitions[name].clone();
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.insert("kind".to_owned(), json!({ "const": kind["kind"] }));
        properties.insert("apiVersion".to_owned(), json!({ "const": api_version(kind) }));
    }
    let own: Definitions =
        needed.into_iter().map(|name| (name.to_owned(), definitions[name].clone())).collect();
    schema["$defs"] = Value::Object(own);
    schema
}

/// Collects the names of all that `name` points to, directly or not.
fn need<'a>(definitions: &'a Definitions, name: &str, needed: &mut BTreeSet<&'a str>) {
    let Some((name, definition)) = definitions.get_key_value(name) else { return };
    if needed.insert(name) {
        each_target(definition, &mut |target| need(definitions, target, needed));
    }
}

fn each_target(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            let target = fields.get("$ref").and_then(Value::as_str);
            if let Some(target) = target.and_then(|target| target.strip_prefix(OWN_DEFINITIONS)) {
                visit(target);
            }
            fields.values().for_each(|value| each_target(value, visit));
        }
        Value::Array(values) => values.iter().for_each(|value| each_target(value, visit)),
        _ => {}
    }
}

fn api_version(kind: &Value) -> String {
    let word = |field: &str| kind[field].as_str().unwrap_or_default();
    let (group, version) = (word("group"), word("version"));
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// As kubeconform looks for it: the kind, the first word of its group, and its version.
fn file_name(kind: &Value) -> String {
    let word = |field: &str| kind[field].as_str().unwrap_or_default();
    let group = word("group").split('.').next().unwrap_or_default();
    let words = [&word("kind").to_lowercase(), group, word("version")];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("{}.json", words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_closed_and_has_what_it_points_to() {
        let kind = json!({ "group": "apps.k8s.io", "version": "v1", "kind": "Pod" });
        let description = json!({ "definitions": {
            "pod": {
                "properties": {
                    "kind": { "type": "string" },
                    "spec": { "$ref": "#/definitions/spec" },
                },
                "x-kubernetes-group-version-kind": [kind],
            },
            "spec": { "properties": { "again": { "items": { "$ref": "#/definitions/spec" } } } },
            "free": { "properties": {}, "x-kubernetes-preserve-unknown-fields": true },
        }});
        let definitions = strict(&description).expect("it defines something");
        assert_eq!(definitions["free"].get("additionalProperties"), None);
        let schema = schema(&definitions, "pod", &kind);
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["apiVersion"]["const"], "apps.k8s.io/v1");
        assert_eq!(schema["properties"]["spec"]["$ref"], "#/$defs/spec");
        assert_eq!(schema["$defs"]["spec"]["additionalProperties"], false);
        assert_eq!(schema["$defs"].get("free"), None);
        assert_eq!(file_name(&kind), "pod-apps-v1.json");
    }
}
