//! Blocks under the store's journal, given to it before it needs them.
//!
//! The store makes each of its journals as one long hole. A sync after a write into a hole has to
//! wait for the file system to note where the new blocks are, and for whatever else it has to note
//! at the time: other files' blocks too. A sync after a write over blocks that are there waits for
//! the disk alone. So zeros are written into the hole, slice by slice, ahead of the store. A hole
//! reads as zeros, so no byte of the file changes.
//!
//! Only what the file system says is a hole is ever written to, and only by the thread that also
//! writes the journal, between two of its writes: nothing of the store's can be underneath. Where
//! this is not possible the journal is slower and just as right.

use std::path::Path;

/// The active journal's blocks.
pub(super) struct Ahead {
    #[cfg(target_os = "linux")]
    journal: linux::Journal,
}

impl Ahead {
    /// Of the journals in the store's directory.
    pub(super) fn of(store: &Path) -> Ahead {
        #[cfg(not(target_os = "linux"))]
        let _ = store;
        Ahead {
            #[cfg(target_os = "linux")]
            journal: linux::Journal::newest(store),
        }
    }

    /// Gives the active journal a few more blocks, where it lacks some. To be called by the thread
    /// that writes the journal, while it writes nothing.
    pub(super) fn advance(&mut self) {
        #[cfg(target_os = "linux")]
        self.journal.advance();
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs::{self, File, OpenOptions},
        io,
        os::unix::fs::FileExt,
        path::{Path, PathBuf},
    };

    use rustix::{
        fs::{SeekFrom, seek},
        io::Errno,
    };

    /// How much is given at once: several batches of a busy journal, and a fraction of a
    /// millisecond's work.
    const SLICE_BYTES: usize = 256 * 1024;

    static ZEROS: [u8; SLICE_BYTES] = [0; SLICE_BYTES];

    /// The active journal: the store numbers them, and the highest is in use.
    pub(super) struct Journal {
        directory: PathBuf,
        number: u64,
        open: Option<Open>,
    }

    struct Open {
        file: File,
        length: u64,
        /// Everything before it has blocks.
        done_to: u64,
    }

    impl Journal {
        pub(super) fn newest(directory: &Path) -> Journal {
            let number = newest_number(directory).unwrap_or(0);
            let mut journal = Journal { directory: directory.to_owned(), number, open: None };
            journal.open = journal.open_number(number);
            journal
        }

        pub(super) fn advance(&mut self) {
            match &mut self.open {
                Some(open) => match open.advance() {
                    Ok(true) => {}
                    Ok(false) => self.open = None,
                    Err(error) => {
                        tracing::warn!(%error, "the journal gets no blocks ahead; it is slower");
                        self.open = None;
                    }
                },
                // A journal that has all its blocks is used until there is a next one.
                None => {
                    self.open = self.open_number(self.number + 1);
                    self.number += u64::from(self.open.is_some());
                }
            }
        }

        fn open_number(&self, number: u64) -> Option<Open> {
            let path = self.directory.join(format!("{number}.jnl"));
            let file = OpenOptions::new().write(true).open(path).ok()?;
            let length = file.metadata().ok()?.len();
            Some(Open { file, length, done_to: 0 })
        }
    }

    impl Open {
        /// Whether there may be more to do.
        fn advance(&mut self) -> io::Result<bool> {
            let Some(hole) = self.next_hole()? else { return Ok(false) };
            let end = self.data_after(hole)?.min(hole + SLICE_BYTES as u64);
            let bytes = usize::try_from(end - hole).unwrap_or(SLICE_BYTES);
            self.file.write_all_at(&ZEROS[..bytes], hole)?;
            self.done_to = end;
            Ok(true)
        }

        /// Where the next hole begins; `None` where there is none before the end of the file.
        fn next_hole(&self) -> io::Result<Option<u64>> {
            if self.done_to >= self.length {
                return Ok(None);
            }
            let hole = seek(&self.file, SeekFrom::Hole(self.done_to))?;
            // The end of every file counts as a hole.
            Ok((hole < self.length).then_some(hole))
        }

        /// Where the hole ends.
        fn data_after(&self, hole: u64) -> io::Result<u64> {
            match seek(&self.file, SeekFrom::Data(hole)) {
                Ok(data) => Ok(data.min(self.length)),
                Err(Errno::NXIO) => Ok(self.length),
                Err(error) => Err(error.into()),
            }
        }
    }

    fn newest_number(directory: &Path) -> Option<u64> {
        let entries = fs::read_dir(directory).ok()?;
        let number = |path: PathBuf| {
            let is_journal = path.extension().is_some_and(|extension| extension == "jnl");
            path.file_stem().filter(|_| is_journal)?.to_str()?.parse().ok()
        };
        entries.filter_map(|entry| number(entry.ok()?.path())).max()
    }

    #[cfg(test)]
    mod tests {
        use std::os::unix::fs::MetadataExt;

        use super::*;

        const LENGTH: u64 = 3 * SLICE_BYTES as u64 + 5_000;

        /// Advances until the journal has nothing open any more.
        fn fill(journal: &mut Journal) {
            for _ in 0..100 {
                journal.advance();
                if journal.open.is_none() {
                    return;
                }
            }
            panic!("it never ends");
        }

        #[test]
        fn holes_get_blocks_and_no_byte_changes() {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("4.jnl");
            let file = File::create(&path).expect("made");
            file.set_len(LENGTH).expect("one long hole");
            file.write_all_at(b"begins", 0).expect("written");
            file.write_all_at(b"in the middle", 300_000).expect("written");
            file.sync_all().expect("synced");
            let before = fs::read(&path).expect("readable");
            assert!(file.metadata().expect("there").blocks() * 512 < LENGTH, "it has holes");
            fill(&mut Journal::newest(directory.path()));
            file.sync_all().expect("synced");
            assert_eq!(fs::read(&path).expect("readable"), before);
            assert!(file.metadata().expect("there").blocks() * 512 >= LENGTH, "it has none");
        }

        #[test]
        fn a_file_without_holes_is_left_alone_and_the_next_is_found() {
            let directory = tempfile::tempdir().expect("a directory");
            fs::write(directory.path().join("0.jnl"), b"cut after a crash").expect("written");
            let mut journal = Journal::newest(directory.path());
            fill(&mut journal);
            let first = directory.path().join("0.jnl");
            assert_eq!(fs::read(first).expect("readable"), b"cut after a crash");
            journal.advance();
            assert!(journal.open.is_none(), "there is no next one yet");
            let next = File::create(directory.path().join("1.jnl")).expect("made");
            next.set_len(LENGTH).expect("one long hole");
            journal.advance();
            assert!(journal.open.is_some());
            fill(&mut journal);
            next.sync_all().expect("synced");
            assert!(next.metadata().expect("there").blocks() * 512 >= LENGTH);
        }

        #[test]
        fn a_directory_without_journals_costs_nothing_but_a_look() {
            let directory = tempfile::tempdir().expect("a directory");
            let mut journal = Journal::newest(directory.path());
            journal.advance();
            assert!(journal.open.is_none());
        }
    }
}
