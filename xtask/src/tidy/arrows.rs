//! The arrows between rooms: who may use whom. ARCHITECTURE.md draws them, this table holds them.

use super::Complaint;
use crate::workspace::Package;

/// What the names of our packages begin with.
const OURS: &str = "tradespine";

/// A room, and the rooms that it may use; names are those of packages, without `tradespine-`.
struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
}

const fn room(name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, may_use }
}

/// Every room, by level from the words upwards. A room of level 3 never uses another: they meet in
/// `proto`. `matcher` uses `ledger-core`: the one crossing, between pure code.
#[rustfmt::skip]
const ROOMS: [Room; 19] = [
    // level 0: words
    room("model",            &[]),
    // level 1: contracts, and pure rules
    room("proto",            &["model"]),
    room("matcher-core",     &["model"]),
    room("ledger-core",      &["model"]),
    // level 2: plumbing, no trading rules
    room("telemetry",        &[]),
    room("spine",            &["model", "proto", "telemetry"]),
    room("daemon",           &["model"]),
    room("access",           &["model", "proto", "spine", "daemon"]),
    // level 3: services
    room("gateway",          &["model", "proto", "telemetry", "spine", "daemon", "access"]),
    room("matcher",          &["model", "proto", "telemetry", "spine", "daemon",
                               "matcher-core", "ledger-core"]),
    room("ledger-migration", &[]),
    room("ledger",           &["model", "proto", "telemetry", "spine", "daemon", "access",
                               "ledger-core", "ledger-migration"]),
    room("broadcaster",      &["model", "proto", "telemetry", "spine", "daemon"]),
    room("feed",             &["model", "proto", "telemetry", "spine", "daemon"]),
    // level 4: programs
    room("tradespine",       &["model", "proto", "telemetry", "spine", "daemon", "access",
                               "gateway", "matcher", "ledger", "broadcaster", "feed"]),
    room("sim",              EVERY_LIBRARY),
    room("bench",            EVERY_LIBRARY),
    room("torture",          &[]),
    room("xtask",            &[]),
];

/// What tests and measures the platform may use all of it.
#[rustfmt::skip]
const EVERY_LIBRARY: &[&str] = &[
    "model", "proto", "matcher-core", "ledger-core", "telemetry", "spine", "daemon", "access",
    "gateway", "matcher", "ledger", "ledger-migration", "broadcaster", "feed",
];

/// Finds rooms that nobody placed, and arrows that are not in the table.
pub(super) fn check(packages: &[Package]) -> Vec<Complaint> {
    packages.iter().flat_map(check_one).collect()
}

fn check_one(package: &Package) -> Vec<Complaint> {
    let name = room_name(&package.name);
    let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
        let sentence = "this package has no place among the rooms; give it one, at the lowest \
                        level that fits, in xtask/src/tidy/arrows.rs and in ARCHITECTURE.md";
        return vec![Complaint::new(&package.name, sentence)];
    };
    let ours = package.dependencies.iter().filter(|name| name.starts_with(OURS));
    ours.map(|dependency| room_name(dependency))
        .filter(|dependency| !room.may_use.contains(dependency))
        .map(|dependency| Complaint::new(&package.name, wrong(name, dependency)))
        .collect()
}

fn wrong(from: &str, to: &str) -> String {
    format!(
        "{from} may not use {to}; move what it needs to a room below both (contracts to proto, \
         words to model), or hand it in from above"
    )
}

/// `tradespine-model` is the room `model`; `tradespine` is itself.
fn room_name(package: &str) -> &str {
    package.strip_prefix(OURS).and_then(|rest| rest.strip_prefix('-')).unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            directory: "/w".into(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn found(name: &str, dependencies: &[&str]) -> Vec<String> {
        check(&[package(name, dependencies)]).iter().map(Complaint::to_string).collect()
    }

    #[test]
    fn arrows_of_the_table_pass() {
        assert!(found("tradespine-gateway", &["axum", "tradespine-proto"]).is_empty());
        assert!(found("tradespine-matcher", &["tradespine-ledger-core"]).is_empty());
        assert!(found("tradespine", &["tradespine-gateway"]).is_empty());
    }

    #[test]
    fn services_never_use_one_another() {
        let services = ["gateway", "matcher", "ledger", "broadcaster", "feed"];
        for from in services {
            for to in services.iter().filter(|to| **to != from) {
                let to = format!("tradespine-{to}");
                let complaints = found(&format!("tradespine-{from}"), &[&to]);
                assert_eq!(complaints.len(), 1, "{from} -> {to}");
            }
        }
    }

    #[test]
    fn an_arrow_upwards_is_told_with_what_to_do() {
        let complaints = found("tradespine-model", &["thiserror", "tradespine-proto"]);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].contains("model may not use proto; move"), "{complaints:?}");
        assert_eq!(found("tradespine-daemon", &["tradespine-telemetry"]).len(), 1);
        assert_eq!(found("tradespine-ledger-core", &["tradespine-matcher-core"]).len(), 1);
    }

    #[test]
    fn a_room_without_a_place_is_told() {
        assert!(found("tradespine-common", &[])[0].contains("no place among the rooms"));
    }

    /// Each row uses only rows above it, so the table itself cannot hold a circle.
    #[test]
    fn the_table_points_downwards() {
        for (index, room) in ROOMS.iter().enumerate() {
            for used in room.may_use {
                let at = ROOMS.iter().position(|other| other.name == *used);
                let at = at.unwrap_or_else(|| panic!("{used} is not a room"));
                assert!(at < index, "{} points up to {used}", room.name);
            }
        }
    }
}
