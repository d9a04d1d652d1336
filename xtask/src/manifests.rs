//! What the platform is deployed with, as the tools that deploy it would see it: the compose file
//! and the overlays are rendered, and checked against the compose specification and the schemas of
//! Kubernetes. What is in them is for the tests of `tradespine` to judge, which find the renderings
//! in the directory that [`VARIABLE`] names.
//!
//! - [`go`]: where the tools come from. [`schemas`]: what Kubernetes takes.
//!
//! Nothing here needs a container engine or a cluster, and nothing is pulled or run.

mod go;
mod schemas;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace;

/// Names the directory with the renderings to the tests.
const VARIABLE: &str = "TRADESPINE_TEST_MANIFESTS";

/// The overlays of `deploy/k8s/overlays`.
const OVERLAYS: [&str; 2] = ["dev", "production"];

/// Misspellings that every tool has to refuse: a check that cannot fail is none.
const MISSPELT: [(&str, &str); 2] =
    [("stop_grace_period:", "stop_grace_periods:"), ("enableServiceLinks:", "enableServiceLink:")];

/// The renderings, until this is dropped.
pub(crate) struct Manifests {
    directory: tempfile::TempDir,
}

impl Manifests {
    /// Renders everything and checks it.
    ///
    /// # Errors
    /// Where a tool cannot be had, or refuses a file; what it says is part of the message.
    pub(crate) fn render() -> Result<Manifests> {
        let go = go::find()?;
        let directory = tempfile::Builder::new().prefix("tradespine-manifests-").tempdir()?;
        let rendered = directory.path();
        render_compose(&go.tool(&go::COMPOSE)?, rendered)?;
        render_overlays(&go.tool(&go::KUSTOMIZE)?, rendered)?;
        let schemas = schemas::make(&go)?;
        check_overlays(&go.tool(&go::KUBECONFORM)?, &schemas, rendered)?;
        Ok(Manifests { directory })
    }

    /// Tells `command` where the renderings are.
    pub(crate) fn introduce(&self, command: &mut Command) {
        command.env(VARIABLE, self.directory.path());
    }
}

/// `cargo xtask manifests`: says whether all is well.
///
/// # Errors
/// As [`Manifests::render`].
pub(crate) fn run() -> Result<()> {
    Manifests::render().map(drop)
}

fn render_compose(tool: &Path, rendered: &Path) -> Result<()> {
    let file = workspace::root().join("docker-compose.yml");
    let render = |file: &Path| {
        let mut command = Command::new(tool);
        // All profiles and nobody's settings, whatever is set here.
        command.env("COMPOSE_PROFILES", "*").env_remove("TRADESPINE_SHARDS");
        command.current_dir(workspace::root()).args(["--format", "json"]).arg(file);
        run_tool(&mut command)
    };
    let output = render(&file)?;
    fs::write(rendered.join("compose.json"), accepted(&file, &output)?)?;
    let misspelt = rendered.join("misspelt-compose.yml");
    fs::write(&misspelt, misspell(&fs::read_to_string(&file)?, MISSPELT[0])?)?;
    refused(&render(&misspelt)?, tool)
}

fn render_overlays(kustomize: &Path, rendered: &Path) -> Result<()> {
    for overlay in OVERLAYS {
        let folder = workspace::root().join("deploy/k8s/overlays").join(overlay);
        let output = run_tool(Command::new(kustomize).arg("build").arg(&folder))?;
        fs::write(file_of(overlay, rendered), accepted(&folder, &output)?)?;
    }
    Ok(())
}

fn check_overlays(kubeconform: &Path, schemas: &Path, rendered: &Path) -> Result<()> {
    let location = schemas.join("{{.ResourceKind}}{{.KindSuffix}}.json");
    let check = |file: &Path| {
        let mut command = Command::new(kubeconform);
        command.args(["-strict", "-schema-location"]).arg(&location).arg(file);
        run_tool(&mut command)
    };
    for overlay in OVERLAYS {
        let file = file_of(overlay, rendered);
        accepted(&file, &check(&file)?)?;
        let misspelt = rendered.join("misspelt.yaml");
        fs::write(&misspelt, misspell(&fs::read_to_string(&file)?, MISSPELT[1])?)?;
        refused(&check(&misspelt)?, kubeconform)?;
    }
    Ok(())
}

fn file_of(overlay: &str, rendered: &Path) -> PathBuf {
    rendered.join(format!("{overlay}.yaml"))
}

fn run_tool(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot run {}", command.get_program().display()))
}

/// What a tool printed that took `file` as it is.
fn accepted<'a>(file: &Path, output: &'a Output) -> Result<&'a [u8]> {
    if output.status.success() {
        return Ok(&output.stdout);
    }
    let words = [output.stderr.as_slice(), &output.stdout].map(String::from_utf8_lossy).concat();
    bail!("{} is refused: {}", file.display(), words.trim())
}

fn refused(output: &Output, tool: &Path) -> Result<()> {
    ensure!(!output.status.success(), "{} takes a misspelt key", tool.display());
    Ok(())
}

fn misspell(text: &str, (right, wrong): (&str, &str)) -> Result<String> {
    ensure!(text.contains(right), "there is no {right} to misspell");
    Ok(text.replacen(right, wrong, 1))
}
