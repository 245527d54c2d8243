//! An upstream that notes every byte it gets and answers with bytes written down beforehand.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};
use tokio::sync::Notify;

/// Signed by itself, for `localhost`, `upstream.test` and `127.0.0.1`.
pub(crate) const CERTIFICATE: &[u8] = include_bytes!("tls/cert.der");
const KEY: &[u8] = include_bytes!("tls/key.der");

/// The shortest good answer.
pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    requests: Mutex<Vec<String>>,
    connections: Mutex<usize>,
    hung_up: Notify,
}

/// What an upstream does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Answers and closes.
    Answer(&'static [u8]),
    /// Answers every request on a connection and waits for the other side to close it.
    Hold(&'static [u8]),
    /// Closes with the request unread, which resets the connection.
    Reset,
}

impl Upstream {
    pub(crate) fn answering(answer: &'static [u8]) -> Self {
        Self::start(Manner::Answer(answer), |socket| socket)
    }

    pub(crate) fn holding(answer: &'static [u8]) -> Self {
        Self::start(Manner::Hold(answer), |socket| socket)
    }

    pub(crate) fn resetting() -> Self {
        Self::start(Manner::Reset, |socket| socket)
    }

    pub(crate) fn tls() -> Self {
        let key = PrivateKeyDer::try_from(KEY).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CERTIFICATE.into()], key)
            .unwrap();
        let config = Arc::new(config);
        let wrap = move |socket| StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), socket);
        Self::start(Manner::Answer(OK), wrap)
    }

    fn start<S: Read + Write>(manner: Manner, wrap: impl Fn(std::net::TcpStream) -> S + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, wrap) = (Arc::new(Log::default()), Arc::new(wrap));
        let upstream = Self { address, log: Arc::clone(&log) };
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (log, wrap) = (Arc::clone(&log), Arc::clone(&wrap));
                *log.connections.lock().unwrap() += 1;
                // A connection that breaks is what some tests are about.
                std::thread::spawn(move || serve(wrap(socket.unwrap()), manner, &log).ok());
            }
        });
        upstream
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, each as it came off the wire.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.log.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.log.connections.lock().unwrap()
    }

    /// Waits until the other side of a held connection has closed it.
    pub(crate) async fn hung_up(&self, within: Duration) -> bool {
        tokio::time::timeout(within, self.log.hung_up.notified()).await.is_ok()
    }
}

fn serve<S: Read + Write>(mut socket: S, manner: Manner, log: &Log) -> std::io::Result<()> {
    if let Manner::Reset = manner {
        return socket.read_exact(&mut [0; 1]);
    }
    while let Ok(request) = read_request(&mut socket) {
        log.requests.lock().unwrap().push(request);
        match manner {
            Manner::Answer(answer) => return socket.write_all(answer),
            Manner::Hold(answer) => socket.write_all(answer)?,
            Manner::Reset => {}
        }
    }
    log.hung_up.notify_one();
    Ok(())
}

fn read_request(socket: &mut impl Read) -> std::io::Result<String> {
    let mut head = read_head(socket)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    head.push_str(std::str::from_utf8(&body).unwrap());
    Ok(head)
}

/// Everything up to the empty line.
pub(crate) fn read_head(socket: &mut impl Read) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8(head).unwrap())
}
