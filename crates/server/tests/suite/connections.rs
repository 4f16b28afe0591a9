//! Clients that are slow, hostile or speak HTTP/2. Each waits for the server's move; nothing sleeps.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mains_server::{Limits, Server, Settings, Stop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::site::router;

/// Far more than any deadline here, so that a test that fails does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Deadlines of a test: 50 ms for all, so that none is waited for long.
fn short() -> Limits {
    let short = Duration::from_millis(50);
    Limits {
        first_byte: short,
        head: short,
        idle: short,
        body_grace: short,
        write_stall: short,
        ..Limits::default()
    }
}

/// A server on a free port.
pub(crate) async fn serve(limits: Limits) -> (SocketAddr, Stop) {
    let router = router(Settings { limits, ..Settings::default() });
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), router).await.unwrap();
    let (address, stop) = (server.address().unwrap(), Stop::new());
    mains_server::tasks::spawn("test.server", server.run(stop.clone()));
    (address, stop)
}

/// Sends bytes and reads until the server closes.
async fn until_closed(address: SocketAddr, sent: &[u8]) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(sent).await.unwrap();
    let mut answer = Vec::new();
    // A reset is as good an end as any.
    let _ = timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let (address, _stop) = serve(short()).await;
    assert_eq!(until_closed(address, b"").await, "");
}

