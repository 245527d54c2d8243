//! Where requests come from that proxies have passed on.

use std::net::IpAddr;

use amp_pool_core::caller::{ForwardedHeader, TrustedProxies};
use http::{HeaderMap, HeaderValue};

const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));
const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// The lines of `data` as lines of a header: a stranger is never believed, and of what a proxy says the client has no say.
pub(crate) fn forwarded(data: &[u8]) {
    for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")], header);
        let lines: Vec<HeaderValue> =
            data.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
        let headers = |lines: &[HeaderValue]| {
            lines.iter().map(|line| (http::HeaderName::from_static(header.name()), line.clone())).collect::<HeaderMap>()
        };
        assert_eq!(proxies.client(STRANGER, &headers(&lines)), STRANGER);
        let client = proxies.client(PROXY, &headers(&lines));
        assert_eq!(client, client.to_canonical());
        if proxies.trusts(client) {
            continue;
        }
        // Whatever a client writes first stands to the left.
        for written in ["198.51.100.1", "for=198.51.100.1", "for=\"198.51.100.1", "\"", ";", "for=\"[2001:db8::1", ","]
        {
            let mut more = vec![HeaderValue::from_static(written)];
            more.extend(lines.iter().cloned());
            assert_eq!(proxies.client(PROXY, &headers(&more)), client, "{written} before {lines:?}");
            let joined = [written.as_bytes(), b", ", lines[0].as_bytes()].concat();
            more = vec![HeaderValue::from_bytes(&joined).expect("two values and a comma")];
            more.extend(lines[1..].iter().cloned());
            assert_eq!(proxies.client(PROXY, &headers(&more)), client, "{written} in {lines:?}");
        }
    }
}
