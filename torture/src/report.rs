//! The report: one file of Markdown, with what was done, what was measured and what was checked.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{
    bank::Bank,
    check::Findings,
    plan::Victim,
    platform::one_line,
    run::{Kill, Ran, Wanted},
};

/// Whether a run shows what it should: every planned kill counts, every check is good.
pub(crate) fn is_good(wanted: &Wanted<'_>, ran: &Ran, findings: &Findings) -> bool {
    let counted = ran.kills.iter().filter(|kill| kill.is_counted).count();
    ran.faults.is_empty() && findings.are_good() && counted >= wanted.plan.len()
}

/// The whole report.
pub(crate) fn markdown(wanted: &Wanted<'_>, ran: &Ran, findings: &Findings) -> String {
    let verdict = if is_good(wanted, ran, findings) { "good" } else { "NOT GOOD" };
    let counted = ran.kills.iter().filter(|kill| kill.is_counted).count();
    let mut text = format!(
        "# {}, seed {}: {verdict}\n\n\
         {counted} of {} planned kills -9 counted, each with at least {:.0} orders/s acknowledged \
         in the second before; {} did not count. {:.0} s in all, {:.1} s a kill.\n\n",
        if wanted.bank.is_some() { "Bank" } else { "Torture" },
        wanted.seed,
        wanted.plan.len(),
        wanted.least_rate,
        ran.kills.len() - counted,
        ran.took.as_secs_f64(),
        ran.took.as_secs_f64() / ran.kills.len().max(1) as f64
    );
    for fault in &ran.faults {
        let _ = writeln!(text, "- **{fault}**");
    }
    if let Some(bank) = wanted.bank {
        totals(&mut text, bank, ran);
    }
    orders(&mut text, ran);
    checks(&mut text, findings);
    kills(&mut text, &ran.kills);
    ended(&mut text, ran);
    if !ran.waits.is_empty() {
        let _ = write!(text, "\n## What the rig itself waited for\n\n");
    }
    for wait in &ran.waits {
        let _ = writeln!(text, "- {wait}");
    }
    text
}

/// The part about the checks alone.
pub(crate) fn checked(findings: &Findings) -> String {
    let mut text = String::new();
    checks(&mut text, findings);
    text
}

fn totals(text: &mut String, bank: Bank, ran: &Ran) {
    let Bank { accounts, clients, reads } = bank;
    let [read, untold] = [&ran.tally.totals, &ran.tally.totals_untold].map(|one| one.load(Relaxed));
    let _ = write!(
        text,
        "\n## Totals\n\n| | |\n|---|---|\n| accounts, and clients that move their money | \
         {accounts}, {clients} |\n| all totals read, of {reads} wanted | {read} |\n| times that \
         nobody told them | {untold} |\n"
    );
}

fn orders(text: &mut String, ran: &Ran) {
    let tally = &ran.tally;
    let _ = write!(text, "\n## Orders\n\n| | |\n|---|---|\n");
    for (what, count) in [
        ("orders sent", &tally.sent),
        ("acknowledged", &tally.told),
        ("requests for them, retries included", &tally.attempts),
        ("orders with an unknown outcome at least once", &tally.unknown),
        ("of those resolved by the same key", &tally.resolved),
        ("requests that were not taken (overload, no gateway)", &tally.not_taken),
        ("orders sent once more after they were known", &tally.repeated),
        ("orders told to be cancelled", &tally.cancelled),
        ("deposits, withdrawals and transfers done", &tally.moved),
        ("frames of followed books", &tally.frames),
    ] as [(&str, &AtomicU64); 10]
    {
        let _ = writeln!(text, "| {what} | {} |", count.load(Relaxed));
    }
    let (arrived, drained) = (ran.arrived.as_secs_f64(), ran.drained.as_secs_f64());
    let _ = writeln!(
        text,
        "| until nothing was on its way between shards, after the last order | {arrived:.1} s |"
    );
    let _ = writeln!(
        text,
        "| until the ledger had everything, after the last service before it | {drained:.1} s |"
    );
}

