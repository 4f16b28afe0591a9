//! One connection from its first byte to its end.
//!
//! hyper has one timer for a request's head and the wait before it; here the deadline follows what the connection is
//! doing. It costs nothing while requests flow: the timer is only moved when the connection has to wait.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::activity::{Activity, Phase};
use super::stop::Stop;
use super::stream::{Protocol, Stream};
use crate::body::Body;
use crate::request::{Request, Sent};
use crate::router::Router;
use crate::settings::Limits;
use crate::tasks::Streams;

/// Largest buffer of one connection; hyper grows it only as far as a client sends without waiting.
const BUFFER_BYTES: usize = 256 * 1024;

/// A connection and what it is served with.
pub(super) struct Connection {
    router: Arc<Router>,
    stop: Stop,
    peer: IpAddr,
    activity: Arc<Activity>,
}

/// How a connection ended.
#[derive(Debug)]
enum Ending {
    /// By either side, in order or not.
    Closed(hyper::Result<()>),
    /// Its deadline was over.
    TimedOut(Phase),
    /// The server had to stop.
    Cut,
}

/// What both protocols of hyper can be told.
trait Polite: Future<Output = hyper::Result<()>> {
    /// Answers what is open, takes nothing new, then ends.
    fn finish(self: Pin<&mut Self>);
}

impl Connection {
    pub(super) fn new(router: Arc<Router>, stop: Stop, peer: IpAddr) -> Self {
        Self { router, stop, peer, activity: Arc::default() }
    }

    pub(super) async fn serve(self, tcp: TcpStream) {
        let mut stream = Stream::new(tcp, Arc::clone(&self.activity), Arc::clone(&self.router));
        let limits = &self.router.settings().limits;
        let sniffing = timeout(limits.first_byte, stream.protocol());
        let protocol = tokio::select! {
            protocol = sniffing => protocol,
            () = self.stop.asked() => return,
        };
        let Ok(Ok(Some(protocol))) = protocol else { return };
        let ending = match protocol {
            Protocol::Http1 => {
                let connection = pin!(http1(limits).serve_connection(TokioIo::new(stream), self.service()));
                self.watch(connection).await
            }
            Protocol::Http2 => {
                self.activity.is_framed();
                let connection = pin!(http2(limits).serve_connection(TokioIo::new(stream), self.service()));
                self.watch(connection).await
            }
        };
        match ending {
            Ending::Closed(Ok(())) | Ending::Cut => {}
            Ending::Closed(Err(error)) => tracing::debug!(%error, "a connection broke"),
            Ending::TimedOut(phase) => tracing::debug!(?phase, "a slow client was closed"),
        }
    }

    fn service(
        &self,
    ) -> impl Service<
        hyper::Request<Incoming>,
        Response = hyper::Response<Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + use<> {
        let (activity, peer) = (Arc::clone(&self.activity), self.peer);
        // Counted anew for this connection, because a count that all cores share is slow to change.
        let router = Arc::new(Arc::clone(&self.router));
        service_fn(move |request: hyper::Request<Incoming>| {
            let handling = Handling::begin(&activity);
            let router = Arc::clone(&router);
            // Boxed, so that a connection that only waits, or listens, does not keep the room of a handler.
            Box::pin(async move {
                let (head, body) = request.into_parts();
                let request = Request { head, body: Sent::arriving(body), peer };
                let answer = router.handle(request).await;
                Ok(answer.map(|body| handling.answer(body)))
            })
        })
    }

    async fn watch<C: Polite>(&self, mut connection: Pin<&mut C>) -> Ending {
        let (asked, cut) = (pin!(self.stop.asked()), pin!(self.stop.cut_now()));
        let mut stopping = Stopping::new(&self.stop, asked, cut);
        let mut deadline = Deadline::new(&self.router.settings().limits);
        let mut finished = false;
        poll_fn(|context| {
            match stopping.poll(context) {
                Some(Stage::Cut) => return Poll::Ready(Ending::Cut),
                Some(Stage::Asked) if !finished => {
                    finished = true;
                    connection.as_mut().finish();
                }
                _ => {}
            }
            loop {
                if let Poll::Ready(result) = connection.as_mut().poll(context) {
                    return Poll::Ready(Ending::Closed(result));
                }
                match ready!(deadline.poll(&self.activity, context)) {
                    // Said in order, so that a client of HTTP/2 knows that nothing of its was lost.
                    Phase::Idle if !finished => {
                        finished = true;
                        connection.as_mut().finish();
                        deadline.extend();
                    }
                    phase => return Poll::Ready(Ending::TimedOut(phase)),
                }
            }
        })
        .await
    }
}

