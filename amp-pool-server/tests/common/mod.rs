//! What the tests of the server share: the real binary as a child, a plain client, and an upstream by script.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod client;
pub(crate) mod frames;
#[cfg(target_os = "linux")]
pub(crate) mod disk;
mod upstream;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub(crate) use client::{Answer, Client};
pub(crate) use upstream::{Ask, Reply, Upstream};

pub(crate) const ADMIN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
pub(crate) const PASSWORD: &str = "planted-horse-battery";
pub(crate) const CLIENT: &str = "amp-6a7b8c9d0e1f2a3b4c5d";
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that is going to be started.
pub(crate) struct Launch(Command);

impl Launch {
    /// On any free port of loopback, with the tokens of this file and nothing else from outside.
    pub(crate) fn on(data_dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amp-pool-server"));
        command.env_clear().current_dir(std::env::temp_dir());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let launch = Self(command).env("PORT", "0").env("AMP_POOL_ADMIN_TOKEN", ADMIN);
        launch.env("AMP_POOL_CLIENT_TOKEN", CLIENT).env("DATA_DIR", data_dir.to_str().unwrap())
    }

    /// Under the umask that forbids nothing.
    pub(crate) fn with_loose_umask(self) -> Self {
        self.after("umask 000")
    }

    /// With that many descriptors and no more.
    pub(crate) fn with_descriptors(self, most: u32) -> Self {
        self.after(&format!("ulimit -n {most}"))
    }

    /// Whose memory would be written down at its end, if it let that happen.
    pub(crate) fn that_may_dump_core(self) -> Self {
        self.after("ulimit -c unlimited || true")
    }

    /// A file that may not grow is an error to it, and not its end.
    pub(crate) fn that_survives_full_files(self) -> Self {
        self.after("trap '' XFSZ")
    }

    /// Whose database is on `disk`.
    #[cfg(target_os = "linux")]
    pub(crate) fn with_disk(self, disk: &disk::Disk) -> Self {
        disk.env().into_iter().fold(self, |launch, (name, value)| launch.env(name, value))
    }

    /// Started by a shell that has run `command`.
    fn after(mut self, command: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{command}; exec \"$0\""), env!("CARGO_BIN_EXE_amp-pool-server")]);
        shell.env_clear().envs(self.0.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.0 = shell;
        self
    }

    pub(crate) fn in_directory(mut self, path: &Path) -> Self {
        self.0.current_dir(path);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    pub(crate) fn arg(mut self, text: &str) -> Self {
        self.0.arg(text);
        self
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(mut self) -> Server {
        let mut child = self.0.spawn().unwrap();
        let log = Log::follow(child.stderr.take().unwrap());
        let Some(address) = log.address() else {
            let _ = child.kill();
            panic!("the server does not listen:\n{}", log.text());
        };
        Server { child, log, address }
    }

    /// Starts it and waits for its end, which has to come by itself: its exit code and what it said.
    pub(crate) fn fail(mut self) -> (i32, String) {
        let mut child = self.0.spawn().unwrap();
        let Some(code) = wait(&mut child, PATIENCE) else {
            let _ = child.kill();
            panic!("the server did not refuse to start");
        };
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (code, said)
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Log,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Who shows the admin token.
    pub(crate) fn admin(&self) -> Client {
        Client::new(self.address).with("authorization", &format!("Bearer {ADMIN}"))
    }

    /// Who shows the client token.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address).with("authorization", &format!("Bearer {CLIENT}"))
    }

    /// Signs in: a client with the session's cookie and its `x-csrf-token`.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) -> Client {
        let answer =
            self.stranger().post("/api/auth/login", &json!({"username": username, "password": password})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.signed_in(&answer)
    }

    /// Who has the session that `answer` begins.
    pub(crate) fn signed_in(&self, answer: &Answer) -> Client {
        let cookie = answer.header("set-cookie").split(';').next().unwrap();
        let csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
        self.stranger().with("cookie", cookie).with("x-csrf-token", &csrf)
    }

    /// Makes a user and signs in.
    pub(crate) async fn user(&self, username: &str, role: &str) -> Client {
        let user = json!({"username": username, "password": PASSWORD, "role": role});
        let answer = self.admin().post("/api/users", &user).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.sign_in(username, PASSWORD).await
    }

    /// Who shows nothing.
    pub(crate) fn stranger(&self) -> Client {
        Client::new(self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until it has logged `text`. Lines come by a pipe, and may be later than an answer.
    pub(crate) async fn until_logged(&self, text: &str) {
        let there = async {
            while !self.log().contains(text) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, there).await.is_ok(), "no `{text}` in {}", self.log());
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// The processor's time it has used, in milliseconds.
    pub(crate) fn cpu_ms(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap())
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end, which has to be under way.
    pub(crate) fn status(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// The exit code, if the end comes in time.
    pub(crate) fn exit_code(mut self, patience: Duration) -> Option<i32> {
        wait(&mut self.child, patience)
    }

    /// A good end: SIGTERM and exit code 0.
    pub(crate) fn stop(self) {
        self.terminate();
        assert_eq!(self.exit_code(PATIENCE), Some(0));
    }

    /// A figure of the process's memory, by the name that the system has for it, in kilobytes.
    pub(crate) fn memory_kb(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Adds a key of provider `custom` for `upstream`, and says which row it got.
    pub(crate) async fn add_key(&self, name: &str, upstream: &Upstream) -> i64 {
        let key = json!({"name": name, "provider": "custom", "api_key": format!("sk-test-{name}-0123456789"),
                         "base_url": upstream.url(), "formats": ["chat", "messages"], "models": ["*"]});
        let answer = self.admin().post("/api/keys", &key).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_i64().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child, patience: Duration) -> Option<i32> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// What a server has said so far.
#[derive(Clone, Default)]
struct Log(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    text: String,
    ended: bool,
}

impl Log {
    fn follow(stderr: impl std::io::Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                writer.change(|state| state.text.push_str(&(line + "\n")));
            }
            writer.change(|state| state.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        self.0.0.lock().unwrap().text.clone()
    }

    /// The address of the line that says where the server listens.
    fn address(&self) -> Option<SocketAddr> {
        let silent = |state: &mut State| !state.ended && address_in(&state.text).is_none();
        let (state, _) = self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), PATIENCE, silent).unwrap();
        address_in(&state.text)
    }
}

fn address_in(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("listening"))?;
    let rest = line.split_once("address=").or_else(|| line.split_once("\"address\":\""))?.1;
    rest.split([' ', '"']).next()?.parse().ok()
}

/// All bytes of all files under a directory.
pub(crate) fn bytes_under(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        bytes.extend(if path.is_dir() { bytes_under(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A chat request.
pub(crate) fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}
