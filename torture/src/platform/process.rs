//! One process of the platform: started, killed, and started again wherever it has ended.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long a process that ended by itself stays down: whoever runs it starts it again.
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// How much of what it last said is told.
const LAST_WORDS_BYTES: u64 = 2_000;

/// What is run, and where.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) command: Vec<OsString>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    pub(crate) output: PathBuf,
}

/// A process that ended without being told to.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) at: Instant,
    pub(crate) status: String,
    pub(crate) last_words: String,
}

enum State {
    Runs(Child),
    Down { until: Instant },
    Stopped,
}

/// A program, and whether it runs.
pub(crate) struct Process {
    program: Program,
    state: State,
}

impl Program {
    /// A command that dies with this process: its own arguments, and none of our settings but its.
    ///
    /// It must be started by a thread that lives as long as the run does: the kernel ends it with
    /// that thread.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        // One that becomes another user would lose that by it, so it is told both at once.
        match self.command.split_first() {
            Some((program, rest)) if program == "setpriv" => command.args(rest),
            _ => command.arg("--").args(&self.command),
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TRADESPINE_") {
                command.env_remove(name);
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory).stdin(Stdio::null());
        command
    }

    fn start(&self) -> io::Result<Child> {
        let output = OpenOptions::new().create(true).append(true).open(&self.output)?;
        self.command().stdout(output.try_clone()?).stderr(output).spawn()
    }

    fn last_words(&self) -> String {
        let read = || {
            let mut file = File::open(&self.output)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS_BYTES)))?;
            let mut words = Vec::new();
            file.read_to_end(&mut words)?;
            io::Result::Ok(String::from_utf8_lossy(&words).trim().to_owned())
        };
        read().unwrap_or_else(|error| error.to_string())
    }
}

impl Process {
    /// Starts it.
    pub(crate) fn start(program: Program) -> io::Result<Process> {
        let child = program.start()?;
        Ok(Process { program, state: State::Runs(child) })
    }

    pub(crate) fn name(&self) -> &str {
        &self.program.name
    }

    /// Whether there is a process; it may not be ready.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.state, State::Runs(_))
    }

    /// kill -9 of it and of its children, and waits for its end; it is started again after `pause`.
    pub(crate) fn kill(&mut self, pause: Duration) {
        if let State::Runs(child) = &mut self.state {
            end(child);
        }
        self.state = State::Down { until: Instant::now() + pause };
    }

    /// Starts it where it is down and its pause is over; tells where it ended by itself.
    pub(crate) fn tend(&mut self) -> io::Result<Option<Ended>> {
        match &mut self.state {
            State::Runs(child) => {
                let Some(status) = child.try_wait()? else { return Ok(None) };
                self.state = State::Down { until: Instant::now() + RESTART_PAUSE };
                Ok(Some(Ended {
                    name: self.program.name.clone(),
                    at: Instant::now(),
                    status: status.to_string(),
                    last_words: self.program.last_words(),
                }))
            }
            State::Down { until } if *until <= Instant::now() => {
                self.state = State::Runs(self.program.start()?);
                Ok(None)
            }
            State::Down { .. } | State::Stopped => Ok(None),
        }
    }

    /// SIGTERM, and its end within `patience`; `None` where it did not end or did not run.
    pub(crate) fn stop(&mut self, patience: Duration) -> Option<ExitStatus> {
        let State::Runs(mut child) = std::mem::replace(&mut self.state, State::Stopped) else {
            return None;
        };
        let _ = signal("-TERM", child.id());
        let asked = Instant::now();
        while asked.elapsed() < patience {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        end(&mut child);
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let State::Runs(child) = &mut self.state {
            end(child);
        }
    }
}

/// How long the children of a process that was killed may take to end: as long as they wait for a
/// disk. What they held is free only then.
const CHILDREN_PATIENCE: Duration = Duration::from_secs(5);

/// kill -9 of a process and of its children, and waits for their end.
fn end(process: &mut Child) {
    let children = children(process.id());
    let _ = process.kill();
    for child in &children {
        let _ = signal("-KILL", *child);
    }
    let _ = process.wait();
    let killed = Instant::now();
    while children.iter().any(|child| is_alive(*child)) && killed.elapsed() < CHILDREN_PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether there is such a process that has not ended.
fn is_alive(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

fn signal(signal: &str, id: u32) -> io::Result<ExitStatus> {
    let mut command = Command::new("kill");
    command.args([signal, &id.to_string()]).stderr(Stdio::null()).status()
}

/// The processes whose parent this is. PostgreSQL's keep its memory until they are gone too.
fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it may hold anything, so fields are counted from its last bracket.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(directory: &std::path::Path, script: &str) -> Program {
        Program {
            name: "it".to_owned(),
            command: ["sh", "-c", script].map(OsString::from).into(),
            settings: vec![("TRADESPINE_X".to_owned(), "1".to_owned())],
            directory: directory.to_owned(),
            output: directory.join("it.log"),
        }
    }

    fn until(mut is_so: impl FnMut() -> bool) {
        for _ in 0..1_000 {
            if is_so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not come to it");
    }

    #[test]
    fn what_is_killed_comes_back_and_its_children_do_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = "echo up $TRADESPINE_X; sleep 1000 & echo $! >child; wait";
        let mut process = Process::start(program(directory.path(), script)).expect("it starts");
        let said = || fs::read_to_string(directory.path().join("it.log")).unwrap_or_default();
        let child = || -> Option<u32> {
            let text = fs::read_to_string(directory.path().join("child")).ok()?;
            text.strip_suffix('\n')?.parse().ok()
        };
        until(|| child().is_some());
        let first = child().expect("it was written");
        process.kill(Duration::ZERO);
        assert!(!process.runs());
        assert!(!is_alive(first), "it was waited for");
        assert!(process.tend().expect("it starts").is_none());
        assert!(process.runs());
        until(|| said() == "up 1\nup 1\n" && child().is_some_and(|child| child != first));
        // Nothing of a test outlives it: a child that is left behind holds what its parents held.
        let second = child().expect("it was written");
        drop(process);
        until(|| !is_alive(second));
    }

    #[test]
    fn what_is_stopped_ends_by_itself_and_stays_down() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = "exec sleep 1000";
        let mut process = Process::start(program(directory.path(), script)).expect("it starts");
        assert!(process.stop(Duration::from_secs(60)).is_some(), "it did not end");
        assert!(process.tend().expect("nothing is started").is_none());
        assert!(!process.runs());
    }

    #[test]
    fn what_ends_by_itself_is_told_with_its_last_words() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = program(directory.path(), "echo no more; exit 3");
        let mut process = Process::start(program).expect("it starts");
        let mut ended = None;
        until(|| {
            ended = process.tend().expect("it is looked at");
            ended.is_some()
        });
        let ended = ended.expect("it ended");
        assert_eq!(
            (ended.status.as_str(), ended.last_words.as_str()),
            ("exit status: 3", "no more")
        );
        assert!(!process.runs());
    }
}
