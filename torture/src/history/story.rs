//! A history read back: what was sent and told of each key, and the books that were seen.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result, bail};

/// Everything that one history says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    /// By key.
    pub(crate) placed: BTreeMap<String, Placed>,
    /// Cancels that were answered.
    pub(crate) cancelled: Vec<Cancelled>,
    /// Deposits and withdrawals by id.
    pub(crate) moved: BTreeMap<String, Movement>,
    /// Books by instrument and sequence.
    pub(crate) seen: BTreeMap<String, BTreeMap<u64, Vec<Seen>>>,
    /// Frames that did not follow the one before.
    pub(crate) broken: Vec<String>,
    /// Answers that should never be given.
    pub(crate) wrong: Vec<String>,
    /// When a bank's run began, in milliseconds since 1970; `None` where it is none.
    pub(crate) bank_began_ms: Option<u64>,
    /// What was told of all assets, in the order of the answers.
    pub(crate) totals: Vec<Total>,
}

/// An order as it was sent, and what was told of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placed {
    pub(crate) account: String,
    pub(crate) instrument: String,
    pub(crate) side: String,
    pub(crate) kind: String,
    pub(crate) time_in_force: String,
    pub(crate) price: String,
    pub(crate) quantity: String,
    pub(crate) attempts: u64,
    pub(crate) unknowns: u64,
    pub(crate) answers: Vec<Answer>,
}

/// What one attempt was told.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) fills: Vec<Fill>,
}

/// A trade as a result named it.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    pub(crate) trade: String,
    pub(crate) price: String,
    pub(crate) quantity: String,
}

/// What a cancel was told.
#[derive(Clone, Debug)]
pub(crate) struct Cancelled {
    pub(crate) account: String,
    pub(crate) id: u64,
    pub(crate) status: String,
}

/// A deposit or a withdrawal as it was sent, and what was told of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Movement {
    pub(crate) account: String,
    /// `deposit`, `withdrawal` or `transfer`.
    pub(crate) kind: String,
    pub(crate) asset: String,
    pub(crate) amount: String,
    /// Whom a transfer goes to; else empty.
    pub(crate) receiver: String,
    /// When it was first sent, and when its outcome was told, in milliseconds of the run.
    pub(crate) began_ms: u64,
    pub(crate) ended_ms: u64,
    pub(crate) unknowns: u64,
    /// `done`, or why not; empty where it was never told.
    pub(crate) outcome: String,
}

/// What there was of all assets, as it was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Total {
    /// When it was told, in milliseconds of the run.
    pub(crate) ended_ms: u64,
    /// Of each partition up to which answer, and the log's time there, in milliseconds since 1970.
    pub(crate) as_of: BTreeMap<u16, (u64, u64)>,
    /// Each asset with its figures.
    pub(crate) assets: Vec<(String, String)>,
}

/// A followed book: price and quantity of every level, as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) bids: Vec<(String, String)>,
    pub(crate) asks: Vec<(String, String)>,
}

