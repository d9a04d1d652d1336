//! What the checkers looked at and what they found: a check that looked at nothing has failed too.

use std::{collections::BTreeMap, fmt};

/// How many faults of one check are told in words; the rest is counted.
const EXAMPLES_MAX: usize = 20;

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    Answers,
    Acknowledged,
    Told,
    Retries,
    Resolved,
    Sent,
    Orders,
    Trades,
    Books,
    Followed,
    Postings,
    Balances,
    Moved,
    Links,
    Totals,
    Tables,
}

impl Check {
    /// Every check, in the order of the report.
    pub(crate) const ALL: [Check; 16] = [
        Check::Answers,
        Check::Acknowledged,
        Check::Told,
        Check::Retries,
        Check::Resolved,
        Check::Sent,
        Check::Orders,
        Check::Trades,
        Check::Books,
        Check::Followed,
        Check::Postings,
        Check::Balances,
        Check::Moved,
        Check::Links,
        Check::Totals,
        Check::Tables,
    ];

    /// What holds where nothing is found.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Check::Answers => "every input has one answer, in one unbroken chain of hashes",
            Check::Acknowledged => "every acknowledged order has exactly one outcome in the log",
            Check::Told => "what clients were told of an order, its trades and its cancel is true",
            Check::Retries => "all answers to a key are about one order",
            Check::Resolved => "every unknown outcome was resolved by sending the key again",
            Check::Sent => "every order in the log was sent by the client, with these terms",
            Check::Orders => "quantities of every order add up, and it ends once",
            Check::Trades => "trades are numbered without gaps, at the maker's price",
            Check::Books => "every changed level is the sum of the orders that rest on it",
            Check::Followed => "books followed over WebSocket are those of the log",
            Check::Postings => "every posting, answer and asset sums to zero",
            Check::Balances => "balances told are the postings added up, and none is negative",
            Check::Moved => {
                "every deposit, withdrawal and transfer was made once where it was told, never twice"
            }
            Check::Links => {
                "money between shards arrives once, as it was sent, and nobody waits for ever"
            }
            Check::Totals => {
                "all totals read are what the log comes to just there, and what came in is within \
                 what the client knows"
            }
            Check::Tables => "the ledger's tables are the fold of the log, row by row",
        }
    }
}

/// What one check came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    /// How many things it looked at.
    pub(crate) looked_at: u64,
    /// How many of them were wrong.
    pub(crate) faults: u64,
    /// The first of those, in words.
    pub(crate) examples: Vec<String>,
}

impl Finding {
    /// Whether it looked at something and found nothing.
    pub(crate) fn is_good(&self) -> bool {
        self.looked_at > 0 && self.faults == 0
    }
}

/// What all checks came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    of: BTreeMap<Check, Finding>,
    /// Whether totals were read too.
    pub(crate) is_bank: bool,
}

impl Findings {
    /// `count` things were looked at.
    pub(crate) fn looked_at(&mut self, check: Check, count: u64) {
        self.of.entry(check).or_default().looked_at += count;
    }

    /// One thing was looked at, and `what` is wrong with it.
    pub(crate) fn fault(&mut self, check: Check, what: impl fmt::Display) {
        let finding = self.of.entry(check).or_default();
        finding.faults += 1;
        if finding.examples.len() < EXAMPLES_MAX {
            finding.examples.push(what.to_string());
        }
    }

    /// One thing was looked at; it is wrong unless `is_good`.
    pub(crate) fn hold(&mut self, check: Check, is_good: bool, what: impl FnOnce() -> String) {
        self.looked_at(check, 1);
        if !is_good {
            self.fault(check, what());
        }
    }

    /// What one check came to.
    pub(crate) fn of(&self, check: Check) -> Finding {
        self.of.get(&check).cloned().unwrap_or_default()
    }

    /// The checks that have something to look at in a run of this kind.
    pub(crate) fn planned(&self) -> impl Iterator<Item = Check> {
        let is_bank = self.is_bank;
        Check::ALL.into_iter().filter(move |check| is_bank || *check != Check::Totals)
    }

    /// Whether every check looked at something and found nothing.
    pub(crate) fn are_good(&self) -> bool {
        self.planned().all(|check| self.of(check).is_good())
    }

    /// The checks that failed.
    #[cfg(test)]
    pub(crate) fn failed(&self) -> Vec<Check> {
        self.planned().filter(|check| !self.of(*check).is_good()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_looked_at_nothing_has_failed() {
        let mut findings = Findings { is_bank: true, ..Findings::default() };
        assert_eq!(findings.failed(), Check::ALL);
        for check in Check::ALL {
            findings.hold(check, true, String::new);
        }
        assert!(findings.are_good());
        findings.hold(Check::Trades, false, || "trade 7 twice".to_owned());
        assert_eq!(findings.failed(), [Check::Trades]);
        assert_eq!(findings.of(Check::Trades).examples, ["trade 7 twice"]);
    }
}
