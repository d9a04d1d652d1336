//! `cargo xtask tidy`: what neither the compiler nor clippy says. It is also a test of this
//! package, so that `cargo test` alone holds it.
//!
//! Each rule is a function from what it looks at to what it finds wrong, with a test that it can.

mod arrows;
mod bans;
mod metrics;
mod owners;
mod size;
mod source;
mod wording;

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result, bail};

use self::{metrics::Metrics, source::Source};
use crate::workspace;

/// Something that is not tidy: where, and a sentence with what is wrong and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Complaint {
    place: String,
    sentence: String,
}

impl Complaint {
    fn new(place: impl fmt::Display, sentence: impl Into<String>) -> Complaint {
        Complaint { place: place.to_string(), sentence: sentence.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.sentence)
    }
}

/// Says everything that is not tidy.
///
/// # Errors
/// Where there is something, or the workspace cannot be read.
pub(crate) fn run() -> Result<()> {
    let complaints = complaints(&workspace::root())?;
    if complaints.is_empty() {
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    bail!("{} things are not tidy", complaints.len())
}

fn complaints(root: &Path) -> Result<Vec<Complaint>> {
    let packages = workspace::packages()?;
    let mut complaints = arrows::check(&packages);
    complaints.extend(owners::check(&packages));
    let mut metrics = Metrics::default();
    for path in source::files(root)? {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if name.ends_with("clippy.toml") {
            complaints.extend(bans::check(&name, &text));
        } else if !source::is_generated(&text) {
            let source = Source::new(&name, &text);
            complaints.extend(size::check(&source));
            complaints.extend(wording::check(&source));
            metrics.read(&source);
        }
    }
    let page = fs::read_to_string(root.join(metrics::PAGE)).context(metrics::PAGE)?;
    complaints.extend(metrics::check(&metrics, &page));
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_tidy() {
        let found = complaints(&workspace::root()).expect("the workspace can be read");
        let lines: Vec<String> = found.iter().map(Complaint::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }
}
