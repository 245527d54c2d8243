//! Where the server listens.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// Connections that may wait in the kernel to be accepted. It takes no more than its own limit.
const QUEUE: u32 = 4096;

/// Listens on the first address of `host` that can be had.
pub(crate) async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut why = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Else a server that starts again has to wait until connections of the one before are forgotten. On Windows it would
    // mean that somebody else may listen there too.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}
