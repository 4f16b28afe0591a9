//! The physical limit of HTTP here: hyper that answers every request with the same prepared bytes.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[expect(clippy::disallowed_methods, reason = "a bench has no tasks to look after")]
/// Serves until it is killed; `body` is the answer.
pub(crate) fn serve(port: u16, body: String) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let body = Bytes::from(body);
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let body = body.clone();
            let answer = move |_request: Request<Incoming>| {
                let answer = Response::builder()
                    .header("content-type", "application/json")
                    .body(Full::new(body.clone()));
                std::future::ready(Ok::<_, Infallible>(answer.unwrap_or_default()))
            };
            let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::task::spawn(serving);
        }
    })
}
