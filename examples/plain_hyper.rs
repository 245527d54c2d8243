//! A pool served by hyper alone: no framework, one connection a task.

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    keys::KeySpec,
    secret::Secret,
    testkit::{Reply, Script},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let upstream = Script::new().on("sk-example", Reply::chat("Hello!"));
    let pool = Pool::builder().transport(upstream).build().await?;
    pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-example"))).await?;
    let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = TowerToHyperService::new(pool.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                // HTTP/1 and HTTP/2, as the client likes. A client that goes away is no failure of ours.
                let connection = Builder::new(TokioExecutor::new());
                drop(connection.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });

    let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello"}]}"#;
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    let about = format!("authorization: Bearer {}\r\ncontent-length: {}\r\n\r\n", token.expose(), body.len());
    let mut client = TcpStream::connect(address).await?;
    client.write_all([head.as_str(), &about, body].concat().as_bytes()).await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    println!("{answer}");

    pool.handle().close().await;
    Ok(())
}
