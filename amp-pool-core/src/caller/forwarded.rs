//! Where a request comes from that proxies of one's own have passed on.
//!
//! Whatever a client writes into these headers stands left of what the proxies in front of us added, so they are read from the
//! right, and no further than to the first address that is no proxy of ours.

use std::{net::IpAddr, str::FromStr};

use http::HeaderMap;

use super::IpNet;

/// Proxies whose word about addresses is taken.
///
/// ```
/// use amp_pool_core::caller::{ForwardedHeader, TrustedProxies};
///
/// let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse()?], ForwardedHeader::XForwardedFor);
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-forwarded-for", "127.0.0.1, 203.0.113.9, 10.0.0.2".parse()?);
///
/// // The client wrote the first one, a proxy the second, and 10.0.0.1 heard of it from 10.0.0.2.
/// assert_eq!(proxies.client("10.0.0.1".parse()?, &headers), "203.0.113.9".parse::<std::net::IpAddr>()?);
/// // Who is no proxy of ours can write what they like.
/// assert_eq!(proxies.client("198.51.100.7".parse()?, &headers), "198.51.100.7".parse::<std::net::IpAddr>()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

/// The header in which proxies tell whom they speak for. One of the two: a proxy that writes one passes the other on as the
/// client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: 203.0.113.9, 10.0.0.2`
    #[default]
    XForwardedFor,
    /// `Forwarded: for=203.0.113.9;proto=https, for="[2001:db8::1]:4711"` (RFC 7239)
    Forwarded,
}

impl ForwardedHeader {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// A text that names neither header.
///
/// ```
/// use amp_pool_core::caller::{ForwardedHeader, ForwardedHeaderError};
///
/// let error: ForwardedHeaderError = "x-real-ip".parse::<ForwardedHeader>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("`x-real-ip`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedHeaderError(Box<str>);

impl std::fmt::Display for ForwardedHeaderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is neither `x-forwarded-for` nor `forwarded`", self.0)
    }
}

impl std::error::Error for ForwardedHeaderError {}

impl FromStr for ForwardedHeader {
    type Err = ForwardedHeaderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::XForwardedFor, Self::Forwarded]
            .into_iter()
            .find(|header| header.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| ForwardedHeaderError(text.chars().take(60).collect()))
    }
}

impl TrustedProxies {
    /// Takes the word of `networks`, as they give it in `header`.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { networks, header }
    }

    /// Whether the word of `address` is taken.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Who sent a request that came from `peer`: the last address on the way that is none of ours.
    ///
    /// What cannot be read ends the way: the one who passed it on counts then.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for line in headers.get_all(self.header.name()).iter().rev() {
            // Split at every comma, quoted or not: no address has one in it, and a quote that a client opened must not hide
            // what a proxy wrote after it.
            for hop in line.as_bytes().rsplit(|byte| *byte == b',') {
                let Some(address) = self.address(hop) else { return client };
                client = address;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }

    fn address(&self, hop: &[u8]) -> Option<IpAddr> {
        let hop = std::str::from_utf8(hop).ok()?;
        match self.header {
            ForwardedHeader::XForwardedFor => node(hop.trim()),
            ForwardedHeader::Forwarded => node(said_for(hop)?),
        }
    }
}

