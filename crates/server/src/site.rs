//! The site that is served.

use std::sync::Arc;

use mains_base::{Clock, SystemClock};

use crate::files::Assets;
use crate::pages::Pages;
use crate::records::Records;
use crate::router::Door;

/// What doors need to answer.
#[derive(Clone)]
pub struct Site {
    /// The data of its collections; absent: it has none.
    pub records: Option<Records>,
    /// Pages made on the server; absent: there are none.
    pub pages: Option<Pages>,
    /// Files that are served as they are.
    pub assets: Assets,
    /// Addresses of their own, before all others.
    pub doors: Vec<Door>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Site {
    /// A site with nothing in it.
    pub fn empty() -> Self {
        Self {
            records: None,
            pages: None,
            assets: Assets::default(),
            doors: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("assets", &self.assets).finish_non_exhaustive()
    }
}
