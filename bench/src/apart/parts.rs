//! The measurements themselves, one after the other, each with its line on the terminal.

mod push;

use std::{path::Path, thread, time::Duration};

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

use self::push::{WITH_KEYS, WITHOUT_KEYS, push_name};
use super::{
    Extent, Part,
    ledger::{self, Ages, Books},
    platform::{FLOOR_PREFIX, Platform},
    process::own_processor_seconds,
    wrk::{self, Closed},
};
use crate::{
    figures::Figures,
    kafka::Floor,
    order::{Keys, Orders},
    outcome::{Latencies, Outcome},
    rest, stream,
};

/// The connections of the closed loops over REST.
const CONNECTIONS: [u16; 2] = [64, 256];

/// The connections of the open loops over REST: how many orders may be on their way at once. At
/// 6,000/s it takes 85 ms until all are busy; from there on the loop would be a closed one.
const OPEN_CONNECTIONS: u16 = 512;

/// The gRPC streams of a load, and how many requests without a result each keeps in a closed loop.
const STREAMS: u16 = 2;
const IN_FLIGHT: usize = 1_024;

/// The shares of the closed loop's rate, in percent, at which open loops are run until one is held.
const STEPS_PERCENT: [u32; 6] = [95, 90, 80, 70, 60, 40];

/// A rate is held where this share of it was acknowledged, in percent, hardly an order was refused,
/// and an order in a hundred was not later than this.
const HELD_PERCENT: f64 = 97.0;
const HELD_REFUSED_PERCENT_MAX: f64 = 1.0;
const HELD_P99_MS_MAX: f64 = 250.0;

/// The low rate of latencies, at which nothing waits for anything.
const LOW_RATE: u32 = 100;

/// How long the machine rests after each load.
const REST_WAIT: Duration = Duration::from_millis(300);

const ECHO: &str = "floor: route that echoes, wrk 64, requests";
const PRODUCE: &str = "floor: route that produces and awaits, wrk 64, requests";
const TWO_HOPS: &str = "floor: Kafka, two hops at 100/s, p50";
const REST_64: &str = "REST, closed loop, 64 connections, orders";

/// Takes one part of a round.
type Take<Bench> = fn(&mut Bench) -> Result<()>;

/// What is measured, with what, and what came of it so far.
pub(super) struct Bench<'a> {
    pub(super) platform: Platform,
    pub(super) runtime: Runtime,
    pub(super) extent: &'a Extent,
    /// wrk's script.
    pub(super) orders: &'a Path,
    pub(super) figures: Figures,
    /// Another for each load.
    pub(super) seed: u64,
    /// How many loads there were, and after how many of them the ledger had each order once.
    pub(super) loads: u32,
    pub(super) loads_equal: u32,
}

