//! The body of an answer: nothing, bytes, or chunks that are made while they are sent.
//!
//! Invariant: a body that announced a length gives exactly so many bytes, or breaks the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::listener::Activity;

/// The body of an answer.
#[derive(Debug, Default)]
pub struct Body {
    content: Content,
    /// Tells the connection when the last byte was handed over.
    answering: Option<Answering>,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Empty,
    Whole(Bytes),
    Chunks {
        length: Option<u64>,
        chunks: mpsc::Receiver<io::Result<Bytes>>,
    },
    /// Events, for as long as somebody listens.
    Live(Live),
    /// What a HEAD is told of a body that is not made.
    Unsent(u64),
}

/// Chunks without an end.
struct Live(Pin<Box<dyn Stream<Item = Bytes> + Send + Sync>>);

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Live")
    }
}

/// Ends the answer in the connection's book when dropped.
#[derive(Debug)]
struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answer_ends();
    }
}

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Chunks from a bounded channel; `length` is announced when it is known.
    pub fn chunks(length: Option<u64>, chunks: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { content: Content::Chunks { length, chunks }, answering: None }
    }

    /// Chunks as a stream gives them.
    pub fn live(stream: impl Stream<Item = Bytes> + Send + Sync + 'static) -> Self {
        Self { content: Content::Live(Live(Box::pin(stream))), answering: None }
    }

    /// No body, but this length for the answer to a HEAD.
    pub fn unsent(length: u64) -> Self {
        Self { content: Content::Unsent(length), answering: None }
    }

    /// How many bytes are left, where that is known.
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Empty => Some(0),
            Content::Whole(bytes) => Some(bytes.len() as u64),
            Content::Unsent(length) => Some(*length),
            Content::Chunks { length, .. } => *length,
            Content::Live(_) => None,
        }
    }

    /// The bytes of a body that is not made in chunks.
    pub(crate) fn whole(&self) -> &[u8] {
        match &self.content {
            Content::Whole(bytes) => bytes,
            _ => &[],
        }
    }

    /// The same, where nobody else keeps them.
    pub(crate) fn own(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Whole(bytes) if bytes.is_unique() => Some(bytes),
            _ => None,
        }
    }

    /// Other bytes in their place.
    pub(crate) fn replace(&mut self, bytes: Bytes) {
        self.content = Content::Whole(bytes);
    }

    /// The bytes, for tests; waits for chunks.
    pub async fn collect(self) -> io::Result<Bytes> {
        match self.content {
            Content::Empty | Content::Unsent(_) => Ok(Bytes::new()),
            Content::Whole(bytes) => Ok(bytes),
            Content::Chunks { mut chunks, .. } => {
                let mut all = Vec::new();
                while let Some(chunk) = chunks.recv().await {
                    all.extend_from_slice(&chunk?);
                }
                Ok(all.into())
            }
            Content::Live(mut live) => {
                let mut all = Vec::new();
                while let Some(chunk) = live.0.next().await {
                    all.extend_from_slice(&chunk);
                }
                Ok(all.into())
            }
        }
    }

    /// Books the end of this body on its connection.
    pub(crate) fn on(mut self, activity: Arc<Activity>) -> Self {
        self.answering = Some(Answering(activity));
        self
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let content = if bytes.is_empty() { Content::Empty } else { Content::Whole(bytes) };
        Self { content, answering: None }
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from(Bytes::from_static(text.as_bytes()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.content {
            Content::Empty | Content::Unsent(_) => Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.content = Content::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::Chunks { length, chunks } => {
                let next = std::task::ready!(chunks.poll_recv(context));
                Poll::Ready(next.map(|chunk| Ok(Frame::data(counted(length, chunk?)?))))
            }
            Content::Live(live) => {
                live.0.as_mut().poll_next(context).map(|next| next.map(|chunk| Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Takes a chunk off the announced length; more than announced is an error that breaks the connection.
fn counted(length: &mut Option<u64>, chunk: Bytes) -> io::Result<Bytes> {
    if let Some(left) = length {
        let longer = || io::Error::other("the answer is longer than announced");
        *left = left.checked_sub(chunk.len() as u64).ok_or_else(longer)?;
    }
    Ok(chunk)
}
