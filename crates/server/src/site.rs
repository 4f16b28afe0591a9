//! The site that is served.

use std::path::PathBuf;
use std::sync::Arc;

use mains_base::{Clock, SystemClock};

use crate::records::Records;
use crate::router::Door;

/// What doors need to answer.
#[derive(Clone)]
pub struct Site {
    /// The data of its collections; absent: it has none.
    pub records: Option<Records>,
    /// The folder of files that are served as they are; absent: none are.
    pub public: Option<PathBuf>,
    /// Addresses of their own, before all others.
    pub doors: Vec<Door>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Site {
    /// A site with nothing in it.
    pub fn empty() -> Self {
        Self { records: None, public: None, doors: Vec::new(), clock: Arc::new(SystemClock) }
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("public", &self.public).finish_non_exhaustive()
    }
}
