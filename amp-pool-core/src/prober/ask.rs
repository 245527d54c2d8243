//! One walk through a probe, over the wire.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::BodyExt as _;

use super::Prober;
use crate::{
    balance::{Place, Probe, Refusal, RefusalKind, Run, Told},
    format::Chain,
    keys::{LiveKey, OUR_USER_AGENT},
    transport::{Outgoing, UpstreamBody, packed},
};

/// No balance is longer than this.
const LONGEST: usize = 512 * 1024;

type Heard = (StatusCode, HeaderMap, Bytes);

impl Prober {
    pub(super) async fn walk(&self, live: &LiveKey, probe: &Probe) -> Result<Told, Refusal> {
        let spec = &live.key.spec;
        let base = live.provider.base(spec.base_url.as_deref());
        let base = base.map_err(|error| Refusal::new(RefusalKind::Incomplete, error.to_string()))?;
        let place = Place { base: &base, key: &spec.api_key, values: &spec.balance.values, now: self.clock.now() };
        let mut run = Run::new(probe, place, &live.provider.rules);
        while let Some(request) = run.ask()? {
            let (status, headers, body) = self.exchange(live, &base, request).await?;
            run.hear(status, &headers, &body)?;
        }
        run.read()
    }

    async fn exchange(&self, live: &LiveKey, base: &str, request: Request<String>) -> Result<Heard, Refusal> {
        let outgoing = Outgoing { request: dressed(live, base, request), egress: live.egress.clone() };
        let patience = self.schedule.patience;
        let exchange = async {
            let answer = self.transport.send(outgoing).await.map_err(|error| unreachable(&error))?;
            let (head, body) = answer.into_parts();
            Ok((head.status, head.headers, collect(body).await?))
        };
        tokio::time::timeout(patience, exchange).await.unwrap_or_else(|_| Err(silent(patience)))
    }
}

/// The request as the key sends it: under its own User-Agent, and with its own headers where they belong.
fn dressed(live: &LiveKey, base: &str, request: Request<String>) -> Request<Chain> {
    let (mut head, body) = request.into_parts();
    let mut headers = HeaderMap::with_capacity(head.headers.len() + 4);
    headers.insert(header::USER_AGENT, live.egress.user_agent.clone().unwrap_or(OUR_USER_AGENT));
    // The key's own headers are meant for its upstream. A vendor's billing host is another one.
    if base.parse::<Uri>().is_ok_and(|base| base.authority() == head.uri.authority()) {
        headers.extend(live.egress.headers.clone());
    }
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.extend(std::mem::take(&mut head.headers));
    head.headers = headers;
    Request::from_parts(head, Chain::from(Bytes::from(body)))
}

async fn collect(mut body: UpstreamBody) -> Result<Bytes, Refusal> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreachable(&error))?;
        read.extend_from_slice(frame.data_ref().map(|data| &**data).unwrap_or_default());
        if read.len() > LONGEST {
            return Err(Refusal::new(RefusalKind::Unreadable, format!("the answer is longer than {LONGEST} bytes")));
        }
    }
    if !packed::is_packed(&read) {
        return Ok(read.freeze());
    }
    let damaged = || Refusal::new(RefusalKind::Unreadable, "the answer is compressed, and damaged or too long");
    packed::unpacked(&read, LONGEST).ok_or_else(damaged)
}

fn unreachable(error: &crate::transport::TransportError) -> Refusal {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Refusal::new(RefusalKind::Unreachable, format!("{error}{cause}"))
}

fn silent(patience: Duration) -> Refusal {
    Refusal::new(RefusalKind::Unreachable, format!("the upstream did not answer within {} ms", patience.as_millis()))
}
