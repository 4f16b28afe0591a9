//! Several reads that see one and the same state, each streamed like a read of its own.
//!
//! Invariant: what runs in a [`View`] never waits, so its futures are ready at once and [`View::run`] can finish them.

use std::cell::{Cell, RefCell};
use std::future::{Future, ready};
use std::sync::Arc;

use futures_util::FutureExt as _;
use mains_base::{Clock, Error, Result};

use super::Engine;
use super::read::{ReadQuery, Route, RowStream};

/// Where queries run: on the engine, each for itself, or in a [`View`].
pub trait Reading {
    /// Whether each query runs where its plan says, so that plans know their route.
    const ROUTED: bool;

    /// Runs one query; see [`Engine::read`].
    fn read<T: Send + 'static>(
        &self,
        query: ReadQuery,
        visit: impl Fn(&mut dyn RowStream) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send;

    /// Where a query belongs; see [`Engine::explain`].
    fn explain(&self, text: &str) -> impl Future<Output = Result<Route>> + Send;

    /// Runs several reads that see one and the same state; see [`Engine::view`].
    fn view<T: Send + 'static>(
        &self,
        body: impl Fn(&View<'_>) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send;

    /// The clock.
    fn clock(&self) -> &Arc<dyn Clock>;
}

impl Reading for Engine {
    const ROUTED: bool = true;

    fn read<T: Send + 'static>(
        &self,
        query: ReadQuery,
        visit: impl Fn(&mut dyn RowStream) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send {
        Self::read(self, query, visit)
    }

    fn explain(&self, text: &str) -> impl Future<Output = Result<Route>> + Send {
        Self::explain(self, text)
    }

    fn view<T: Send + 'static>(
        &self,
        body: impl Fn(&View<'_>) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send {
        Self::view(self, body)
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        Self::clock(self)
    }
}

/// One state of the database, for as long as a body of reads runs.
pub struct View<'v> {
    reader: RefCell<&'v mut dyn Visits>,
    clock: &'v Arc<dyn Clock>,
    asked: Cell<usize>,
}

/// What can stream the rows of a query.
pub(super) trait Visits {
    /// Gives the rows of a query to `visit`.
    fn visit(
        &mut self,
        query: &ReadQuery,
        visit: &mut dyn FnMut(&mut dyn RowStream) -> Result<()>,
    ) -> Result<()>;
}

impl<'v> View<'v> {
    pub(super) fn new(reader: &'v mut dyn Visits, clock: &'v Arc<dyn Clock>) -> Self {
        Self { reader: RefCell::new(reader), clock, asked: Cell::new(0) }
    }

    /// How many statements it has run so far.
    pub fn asked(&self) -> usize {
        self.asked.get()
    }

    /// Finishes a future that reads here and waits for nothing else.
    pub fn run<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
        future.now_or_never().ok_or_else(|| Error::internal("a read in a view waited"))?
    }

    fn visit<T>(&self, query: &ReadQuery, visit: impl Fn(&mut dyn RowStream) -> Result<T>) -> Result<T> {
        self.asked.set(self.asked.get() + 1);
        let mut found = None;
        let mut reader = self.reader.try_borrow_mut().map_err(Error::internal)?;
        reader.visit(query, &mut |rows| {
            found = Some(visit(rows)?);
            Ok(())
        })?;
        found.ok_or_else(|| Error::internal("a read was not visited"))
    }
}

impl Reading for View<'_> {
    const ROUTED: bool = false;

    fn read<T: Send + 'static>(
        &self,
        query: ReadQuery,
        visit: impl Fn(&mut dyn RowStream) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send {
        ready(self.visit(&query, visit))
    }

    /// A view has one budget for all that runs in it, so the route of a single query decides nothing.
    fn explain(&self, _: &str) -> impl Future<Output = Result<Route>> + Send {
        ready(Ok(Route::Pool))
    }

    fn view<T: Send + 'static>(
        &self,
        body: impl Fn(&View<'_>) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send {
        ready(body(self))
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.clock
    }
}