impl Bench<'_> {
    /// Takes each part once.
    pub(super) fn round(&mut self) -> Result<()> {
        let parts: [(Part, Take<Self>); 6] = [
            (Part::Routes, Self::routes),
            (Part::Rest, Self::rest),
            (Part::Kafka, Self::kafka),
            (Part::Stream, Self::stream),
            (Part::Open, Self::open),
            (Part::Push, Self::push),
        ];
        for (part, take) in parts {
            if self.extent.has(part) {
                take(self).with_context(|| format!("the part {part:?}"))?;
                self.platform.check()?;
            }
        }
        self.figures.note_ratio("REST 64 by the route that produces and awaits", REST_64, PRODUCE);
        self.figures.note_ratio("REST 64 by the route that echoes", REST_64, ECHO);
        for name in [WITH_KEYS, WITHOUT_KEYS] {
            let trade = push_name(name, "its trade on a WebSocket, p50");
            let what = format!("order to trade at {name}, p50, by two hops");
            self.figures.note_ratio(&what, &trade, TWO_HOPS);
        }
        Ok(())
    }

    /// The memory of every process.
    pub(super) fn note_memory(&mut self, when: &str) {
        for process in self.platform.processes() {
            let mebibytes = process.memory_bytes() as f64 / f64::from(1 << 20);
            self.figures.note(format!("memory, {when}: {}", process.name()), "MiB", mebibytes);
        }
    }

    fn routes(&mut self) -> Result<()> {
        for (what, address) in
            [(ECHO, &self.platform.at.echo), (PRODUCE, &self.platform.at.produce)]
        {
            let closed = wrk::run(self.orders, address, CONNECTIONS[0], self.extent.duration())?;
            say(what, &format!("{:.0}/s, p50 {:.2} ms", closed.rate, closed.p50_ms));
            self.figures.note(what, "/s", closed.rate);
            thread::sleep(REST_WAIT);
        }
        Ok(())
    }

    fn floor(&self) -> Floor {
        Floor::new(&self.platform.at.brokers, FLOOR_PREFIX, self.extent.partitions)
    }

    fn kafka(&mut self) -> Result<()> {
        let floor = self.floor();
        // Records and single steps are soon many enough.
        let short = self.extent.duration().mul_f64(0.4).max(Duration::from_secs(1));
        let produced = floor.produce(short)?;
        self.figures.note("floor: Kafka, raw produce, 150 bytes, records", "/s", produced);
        let acknowledged = floor.acknowledge(short)?;
        let one = floor.hop(false, LOW_RATE, self.extent.duration())?;
        self.note_floor("produce to acknowledgement", &acknowledged);
        self.note_floor("one hop at 100/s", &one);
        let p50 = [&acknowledged, &one].map(|latencies| latencies.millis_at(0.5));
        say("floor: Kafka", &format!("{produced:.0}/s; acknowledged, one hop: {p50:.2?} ms"));
        Ok(())
    }

    fn note_floor(&mut self, what: &str, latencies: &Latencies) {
        for (quantile_name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            let what = format!("floor: Kafka, {what}, {quantile_name}");
            self.figures.note(what, "ms", latencies.millis_at(quantile));
        }
    }

    fn rest(&mut self) -> Result<()> {
        for connections in CONNECTIONS {
            let before = ledger::open(&self.platform.at)?;
            let costs = self.costs();
            let rest = &self.platform.at.rest;
            let closed = wrk::run(self.orders, rest, connections, self.extent.duration())?;
            let costs_after = self.costs();
            let what = format!("REST, closed loop, {connections} connections");
            self.note_closed(&what, &closed);
            if connections == CONNECTIONS[0] {
                let seconds = costs_after.iter().zip(&costs);
                for ((name, after), (_, before)) in seconds {
                    let micros = (after - before) * 1e6 / closed.answered.max(1) as f64;
                    self.figures.note(
                        format!("REST 64, a core's time an order: {name}"),
                        "us",
                        micros,
                    );
                }
            }
            let drained = self.settle(&what, before)?;
            self.figures.note(format!("{what}, until the ledger has all"), "s", drained);
        }
        Ok(())
    }

    fn note_closed(&mut self, what: &str, closed: &Closed) {
        let Closed { rate, p50_ms, p99_ms, refused_percent, .. } = closed;
        say(
            what,
            &format!(
                "{rate:.0}/s, p50 {p50_ms:.2}, p99 {p99_ms:.2} ms, refused {refused_percent} %"
            ),
        );
        self.figures.note(format!("{what}, orders"), "/s", *rate);
        self.figures.note(format!("{what}, p50"), "ms", *p50_ms);
        self.figures.note(format!("{what}, p99"), "ms", *p99_ms);
        self.figures.note(format!("{what}, refused"), "%", *refused_percent);
    }

    fn stream(&mut self) -> Result<()> {
        let before = ledger::open(&self.platform.at)?;
        let outcome = self.stream_closed()?;
        let what = stream_name();
        say(&what, &outcome.line());
        self.figures.note(format!("{what}, orders"), "/s", outcome.rate());
        self.figures.note(format!("{what}, p50"), "ms", outcome.latencies.millis_at(0.5));
        self.figures.note(format!("{what}, p99"), "ms", outcome.latencies.millis_at(0.99));
        self.figures.note(format!("{what}, refused"), "%", outcome.refused_percent());
        let drained = self.settle(&what, before)?;
        self.figures.note(format!("{what}, until the ledger has all"), "s", drained);
        Ok(())
    }

    fn stream_closed(&mut self) -> Result<Outcome> {
        let uri = format!("http://{}", self.platform.at.grpc);
        let seed = self.next_seed();
        let loading = stream::closed_loop(&uri, STREAMS, IN_FLIGHT, self.extent.duration(), seed);
        self.runtime.block_on(loading)
    }

    /// Goes down step by step until a rate is held, over REST and then over gRPC.
    fn open(&mut self) -> Result<()> {
        for edge in [Edge::Rest, Edge::Stream] {
            let most = self.capacity(edge)?;
            let mut held = None;
            for percent in STEPS_PERCENT {
                let rate = (most * f64::from(percent) / 100.0).max(1.0) as u32;
                let before = ledger::open(&self.platform.at)?;
                let outcome = self.load(edge, rate)?;
                let what = format!("{}, open loop, {percent} %, {rate}/s", edge.name());
                say(&what, &outcome.line());
                self.settle(&what, before)?;
                if is_held(&outcome, rate) {
                    held = Some((rate, outcome));
                    break;
                }
            }
            self.note_held(edge, held);
        }
        Ok(())
    }

    fn note_held(&mut self, edge: Edge, held: Option<(u32, Outcome)>) {
        let what = format!("{}, open loop, highest rate held", edge.name());
        let rate = held.as_ref().map_or(0, |(rate, _)| *rate);
        self.figures.note(format!("{what}, orders"), "/s", rate.into());
        let Some((_, outcome)) = held else { return };
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("most", 1.0)] {
            self.figures.note(
                format!("{what}, {name}"),
                "ms",
                outcome.latencies.millis_at(quantile),
            );
        }
    }

    /// A constant rate for a minute, once.
    pub(super) fn hold(&mut self) -> Result<()> {
        if !self.extent.has(Part::Hold) {
            return Ok(());
        }
        let (rate, seconds) = (self.extent.hold_rate, self.extent.hold_seconds);
        let what = format!("REST, open loop, {rate}/s for {seconds} s");
        let before = ledger::open(&self.platform.at)?;
        let ages = Ages::watch(&self.platform.at);
        let paced = (rate, Duration::from_secs(seconds));
        let outcome = self.load_rest(OPEN_CONNECTIONS, paced, Keys::Own)?;
        let most = ages.most()?;
        say(&what, &format!("{}; the ledger was at most {most:.2} s behind", outcome.line()));
        self.figures.note(format!("{what}, acknowledged"), "/s", outcome.rate());
        self.figures.note(format!("{what}, p50"), "ms", outcome.latencies.millis_at(0.5));
        self.figures.note(format!("{what}, p99"), "ms", outcome.latencies.millis_at(0.99));
        self.figures.note(format!("{what}, most"), "ms", outcome.latencies.millis_max());
        self.figures.note(format!("{what}, refused"), "%", outcome.refused_percent());
        self.figures.note(format!("{what}, ledger at most behind"), "s", most);
        let drained = self.settle(&what, before)?;
        self.figures.note(format!("{what}, until the ledger has all"), "s", drained);
        self.platform.check()
    }

    /// The rate of the closed loop, of which other loads are a share. Where that part is left out
    /// it is run once, and its figure not kept.
    fn capacity(&mut self, edge: Edge) -> Result<f64> {
        let known = match edge {
            Edge::Rest => self.figures.median(REST_64),
            Edge::Stream => self.figures.median(&format!("{}, orders", stream_name())),
        };
        if let Some(rate) = known {
            return Ok(rate);
        }
        let before = ledger::open(&self.platform.at)?;
        let rate = match edge {
            Edge::Rest => {
                let rest = &self.platform.at.rest;
                wrk::run(self.orders, rest, CONNECTIONS[0], self.extent.duration())?.rate
            }
            Edge::Stream => self.stream_closed()?.rate(),
        };
        self.settle("closed loop, to know the most", before)?;
        Ok(rate)
    }

    fn load(&mut self, edge: Edge, rate: u32) -> Result<Outcome> {
        let paced = (rate, self.extent.duration());
        match edge {
            Edge::Rest => self.load_rest(OPEN_CONNECTIONS, paced, Keys::Own),
            Edge::Stream => {
                let seed = self.next_seed();
                let uri = format!("http://{}", self.platform.at.grpc);
                self.runtime.block_on(stream::open_loop(&uri, STREAMS, paced, seed))
            }
        }
    }

    fn load_rest(
        &mut self,
        connections: u16,
        paced: (u32, Duration),
        keys: Keys,
    ) -> Result<Outcome> {
        let orders = Orders::new(self.next_seed(), keys);
        rest::run(self.platform.at.rest.parse()?, connections, paced, orders)
    }

    /// Waits until the ledger has what was ordered since `before`, and says where it has more or
    /// less than that. How many seconds that took.
    pub(super) fn settle(&mut self, what: &str, before: Books) -> Result<f64> {
        let drained = ledger::drain(&self.platform.at, before)?;
        if !drained.is_equal() {
            let (appended, rows) = (drained.appended, drained.rows);
            say(what, &format!("NOT EQUAL: {appended} orders were taken, the ledger has {rows}"));
        }
        self.loads += 1;
        self.loads_equal += u32::from(drained.is_equal());
        thread::sleep(REST_WAIT);
        Ok(drained.waited.as_secs_f64())
    }

    /// The processor time of every process, and of the load as the last.
    fn costs(&self) -> Vec<(String, f64)> {
        let processes = self.platform.processes();
        let mut costs: Vec<(String, f64)> = processes
            .map(|process| (process.name().to_owned(), process.processor_seconds()))
            .collect();
        costs.push(("load".to_owned(), own_processor_seconds()));
        costs
    }

    fn next_seed(&mut self) -> u64 {
        self.seed += 1;
        self.seed
    }
}

/// Which way orders come in.
#[derive(Clone, Copy, Debug)]
enum Edge {
    Rest,
    Stream,
}

impl Edge {
    fn name(self) -> &'static str {
        match self {
            Edge::Rest => "REST",
            Edge::Stream => "gRPC streams",
        }
    }
}

fn is_held(outcome: &Outcome, rate: u32) -> bool {
    outcome.rate() >= f64::from(rate) * HELD_PERCENT / 100.0
        && outcome.refused_percent() < HELD_REFUSED_PERCENT_MAX
        && outcome.latencies.millis_at(0.99) <= HELD_P99_MS_MAX
}

fn stream_name() -> String {
    format!("gRPC, {STREAMS} streams, {IN_FLIGHT} in flight on each")
}

fn say(what: &str, told: &str) {
    eprintln!("  {what}: {told}");
}