/// The two stages of stopping, as a connection hears of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Asked,
    Cut,
}

/// Hears of the server's end. A look at two flags; the shared list of waiters is touched once per connection.
struct Stopping<'s, A, C> {
    stop: &'s Stop,
    asked: Pin<&'s mut A>,
    cut: Pin<&'s mut C>,
    waiting: bool,
}

impl<'s, A: Future<Output = ()>, C: Future<Output = ()>> Stopping<'s, A, C> {
    fn new(stop: &'s Stop, asked: Pin<&'s mut A>, cut: Pin<&'s mut C>) -> Self {
        Self { stop, asked, cut, waiting: false }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Option<Stage> {
        if !self.waiting {
            // A task keeps its waker for life, so one registration lasts.
            self.waiting = self.asked.as_mut().poll(context).is_pending();
            self.waiting &= self.cut.as_mut().poll(context).is_pending();
        }
        match (self.stop.is_cut(), self.stop.is_asked()) {
            (true, _) => Some(Stage::Cut),
            (false, true) => Some(Stage::Asked),
            (false, false) => None,
        }
    }
}

/// A handler in the connection's book; one that is dropped before it answered is booked out too.
struct Handling(Option<Arc<Activity>>);

impl Handling {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.handler_begins();
        Self(Some(Arc::clone(activity)))
    }

    fn answer(mut self, body: Body) -> Body {
        let Some(activity) = self.0.take() else { return body };
        activity.answer_begins();
        body.on(activity)
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        if let Some(activity) = self.0.take() {
            activity.answer_begins();
            activity.answer_ends();
        }
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(limits.head_bytes).max_buf_size(BUFFER_BYTES);
    builder
}

fn http2(limits: &Limits) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(Streams);
    let head_bytes = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
    builder.timer(TokioTimer::new()).max_concurrent_streams(limits.streams).max_header_list_size(head_bytes);
    builder
}

impl<S> Polite for http1::Connection<TokioIo<Stream>, S>
where
    S: Service<hyper::Request<Incoming>, Response = hyper::Response<Body>, Error = Infallible>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S> Polite for http2::Connection<TokioIo<Stream>, S, Streams>
where
    S: Service<hyper::Request<Incoming>, Response = hyper::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// The deadline of what the connection waits for now.
struct Deadline<'l> {
    limits: &'l Limits,
    seen: Option<(Phase, u32)>,
    due: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl<'l> Deadline<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self { limits, seen: None, due: None, timer: Box::pin(sleep_until(Instant::now() + limits.idle)) }
    }

    fn limit(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::First => Some(self.limits.first_byte),
            Phase::Head => Some(self.limits.head),
            Phase::Handler => None,
            Phase::Answer => Some(self.limits.write_stall),
            Phase::Idle => Some(self.limits.idle),
        }
    }

    /// Gives a connection that was told to finish the time of a request's head for it.
    fn extend(&mut self) {
        self.due = Some(Instant::now() + self.limits.head);
    }

    /// Ready when the present phase has lasted too long.
    fn poll(&mut self, activity: &Activity, context: &mut Context<'_>) -> Poll<Phase> {
        let now = (activity.phase(), activity.turns());
        if self.seen != Some(now) {
            self.seen = Some(now);
            self.due = self.limit(now.0).map(|limit| Instant::now() + limit);
        }
        let Some(due) = self.due else { return Poll::Pending };
        // A timer that would ring earlier than due is left alone: when it rings, it is set again.
        if due < self.timer.deadline() {
            self.timer.as_mut().reset(due);
        }
        while self.timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(now.0);
            }
            self.timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}
