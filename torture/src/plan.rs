//! What is killed, in which order: drawn from a seed.

use std::fmt;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

/// What a kill meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    Gateway,
    Matcher,
    Ledger,
    Broadcaster,
    Postgres,
    Redis,
    Broker,
    Everything,
}

impl Victim {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Victim; 8] = [
        Victim::Gateway,
        Victim::Matcher,
        Victim::Ledger,
        Victim::Broadcaster,
        Victim::Postgres,
        Victim::Redis,
        Victim::Broker,
        Victim::Everything,
    ];

    /// What money, and the way to what is told of it, pass through.
    pub(crate) const OF_A_BANK: [Victim; 6] = [
        Victim::Gateway,
        Victim::Matcher,
        Victim::Ledger,
        Victim::Broker,
        Victim::Postgres,
        Victim::Redis,
    ];

    /// Its name, on the command line and in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Victim::Gateway => "gateway",
            Victim::Matcher => "matcher",
            Victim::Ledger => "ledger",
            Victim::Broadcaster => "broadcaster",
            Victim::Postgres => "postgres",
            Victim::Redis => "redis",
            Victim::Broker => "broker",
            Victim::Everything => "everything",
        }
    }

    /// Whether everything stands still until it is back: of those half as many are killed.
    const fn stops_all(self) -> bool {
        matches!(self, Victim::Broker | Victim::Everything)
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for Victim {
    type Err = String;

    fn from_str(text: &str) -> Result<Victim, String> {
        Victim::ALL.into_iter().find(|victim| victim.name() == text).ok_or_else(|| {
            let names = Victim::ALL.map(Victim::name).join(", ");
            format!("nothing here is called {text}; there are {names}")
        })
    }
}

/// `kills` of each of `victims`, half as many of what stops all, in an order drawn from `random`.
pub(crate) fn draw(kills: u32, victims: &[Victim], random: &mut Pcg64Mcg) -> Vec<Victim> {
    let mut plan = Vec::new();
    for victim in victims {
        let count = if victim.stops_all() { kills.div_ceil(2) } else { kills };
        plan.extend((0..count).map(|_| *victim));
    }
    for last in (1..plan.len()).rev() {
        plan.swap(last, random.random_range(0..=last));
    }
    plan
}

/// So many kills in all, of these victims in turn.
pub(crate) fn in_turn(count: u32, victims: &[Victim]) -> Vec<Victim> {
    victims.iter().copied().cycle().take(count as usize).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn twenty_kills_are_what_is_demanded() {
        let plan = draw(20, &Victim::ALL, &mut Pcg64Mcg::seed_from_u64(1));
        for victim in Victim::ALL {
            let count = plan.iter().filter(|planned| **planned == victim).count();
            assert_eq!(count, if victim.stops_all() { 10 } else { 20 }, "{victim}");
        }
    }

    #[test]
    fn in_turn_each_has_its_share() {
        let plan = in_turn(40, &Victim::OF_A_BANK);
        assert_eq!(plan.len(), 40);
        for victim in Victim::OF_A_BANK {
            let count = plan.iter().filter(|planned| **planned == victim).count();
            assert!((6..=7).contains(&count), "{victim}: {count}");
        }
    }

    #[test]
    fn a_seed_is_an_order() {
        let plan = |seed| draw(4, &Victim::ALL, &mut Pcg64Mcg::seed_from_u64(seed));
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn victims_have_names() {
        for victim in Victim::ALL {
            assert_eq!(victim.name().parse(), Ok(victim));
        }
        assert!("kafka".parse::<Victim>().expect_err("it has another").contains("broker"));
    }
}
