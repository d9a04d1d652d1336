//! `cargo xtask profiled`: builds `tradespine` by what it does under load.
//!
//! It is built with counters, runs a short benchmark as services apart and one as `tradespine up`,
//! and is built again: what was often done then lies together and in line, what was never done
//! lies elsewhere (docs/adr/0025-built-by-a-profile.md). The program does the same; it takes two
//! builds of everything and a few minutes of load. Nothing of it is shared with other builds.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{bench, cargo, packages::runs, workspace};

/// What services apart are counted under: every edge, with and without keys, fast and slow.
const LOADS: &str = "--rounds 1 --seconds 4 --warm-up-turns 1 --partitions 1 \
                     --only routes,rest,stream,push";

/// What `tradespine up` is counted under: a random market over gRPC, and orders over REST.
const MARKET: [&str; 3] = ["replay", "--frames", "300"];
const WRK: &str = "-t2 -c64 -d5s -s gateway/benches/orders.lua";
const WRK_AT: &str = "http://127.0.0.1:8080/api/v1/orders";

/// How long `tradespine up` may take until it answers, and how often it is asked meanwhile.
const LOOKS_MAX: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Between two arguments for the compiler, where cargo is handed them as one text.
const BETWEEN: char = '\u{1f}';

/// Builds it, and says where it is.
///
/// # Errors
/// Where something cannot be built, or the load does not run to its end.
pub(crate) fn run() -> Result<()> {
    let compiler = Compiler::find()?;
    let own = workspace::root().join("target/profiled");
    let [counts, built] = ["counts", "built"].map(|name| own.join(name));
    // Of an earlier run. Cargo does not know that what it built by other counts is stale.
    for stale in [&counts, &built] {
        if stale.exists() {
            fs::remove_dir_all(stale)?;
        }
    }
    eprintln!("building with counters; the first time this takes a quarter of an hour");
    let counting = compiler.build(&own.join("counting"), "-Cprofile-generate", &counts)?;
    eprintln!("counting");
    bench::load_apart(&counting, LOADS.split_whitespace())?;
    load_up(&counting).context("`tradespine up` could not be loaded")?;
    let profile = own.join("tradespine.profdata");
    compiler.merge(&counts, &profile)?;
    eprintln!("building by the counts");
    let program = compiler.build(&built, "-Cprofile-use", &profile)?;
    println!("{}", program.display());
    Ok(())
}

/// The compiler that cargo uses, and what stands beside it.
struct Compiler {
    host: String,
    merger: PathBuf,
}

impl Compiler {
    /// Finds it, and installs its tools for profiles where they are missing.
    fn find() -> Result<Compiler> {
        let version = told(&["-vV"])?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("rustc does not tell what it builds for")?.to_owned();
        let root = PathBuf::from(told(&["--print", "sysroot"])?.trim());
        let merger = root.join("lib/rustlib").join(&host).join("bin/llvm-profdata");
        if !merger.is_file() {
            let _ = Command::new("rustup").args(["component", "add", "llvm-tools"]).status();
        }
        ensure!(
            merger.is_file(),
            "the compiler's tools for profiles are missing: rustup component add llvm-tools"
        );
        Ok(Compiler { host, merger })
    }

    /// Builds `tradespine` in release into `directory`, with `option` set to `path`. It is told
    /// whom it builds for, so that only the program itself gets the option, and no build script.
    fn build(&self, directory: &Path, option: &str, path: &Path) -> Result<PathBuf> {
        let path = path.to_str().context("the workspace's path is not text")?;
        let mut build = cargo::command(["build", "--release", "--locked"]);
        build.args(["--package", "tradespine", "--target", &self.host]);
        build.arg("--target-dir").arg(directory);
        let flags = [&format!("{option}={path}"), "-Cllvm-args=-no-pgo-warn-mismatch"];
        build.env("CARGO_ENCODED_RUSTFLAGS", flags.join(&BETWEEN.to_string()));
        cargo::run(&mut build).context("it could not be built; what is wrong stands above")?;
        Ok(directory.join(&self.host).join("release/tradespine"))
    }

    fn merge(&self, counts: &Path, profile: &Path) -> Result<()> {
        let mut merge = Command::new(&self.merger);
        merge.args(["merge", "--sparse", "--output"]).arg(profile).arg(counts);
        cargo::run(&mut merge).context("the counts cannot be put together")
    }
}

/// What the compiler says.
fn told(arguments: &[&str]) -> Result<String> {
    let output = Command::new("rustc").args(arguments).current_dir(workspace::root()).output();
    let output = output.context("cannot run rustc")?;
    ensure!(output.status.success(), "rustc ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs `program up` under load, and ends it, which is when it tells its counts.
fn load_up(program: &Path) -> Result<()> {
    let data = tempfile::Builder::new().prefix("tradespine-profiled-").tempdir()?;
    let mut up = Command::new(program);
    up.arg("up").arg("--data-dir").arg(data.path()).stdin(Stdio::null());
    let mut up = up.stdout(Stdio::null()).spawn().context("cannot start it")?;
    let loaded = load(program, &mut up);
    let _ = Command::new("kill").arg("-TERM").arg(up.id().to_string()).status();
    let ended = up.wait()?;
    loaded?;
    ensure!(ended.success(), "it ended with {ended}");
    Ok(())
}

fn load(program: &Path, up: &mut Child) -> Result<()> {
    wait(program, up)?;
    // The market first: it needs a book without anybody's orders.
    cargo::run(Command::new(program).args(MARKET))?;
    let mut orders = Command::new("wrk");
    orders.args(WRK.split_whitespace()).arg(WRK_AT).current_dir(workspace::root());
    cargo::run(&mut orders)
}

/// Waits until it answers.
fn wait(program: &Path, up: &mut Child) -> Result<()> {
    for _ in 0..LOOKS_MAX {
        if let Some(ended) = up.try_wait()? {
            bail!("it ended with {ended}");
        }
        if runs(program, &["book", "BTC-USDT"]) {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
    bail!("it does not answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_says_what_it_builds_for() {
        let version = told(&["-vV"]).expect("there is a compiler");
        assert!(version.lines().any(|line| line.starts_with("host: ")), "{version}");
        assert!(told(&["--no-such-option"]).is_err());
    }

    #[test]
    fn one_that_ends_by_itself_is_not_waited_for() {
        let error = load_up(Path::new("false")).expect_err("it ends at once");
        assert!(format!("{error:#}").contains("it ended with"), "{error:#}");
    }
}
