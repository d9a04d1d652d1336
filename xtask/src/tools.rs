//! Where programs are kept that no package brings: each fetched or built once, and then found.
//!
//! What will never live here: how any of them is had.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result, ensure};

/// The directory `name` among the tools, made by `make` where it is not there yet.
///
/// # Errors
/// Where it cannot be made.
pub(crate) fn kept(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    kept_in(&directory()?, name, make)
}

fn kept_in(tools: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let directory = tools.join(name);
    if directory.is_dir() {
        return Ok(directory);
    }
    // Aside first, so that what was cut short is never taken for a whole one.
    let aside = tools.join(format!("{name}.part-{}", process::id()));
    fs::create_dir_all(&aside)?;
    let made = make(&aside);
    if made.is_ok() && fs::rename(&aside, &directory).is_ok() {
        return Ok(directory);
    }
    let _ = fs::remove_dir_all(&aside);
    made?;
    // Somebody else was faster.
    ensure!(directory.is_dir(), "cannot make the directory {}", directory.display());
    Ok(directory)
}

fn directory() -> Result<PathBuf> {
    if let Some(tools) = env::var_os("TRADESPINE_TOOLS").filter(|tools| !tools.is_empty()) {
        return Ok(tools.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = cache.or(home).context("neither TRADESPINE_TOOLS nor HOME is set")?;
    Ok(cache.join("tradespine"))
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_tool_is_made_once_and_never_left_half_made() {
        let tools = tempfile::tempdir().expect("a directory for the test");
        let half = |directory: &Path| {
            fs::write(directory.join("half"), "")?;
            bail!("cut short")
        };
        let failed = kept_in(tools.path(), "tool-1", half).expect_err("it was cut short");
        assert_eq!(failed.to_string(), "cut short");
        assert_eq!(fs::read_dir(tools.path()).expect("it is there").count(), 0);

        let whole = |directory: &Path| Ok(fs::write(directory.join("whole"), "")?);
        let made = kept_in(tools.path(), "tool-1", whole).expect("it is made");
        assert!(made.join("whole").is_file());
        let found = kept_in(tools.path(), "tool-1", |_| bail!("again")).expect("it is there");
        assert_eq!(found, made);
    }
}
