//! What a verification found, for people and for scripts: the exit status tells.

use std::{collections::BTreeMap, fmt};

use ledger::{solvency::AssetSum, tables::Tables};
use matcher::Exchange;
use model::{Amount, Partition};
use spine::{LogId, acceptor::NotAnswers, replay::Replay};

use super::{
    copies::Copy,
    links::{InFlight, Links, moving},
};

/// What was found.
pub struct Report {
    log_id: LogId,
    looked_at: Vec<String>,
    lines: Vec<String>,
    problems: Vec<String>,
}

impl Report {
    /// Nothing found yet in what is looked at.
    pub fn new(log_id: LogId, looked_at: Vec<String>) -> Report {
        Report { log_id, looked_at, lines: Vec::new(), problems: Vec::new() }
    }

    /// Takes what replaying a whole partition has shown: every chain was equal, or there would be
    /// no such state.
    pub fn replayed(
        &mut self,
        partition: Partition,
        replay: &Replay<Exchange>,
        inputs: u64,
        projected_to: u64,
    ) {
        let answers = replay.replica().out_seq();
        let unanswered = inputs.saturating_sub(replay.replica().next_offset());
        let behind = answers.saturating_sub(projected_to);
        self.lines.push(format!(
            "partition {partition}: {answers} answers replayed, every chain equal ({}); \
             {unanswered} of {inputs} inputs unanswered; the tables are {behind} answers behind",
            replay.replica().chain()
        ));
        if projected_to > answers {
            self.problems.push(format!(
                "partition {partition}: the tables are at answer {projected_to}, beyond the log"
            ));
        }
        self.name_not_answers(partition, replay.not_answers());
        self.check_state(partition, replay.replica().core());
    }

    /// Takes what became of checking the shard's newest snapshot, where there is a good one.
    pub fn snapshot(&mut self, partition: Partition, copy: Copy, checked: Result<(), String>) {
        let unreadable = |newest| {
            format!("partition {partition}: snapshot {newest} is damaged, or of another log")
        };
        match (copy, checked) {
            (Copy::None, _) => {
                self.lines.push(format!("partition {partition}: there is no snapshot to check"));
            }
            (Copy::Unreadable { newest }, _) => self.problems.push(unreadable(newest)),
            (Copy::Taken { out_seq, newest }, checked) => {
                if newest > out_seq {
                    self.problems.push(unreadable(newest));
                }
                match checked {
                    Ok(()) => self.lines.push(format!(
                        "partition {partition}: snapshot {out_seq} leads to the same state"
                    )),
                    Err(reason) => self.problems.push(format!("partition {partition}: {reason}")),
                }
            }
        }
    }

    /// Readers drop what is no answer and go on; people should know who wrote it all the same.
    fn name_not_answers(&mut self, partition: Partition, found: &NotAnswers) {
        self.problems.extend(found.first.iter().map(|(offset, error)| {
            format!(
                "partition {partition}: the record at offset {offset} of the events is dropped \
                 by every reader: {error}"
            )
        }));
        let named = found.first.len() as u64;
        if found.count > named {
            let more = found.count - named;
            self.problems.push(format!("partition {partition}: and {more} more such records"));
        }
    }

    fn check_state(&mut self, partition: Partition, state: &Exchange) {
        if let Err(broken) = state.check_invariants() {
            self.problems.push(format!("partition {partition}: {broken}"));
        }
        for (asset, total) in state.accounts().totals() {
            if !total.is_zero() {
                let units = total.units();
                self.problems.push(format!(
                    "partition {partition}: asset {} sums to {units} units, not zero",
                    asset.0
                ));
            }
        }
    }

    /// Names what is on its way between shards, and compares it with what the accounts' links add
    /// up to. A log that may grow was not held still at one instant for all shards.
    pub fn compare_links(&mut self, links: &Links, may_grow: bool) {
        let torn = links.torn();
        for (from, to) in &torn {
            let found = format!("shards {from} and {to} tell of different moments of their link");
            if may_grow {
                let advice = "links are compared where the platform stands still for a moment";
                self.lines.push(format!("{found}; {advice}"));
            } else {
                self.problems.push(found);
            }
        }
        if !torn.is_empty() {
            return;
        }
        for InFlight { from, to, link_seq, item } in links.in_flight() {
            self.lines.push(format!(
                "on its way from shard {from} to shard {to}: item {link_seq}, {} of asset {} of {}",
                moving(item.kind.amount()),
                item.asset.0,
                item.account
            ));
        }
        for (account, asset, links, on_its_way) in links.contradictions() {
            self.problems.push(format!(
                "the links of {account} add up to {links} units of asset {}, and {on_its_way} are \
                 on their way",
                asset.0
            ));
        }
    }

    /// Compares the tables with the ledger folded from the log.
    pub fn compare(&mut self, sql: &Tables, folded: &Tables) {
        self.lines.push(format!(
            "tables: {} orders, {} trades, {} balances, {} postings",
            sql.orders.len(),
            sql.trades.len(),
            sql.balances.len(),
            sql.postings.len()
        ));
        let differences = sql.differences(folded);
        self.problems.extend(
            differences.into_iter().map(|found| format!("table {}: {}", found.table, found.text)),
        );
        self.compare_sums(sql);
    }

