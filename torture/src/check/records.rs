//! Records as kcat wrote them into a file, byte for byte.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// How kcat is asked to write each record: offset, append time in milliseconds, length, value.
pub(crate) const KCAT_FORMAT: &str = "%o %T %S\n%s\n";

/// The longest value that is believed: the log's own limit is 4 MiB.
const VALUE_BYTES_MAX: u64 = 8 << 20;

/// One record.
pub(crate) struct Record {
    pub(crate) offset: u64,
    pub(crate) appended_ms: u64,
    pub(crate) value: Vec<u8>,
}

/// The records of a file, one after the other.
pub(crate) struct Records<R> {
    input: R,
}

impl Records<BufReader<File>> {
    /// Of the file at `path`.
    pub(crate) fn open(path: &Path) -> io::Result<Records<BufReader<File>>> {
        let file = File::open(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Ok(Records { input: BufReader::with_capacity(1 << 20, file) })
    }
}

impl<R: BufRead> Records<R> {
    fn read(&mut self) -> io::Result<Option<Record>> {
        let mut head = String::new();
        if self.input.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let strange = || io::Error::other(format!("no record begins with {head:?}"));
        let numbers: Vec<u64> = head
            .split_whitespace()
            .map(|word| word.parse().map_err(|_| strange()))
            .collect::<Result<_, _>>()?;
        let [offset, appended_ms, length] = numbers[..] else { return Err(strange()) };
        if length > VALUE_BYTES_MAX {
            return Err(strange());
        }
        let mut value = Vec::new();
        (&mut self.input).take(length + 1).read_to_end(&mut value)?;
        if value.pop() != Some(b'\n') || value.len() as u64 != length {
            return Err(io::Error::other(format!("record {offset} is cut short")));
        }
        Ok(Some(Record { offset, appended_ms, value }))
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<io::Result<Record>> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_any_bytes() {
        let input = &b"0 17 3\na\n\0\n1 18 0\n\n"[..];
        let records: Vec<Record> =
            Records { input }.collect::<io::Result<_>>().expect("both are whole");
        assert_eq!((records[0].offset, records[0].appended_ms), (0, 17));
        assert_eq!(records[0].value, b"a\n\0");
        assert!(records[1].value.is_empty());
    }

    #[test]
    fn a_file_cut_short_is_told() {
        for cut in [&b"0 17 3\nab"[..], b"0 17 3\nabc", b"0 17\n", b"x\n"] {
            assert!(Records { input: cut }.any(|record| record.is_err()), "{cut:?}");
        }
    }
}
