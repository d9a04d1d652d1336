//! A server as a process that ends with this one, however this one ends, and takes its files along.
//!
//! What will never live here: what any server is told or asked.

use std::{
    ffi::OsStr,
    fs, io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    ops::Range,
    path::Path,
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// How often a starting server is looked for, and how long between: a minute, since a machine that
/// compiles at the same time is slow.
const LOOKS_MAX: usize = 600;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many of a server's last lines are told where it does not come up.
const LAST_WORDS_LINES: usize = 20;

/// Where a server's output goes, in its directory.
const OUTPUT: &str = "output.log";

/// Is there once the server has ended.
const ENDED: &str = "ended";

/// Runs the server (`$3...`) until it ends or standard input does, which is when whoever started
/// this is gone: then it gets the signal `$2`, and after six seconds the one that nobody survives.
/// Its directory (`$1`) goes last. Interrupts are for others: the server must not outlive this
/// shell.
const KEEPER: &str = r#"
trap '' HUP INT TERM
directory=$1; signal=$2; shift 2
end() {
    kill -s "$signal" $server
    for look in $(seq 60); do
        [ -e "$directory/ended" ] && return
        sleep 0.1
    done
    kill -s KILL $server
}
exec 3<&0
"$@" </dev/null 3<&- & server=$!
( cat <&3 >/dev/null; [ -e "$directory/ended" ] || end ) & watcher=$!
wait $server
: >"$directory/ended"
wait $watcher
rm -rf "$directory"
"#;

/// How long a starting server may take to accept a connection.
const CONNECT_WAIT: Duration = Duration::from_millis(100);

/// How a server is ended.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// At once: its files go too.
    Kill,
    /// At once, by its own hand: it has children and shared memory to clear away.
    Quit,
}

/// A running server. Dropping it ends it and removes its files.
pub(crate) struct Kept {
    keeper: Child,
}

impl Kept {
    /// Starts `command` with its output in `directory`, which is removed when it has ended.
    ///
    /// # Errors
    /// Where nothing can be started.
    pub(crate) fn start(
        directory: &Path,
        end: End,
        command: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Kept> {
        let output = fs::File::create(directory.join(OUTPUT))?;
        let signal = match end {
            End::Kill => "KILL",
            End::Quit => "QUIT",
        };
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(directory)
            .arg(signal)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start a shell")?;
        Ok(Kept { keeper })
    }

    /// Waits until `is_up`, while the server in `directory` runs.
    ///
    /// # Errors
    /// Where that takes too long or the server ends; its own last words are part of the message.
    pub(crate) fn wait_until(&self, directory: &Path, is_up: impl Fn() -> bool) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if directory.join(ENDED).exists() {
                break;
            }
            if is_up() {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
        let words = fs::read_to_string(directory.join(OUTPUT)).unwrap_or_default();
        let lines: Vec<&str> = words.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_WORDS_LINES)..];
        bail!("it did not come up; it said:\n{}", last.join("\n"))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Starts a server with its files in a new directory under `work_dir`, whose name begins with
/// `name`. Where it does not start they go again; else they go with it.
///
/// # Errors
/// Those of `start`, and where there can be no directory.
pub(crate) fn start_in_new_directory<S>(
    work_dir: &Path,
    name: &str,
    start: impl FnOnce(&Path) -> Result<S>,
) -> Result<S> {
    let directory =
        tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(work_dir)?.keep();
    let started = start(&directory);
    if started.is_err() {
        let _ = fs::remove_dir_all(&directory);
    }
    started
}

/// Whether somebody accepts connections on this port of loopback.
pub(crate) fn accepts(port: u16) -> bool {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into();
    TcpStream::connect_timeout(&address, CONNECT_WAIT).is_ok()
}

/// Removes the directory `$1` once standard input ends. Servers that die at the same moment may
/// still write, so it is tried again.
const SWEEPER: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
for try in 1 2 3 4 5; do
    rm -rf "$1" 2>/dev/null && exit
    sleep 1
done
"#;

/// A directory that goes when this is dropped, and also where this process is killed.
pub(crate) struct Swept {
    sweeper: Child,
}

impl Swept {
    /// Sees to it that `directory` goes.
    ///
    /// # Errors
    /// Where no shell can be started.
    pub(crate) fn later(directory: &Path) -> Result<Swept> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SWEEPER, "sh"]).arg(directory).stdin(Stdio::piped());
        Ok(Swept { sweeper: shell.spawn().context("cannot start a shell")? })
    }
}