    fn compare_sums(&mut self, sql: &Tables) {
        let Some(sums) = sql.asset_sums() else {
            self.problems.push("the sum of an asset is beyond what an amount holds".to_owned());
            return;
        };
        for (asset, sum) in &sums {
            let row = sql.assets.get(asset);
            let text = |amount: Amount| {
                let decimals = row.map_or(0, |row| row.decimals);
                model::decimal::format_units(amount.units(), decimals)
            };
            let code = row.map_or("?", |row| row.code.as_str());
            if sum.is_sound() {
                self.lines.push(solvency(code, sum, text));
            } else {
                let (there, owed) = (sum.there().map(text), sum.owed().map(text));
                self.problems.push(format!(
                    "{code}: there is {there:?} where {owed:?} came in, with fees of {}",
                    text(sum.fees)
                ));
            }
        }
        let balances: BTreeMap<_, _> =
            sql.balances.iter().filter(|(_, balance)| **balance != Default::default()).collect();
        let is_fold = sql
            .folded_balances()
            .is_some_and(|folded| folded.iter().collect::<BTreeMap<_, _>>() == balances);
        if !is_fold {
            self.problems.push("the balances are not the fold of the postings".to_owned());
        }
        self.compare_income(sql);
    }

    /// What the house has earned is the fold of the postings, and the sum of what each trade cost.
    fn compare_income(&mut self, sql: &Tables) {
        let mut income = sql.fee_income.clone();
        income.retain(|_, earned| !earned.is_zero());
        for (made_of, found) in [("postings", sql.folded_income()), ("trades", sql.traded_income())]
        {
            if found.as_ref() != Some(&income) {
                self.problems.push(format!("the fee income is not the sum of the {made_of}"));
            }
        }
    }

    /// Whether everything was as it must be.
    ///
    /// # Errors
    /// How much was not.
    pub fn verdict(&self) -> anyhow::Result<()> {
        let problems = self.problems.len();
        anyhow::ensure!(problems == 0, "{problems} problems were found");
        Ok(())
    }
}

/// What came in, and what is there: the two sides of one equation. Summands that most platforms
/// never have are left out where they are nothing.
fn solvency(code: &str, sum: &AssetSum, text: impl Fn(Amount) -> String) -> String {
    let unless_nothing = |what: &str, amount: Amount| {
        if amount.is_zero() { String::new() } else { format!(" + {what} {}", text(amount)) }
    };
    format!(
        "{code}: deposited {} - withdrawn {}{}{} = available {} + held {}{}{}",
        text(sum.deposited),
        text(sum.withdrawn),
        unless_nothing("granted", sum.granted),
        unless_nothing("adjusted", sum.adjusted),
        text(sum.available),
        text(sum.held),
        unless_nothing("in flight", sum.link),
        unless_nothing("fees", sum.fees)
    )
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "log {}", self.log_id)?;
        for looked_at in &self.looked_at {
            writeln!(formatter, "  looked at {looked_at}")?;
        }
        for line in &self.lines {
            writeln!(formatter, "  {line}")?;
        }
        for problem in &self.problems {
            writeln!(formatter, "  PROBLEM {problem}")?;
        }
        let verdict = if self.problems.is_empty() { "sound" } else { "NOT sound" };
        write!(formatter, "{verdict}")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prost::Message;
    use proto::log::{self, input};
    use spine::{
        Log, Place, Record, Visibility, genesis,
        log::{WriterRole, memory::MemoryLog},
        replay::Begin,
    };

    use super::*;

    /// A report on a log of which nothing is answered, with so many records among its answers that
    /// are none.
    fn report_on_noise(records: usize) -> Report {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new(1));
        let proposal =
            log::Genesis { log_id: vec![9; 16], partition_count: 1, ..Default::default() };
        let identity = genesis::found(log.as_ref(), &proposal).expect("it is founded");
        let producer = log.producer(WriterRole::Shard).expect("made");
        for _ in 0..records {
            let noise = input::Kind::Tick(log::Tick {});
            let noise = log::Input { kind: Some(noise) }.encode_to_vec();
            let place = Place::events(Partition::FIRST);
            producer.append(place, Record::of(noise), Box::new(|_| {}));
        }
        let (begin, seen) = (Begin::First, Visibility::Synced);
        let mut replay =
            Replay::<Exchange>::open(log.as_ref(), &identity, Partition::FIRST, &begin, seen)
                .expect("there is no doubt");
        replay.advance_to_end(log.as_ref(), seen).expect("noise does not stop it");
        let mut report = Report::new(identity.log_id, Vec::new());
        report.replayed(Partition::FIRST, &replay, 1, 0);
        report
    }

    #[test]
    fn records_among_the_answers_that_are_none_are_named() {
        assert_eq!(report_on_noise(0).problems, <[&str; 0]>::default());
        let report = report_on_noise(2);
        assert!(report.verdict().is_err());
        let named = |offset| {
            format!(
                "partition 0: the record at offset {offset} of the events is dropped by every \
                 reader: the answer does not end with its chain"
            )
        };
        assert_eq!(report.problems, [named(0), named(1)]);
    }

    #[test]
    fn of_many_that_are_none_the_first_are_named_and_the_rest_counted() {
        let report = report_on_noise(100);
        let last = report.problems.last().expect("there are some");
        assert_eq!(report.problems.len(), 17);
        assert_eq!(last, "partition 0: and 84 more such records");
    }
}
