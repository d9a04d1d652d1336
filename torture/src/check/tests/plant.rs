//! Evidence into which faults can be planted.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use tempfile::TempDir;

use super::PARTITIONS;
use crate::{
    check::{
        chain::{Answer, CHAIN_KEY, Hash, hash},
        records::{Record, Records},
        records_file,
    },
    history,
};

/// The recorded run, each file packed.
const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/small");

/// A copy of it.
pub(super) struct Evidence(TempDir);

impl Evidence {
    pub(super) fn copy() -> Evidence {
        let directory = tempfile::tempdir().expect("a directory");
        for entry in fs::read_dir(SMALL).expect("the recorded run") {
            let path = entry.expect("a file").path();
            let name = path.file_stem().expect("a name before .gz");
            let packed = fs::File::open(&path).expect("a file");
            let mut file = fs::File::create(directory.path().join(name)).expect("a file");
            io::copy(&mut GzDecoder::new(packed), &mut file).expect("a whole file");
        }
        Evidence(directory)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Changes the lines of a file.
    pub(super) fn lines(&self, file: &str, change: impl FnOnce(&mut Vec<String>)) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).expect("a file of text");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let before = lines.clone();
        change(&mut lines);
        assert_ne!(lines, before, "nothing was planted in {file}");
        fs::write(path, lines.into_iter().map(|line| line + "\n").collect::<String>())
            .expect("written");
    }

    pub(super) fn history(&self, change: impl FnOnce(&mut Vec<String>)) {
        self.lines(history::FILE, change);
    }

    fn file(&self, topic: &str, partition: u16) -> PathBuf {
        self.path().join(records_file(topic, partition))
    }

    /// Changes the records of a topic's partition.
    pub(super) fn records(
        &self,
        topic: &str,
        partition: u16,
        change: impl FnOnce(&mut Vec<Record>),
    ) {
        let path = self.file(topic, partition);
        let records = Records::open(&path).expect("a file");
        let mut records: Vec<Record> = records.collect::<Result<_, _>>().expect("whole");
        change(&mut records);
        let mut file = fs::File::create(path).expect("a file");
        for Record { offset, appended_ms, value } in records {
            writeln!(file, "{offset} {appended_ms} {}", value.len()).expect("written");
            file.write_all(&value).expect("written");
            file.write_all(b"\n").expect("written");
        }
    }

    /// Alters the number at `path` in the first answer that has one, and makes every hash anew.
    pub(super) fn recompute(&self, path: &[u64]) {
        let mut is_planted = false;
        for partition in 0..PARTITIONS {
            self.records("events", partition, |records| {
                let mut chain = None;
                for record in records {
                    let answer = Answer::read(&record.value).expect("an answer");
                    let before = chain.unwrap_or(answer.prev_chain);
                    let (old, length) = (answer.prev_chain, record.value.len() - 18);
                    record.value.truncate(length);
                    replace(&mut record.value, old, before);
                    if !is_planted && let Some(at) = locate(&record.value, path) {
                        record.value[at] ^= 2;
                        is_planted = true;
                    }
                    let anew = hash(&[&record.value]);
                    record.value.extend(CHAIN_KEY);
                    record.value.extend(anew);
                    chain = Some(anew);
                }
            });
        }
        assert!(is_planted, "no answer has {path:?}");
    }
}

impl Record {
    /// The same value at another place.
    pub(super) fn again(&self, offset: u64) -> Record {
        Record { offset, appended_ms: self.appended_ms, value: self.value.clone() }
    }
}

/// The key that a line of the history is about.
pub(super) fn keyed(line: &str) -> Option<&str> {
    let mut fields = line.split('\t');
    let kind = fields.next()?;
    ["sent", "try", "told", "unknown"].contains(&kind).then(|| fields.nth(1))?
}

/// A line with another value in one of its fields.
pub(super) fn with_field(line: &str, field: usize, value: &str) -> String {
    let mut fields: Vec<&str> = line.split('\t').collect();
    fields[field] = value;
    fields.join("\t")
}

/// A row with its last digit altered.
pub(super) fn swap(row: &str) -> String {
    let at = row.rfind(|letter: char| letter.is_ascii_digit()).expect("a digit");
    let digit = if &row[at..=at] == "0" { "1" } else { "0" };
    format!("{}{digit}{}", &row[..at], &row[at + 1..])
}

fn replace(value: &mut [u8], old: Hash, new: Hash) {
    let at = value.windows(old.len()).position(|window| window == old).expect("the chain before");
    value[at..at + new.len()].copy_from_slice(&new);
}

/// Where the number at `path` begins, in the first of all repetitions on the way that has it.
fn locate(bytes: &[u8], path: &[u64]) -> Option<usize> {
    let (wanted, rest) = path.split_first()?;
    let mut at = 0;
    while at < bytes.len() {
        let key = number(bytes, &mut at);
        let begin = at;
        let inner = match key & 7 {
            0 => {
                number(bytes, &mut at);
                None
            }
            1 => {
                at += 8;
                None
            }
            2 => {
                let length = usize::try_from(number(bytes, &mut at)).expect("small");
                at += length;
                Some(at - length)
            }
            kind => panic!("no kind {kind} is written"),
        };
        if key >> 3 == *wanted {
            let found = match inner {
                Some(inner) => locate(&bytes[inner..at], rest).map(|found| inner + found),
                None => rest.is_empty().then_some(begin),
            };
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

fn number(bytes: &[u8], at: &mut usize) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[*at];
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}