fn checks(text: &mut String, findings: &Findings) {
    let _ = write!(text, "\n## Checks\n\n| holds | looked at | faults |\n|---|---|---|\n");
    for check in findings.planned() {
        let finding = findings.of(check);
        let mark = if finding.is_good() { "" } else { " **FAILED**" };
        let sentence = check.sentence();
        let (looked_at, faults) = (finding.looked_at, finding.faults);
        let _ = writeln!(text, "| {sentence}{mark} | {looked_at} | {faults} |");
    }
    for check in findings.planned() {
        let finding = findings.of(check);
        if !finding.examples.is_empty() {
            let _ = write!(text, "\nNot so: {}\n\n", check.sentence());
            for example in &finding.examples {
                let _ = writeln!(text, "- `{}`", example.replace('\t', " "));
            }
        }
    }
}

fn kills(text: &mut String, kills: &[Kill]) {
    let _ = write!(
        text,
        "\n## Kills\n\nOutages are the longest of all kills of a victim, up to the next kill: in \
         which no order was acknowledged, and in which some shard decided none. Whole again is \
         when everything is ready, the rate is back, every book is followed and the ledger is up \
         to date; where the next kill did not come before.\n\n\
         | victim | counted | orders/s before: least, median | no acknowledgement | \
         a shard without results | ledger behind | whole again: median, longest |\n|---|---|---|---|---|---|---|\n"
    );
    for victim in Victim::ALL {
        let of: Vec<&Kill> = kills.iter().filter(|kill| kill.victim == victim).collect();
        if of.is_empty() {
            continue;
        }
        let counted = of.iter().filter(|kill| kill.is_counted).count();
        let mut rates: Vec<f64> =
            of.iter().filter(|kill| kill.is_counted).map(|kill| kill.rate).collect();
        rates.sort_by(f64::total_cmp);
        let mut whole: Vec<Duration> = of.iter().filter_map(|kill| kill.whole_after).collect();
        whole.sort();
        let longest = |of_kill: fn(&Kill) -> Duration| {
            of.iter().map(|kill| of_kill(kill)).max().unwrap_or_default().as_secs_f64()
        };
        let seconds = |time: Option<&Duration>| {
            time.map_or_else(|| "-".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
        };
        let _ = writeln!(
            text,
            "| {victim} | {counted} of {} | {:.0}, {:.0} | {:.1} s | {:.1} s | {:.1} s | {}, {} |",
            of.len(),
            rates.first().copied().unwrap_or_default(),
            rates.get(rates.len() / 2).copied().unwrap_or_default(),
            longest(|kill| kill.quiet),
            longest(|kill| kill.undecided),
            longest(|kill| kill.lag.unwrap_or_default()),
            seconds(whole.get(whole.len() / 2)),
            seconds(whole.last()),
        );
    }
}

fn ended(text: &mut String, ran: &Ran) {
    if ran.ended.is_empty() {
        let _ = writeln!(text, "\nNo process ended by itself.");
        return;
    }
    let _ = write!(text, "\n## Processes that ended by themselves and were started again\n\n");
    let first = ran.kills.first().map(|kill| kill.at);
    for ended in &ran.ended {
        let after = ran.kills.iter().rfind(|kill| kill.at <= ended.at);
        let cause = after.map_or_else(
            || "before the first kill".to_owned(),
            |kill| {
                let since = ended.at.duration_since(kill.at).as_secs_f64();
                format!(
                    "{since:.1} s after the kill of {} ({})",
                    kill.victim,
                    kill.processes.join(", ")
                )
            },
        );
        let at = first.map_or(0.0, |first| ended.at.saturating_duration_since(first).as_secs_f64());
        let _ = writeln!(text, "- {at:.1} s, {cause}: `{}`", one_line(ended).replace('`', "'"));
    }
}
