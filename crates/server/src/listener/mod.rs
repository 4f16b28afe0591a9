//! Connections: accepting them, limiting them, timing them, ending them.
//!
//! Invariant: every wait on a client has a deadline, and a server that is told to stop has stopped when its drain
//! deadline is over.

mod activity;
mod connection;
mod networks;
mod stop;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mains_base::Result;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

pub(crate) use activity::Activity;
pub use networks::Network;
pub use stop::Stop;

use crate::router::Router;
use crate::tasks;
use connection::Connection;
use networks::Networks;

/// A listening server.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    router: Arc<Router>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Connections that were still open when the drain deadline was over, and were cut.
    pub cut: usize,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, router: Arc<Router>) -> Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, router })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop`, then lets open requests end within the drain deadline.
    pub async fn run(self, stop: Stop) -> Ended {
        let Self { listener, router } = self;
        let open = TaskTracker::new();
        let accepting = accept_all(&listener, &router, &stop, &open);
        tokio::select! {
            () = accepting => {}
            () = stop.asked() => {}
        }
        drop(listener);
        router.drain();
        open.close();
        let drained = timeout(router.settings().limits.drain, open.wait()).await;
        let cut = if drained.is_ok() { 0 } else { open.len() };
        stop.cut();
        open.wait().await;
        tracing::info!(cut, "stopped");
        Ended { cut }
    }
}

async fn accept_all(listener: &TcpListener, router: &Arc<Router>, stop: &Stop, open: &TaskTracker) {
    let settings = router.settings();
    let room = Arc::new(Semaphore::new(settings.limits.connections));
    let networks = Networks::new(settings.limits.connections_per_network, settings.trusted_proxies.clone());
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let (tcp, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or a client that left already: neither may end the loop or spin it.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(seat) = networks.enter(peer.ip()) else {
            tracing::debug!("a network has too many connections");
            continue;
        };
        prepare(&tcp);
        let connection = Connection::new(Arc::clone(router), stop.clone(), peer.ip());
        let serving = open.track_future(async move {
            connection.serve(tcp).await;
            drop((seat, place));
        });
        tasks::spawn("connection", serving);
    }
}

/// No delay for small answers; a peer that vanished is noticed by the kernel.
fn prepare(tcp: &TcpStream) {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_mins(1)).with_interval(Duration::from_secs(15));
    let set = tcp.set_nodelay(true).and_then(|()| SockRef::from(tcp).set_tcp_keepalive(&keepalive));
    if let Err(error) = set {
        tracing::debug!(%error, "a socket option could not be set");
    }
}
