//! Libraries that stand in as few manifests as can be, so that one room knows each of them.

use super::Complaint;
use crate::workspace::Package;

/// A family of libraries, and the only packages that may name one of it in their manifest.
struct Owned {
    /// A library belongs where its name is this, or begins with this and a dash.
    family: &'static str,
    owners: &'static [&'static str],
}

const OWNED: [Owned; 5] = [
    Owned { family: "rdkafka", owners: &["tradespine-spine"] },
    Owned { family: "sea-orm", owners: &["tradespine-ledger", "tradespine-ledger-migration"] },
    Owned { family: "redis", owners: &["tradespine-gateway"] },
    Owned { family: "opentelemetry", owners: &["tradespine-telemetry"] },
    Owned { family: "tracing-opentelemetry", owners: &["tradespine-telemetry"] },
];

/// What tests and measures the platform speaks to Kafka and SQL by itself, and shares no code.
const EXEMPT: [&str; 3] = ["tradespine-sim", "tradespine-bench", "tradespine-xtask"];

/// Finds owned libraries in the manifests of others.
pub(super) fn check(packages: &[Package]) -> Vec<Complaint> {
    packages
        .iter()
        .filter(|package| !EXEMPT.contains(&package.name.as_str()))
        .flat_map(check_one)
        .collect()
}

fn check_one(package: &Package) -> Vec<Complaint> {
    let foreign = |dependency: &&String| {
        OWNED
            .iter()
            .find(|owned| owned.has(dependency) && !owned.owners.contains(&package.name.as_str()))
    };
    package
        .dependencies
        .iter()
        .filter_map(|dependency| Some((dependency, foreign(&dependency)?)))
        .map(|(dependency, owned)| {
            let owners = owned.owners.join(" and ");
            let sentence = format!(
                "only {owners} may depend on {dependency}; put what you need behind its API"
            );
            Complaint::new(&package.name, sentence)
        })
        .collect()
}

impl Owned {
    fn has(&self, library: &str) -> bool {
        library
            .strip_prefix(self.family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, dependencies: &[&str]) -> Vec<Complaint> {
        check(&[Package {
            name: name.to_owned(),
            directory: "/w".into(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        }])
    }

    #[test]
    fn owners_have_what_is_theirs() {
        assert!(found("tradespine-spine", &["rdkafka", "bytes"]).is_empty());
        assert!(found("tradespine-ledger", &["sea-orm"]).is_empty());
        assert!(found("tradespine-ledger-migration", &["sea-orm-migration"]).is_empty());
        let telemetry = ["opentelemetry", "opentelemetry_sdk", "opentelemetry-otlp"];
        assert!(found("tradespine-telemetry", &telemetry).is_empty());
    }

    #[test]
    fn others_do_not() {
        for library in [
            "rdkafka",
            "rdkafka-sys",
            "sea-orm",
            "redis",
            "opentelemetry_sdk",
            "tracing-opentelemetry",
        ] {
            let complaints = found("tradespine-matcher", &["bytes", library]);
            assert_eq!(complaints.len(), 1, "{library}");
            assert!(complaints[0].sentence.contains("behind its API"), "{complaints:?}");
        }
        assert!(found("tradespine-matcher", &["redistribute"]).is_empty());
    }

    #[test]
    fn what_tests_the_platform_is_exempt() {
        assert!(found("tradespine-sim", &["rdkafka", "sea-orm"]).is_empty());
    }
}
