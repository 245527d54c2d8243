//! What goes out and comes in is what was given.

use ::bytes::Bytes;
use amp_pool_core::format::{Chain, Splice, splice};
use http_body_util::BodyExt;

use super::{
    get, open, transport,
    upstream::{OK, Upstream},
};

/// What an upstream gets of a body.
async fn sent(body: Chain) -> String {
    let upstream = Upstream::answering(OK);
    let request = http::Request::post(upstream.url("/v1/messages?beta=true&x=a%20b"))
        .header("x-api-key", "sk-1")
        .header("accept", "text/event-stream")
        .header("x-twice", "a")
        .header("x-twice", "b")
        .body(body)
        .unwrap();
    open(&transport(), request, None).await.unwrap();
    upstream.requests().concat().replace(&upstream.address.to_string(), "HOST")
}

const HEAD: &str = "POST /v1/messages?beta=true&x=a%20b HTTP/1.1\r\n\
    x-api-key: sk-1\r\naccept: text/event-stream\r\nx-twice: a\r\nx-twice: b\r\nhost: HOST\r\n";

#[tokio::test]
async fn one_slice_goes_out_with_its_length_and_nothing_added() {
    let body = Bytes::from_static(br#"{"model":"a"}"#);
    assert_eq!(sent(body.into()).await, format!("{HEAD}content-length: 13\r\n\r\n{{\"model\":\"a\"}}"));
}

#[tokio::test]
async fn a_chain_goes_out_as_one_body_with_its_length() {
    let body = Bytes::from_static(br#"{"model":"a"}"#);
    let edit = Splice { range: 10..11, with: Bytes::from_static(b"bcd") };
    let chain = splice(&body, vec![edit]);
    assert_eq!(sent(chain).await, format!("{HEAD}content-length: 15\r\n\r\n{{\"model\":\"bcd\"}}"));
}

#[tokio::test]
async fn a_long_chain_arrives_whole() {
    let body = Bytes::from("0123456789".repeat(200_000));
    let edits = (0..1_000).map(|n| Splice { range: n * 1_000..n * 1_000 + 1, with: Bytes::from_static(b"--") });
    let chain = splice(&body, edits.collect());
    let expected = String::from_utf8(chain.clone().into_bytes().to_vec()).unwrap();

    let sent = sent(chain).await;
    assert!(sent.contains("\r\ncontent-length: 2001000\r\n"));
    assert!(!sent.contains("transfer-encoding"));
    assert_eq!(sent.split_once("\r\n\r\n").unwrap().1, expected);
}

#[tokio::test]
async fn an_empty_post_says_that_it_is_empty() {
    let sent = sent(Chain::default()).await;
    assert!(sent.contains("\r\ncontent-length: 0\r\n") && !sent.contains("transfer-encoding"), "{sent}");
}

#[tokio::test]
async fn a_get_has_no_body_and_no_header_but_its_host() {
    let upstream = Upstream::answering(OK);
    get(&transport(), &upstream.url("/v1/models"), None).await.unwrap();

    let expected = format!("GET /v1/models HTTP/1.1\r\nhost: {}\r\n\r\n", upstream.address);
    assert_eq!(upstream.requests(), [expected]);
}

#[tokio::test]
async fn escapes_and_query_stay_as_they_are() {
    let upstream = Upstream::answering(OK);
    for path in ["/v1/models/a%2Fb%20c:d?x=%2B+1&&y=[]&key=%C3%A9", "/?", "/v1//x?a=?b"] {
        get(&transport(), &upstream.url(path), None).await.unwrap();
        let sent = upstream.requests().pop().unwrap();
        assert!(sent.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{sent}");
    }
}

#[tokio::test]
async fn the_version_a_client_spoke_does_not_matter() {
    for version in [http::Version::HTTP_10, http::Version::HTTP_2, http::Version::HTTP_3] {
        let upstream = Upstream::answering(OK);
        let request = http::Request::get(upstream.url("/")).version(version).body(Chain::default()).unwrap();
        open(&transport(), request, None).await.unwrap();
        assert!(upstream.requests().concat().starts_with("GET / HTTP/1.1\r\n"), "{version:?}");
    }
}

#[tokio::test]
async fn a_compressed_answer_comes_as_it_was_sent() {
    let upstream = Upstream::answering(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\0",
    );
    let request = http::Request::get(upstream.url("/")).body(Chain::default()).unwrap();
    let answer = open(&transport(), request, None).await.unwrap();

    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.headers()["content-length"], "10");
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), b"\x1f\x8b\x08\0\0\0\0\0\0\0".as_slice());
}

#[tokio::test]
async fn trailers_come_along() {
    let upstream = Upstream::answering(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n",
    );
    let request = http::Request::get(upstream.url("/")).header("te", "trailers").body(Chain::default()).unwrap();
    let body = open(&transport(), request, None).await.unwrap().into_body().collect().await.unwrap();

    assert_eq!(body.trailers().unwrap()["x-sum"], "7");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let upstream =
        Upstream::answering(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
    let request = http::Request::post(upstream.url("/")).header("x-api-key", "sk-1").body(Chain::default()).unwrap();
    let answer = open(&transport(), request, None).await.unwrap();

    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], "/elsewhere");
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn connections_are_used_again() {
    let upstream = Upstream::holding(OK);
    let transport = transport();
    for _ in 0..3 {
        get(&transport, &upstream.url("/"), None).await.unwrap();
    }
    assert_eq!(upstream.connections(), 1);
}
