//! A transport of one's own: any tower service that takes an [`Outgoing`] will do.
//!
//! This one sends nothing anywhere: it tells what would leave, and answers itself. A real one could sign requests, count
//! bytes, or go through something that is no HTTP proxy.

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    keys::KeySpec,
    secret::Secret,
    transport::{Answer, Outgoing, from_service},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tower::{ServiceExt as _, service_fn};

const ANSWER: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,
    "message":{"role":"assistant","content":"Hello!"},"finish_reason":"stop"}],
    "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;

async fn send(outgoing: Outgoing) -> Answer {
    let Outgoing { request, egress } = outgoing;
    println!("{} {} through {:?}", request.method(), request.uri(), egress.proxy);
    let body = Full::new(Bytes::from(ANSWER)).map_err(|never| match never {}).boxed_unsync();
    let mut answer = http::Response::new(body);
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Pool::builder().transport(from_service(service_fn(send))).build().await?;
    let mut key = KeySpec::new("mine", "openai", Secret::new("sk-example"));
    key.egress.proxy = Some("socks5h://user:secret@127.0.0.1:1080".parse()?);
    pool.handle().add_key(key).await?;
    let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;

    let request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {}", token.expose()))
        .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
    let Ok(answer) = pool.clone().oneshot(request).await;
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    println!("{}", String::from_utf8_lossy(&body));

    pool.handle().close().await;
    Ok(())
}
