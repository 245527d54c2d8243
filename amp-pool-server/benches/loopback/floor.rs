//! The floor: the least that a proxy in front of the upstream can do, and so the unit in which the pool is measured.
//!
//! It sends each request on with another address and hands bodies through frame by frame. It knows no keys, reads no
//! body, keeps no books.

use http::{Request, Uri, header, uri::Authority};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{Result, host};

/// Forwards to `upstream` until the driver is gone. Its runtime is the one the server has: a thread for two
/// processors.
pub(crate) fn run(upstream: &str) -> Result<()> {
    let upstream: Authority = upstream.parse()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let serving = host::serve(move |request| {
        let (client, upstream) = (client.clone(), upstream.clone());
        async move { Ok(client.request(redirect(request, upstream)?).await?) }
    });
    let threads = std::thread::available_parallelism()?.get().div_ceil(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    match runtime.block_on(serving)? {}
}

fn redirect(mut request: Request<Incoming>, upstream: Authority) -> Result<Request<Incoming>> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::builder().scheme("http").authority(upstream).path_and_query(path).build()?;
    // The client writes the upstream's.
    request.headers_mut().remove(header::HOST);
    Ok(request)
}
