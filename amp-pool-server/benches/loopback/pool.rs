//! The server under test: the real binary with everything on and nothing from outside, its data on a real disk.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Error, Result,
    ask::Format,
    http1,
    plan::Plan,
    process::{Process, with_many_files},
};

pub(crate) const CLIENT_TOKEN: &str = "amp-9c2e4f81b7d605a3c8e1";
const ADMIN_TOKEN: &str = "5e0c7a91d4b8f2636f1d9b3a70e4c8525ad1";
const PATIENCE: Duration = Duration::from_secs(30);

/// The admin side of a server.
#[derive(Clone, Copy)]
pub(crate) struct Admin(SocketAddr);

/// Starts `server` on a fresh database in the new folder `home`, with the plan's keys of an upstream that speaks
/// `format`.
pub(crate) fn start(
    server: &Path,
    plan: &Plan,
    format: Format,
    upstream: SocketAddr,
    home: &Path,
) -> Result<(Process, SocketAddr)> {
    fs::create_dir(home)?;
    let address = free_address()?;
    let mut process = Process::start(&mut command(server, plan, address, home)?)?;
    let admin = Admin(address);
    admin.wait_until_ready(&mut process)?;
    for number in 0..plan.keys {
        admin.add_key(format, upstream, number)?;
    }
    if plan.budget {
        admin.set_budget()?;
    }
    Ok((process, address))
}

fn command(server: &Path, plan: &Plan, address: SocketAddr, home: &Path) -> Result<Command> {
    let mut command = with_many_files(server.as_os_str());
    command.env_clear().current_dir(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log(home))?);
    command.env("HOST", address.ip().to_string()).env("PORT", address.port().to_string());
    command.env("DATA_DIR", home.join("data")).env("AMP_POOL_DURABILITY", &plan.durability);
    command.env("AMP_POOL_ADMIN_TOKEN", ADMIN_TOKEN).env("AMP_POOL_CLIENT_TOKEN", CLIENT_TOKEN);
    Ok(command)
}

/// An address where nobody listens.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn log(home: &Path) -> PathBuf {
    home.join("server.log")
}

/// The end of what a server with its folder in `home` logged.
pub(crate) fn last_words(home: &Path) -> String {
    let homes = fs::read_dir(home).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let texts = homes.filter_map(|home| fs::read_to_string(log(&home)).ok());
    texts.map(|text| last_lines(&text)).collect::<Vec<_>>().join("\n")
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

impl Admin {
    pub(crate) fn of(server: SocketAddr) -> Self {
        Self(server)
    }

    pub(crate) fn get<T: DeserializeOwned>(self, path: &str) -> Result<T> {
        match self.ask(Method::GET, path, Full::default())? {
            (StatusCode::OK, json) => Ok(serde_json::from_slice(&json)?),
            answer => Err(unexpected(path, &answer)),
        }
    }

    fn wait_until_ready(self, process: &mut Process) -> Result<()> {
        let start = Instant::now();
        while self.get::<Value>("/ready").is_err() {
            if let Some(status) = process.ended()? {
                return Err(format!("the server ended with {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("the server was not ready after {PATIENCE:?}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn add_key(self, format: Format, upstream: SocketAddr, number: usize) -> Result<()> {
        let key = json!({"name": format!("key {number}"), "provider": format.provider(),
                         "api_key": format!("sk-bench-{number:04}-6f1c9d27e4b8a053"),
                         "base_url": format!("http://{upstream}")});
        match self.ask(Method::POST, "/api/keys", key.to_string().into())? {
            (StatusCode::CREATED, _) => Ok(()),
            answer => Err(unexpected("/api/keys", &answer)),
        }
    }

    /// Gives the only client token a budget that nothing here uses up.
    fn set_budget(self) -> Result<()> {
        let tokens: Value = self.get("/api/tokens")?;
        let path = format!("/api/tokens/{}", tokens["items"][0]["id"]);
        let budget = json!({"budget": {"window": "month", "limit": "1000000"}});
        match self.ask(Method::PUT, &path, budget.to_string().into())? {
            (StatusCode::OK, _) => Ok(()),
            answer => Err(unexpected(&path, &answer)),
        }
    }

    fn ask(self, method: Method, path: &str, body: Full<Bytes>) -> Result<(StatusCode, Bytes)> {
        let request = Request::builder().method(method).uri(path).header(header::HOST, self.0.to_string());
        let request = request.header(header::AUTHORIZATION, format!("Bearer {ADMIN_TOKEN}"));
        http1::ask(self.0, request.header(header::CONTENT_TYPE, "application/json").body(body)?)
    }
}

fn unexpected(path: &str, (status, body): &(StatusCode, Bytes)) -> Error {
    format!("{path} answers {status}: {}", String::from_utf8_lossy(body)).into()
}
