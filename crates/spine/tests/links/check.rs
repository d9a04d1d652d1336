//! The truth of a world of links, from the inputs alone: they are applied one by one, in an order
//! in which no item is taken before it is sent, and counted after every one of them.

use std::collections::BTreeMap;

use model::Partition;
use proto::log;
use spine::{Replica, Stored, answer, genesis::Identity};

use crate::{
    purse::{COINS, Purse, coins_in},
    world::Fault,
};

/// The naive books: every item that was ever sent, and how many of them were taken.
#[derive(Default)]
struct Books {
    sent: BTreeMap<(Partition, Partition), Vec<log::LinkItem>>,
    taken: BTreeMap<(Partition, Partition), usize>,
}

impl Books {
    fn on_their_way(&self) -> i64 {
        let of = |(way, items): (&(Partition, Partition), &Vec<log::LinkItem>)| {
            let taken = self.taken.get(way).copied().unwrap_or(0);
            items.iter().skip(taken).map(coins_in).sum::<i64>()
        };
        self.sent.iter().map(of).sum()
    }

    /// Takes down what an answer says; `None` where it takes what was not sent yet.
    fn note(&mut self, at: Partition, body: &log::AnswerBody) -> Result<(), Fault> {
        for sent in &body.links_sent {
            let to = partition(sent.destination);
            let items = self.sent.entry((at, to)).or_default();
            items.push(sent.item.clone().unwrap_or_default());
            if sent.link_seq != items.len() as u64 {
                return Err(Fault::NotNumberedInOrder);
            }
        }
        for progress in &body.link_progress {
            let way = (partition(progress.partition), at);
            let taken = usize::try_from(progress.taken).expect("small");
            if taken < self.taken.get(&way).copied().unwrap_or(0) {
                return Err(Fault::TakenTwice);
            }
            self.taken.insert(way, taken);
        }
        Ok(())
    }

    /// Whether an input takes nothing that was not sent yet.
    fn is_due(&self, at: Partition, stored: &Stored) -> bool {
        use prost::Message;
        let input = log::Input::decode(stored.record.value.as_ref()).ok();
        let Some(log::input::Kind::LinkRun(run)) = input.and_then(|input| input.kind) else {
            return true;
        };
        let sent = self.sent.get(&(partition(run.source), at)).map_or(0, Vec::len) as u64;
        run.items.is_empty() || run.first_link_seq + run.items.len() as u64 - 1 <= sent
    }
}

fn partition(number: u32) -> Partition {
    u16::try_from(number).ok().and_then(Partition::new).expect("a partition that there is")
}

/// Applies all inputs, and tells how many items were taken in all.
pub(crate) fn check(identity: &Identity, inputs: &[Vec<Stored>]) -> Result<u64, Fault> {
    let mut replicas: Vec<Replica<Purse>> =
        identity.partitions().map(|at| Replica::new(identity, at)).collect();
    let mut books = Books::default();
    let mut next = vec![0; inputs.len()];
    loop {
        let mut moved = false;
        for (number, replica) in replicas.iter_mut().enumerate() {
            let at = replica.partition();
            while let Some(stored) = inputs[number].get(next[number])
                && books.is_due(at, stored)
            {
                let computed =
                    replica.apply(stored).map_err(|error| Fault::Stopped(error.to_string()))?;
                let answer = answer::read(&computed.value).expect("it was just written");
                books.note(at, &answer.body)?;
                next[number] += 1;
                moved = true;
            }
        }
        conserve(&replicas, &books)?;
        if !moved {
            break;
        }
    }
    if next.iter().zip(inputs).any(|(next, inputs)| *next < inputs.len()) {
        return Err(Fault::TakenBeforeSent);
    }
    at_rest(&books)?;
    Ok(books.taken.values().map(|taken| *taken as u64).sum())
}

fn conserve(replicas: &[Replica<Purse>], books: &Books) -> Result<(), Fault> {
    let on_shards: i64 = replicas.iter().map(|replica| replica.core().coins).sum();
    let shards = i64::try_from(replicas.len()).expect("few");
    let (found, expected) = (on_shards + books.on_their_way(), COINS * shards);
    if found == expected { Ok(()) } else { Err(Fault::Coins { found, expected }) }
}

/// In the end nothing is on its way.
fn at_rest(books: &Books) -> Result<(), Fault> {
    match books.on_their_way() {
        0 => Ok(()),
        coins => Err(Fault::NeverArrived { coins }),
    }
}
