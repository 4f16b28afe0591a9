//! Who listens, for as long as the stream is open.

use std::sync::Arc;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use mains_base::{Caller, Result};

use crate::callers::Callers;
use crate::router::Call;

/// A caller, and how to ask for it again.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) caller: Arc<Caller>,
    said: Option<HeaderValue>,
}

impl Asker {
    /// The caller of a request.
    pub(super) fn of(callers: &Callers, call: &Call<'_>) -> Result<Self> {
        let caller = callers.find(call.head)?;
        Ok(Self { caller, said: call.head.headers.get(AUTHORIZATION).cloned() })
    }

    /// Under what its streams are counted; a visitor has nothing of the kind.
    pub(super) fn counted_as(&self) -> Option<Vec<u8>> {
        self.said.as_ref().map(|said| said.as_bytes().to_vec())
    }

    /// Whether it may go on just as it is.
    pub(super) async fn is_the_same(&self, callers: &Callers) -> bool {
        let Some(said) = &self.said else { return true };
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.headers.insert(AUTHORIZATION, said.clone());
        callers.find(&head).is_ok_and(|now| *now == *self.caller)
    }
}
