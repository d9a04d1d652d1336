//! The synced watermark: how far the journal was durable when somebody last wrote it down.
//!
//! The journal itself cannot tell that its tail is gone: a store that finds damage cuts there and
//! goes on. So this small file says, beside it, a sequence number below which everything was
//! synced. It is written after syncs, now and then: losses newer than its last writing it cannot
//! see. Two slots take turns, so that a torn write leaves the other one.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_64;

/// The distance between the slots: a page, so that no torn write touches both.
const SLOT_BYTES: usize = 4_096;

/// Generation, sequence, checksum.
const WRITTEN_BYTES: usize = 24;

/// The open file, and what stands in it.
pub(super) struct Watermark {
    file: File,
    generation: u64,
    sequence: u64,
    /// The sequence number that is itself on the disk.
    durable: u64,
}

impl Watermark {
    /// Makes the file; nothing is synced yet.
    pub(super) fn create(path: &Path) -> io::Result<Watermark> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let mut watermark = Watermark { file, generation: 0, sequence: 0, durable: 0 };
        watermark.note(0)?;
        watermark.file.sync_all()?;
        Ok(watermark)
    }

    /// Opens the file; `None` where neither slot is whole.
    pub(super) fn open(path: &Path) -> io::Result<Option<Watermark>> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = Vec::with_capacity(2 * SLOT_BYTES);
        (&mut file).take(2 * SLOT_BYTES as u64).read_to_end(&mut bytes)?;
        let newest = bytes.chunks(SLOT_BYTES).filter_map(parse).max();
        Ok(newest.map(|(generation, sequence)| Watermark {
            file,
            generation,
            sequence,
            durable: 0,
        }))
    }

    /// Everything before this sequence number was synced.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether what was noted last is not on the disk yet.
    pub(super) fn is_ahead_of_disk(&self) -> bool {
        self.durable != self.sequence
    }

    /// Notes that everything before `sequence` is synced; survives the end of the process.
    pub(super) fn note(&mut self, sequence: u64) -> io::Result<()> {
        let generation = self.generation + 1;
        let slot = if generation.is_multiple_of(2) { 0 } else { SLOT_BYTES as u64 };
        self.file.seek(SeekFrom::Start(slot))?;
        self.file.write_all(&compose(generation, sequence))?;
        (self.generation, self.sequence) = (generation, sequence);
        Ok(())
    }

    /// Makes what was noted survive the end of the machine.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.durable = self.sequence;
        Ok(())
    }
}

fn compose(generation: u64, sequence: u64) -> [u8; WRITTEN_BYTES] {
    let mut slot = [0; WRITTEN_BYTES];
    slot[..8].copy_from_slice(&generation.to_be_bytes());
    slot[8..16].copy_from_slice(&sequence.to_be_bytes());
    let sum = xxh3_64(&slot[..16]);
    slot[16..].copy_from_slice(&sum.to_be_bytes());
    slot
}

pub(super) fn parse(slot: &[u8]) -> Option<(u64, u64)> {
    let generation = u64::from_be_bytes(slot.get(..8)?.try_into().ok()?);
    let sequence = u64::from_be_bytes(slot.get(8..16)?.try_into().ok()?);
    (slot.get(..WRITTEN_BYTES)? == compose(generation, sequence)).then_some((generation, sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_written_is_read_and_a_torn_write_leaves_the_one_before() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("synced");
        let mut watermark = Watermark::create(&path).expect("created");
        for sequence in [3, 9, 20] {
            watermark.note(sequence).expect("written");
            let read = Watermark::open(&path).expect("readable").expect("whole");
            assert_eq!(read.sequence(), sequence);
        }
        let whole = std::fs::read(&path).expect("readable");
        for at in 0..WRITTEN_BYTES {
            let mut torn = whole.clone();
            torn[at] ^= 0x10;
            std::fs::write(&path, torn).expect("written");
            assert_eq!(Watermark::open(&path).expect("readable").expect("whole").sequence(), 9);
        }
    }

    #[test]
    fn a_file_without_a_whole_slot_says_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("synced");
        for bytes in [&[][..], &[0; 10], &[0; 2 * SLOT_BYTES], &[7; 3 * SLOT_BYTES]] {
            std::fs::write(&path, bytes).expect("written");
            assert!(Watermark::open(&path).expect("readable").is_none());
        }
    }
}
