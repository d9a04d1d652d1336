//! `cargo xtask mutants`: single operators, branches and results of the two cores changed, one at a
//! time, and the core's own tests run on each: those that no test notices are where one is missing.
//!
//! `cargo mutants` makes the changes and runs the tests, as `.cargo/mutants.toml` tells it, which
//! also says what is left out and why. Here a sample is drawn, and what came of each is kept.

mod sample;

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fmt, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use crate::{
    cargo,
    packages::{need, runs},
    tools, workspace,
};

/// What makes the changes.
const VERSION: &str = "27.1.0";

/// Whose code is changed.
const CORES: [&str; 2] = ["tradespine-matcher-core", "tradespine-ledger-core"];

/// How many random commands the long run of the matching core has on a changed one: five rounds.
const COMMANDS: &str = "100000";

/// How many of a hundred that can be built must be noticed.
const NOTICED_PERCENT_MIN: usize = 95;

/// How long a test's program may work on a changed core, in seconds of the processor, which are the
/// same on a busy machine: a loop without end ends by this. A sound core takes half of it at most.
const PROCESSOR_SECONDS_MAX: u32 = 25;

/// How much memory it may take, in bytes: a loop without end that fills a list ends by this before
/// it has taken the machine's. A sound core takes a fiftieth.
const MEMORY_BYTES_MAX: u64 = 8 << 30;

/// What `cargo mutants` ends with where nothing went wrong but mutants that were not noticed, or
/// that tests did not come to an end with.
const ENDS: [i32; 3] = [0, 2, 3];

/// Which mutants to test.
#[derive(Args)]
pub(crate) struct Mutants {
    /// How many, drawn by the seed; all where it is not said.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// What the sample is drawn by. The same seed draws the same changes, also where their lines
    /// have moved.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Goes on with an earlier run: mutants that were noticed, or that cannot be built, are not
    /// tested again.
    #[arg(long)]
    resume: bool,
    /// Only names them.
    #[arg(long)]
    list: bool,
    /// Changes this tree itself, and uses its target directory: quicker to begin, where nobody
    /// works in it.
    #[arg(long)]
    in_place: bool,
}

/// A test's program and its arguments.
#[derive(Args)]
pub(crate) struct Tests {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

/// What came of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// A test failed.
    Caught,
    /// A test did not come to an end.
    Timeout,
    /// No test noticed.
    Missed,
    /// It cannot be built.
    Unviable,
}

impl Fate {
    const ALL: [Fate; 4] = [Fate::Caught, Fate::Timeout, Fate::Missed, Fate::Unviable];

    /// As `cargo mutants` calls it, and the file in which it names those.
    const fn word(self) -> &'static str {
        match self {
            Fate::Caught => "caught",
            Fate::Timeout => "timeout",
            Fate::Missed => "missed",
            Fate::Unviable => "unviable",
        }
    }

    /// Whether a mutant need not be tested again.
    const fn is_settled(self) -> bool {
        matches!(self, Fate::Caught | Fate::Unviable)
    }
}

