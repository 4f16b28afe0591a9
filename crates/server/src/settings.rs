//! What the server is told before it starts, and every limit it keeps.
//!
//! Invariant: nothing here is read from the environment; the command line fills it in once.

use std::time::Duration;

use crate::proxies::Proxy;

/// Settings of the server.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where the site is reached from outside, such as `https://shop.example`; absent: what the `Host` header says.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed; they are not counted as one network.
    pub trusted_proxies: Vec<Proxy>,
    /// Answer unknown addresses of pages with `public/index.html`.
    pub spa: bool,
    /// Deadlines, sizes and counts.
    pub limits: Limits,
}

/// Deadlines, sizes and counts. Each protects everybody from one client.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections; more wait in the kernel's queue.
    pub connections: usize,
    /// Open connections of one network (IPv4 /24, IPv6 /48); more are closed at once.
    pub connections_per_network: usize,
    /// Requests being answered at the same time; more get 503.
    pub requests: usize,
    /// Streams of one HTTP/2 connection at the same time.
    pub streams: u32,
    /// Open streams of changes; more get 503.
    pub live: usize,
    /// Open streams of one account or key; more get 429.
    pub live_of_caller: usize,
    /// Open streams of the visitors of one network (IPv4 /24, IPv6 /48); more get 429.
    pub live_of_network: usize,
    /// Between two signs of life of an idle stream of changes.
    pub heartbeat: Duration,
    /// From the accept to the first byte.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Between two requests of one connection.
    pub idle: Duration,
    /// A body may be as slow as it likes for this long.
    pub body_grace: Duration,
    /// Then it must have kept this rate, in bytes per second.
    pub body_rate: u32,
    /// Without the client taking a byte of an answer.
    pub write_stall: Duration,
    /// Bytes of answers that clients have not taken yet; an answer beyond gets 429.
    pub unread: usize,
    /// The same of one network (IPv4 /24, IPv6 /48).
    pub unread_of_network: usize,
    /// For a handler to answer.
    pub answer: Duration,
    /// For open requests to end when the server is told to stop.
    pub drain: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Bytes of a request's address.
    pub address_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_network: 1_024,
            requests: 4_096,
            streams: 128,
            live: 16_384,
            live_of_caller: 64,
            live_of_network: 512,
            heartbeat: Duration::from_secs(15),
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_grace: Duration::from_secs(5),
            body_rate: 1_024,
            write_stall: Duration::from_secs(30),
            unread: 256 * 1024 * 1024,
            unread_of_network: 48 * 1024 * 1024,
            answer: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            head_bytes: 32 * 1024,
            address_bytes: 8 * 1024,
            body_bytes: 1024 * 1024,
        }
    }
}
