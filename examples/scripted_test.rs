//! How a program that uses the pool is tested: an upstream by script, and what it saw.
//!
//! This would be a `#[tokio::test(start_paused = true)]`; as a program it shows that it holds.

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    keys::KeySpec,
    secret::Secret,
    store::{Page, RecordFilter},
    testkit::{Reply, Script},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tower::ServiceExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The first key is limited, the second breaks off before it answers, the third answers.
    let upstream = Script::new()
        .on("sk-a", Reply::limited().retry_after_secs(30))
        .on("sk-b", Reply::reset())
        .on("sk-c", Reply::chat("Hello!"));
    let pool = Pool::builder().transport(upstream.clone()).build().await?;
    for (priority, key) in [(3, "sk-a"), (2, "sk-b"), (1, "sk-c")] {
        let mut spec = KeySpec::new(key, "openai", Secret::new(key));
        spec.priority = priority;
        pool.handle().add_key(spec).await?;
    }
    let (_, token) = pool.handle().add_token(TokenSpec::named("test")).await?;

    let request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {}", token.expose()))
        .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
    let Ok(answer) = pool.clone().oneshot(request).await;
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("Hello!"));

    assert_eq!(upstream.keys_tried(), ["sk-a", "sk-b", "sk-c"]);
    pool.handle().flush().await;
    let records = pool.handle().records(RecordFilter::default(), Page { before: None, limit: 10 }).await?;
    assert_eq!(records.iter().map(|record| record.attempt_count).collect::<Vec<_>>(), [3]);
    println!("one call, three attempts, one record");
    Ok(())
}
