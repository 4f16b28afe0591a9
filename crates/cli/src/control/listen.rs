//! The answering side of the control socket, inside the serving program.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use mains_base::{Error, Kind, Result};
use mains_server::tasks;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::address::Address;
use super::{Answer, LONGEST, SOCKET};
use crate::operations::{self, Operation};
use crate::site::Site;

/// Opens the socket and answers until the program ends.
pub(crate) fn listen(site: Arc<Site>, data: &Path) -> Result<()> {
    let path = data.join(SOCKET);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(Address::of(data)?.path())?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    tasks::spawn("control socket", async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let site = site.clone();
                    tasks::spawn("control connection", async move {
                        if let Err(error) = serve(&site, stream).await {
                            tracing::warn!(%error, "a control connection broke");
                        }
                    });
                }
                Err(error) => tracing::warn!(%error, "the control socket does not accept"),
            }
        }
    });
    Ok(())
}

/// Removes the socket: who comes now finds nobody.
pub(crate) fn forget(data: &Path) {
    // One that stays is a left-over that the next start removes.
    drop(std::fs::remove_file(data.join(SOCKET)));
}

async fn serve(site: &Arc<Site>, mut stream: UnixStream) -> Result<()> {
    let (reading, mut writing) = stream.split();
    let mut reading = BufReader::new(reading);
    loop {
        let mut line = Vec::new();
        (&mut reading).take(LONGEST).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(());
        }
        let answer = Answer::of(answer(site, &line).await);
        let mut bytes = serde_json::to_vec(&answer).map_err(Error::internal)?;
        bytes.push(b'\n');
        writing.write_all(&bytes).await?;
    }
}

async fn answer(site: &Arc<Site>, line: &[u8]) -> Result<Value> {
    let unreadable = |error: serde_json::Error| {
        let detail = "The server does not understand this command: it is of another version. Restart it.";
        Error::new(Kind::Malformed, "cli.other_version", detail).because(error)
    };
    let operation: Operation = serde_json::from_slice(line).map_err(unreadable)?;
    operations::perform(site, operation).await
}
