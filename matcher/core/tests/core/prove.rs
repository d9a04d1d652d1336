//! Runs of any length: rounds that each begin anew, so that one is repeated by its own seed alone
//! and a run that was stopped goes on with the next.
//!
//! A million commands are part of the tests, or as many as `TRADESPINE_TEST_COMMANDS` says. More,
//! on the terminal and to be resumed: `cargo xtask prove --commands 100000000 --resume FILE`.

use std::collections::BTreeMap;

use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    compare::{Engine, KINDS, Pair, Seen},
    flow::{Command, Flow},
    setup::books,
};

/// How many commands a round has at least; with large books it has more, so that they fill.
const ROUND: u64 = 20_000;

/// How many commands pass between two restarts from an image, on average.
const RESTART_EVERY: u64 = 500;

/// What a run is: its first seed, and the most orders that it keeps open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub orders: usize,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub plan: Plan,
    pub rounds: u64,
    /// The most orders that rested at once.
    pub most: usize,
    pub seen: BTreeMap<String, u64>,
}

/// What was wrong, and after which command of its round.
#[derive(Debug)]
pub struct Found {
    pub number: u64,
    pub command: Command,
    pub why: String,
}

impl Plan {
    /// The seed of a round, which is also that of a plan that begins with it.
    const fn round_seed(&self, round: u64) -> u64 {
        self.seed.wrapping_add(round)
    }

    /// How many orders a round keeps open: most rounds many, one in five few, so that books also
    /// run empty.
    fn target(&self, seed: u64) -> usize {
        let part = [40, 5, 20, 2, 1][(seed % 5) as usize];
        (self.orders / part).max(3)
    }

    /// How many commands a round has.
    fn round_commands(&self) -> u64 {
        ROUND.max(40 * self.orders as u64)
    }

    /// Runs a round on the core, and tells the most orders that rested at once.
    ///
    /// # Errors
    /// What is wrong, with the command and how to see it again.
    pub fn round(&self, round: u64, seen: &mut Seen) -> Result<usize, String> {
        let (seed, commands) = (self.round_seed(round), self.round_commands());
        self.run(seed, commands, books(), seen).map_err(|found| {
            let Found { number, command, why } = *found;
            format!(
                "seed {seed}, command {number}: {command:?}: {why}\nagain: cargo xtask prove --seed {seed} --orders {} \
                 --commands {commands}",
                self.orders
            )
        })
    }

    /// Runs so many commands of a seed on an engine, which every now and then goes on from an
    /// image. Tells the most orders that rested at once.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn run(
        &self,
        seed: u64,
        commands: u64,
        engine: impl Engine,
        seen: &mut Seen,
    ) -> Result<usize, Box<Found>> {
        let (mut pair, mut flow) = (Pair::of(engine), Flow::new(seed, self.target(seed)));
        let (mut restarts, mut most) = (Pcg64::seed_from_u64(seed), 0);
        for number in 0..commands {
            let command = flow.next(pair.open());
            let mut done = pair.step(command, seen);
            if restarts.next_u64().is_multiple_of(RESTART_EVERY) {
                done = done.and_then(|()| pair.restore());
            }
            done.map_err(|why| Box::new(Found { number, command, why }))?;
            most = most.max(pair.open());
        }
        Ok(most)
    }
}

impl Progress {
    pub fn new(plan: Plan) -> Progress {
        Progress { plan, rounds: 0, most: 0, seen: BTreeMap::new() }
    }

    pub fn commands(&self) -> u64 {
        self.rounds * self.plan.round_commands()
    }

    /// Runs the next round.
    ///
    /// # Errors
    /// As [`Plan::round`].
    pub fn advance(&mut self) -> Result<(), String> {
        let mut seen = Seen::new();
        self.most = self.most.max(self.plan.round(self.rounds, &mut seen)?);
        self.rounds += 1;
        for (kind, count) in seen {
            *self.seen.entry(kind.to_owned()).or_default() += count;
        }
        Ok(())
    }

    /// The kinds that were seen less often than `least`, each with how often.
    pub fn rare(&self, least: u64) -> Vec<(&'static str, u64)> {
        let counts = KINDS.map(|kind| (kind, self.seen.get(kind).copied().unwrap_or_default()));
        counts.into_iter().filter(|(_, count)| *count < least).collect()
    }

    /// As a file keeps it: one line for each number.
    pub fn to_text(&self) -> String {
        let Progress { plan: Plan { seed, orders }, rounds, most, seen } = self;
        let seen = seen.iter().map(|(kind, count)| format!("{count} {kind}\n"));
        let head = format!("seed {seed}\norders {orders}\nrounds {rounds}\nmost {most}\n");
        head + &seen.collect::<String>()
    }

    /// Reads what [`Progress::to_text`] wrote; `None` where it is something else.
    pub fn from_text(text: &str) -> Option<Progress> {
        let mut lines = text.lines();
        let mut number = |name| lines.next()?.strip_prefix(name)?.trim().parse::<u64>().ok();
        let (seed, orders) = (number("seed")?, number("orders")?);
        let (rounds, most) = (number("rounds")?, usize::try_from(number("most")?).ok()?);
        let plan = Plan { seed, orders: usize::try_from(orders).ok()? };
        let pairs = lines.map(|line| line.split_once(' '));
        let seen = pairs.map(|pair| Some((pair?.1.to_owned(), pair?.0.parse().ok()?)));
        Some(Progress { plan, rounds, most, seen: seen.collect::<Option<_>>()? })
    }
}

/// How many commands are enough to see each kind of event a thousand times.
const ENOUGH: u64 = 1_000_000;

#[expect(clippy::disallowed_methods, reason = "what runs the tests says how long")]
fn commands() -> u64 {
    let said = std::env::var("TRADESPINE_TEST_COMMANDS").ok();
    said.map_or(ENOUGH, |number| number.parse().expect("TRADESPINE_TEST_COMMANDS is a number"))
}

#[test]
fn a_million_commands_of_the_core_and_the_naive_implementation_say_the_same() {
    let mut progress = Progress::new(Plan { seed: 0, orders: 200 });
    while progress.commands() < commands() {
        progress.advance().unwrap_or_else(|why| panic!("{why}"));
    }
    println!("{}", progress.to_text());
    assert!(commands() < ENOUGH || progress.rare(1_000).is_empty(), "{:?}", progress.rare(1_000));
    assert!(progress.most >= 200, "no book was ever full");
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let plan = Plan { seed: 1_000_000, orders: 20 };
    let (mut whole, mut first) = (Progress::new(plan), Progress::new(plan));
    for _ in 0..3 {
        whole.advance().unwrap_or_else(|why| panic!("{why}"));
    }
    first.advance().unwrap_or_else(|why| panic!("{why}"));
    let mut second = Progress::from_text(&first.to_text()).expect("it was just written");
    assert_eq!(second, first);
    second.advance().and_then(|()| second.advance()).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(second, whole);
    for other in ["", "seed x", "seed 1\norders 2\nrounds 3\nmost 4\nmany trades"] {
        assert_eq!(Progress::from_text(other), None);
    }
}
