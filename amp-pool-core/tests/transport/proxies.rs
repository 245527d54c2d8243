//! Egress through proxies: every request takes its way or none.

use std::process::Command;

use amp_pool_core::transport::Stage;

use super::{
    get,
    proxy::Proxy,
    transport, trusting,
    upstream::{OK, Upstream},
};

/// `user:p@ss`.
const BASIC: &str = "Basic dXNlcjpwQHNz";

#[tokio::test]
async fn https_goes_through_a_tunnel_with_credentials() {
    let (upstream, proxy) = (Upstream::tls(), Proxy::http());
    let url = format!("https://upstream.test:{}/v1/models", upstream.address.port());
    let answer = get(&trusting(), &url, Some(&proxy.url("http", "user:p%40ss@"))).await;

    assert_eq!(answer.unwrap(), "ok");
    let asked = proxy.asked().concat();
    let port = upstream.address.port();
    // The name is resolved by the proxy, and nothing of the request itself is shown to it.
    assert_eq!(
        asked,
        format!(
            "CONNECT upstream.test:{port} HTTP/1.1\r\nHost: upstream.test:{port}\r\nProxy-Authorization: {BASIC}\r\n\r\n"
        )
    );
    assert!(!upstream.requests().concat().contains("proxy-authorization"));
}

#[tokio::test]
async fn http_is_forwarded_with_credentials() {
    let (upstream, proxy) = (Upstream::answering(OK), Proxy::http());
    let url = format!("http://upstream.test:{}/v1/models?a=b", upstream.address.port());
    let answer = get(&transport(), &url, Some(&proxy.url("http", "user:p%40ss@"))).await;

    assert_eq!(answer.unwrap(), "ok");
    let asked = proxy.asked().concat();
    assert!(asked.starts_with(&format!("GET {url} HTTP/1.1\r\n")), "{asked}");
    assert!(asked.contains(&format!("\r\nproxy-authorization: {BASIC}\r\n")), "{asked}");
}

#[tokio::test]
async fn socks5_is_given_an_address_and_socks5h_the_name() {
    for (scheme, host, expected) in [
        ("socks5", "localhost", "address "),
        ("socks5h", "localhost", "name localhost"),
        ("socks5h", "upstream.test", "name upstream.test"),
    ] {
        let (upstream, proxy) = (Upstream::answering(OK), Proxy::socks());
        let url = format!("http://{host}:{}/", upstream.address.port());
        let answer = get(&transport(), &url, Some(&proxy.url(scheme, "user:p%40ss@"))).await;

        assert_eq!(answer.unwrap(), "ok");
        let asked = proxy.asked();
        assert_eq!(asked[0], "user:p@ss");
        assert!(asked[1].starts_with(expected), "{scheme} {host}: {asked:?}");
    }
}

#[tokio::test]
async fn tls_goes_through_socks() {
    let (upstream, proxy) = (Upstream::tls(), Proxy::socks());
    let url = format!("https://upstream.test:{}/", upstream.address.port());

    assert_eq!(get(&trusting(), &url, Some(&proxy.url("socks5h", ""))).await.unwrap(), "ok");
    assert_eq!(proxy.asked(), ["name upstream.test"]);
}

#[tokio::test]
async fn a_proxy_may_be_a_name() {
    let (upstream, proxy) = (Upstream::answering(OK), Proxy::socks());
    let proxy_url = format!("socks5h://localhost:{}", proxy.address.port());

    assert_eq!(get(&transport(), &upstream.url("/"), Some(&proxy_url)).await.unwrap(), "ok");
    assert_eq!(proxy.asked(), ["address 127.0.0.1"]);
}

#[tokio::test]
async fn each_proxy_gets_only_its_own_requests() {
    // It says that it closes, as the proxies do: who does not know may ask again on what is about to be gone.
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let (upstream, one, other) = (Upstream::answering(answer), Proxy::socks(), Proxy::socks());
    let transport = transport();
    for proxy in [Some(&one), Some(&other), None, Some(&one)] {
        let proxy = proxy.map(|proxy| proxy.url("socks5h", ""));
        get(&transport, &upstream.url("/"), proxy.as_deref()).await.unwrap();
    }
    assert_eq!((one.asked().len(), other.asked().len(), upstream.connections()), (2, 1, 4));
}

/// What a request through a proxy that fails leaves behind: the stage, and nothing at the upstream.
async fn check(upstream: &Upstream, url: &str, proxy: &str) {
    let err = get(&trusting(), url, Some(proxy)).await.unwrap_err();
    assert_eq!(err.stage(), Stage::Connect, "{proxy}: {err:?}");
    assert_eq!(upstream.connections(), 0, "{proxy}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_no_connection_and_never_a_direct_one() {
    let (plain, tls, denying, stranded) =
        (Upstream::answering(OK), Upstream::tls(), Proxy::denying(), Proxy::stranded());
    let https = format!("https://{}/", tls.address);
    check(&plain, &plain.url("/"), &denying.url("http", "user:wrong@")).await;
    check(&tls, &https, &denying.url("http", "user:wrong@")).await;
    check(&plain, &plain.url("/"), &stranded.url("socks5", "")).await;
    check(&tls, &https, &stranded.url("socks5h", "")).await;
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_no_connection_and_never_a_direct_one() {
    let upstream = Upstream::answering(OK);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = socket.local_addr().unwrap();
    for scheme in ["http", "https", "socks5", "socks5h"] {
        check(&upstream, &upstream.url("/"), &format!("{scheme}://{gone}")).await;
    }
    check(&upstream, &upstream.url("/"), "socks5h://no-such-proxy.invalid:1080").await;
}

#[tokio::test]
async fn a_407_of_the_upstream_itself_is_an_answer() {
    let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 4\r\n\r\nours";
    let (upstream, proxy) = (Upstream::answering(answer), Proxy::socks());

    assert_eq!(get(&transport(), &upstream.url("/"), None).await.unwrap(), "ours");
    assert_eq!(get(&transport(), &upstream.url("/"), Some(&proxy.url("socks5h", ""))).await.unwrap(), "ours");
}

const UPSTREAM: &str = "AMP_POOL_TEST_UPSTREAM";

/// Variables can be set safely only for another process, so the test runs itself once more.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    if let Ok(url) = std::env::var(UPSTREAM) {
        assert_eq!(get(&transport(), &url, None).await.unwrap(), "ok");
        return;
    }
    let (upstream, proxy) = (Upstream::answering(OK), Proxy::http());
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "proxies::proxies_of_the_environment_are_ignored"]).env(UPSTREAM, upstream.url("/"));
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        again.env(variable, proxy.url("http", "")).env_remove("NO_PROXY").env_remove("no_proxy");
    }

    assert!(again.output().unwrap().status.success());
    assert_eq!((proxy.asked().len(), upstream.connections()), (0, 1));
}
