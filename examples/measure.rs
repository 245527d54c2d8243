//! What an event of a stream costs, taken from the pool in Rust: beside `examples/python/measure.py`, which takes the same.
//!
//! Run it with `make bench-python`.

use std::time::Instant;

use amp_pool_core::{Pool, caller::TokenSpec, format::Scanner, keys::KeySpec, secret::Secret};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tower::ServiceExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted: u32 = std::env::args().nth(1).ok_or("how many events?")?.parse()?;
    let mut spec = KeySpec::new("mine", "openai", Secret::new("sk-example"));
    spec.base_url = Some(format!("{}/v1", std::env::var("AMP_POOL_UPSTREAM")?));
    let pool = Pool::builder().build().await?;
    pool.handle().add_key(spec).await?;
    let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;

    // The best of five: what is measured is the work, not the machine's other work.
    let mut best = f64::MAX;
    for _ in 0..5 {
        let body = format!(r#"{{"model":"gpt-many-{wanted}","stream":true,"messages":[]}}"#);
        let request = http::Request::post("/v1/chat/completions")
            .header("authorization", format!("Bearer {}", token.expose()))
            .body(Full::new(Bytes::from(body)))?;
        let begin = Instant::now();
        let Ok(answer) = pool.clone().oneshot(request).await;
        let (mut body, mut scanner, mut events, mut size) = (answer.into_body(), Scanner::new(), 0, 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| error.to_string())?.into_data().unwrap_or_default();
            scanner.feed(&frame, |event| {
                events += 1;
                size += event.data.into_owned().len();
            });
        }
        assert!(events >= wanted && size > 0, "{events} events");
        best = best.min(begin.elapsed().as_secs_f64() * 1e6 / f64::from(events));
    }
    println!("{best:.2}");
    pool.handle().close().await;
    Ok(())
}