impl Story {
    /// Reads a history's file.
    pub(crate) fn read(path: &Path) -> Result<Story> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut story = Story::default();
        for (number, line) in (1..).zip(BufReader::new(file).lines()) {
            let line = line?;
            story.line(&line).with_context(|| format!("line {number} of the history: {line}"))?;
        }
        Ok(story)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let fields: Vec<&str> =
            line.split('\t').map(|field| if field == "-" { "" } else { field }).collect();
        match fields[..] {
            ["sent", _, key, account, instrument, side, kind, time_in_force, price, quantity] => {
                let texts = [account, instrument, side, kind, time_in_force, price, quantity];
                let [account, instrument, side, kind, time_in_force, price, quantity] =
                    texts.map(str::to_owned);
                let placed = Placed {
                    account,
                    instrument,
                    side,
                    kind,
                    time_in_force,
                    price,
                    quantity,
                    ..Placed::default()
                };
                if self.placed.insert(key.to_owned(), placed).is_some() {
                    bail!("the key was used for another order before");
                }
            }
            ["try", _, key, _, _, _] => self.of(key)?.attempts += 1,
            ["unknown", _, key, _] => self.of(key)?.unknowns += 1,
            ["told", _, key, id, status, reason, fills] => {
                let answer = Answer {
                    id: id.parse()?,
                    status: status.to_owned(),
                    reason: reason.to_owned(),
                    fills: list(fills).map(fill).collect::<Result<_>>()?,
                };
                self.of(key)?.answers.push(answer);
            }
            ["cancelled", _, account, id, status] => self.cancelled.push(Cancelled {
                account: account.to_owned(),
                id: id.parse()?,
                status: status.to_owned(),
            }),
            ["moving" | "unmoved" | "moved", ..] => self.money(&fields)?,
            ["bank" | "total", ..] => self.bank(&fields)?,
            ["book", _, instrument, sequence, bids, asks] => {
                let seen = Seen { bids: levels(bids)?, asks: levels(asks)? };
                let of_instrument = self.seen.entry(instrument.to_owned()).or_default();
                of_instrument.entry(sequence.parse()?).or_default().push(seen);
            }
            ["broken", _, instrument, what] => self.broken.push(format!("{instrument}: {what}")),
            ["wrong", _, what] => self.wrong.push(what.to_owned()),
            ["kill", ..] => {}
            _ => bail!("no line of a history"),
        }
        Ok(())
    }

    /// A line about a movement of money.
    fn money(&mut self, fields: &[&str]) -> Result<()> {
        match *fields {
            ["moving", at, id, account, kind, asset, amount, ref rest @ ..] if rest.len() < 2 => {
                let receiver = rest.first().copied().unwrap_or_default();
                let texts = [account, kind, asset, amount, receiver].map(str::to_owned);
                let [account, kind, asset, amount, receiver] = texts;
                let movement = Movement { account, kind, asset, amount, ..Movement::default() };
                let movement = Movement { receiver, began_ms: at.parse()?, ..movement };
                self.moved.insert(id.to_owned(), movement);
            }
            ["unmoved", _, id, _] => self.movement(id)?.unknowns += 1,
            ["moved", at, id, outcome] => {
                let movement = self.movement(id)?;
                movement.ended_ms = at.parse()?;
                outcome.clone_into(&mut movement.outcome);
            }
            _ => bail!("no line about a movement"),
        }
        Ok(())
    }

    /// A line about all totals.
    fn bank(&mut self, fields: &[&str]) -> Result<()> {
        match *fields {
            ["bank", _, began] => self.bank_began_ms = Some(began.parse()?),
            ["total", at, _, as_of, assets] => {
                let total = Total {
                    ended_ms: at.parse()?,
                    as_of: list(as_of).map(position).collect::<Result<_>>()?,
                    assets: list(assets).map(figures).collect::<Result<_>>()?,
                };
                self.totals.push(total);
            }
            _ => bail!("no line about totals"),
        }
        Ok(())
    }

    fn movement(&mut self, id: &str) -> Result<&mut Movement> {
        self.moved.get_mut(id).with_context(|| format!("{id} was never moved"))
    }

    fn of(&mut self, key: &str) -> Result<&mut Placed> {
        self.placed.get_mut(key).with_context(|| format!("{key} was never sent"))
    }
}

fn list(field: &str) -> impl Iterator<Item = &str> {
    field.split(',').filter(|part| !part.is_empty())
}

/// A partition, up to which answer, and when that was.
fn position(text: &str) -> Result<(u16, (u64, u64))> {
    let (partition, rest) = text.split_once(':').context("a partition and an answer")?;
    let (answer, now) = rest.split_once(':').context("an answer and a time")?;
    Ok((partition.parse()?, (answer.parse()?, now.parse()?)))
}

fn figures(text: &str) -> Result<(String, String)> {
    let (asset, figures) = text.split_once('=').context("an asset and its figures")?;
    Ok((asset.to_owned(), figures.to_owned()))
}

fn fill(text: &str) -> Result<Fill> {
    let (trade, rest) = text.split_once('@').context("a fill has a trade and a price")?;
    let (price, quantity) = pair(rest)?;
    Ok(Fill { trade: trade.to_owned(), price, quantity })
}

fn levels(field: &str) -> Result<Vec<(String, String)>> {
    list(field).map(pair).collect()
}

fn pair(text: &str) -> Result<(String, String)> {
    let (price, quantity) = text.split_once('*').context("a price and a quantity")?;
    Ok((price.to_owned(), quantity.to_owned()))
}
