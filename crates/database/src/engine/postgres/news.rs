//! News between nodes: NOTIFY and LISTEN, on a connection of its own so that no write pays for it.
//!
//! A node that has committed says that something is written; the one that numbers the log looks at once, and says how
//! far the log is. A node that has enqueued jobs says that, too. Invariant: nothing depends on it. What is lost here is found by the next look a moment later.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client, Connection, Notification, Socket};

use super::address::Address;
use super::connector::{Connector, Stream};

/// Somebody has committed changes that have no position yet.
const WRITTEN: &str = "mains_written";
/// The log has got new positions, up to the one said.
const NUMBERED: &str = "mains_numbered";
/// A node has enqueued jobs; the payload says which one.
const ENQUEUED: &str = "mains_enqueued";
/// A node has changed the schema; said in the transaction that did it.
const ALTERED: &str = "mains_altered";
/// Between two words of one node that it has written: as long as a round of the sequencer takes.
const BREATH: Duration = Duration::from_millis(4);
/// How long connecting and every word may take, and how long nobody tries after a failure.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the sequencer and the news tell each other.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// Another node has written.
    pub(super) written: watch::Sender<u64>,
    /// How far this node has numbered the log.
    pub(super) numbered: watch::Sender<i64>,
    /// This node has enqueued jobs, which others are to be told.
    pub(super) enqueued: watch::Sender<u64>,
    /// Another node has.
    pub(super) enqueued_elsewhere: watch::Sender<u64>,
    /// Some node has changed the schema, or may have while nobody listened.
    pub(super) altered: watch::Sender<u64>,
    /// This node holds the lease.
    pub(super) leads: watch::Sender<bool>,
    /// The engine closes.
    pub(super) closing: watch::Sender<bool>,
    /// News come in, so that looking on suspicion can be rare.
    pub(super) hears: AtomicBool,
}

/// The thread of the news.
pub(super) struct News {
    pub(super) address: Address,
    pub(super) commits: watch::Receiver<u64>,
    pub(super) channels: Arc<Channels>,
    pub(super) advanced: Arc<watch::Sender<u64>>,
}

type Listening = Connection<Socket, Stream>;

impl News {
    /// Works until the engine closes.
    pub(super) fn work(mut self) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                return tracing::warn!(%error, "no news from other nodes; the log is looked at instead");
            }
        };
        let mut closing = self.channels.closing.subscribe();
        runtime.block_on(async {
            tokio::select! {
                _ = closing.wait_for(|closes| *closes) => {}
                () = self.live() => {}
            }
        });
    }

    async fn live(&mut self) {
        loop {
            let ended = self.listen().await;
            self.channels.hears.store(false, Ordering::Relaxed);
            if let Err(cause) = ended {
                tracing::debug!(cause, "the news were interrupted");
            }
            tokio::time::sleep(PATIENCE).await;
        }
    }

    /// One connection, as long as it lasts.
    async fn listen(&mut self) -> Result<(), String> {
        let connecting =
            tokio::time::timeout(PATIENCE, self.address.config.connect(Connector(self.address.tls.clone())));
        let connected = connecting.await.map_err(|_| "connecting took too long".to_owned())?;
        let (client, connection) = connected.map_err(|cause| cause.to_string())?;
        let (channels, advanced) = (Arc::clone(&self.channels), Arc::clone(&self.advanced));
        let own = own_name()?;
        tokio::select! {
            ended = hear(connection, (&channels, &advanced), &own) => ended,
            ended = self.speak(&client, &own) => ended,
        }
    }

    async fn speak(&mut self, client: &Client, own: &str) -> Result<(), String> {
        say(client, &format!("LISTEN {WRITTEN}; LISTEN {NUMBERED}; LISTEN {ENQUEUED}; LISTEN {ALTERED}"))
            .await?;
        self.channels.hears.store(true, Ordering::Relaxed);
        let channels = Arc::clone(&self.channels);
        let (mut numbered, mut enqueued) = (channels.numbered.subscribe(), channels.enqueued.subscribe());
        let mut leads = channels.leads.subscribe();
        // What was enqueued while nobody was told, here or elsewhere.
        say(client, &format!("NOTIFY {ENQUEUED}, '{own}'")).await?;
        channels.enqueued_elsewhere.send_modify(|count| *count = count.wrapping_add(1));
        channels.altered.send_modify(|count| *count = count.wrapping_add(1));
        loop {
            // Whoever numbers the log is woken by its own commits already.
            let numbers = *leads.borrow_and_update();
            tokio::select! {
                changed = leads.changed() => changed.map_err(|cause| cause.to_string())?,
                changed = numbered.changed() => {
                    changed.map_err(|cause| cause.to_string())?;
                    let position = *numbered.borrow_and_update();
                    say(client, &format!("NOTIFY {NUMBERED}, '{position}'")).await?;
                }
                changed = enqueued.changed() => {
                    changed.map_err(|cause| cause.to_string())?;
                    say(client, &format!("NOTIFY {ENQUEUED}, '{own}'")).await?;
                    tokio::time::sleep(BREATH).await;
                }
                changed = self.commits.changed(), if !numbers => {
                    changed.map_err(|cause| cause.to_string())?;
                    say(client, &format!("NOTIFY {WRITTEN}")).await?;
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
}

/// By which a node knows its own word.
fn own_name() -> Result<String, String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|cause| cause.to_string())?;
    Ok(format!("{:016x}", u64::from_ne_bytes(random)))
}

async fn say(client: &Client, text: &str) -> Result<(), String> {
    let said = tokio::time::timeout(PATIENCE, client.batch_execute(text)).await;
    said.map_err(|_| "the database did not answer in time".to_owned())?.map_err(|cause| cause.to_string())
}

/// Drives the connection and takes what comes; ends with it.
async fn hear(
    mut connection: Listening,
    (channels, advanced): (&Channels, &watch::Sender<u64>),
    own: &str,
) -> Result<(), String> {
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(news) = message.map_err(|cause| cause.to_string())? {
            take(&news, (channels, advanced), own);
        }
    }
    Ok(())
}

fn take(news: &Notification, (channels, advanced): (&Channels, &watch::Sender<u64>), own: &str) {
    match news.channel() {
        WRITTEN => channels.written.send_modify(|count| *count = count.wrapping_add(1)),
        ALTERED => channels.altered.send_modify(|count| *count = count.wrapping_add(1)),
        ENQUEUED if news.payload() != own => {
            channels.enqueued_elsewhere.send_modify(|count| *count = count.wrapping_add(1));
        }
        NUMBERED => {
            let Ok(position) = news.payload().parse::<u64>() else { return };
            advanced.send_if_modified(|known| {
                let is_new = *known != position;
                *known = position;
                is_new
            });
        }
        _ => {}
    }
}
