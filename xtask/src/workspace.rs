//! Where things are: the root, and the packages with what each depends on.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// Asks cargo itself, so that renames, targets and optional dependencies are seen as it sees them.
const TREE: [&str; 13] = [
    "tree",
    "--workspace",
    "--depth",
    "1",
    "--edges",
    "normal,build",
    "--prefix",
    "depth",
    "--no-dedupe",
    "--all-features",
    "--target",
    "all",
    "--format={p}",
];

/// A package of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// The names of the packages that it depends on, be they ours or not; those that only its tests
    /// need are left out.
    pub(crate) dependencies: Vec<String>,
}

/// The directory of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = here.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    here.parent().map_or_else(|| here.clone(), Path::to_owned)
}

/// The packages of the workspace.
///
/// # Errors
/// Where cargo cannot tell, which it explains on standard error.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let mut lines = Vec::new();
    cargo::run_with_lines(&mut cargo::command(TREE), |line| lines.push(line.to_owned()))
        .context("cargo tree cannot tell what depends on what")?;
    let packages = parse(&lines)?;
    ensure!(!packages.is_empty(), "cargo tree names no package");
    Ok(packages)
}

/// Reads lines like `0name v0.1.0 (/directory)`, each followed by `1dependency v1.2.3`.
fn parse(lines: &[String]) -> Result<Vec<Package>> {
    let mut packages: Vec<Package> = Vec::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let name = line.get(1..).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        match (line.as_bytes()[0], packages.last_mut()) {
            (b'0', _) => packages.push(Package {
                name: name.to_owned(),
                directory: directory(line)?,
                dependencies: Vec::new(),
            }),
            (b'1', Some(package)) => package.dependencies.push(name.to_owned()),
            _ => {}
        }
    }
    Ok(packages)
}

fn directory(line: &str) -> Result<PathBuf> {
    let start = line.find('(').with_context(|| format!("no directory in {line:?}"))?;
    let end = line[start..].find(')').with_context(|| format!("no directory in {line:?}"))?;
    Ok(line[start + 1..start + end].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read() {
        let text = "0alpha v0.1.0 (/w/alpha)\n1axum v0.8.9\n1beta v0.1.0 (/w/beta)\n\n\
                    0beta v0.1.0 (/w/beta)\n[build-dependencies]\n1prost-derive v1.0.0 \
                    (proc-macro)";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let package = |name: &str, dependencies: &[&str]| Package {
            name: name.to_owned(),
            directory: format!("/w/{name}").into(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        };
        let expected = [package("alpha", &["axum", "beta"]), package("beta", &["prost-derive"])];
        assert_eq!(parse(&lines).expect("it can be read"), expected);
    }

    #[test]
    fn this_package_is_among_them() {
        let packages = packages().expect("cargo tells");
        let this = packages.iter().find(|package| package.name == "tradespine-xtask");
        let this = this.expect("this package is in the workspace");
        assert_eq!(this.directory, root().join("xtask"));
        assert_eq!(this.dependencies, ["anyhow", "clap", "serde_json", "tempfile"]);
    }
}
