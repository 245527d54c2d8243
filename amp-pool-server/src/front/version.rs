//! What a client speaks, found out before anything is read.
//!
//! hyper's own way reads some bytes and puts them back in front of the others. So a head comes in two pieces, and the buffer that
//! it is read into grows to twice its size, for each connection and as long as that lasts.

use std::io;

use tokio::net::TcpStream;

use super::{chatter::PREFACE, tls::Secured};

/// So many bytes of how HTTP/2 begins are those of no request of HTTP/1.
const TELLING: usize = b"PRI".len();

/// What a client speaks, as far as its first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    /// HTTP/2, or too little has come.
    Any,
}

impl Version {
    /// Waits for the first bytes, and leaves them where they are.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn of(stream: &TcpStream) -> io::Result<Self> {
        let mut first = [0; TELLING];
        let length = stream.peek(&mut first).await?;
        Ok(Self::begun_by(&first[..length]))
    }

    /// What was agreed on by TLS.
    pub(super) fn agreed(stream: &Secured) -> Self {
        if stream.get_ref().1.alpn_protocol() == Some(b"http/1.1") { Self::Http1 } else { Self::Any }
    }

    fn begun_by(first: &[u8]) -> Self {
        if PREFACE.starts_with(first) { Self::Any } else { Self::Http1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_http_1_is_known_by_its_first_bytes() {
        for (first, expected) in [
            (&b"POS"[..], Version::Http1),
            (b"PO", Version::Http1),
            (b"GET", Version::Http1),
            (b"\r\n", Version::Http1),
            (b"PRI", Version::Any),
            (b"P", Version::Any),
            (b"", Version::Any),
        ] {
            assert_eq!(Version::begun_by(first), expected, "{first:?}");
        }
    }
}
