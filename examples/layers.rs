//! Layers à la carte: three of the pool's layers around a service of one's own, and no pool at all.
//!
//! Each layer takes one type and calls the next with another, so the compiler knows which order has a meaning.

use std::sync::Arc;

use amp_pool_core::{
    Error,
    caller::{ClientToken, TokenDigest, TokenSpec},
    id::TokenId,
    service::{
        Call, Limits, PoolBody,
        auth::{AuthLayer, Tokens},
        read::ReadLayer,
        render::RenderLayer,
    },
    time::{SystemClock, Timestamp},
};
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use http_body_util::{BodyExt as _, Full};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

/// Answers a call that somebody known made, and whose body was read and understood.
fn answer(call: Call) -> BoxFuture<'static, Result<http::Response<PoolBody>, Error>> {
    let Call { caller, ask, body, .. } = call;
    let (who, what) = (&caller.name, &*ask.model);
    let text = format!(r#"{{"caller":"{who}","model":"{what}","bytes":{}}}"#, body.len());
    let answer = match what {
        "gpt-none" => Err(Error::unknown_model(what)),
        _ => Ok(http::Response::new(PoolBody::from(Bytes::from(text)))),
    };
    std::future::ready(answer).boxed()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Timestamp::from_millis(0);
    let (digest, spec) = (TokenDigest::of("amp-1"), TokenSpec::named("ada"));
    let token = ClientToken { id: TokenId(1), create_time: now, update_time: now, digest, hint: String::new(), spec };
    let tokens = Tokens::default();
    tokens.replace([(token, Vec::new())]);

    let stack = ServiceBuilder::new()
        .layer(RenderLayer::new(Arc::new(SystemClock)))
        .layer(AuthLayer::new(Arc::new(tokens)))
        .layer(ReadLayer::new(Limits::default()))
        .service(service_fn(answer));

    for (token, model) in [("amp-1", "gpt-4o"), ("amp-1", "gpt-none"), ("amp-2", "gpt-4o")] {
        let body = Full::new(Bytes::from(format!(r#"{{"model":"{model}","messages":[]}}"#)));
        let request = http::Request::post("/v1/chat/completions").header("x-api-key", token).body(body)?;
        let Ok(answer) = stack.clone().oneshot(request).await;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        println!("{token} asks for {model}: {status} {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
