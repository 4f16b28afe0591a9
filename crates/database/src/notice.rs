//! Notices: what others in this process hear of a write as soon as it is committed.
//!
//! Invariant: a notice of a committed write is heard before its answer is given, even when nobody waits for the answer
//! any more. It may also be heard of a write that came to nothing, so who hears it looks again instead of believing it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Something that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about, such as `sessions`.
    pub topic: &'static str,
    /// Which one, as the topic says it.
    pub key: Vec<u8>,
}

type Listener = Box<dyn Fn(&Notice) + Send + Sync>;

/// Who hears notices.
#[derive(Default)]
pub(crate) struct Listeners(RwLock<Vec<Listener>>);

impl Listeners {
    pub(crate) fn add(&self, listener: impl Fn(&Notice) + Send + Sync + 'static) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    fn tell(&self, notice: &Notice) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|listener| listener(notice));
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}

/// What one run of a write gave, on its way to whoever waits for it.
pub(crate) struct Done<T> {
    pub(crate) answer: T,
    /// Told when it arrives, or when it is dropped because nobody waits.
    pub(crate) notices: Untold,
}

/// Notices that are told when this is dropped.
pub(crate) struct Untold {
    notices: Vec<Notice>,
    listeners: Arc<Listeners>,
}

impl Untold {
    pub(crate) fn new(notices: Vec<Notice>, listeners: Arc<Listeners>) -> Self {
        Self { notices, listeners }
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        self.notices.iter().for_each(|notice| self.listeners.tell(notice));
    }
}