#[tokio::test]
async fn a_head_that_is_no_http_is_told_what_is_wrong() {
    let (address, _stop) = serve(short()).await;
    let heads: [(&[u8], &str, &str); 4] = [
        (
            b"GET /api/notes?filter=stars>1 HTTP/1.1\r\nhost: x\r\n\r\n",
            "400 Bad Request",
            "request.unreadable",
        ),
        (b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", "400 Bad Request", "request.unreadable"),
        (b"nonsense\r\n\r\n", "400 Bad Request", "request.unreadable"),
        (b"GET / HTTP/1.1\r\nhost x\r\n\r\n", "400 Bad Request", "request.unreadable"),
    ];
    for (head, status, code) in heads {
        let answer = until_closed(address, head).await;
        let last = answer.rfind("HTTP/1.1 ").map_or("", |at| &answer[at..]);
        let (first, body) = last.split_once("\r\n\r\n").unwrap_or_default();
        assert!(first.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(
            first.contains("x-request-id: req_") && first.contains("application/problem+json"),
            "{answer}"
        );
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["code"], code, "{answer}");
    }
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
    let answer = until_closed(address, large.as_bytes()).await;
    assert!(answer.is_empty() || answer.contains("request.head_too_large"), "{answer}");
}

#[tokio::test]
async fn half_a_preface_or_half_a_head_is_closed() {
    let (address, _stop) = serve(short()).await;
    assert_eq!(until_closed(address, b"PRI * HTT").await, "");
    assert_eq!(until_closed(address, b"GET /health HTTP/1.1\r\nhost: a\r\n").await, "");
    assert_eq!(until_closed(address, b"G").await, "");
}

#[tokio::test]
async fn dripping_a_head_wins_no_time() {
    let (address, _stop) = serve(Limits { idle: PATIENCE, first_byte: PATIENCE, ..short() }).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let drip = async {
        // Ends when the server closes: writing then fails.
        while client.write_all(b"GET /health HTTP/1.1\r\nx: ").await.is_ok()
            && client.write_all(b"y").await.is_ok()
        {
            if client.read(&mut [0; 64]).await.is_ok_and(|length| length == 0) {
                break;
            }
        }
    };
    timeout(PATIENCE, drip).await.expect("the server closes");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let (address, _stop) = serve(short()).await;
    let answer = until_closed(address, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_closed() {
    let limits = Limits { drain: PATIENCE, ..short() };
    let router = router(Settings { limits, ..Settings::default() });
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), router).await.unwrap();
    let (address, stop) = (server.address().unwrap(), Stop::new());
    let running = mains_server::tasks::spawn("test.server", server.run(stop.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /test/large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    client.read_exact(&mut [0; 12]).await.unwrap();
    stop.ask();
    // The drain would wait longer than this test for an answer that is being taken.
    let ended = timeout(PATIENCE / 2, running).await.expect("the server gives up").unwrap().unwrap();
    assert_eq!(ended.cut, 0);
}

#[tokio::test]
async fn a_body_that_never_comes_or_drips_is_a_408() {
    let (address, _stop) = serve(short()).await;
    let head = "POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n";
    for begun in ["", "a", "ab"] {
        let answer = until_closed(address, format!("{head}{begun}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request.too_slow"), "{answer}");
    }
}

#[tokio::test]
async fn a_slow_body_takes_nothing_of_the_time_for_its_answer() {
    let answer = Duration::from_millis(50);
    let (address, _stop) = serve(Limits { answer, ..Limits::default() }).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(
        b"POST /test/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nab",
    )
    .await
    .unwrap();
    // Two answers that are given up, one behind the other, take longer than one may.
    for _ in 0..2 {
        let hung =
            until_closed(address, b"GET /test/hang HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(hung.starts_with("HTTP/1.1 503"), "{hung}");
    }
    slow.write_all(b"cd").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, slow.read_to_string(&mut answer)).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("abcd"), "{answer}");
}

#[tokio::test]
async fn a_body_in_pieces_arrives_whole() {
    let (address, _stop) = serve(Limits::default()).await;
    let sent = "POST /test/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                3\r\nabc\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n";
    let answer = until_closed(address, sent.as_bytes()).await;
    assert!(answer.ends_with("abcdef"), "{answer}");
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_says_that_the_connection_ends() {
    let (address, _stop) = serve(Limits::default()).await;
    for path in ["/test/error?who", "/none", "/api/none"] {
        let late = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n");
        let answer = until_closed(address, late.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{path}: {answer}");
    }
    let read = "POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
    let last = "POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let answer = until_closed(address, format!("{read}{read}{last}").as_bytes()).await;
    assert_eq!(
        answer.matches("HTTP/1.1 200").count(),
        3,
        "what was read leaves the connection open: {answer}"
    );
    assert_eq!(answer.matches("connection: close").count(), 1, "{answer}");
}

#[tokio::test]
async fn too_large_a_body_or_head_is_refused_and_the_connection_ends() {
    let (address, _stop) = serve(Limits { body_bytes: 10, ..Limits::default() }).await;
    let announced = b"POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n";
    let answer = until_closed(address, announced).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let chunked =
        b"POST /test/echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nb\r\n12345678901\r\n";
    let answer = until_closed(address, chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let head = format!("GET /health HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(33 * 1024));
    let answer = until_closed(address, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn smuggling_is_refused() {
    let (address, _stop) = serve(Limits::default()).await;
    for head in [
        "POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "GET /health HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\n x: y\r\n\r\n",
    ] {
        let answer = until_closed(address, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn a_network_gets_no_more_than_its_share() {
    let (address, _stop) = serve(Limits { connections_per_network: 1, ..Limits::default() }).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    first.read_exact(&mut [0; 12]).await.unwrap();
    assert_eq!(until_closed(address, b"").await, "");
}

#[tokio::test]
async fn a_panic_over_a_connection_harms_nobody() {
    let (address, _stop) = serve(Limits::default()).await;
    let two = b"GET /test/boom HTTP/1.1\r\nhost: a\r\n\r\nGET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = until_closed(address, two).await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn http_2_by_prior_knowledge() {
    let (address, _stop) = serve(Limits::default()).await;
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    mains_server::tasks::spawn("test.client", connection);
    for body in ["one", "two"] {
        let request = http::Request::post(format!("http://{address}/test/echo"));
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.version(), http::Version::HTTP_2);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body.as_bytes());
    }
}

#[tokio::test]
async fn an_idle_connection_of_http_2_is_told_goodbye() {
    let (address, _stop) = serve(short()).await;
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (_sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), io).await.unwrap();
    // Ends without an error only after a GOAWAY.
    timeout(PATIENCE, connection).await.expect("the server closes").unwrap();
}

/// One connection of HTTP/2 that makes no room for what it asks for.
#[tokio::test]
async fn answers_that_nobody_takes_are_bounded() {
    let limits = Limits { unread_of_network: 1_000_000, ..Limits::default() };
    let (address, _stop) = serve(limits).await;
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1)
        .handshake(io)
        .await
        .unwrap();
    mains_server::tasks::spawn("test.client", connection);
    let (mut statuses, mut untaken) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let request = http::Request::post(format!("http://{address}/test/echo"));
        let request = request.body(Full::new(Bytes::from(vec![b'a'; 300_000]))).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        statuses.push(answer.status().as_u16());
        untaken.push(answer);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429, 429, 429]);
    drop(untaken);
    let request = http::Request::post(format!("http://{address}/test/echo"));
    let request = request.body(Full::new(Bytes::from(vec![b'a'; 300_000]))).unwrap();
    // What was not taken is let go with the connection's next turn.
    let answer = timeout(PATIENCE, async {
        loop {
            let answer = sender.send_request(request.clone()).await.unwrap();
            if answer.status() == 200 {
                break answer;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(answer.await.unwrap().status(), 200);
}
