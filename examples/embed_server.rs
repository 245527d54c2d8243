//! The whole server inside a program: gateway, admin API and UI on a port, until the program wants no more.

use amp_pool_server::{
    Server,
    config::{Database, Settings},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::oneshot;
use tower::ServiceExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Nothing is kept; with `data_dir` alone, everything is.
    let settings = Settings { port: 0, database: Some(Database::Memory), ..Settings::default() };
    let server = Server::bind(settings).await?;
    let (pool, admin, url) = (server.pool(), server.admin(), format!("http://{}", server.local_addr()));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }, std::future::pending()));
    println!("serving at {url}");

    // The program itself may ask the admin API without a token, and call the pool without the network.
    let body = r#"{"name":"mine","provider":"openai","api_key":"sk-example"}"#;
    let request = http::Request::post("/api/keys").header("content-type", "application/json");
    let answer = admin.answer(request.body(Full::new(Bytes::from(body)))?).await;
    println!("a key: {}", answer.status());

    let request = http::Request::get("/v1/models").header("x-api-key", "amp-nobody").body(Full::<Bytes>::default())?;
    let Ok(answer) = pool.oneshot(request).await;
    let status = answer.status();
    let text = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    println!("a stranger: {status} {}", String::from_utf8_lossy(&text));

    // Running calls may finish; everything is on disk when this is done.
    let _ = stop.send(());
    running.await?;
    println!("stopped");
    Ok(())
}
