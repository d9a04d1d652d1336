//! What was told of all assets while money moved and services were killed, held against two others
//! that know: the log, folded up to just the answers that it was told to be as of; and the client,
//! who knows what it was told to have come in by then, and what it had asked for at all.

use std::collections::BTreeMap;

use super::{
    finding::Check,
    fold::{Figures, Fold, Wanted, units},
};
use crate::history::{Movement, Story, Total};

/// Clocks are read in whole milliseconds: what was told so shortly before may be told either way.
const ROUNDING_MS: u64 = 2;

/// The answers of which somebody was told.
pub(super) fn wanted(story: &Story) -> Wanted {
    let mut wanted = Wanted::new();
    for (partition, (out_seq, _)) in story.totals.iter().flat_map(|total| &total.as_of) {
        wanted.entry(*partition).or_default().insert(*out_seq);
    }
    wanted
}

/// Holds every total against the log and the client's own history.
pub(super) fn check(story: &Story, fold: &mut Fold) {
    let Some(bank_began_ms) = story.bank_began_ms else { return };
    let border = Border::of(story, fold);
    for total in &story.totals {
        match at(total, fold) {
            Ok(log) => of_all_assets(total, &log, &border, bank_began_ms, fold),
            Err(what) => fold.findings.fault(Check::Totals, what),
        }
    }
}

/// What the log comes to at just this place, by asset.
fn at(total: &Total, fold: &Fold) -> Result<BTreeMap<u32, Figures>, String> {
    let mut all: BTreeMap<u32, Figures> = BTreeMap::new();
    for (partition, (out_seq, _)) in &total.as_of {
        let cut = fold.cuts.get(&(*partition, *out_seq));
        let cut = cut.ok_or_else(|| format!("the log has no answer {out_seq} of {partition}"))?;
        for (asset, here) in cut {
            let figures = all.entry(*asset).or_default();
            figures.iter_mut().zip(here).for_each(|(sum, here)| *sum += here);
        }
    }
    Ok(all)
}

fn of_all_assets(
    total: &Total,
    log: &BTreeMap<u32, Figures>,
    border: &Border,
    bank_began_ms: u64,
    fold: &mut Fold,
) {
    let mut told: BTreeMap<u32, Figures> = BTreeMap::new();
    let mut faults = Vec::new();
    for (code, figures) in &total.assets {
        let listed = fold.assets.iter().find(|(_, asset)| asset.code == *code);
        let read = listed.and_then(|(id, asset)| Some((*id, figures_of(figures, asset.decimals)?)));
        match read {
            Some((id, figures)) => drop(told.insert(id, figures)),
            None => faults.push(format!("{code}={figures} is not sound, or no total")),
        }
    }
    // Of what nothing was told there is nothing.
    let all = fold.assets.keys().map(|asset| (*asset, Figures::default()));
    let in_log: BTreeMap<u32, Figures> =
        all.map(|(asset, none)| (asset, log.get(&asset).copied().unwrap_or(none))).collect();
    for (asset, expected) in in_log {
        let told = told.get(&asset).copied().unwrap_or_default();
        if told != expected {
            faults.push(format!("asset {asset} is told as {told:?}, and the log has {expected:?}"));
        }
        if !is_balanced(&told) {
            faults.push(format!("asset {asset} is told as {told:?}, which does not balance"));
        }
        faults.extend(border.beyond(asset, &told, total, bank_began_ms));
        fold.findings.looked_at(Check::Totals, 1);
    }
    for fault in faults {
        fold.findings.fault(Check::Totals, format!("as of {:?}: {fault}", total.as_of));
    }
}

/// What came in is there, and none of it is below zero, whatever of it is on its way.
fn is_balanced(figures: &Figures) -> bool {
    let [deposited, withdrawn, granted, adjusted, available, held, link, fees] = *figures;
    let is_there = deposited - withdrawn + granted + adjusted == available + held + link + fees;
    is_there && [deposited, withdrawn, available, held, fees].iter().all(|figure| *figure >= 0)
}

/// The eight figures, where the ninth, which is their difference, is nothing, and the asset sound.
fn figures_of(text: &str, decimals: u32) -> Option<Figures> {
    let mut parts = text.split('/');
    let mut figures = Figures::default();
    for figure in &mut figures {
        *figure = signed(parts.next()?, decimals)?;
    }
    let is_sound = signed(parts.next()?, decimals)? == 0 && parts.next()? == "1";
    (is_sound && parts.next().is_none()).then_some(figures)
}

