//! The shortest way to an answer: a pool with one key, called as a tower service.
//!
//! Run it with `OPENAI_API_KEY` set to ask the real service; without it an upstream by script answers.

use amp_pool_core::{Pool, PoolBuilder, caller::TokenSpec, keys::KeySpec, secret::Secret};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tower::ServiceExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (builder, key) = upstream();
    let pool = builder.build().await?;
    pool.handle().add_key(KeySpec::new("mine", "openai", key)).await?;
    let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;

    let request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {}", token.expose()))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(
            r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello"}]}"#,
        )))?;
    let Ok(answer) = pool.clone().oneshot(request).await;
    println!("{}", String::from_utf8_lossy(&answer.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes()));

    pool.handle().close().await;
    Ok(())
}

fn upstream() -> (PoolBuilder, Secret) {
    use amp_pool_core::testkit::{Reply, Script};
    match std::env::var("OPENAI_API_KEY") {
        Ok(key) => (Pool::builder(), Secret::new(key)),
        Err(_) => (
            Pool::builder().transport(Script::new().on("sk-example", Reply::chat("Hello!"))),
            Secret::new("sk-example"),
        ),
    }
}
