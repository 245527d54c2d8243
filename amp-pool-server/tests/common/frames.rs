//! HTTP/2 frame by frame, for clients that no library would make.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, tcp::OwnedReadHalf},
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Odd numbers, as clients take them.
fn stream(n: u32) -> u32 {
    2 * n + 1
}

/// `GET /`.
fn get() -> Vec<u8> {
    vec![0x82, 0x86, 0x84, 0x41, 1, b'x']
}

/// A call with a client token, whose body is to come.
fn post(token: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let path = [vec![0x44], text("/v1/chat/completions")].concat();
    let authorization = [vec![0x40], text("authorization"), text(&format!("Bearer {token}"))].concat();
    [vec![0x83, 0x86], path, vec![0x41, 1, b'x'], authorization].concat()
}

type Frames = Box<dyn Fn(u32) -> Vec<u8> + Send>;

/// Each flood: its name, and its n-th piece.
pub(crate) fn floods(token: &str) -> Vec<(&'static str, Frames)> {
    let body = post(token);
    let request = body.clone();
    let floods: Vec<(&'static str, Frames)> = vec![
        (
            "rapid reset",
            Box::new(|n| {
                let get = frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &get());
                [get, frame(RST_STREAM, 0, stream(n), &8_u32.to_be_bytes())].concat()
            }),
        ),
        (
            "rapid reset of calls",
            Box::new(move |n| {
                let call = frame(HEADERS, END_HEADERS, stream(n), &request);
                [call, frame(RST_STREAM, 0, stream(n), &8_u32.to_be_bytes())].concat()
            }),
        ),
        (
            "resets that we are made to send",
            Box::new(|n| {
                let get = frame(HEADERS, END_HEADERS, stream(n), &get());
                [get, frame(WINDOW_UPDATE, 0, stream(n), &[0; 4])].concat()
            }),
        ),
        (
            "endless head",
            Box::new(|n| match n {
                0 => frame(HEADERS, 0, 1, &get()),
                _ => frame(CONTINUATION, 0, 1, &[&[0x40, 1, b'a', 0x7f, 0x81, 0x7e], &vec![b'b'; 16_256][..]].concat()),
            }),
        ),
        (
            "empty pieces of a body",
            Box::new(move |n| match n {
                0 => frame(HEADERS, END_HEADERS, 1, &body),
                _ => frame(DATA, 0, 1, &[]),
            }),
        ),
    ];
    floods.into_iter().chain(chatter()).collect()
}

/// Talk about a connection that nobody uses.
pub(crate) fn chatter() -> Vec<(&'static str, Frames)> {
    vec![
        ("settings", Box::new(|_| frame(SETTINGS, 0, 0, &[]))),
        ("pings", Box::new(|n| frame(PING, 0, 0, &u64::from(n).to_be_bytes()))),
        ("answers to nothing", Box::new(|n| frame(PING, 1, 0, &u64::from(n).to_be_bytes()))),
        ("windows", Box::new(|_| frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()))),
        ("priorities", Box::new(|n| frame(PRIORITY, 0, stream(n % 1_000 + 1), &[0, 0, 0, 0, 7]))),
        ("frames of no known kind", Box::new(|_| frame(0xfa, 0, 0, b"hello"))),
        (
            "resets of what has ended",
            Box::new(|n| match n {
                0 => [frame(HEADERS, END_HEADERS | END_STREAM, 1, &get()), reset(1)].concat(),
                _ => reset(1),
            }),
        ),
    ]
}

/// A client that works and talks: requests, with `talk` after each. Whether all were answered.
pub(crate) async fn work(address: SocketAddr, requests: u32, talk: &[u8]) -> bool {
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    writer.write_all(&opening()).await.unwrap();
    for n in 0..requests {
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &health());
        if writer.write_all(&[&request, talk].concat()).await.is_err() || !answered(&mut reader, stream(n)).await {
            return false;
        }
    }
    true
}

/// `GET /health`.
fn health() -> Vec<u8> {
    [&[0x82, 0x86, 0x44, 7][..], b"/health", &[0x41, 1, b'x']].concat()
}

/// Reads until the answer to `stream` has ended.
async fn answered(reader: &mut OwnedReadHalf, stream: u32) -> bool {
    loop {
        let mut head = [0; 9];
        if reader.read_exact(&mut head).await.is_err() {
            return false;
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        if reader.read_exact(&mut payload).await.is_err() || head[3] == GOAWAY {
            return false;
        }
        if matches!(head[3], DATA | HEADERS) && head[4] & END_STREAM != 0 && head[5..] == stream.to_be_bytes() {
            return true;
        }
    }
}

/// A ping as a client that measures the way sends it.
pub(crate) fn ping() -> Vec<u8> {
    frame(PING, 0, 0, b"how far?")
}

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

fn opening() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// What became of a flood.
#[derive(Debug)]
pub(crate) struct Flood {
    /// Pieces that could be sent.
    pub(crate) sent: u32,
    /// The reason by which it was sent away.
    pub(crate) goodbye: Option<u32>,
}

impl Flood {
    /// Sends `count` pieces as fast as they are taken, or until the server has had enough.
    pub(crate) async fn of(address: SocketAddr, count: u32, piece: Frames) -> Self {
        let (reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
        let goodbye = tokio::spawn(goodbye(reader));
        writer.write_all(&opening()).await.unwrap();
        let mut sent = 0;
        while sent < count {
            let until = (sent + 64).min(count);
            let pieces: Vec<u8> = (sent..until).flat_map(&piece).collect();
            if goodbye.is_finished() || writer.write_all(&pieces).await.is_err() {
                break;
            }
            sent = until;
        }
        drop(writer);
        Self { sent, goodbye: goodbye.await.unwrap() }
    }
}

/// Reads to the end: the reason that the server gave for it, if it is one for complaint. A connection that is broken off
/// without a word is one.
async fn goodbye(mut reader: OwnedReadHalf) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        if let Err(error) = reader.read_exact(&mut head).await {
            return (error.kind() == std::io::ErrorKind::ConnectionReset).then_some(u32::MAX);
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        if reader.read_exact(&mut payload).await.is_err() {
            return Some(u32::MAX);
        }
        if head[3] == GOAWAY {
            let reason = u32::from_be_bytes(payload[4..8].try_into().unwrap());
            if reason != 0 {
                return Some(reason);
            }
        }
    }
}
