//! Where a request may not go, whichever way it is written.

use amp_pool_core::transport::{
    Stage,
    reqwest::{Options, ReqwestTransport},
};

use super::{
    get,
    proxy::Proxy,
    transport,
    upstream::{OK, Upstream},
};

fn strict() -> ReqwestTransport {
    ReqwestTransport::new(Options { block_private: true, ..Options::default() }).unwrap()
}

#[tokio::test]
async fn metadata_is_refused_directly_and_through_every_proxy() {
    let (http, socks) = (Proxy::http(), Proxy::socks());
    let ways = [None, Some(http.url("http", "")), Some(socks.url("socks5", "")), Some(socks.url("socks5h", ""))];
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9.254.43518/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "https://METADATA.google.internal./",
    ] {
        for way in &ways {
            let err = get(&transport(), url, way.as_deref()).await.unwrap_err();
            assert_eq!(err.stage(), Stage::Build, "{url} by {way:?}");
        }
    }
    assert!(http.asked().is_empty() && socks.asked().is_empty());
}

#[tokio::test]
async fn private_upstreams_are_refused_when_blocked() {
    let (upstream, proxy) = (Upstream::answering(OK), Proxy::socks());
    let port = upstream.address.port();
    for host in ["127.0.0.1", "127.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        for way in [None, Some(proxy.url("socks5", "")), Some(proxy.url("socks5h", ""))] {
            let err = get(&strict(), &format!("http://{host}:{port}/"), way.as_deref()).await.unwrap_err();
            assert_eq!(err.stage(), Stage::Build, "{host} by {way:?}");
        }
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_private_proxy_is_an_operators_choice() {
    let (upstream, proxy) = (Upstream::answering(OK), Proxy::socks());
    for host in ["127.0.0.1", "localhost"] {
        let proxy = format!("socks5h://{host}:{}", proxy.address.port());
        let url = format!("http://upstream.test:{}/", upstream.address.port());
        assert_eq!(get(&strict(), &url, Some(&proxy)).await.unwrap(), "ok");
    }
    let proxy = "http://169.254.169.254:80";
    assert_eq!(get(&strict(), "http://upstream.test/", Some(proxy)).await.unwrap_err().stage(), Stage::Build);
}
