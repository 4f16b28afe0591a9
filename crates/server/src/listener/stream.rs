//! The socket under hyper: gives back what was read to learn the protocol, and books every byte.
//!
//! What hyper refuses by itself, a head that it cannot read, it answers with a bare status. Here that answer gets what
//! all others have: a problem document that says what to do, and a request id.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::{Activity, Phase};
use crate::router::Router;

/// What a client of HTTP/2 with prior knowledge sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What every answer of ours holds.
const REQUEST_ID: &[u8] = b"x-request-id: ";
/// How an answer begins that hyper may have made: all others carry a request id.
const REFUSED: &[u8] = b"HTTP/1.1 4";
/// hyper's own answers are shorter.
const LONGEST_REFUSAL: usize = 256;
/// Head and body of an answer that are no longer than this are sent as one piece.
const SMALL: usize = 2_048;

/// A socket with its book.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    activity: Arc<Activity>,
    router: Arc<Router>,
    /// What is sent in the place of hyper's own answer, and how much of it is.
    instead: Option<(Vec<u8>, usize)>,
    seen: [u8; PREFACE.len()],
    length: usize,
    given: usize,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, activity: Arc<Activity>, router: Arc<Router>) -> Self {
        Self { tcp, activity, router, instead: None, seen: [0; PREFACE.len()], length: 0, given: 0 }
    }

    /// Reads until it is clear which protocol begins; `None` when the client left first.
    pub(super) async fn protocol(&mut self) -> io::Result<Option<Protocol>> {
        loop {
            let (seen, rest) = self.seen.split_at_mut(self.length);
            if !PREFACE.starts_with(seen) {
                return Ok(Some(Protocol::Http1));
            }
            if rest.is_empty() {
                return Ok(Some(Protocol::Http2));
            }
            match self.tcp.read(rest).await? {
                0 => return Ok(None),
                more => self.length += more,
            }
            self.activity.bytes_come();
        }
    }

    /// Whether hyper gives this answer by itself: a bare one, while the head of a request is being read.
    fn is_bare(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(REFUSED)
            && bytes.len() < LONGEST_REFUSAL
            && matches!(self.activity.phase(), Phase::First | Phase::Head)
            && !bytes.windows(REQUEST_ID.len()).any(|part| part == REQUEST_ID)
    }

    /// Writes the full answer in the place of these bytes, and then says that they are written.
    fn poll_instead(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let router = &self.router;
        let status = || bytes.get(9..12).and_then(|digits| StatusCode::from_bytes(digits).ok());
        let (answer, written) =
            self.instead.get_or_insert_with(|| (router.refused(status().unwrap_or_default()), 0));
        while let Some(rest) = answer.get(*written..).filter(|rest| !rest.is_empty()) {
            *written += ready!(Pin::new(&mut self.tcp).poll_write(context, rest))?;
        }
        self.instead = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn booked(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.activity.is_blocked(),
            Poll::Ready(_) => self.activity.bytes_go(),
        }
        written
    }
}

/// Puts all pieces into one, if there is room for them; gives their length.
fn joined(slices: &[io::IoSlice<'_>], piece: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    for slice in slices {
        let end = length + slice.len();
        piece.get_mut(length..end)?.copy_from_slice(slice);
        length = end;
    }
    Some(length)
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(left) = self.seen.get(self.given..self.length).filter(|left| !left.is_empty()) {
            let taken = left.len().min(buffer.remaining());
            buffer.put_slice(left.get(..taken).unwrap_or_default());
            self.given += taken;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.activity.bytes_come();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = if self.instead.is_some() || self.is_bare(bytes) {
            self.poll_instead(context, bytes)
        } else {
            Pin::new(&mut self.tcp).poll_write(context, bytes)
        };
        self.booked(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = slices {
            return self.poll_write(context, only);
        }
        // A copy of so few bytes costs less than the kernel's look at a list of pieces.
        let mut piece = [0; SMALL];
        if let Some(length) = joined(slices, &mut piece) {
            return self.poll_write(context, piece.get(..length).unwrap_or_default());
        }
        let written = Pin::new(&mut self.tcp).poll_write_vectored(context, slices);
        self.booked(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_as_long_as_they_fit() {
        let tried = |texts: &[&str]| {
            let slices: Vec<_> = texts.iter().map(|text| io::IoSlice::new(text.as_bytes())).collect();
            let mut piece = [0; 8];
            joined(&slices, &mut piece).map(|length| String::from_utf8_lossy(&piece[..length]).into_owned())
        };
        assert_eq!(tried(&["head", "", "body"]).as_deref(), Some("headbody"));
        assert_eq!(tried(&["head", "body", "!"]), None);
        assert_eq!(tried(&[]).as_deref(), Some(""));
    }
}
