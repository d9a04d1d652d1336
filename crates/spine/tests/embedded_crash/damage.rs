//! What is done to the store's journal before it is opened: torn, flipped, zeroed, misnumbered.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

/// What near the end means.
const TAIL_BYTES: usize = 64 * 1024;

const PAGE_BYTES: usize = 4_096;

/// What a batch of the store ends with, and the next one begins with.
const BETWEEN_BATCHES: &[u8] = b"FJL\x03\x01";

/// Behind the beginning of a batch: its number, which no checksum of the store covers.
const NUMBER: std::ops::Range<usize> = 5..13;

/// Damages one of the store's journals in `store`; says how.
pub(crate) fn damage(random: &mut Pcg64Mcg, store: &Path) -> String {
    let newest = newest_journal(store);
    let target = if random.random_ratio(1, 4) { seal(random, newest) } else { newest };
    let (mut bytes, full) = written(&target);
    let what = match random.random_range(0..4) {
        0 => cut(random, &mut bytes),
        1 => flip(random, &mut bytes),
        2 => zero(random, &mut bytes),
        _ => misnumber(random, &mut bytes),
    };
    let is_cut = what.starts_with("cut");
    rewrite(&target, &bytes, if is_cut { bytes.len() } else { full });
    format!("{}: {what}", target.file_name().expect("a name").display())
}

/// A place near the end of what was written; sometimes anywhere.
fn anywhere(random: &mut Pcg64Mcg, bytes: &[u8]) -> usize {
    let end = bytes.len();
    let near = if random.random_ratio(1, 5) { end } else { TAIL_BYTES.min(end) };
    end - random.random_range(0..near.max(1)).min(end)
}

fn cut(random: &mut Pcg64Mcg, bytes: &mut Vec<u8>) -> String {
    let (at, end) = (anywhere(random, bytes), bytes.len());
    bytes.truncate(at);
    format!("cut at {at} of {end}")
}

fn flip(random: &mut Pcg64Mcg, bytes: &mut [u8]) -> String {
    let at = anywhere(random, bytes).min(bytes.len().saturating_sub(1));
    flip_at(random, bytes, at)
}

fn flip_at(random: &mut Pcg64Mcg, bytes: &mut [u8], at: usize) -> String {
    let bit = random.random_range(0..8);
    let end = bytes.len();
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << bit;
    }
    format!("flipped bit {bit} at {at} of {end}")
}

fn zero(random: &mut Pcg64Mcg, bytes: &mut [u8]) -> String {
    let at = anywhere(random, bytes);
    let (page, end) = (at - at % PAGE_BYTES, bytes.len());
    bytes[page..end.min(page + PAGE_BYTES)].fill(0);
    format!("zeroed the page at {page} of {end}")
}

/// Flips a bit of a batch's number.
fn misnumber(random: &mut Pcg64Mcg, bytes: &mut [u8]) -> String {
    let Some(batch) = a_batch(random, bytes) else { return flip(random, bytes) };
    let at = batch + random.random_range(NUMBER);
    format!("number of the batch at {batch}: {}", flip_at(random, bytes, at))
}

/// Where a batch begins near the end; sometimes anywhere. Not the first.
fn a_batch(random: &mut Pcg64Mcg, bytes: &[u8]) -> Option<usize> {
    let from = anywhere(random, bytes);
    let is_between = |at: &usize| bytes[*at..].starts_with(BETWEEN_BATCHES);
    (from..bytes.len())
        .find(is_between)
        .or_else(|| (0..from).rev().find(is_between))
        .map(|at| at + 4)
}

/// Two journals where there was one, as if the store had begun another behind some batch. Returns
/// one of them.
fn seal(random: &mut Pcg64Mcg, newest: PathBuf) -> PathBuf {
    let (bytes, full) = written(&newest);
    let Some(at) = a_batch(random, &bytes) else { return newest };
    let next = newest.with_file_name(format!("{}.jnl", number(&newest).expect("a number") + 1));
    rewrite(&next, &bytes[at..], full);
    rewrite(&newest, &bytes[..at], at);
    if random.random() { next } else { newest }
}

fn newest_journal(store: &Path) -> PathBuf {
    fs::read_dir(store)
        .expect("the store")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .max_by_key(|path| number(path))
        .expect("a journal")
}

fn number(journal: &Path) -> Option<u64> {
    journal.file_stem()?.to_str()?.parse().ok()
}

/// A file without the zeros that end it, and its length with them.
pub(crate) fn written(path: &Path) -> (Vec<u8>, usize) {
    let mut bytes = fs::read(path).expect("readable");
    let full = bytes.len();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    (bytes, full)
}

/// Writes these bytes, and zeros behind them that take no room on the disk.
pub(crate) fn rewrite(path: &Path, bytes: &[u8], full: usize) {
    fs::write(path, bytes).expect("written");
    let file = fs::OpenOptions::new().write(true).open(path).expect("writable");
    file.set_len(full as u64).expect("as long as it was");
}
