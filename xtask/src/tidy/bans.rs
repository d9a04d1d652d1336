//! A crate's own `clippy.toml` replaces the workspace's, so each repeats what is banned for all.

use super::Complaint;

/// What no crate gives up, as a line of its `clippy.toml` contains it.
const BANNED_FOR_ALL: [&str; 1] = ["\"std::time::SystemTime::now\""];

/// Finds bans that a `clippy.toml` forgot.
pub(super) fn check(name: &str, text: &str) -> Vec<Complaint> {
    let has = |ban: &&&str| text.lines().any(|line| !line.starts_with('#') && line.contains(**ban));
    let forgotten = BANNED_FOR_ALL.iter().filter(|ban| !has(ban));
    forgotten
        .map(|ban| {
            let sentence = format!(
                "this file replaces the workspace's clippy.toml and forgets its ban on {ban}; \
                 repeat it under disallowed-methods"
            );
            Complaint::new(name, sentence)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_ban_is_told() {
        let kept = "disallowed-methods = [\n{ path = \"std::time::SystemTime::now\" },\n]";
        assert!(check("clippy.toml", kept).is_empty());
        assert_eq!(check("a/clippy.toml", "allow-unwrap-in-tests = true").len(), 1);
        assert_eq!(check("a/clippy.toml", "# \"std::time::SystemTime::now\"").len(), 1);
    }
}
