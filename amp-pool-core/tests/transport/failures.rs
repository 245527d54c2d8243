//! How an exchange can fail, and what it leaves behind.

use std::{error::Error, time::Duration};

use amp_pool_core::{
    format::Chain,
    transport::{
        Stage, TransportError,
        reqwest::{Options, ReqwestTransport},
    },
};

use super::{
    get, open, transport, trusting,
    upstream::{OK, Upstream},
};

const SOON: Duration = Duration::from_secs(1);

async fn check(url: &str, expected: Stage) -> TransportError {
    let err = get(&transport(), url, None).await.unwrap_err();
    assert_eq!(err.stage(), expected, "{url}: {err:?}");
    err
}

#[tokio::test]
async fn a_closed_port_is_no_connection() {
    // Bound, so that nobody else gets it, but not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    check(&format!("http://{}/", socket.local_addr().unwrap()), Stage::Connect).await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_no_connection() {
    check("http://no-such-host.invalid/", Stage::Connect).await;
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_no_connection() {
    let url = format!("https://{}/", Upstream::tls().address);
    check(&url, Stage::Connect).await;
    assert_eq!(get(&trusting(), &url, None).await.unwrap(), "ok");
}

#[tokio::test]
async fn an_upstream_without_tls_is_no_connection_by_https() {
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = plain.local_addr().unwrap();
    std::thread::spawn(move || plain.accept().map(drop));
    check(&format!("https://{address}/"), Stage::Connect).await;
}

#[tokio::test]
async fn a_reset_before_the_head_is_a_missing_head() {
    check(&Upstream::resetting().url("/"), Stage::Head).await;
}

#[tokio::test]
async fn an_upstream_that_closes_without_a_word_is_a_missing_head() {
    let upstream = Upstream::answering(b"");
    check(&upstream.url("/"), Stage::Head).await;
    // No retry that nobody counts.
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn what_is_not_http_is_a_missing_head() {
    check(&Upstream::answering(b"SSH-2.0-OpenSSH_9.9\r\n").url("/"), Stage::Head).await;
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_broken() {
    check(&Upstream::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok").url("/"), Stage::Body).await;
}

#[tokio::test]
async fn chunks_without_an_end_are_broken() {
    check(
        &Upstream::answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").url("/"),
        Stage::Body,
    )
    .await;
}

#[tokio::test]
async fn a_connection_that_takes_too_long_is_none() {
    // Accepts TCP and never says a word of TLS.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { connect_timeout: Duration::from_millis(100), ..Options::default() };
    let url = format!("https://{}/", silent.local_addr().unwrap());

    let err = get(&ReqwestTransport::new(options).unwrap(), &url, None).await.unwrap_err();
    assert_eq!(err.stage(), Stage::Connect);
}

#[tokio::test]
async fn an_error_does_not_tell_the_url() {
    for (url, stage) in [
        (Upstream::resetting().url("/?key=sk-secret"), Stage::Head),
        (Upstream::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok").url("/?key=sk-secret"), Stage::Body),
        ("http://no-such-host.invalid/?key=sk-secret".into(), Stage::Connect),
        ("http://u:sk-secret@upstream.example/".into(), Stage::Build),
    ] {
        let err = check(&url, stage).await;
        let causes = std::iter::successors(err.source(), |err| (*err).source());
        let told: String = causes.map(ToString::to_string).chain([err.to_string(), format!("{err:?}")]).collect();
        assert!(!told.contains("sk-secret"), "{told}");
    }
}

#[tokio::test]
async fn dropping_the_body_closes_the_connection() {
    let upstream = Upstream::holding(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n");
    let transport = transport();
    let request = http::Request::get(upstream.url("/")).body(Chain::default()).unwrap();
    let answer = open(&transport, request, None).await.unwrap();

    drop(answer);
    assert!(upstream.hung_up(SOON).await);
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let upstream = Upstream::holding(b"");
    let (transport, url) = (transport(), upstream.url("/"));
    let waiting = tokio::time::timeout(Duration::from_millis(200), get(&transport, &url, None));
    assert!(waiting.await.is_err());

    assert!(upstream.hung_up(SOON).await);
}

#[tokio::test]
async fn an_upstream_is_written_with_scheme_and_host_and_without_credentials() {
    for url in ["/v1/models", "upstream.example:80", "ftp://upstream.example/", "http://u:p@upstream.example/"] {
        check(url, Stage::Build).await;
    }
}

#[tokio::test]
async fn a_bad_root_is_told_at_once() {
    let options = Options { extra_roots: vec![OK.to_vec()], ..Options::default() };
    assert_eq!(ReqwestTransport::new(options).err().map(|err| err.stage()), Some(Stage::Build));
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_rested_is_not_used() {
    let (upstream, transport) = (Upstream::answering(OK), transport());
    for exchange in 1..=3 {
        assert_eq!(get(&transport, &upstream.url("/"), None).await.unwrap(), "ok");
        // Until its end has come here.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(upstream.connections(), exchange);
    }
}

#[tokio::test]
async fn what_an_upstream_says_unasked_answers_nobody() {
    const MORE: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 408 Late\r\ncontent-length: 2\r\n\r\nno";
    for upstream in [Upstream::answering(MORE), Upstream::holding(MORE)] {
        let transport = transport();
        for exchange in 1..=3 {
            assert_eq!(get(&transport, &upstream.url("/"), None).await.unwrap(), "ok");
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!((upstream.connections(), upstream.requests().len()), (exchange, exchange));
        }
    }
}

#[tokio::test]
async fn a_connection_rests_for_its_time_and_is_closed() {
    let upstream = Upstream::holding(OK);
    let transport =
        ReqwestTransport::new(Options { idle_timeout: Duration::from_millis(100), ..Options::default() }).unwrap();

    get(&transport, &upstream.url("/"), None).await.unwrap();
    assert!(upstream.hung_up(SOON).await);

    get(&transport, &upstream.url("/"), None).await.unwrap();
    assert_eq!(upstream.connections(), 2);
    assert!(upstream.hung_up(SOON).await, "whoever watches is there again");
}

#[tokio::test]
async fn more_connections_than_are_kept_are_closed() {
    let upstream = Upstream::holding(OK);
    let transport = ReqwestTransport::new(Options { idle_per_host: 1, ..Options::default() }).unwrap();
    let request = || http::Request::get(upstream.url("/")).body(Chain::default()).unwrap();

    let bodies = futures::future::join_all([(); 3].map(|()| open(&transport, request(), None))).await;
    assert_eq!(upstream.connections(), 3);
    drop(bodies);
    // Those whose answers were not read are closed as well, so only what was read is kept.
    for _ in 0..2 {
        get(&transport, &upstream.url("/"), None).await.unwrap();
    }
    assert!(upstream.connections() <= 4);
}