/// The value of `for` in an element of `Forwarded`, if there is exactly one.
fn said_for(element: &str) -> Option<&str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value.trim());
    let value = values.next().filter(|_| values.next().is_none())?;
    Some(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

/// An address, with or without a port.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let address = match bracketed {
        Some((address, port)) => is_port(port).then_some(address).filter(|address| address.contains(':'))?,
        None => match text.split_once(':') {
            // More than one colon and no brackets: an address of IPv6.
            Some((address, port)) if !port.contains(':') => port.parse::<u16>().ok().map(|_| address)?,
            _ => text,
        },
    };
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: ForwardedHeader, peer: &str, lines: &[&str], expected: &str) {
        let networks = ["10.0.0.0/8", "::1", "2001:db8:ffff::/48"].map(|net| net.parse().unwrap());
        let proxies = TrustedProxies::new(networks.to_vec(), header);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), line.parse().unwrap());
        }
        let found = proxies.client(peer.parse().unwrap(), &headers);
        assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
    }

    fn list(peer: &str, lines: &[&str], expected: &str) {
        check(ForwardedHeader::XForwardedFor, peer, lines, expected);
    }

    fn elements(peer: &str, lines: &[&str], expected: &str) {
        check(ForwardedHeader::Forwarded, peer, lines, expected);
    }

    #[test]
    fn nobody_but_a_proxy_of_ours_is_believed() {
        list("203.0.113.5", &["198.51.100.1"], "203.0.113.5");
        list("11.0.0.1", &["198.51.100.1"], "11.0.0.1");
        list("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        list("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        list("::ffff:11.0.0.1", &["198.51.100.1"], "11.0.0.1");
        list("10.0.0.1", &[], "10.0.0.1");
        let nobody = TrustedProxies::default();
        assert!(!nobody.trusts("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_way_is_read_from_its_end_to_the_first_stranger() {
        list("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9");
        list("10.0.0.1", &["1.1.1.1", "203.0.113.9", "10.0.0.2,10.0.0.3"], "203.0.113.9");
        list("10.0.0.1", &["10.0.0.9, 10.0.0.2"], "10.0.0.9");
        list("::1", &["2001:db8::1,2001:db8:ffff::2"], "2001:db8::1");
        list("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9");
        list("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9");
        list("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1");
    }

    #[test]
    fn what_cannot_be_read_ends_the_way_where_it_stands() {
        for hop in
            ["", "unknown", "_hidden", "203.0.113.9:", "203.0.113.9:x", "1.2.3", "[203.0.113.9]", "[::1", "::1]", "a,"]
        {
            list("10.0.0.1", &[&format!("198.51.100.1, {hop}, 10.0.0.2")], "10.0.0.2");
            list("10.0.0.1", &[&format!("198.51.100.1, {hop}")], "10.0.0.1");
        }
    }

    #[test]
    fn the_header_of_the_standard_is_read_too() {
        elements("10.0.0.1", &["for=1.1.1.1, For=203.0.113.9;proto=https;by=10.0.0.2"], "203.0.113.9");
        elements("10.0.0.1", &["proto=http; for=\"[2001:db8::1]:4711\""], "2001:db8::1");
        elements("10.0.0.1", &["for=203.0.113.9", "for=10.0.0.2"], "203.0.113.9");
        elements("10.0.0.1", &["for=203.0.113.9, proto=https"], "10.0.0.1");
        elements("10.0.0.1", &["for=203.0.113.9, for=unknown"], "10.0.0.1");
        elements("10.0.0.1", &["for=198.51.100.1;for=203.0.113.9"], "10.0.0.1");
    }

    #[test]
    fn a_quote_that_a_client_opens_hides_nothing_that_a_proxy_wrote() {
        elements("10.0.0.1", &["for=\"198.51.100.1, for=203.0.113.9"], "203.0.113.9");
        elements("10.0.0.1", &["for=\"198.51.100.1", "for=203.0.113.9"], "203.0.113.9");
        elements("10.0.0.1", &["by=\"x\\\", for=203.0.113.9"], "203.0.113.9");
    }

    #[test]
    fn each_header_has_its_name() {
        assert_eq!("Forwarded".parse(), Ok(ForwardedHeader::Forwarded));
        assert_eq!("x-forwarded-for".parse(), Ok(ForwardedHeader::XForwardedFor));
        let wrong = "x-real-ip".parse::<ForwardedHeader>().unwrap_err();
        assert_eq!(wrong.to_string(), "`x-real-ip` is neither `x-forwarded-for` nor `forwarded`");
    }
}
