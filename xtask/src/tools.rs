//! Where what is fetched or built once is kept, and how it gets there: `~/.cache/tradespine`, or
//! what `TRADESPINE_TOOLS` names.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result, ensure};

/// The directory of this name, made by `make` where it is not there yet.
///
/// It is made aside first, so that one cut short is never taken for a whole one.
///
/// # Errors
/// Where it cannot be made.
pub(crate) fn once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let directory = root()?.join(name);
    if directory.is_dir() {
        return Ok(directory);
    }
    eprintln!("making {}", directory.display());
    let aside = root()?.join(format!("{name}.part-{}", process::id()));
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

fn root() -> Result<PathBuf> {
    if let Some(tools) = env::var_os("TRADESPINE_TOOLS").filter(|tools| !tools.is_empty()) {
        return Ok(tools.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = cache.or(home).context("neither TRADESPINE_TOOLS nor HOME is set")?;
    Ok(cache.join("tradespine"))
}
