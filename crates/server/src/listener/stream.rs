//! The socket under hyper: gives back what was read to learn the protocol, and books every byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::Activity;

/// What a client of HTTP/2 with prior knowledge sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A socket with its book.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    activity: Arc<Activity>,
    seen: [u8; PREFACE.len()],
    length: usize,
    given: usize,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, activity: Arc<Activity>) -> Self {
        Self { tcp, activity, seen: [0; PREFACE.len()], length: 0, given: 0 }
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

    fn booked(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.activity.is_blocked(),
            Poll::Ready(_) => self.activity.bytes_go(),
        }
        written
    }
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
        let written = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.booked(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
