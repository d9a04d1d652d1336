//! `cargo xtask bench`: every benchmark of the workspace. A benchmark is a file in `benches/` of
//! its package. One that needs Kafka is run with `cargo xtask with-kafka -- cargo xtask bench`.
//!
//! `cargo xtask bench apart` is another matter: [`apart`] prepares servers, and the services run
//! beside them.

mod apart;

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};

use crate::{
    cargo,
    workspace::{self, Package},
};

/// Which benchmarks to run.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Selection {
    #[command(subcommand)]
    whole: Option<Whole>,
    /// Only those of this package.
    #[arg(long, short, value_name = "NAME")]
    package: Option<String>,
    /// Only says which there are.
    #[arg(long)]
    list: bool,
    /// For the benchmarks themselves, after `--`.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// What is measured as a whole.
#[derive(Subcommand)]
enum Whole {
    /// Measures services apart on Kafka, PostgreSQL and Redis beside floors of the same run, and
    /// prints a table.
    Apart(apart::Apart),
}

/// Runs the benchmarks, one package after the other.
///
/// # Errors
/// Where there is none, or one of them fails.
pub(crate) fn run(selection: &Selection) -> Result<()> {
    if let Some(Whole::Apart(apart)) = &selection.whole {
        return apart::run(apart);
    }
    let mut found = benches(&workspace::packages()?)?;
    if let Some(package) = &selection.package {
        found.retain(|bench| bench.package == *package);
    }
    ensure!(!found.is_empty(), "there is no such benchmark; `cargo xtask bench --list` names all");
    for bench in found {
        if selection.list {
            println!("{} {}", bench.package, bench.name);
            continue;
        }
        eprintln!("\n== {} {}", bench.package, bench.name);
        let arguments = ["bench", "--package", &bench.package, "--bench", &bench.name, "--"];
        cargo::run(cargo::command(arguments).args(&selection.arguments))
            .with_context(|| format!("the benchmark {} of {}", bench.name, bench.package))?;
    }
    Ok(())
}

/// Loads services apart that are all `program`.
///
/// # Errors
/// Where they or the load cannot be built or started, or do not run to their end.
pub(crate) fn load_apart<'a>(
    program: &Path,
    arguments: impl Iterator<Item = &'a str>,
) -> Result<()> {
    apart::run(&apart::Apart::of(program, arguments))
}

/// A benchmark: the package that it belongs to, and its own name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bench {
    package: String,
    name: String,
}

fn benches(packages: &[Package]) -> Result<Vec<Bench>> {
    let mut found = Vec::new();
    for package in packages {
        let directory = package.directory.join("benches");
        if directory.is_dir() {
            for entry in fs::read_dir(&directory)? {
                let name = name(&entry?.path());
                found.extend(name.map(|name| Bench { package: package.name.clone(), name }));
            }
        }
    }
    found.sort();
    if let Some(both) = found.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two benchmarks of {} have the name {}", both[0].package, both[0].name);
    }
    Ok(found)
}

/// As cargo names it: a file by its stem, a directory with a `main.rs` by its own.
fn name(path: &Path) -> Option<String> {
    let is_bench = path.extension() == Some(OsStr::new("rs")) || path.join("main.rs").is_file();
    let name = path.file_stem()?.to_str()?.to_owned();
    is_bench.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_of_benches_are_found() {
        let root = tempfile::tempdir().expect("a directory for the test");
        let benches_of_alpha = root.path().join("alpha/benches");
        fs::create_dir_all(benches_of_alpha.join("sweep")).expect("a directory");
        fs::create_dir_all(benches_of_alpha.join("data")).expect("a directory");
        for file in ["book.rs", "sweep/main.rs", "data/input.txt", "notes.md"] {
            fs::write(benches_of_alpha.join(file), "").expect("a file");
        }
        let package = |name: &str| Package {
            name: name.to_owned(),
            directory: root.path().join(name),
            dependencies: Vec::new(),
        };
        let found = benches(&[package("alpha"), package("beta")]).expect("they are listed");
        let bench = |name: &str| Bench { package: "alpha".to_owned(), name: name.to_owned() };
        assert_eq!(found, [bench("book"), bench("sweep")]);
    }
}
