//! The log folded once more, by hand: orders, trades, books, money and listings as they follow
//! from the bytes, with every rule held on the way that the answers must keep by themselves.
//!
//! What will never live here: what a client was told, what a table holds.

mod books;
mod links;
mod money;
mod orders;
mod rows;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::Write,
    sync::Arc,
};

use self::links::{Links, Run};
pub(super) use self::{
    books::{Book, units},
    money::{Balance, Figures, Movement},
    orders::{Order, Status, Terms, Trade},
};
use super::{
    chain::{self, Answer, Hash, Sequence, Verdict},
    finding::{Check, Findings},
    records::Record,
    wire::{Broken, Message},
};
use crate::history::Seen;

/// How an order id carries its partition: above the 43 bits of leg and offset.
const OFFSET_BITS: u32 = 43;

/// An asset as it was last listed.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    pub(super) code: String,
    pub(super) decimals: u32,
    pub(super) grant_units: u64,
    pub(super) version: u32,
}

/// An instrument as it was last listed.
#[derive(Clone, Debug)]
pub(super) struct Instrument {
    pub(super) base: u32,
    pub(super) quote: u32,
    pub(super) tick_units: u64,
    pub(super) lot_units: u64,
    pub(super) protection_bps: u32,
    pub(super) partition: u32,
    pub(super) version: u32,
}

/// How far a partition was folded.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) log_id: Vec<u8>,
    pub(super) out_seq: u64,
    pub(super) in_offset: u64,
    pub(super) chain: Hash,
    pub(super) next_offset: u64,
    pub(super) now_nanos: u64,
}

/// Answers after which it is asked what there is, by partition.
pub(super) type Wanted = BTreeMap<u16, BTreeSet<u64>>;

/// Everything that the log says.
#[derive(Default)]
pub(super) struct Fold {
    pub(super) orders: BTreeMap<u64, Order>,
    /// Ids that repeated orders were given, with the id of the first.
    pub(super) aliases: BTreeMap<u64, u64>,
    /// By instrument and number.
    pub(super) trades: BTreeMap<(u32, u64), Trade>,
    /// By account, asset and partition.
    pub(super) balances: BTreeMap<(Arc<str>, u32, u16), Balance>,
    pub(super) assets: BTreeMap<u32, Asset>,
    pub(super) instruments: BTreeMap<u32, Instrument>,
    /// By symbol.
    pub(super) symbols: BTreeMap<String, u32>,
    pub(super) books: BTreeMap<u32, Book>,
    /// Orders that used a key up, by account, instrument and key.
    pub(super) keys: HashMap<(Arc<str>, u32, Box<str>), Vec<u64>>,
    /// Deposits and withdrawals that were made, by their own ids.
    pub(super) movements: BTreeMap<String, Vec<Movement>>,
    pub(super) progress: BTreeMap<u16, Progress>,
    /// Books that somebody saw, by symbol and sequence; each is taken out when its moment comes.
    pub(super) seen: BTreeMap<String, BTreeMap<u64, Vec<Seen>>>,
    pub(super) findings: Findings,
    /// What there was of each asset after the answers of which somebody was told.
    pub(super) cuts: BTreeMap<(u16, u64), BTreeMap<u32, Figures>>,
    /// These answers, by partition.
    wanted: Wanted,
    /// What there is of each asset on each partition by now.
    figures: BTreeMap<(u16, u32), Figures>,
    /// How far each book was followed.
    last_seen: BTreeMap<String, u64>,
    /// What buckets that are nobody's hold, by bucket and asset.
    nobodys: BTreeMap<(u32, u32), i128>,
    /// What shards said to each other.
    links: Links,
    names: HashMap<Box<str>, Arc<str>>,
}

/// An input, as far as its answer is held against it.
struct Input {
    hash: Hash,
    place: Option<Terms>,
    run: Option<Run>,
}

/// One answer while it is folded.
struct Now<'a> {
    partition: u16,
    out_seq: u64,
    in_offset: u64,
    nanos: u64,
    accounts: Vec<Arc<str>>,
    events: Vec<(u64, Message<'a>)>,
}

impl Now<'_> {
    fn own_id(&self) -> u64 {
        u64::from(self.partition) << OFFSET_BITS | self.in_offset
    }

    fn account(&self, index: u32) -> Result<Arc<str>, Broken> {
        let index = usize::try_from(index).map_err(|_| Broken("an account's index"))?;
        self.accounts.get(index).cloned().ok_or(Broken("an account that is not named"))
    }
}

/// Where rows of tables that are too large for memory go while the log is folded.
pub(super) struct Spool<W> {
    pub(super) postings: W,
    pub(super) legs: W,
}

