//! The load client: one thread, an epoll loop, keep-alive connections that each wait for their answer.
//!
//! It parses no more of an answer than its end and its status, so that it is never what is measured. Bounded in
//! connections and time; it talks to this machine's loopback only.

#![expect(clippy::indexing_slicing, reason = "places in buffers and lists of this file")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

/// What is sent: request number → bytes on the wire.
pub(crate) type Requests<'r> = &'r dyn Fn(u64) -> Vec<u8>;

/// How hard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) port: u16,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) answers: u64,
    /// Answers that are not 2xx.
    pub(crate) refused: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Bytes of an answer that a connection takes, so that the answers measured here come in one piece.
const BUFFER: usize = 1 << 17;

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    sent: Instant,
}

/// Runs the load and waits for its end.
pub(crate) fn run(load: Load, requests: Requests<'_>) -> std::io::Result<Outcome> {
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut connections = open(load, &poll)?;
    let begun = Instant::now();
    let mut number = 0;
    for connection in &mut connections {
        send(connection, requests, &mut number)?;
    }
    let mut latencies: Vec<u32> = Vec::with_capacity(1 << 20);
    let mut refused = 0;
    let mut events = Vec::with_capacity(load.connections);
    while begun.elapsed() < load.time {
        let patience = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&patience))?;
        for event in events.drain(..) {
            let connection = &mut connections[usize::try_from(event.data.u64()).unwrap_or(0)];
            if let Some(good) = receive(connection)? {
                let micros = connection.sent.elapsed().as_micros();
                latencies.push(u32::try_from(micros).unwrap_or(u32::MAX));
                refused += u64::from(!good);
                send(connection, requests, &mut number)?;
            }
        }
    }
    Ok(outcome(latencies, refused, begun.elapsed()))
}

fn open(load: Load, poll: &rustix::fd::OwnedFd) -> std::io::Result<Vec<Connection>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, load.port));
    let mut connections = Vec::with_capacity(load.connections);
    for place in 0..load.connections {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(poll, &stream, EventData::new_u64(place as u64), EventFlags::IN)?;
        connections.push(Connection { stream, buffer: vec![0; BUFFER], filled: 0, sent: Instant::now() });
    }
    Ok(connections)
}

fn send(connection: &mut Connection, requests: Requests<'_>, number: &mut u64) -> std::io::Result<()> {
    let bytes = requests(*number);
    *number += 1;
    connection.filled = 0;
    connection.sent = Instant::now();
    connection.stream.write_all(&bytes)
}

/// Reads what is there; `Some(2xx)` when the answer is complete.
fn receive(connection: &mut Connection) -> std::io::Result<Option<bool>> {
    let filled = connection.filled;
    match connection.stream.read(&mut connection.buffer[filled..]) {
        Ok(0) => return Err(std::io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection")),
        Ok(length) => connection.filled += length,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    }
    let bytes = &connection.buffer[..connection.filled];
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = &bytes[..end];
    let complete = match content_length(head) {
        Some(length) => bytes.len() >= end + 4 + length,
        None => {
            bytes.ends_with(b"0\r\n\r\n")
                || !head.to_ascii_lowercase().windows(7).any(|word| word == b"chunked")
        }
    };
    Ok(complete.then(|| bytes.get(9) == Some(&b'2')))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn content_length(head: &[u8]) -> Option<usize> {
    let name = b"content-length: ";
    let at = head.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name))?;
    let digits = head[at + name.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

/// What these latencies in microseconds say.
pub(crate) fn outcome(mut latencies: Vec<u32>, refused: u64, took: Duration) -> Outcome {
    latencies.sort_unstable();
    let at = |share: usize| {
        let micros = latencies.get(latencies.len() * share / 100).copied().unwrap_or_default();
        Duration::from_micros(u64::from(micros))
    };
    let answers = latencies.len() as u64;
    Outcome { answers, refused, per_second: answers as f64 / took.as_secs_f64(), p50: at(50), p99: at(99) }
}

/// A GET on a kept connection.
pub(crate) fn get(path: &str, header: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{header}\r\n").into_bytes()
}

/// A POST of JSON on a kept connection.
pub(crate) fn post(path: &str, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{header}\r\n{body}")
        .into_bytes()
}
