//! A connection to whoever is measured or asked: plain hyper, no pool, no retry.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Result;

pub(crate) type Connection = SendRequest<Full<Bytes>>;

/// Opens a connection; it lives as long as what is returned, or the answer being read from it.
pub(crate) async fn connect(address: SocketAddr) -> Result<Connection> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, driver) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(sender)
}

/// One request on a connection of its own, from code that is not async.
pub(crate) fn ask(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let answer = connect(address).await?.send_request(request).await?;
        Ok((answer.status(), answer.into_body().collect().await?.to_bytes()))
    })
}
