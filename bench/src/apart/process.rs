//! A server or a service as a process that ends with this one, and what it takes of the machine.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// How long a process may take to end by itself.
const END_WAIT: Duration = Duration::from_secs(5);

/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The unit of processor time in `/proc`: the same on every Linux of today.
const TICKS_A_SECOND: f64 = 100.0;

/// How many of a process's last bytes are told where it did not come up.
const LAST_WORDS_BYTES: usize = 2_000;

/// A running process.
pub(crate) struct Process {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command` in a directory of its own below `directory`. It must be started by a thread
    /// that lives as long as it does: the kernel ends it with that thread.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start(
        name: &str,
        command: &[OsString],
        settings: &[(String, String)],
        directory: &Path,
    ) -> Result<Process> {
        let own = directory.join(name);
        fs::create_dir_all(&own)?;
        let output = own.join("output.log");
        let file = File::create(&output)?;
        let mut command = prepared(command, settings, &own);
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Process { name: name.to_owned(), child, output })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The end of what it has said.
    pub(crate) fn last_words(&self) -> String {
        let mut words = Vec::new();
        let read = File::open(&self.output).and_then(|mut file| file.read_to_end(&mut words));
        match read {
            Ok(_) => {
                let from = words.len().saturating_sub(LAST_WORDS_BYTES);
                String::from_utf8_lossy(&words[from..]).into_owned()
            }
            Err(error) => error.to_string(),
        }
    }

    /// The memory that it and its children have in all, what they share counted once, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        family(self.child.id()).into_iter().filter_map(proportional_bytes).sum()
    }

    /// The processor time that it and its living children have had, in seconds.
    pub(crate) fn processor_seconds(&self) -> f64 {
        let ticks: u64 = family(self.child.id()).into_iter().filter_map(ticks).sum();
        ticks as f64 / TICKS_A_SECOND
    }
}

impl Drop for Process {
    /// Whoever has something to do at its end is asked to end: PostgreSQL clears its shared memory
    /// away, and a service built with counters writes them down. Others are killed. Who takes too
    /// long is killed too.
    fn drop(&mut self) {
        let own = self.child.id();
        let (signal, whose) = match self.name.as_str() {
            "postgres" => ("-QUIT", vec![own]),
            "kafka" | "redis" => ("-KILL", family(own)),
            _ => ("-TERM", family(own)),
        };
        let mut kill = Command::new("kill");
        kill.arg(signal).args(whose.iter().map(u32::to_string));
        let _ = kill.stderr(Stdio::null()).status();
        let asked = Instant::now();
        while asked.elapsed() < END_WAIT {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that dies with this process, with these settings and none of the caller's.
pub(crate) fn prepared(
    command: &[impl AsRef<OsStr>],
    settings: &[(String, String)],
    directory: &Path,
) -> Command {
    let mut prepared = Command::new("setpriv");
    prepared.args(["--pdeathsig", "KILL", "--"]).args(command);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRADESPINE_") {
            prepared.env_remove(name);
        }
    }
    prepared.envs(settings.iter().map(|(name, value)| (name, value)));
    prepared.current_dir(directory).stdin(Stdio::null());
    prepared
}

/// The processor time of this process and of those that it started and that have ended, in seconds:
/// what the load itself costs.
pub(crate) fn own_processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // utime, stime, cutime and cstime.
    let ticks: u64 = (14..18).filter_map(|number| field(&stat, number)).sum();
    ticks as f64 / TICKS_A_SECOND
}

/// A process and those below it.
fn family(root: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = processes().filter_map(|id| Some((id, parent(id)?))).collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(all.iter().filter(|(_, other)| *other == parent).map(|(id, _)| *id));
        next += 1;
    }
    family
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn parent(id: u32) -> Option<u32> {
    u32::try_from(field(&stat(id)?, 4)?).ok()
}

fn ticks(id: u32) -> Option<u64> {
    let stat = stat(id)?;
    Some(field(&stat, 14)? + field(&stat, 15)?)
}

fn stat(id: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{id}/stat")).ok()
}

/// A field of a line of `stat`, numbered from 1 as its manual does; the third is the first that is
/// counted from the last bracket, since the name before it may hold anything.
fn field(stat: &str, number: usize) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn proportional_bytes(id: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str, directory: &Path) -> Process {
        let command = ["sh", "-c", script].map(OsString::from);
        let settings = [("TRADESPINE_X".to_owned(), "1".to_owned())];
        Process::start("it", &command, &settings, directory).expect("it starts")
    }

    fn until(what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..1_000 {
            if is_so() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{what}");
    }

    #[test]
    fn what_a_process_takes_counts_its_children() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = "echo up $TRADESPINE_X; sh -c 'while :; do :; done' & wait";
        let process = start(script, directory.path());
        until("it does not speak", || process.last_words() == "up 1\n");
        until("no time is counted", || process.processor_seconds() > 0.05);
        assert!(process.memory_bytes() > 50_000, "two shells are larger than that");
        let id = process.child.id();
        drop(process);
        assert!(stat(id).is_none(), "it is gone");
    }

    #[test]
    fn one_that_ends_is_seen() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut process = start("echo no more; exit 3", directory.path());
        until("it still runs", || !process.is_running());
        assert_eq!(process.last_words(), "no more\n");
    }

    #[test]
    fn a_name_may_hold_brackets() {
        let stat = "7 (a) b) S 3 7 7 0 -1 4 1 0 0 0 21 22 23 24 20";
        assert_eq!(
            (field(stat, 4), field(stat, 14), field(stat, 17)),
            (Some(3), Some(21), Some(24))
        );
    }
}
