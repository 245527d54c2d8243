//! How one client is made.
//!
//! Everything a convenient client does by itself is switched off here: proxies of the environment, redirects, retries.
//! What is left is a connection pool.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, Proxy};
use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring, pki_types::CertificateDer};
use url::Url;

use super::{
    Options, direct,
    resolve::{ProxyHost, Resolver, Rules},
};
use crate::{
    keys::ProxyUrl,
    transport::{Stage, TransportError, guard::Guard},
};

/// A dead peer behind a silent stream is found out after about as long as an answer may be silent.
pub(super) const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// hyper takes 16 KiB; some gateways answer with more.
pub(super) const HEADER_BYTES: u32 = 64 * 1024;
/// One client talks to a handful of hosts.
const TLS_SESSIONS: usize = 64;

/// Makes clients that differ only in their proxy.
pub(super) struct Recipe {
    options: Options,
    // Reading the roots takes milliseconds and a hundred KiB; a clone of this shares them.
    tls: ClientConfig,
}

impl Recipe {
    pub(super) fn new(options: Options) -> Result<Self, TransportError> {
        let tls = tls(&options.extra_roots)?;
        Ok(Self { options, tls })
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// A client that reaches upstreams directly.
    pub(super) fn direct(&self) -> direct::Client {
        direct::client(&self.options, self.fresh_tls())
    }

    /// A client that reaches upstreams through `proxy`.
    pub(super) fn client(&self, proxy: &ProxyUrl) -> Result<Client, TransportError> {
        let (builder, host) = through(self.bare(), proxy)?;
        builder
            .dns_resolver(Resolver::from(Rules { guard: self.options.guard(), proxy: Some(host) }))
            .build()
            .map_err(unbuilt)
    }

    fn fresh_tls(&self) -> ClientConfig {
        let mut tls = self.tls.clone();
        // A session resumed through another egress would tell the upstream that both are one client.
        tls.resumption = Resumption::in_memory_sessions(TLS_SESSIONS);
        tls
    }

    fn bare(&self) -> ClientBuilder {
        let tls = self.fresh_tls();
        Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tls_backend_preconfigured(tls)
            .connect_timeout(self.options.connect_timeout)
            .pool_idle_timeout(self.options.idle_timeout)
            .pool_max_idle_per_host(self.options.idle_per_host)
            .tcp_nodelay(true)
            .tcp_keepalive(TCP_KEEPALIVE)
            .http2_max_header_list_size(HEADER_BYTES)
    }
}

/// Sends everything through `proxy`.
fn through(builder: ClientBuilder, proxy: &ProxyUrl) -> Result<(ClientBuilder, ProxyHost), TransportError> {
    let url = Url::parse(proxy.expose()).map_err(|err| TransportError::new(Stage::Build, err))?;
    let host = url.host_str().filter(|_| is_readable(&url)).ok_or_else(unreadable)?;
    Guard { block_private: false }.host(host).map_err(|err| TransportError::new(Stage::Build, err))?;

    let host = ProxyHost { host: host.into(), resolves: url.scheme() != "socks5" };
    Ok((builder.proxy(Proxy::all(url).map_err(unbuilt)?), host))
}

/// Whether the client will be able to use the address. It parses it once more with other rules, and where that fails it
/// connects directly without a word: a key would leave by the wrong door.
fn is_readable(url: &Url) -> bool {
    let Ok(uri) = url.as_str().parse::<http::Uri>() else { return false };
    // As the client does it: what follows the first `@` is the address.
    let address =
        uri.authority().and_then(|authority| authority.as_str().split('@').nth(1).or(Some(authority.as_str())));
    address.is_some_and(|address| address.parse::<http::uri::Authority>().is_ok_and(|a| !a.host().is_empty()))
}

fn unreadable() -> TransportError {
    TransportError::new(Stage::Build, "the proxy's address cannot be used")
}

fn unbuilt(err: reqwest::Error) -> TransportError {
    TransportError::new(Stage::Build, err.without_url())
}

/// Mozilla's roots and `extra`, HTTP/2 before HTTP/1.1.
fn tls(extra: &[Vec<u8>]) -> Result<ClientConfig, TransportError> {
    let built = |err| TransportError::new(Stage::Build, err);
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    extra.iter().try_for_each(|der| roots.add(CertificateDer::from(der.as_slice()))).map_err(built)?;
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(built)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_readable_for_the_client_too_or_refused() {
        for (proxy, expected) in [
            ("http://proxy:8080", true),
            ("https://user:pass@proxy", true),
            ("http://user:p%40ss%20word@proxy:8080", true),
            ("socks5://user@[::1]:1080", true),
            ("socks5h://user:pa$s!*'()@proxy", true),
            ("socks5h://169.254.169.254", false),
            ("http://[::ffff:169.254.169.254]:80", false),
        ] {
            let made = through(Client::builder(), &proxy.parse().unwrap());
            assert_eq!(
                made.map_err(|err| err.stage()).map(|_| true),
                expected.then_some(true).ok_or(Stage::Build),
                "{proxy}"
            );
        }
        for url in ["socks5://pr\"xy", "socks5://pröxy", "socks5:///proxy"] {
            assert!(!is_readable(&Url::parse(url).unwrap()), "{url}");
        }
    }

    #[test]
    fn http_2_is_asked_for_first() {
        assert_eq!(tls(&[]).unwrap().alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert_eq!(tls(&[vec![1, 2, 3]]).unwrap_err().stage(), Stage::Build);
    }
}
