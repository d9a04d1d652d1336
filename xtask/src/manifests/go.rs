//! Tools that are written in Go, built from their sources at a fixed version: Go checks what it
//! fetches against a public log of checksums. Each is built once, in seconds; kustomize in a
//! minute.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{packages, tools};

/// The oldest Go that builds the tools, as its minor version.
const MINOR_MIN: u32 = 24;

/// The Go that is fetched where this machine's is older.
const NEWER: &str = "go1.24.9";

/// The Debian package that brings `go`.
const PACKAGE: [&str; 1] = ["golang-go"];

/// A program that can be built.
pub(super) struct Tool {
    name: &'static str,
    package: &'static str,
    version: &'static str,
    /// What the built file is called.
    file: &'static str,
}

/// Reads compose files: the library that Docker Compose itself reads them with, as a program.
pub(super) const COMPOSE: Tool = Tool {
    name: "compose-go",
    package: "github.com/compose-spec/compose-go/v2/cmd",
    version: "v2.16.2",
    file: "cmd",
};

/// Builds overlays, as `kubectl apply -k` does.
pub(super) const KUSTOMIZE: Tool = Tool {
    name: "kustomize",
    package: "sigs.k8s.io/kustomize/kustomize/v5",
    version: "v5.7.1",
    file: "kustomize",
};

/// Holds manifests against schemas.
pub(super) const KUBECONFORM: Tool = Tool {
    name: "kubeconform",
    package: "github.com/yannh/kubeconform/cmd/kubeconform",
    version: "v0.7.0",
    file: "kubeconform",
};

/// A Go that is new enough.
pub(super) struct Go {
    program: OsString,
}

/// This machine's Go, installed where it is missing and may be; a newer one where it is too old.
///
/// # Errors
/// Where there is none in the end.
pub(super) fn find() -> Result<Go> {
    packages::need("a check of the manifests", &PACKAGE, || packages::runs("go", &["version"]))?;
    let here = Go { program: "go".into() };
    if here.minor_version()? >= MINOR_MIN {
        return Ok(here);
    }
    // It comes as a module, which an old one can fetch and check, though not run by itself.
    let machine = if env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let toolchain = format!("golang.org/toolchain@v0.0.1-{NEWER}.linux-{machine}");
    let newer = tools::once(NEWER, |aside| copy(&here.module(&toolchain)?, aside))?;
    let newer = Go { program: newer.join("bin/go").into() };
    newer.minor_version()?;
    Ok(newer)
}

impl Go {
    /// The file of a program, which is built the first time.
    ///
    /// # Errors
    /// Where it cannot be fetched or built.
    pub(super) fn tool(&self, tool: &Tool) -> Result<PathBuf> {
        let directory = tools::once(&format!("{}-{}", tool.name, tool.version), |aside| {
            let package = format!("{}@{}", tool.package, tool.version);
            let built = self.command(["install", &package]).env("GOBIN", aside).status();
            let built = built.context("cannot run go")?;
            ensure!(built.success(), "go could not build {package}");
            Ok(())
        })?;
        Ok(directory.join(tool.file))
    }

    /// The directory with the sources of a module.
    ///
    /// # Errors
    /// Where it cannot be fetched.
    pub(super) fn module(&self, module: &str) -> Result<PathBuf> {
        let output = self.command(["mod", "download", "-json", module]).output();
        let output = output.context("cannot run go")?;
        let words = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "go could not fetch {module}: {}", words.trim());
        let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let directory = told["Dir"].as_str().context("go does not say where it put a module")?;
        Ok(directory.into())
    }

    fn minor_version(&self) -> Result<u32> {
        let output = self.command(["version"]).output().context("cannot run go")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        minor(&text).with_context(|| format!("go does not say its version: {text:?}"))
    }

    fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(&self.program);
        // Not in this workspace, whatever flags its user likes elsewhere.
        command.args(arguments).current_dir(env::temp_dir()).env_remove("GOFLAGS");
        command
    }
}

/// 24 of `go version go1.24.9 linux/amd64`.
fn minor(text: &str) -> Option<u32> {
    let numbers = text.split_once("go1.")?.1;
    let end = numbers.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(numbers.len());
    numbers[..end].parse().ok()
}

/// Copies a module's files and makes its programs such: as a module they are only files.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let (from, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            fs::create_dir_all(&to)?;
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read() {
        assert_eq!(minor("go version go1.24.9 linux/amd64"), Some(24));
        assert_eq!(minor("go version go1.19 linux/amd64"), Some(19));
        assert_eq!(minor("go version go1.27rc1 linux/amd64"), Some(27));
        assert_eq!(minor("go version devel"), None);
    }
}
