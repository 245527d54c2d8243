//! Proxies that note what they are asked for: HTTP and SOCKS5.

use std::{
    io::{Read, Result, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::upstream::read_head;

/// Connects to the asked port on loopback, whatever the asked host.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    log: Log,
}

type Log = Arc<Mutex<Vec<String>>>;

impl Proxy {
    /// An HTTP proxy. It notes the whole head of what it is asked.
    pub(crate) fn http() -> Self {
        Self::start(forward)
    }

    /// An HTTP proxy that wants other credentials.
    pub(crate) fn denying() -> Self {
        Self::start(|mut client, log| {
            log.lock().unwrap().push(read_head(&mut client)?);
            client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        })
    }

    /// A SOCKS5 proxy. It notes `user:password` when it got them, and then what it is asked for as
    /// `name host` or `address host`.
    pub(crate) fn socks() -> Self {
        Self::start(socks)
    }

    /// A SOCKS5 proxy that reaches nobody.
    pub(crate) fn stranded() -> Self {
        Self::start(|mut client, log| {
            greet(&mut client, log)?;
            asked(&mut client, log)?;
            // Host unreachable.
            client.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0])
        })
    }

    fn start(serve: impl Fn(TcpStream, &Log) -> Result<()> + Copy + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), log: Log::default() };
        let log = Arc::clone(&proxy.log);
        thread::spawn(move || {
            for client in listener.incoming() {
                let log = Arc::clone(&log);
                thread::spawn(move || serve(client.unwrap(), &log).ok());
            }
        });
        proxy
    }

    /// Its address with a scheme and credentials, as an operator writes it.
    pub(crate) fn url(&self, scheme: &str, credentials: &str) -> String {
        format!("{scheme}://{credentials}{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn forward(mut client: TcpStream, log: &Log) -> Result<()> {
    let head = read_head(&mut client)?;
    log.lock().unwrap().push(head.clone());
    let target = head.split(' ').nth(1).unwrap();
    let authority = target.trim_start_matches("http://").split('/').next().unwrap();
    let port = authority.rsplit(':').next().unwrap().parse().unwrap();
    let mut upstream = TcpStream::connect(("127.0.0.1", port))?;
    if head.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        upstream.write_all(head.as_bytes())?;
    }
    join(client, upstream)
}

fn socks(mut client: TcpStream, log: &Log) -> Result<()> {
    greet(&mut client, log)?;
    let port = asked(&mut client, log)?;
    let upstream = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    join(client, upstream)
}

/// The choice of a method, and credentials if the client offers some.
fn greet(client: &mut TcpStream, log: &Log) -> Result<()> {
    let [_, methods] = take(client)?;
    let methods = take_some(client, methods)?;
    let with_password = methods.contains(&2);
    client.write_all(&[5, if with_password { 2 } else { 0 }])?;
    if with_password {
        let [_, user] = take(client)?;
        let user = take_some(client, user)?;
        let [password] = take(client)?;
        let password = take_some(client, password)?;
        log.lock().unwrap().push(format!("{}:{}", text(user), text(password)));
        client.write_all(&[1, 0])?;
    }
    Ok(())
}

/// What the client wants to reach. Gives the port.
fn asked(client: &mut TcpStream, log: &Log) -> Result<u16> {
    let [_, _, _, kind] = take(client)?;
    let asked = match kind {
        1 => format!("address {}", std::net::Ipv4Addr::from(take::<4>(client)?)),
        4 => format!("address {}", std::net::Ipv6Addr::from(take::<16>(client)?)),
        _ => {
            let [length] = take(client)?;
            format!("name {}", text(take_some(client, length)?))
        }
    };
    log.lock().unwrap().push(asked);
    take(client).map(u16::from_be_bytes)
}

fn take<const N: usize>(from: &mut TcpStream) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map(|()| bytes)
}

fn take_some(from: &mut TcpStream, length: u8) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    from.read_exact(&mut bytes).map(|()| bytes)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Carries bytes both ways until both sides are done.
fn join(client: TcpStream, upstream: TcpStream) -> Result<()> {
    let (mut from, mut to) = (client.try_clone()?, upstream.try_clone()?);
    thread::spawn(move || {
        std::io::copy(&mut from, &mut to).ok();
        to.shutdown(Shutdown::Write).ok();
    });
    let (mut from, mut to) = (upstream, client);
    std::io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}
