//! The asking side of the control socket. Commands wait for their answer, so it blocks.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use mains_base::{Error, Kind, Result};
use serde_json::Value;

use super::address::Address;
use super::{Answer, LONGEST};
use crate::operations::Operation;

/// A connection to the program that serves a site.
pub(crate) struct Client(BufReader<UnixStream>);

impl Client {
    /// Connects, if the site of this `data` folder is being served. A socket that nobody listens on is a left-over.
    pub(crate) fn find(data: &Path) -> Result<Option<Self>> {
        match Address::of(data).and_then(|address| UnixStream::connect(address.path())) {
            Ok(stream) => Ok(Some(Self(BufReader::new(stream)))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let detail = "This site is served by another user; run the command as that user.";
                Err(Error::new(Kind::Forbidden, "cli.other_user", detail))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask(&mut self, operation: &Operation) -> Result<Value> {
        let mut line = serde_json::to_vec(operation).map_err(Error::internal)?;
        line.push(b'\n');
        self.0.get_mut().write_all(&line).map_err(gone)?;
        let mut answer = String::new();
        (&mut self.0).take(LONGEST).read_line(&mut answer).map_err(gone)?;
        if !answer.ends_with('\n') {
            return Err(gone(ErrorKind::UnexpectedEof.into()));
        }
        serde_json::from_str::<Answer>(&answer).map_err(Error::internal)?.into_result()
    }
}

fn gone(error: std::io::Error) -> Error {
    let detail =
        "The server stopped before it answered. Look at its log, start it and run the command again.";
    Error::new(Kind::Unavailable, "cli.server_gone", detail).because(error)
}
