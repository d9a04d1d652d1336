//! What a command costs the whole shard: time passes, the key, the funds, the match, the money and
//! the answer's content, one thread; and how much of it fees, their tiers, filters and each
//! account's limits are. Variants take turns, so that a busy machine slows all of them alike.
//!
//! `cargo bench -p tradespine-matcher --bench apply`; `TRADESPINE_TEST_BENCH_ROUNDS` sets how many
//! rounds, each over a new shard. With names of variants behind `--`, such as `-- fees`, only
//! those: one alone has the caches to itself, as a shard has that trades.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures how long something took")]

#[path = "apply/flow.rs"]
mod flow;
#[path = "apply/shard.rs"]
mod shard;

use std::time::{Duration, Instant};

use model::{Partition, TimeInForce, Timestamp};
use prost::Message;
use proto::{
    command::{ClientCommand, Command},
    log,
};
use spine::{Record, Replica, Stored, chain::LogId, genesis::Identity};

use crate::{
    flow::{Flow, STEP_NANOS},
    shard::{Shard, genesis, listings, words},
};

/// That of the platform.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many commands are measured in a round, after as many that are not.
const COMMANDS: usize = 200_000;

/// How many of them are timed at once.
const PIECE: usize = 1_000;

/// How many commands are decoded at a time, shortly before they are applied: they are in the caches
/// then, as they are in a shard.
const DECODED: usize = 20;

/// How many pieces a variant has in a turn: so many that few of them find the caches cold.
const PIECES_A_TURN: usize = 20;

/// Which rules are in force beside those that always are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) fees: bool,
    /// Each account has a fee tier, with rates of its own.
    pub(crate) tiers: bool,
    pub(crate) filters: bool,
    pub(crate) limits: bool,
}

impl Rules {
    pub(crate) const NONE: Rules =
        Rules { fees: false, tiers: false, filters: false, limits: false };
    pub(crate) const ALL: Rules = Rules { fees: true, tiers: true, filters: true, limits: true };
}

const VARIANTS: [(&str, Rules); 6] = [
    ("nothing", Rules::NONE),
    ("fees", Rules { fees: true, ..Rules::NONE }),
    ("fees and tiers", Rules { fees: true, tiers: true, ..Rules::NONE }),
    ("filters", Rules { filters: true, ..Rules::NONE }),
    ("limits", Rules { limits: true, ..Rules::NONE }),
    ("everything", Rules::ALL),
];

fn main() {
    let rounds = std::env::var("TRADESPINE_TEST_BENCH_ROUNDS").ok();
    let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(5);
    let asked: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|one| one == name);
    let variants: Vec<_> = VARIANTS.into_iter().filter(|(name, _)| is_asked(name)).collect();
    assert!(!variants.is_empty(), "there is no variant {asked:?}");
    let (setup, commands) = Flow::draw(2 * COMMANDS);
    let (warm_up, measured) = commands.split_at(COMMANDS);
    tell_mix(measured);
    println!("nanoseconds a command: of the cheapest tenth of pieces, and of the median piece;");
    println!("and the throughput as a share of the first variant's, by either");
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        let mut shards: Vec<_> = variants.iter().map(|(_, rules)| Shard::new(*rules)).collect();
        for shard in &mut shards {
            setup.iter().chain(warm_up).for_each(|command| shard.apply(command));
        }
        tell(&variants, pieces(&mut shards, measured));
        let refused: Vec<_> = shards.iter().map(Shard::refused).collect();
        assert!(refused.iter().all(|count| *count == refused[0]), "the flows differ: {refused:?}");
        replicas(setup.iter().chain(warm_up), measured);
    }
}

/// What the flow consists of.
fn tell_mix(commands: &[ClientCommand]) {
    let share = |is_it: fn(&Command) -> bool| {
        let count = commands.iter().filter(|one| is_it(&one.command)).count();
        100.0 * count as f64 / commands.len() as f64
    };
    let is_ioc = |command: &Command| match command {
        Command::Place(place) => place.time_in_force == TimeInForce::Ioc,
        _ => false,
    };
    println!(
        "{:.1} % new (IOC {:.1} %), {:.1} % cancel, {:.1} % amend, {:.1} % replace",
        share(|command| matches!(command, Command::Place(_))),
        share(is_ioc),
        share(|command| matches!(command, Command::Cancel { .. })),
        share(|command| matches!(command, Command::Amend { .. })),
        share(|command| matches!(command, Command::Replace(_))),
    );
}

