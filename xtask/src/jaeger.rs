//! A real Jaeger on this machine, for tests: collector, store and query in one process, in memory
//! only, on free loopback ports.
//!
//! What will never live here: what is sent to it, or asked of it.

use std::{
    env::consts::ARCH,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    keeper::{End, Kept, accepts, free_ports, start_in_new_directory},
    packages::{need, runs},
    tools,
};

/// The newest release that does not bring the whole API of Elasticsearch with it: it is built in
/// two minutes, where later ones take five. What tests ask of it is the same in all of them.
const VERSION: &str = "1.47.0";

/// The program's source, as a Go module.
const MODULE: &str = "github.com/jaegertracing/jaeger";

/// Where releases are.
const RELEASES: &str = "https://github.com/jaegertracing/jaeger/releases/download";

/// The Debian packages that bring `curl` and the certificates that it believes.
const PACKAGES: [&str; 2] = ["curl", "ca-certificates"];

/// The program in its directory.
const PROGRAM: &str = "jaeger-all-in-one";

/// How many traces it remembers: more than any test makes.
const TRACES_MAX: u32 = 10_000;

/// A running Jaeger. Dropping it kills it and removes its files.
pub(crate) struct Jaeger {
    _server: Kept,
    pages: u16,
    otlp: u16,
}

impl Jaeger {
    /// Starts one with its files in a new directory under `work_dir`, and waits until it answers.
    /// The first time it is built, or fetched where there is no Go, into a cache.
    ///
    /// # Errors
    /// Where it cannot be had, or does not come up.
    pub(crate) fn start(work_dir: &Path) -> Result<Jaeger> {
        let program = program()?;
        start_in_new_directory(work_dir, "jaeger", |directory| start_in(directory, &program))
    }

    /// The address of its pages and its JSON API, as a URL.
    pub(crate) fn pages(&self) -> String {
        format!("http://127.0.0.1:{}", self.pages)
    }

    /// The address to which spans are sent over gRPC, as a URL.
    pub(crate) fn otlp(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp)
    }
}

fn start_in(directory: &Path, program: &Path) -> Result<Jaeger> {
    let [pages, otlp, collector] = free_ports()?;
    let server = Kept::start(directory, End::Kill, command(program, pages, otlp, collector))
        .context("cannot start the server")?;
    server.wait_until(directory, || accepts(pages) && accepts(otlp))?;
    Ok(Jaeger { _server: server, pages, otlp })
}

/// All its doors are this machine's; those that nobody uses take any free port.
fn command(program: &Path, pages: u16, otlp: u16, collector: u16) -> Vec<OsString> {
    let mut command = vec![program.as_os_str().to_owned()];
    for (door, port) in [
        ("query.http-server", pages),
        ("query.grpc-server", 0),
        ("collector.otlp.grpc", otlp),
        ("collector.otlp.http", 0),
        ("collector.grpc-server", collector),
        ("collector.http-server", 0),
        ("admin.http", 0),
        ("http-server", 0),
    ] {
        command.push(format!("--{door}.host-port=127.0.0.1:{port}").into());
    }
    for door in ["jaeger-compact", "jaeger-binary", "zipkin-compact"] {
        command.push(format!("--processor.{door}.server-host-port=127.0.0.1:0").into());
    }
    command.push(format!("--memory.max-traces={TRACES_MAX}").into());
    command.push("--log-level=warn".into());
    command
}

/// The program, built or fetched where it is not there yet.
fn program() -> Result<PathBuf> {
    let made = tools::kept(&format!("jaeger-{VERSION}"), |directory| {
        if !runs("go", &["version"]) {
            return fetch(directory);
        }
        // An old Go cannot; then the release is what there is.
        build(directory).or_else(|error| {
            eprintln!("{error:#}");
            fetch(directory)
        })
    });
    Ok(made?.join(PROGRAM))
}