fn signed(text: &str, decimals: u32) -> Option<i128> {
    let positive = |text| i128::try_from(units(text, decimals)?).ok();
    text.strip_prefix('-').map_or_else(|| positive(text), |text| Some(-positive(text)?))
}

/// What the client knows to have crossed the border, by asset and direction.
#[derive(Default)]
struct Border {
    /// By when what had been told to be done.
    done: BTreeMap<(u32, bool), Steps>,
    /// By when what had been asked for, and was not refused for certain.
    asked: BTreeMap<(u32, bool), Steps>,
}

impl Border {
    fn of(story: &Story, fold: &Fold) -> Border {
        let mut border = Border::default();
        for moved in story.moved.values().filter(|moved| moved.kind != "transfer") {
            let listed = fold.assets.iter().find(|(_, asset)| asset.code == moved.asset);
            let Some((asset, listed)) = listed else { continue };
            let units = units(&moved.amount, listed.decimals).unwrap_or_default();
            let units = i128::try_from(units).unwrap_or_default();
            let way = (*asset, moved.kind == "deposit");
            if moved.outcome == "done" {
                border.done.entry(way).or_default().0.push((moved.ended_ms, units));
            }
            if may_be_done(moved) {
                border.asked.entry(way).or_default().0.push((moved.began_ms, units));
            }
        }
        border.done.values_mut().chain(border.asked.values_mut()).for_each(Steps::add_up);
        border
    }

    /// What is told of the border beyond what the client knows.
    fn beyond(&self, asset: u32, told: &Figures, total: &Total, began_ms: u64) -> Vec<String> {
        let [deposited, withdrawn, ..] = *told;
        // A shard's time is the largest of its records' append times, so that all it was told to
        // have done before that instant is among them.
        let now = total.as_of.values().map(|(_, now_ms)| *now_ms).min().unwrap_or(0);
        let now = now.saturating_sub(began_ms).saturating_sub(ROUNDING_MS);
        let mut faults = Vec::new();
        for (is_deposit, told) in [(true, deposited), (false, withdrawn)] {
            let way = (asset, is_deposit);
            let least = self.done.get(&way).map_or(0, |steps| steps.before(now));
            let most = self.asked.get(&way).map_or(0, |steps| steps.before(total.ended_ms + 1));
            if !(least..=most).contains(&told) {
                let what = if is_deposit { "deposited" } else { "withdrawn" };
                faults.push(format!(
                    "{told} of asset {asset} is told to be {what}, and the client knows of \
                     {least} to {most}"
                ));
            }
        }
        faults
    }
}

/// Whether a movement may have been made: all but those that were refused at once.
fn may_be_done(moved: &Movement) -> bool {
    moved.outcome.is_empty() || moved.outcome == "done" || moved.unknowns > 0
}

/// Instants, and what there was with each: by itself, and after [`Steps::add_up`] in all by then.
#[derive(Default)]
struct Steps(Vec<(u64, i128)>);

impl Steps {
    fn add_up(&mut self) {
        self.0.sort_unstable();
        let mut sum = 0;
        for (_, units) in &mut self.0 {
            sum += *units;
            *units = sum;
        }
    }

    /// What there was in all before an instant.
    fn before(&self, instant: u64) -> i128 {
        let count = self.0.partition_point(|(at, _)| *at < instant);
        count.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_only_where_they_are_sound() {
        let figures = figures_of("9/1.5/0/-2/5/0.5/0/0/0/1", 1);
        assert_eq!(figures, Some([90, 15, 0, -20, 50, 5, 0, 0]));
        assert!(is_balanced(&figures.expect("it was read")));
        for wrong in ["9/1/0/0/8/0/0/0/0/0", "9/1/0/0/8/0/0/0/1/1", "9/1/0/0/8/0/0/0/0", "x"] {
            assert_eq!(figures_of(wrong, 0), None, "{wrong}");
        }
        assert!(!is_balanced(&[9, 1, 0, 0, 7, 0, 0, 0]));
        assert!(!is_balanced(&[9, 1, 0, 0, 9, -1, 0, 0]));
        assert!(is_balanced(&[9, 1, 0, 0, 9, 0, -1, 0]), "it was taken before it was sent");
    }

    #[test]
    fn steps_are_counted_before_an_instant() {
        let mut steps = Steps(vec![(5, 10), (3, 1), (5, 100)]);
        steps.add_up();
        assert_eq!([3, 4, 5, 6].map(|instant| steps.before(instant)), [0, 1, 1, 111]);
    }
}
