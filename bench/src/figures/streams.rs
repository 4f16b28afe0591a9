//! Streams of changes: how soon a thousand clients hear of one change, the same where a rule asks who is a member, and
//! what ten thousand idle ones cost.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use socket2::{Domain, Socket, Type};

use super::Setting;
use super::members::Members;
use crate::load::{outcome, post};
use crate::ours::Site;
use crate::process::Server;
use crate::report::Figure;

/// Who hears of one change.
const CLIENTS: usize = 1_000;
/// Who waits for nothing.
const IDLE: usize = 10_000;
/// Streams from one address, so that no network has more than its share.
const OF_ADDRESS: usize = 250;
/// Changes of a round, and the pause between them.
const CHANGES: usize = 200;
const PAUSE: Duration = Duration::from_millis(10);
/// The bars.
const MILLISECONDS: f64 = 20.0;
const MEGABYTES: f64 = 300.0;

/// All three.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir_in(&setting.folder)?;
    let site = Site::make(&setting.mains, folder.path(), 1)?;
    Ok(vec![heard(&site)?, members(setting)?, idle(&site)?])
}

fn figure(name: &'static str, unit: &'static str, (ours, bar): (f64, f64), notes: String) -> Figure {
    Figure { name, peer: "bar".to_owned(), unit, ours, theirs: bar, goal: 1.0, at_most: true, notes }
}

/// From sending a change to its arrival at each of the clients, over HTTP.
fn heard(site: &Site) -> Result<Figure> {
    let server = site.serve()?;
    let streams = Streams::open(server.port, CLIENTS, |_| listening("posts", ""))?;
    let request = post("/api/posts", &site.header(), r#"{"title":"t","body":"b","views":1,"public":true}"#);
    told("streams", &server, streams, &request, "clients")
}

/// The same where each is another account that hears only as a member of a room.
fn members(setting: &Setting) -> Result<Figure> {
    let folder = tempfile::tempdir_in(&setting.folder)?;
    let members = Members::make(&setting.mains, folder.path(), CLIENTS)?;
    let header = |place: usize| members.cookies.get(place).map_or("", String::as_str);
    let streams = Streams::open(members.server.port, CLIENTS, |place| listening("lines", header(place)))?;
    told("members", &members.server, streams, &members.line(), "members of a room, each an account")
}

/// Sends changes, and waits for each until all have heard of it.
fn told(
    name: &'static str,
    server: &Server,
    mut streams: Streams,
    request: &[u8],
    whom: &str,
) -> Result<Figure> {
    let mut writer = TcpStream::connect(("127.0.0.1", server.port))?;
    writer.set_nodelay(true)?;
    let mut latencies = Vec::with_capacity(CLIENTS * CHANGES);
    let (begun, before) = (Instant::now(), server.cpu());
    for _ in 0..CHANGES {
        let sent = Instant::now();
        writer.write_all(request)?;
        streams.each_hears(|| {
            latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        })?;
        let mut answer = [0; 4096];
        let length = writer.read(&mut answer)?;
        if !answer.get(..length).unwrap_or_default().starts_with(b"HTTP/1.1 201") {
            return Err(Error::other(String::from_utf8_lossy(answer.get(..length).unwrap_or_default())));
        }
        std::thread::sleep(PAUSE);
    }
    let cpu = server.cpu().saturating_sub(before).as_secs_f64() * 1e6 / (CLIENTS * CHANGES) as f64;
    let found = outcome(latencies, 0, begun.elapsed());
    let notes = format!(
        "p50 {:?} of one change to {CLIENTS} {whom}, from sending it, durable; {cpu:.1} µs of CPU for each",
        found.p50
    );
    Ok(figure(name, "ms", (found.p99.as_secs_f64() * 1e3, MILLISECONDS), notes))
}

/// The request of a stream.
fn listening(topic: &str, header: &str) -> String {
    format!("GET /api/changes?topics={topic} HTTP/1.1\r\nhost: localhost\r\n{header}\r\n")
}

/// Memory of the server with idle streams.
fn idle(site: &Site) -> Result<Figure> {
    let server = site.serve()?;
    let before = server.memory();
    let streams = Streams::open(server.port, IDLE, |_| listening("posts", ""))?;
    let megabytes = server.memory() as f64 / 1e6;
    let each = (server.memory().saturating_sub(before)) as f64 / 1e3 / streams.all.len() as f64;
    let notes = format!("{} idle streams, {each:.1} kB each", streams.all.len());
    Ok(figure("idle", "MB", (megabytes, MEGABYTES), notes))
}

/// Open streams.
struct Streams {
    all: Vec<TcpStream>,
    poll: rustix::fd::OwnedFd,
}

impl Streams {
    fn open(port: u16, count: usize, request: impl Fn(usize) -> String) -> Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut all = Vec::with_capacity(count);
        for place in 0..count {
            let mut stream = connected(port, place)?;
            stream.write_all(request(place).as_bytes())?;
            until(&mut stream, "event: ready")?;
            stream.set_nonblocking(true)?;
            epoll::add(&poll, &stream, EventData::new_u64(place as u64), EventFlags::IN)?;
            all.push(stream);
        }
        Ok(Self { all, poll })
    }

    /// Waits until each has the next change.
    fn each_hears(&mut self, mut heard: impl FnMut()) -> Result<()> {
        let mut waiting = vec![true; self.all.len()];
        let mut left = self.all.len();
        let mut events = Vec::with_capacity(self.all.len());
        let mut chunk = [0; 1 << 14];
        while left > 0 {
            let patience = rustix::event::Timespec { tv_sec: 5, tv_nsec: 0 };
            if epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut events), Some(&patience))? == 0 {
                return Err(Error::other(format!("{left} streams hear nothing")));
            }
            for event in events.drain(..) {
                let place = usize::try_from(event.data.u64()).unwrap_or(0);
                let Some(stream) = self.all.get_mut(place) else { continue };
                let length = match stream.read(&mut chunk) {
                    Ok(0) => return Err(Error::other("a stream ended")),
                    Ok(length) => length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error),
                };
                let is_change = String::from_utf8_lossy(chunk.get(..length).unwrap_or_default())
                    .contains("event: change");
                if let Some(waits) = waiting.get_mut(place).filter(|waits| **waits && is_change) {
                    *waits = false;
                    left -= 1;
                    heard();
                }
            }
        }
        Ok(())
    }
}

/// A connection from one of many addresses of this machine.
fn connected(port: u16, place: usize) -> Result<TcpStream> {
    let network = u8::try_from(place / OF_ADDRESS).map_err(Error::other)?;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, network, 1), 0)).into())?;
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

fn until(stream: &mut TcpStream, text: &str) -> Result<()> {
    let (mut read, mut chunk) = (String::new(), [0; 1024]);
    while !read.contains(text) {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Err(Error::other(format!("a stream was refused: {read}")));
        }
        read.push_str(&String::from_utf8_lossy(chunk.get(..length).unwrap_or_default()));
    }
    Ok(())
}
