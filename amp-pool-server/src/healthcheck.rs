//! Asks a running server whether it is ready. For containers that have neither curl nor a shell.

mod by_tls;

use std::{
    fmt,
    io::{self, BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use crate::config::Settings;

const PATIENCE: Duration = Duration::from_secs(3);

/// Why the server at an address is not well.
#[derive(Debug)]
pub enum Unhealthy {
    /// It could not be asked.
    Silent(String, io::Error),
    /// It answered, and is not ready.
    NotReady(String),
}

impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(address, why) => write!(f, "no answer from {address}: {why}"),
            Self::NotReady(status) => write!(f, "not ready: {status}"),
        }
    }
}

impl std::error::Error for Unhealthy {}

/// Asks `GET /ready` of the server that runs on `settings`.
///
/// # Errors
/// When there is no answer within three seconds, or any but 200.
pub fn check(settings: &Settings) -> Result<(), Unhealthy> {
    let Settings { host, port, .. } = settings;
    let status = status_line(settings).map_err(|why| Unhealthy::Silent(format!("{host}:{port}"), why))?;
    let ready = status.split(' ').nth(1) == Some("200");
    if ready { Ok(()) } else { Err(Unhealthy::NotReady(status)) }
}

fn status_line(settings: &Settings) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&reachable(&settings.host, settings.port)?, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    if settings.front.tls.is_some() { ask(by_tls::shaken(stream)?) } else { ask(stream) }
}

fn ask(mut stream: impl Read + Write) -> io::Result<String> {
    stream.write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Where a server that listens on `host` can be reached from this machine.
fn reachable(host: &str, port: u16) -> io::Result<SocketAddr> {
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        other => other,
    };
    (host, port).to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))
}
