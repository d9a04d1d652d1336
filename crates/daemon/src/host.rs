//! The name of this machine, and what its number says: the third of several like processes is
//! called `matcher-2` wherever they are numbered.

/// The name; empty where the system does not tell it.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The number that a name ends in, after a dash: 2 of `matcher-2`.
pub fn ordinal(name: &str) -> Option<u32> {
    // What follows a full stop is where the machine is, not what it is called.
    let own = name.split('.').next()?;
    let (_, number) = own.rsplit_once('-')?;
    let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_name() {
        assert!(!name().is_empty());
    }

    #[test]
    fn the_number_is_what_follows_the_last_dash() {
        assert_eq!(ordinal("matcher-2"), Some(2));
        assert_eq!(ordinal("a-matcher-10.matchers.trade.svc"), Some(10));
        for none in ["", "matcher", "matcher2", "matcher-", "matcher-b", "2", "matcher-+2"] {
            assert_eq!(ordinal(none), None, "{none}");
        }
        assert_eq!(ordinal("matcher-99999999999"), None);
    }
}
