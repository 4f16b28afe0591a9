//! Stopping: what is open ends, what is idle goes, what hangs is cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mains_base::Result;
use mains_server::request::Sent;
use mains_server::{Call, Door, Limits, Response, Router, Server, Settings, Site, Stop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::connections::PATIENCE;

/// How many requests have begun, and how many may end, for each test.
static BEGUN: [Semaphore; 2] = [Semaphore::const_new(0), Semaphore::const_new(0)];
static END: [Semaphore; 2] = [Semaphore::const_new(0), Semaphore::const_new(0)];

fn wait<'r, const TEST: usize>(_: &'r Call<'r>, _: Sent) -> BoxFuture<'r, Result<Response>> {
    Box::pin(async {
        BEGUN[TEST].add_permits(1);
        END[TEST].acquire().await.unwrap().forget();
        Ok(Response::new("finished".into()))
    })
}

fn hang<'r>(_: &'r Call<'r>, _: Sent) -> BoxFuture<'r, Result<Response>> {
    Box::pin(async {
        HUNG.add_permits(1);
        std::future::pending().await
    })
}

static HUNG: Semaphore = Semaphore::const_new(0);

async fn server(drain: Duration) -> Server {
    let doors = vec![
        Door::new("/wait/0", "GET", wait::<0>),
        Door::new("/wait/1", "GET", wait::<1>),
        Door::new("/hang", "GET", hang),
    ];
    let settings = Settings { limits: Limits { drain, ..Limits::default() }, ..Settings::default() };
    let router = Arc::new(Router::new(settings, &Site { doors, ..Site::empty() }).unwrap());
    Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), router).await.unwrap()
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_idle_connections_go() {
    let server = server(PATIENCE).await;
    let (address, stop) = (server.address().unwrap(), Stop::new());
    let running = mains_server::tasks::spawn("test.server", server.run(stop.clone()));
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 12]).await.unwrap();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET /wait/0 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    BEGUN[0].acquire().await.unwrap().forget();

    stop.ask();
    timeout(PATIENCE, idle.read_to_end(&mut Vec::new())).await.expect("idle connections are closed").unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody new comes in");
    END[0].add_permits(1);

    let mut answer = String::new();
    timeout(PATIENCE, open.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("connection: close") && answer.ends_with("finished"), "{answer}");
    assert_eq!(timeout(PATIENCE, running).await.unwrap().unwrap().unwrap().cut, 0);
}

#[tokio::test]
async fn a_request_in_flight_over_http_2_is_answered_before_goodbye() {
    let server = server(PATIENCE).await;
    let (address, stop) = (server.address().unwrap(), Stop::new());
    let running = mains_server::tasks::spawn("test.server", server.run(stop.clone()));
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = mains_server::tasks::spawn("test.client", connection);
    let request = http::Request::get(format!("http://{address}/wait/1")).body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request);
    let asked = async {
        BEGUN[1].acquire().await.unwrap().forget();
        stop.ask();
        END[1].add_permits(1);
    };
    let (answer, ()) = tokio::join!(answer, asked);
    let body = answer.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "finished");
    timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap().expect("the end is said, not cut");
    assert_eq!(timeout(PATIENCE, running).await.unwrap().unwrap().unwrap().cut, 0);
}

#[tokio::test]
async fn what_hangs_is_cut_when_the_deadline_is_over() {
    let server = server(Duration::from_millis(20)).await;
    let (address, stop) = (server.address().unwrap(), Stop::new());
    let running = mains_server::tasks::spawn("test.server", server.run(stop.clone()));
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET /hang HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    HUNG.acquire().await.unwrap().forget();
    stop.ask();
    assert_eq!(timeout(PATIENCE, running).await.unwrap().unwrap().unwrap().cut, 1);
    let mut answer = String::new();
    let _ = open.read_to_string(&mut answer).await;
    assert_eq!(answer, "");
}
