//! A real PostgreSQL server for tests: started by the test that needs it, reached through a socket in the file system,
//! and gone with the test's process. Shared by the tests and benches of all crates.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "each test file uses its own part")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// Who a server runs as when the tests run as root, which it refuses to be. The package makes this user.
const USER: &str = "postgres";
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of one's own: it may be killed.
pub(crate) struct PostgresServer {
    programs: PathBuf,
    dir: PathBuf,
    server: Mutex<Option<Child>>,
    databases: AtomicU32,
    arguments: Vec<String>,
    // Cleans up when this process is gone, however it went.
    _reaper: Child,
}

impl PostgresServer {
    /// The server that the tests of this process share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// Makes a cluster and starts it. Commits are synced, as they are where it matters.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("amp-pg-").tempdir().unwrap().keep();
        let server = Self {
            programs: programs(),
            _reaper: reaper(&dir),
            dir,
            server: Mutex::default(),
            databases: AtomicU32::new(0),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        };
        if is_root() {
            run(Command::new("chown").arg(USER).arg(&server.dir));
        }
        let mut initdb = server.program("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"]);
        run(initdb.arg(server.dir.join("data")));
        server.start_again();
        server
    }

    /// Starts it after [`kill`](Self::kill), and waits until it answers.
    pub(crate) fn start_again(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut server = self.spawn();
            while Instant::now() < until && server.try_wait().unwrap().is_none() {
                if self.psql("postgres", "SELECT 1").status.success() {
                    *self.server.lock().unwrap() = Some(server);
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            // After a kill, processes of the old server may still be about to notice.
            let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "the server does not start:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn spawn(&self) -> Child {
        let log = fs::File::options().create(true).append(true).open(self.dir.join("log")).unwrap();
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.dir.join("data")).arg("-k").arg(&self.dir);
        command.args(["-c", "listen_addresses=", "-c", "fsync=on", "-c", "max_connections=100"]);
        command.args(["-c", "shared_buffers=64MB", "-c", "max_wal_size=4GB"]).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Kills every process of the server at once, as when the machine fails it.
    pub(crate) fn kill(&self) {
        let Some(mut server) = self.server.lock().unwrap().take() else { return };
        let pid = fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let _ = Command::new("kill").args(["-9", &pid]).args(children.split_whitespace()).output();
        server.wait().unwrap();
    }

    /// A new, empty database; gives its address.
    pub(crate) fn database(&self) -> String {
        self.copy_of("template1")
    }

    /// A new database with everything that `template` has. Nobody may be connected to that one.
    pub(crate) fn copy_of(&self, template: &str) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let until = Instant::now() + PATIENCE;
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        // Those who just left may not have been seen off.
        while let Output { status, stderr, .. } = self.psql("postgres", &create)
            && !status.success()
        {
            assert!(Instant::now() < until, "{}", String::from_utf8_lossy(&stderr));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.url(&name)
    }

    /// The address of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@/{database}?host={}", self.dir.display())
    }

    /// What `sql` answers in the database at `url`, a line for each row, or why it failed.
    pub(crate) fn sql(&self, url: &str, sql: &str) -> String {
        let output = self.psql(name(url), sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// All that is in a database, as statements.
    pub(crate) fn dump(&self, url: &str) -> String {
        let output = Command::new(self.programs.join("pg_dump"))
            .args(["-U", "postgres", "-h"])
            .arg(&self.dir)
            .arg(name(url))
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        // Two lines hold a word that is made anew each time.
        text.lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The directory of the server, for files it has to read.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn psql(&self, database: &str, sql: &str) -> Output {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", sql]);
        command.arg("-h").arg(&self.dir).stdin(Stdio::null()).output().unwrap()
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]).arg(program).current_dir(&self.dir);
        command
    }
}

fn name(url: &str) -> &str {
    url.split_once("@/").and_then(|(_, rest)| rest.split_once('?')).map(|(name, _)| name).unwrap()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Waits for the end of this process, then ends the server and removes what it has written.
fn reaper(dir: &Path) -> Child {
    let script = "trap '' INT TERM; cat >/dev/null; read -r pid <\"$1/data/postmaster.pid\" && kill -QUIT \"$pid\" && \
                  while kill -0 \"$pid\"; do sleep 0.1; done; rm -rf \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Where the programs are: the newest of Debian's, else beside `pg_config`.
fn programs() -> PathBuf {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().map(|entry| entry.unwrap().path());
    if let Some(newest) = installed.filter(|path| path.join("bin/initdb").exists()).max_by_key(version) {
        return newest.join("bin");
    }
    let asked = Command::new("pg_config").arg("--bindir").output();
    let Ok(answer) = asked else { panic!("no PostgreSQL server on this machine: `.ci/deps` installs it on Debian") };
    PathBuf::from(String::from_utf8(answer.stdout).unwrap().trim())
}
