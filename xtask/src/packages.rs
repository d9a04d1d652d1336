//! Programs that servers need: found, or installed where that is allowed.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

use anyhow::{Result, ensure};

/// Makes sure that `is_there`, by installing Debian's `packages` where this machine has them and
/// this user may. `what` needs them.
///
/// # Errors
/// Where it is not there in the end; the message says what to install.
pub(crate) fn need(what: &str, packages: &[&str], is_there: impl Fn() -> bool) -> Result<()> {
    if is_there() {
        return Ok(());
    }
    if runs("apt-get", &["--version"]) && is_root() {
        eprintln!("installing {}", packages.join(" and "));
        let _ = Command::new("apt-get").args(["update", "-q"]).status();
        let _ = Command::new("apt-get")
            .args(["install", "-q", "-y", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status();
    }
    ensure!(
        is_there(),
        "{what} needs what is missing here; on Debian: apt-get install {}",
        packages.join(" ")
    );
    Ok(())
}

/// Whether `program` runs with these arguments and says that all is well.
pub(crate) fn runs(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    user_id(None) == Some(0)
}

/// The number of `user`, or of this process's; `None` where there is none.
pub(crate) fn user_id(user: Option<&str>) -> Option<u32> {
    let id = Command::new("id").arg("-u").args(user).output().ok()?;
    String::from_utf8_lossy(&id.stdout).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() {
        need("a test", &["no-such-package"], || true).expect("it is there");
        assert!(runs("true", &[]));
        assert!(!runs("false", &[]));
        assert!(!runs("/no/such/program", &[]));
    }

    #[test]
    fn users_have_numbers() {
        assert_eq!(user_id(Some("root")), Some(0));
        assert_eq!(user_id(Some("no such user")), None);
        assert!(user_id(None).is_some());
    }
}