/// Draws them, tests them, and tells what came of each kind.
///
/// # Errors
/// Where the cores cannot be tested, or too few mutants are noticed.
pub(crate) fn run(mutants: &Mutants) -> Result<()> {
    let tool = tool()?;
    let all = list(&tool)?;
    let total = all.len();
    let drawn = sample::draw(all, mutants.sample.unwrap_or(total), mutants.seed);
    if mutants.list {
        drawn.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let output = workspace::root().join("target/mutation");
    fs::create_dir_all(&output)?;
    let kept = output.join("fates.txt");
    let mut fates = if mutants.resume { read(&kept)? } else { BTreeMap::new() };
    if mutants.resume {
        harvest(&output, &mut fates)?;
    } else {
        let _ = fs::remove_dir_all(output.join("mutants.out"));
    }
    write(&kept, &fates)?;
    let is_settled = |name: &&String| fates.get(*name).is_some_and(|fate| fate.is_settled());
    let left: Vec<&String> = drawn.iter().filter(|name| !is_settled(name)).collect();
    eprintln!("{} of {total} mutants, {} to test", drawn.len(), left.len());
    if !left.is_empty() {
        test(&tool, &output, &left, mutants.in_place)?;
        harvest(&output, &mut fates)?;
        write(&kept, &fates)?;
    }
    Report::of(&drawn, &fates).end()
}

/// `cargo mutants`, built once.
fn tool() -> Result<PathBuf> {
    let kept = tools::kept(&format!("cargo-mutants-{VERSION}"), |aside| {
        eprintln!("building cargo-mutants {VERSION}; this takes some minutes");
        let install = ["install", "cargo-mutants", "--version", VERSION, "--locked", "--root"];
        cargo::run(cargo::command(install).arg(aside))
    })?;
    Ok(kept.join("bin/cargo-mutants"))
}

fn of_cores(command: &mut Command) -> &mut Command {
    command.current_dir(workspace::root()).arg("mutants");
    CORES.iter().fold(command, |command, core| command.args(["--package", core]))
}

/// The names of all mutants, each with its place.
fn list(tool: &Path) -> Result<Vec<String>> {
    let mut command = Command::new(tool);
    let output = of_cores(&mut command).args(["--list", "--json"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo mutants cannot list: {said}");
    let all: Value = serde_json::from_slice(&output.stdout)?;
    let names = all.as_array().context("no list of mutants")?.iter();
    names.map(|mutant| Ok(mutant["name"].as_str().context("no name")?.to_owned())).collect()
}

/// Runs a test's program until its first failure: for a changed core one is enough.
///
/// # Errors
/// Where a test fails, or it cannot be run.
pub(crate) fn run_tests(tests: &Tests) -> Result<()> {
    let [program, arguments @ ..] = tests.command.as_slice() else { bail!("there is no program") };
    let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn()?;
    for line in BufReader::new(child.stdout.take().context("it is piped")?).lines() {
        let line = line?;
        println!("{line}");
        if is_failure(&line) {
            child.kill()?;
            break;
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "a test failed: it ended with {status}");
    Ok(())
}

/// Whether it says that a test has failed.
fn is_failure(line: &str) -> bool {
    line.starts_with("test ") && line.ends_with(" ... FAILED")
}

/// Tests those of these names. Fields of structs that are left out come whatever the names say;
/// `--iterate` at least brings none of them again that was caught before.
fn test(tool: &Path, output: &Path, names: &[&String], in_place: bool) -> Result<()> {
    need("testing mutants", &["util-linux"], || runs("prlimit", &["--version"]))?;
    let mut command = Command::new(tool);
    of_cores(&mut command).args(["--iterate", "--output"]).arg(output);
    let ours = env::current_exe()?;
    let runner = format!(
        "target.'cfg(unix)'.runner=['prlimit', '--cpu={PROCESSOR_SECONDS_MAX}', \
         '--as={MEMORY_BYTES_MAX}', '--', '{}', 'tests-of-a-mutant']",
        ours.display()
    );
    command.args(["--cargo-arg=--config".to_owned(), format!("--cargo-arg={runner}")]);
    if in_place {
        command.arg("--in-place");
    }
    for name in names {
        command.arg("--re").arg(format!("^{}$", sample::escaped(name)));
    }
    command.env("TRADESPINE_TEST_COMMANDS", COMMANDS);
    let status = command.status().context("cannot run cargo mutants")?;
    let ended = status.code().filter(|code| ENDS.contains(code));
    ensure!(ended.is_some(), "cargo mutants ended with {status}");
    Ok(())
}

/// Adds what the last run, be it whole or not, has found out.
fn harvest(output: &Path, fates: &mut BTreeMap<String, Fate>) -> Result<()> {
    for fate in Fate::ALL {
        let file = output.join("mutants.out").join(fate.word()).with_extension("txt");
        if file.exists() {
            let names = fs::read_to_string(&file)?;
            fates.extend(names.lines().map(|name| (name.to_owned(), fate)));
        }
    }
    Ok(())
}

fn read(kept: &Path) -> Result<BTreeMap<String, Fate>> {
    if !kept.exists() {
        return Ok(BTreeMap::new());
    }
    let text = fs::read_to_string(kept)?;
    let fate_of = |line: &str| {
        let (word, name) = line.split_once(' ')?;
        let fate = Fate::ALL.into_iter().find(|fate| fate.word() == word)?;
        Some((name.to_owned(), fate))
    };
    text.lines()
        .map(|line| fate_of(line).with_context(|| format!("{}: {line:?}", kept.display())))
        .collect()
}

fn write(kept: &Path, fates: &BTreeMap<String, Fate>) -> Result<()> {
    let lines = fates.iter().map(|(name, fate)| format!("{} {name}\n", fate.word()));
    Ok(fs::write(kept, lines.collect::<String>())?)
}

/// How many there are of each kind, and which of them want a look.
#[derive(Debug, PartialEq, Eq)]
struct Report<'a> {
    counts: BTreeMap<Fate, usize>,
    unnoticed: Vec<(Fate, &'a str)>,
    untested: usize,
}

impl<'a> Report<'a> {
    fn of(drawn: &'a [String], fates: &BTreeMap<String, Fate>) -> Report<'a> {
        let mut report = Report { counts: BTreeMap::new(), unnoticed: Vec::new(), untested: 0 };
        for name in drawn {
            let Some(fate) = fates.get(name) else {
                report.untested += 1;
                continue;
            };
            *report.counts.entry(*fate).or_default() += 1;
            if !fate.is_settled() {
                report.unnoticed.push((*fate, name));
            }
        }
        report
    }

    fn count(&self, fate: Fate) -> usize {
        self.counts.get(&fate).copied().unwrap_or_default()
    }

    /// How many can be built, and how many of these were noticed: those too that tests did not come
    /// to an end with.
    fn noticed(&self) -> (usize, usize) {
        let noticed = self.count(Fate::Caught) + self.count(Fate::Timeout);
        (noticed + self.count(Fate::Missed), noticed)
    }

    fn end(&self) -> Result<()> {
        println!("{self}");
        let (viable, noticed) = self.noticed();
        if self.untested > 0 {
            bail!("{} were not tested; --resume goes on", self.untested);
        }
        ensure!(
            noticed * 100 >= viable * NOTICED_PERCENT_MIN,
            "fewer than {NOTICED_PERCENT_MIN} % were noticed"
        );
        Ok(())
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fate, name) in &self.unnoticed {
            writeln!(f, "{}: {name}", fate.word())?;
        }
        for fate in Fate::ALL {
            write!(f, "{} {}, ", self.count(fate), fate.word())?;
        }
        let (viable, noticed) = self.noticed();
        let thousandths = (noticed * 1_000).checked_div(viable).unwrap_or_default();
        write!(f, "{}.{} % of {viable} noticed", thousandths / 10, thousandths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_from_all_else() {
        assert!(is_failure("test rules::every_table_holds ... FAILED"));
        for line in ["test rules::every_table_holds ... ok", "test result: FAILED. 3 passed", ""] {
            assert!(!is_failure(line), "{line}");
        }
    }

    #[test]
    fn what_was_found_out_is_kept_and_counted() {
        let output = tempfile::tempdir().expect("a directory for the test");
        let [out, kept] = ["mutants.out", "fates.txt"].map(|name| output.path().join(name));
        assert_eq!(read(&kept).expect("nothing yet"), BTreeMap::new());
        fs::create_dir(&out).expect("a directory");
        fs::write(out.join("caught.txt"), "a.rs:1:2: one\na.rs:3:4: two\n").expect("a file");
        fs::write(out.join("missed.txt"), "a.rs:5:6: three\n").expect("a file");
        fs::write(out.join("unviable.txt"), "a.rs:7:8: four\n").expect("a file");
        let mut fates = BTreeMap::new();
        harvest(output.path(), &mut fates).expect("it is read");
        write(&kept, &fates).expect("it is written");
        assert_eq!(read(&kept).expect("it was written"), fates);

        let names = ["a.rs:1:2: one", "a.rs:5:6: three", "a.rs:7:8: four", "a.rs:9:9: five"];
        let drawn = names.map(str::to_owned);
        let report = Report::of(&drawn, &fates);
        assert_eq!(report.unnoticed, [(Fate::Missed, names[1])]);
        assert_eq!((report.noticed(), report.untested), ((2, 1), 1));
        assert!(report.to_string().ends_with("50.0 % of 2 noticed"), "{report}");
        assert!(report.end().is_err());
    }
}
