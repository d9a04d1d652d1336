//! A world: the processes, the log between them, the clients, and what is noted of all of it.

mod adversary;
mod heal;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use gateway::reference::{Catalogue, Listed};
use ledger::store::MemoryStore;
use model::AccountName;
use spine::{
    Log,
    log::{Producer, WriterRole, memory::MemoryLog, walker::Turn},
};

use crate::{
    broken::Broken,
    client::Client,
    fault::Fault,
    history::History,
    listener::Listener,
    plan::Plan,
    process::{Broadcaster, Gateway, ProcessId, Projector, Seat, Sender, Surroundings},
    random::Random,
    store::FarStore,
    story::Story,
    tally::Tally,
    timeline::Timeline,
    venue,
};

/// How many choices a run makes at most before it heals.
const CHOICES_MAX: usize = 6_000;

/// See the [module](self).
pub(crate) struct World {
    pub(crate) around: Surroundings,
    pub(crate) plan: Plan,
    pub(crate) history: History,
    pub(crate) story: Story,
    pub(crate) catalogue: Catalogue,
    pub(crate) instruments: Vec<Arc<Listed>>,
    pub(crate) seats: Vec<Seat>,
    /// One for each seat; none where a shard is alone.
    senders: Vec<Sender>,
    pub(crate) gateways: Vec<Gateway>,
    projectors: Vec<Projector>,
    pub(crate) broadcasters: Vec<Broadcaster>,
    pub(crate) listeners: Vec<Listener>,
    clients: Vec<Client>,
    /// What the ledgers' store holds.
    pub(crate) store: Arc<MemoryStore>,
    far_store: Arc<FarStore>,
    /// Whose producers and walkers are whose, by number.
    producers: BTreeMap<usize, ProcessId>,
    walkers: BTreeMap<usize, ProcessId>,
    producers_known: usize,
    walkers_known: usize,
    paused_until: BTreeMap<ProcessId, Duration>,
    /// From when on nothing disturbs any more.
    pub(crate) healed_at: Option<Duration>,
    /// Producers whose way into the log is clogged.
    clogged_until: BTreeMap<usize, Duration>,
    /// Writes what nobody understands.
    stranger: Arc<dyn Producer>,
}

