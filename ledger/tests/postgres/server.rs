//! A PostgreSQL of a test's own, to be killed and started again on the same port and files.

use std::{
    ffi::OsString,
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::Duration,
};

/// Where Debian puts each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The user that the package made; PostgreSQL refuses to run as root.
const USER: &str = "postgres";

/// How often a starting server is looked for, and how long between.
const LOOKS_MAX: usize = 600;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs the server and ends it when its standard input ends, so that nothing outlives the test,
/// however that ends.
const KEEPER: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- & server=$!
( cat <&3 >/dev/null; kill -QUIT $server 2>/dev/null ) &
wait $server
"#;

pub struct Server {
    files: tempfile::TempDir,
    port: u16,
    running: Option<(Child, ChildStdin)>,
}

impl Server {
    /// Makes a cluster and starts it. Blocks.
    pub fn start() -> Server {
        let files = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o711)).expect("it is ours");
        let data = files.path().join("data");
        fs::create_dir(&data).expect("a directory");
        if let Some(user) = other_user() {
            chown(&data, Some(user), None).expect("root may");
        }
        let made = command("initdb")
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", "tradespine", "--auth", "trust", "--no-sync", "--locale", "C"])
            .args(["--encoding", "UTF8"])
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut server = Server { files, port, running: None };
        server.resume();
        server
    }

    /// Its address as a URL, with the database that every cluster has.
    pub fn url(&self) -> String {
        format!("postgres://tradespine@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again, and waits until it answers. Blocks.
    pub fn resume(&mut self) {
        let mut keeper = self.run();
        for _ in 0..LOOKS_MAX {
            let port = self.port.to_string();
            let asked = command("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
            if asked.is_ok_and(|status| status.success()) {
                let input = keeper.stdin.take().expect("it is piped");
                self.running = Some((keeper, input));
                return;
            }
            thread::sleep(LOOK_EVERY);
            // The last of the processes that were killed may still hold its shared memory.
            if keeper.try_wait().expect("it is ours").is_some() {
                keeper = self.run();
            }
        }
        let words = fs::read_to_string(self.files.path().join("output.log")).unwrap_or_default();
        panic!("PostgreSQL did not come up; it said:\n{words}");
    }

    fn run(&self) -> Child {
        let output = fs::File::create(self.files.path().join("output.log")).expect("a file");
        let server = command("postgres");
        Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(self.files.path().join("data"))
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output)
            .spawn()
            .expect("a shell")
    }

    /// kill -9 of all of it, and waits until it is gone. Blocks.
    pub fn kill(&mut self) {
        self.signal("KILL");
        let (mut keeper, input) = self.running.take().expect("it runs");
        keeper.wait().expect("it ends");
        drop(input);
    }

    /// Sends a signal to the first of its processes, which its own file names.
    pub fn signal(&self, signal: &str) {
        let file = self.files.path().join("data/postmaster.pid");
        let text = fs::read_to_string(file).expect("it runs");
        let id = text.lines().next().expect("its first line is its number").to_owned();
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &id]).output();
        let children = children.expect("ps runs").stdout;
        let children = String::from_utf8_lossy(&children).into_owned();
        // Those that are gone by then have followed the first.
        for process in [id.as_str()].into_iter().chain(children.split_whitespace()) {
            let mut kill = Command::new("kill");
            let _ = kill.args(["-s", signal, process]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((mut keeper, input)) = self.running.take() {
            // A stopped server hears no other signal.
            self.signal("CONT");
            drop(input);
            let _ = keeper.wait();
        }
    }
}

/// A program of the newest server, which root does not run as root.
fn command(program: &str) -> Command {
    let path: OsString = programs().join(program).into();
    if other_user().is_none() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    let [user, group] = ["--reuid=", "--regid="].map(|option| format!("{option}{USER}"));
    command.args([user.as_str(), &group, "--init-groups", "--"]).arg(path);
    command
}

fn programs() -> PathBuf {
    let versions = fs::read_dir(VERSIONS).expect("PostgreSQL is installed");
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/postgres").is_file())
        .max_by_key(number);
    newest.expect("a server is installed").join("bin")
}

/// Whose the server is, where this process is root's.
fn other_user() -> Option<u32> {
    let id = |user: Option<&str>| -> Option<u32> {
        let output = Command::new("id").arg("-u").args(user).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    if id(None)? == 0 { id(Some(USER)) } else { None }
}
