//! The live view: a few lines that are drawn again and again on a terminal, one line every few
//! seconds anywhere else.

use std::{
    io::{self, IsTerminal, Write},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use crate::{
    plan::Victim,
    platform::{Platform, one_line},
    run::Kill,
    tally::Tally,
};

/// How often a terminal is drawn, and how often others are told.
const DRAW_EVERY: Duration = Duration::from_millis(250);
const TELL_EVERY: Duration = Duration::from_secs(5);

/// How much of a line is drawn: one that a terminal breaks would not be drawn over.
const COLUMNS_MAX: usize = 110;

/// What is shown, and where.
pub(crate) struct View {
    started: Instant,
    planned: Vec<(Victim, usize)>,
    is_terminal: bool,
    shown_at: Option<Instant>,
    lines: usize,
    ended: usize,
}

impl View {
    /// Of a run with this plan.
    pub(crate) fn new(started: Instant, plan: &[Victim]) -> View {
        let planned = Victim::ALL.into_iter().filter_map(|victim| {
            let count = plan.iter().filter(|planned| **planned == victim).count();
            (count > 0).then_some((victim, count))
        });
        View {
            started,
            planned: planned.collect(),
            is_terminal: io::stdout().is_terminal(),
            shown_at: None,
            lines: 0,
            ended: 0,
        }
    }

    /// How long the run has taken.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Says in a line what comes next.
    pub(crate) fn say(&mut self, what: &str) {
        self.end();
        println!("{:>6.1} s  {what}", self.started.elapsed().as_secs_f64());
    }

    /// Leaves what was drawn last where it stands.
    pub(crate) fn end(&mut self) {
        self.lines = 0;
        self.shown_at = None;
    }

    /// Shows how it goes, where the last time is long enough ago.
    pub(crate) fn show(&mut self, kills: &[Kill], tally: &Tally, rate: f64, platform: &Platform) {
        let every = if self.is_terminal { DRAW_EVERY } else { TELL_EVERY };
        if self.shown_at.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        for ended in platform.ended.iter().skip(self.ended) {
            self.say(&one_line(ended));
        }
        self.ended = platform.ended.len();
        self.shown_at = Some(Instant::now());
        let lines = self.lines_of(kills, tally, rate, platform);
        let mut out = io::stdout().lock();
        // What cannot be shown is not worth the run.
        let _ = if self.is_terminal {
            let up = if self.lines > 0 { format!("\x1b[{}A", self.lines) } else { String::new() };
            let cut = |line: &String| line.chars().take(COLUMNS_MAX).collect::<String>();
            let text: String = lines.iter().map(|line| format!("\x1b[2K{}\n", cut(line))).collect();
            self.lines = lines.len();
            write!(out, "{up}{text}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{}", lines.join("; ").trim_end_matches("; "))
        };
    }

    fn lines_of(
        &self,
        kills: &[Kill],
        tally: &Tally,
        rate: f64,
        platform: &Platform,
    ) -> Vec<String> {
        let done = |victim: Victim| {
            kills.iter().filter(|kill| kill.victim == victim && kill.is_counted).count()
        };
        let by_victim = self
            .planned
            .iter()
            .map(|(victim, planned)| format!("{victim} {}/{planned}", done(*victim)));
        let (ready, of) = platform.health.ready_of();
        let uncounted = kills.iter().filter(|kill| !kill.is_counted).count();
        vec![
            format!(
                "{:>6.1} s  kills: {}{}",
                self.started.elapsed().as_secs_f64(),
                by_victim.collect::<Vec<_>>().join(", "),
                if uncounted > 0 { format!(", {uncounted} not counted") } else { String::new() }
            ),
            format!(
                "{rate:>6.0} orders/s, {} acknowledged, {} unknown open of {}",
                tally.told.load(Relaxed),
                tally.unknown_open(),
                tally.unknown.load(Relaxed)
            ),
            format!(
                "ledger {}, {ready} of {of} services ready, {} frames followed{}",
                behind(platform.health.ledger_lag()),
                tally.frames.load(Relaxed),
                money(tally)
            ),
            platform.health.why_not(),
        ]
    }
}

/// What a bank has moved and read; nothing where nobody reads.
fn money(tally: &Tally) -> String {
    let [totals, moved] = [&tally.totals, &tally.moved].map(|count| count.load(Relaxed));
    if totals == 0 {
        return String::new();
    }
    format!(", {moved} movements, all totals read {totals} times")
}

/// How far behind the ledger is, in words.
pub(crate) fn behind(lag: Option<Duration>) -> String {
    match lag {
        Some(lag) => format!("{:.1} s behind", lag.as_secs_f64()),
        None => "has projected nothing yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_without_rows_is_not_behind_since_1970() {
        assert_eq!(behind(None), "has projected nothing yet");
        assert_eq!(behind(Some(Duration::from_millis(2_340))), "2.3 s behind");
    }
}