impl Fold {
    /// Nothing yet; what was seen of books and is to be held against them; and after which answers
    /// it is asked what there is.
    pub(super) fn new(seen: BTreeMap<String, BTreeMap<u64, Vec<Seen>>>, wanted: Wanted) -> Fold {
        let last = |seen: &BTreeMap<u64, _>| seen.keys().next_back().copied().unwrap_or_default();
        let last_seen = seen.iter().map(|(symbol, seen)| (symbol.clone(), last(seen))).collect();
        Fold { seen, last_seen, wanted, ..Fold::default() }
    }

    /// Folds one partition: its inputs, then its answers.
    ///
    /// # Errors
    /// Where a file cannot be read or the spool cannot be written; what is wrong with the log
    /// itself is a finding.
    pub(super) fn partition<W: Write>(
        &mut self,
        partition: u16,
        inputs: impl Iterator<Item = std::io::Result<Record>>,
        events: impl Iterator<Item = std::io::Result<Record>>,
        spool: &mut Spool<W>,
    ) -> std::io::Result<()> {
        let (log_id, inputs) = self.inputs(inputs)?;
        let mut sequence = Sequence::start(&log_id, partition);
        let mut answered = None;
        for record in events {
            let record = record?;
            let answer = match Answer::read(&record.value) {
                Ok(answer) => answer,
                Err(Broken(what)) => {
                    let place = record.offset;
                    self.findings
                        .fault(Check::Answers, format!("events {partition}:{place}: {what}"));
                    continue;
                }
            };
            match sequence.judge(&answer) {
                Verdict::Accepted => {}
                Verdict::Repeated | Verdict::Beyond => continue,
                Verdict::Contradicts => {
                    let (place, number) = (record.offset, answer.out_seq);
                    let what = format!("events {partition}:{place}: another answer {number}");
                    self.findings.fault(Check::Answers, what);
                    continue;
                }
            }
            self.answers_next(partition, &answer, &inputs, answered);
            answered = Some(answer.in_offset);
            let input = inputs.get(&answer.in_offset);
            let number = answer.out_seq;
            if let Err(Broken(what)) = self.answer(partition, &answer, input, spool)? {
                let what = format!("answer {number} of partition {partition}: {what}");
                self.findings.fault(Check::Answers, what);
            }
            self.cut(partition, number);
            let progress = Progress {
                log_id: log_id.clone(),
                out_seq: answer.out_seq,
                in_offset: answer.in_offset,
                chain: answer.chain,
                next_offset: record.offset + 1,
                now_nanos: answer.now_nanos,
            };
            self.progress.insert(partition, progress);
        }
        self.all_answered(partition, &inputs, answered);
        Ok(())
    }

    /// Reads all inputs: the log's id, and each input by its offset.
    fn inputs(
        &mut self,
        records: impl Iterator<Item = std::io::Result<Record>>,
    ) -> std::io::Result<(Vec<u8>, BTreeMap<u64, Input>)> {
        let mut inputs = BTreeMap::new();
        let mut log_id = Vec::new();
        for record in records {
            let Record { offset, appended_ms, value } = record?;
            let hash = chain::of_input(appended_ms, &value);
            // What cannot be read is an input too: its answer says poison.
            let (place, run) = self.input(&value, &mut log_id).unwrap_or_default();
            inputs.insert(offset, Input { hash, place, run });
        }
        Ok((log_id, inputs))
    }

    /// The order that an input asks for, or the items that it brings.
    fn input(
        &mut self,
        value: &[u8],
        log_id: &mut Vec<u8>,
    ) -> Result<(Option<Terms>, Option<Run>), Broken> {
        match Message::read(value)?.choice()? {
            Some((1, genesis)) if log_id.is_empty() => {
                *log_id = genesis.bytes(1).to_vec();
                Ok((None, None))
            }
            Some((7, run)) => Ok((None, Some(self.run(&run)?))),
            Some((16, command)) => {
                let account = self.name(command.text(2)?);
                let place = command.message(3)?;
                Ok((place.map(|place| orders::asked(account, &place)).transpose()?, None))
            }
            _ => Ok((None, None)),
        }
    }

    /// An answer answers the input after the one that was answered last, and none is left out.
    fn answers_next(
        &mut self,
        partition: u16,
        answer: &Answer<'_>,
        inputs: &BTreeMap<u64, Input>,
        answered: Option<u64>,
    ) {
        let after = answered.map_or(0, |offset| offset + 1);
        let next = inputs.range(after..).next();
        let is_right = next.is_some_and(|(offset, input)| {
            *offset == answer.in_offset && input.hash == answer.input_hash
        });
        self.findings.hold(Check::Answers, is_right, || {
            let next = next.map(|(offset, _)| *offset);
            format!(
                "answer {} of partition {partition} is to input {}, after {answered:?} comes {next:?}",
                answer.out_seq, answer.in_offset
            )
        });
    }

