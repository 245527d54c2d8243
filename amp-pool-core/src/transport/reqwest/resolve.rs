//! Names to addresses, judged on the way.
//!
//! The guard sits here because this is the last place before a connection is made: whatever a name was when it was
//! checked, this is what it leads to now. Literal addresses do not come here; they are judged with the URL.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::transport::guard::{Guard, Refused};

/// The resolver of one client.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Rules>);

impl Resolver {
    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0)
    }
}

/// What a client may resolve.
pub(super) struct Rules {
    /// Judges what is found.
    pub(super) guard: Guard,
    /// The host of the client's proxy, when it has one.
    pub(super) proxy: Option<ProxyHost>,
}

/// The proxy of a client.
pub(super) struct ProxyHost {
    /// Its host as its URL has it.
    pub(super) host: Box<str>,
    /// Whether names of upstreams are its business: then none of them is resolved here.
    pub(super) resolves: bool,
}

/// A name that the proxy has to resolve was about to be resolved here.
#[derive(Debug)]
struct Leak;

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name that is the proxy's to resolve was asked for here")
    }
}

impl Error for Leak {}

impl From<Rules> for Resolver {
    fn from(rules: Rules) -> Self {
        Self(Arc::new(rules))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move { rules.resolve(name.as_str()).await.map(|found| Box::new(found.into_iter()) as Addrs) })
    }
}

impl Rules {
    pub(super) async fn resolve(&self, name: &str) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        let guard = self.guard_for(name)?;
        guard.host(name)?;
        // An IPv6 literal on its way to a SOCKS proxy still has its brackets.
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(allowed(guard, found)?)
    }

    /// A proxy may stand on a private network also when upstreams may not: an operator put it there.
    fn guard_for(&self, name: &str) -> Result<Guard, Leak> {
        match &self.proxy {
            Some(proxy) if proxy.host.eq_ignore_ascii_case(name) => Ok(Guard { block_private: false }),
            Some(proxy) if proxy.resolves => Err(Leak),
            _ => Ok(self.guard),
        }
    }
}

/// What may be reached of what was found. Refused only when nothing is left.
fn allowed(guard: Guard, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
    let mut refused = None;
    let judge = |address: IpAddr, refused: &mut Option<Refused>| {
        guard.address(address).map_err(|reason| *refused = Some(reason)).is_ok()
    };
    let left: Vec<_> = found.filter(|address| judge(address.ip(), &mut refused)).collect();
    refused.filter(|_| left.is_empty()).map_or(Ok(left), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(block_private: bool, proxy: Option<(&str, bool)>) -> Rules {
        let proxy = proxy.map(|(host, resolves)| ProxyHost { host: host.into(), resolves });
        Rules { guard: Guard { block_private }, proxy }
    }

    async fn check(rules: Rules, name: &str, expected: Result<(), &str>) {
        let found = rules.resolve(name).await.map(|found| assert!(!found.is_empty())).map_err(|err| err.to_string());
        assert_eq!(found, expected.map_err(ToOwned::to_owned), "{name}");
    }

    #[tokio::test]
    async fn names_lead_only_where_the_guard_lets_them() {
        let (metadata, private) = (Refused::Metadata.to_string(), Refused::Private.to_string());
        check(rules(false, None), "localhost", Ok(())).await;
        check(rules(true, None), "localhost", Err(&private)).await;
        check(rules(false, None), "metadata.google.internal", Err(&metadata)).await;
        check(rules(false, None), "[::1]", Ok(())).await;
        check(rules(false, None), "[::ffff:169.254.169.254]", Err(&metadata)).await;
        // The resolver of the system reads what no URL has.
        check(rules(false, None), "0xa9fea9fe", Err(&metadata)).await;
    }

    #[tokio::test]
    async fn behind_a_proxy_that_resolves_only_its_own_name_is_resolved() {
        let leak = Leak.to_string();
        check(rules(true, Some(("localhost", true))), "localhost", Ok(())).await;
        check(rules(false, Some(("proxy.example", true))), "localhost", Err(&leak)).await;
        check(rules(false, Some(("proxy.example", false))), "localhost", Ok(())).await;
    }

    #[test]
    fn a_name_with_one_good_address_leads_to_that_one() {
        let found = ["169.254.169.254:0", "1.1.1.1:0"].map(|address| address.parse().unwrap());
        let left = allowed(Guard::default(), found.into_iter()).unwrap();
        assert_eq!(left, ["1.1.1.1:0".parse().unwrap()]);
    }
}
