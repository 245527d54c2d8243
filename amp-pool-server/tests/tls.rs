//! TLS by files: from start to start, and across their changes.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{fs, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{ADMIN, CLIENT, Launch, PASSWORD, Reply, Server, Upstream, chat};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

const CERTIFICATES: [&str; 2] = [include_str!("tls/cert-1.pem"), include_str!("tls/cert-2.pem")];
const KEYS: [&str; 2] = [include_str!("tls/key-1.pem"), include_str!("tls/key-2.pem")];

fn certificate(n: usize) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(CERTIFICATES[n].as_bytes()).unwrap()
}

fn write(dir: &Path, certificate: &str, key: &str) {
    fs::write(dir.join("tls.crt"), certificate).unwrap();
    fs::write(dir.join("tls.key"), key).unwrap();
}

fn launch(dir: &Path) -> Launch {
    let launch = Launch::on(&dir.join("data"));
    let launch = launch.env("AMP_POOL_TLS_CERT_FILE", dir.join("tls.crt").to_str().unwrap());
    launch.env("AMP_POOL_TLS_KEY_FILE", dir.join("tls.key").to_str().unwrap())
}

async fn connect(server: &Server, alpn: &str) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    (0..CERTIFICATES.len()).for_each(|n| roots.add(certificate(n)).unwrap());
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.into()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

async fn over_http1(stream: TlsStream<TcpStream>) -> http1::SendRequest<Full<Bytes>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn post(path: &str, token: &str, body: &serde_json::Value) -> Request<Full<Bytes>> {
    let request = Request::post(path).header("host", "localhost").header("content-type", "application/json");
    let request = if token.is_empty() { request } else { request.header("authorization", format!("Bearer {token}")) };
    request.body(Full::from(body.to_string())).unwrap()
}

async fn ask(sender: &mut http1::SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> (u16, HeaderMap) {
    let (head, body): (_, Incoming) = sender.send_request(request).await.unwrap().into_parts();
    body.collect().await.unwrap();
    (head.status.as_u16(), head.headers)
}

fn health() -> Request<Full<Bytes>> {
    Request::get("/health").header("host", "localhost").body(Full::default()).unwrap()
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_and_cookies_are_for_tls_alone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), CERTIFICATES[0], KEYS[0]);
    let server = launch(dir.path()).without("AMP_POOL_ADMIN_TOKEN").env("ADMIN_PASSWORD", PASSWORD).start();
    let stream = connect(&server, "http/1.1").await;
    assert_eq!((shown(&stream), stream.get_ref().1.alpn_protocol()), (certificate(0), Some(&b"http/1.1"[..])));
    let login = json!({"username": "admin", "password": PASSWORD});
    let (status, headers) = ask(&mut over_http1(stream).await, post("/api/auth/login", "", &login)).await;
    assert_eq!(status, 200);
    assert!(headers["set-cookie"].to_str().unwrap().ends_with("; Secure"));

    let stream = connect(&server, "h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/health").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);

    let port = server.address.port().to_string();
    let (code, said) = launch(dir.path()).arg("healthcheck").env("PORT", &port).fail();
    assert_eq!((code, said.as_str()), (0, ""));
}

#[tokio::test]
async fn who_does_not_speak_tls_is_not_answered_and_who_is_slow_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), CERTIFICATES[0], KEYS[0]);
    let server = launch(dir.path()).env("AMP_POOL_HEAD_TIMEOUT_MS", "700").start();
    for said in ["GET /health HTTP/1.1\r\nhost: x\r\n\r\n", "", "\u{16}\u{3}\u{1}"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(3), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "`{said}` is kept open");
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_harms_no_open_one() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), CERTIFICATES[0], KEYS[0]);
    let upstream = Upstream::start(|ask| Reply::chat_stream(ask.model(), 20, Duration::from_millis(100), 7, 20)).await;
    let server = launch(dir.path()).start();
    let mut before = over_http1(connect(&server, "http/1.1").await).await;
    let key = json!({"name": "a", "provider": "custom", "api_key": "sk-test-a-0123456789", "base_url": upstream.url(),
                     "formats": ["chat"], "models": ["*"]});
    assert_eq!(ask(&mut before, post("/api/keys", ADMIN, &key)).await.0, 201);
    let running = before.send_request(post("/v1/chat/completions", CLIENT, &chat("m", true))).await.unwrap();
    assert_eq!(running.status(), 200);

    write(dir.path(), CERTIFICATES[1], KEYS[1]);
    server.signal("-HUP");
    server.until_logged("new connections get the new certificate").await;
    assert_eq!(shown(&connect(&server, "http/1.1").await), certificate(1));
    let stream = running.into_body().collect().await.unwrap().to_bytes();
    assert!(stream.ends_with(b"data: [DONE]\n\n"), "what ran under the old one is finished");
    assert_eq!(ask(&mut before, health()).await.0, 200, "and its connection goes on");
}

#[tokio::test]
async fn files_that_are_no_good_change_nothing_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), CERTIFICATES[0], KEYS[0]);
    let server = launch(dir.path()).start();
    for (certificate_text, key, complaint) in [
        (CERTIFICATES[1], KEYS[0], "tls.crt cannot be used with its key"),
        ("half a file", KEYS[1], "tls.crt holds no certificate in PEM"),
        (CERTIFICATES[1], "", "tls.key holds no private key in PEM"),
    ] {
        write(dir.path(), certificate_text, key);
        server.signal("-HUP");
        server.until_logged(complaint).await;
        assert_eq!(shown(&connect(&server, "http/1.1").await), certificate(0));
    }
    fs::remove_file(dir.path().join("tls.key")).unwrap();
    server.signal("-HUP");
    server.until_logged("cannot read").await;
    assert!(!server.log().contains(KEYS[0].lines().nth(1).unwrap()), "{}", server.log());

    write(dir.path(), CERTIFICATES[1], KEYS[1]);
    server.signal("-HUP");
    server.until_logged("new connections get the new certificate").await;
    assert_eq!(shown(&connect(&server, "http/1.1").await), certificate(1));
}

#[test]
fn files_that_are_no_good_are_named_at_start() {
    let dir = tempfile::tempdir().unwrap();
    for (certificate, key, complaint) in [
        (CERTIFICATES[0], KEYS[1], "AMP_POOL_TLS_CERT_FILE: "),
        (KEYS[0], KEYS[0], "AMP_POOL_TLS_CERT_FILE: "),
        (CERTIFICATES[0], CERTIFICATES[0], "AMP_POOL_TLS_KEY_FILE: "),
    ] {
        write(dir.path(), certificate, key);
        let (code, said) = launch(dir.path()).fail();
        assert_eq!((code, said.contains(complaint)), (2, true), "{said}");
        assert!(!said.contains(KEYS[0].lines().nth(1).unwrap()), "{said}");
    }
    let (code, said) = launch(dir.path()).without("AMP_POOL_TLS_KEY_FILE").fail();
    assert_eq!(
        (code, said.contains("AMP_POOL_TLS_KEY_FILE: the certificate needs its private key")),
        (2, true),
        "{said}"
    );
    fs::remove_file(dir.path().join("tls.crt")).unwrap();
    let (code, said) = launch(dir.path()).fail();
    assert_eq!((code, said.contains("AMP_POOL_TLS_CERT_FILE: cannot read")), (2, true), "{said}");
}