    /// No order is left without an answer, however many ticks may follow the last one.
    fn all_answered(
        &mut self,
        partition: u16,
        inputs: &BTreeMap<u64, Input>,
        answered: Option<u64>,
    ) {
        let after = answered.map_or(0, |offset| offset + 1);
        let waiting = inputs.range(after..).filter(|(_, input)| input.place.is_some());
        for (offset, _) in waiting {
            let what = format!("the order at {partition}:{offset} has no answer");
            self.findings.fault(Check::Answers, what);
        }
    }

    fn answer<W: Write>(
        &mut self,
        partition: u16,
        answer: &Answer<'_>,
        input: Option<&Input>,
        spool: &mut Spool<W>,
    ) -> std::io::Result<Result<(), Broken>> {
        let now = match self.now(partition, answer) {
            Ok(now) => now,
            Err(broken) => return Ok(Err(broken)),
        };
        let postings = match answer.body.messages(3) {
            Ok(postings) => postings,
            Err(broken) => return Ok(Err(broken)),
        };
        let moved = self.money(&now, &postings, &answer.body);
        let linked = moved.and_then(|()| self.links(&now, &postings, &answer.body, input));
        if let Err(broken) = linked {
            return Ok(Err(broken));
        }
        rows::spool(&now, &postings, spool)?;
        Ok(self.happened(&now, &answer.body, input))
    }

    fn now<'a>(&mut self, partition: u16, answer: &Answer<'a>) -> Result<Now<'a>, Broken> {
        let names = answer.body.texts(5)?;
        let events = answer.body.messages(2)?;
        let events = events.iter().filter_map(|event| event.choice().transpose());
        Ok(Now {
            partition,
            out_seq: answer.out_seq,
            in_offset: answer.in_offset,
            nanos: answer.now_nanos,
            accounts: names.into_iter().map(|name| self.name(name)).collect(),
            events: events.collect::<Result<_, _>>()?,
        })
    }

    /// Everything but the money.
    fn happened(
        &mut self,
        now: &Now<'_>,
        body: &Message<'_>,
        input: Option<&Input>,
    ) -> Result<(), Broken> {
        let mut touched = Vec::new();
        for (kind, event) in &now.events {
            match kind {
                2 => self.listed(event)?,
                3 => touched.push(self.placed(now, event, input)?),
                4 => self.rejected(now, event, input)?,
                5 => touched.extend(self.traded(now, event)?),
                6 => touched.push(self.ended(now, event)?),
                9 => self.compacted(now, event)?,
                10 => self.parked(now, event, input)?,
                11 => self.withdrawal_parked(now),
                12 => self.withdrawal_decided(event),
                _ => {}
            }
        }
        let outcome = body.message(1)?.unwrap_or_default();
        if let Some(duplicate) = outcome.message(3)? {
            self.repeated(now, duplicate.number(1));
        }
        self.books_after(now, &touched)
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = name.into();
        self.names.insert(name.into(), Arc::clone(&shared));
        shared
    }

    fn listed(&mut self, record: &Message<'_>) -> Result<(), Broken> {
        let version = record.small(2)?;
        let Some((kind, listing)) = record.message(3)?.unwrap_or_default().choice()? else {
            return Err(Broken("a listing of nothing"));
        };
        let id = listing.small(1)?;
        let known = match kind {
            1 => self.assets.get(&id).map(|asset| asset.version),
            _ => self.instruments.get(&id).map(|instrument| instrument.version),
        };
        if known.is_some_and(|known| known >= version) {
            return Ok(());
        }
        if kind == 1 {
            let code = listing.text(2)?.to_owned();
            let (decimals, grant_units) = (listing.small(3)?, listing.number(4));
            self.assets.insert(id, Asset { code, decimals, grant_units, version });
            return Ok(());
        }
        let instrument = Instrument {
            base: listing.small(2)?,
            quote: listing.small(3)?,
            tick_units: listing.number(4),
            lot_units: listing.number(5),
            protection_bps: listing.small(6)?,
            partition: listing.small(7)?,
            version,
        };
        let code = |id| self.assets.get(&id).map(|asset| asset.code.as_str());
        let codes = code(instrument.base).zip(code(instrument.quote));
        let (base, quote) = codes.ok_or(Broken("an instrument of assets that are not listed"))?;
        self.symbols.insert(format!("{base}-{quote}"), id);
        self.instruments.insert(id, instrument);
        Ok(())
    }
}