/// Builds it from its module, with the very versions that the module asks for: what comes is
/// checked against its own list of sums, and that against the sums of all modules. What the
/// environment says of proxies is Go's to heed.
fn build(directory: &Path) -> Result<()> {
    eprintln!("building Jaeger {VERSION}, once; it takes some minutes");
    let source = source()?;
    let status = Command::new("go")
        .args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o"])
        .arg(directory.join(PROGRAM))
        .arg("./cmd/all-in-one")
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .status()
        .context("cannot run go")?;
    ensure!(status.success(), "go could not build Jaeger {VERSION}");
    Ok(())
}

/// Where Go keeps the module's source, once it has it.
fn source() -> Result<PathBuf> {
    let module = format!("{MODULE}@v{VERSION}");
    let output = Command::new("go")
        .args(["mod", "download", "-json", &module])
        .output()
        .context("cannot run go")?;
    let told = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "go could not fetch {module}: {told}{problems}");
    let directory = field(&told, "Dir").with_context(|| format!("go names no place: {told}"))?;
    Ok(directory.into())
}

/// The text of a field, of JSON with a line a field.
fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("\"{name}\": \"");
    json.lines().find_map(|line| line.trim().strip_prefix(start.as_str())?.split('"').next())
}

/// Fetches the release of this version.
fn fetch(directory: &Path) -> Result<()> {
    need("Jaeger", &PACKAGES, || runs("curl", &["--version"]))?;
    let release = release(ARCH)?;
    let archive = directory.join("release.tar.gz");
    let url = format!("{RELEASES}/v{VERSION}/{release}.tar.gz");
    eprintln!("fetching {url}");
    let status = Command::new("curl")
        .args(["--fail", "--location", "--silent", "--show-error", "--proto", "=https"])
        .args(["--retry", "2", "--output"])
        .arg(&archive)
        .arg(&url)
        .status()
        .context("cannot run curl")?;
    ensure!(status.success(), "{url} could not be fetched; with Go installed, Jaeger is built");
    let unpacked = Command::new("tar")
        .args(["--extract", "--gzip", "--strip-components=1", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(directory)
        .arg(format!("{release}/{PROGRAM}"))
        .status()
        .context("cannot run tar")?;
    ensure!(unpacked.success(), "{} has no {PROGRAM}", archive.display());
    Ok(fs::remove_file(archive)?)
}

/// What the release for this kind of processor is called.
fn release(arch: &str) -> Result<String> {
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("there is no release of Jaeger for {other}; with Go installed, it is built"),
    };
    Ok(format!("jaeger-{VERSION}-linux-{arch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_named_as_its_makers_do() {
        assert_eq!(release("x86_64").expect("there is one"), "jaeger-1.47.0-linux-amd64");
        assert_eq!(release("aarch64").expect("there is one"), "jaeger-1.47.0-linux-arm64");
        let error = release("riscv64").expect_err("there is none").to_string();
        assert!(error.contains("riscv64") && error.contains("Go"), "{error}");
    }

    #[test]
    fn the_place_of_a_module_is_read() {
        let told = "{\n\t\"Path\": \"a/b\",\n\t\"Dir\": \"/go/a/b@v1\",\n}";
        assert_eq!(field(told, "Dir"), Some("/go/a/b@v1"));
        assert_eq!(field(told, "Zip"), None);
    }

    #[test]
    fn every_door_is_this_machines() {
        let command = command(Path::new("jaeger"), 1, 2, 3);
        let words: Vec<&str> = command.iter().filter_map(|word| word.to_str()).collect();
        assert!(words.contains(&"--query.http-server.host-port=127.0.0.1:1"), "{words:?}");
        assert!(words.contains(&"--collector.otlp.grpc.host-port=127.0.0.1:2"), "{words:?}");
        assert!(words.iter().filter(|word| word.contains("host-port")).count() == 11);
        assert!(words.iter().all(|word| !word.contains("host-port=:")));
    }
}
