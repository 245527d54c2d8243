//! Trying the way that a key's requests take: from which address the world sees them come, and how long that takes.
//!
//! Somebody outside has to say it. Nothing of the key goes there but its proxy is used: no credential, no header.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};

use super::{
    Handle, monotonic,
    trial::{collect, millis, words_of},
};
use crate::{
    format::Chain,
    id::KeyId,
    keys::Egress,
    transport::{Outgoing, TransportError},
};

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What became of trying a way.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     handle::WayTrial,
///     keys::KeySpec,
///     secret::Secret,
///     testkit::{Reply, Script},
/// };
///
/// // Somebody who tells callers where they come from. Nothing of the key goes there but the way.
/// let echo = Script::new().otherwise(|_| Reply::json(200, &serde_json::json!({"ip": "203.0.113.7"})));
/// let pool = Pool::builder().transport(echo).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?.key.id;
/// let trial: WayTrial = pool.handle().try_way(key, "https://echo.example/".parse()?).await.ok_or("the key is there")?;
/// assert_eq!((trial.ip, trial.message), (Some("203.0.113.7".parse()?), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayTrial {
    /// Where the world sees requests come from.
    pub ip: Option<IpAddr>,
    /// From sending to the answer's end.
    pub latency_ms: u64,
    /// Why there is no address; scrubbed of secrets.
    pub message: Option<String>,
}

/// Ways.
impl Handle {
    /// Asks `echo`, a service that answers with its caller's address, by the egress of a key. The address stands in the
    /// answer alone, or behind `ip` as in JSON or in lines. `None`: there is no such key, or it can not be put in service.
    ///
    /// # Cancel safety
    /// Dropping the future breaks the request off.
    pub async fn try_way(&self, id: KeyId, echo: Uri) -> Option<WayTrial> {
        let proxy = self.find(id)?.egress.proxy.clone();
        let egress = Arc::new(Egress { proxy, user_agent: None, headers: HeaderMap::new() });
        let started = monotonic();
        let asked = tokio::time::timeout(PATIENCE, self.ask_echo(egress, echo)).await;
        let late = || Err(format!("there was no answer within {} s", PATIENCE.as_secs()));
        Some(WayTrial::new(asked.unwrap_or_else(|_| late()), started))
    }

    async fn ask_echo(&self, egress: Arc<Egress>, echo: Uri) -> Result<IpAddr, String> {
        let mut request = Request::new(Chain::from(Bytes::new()));
        *request.uri_mut() = echo;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/plain, application/json"));
        let told = |error: TransportError| words_of(&error);
        let answer = self.0.transport.send(Outgoing { request, egress }).await.map_err(told)?;
        let (head, body) = answer.into_parts();
        let body = collect(body).await.map_err(told)?;
        if !head.status.is_success() {
            return Err(format!("the service that tells addresses answered {}", head.status.as_u16()));
        }
        address_in(&String::from_utf8_lossy(&body))
            .ok_or_else(|| "the service that tells addresses answered with none".to_owned())
    }
}

impl WayTrial {
    fn new(asked: Result<IpAddr, String>, started: Instant) -> Self {
        let latency_ms = millis(started);
        match asked {
            Ok(ip) => Self { ip: Some(ip), latency_ms, message: None },
            Err(message) => Self { ip: None, latency_ms, message: Some(message) },
        }
    }
}

/// The address alone, or the one behind `ip`.
fn address_in(text: &str) -> Option<IpAddr> {
    let marks = |c: char| c.is_whitespace() || "\"',={}".contains(c);
    let mut words = text.split(marks).filter(|word| !word.is_empty());
    let first = words.clone().next()?;
    first.parse().ok().or_else(|| {
        words.find(|word| matches!(*word, "ip" | "ip:" | "origin" | "origin:"))?;
        words.find(|word| *word != ":")?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(address_in(text).map(|ip| ip.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn an_address_is_found_as_services_tell_it() {
        check("203.0.113.7\n", Some("203.0.113.7"));
        check("2001:db8::1", Some("2001:db8::1"));
        check(r#"{"ip":"203.0.113.7"}"#, Some("203.0.113.7"));
        check(r#"{ "country": "CH", "ip" : "203.0.113.7" }"#, Some("203.0.113.7"));
        check("fl=1\nh=example.com\nip=203.0.113.7\nts=1\n", Some("203.0.113.7"));
        check("<html>no</html>", None);
        check("", None);
    }
}