impl World {
    pub(crate) fn new(seed: u64, broken: Broken) -> Result<World, Fault> {
        let mut random = Random::new(seed);
        let plan = Plan::of(&mut random);
        let memory = MemoryLog::simulated(plan.partitions);
        let timeline = Timeline::new(memory.clone());
        let log: Arc<dyn Log> = Arc::new(memory.clone());
        let identity = venue::found(&memory, log.as_ref(), plan.partitions, broken);
        let edge = WriterRole::Edge { give_up_after: Duration::ZERO };
        let stranger = log.producer(edge).expect("a memory takes producers");
        let tally = Tally::default();
        let far_store = Arc::new(FarStore::new(random.fork(), &plan, broken, &tally));
        let catalogue = venue::catalogue(plan.partitions);
        let instruments = venue::instruments(&catalogue);
        let seats = identity.partitions().flat_map(|one| [Seat::new(one), Seat::new(one)]);
        let senders = identity.partitions().flat_map(|one| [Sender::new(one), Sender::new(one)]);
        let is_alone = plan.partitions == 1;
        let account = |number| AccountName::new(&format!("client{number}")).expect("a good name");
        let clients = (0..plan.clients).map(|one| Client::new(account(one), plan.intents));
        let listeners = (0..plan.broadcasters).flat_map(|broadcaster| {
            instruments.iter().map(move |one| Listener::new(one.instrument.id, broadcaster))
        });
        let mut world = World {
            seats: seats.collect(),
            senders: senders.filter(|_| !is_alone).collect(),
            gateways: (0..plan.gateways).map(|_| Gateway::default()).collect(),
            projectors: (0..plan.projectors).map(|_| Projector::default()).collect(),
            broadcasters: (0..plan.broadcasters).map(|_| Broadcaster::new()).collect(),
            listeners: listeners.collect(),
            clients: clients.collect(),
            store: Arc::clone(&far_store.store),
            far_store,
            producers: BTreeMap::new(),
            walkers: BTreeMap::new(),
            producers_known: memory.producers(),
            walkers_known: memory.walkers_begun(),
            paused_until: BTreeMap::new(),
            healed_at: None,
            clogged_until: BTreeMap::new(),
            stranger,
            history: History::default(),
            story: Story::default(),
            around: Surroundings {
                memory,
                log,
                identity,
                timeline,
                snapshots: Arc::default(),
                broken,
                tally,
                random,
                incarnations: 0,
            },
            plan,
            catalogue,
            instruments,
        };
        world.note(format_args!("seed {seed}, {:?}", world.plan.clone()));
        world.processes().into_iter().try_for_each(|process| world.start(process))?;
        Ok(world)
    }

    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        self.history.note(self.around.timeline.now(), what);
    }

    /// Goes on, one choice after the other, until clients want nothing more.
    pub(crate) fn run(&mut self) -> Result<(), Fault> {
        for _ in 0..CHOICES_MAX {
            if self.clients.iter().all(|client| client.left == 0 && client.is_idle()) {
                break;
            }
            self.choose()?;
        }
        Ok(())
    }

    fn choose(&mut self) -> Result<(), Fault> {
        match self.around.random.within(0..1_000) {
            0..320 => {
                let processes = self.processes();
                let process = *self.around.random.pick(&processes);
                self.step_or_start(process)
            }
            320..560 => {
                self.deliver_something();
                Ok(())
            }
            560..760 => {
                self.walk_somewhere();
                Ok(())
            }
            760..860 => {
                let client = self.around.random.index(self.clients.len());
                self.step_client(client);
                Ok(())
            }
            860..890 => {
                let listener = self.around.random.index(self.listeners.len());
                self.step_listener(listener)
            }
            890..970 => {
                self.pass_time();
                Ok(())
            }
            _ => self.disturb(),
        }
    }

    fn processes(&self) -> Vec<ProcessId> {
        let shards = (0..self.seats.len()).map(ProcessId::Shard);
        let senders = (0..self.senders.len()).map(ProcessId::Sender);
        let gateways = (0..self.gateways.len()).map(ProcessId::Gateway);
        let projectors = (0..self.projectors.len()).map(ProcessId::Projector);
        let broadcasters = (0..self.broadcasters.len()).map(ProcessId::Broadcaster);
        shards.chain(senders).chain(gateways).chain(projectors).chain(broadcasters).collect()
    }

    fn is_running(&self, process: ProcessId) -> bool {
        match process {
            ProcessId::Shard(seat) => self.seats[seat].shard.is_some(),
            ProcessId::Sender(sender) => self.senders[sender].is_running(),
            ProcessId::Gateway(gateway) => self.gateways[gateway].incarnation().is_some(),
            ProcessId::Projector(projector) => self.projectors[projector].is_running(),
            ProcessId::Broadcaster(broadcaster) => self.broadcasters[broadcaster].hub().is_some(),
        }
    }

    fn is_paused(&self, process: ProcessId) -> bool {
        let now = self.around.timeline.now();
        self.paused_until.get(&process).is_some_and(|until| now < *until)
    }

    /// The number of the process of this gateway, where one runs and answers.
    pub(crate) fn reachable(&self, gateway: usize) -> Option<u64> {
        let is_paused = self.is_paused(ProcessId::Gateway(gateway));
        self.gateways[gateway].incarnation().filter(|_| !is_paused)
    }

    /// A process goes a step on; one that is gone comes back after a while.
    fn step_or_start(&mut self, process: ProcessId) -> Result<(), Fault> {
        if self.is_paused(process) {
            return Ok(());
        }
        if self.is_running(process) {
            return self.step(process);
        }
        if self.around.random.chance(250) { self.start(process) } else { Ok(()) }
    }

    fn start(&mut self, process: ProcessId) -> Result<(), Fault> {
        self.note(format_args!("{process} starts"));
        let around = &mut self.around;
        match process {
            ProcessId::Shard(seat) => self.seats[seat].start(around)?,
            ProcessId::Sender(sender) => self.senders[sender].start(around)?,
            ProcessId::Gateway(gateway) => self.gateways[gateway].start(around)?,
            ProcessId::Projector(projector) => {
                self.projectors[projector].start(around, &self.far_store);
            }
            ProcessId::Broadcaster(broadcaster) => {
                self.broadcasters[broadcaster].start(around)?;
            }
        }
        self.claim(process);
        Ok(())
    }

    fn step(&mut self, process: ProcessId) -> Result<(), Fault> {
        let around = &self.around;
        match process {
            ProcessId::Shard(seat) => {
                let before = self.seats[seat].state();
                self.seats[seat].step(around)?;
                let after = self.seats[seat].state();
                if after != before {
                    self.note(format_args!("{process}: {after}"));
                }
            }
            ProcessId::Sender(sender) => {
                let may_send = self.seats[sender].owns();
                self.senders[sender].step(around, may_send)?;
            }
            ProcessId::Gateway(gateway) => self.gateways[gateway].step(around)?,
            ProcessId::Projector(projector) => self.projectors[projector].step(around)?,
            ProcessId::Broadcaster(broadcaster) => self.broadcasters[broadcaster].step(around)?,
        }
        if !self.is_running(process) {
            self.note(format_args!("{process} ended itself"));
            self.forget(process);
        }
        self.claim(process);
        Ok(())
    }

    /// What was begun since somebody last looked is this process's.
    fn claim(&mut self, process: ProcessId) {
        let (producers, walkers) =
            (self.around.memory.producers(), self.around.memory.walkers_begun());
        for number in self.producers_known..producers {
            self.producers.insert(number, process);
        }
        for number in self.walkers_known..walkers {
            self.walkers.insert(number, process);
        }
        (self.producers_known, self.walkers_known) = (producers, walkers);
    }

    /// A process is no more: its threads end with it, and what it sent goes its way.
    fn forget(&mut self, process: ProcessId) {
        let walkers: Vec<usize> = self.walkers_of(process);
        for number in walkers {
            self.around.memory.end_walker(number);
            self.walkers.remove(&number);
        }
        self.producers.retain(|_, owner| *owner != process);
        self.paused_until.remove(&process);
    }

    fn walkers_of(&self, process: ProcessId) -> Vec<usize> {
        let own = self.walkers.iter().filter(|(_, owner)| **owner == process);
        own.map(|(number, _)| *number).collect()
    }

    fn walk_somewhere(&mut self) {
        let ready = self.around.memory.walkers();
        let is_awake =
            |number: &usize| self.walkers.get(number).is_some_and(|owner| !self.is_paused(*owner));
        let ready: Vec<usize> = ready.into_iter().filter(is_awake).collect();
        if ready.is_empty() {
            return;
        }
        let number = *self.around.random.pick(&ready);
        let records = *self.around.random.pick(&[1, 2, 5, 20, 1_024]);
        self.walk(number, records);
    }

    fn walk(&mut self, number: usize, records: usize) {
        let timeline = &self.around.timeline;
        let clock = || timeline.now();
        let limit = spine::log::ReadLimit { records, bytes: usize::MAX };
        let turn = Turn { limit, wait: Duration::ZERO, clock: &clock };
        self.around.memory.step_walker(number, &turn);
    }

    fn step_client(&mut self, client: usize) {
        let mut clients = std::mem::take(&mut self.clients);
        clients[client].step(self);
        self.clients = clients;
    }

    fn step_listener(&mut self, listener: usize) -> Result<(), Fault> {
        let listener = &mut self.listeners[listener];
        let hub = self.broadcasters[listener.broadcaster].hub();
        listener.step(hub, &self.around.tally)
    }
}