impl Drop for Swept {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}

/// Ports of loopback that are free now. Somebody else may take one before the server does; then it
/// says so.
pub(crate) fn free_ports<const COUNT: usize>() -> io::Result<[u16; COUNT]> {
    let mut ports = [0; COUNT];
    let mut held = Vec::with_capacity(COUNT);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Where [`steady_ports`] looks: below the ports that Linux gives to outgoing connections.
const STEADY_PORTS: Range<u16> = 10_000..20_000;

/// How many of them this process has looked at.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

/// Ports of loopback that stay free while their server is down for a moment: no outgoing connection
/// is ever given one, and none is told twice.
pub(crate) fn steady_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    // Several runs at once begin to look at different places.
    let spread = u16::try_from(process::id() % 1_000).unwrap_or_default() * 9;
    let mut ports = [0; COUNT];
    for port in &mut ports {
        *port = loop {
            let next = LOOKED_AT.fetch_add(1, Ordering::Relaxed);
            let next = STEADY_PORTS.start.saturating_add(spread).saturating_add(next);
            ensure!(STEADY_PORTS.contains(&next), "no port below {} is free", STEADY_PORTS.end);
            if TcpListener::bind((Ipv4Addr::LOCALHOST, next)).is_ok() {
                break next;
            }
        };
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> std::path::PathBuf {
        tempfile::tempdir().expect("a directory for the test").keep()
    }

    /// A shell's child ignores the signal to quit, so here that is a server that does not heed it.
    #[test]
    fn a_server_and_its_files_go_when_it_is_dropped() {
        for end in [End::Kill, End::Quit] {
            let directory = directory();
            let script = format!("echo $$ >{0}/id; exec sleep 1000", directory.display());
            let kept = Kept::start(&directory, end, ["sh", "-c", &script]).expect("it starts");
            let id = || fs::read_to_string(directory.join("id")).unwrap_or_default();
            kept.wait_until(&directory, || id().ends_with('\n')).expect("it is up");
            let process = Path::new("/proc").join(id().trim());
            assert!(process.exists());
            drop(kept);
            assert!(!process.exists(), "the process is gone");
            assert!(!directory.exists(), "its files are gone");
        }
    }

    #[test]
    fn one_that_does_not_come_up_is_told_with_its_last_words() {
        let directory = directory();
        let command = ["sh", "-c", "echo no such thing; exit 1"];
        let kept = Kept::start(&directory, End::Kill, command).expect("it starts");
        let error = kept.wait_until(&directory, || false).expect_err("it ended").to_string();
        assert!(error.contains("no such thing"), "{error}");
    }

    #[test]
    fn a_directory_is_swept_away() {
        let directory = directory();
        fs::create_dir(directory.join("data")).expect("a directory in it");
        let swept = Swept::later(&directory).expect("a shell");
        assert!(directory.exists());
        drop(swept);
        assert!(!directory.exists());
    }

    #[test]
    fn free_ports_differ() {
        let [one, other] = free_ports().expect("there are some");
        assert_ne!(one, other);
        let [one] = steady_ports().expect("there are some");
        let [other] = steady_ports().expect("there are some");
        assert_ne!(one, other);
        assert!(STEADY_PORTS.contains(&one) && STEADY_PORTS.contains(&other));
    }
}