/// Nanoseconds a command of each piece, by variant.
fn pieces(shards: &mut [Shard], measured: &[ClientCommand]) -> Vec<Vec<u128>> {
    let mut nanos = vec![Vec::new(); shards.len()];
    for (number, pieces) in measured.chunks_exact(PIECES_A_TURN * PIECE).enumerate() {
        for turn in 0..shards.len() {
            let variant = (number + turn) % shards.len();
            for piece in pieces.chunks_exact(PIECE) {
                let mut taken = Duration::ZERO;
                for few in piece.chunks(DECODED) {
                    let decoded: Vec<_> = few.iter().map(decoded).collect();
                    let started = Instant::now();
                    decoded.iter().for_each(|command| shards[variant].apply(command));
                    taken += started.elapsed();
                }
                nanos[variant].push(taken.as_nanos() / PIECE as u128);
            }
        }
    }
    nanos
}

/// The same command as its record brings it.
fn decoded(command: &ClientCommand) -> ClientCommand {
    ClientCommand::try_from(log::ClientCommand::from(command)).expect("it was one")
}

fn tell(variants: &[(&str, Rules)], nanos: Vec<Vec<u128>>) {
    let told: Vec<_> = nanos.into_iter().map(tenth_and_median).collect();
    for ((name, _), &(tenth, median)) in variants.iter().zip(&told) {
        let share = |all: u128, with: u128| all as f64 / with as f64;
        let shares = (share(told[0].0, tenth), share(told[0].1, median));
        println!("{name:>24}: {tenth:>5} {median:>5}   {:.2} {:.2}", shares.0, shares.1);
    }
}

fn tenth_and_median(mut nanos: Vec<u128>) -> (u128, u128) {
    nanos.sort_unstable();
    (nanos[nanos.len() / 10], nanos[nanos.len() / 2])
}

/// The same through the protocol: a record's bytes in, the answer's bytes and their hash out.
fn replicas<'a>(before: impl Iterator<Item = &'a ClientCommand>, measured: &[ClientCommand]) {
    let identity = Identity { log_id: LogId([7; 16]), partition_count: 1, genesis: genesis() };
    let mut replica = Replica::<matcher::Exchange>::new(&identity, Partition::FIRST);
    let mut log = Appending { next_offset: 0, now: 1_000_000_000 };
    let mut inputs = vec![log::input::Kind::Genesis(genesis())];
    inputs.extend(listings(Rules::ALL).into_iter().map(log::input::Kind::ReferenceChanged));
    inputs.extend(words(Rules::ALL).map(|word| log::input::Kind::Operator((&word).into())));
    let clients = before.map(|command| log::input::Kind::Client(command.into()));
    for kind in inputs.into_iter().chain(clients) {
        drop(replica.apply(&log.append(kind)).expect("it applies"));
    }
    let stored = measured.iter().map(|one| log.append(log::input::Kind::Client(one.into())));
    let stored: Vec<Stored> = stored.collect();
    let mut nanos = Vec::new();
    for piece in stored.chunks_exact(PIECE) {
        let started = Instant::now();
        for one in piece {
            drop(replica.apply(one).expect("it applies"));
        }
        nanos.push(started.elapsed().as_nanos() / PIECE as u128);
    }
    assert!(replica.core().books().len() > 500, "orders are not named by their places");
    let (tenth, median) = tenth_and_median(nanos);
    println!("{:>24}: {tenth:>5} {median:>5}", "everything, with bytes");
}

/// Gives records their places.
struct Appending {
    next_offset: u64,
    now: u64,
}

impl Appending {
    fn append(&mut self, kind: log::input::Kind) -> Stored {
        let record = Record::of(log::Input { kind: Some(kind) }.encode_to_vec());
        let offset = self.next_offset;
        self.next_offset += 1;
        self.now += STEP_NANOS;
        Stored { offset, appended_at: Timestamp::from_unix_nanos(self.now), record }
    }
}
