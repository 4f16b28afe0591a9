//! Where a command's operations go: to the program that serves the site, or to the database itself when nobody does.

use std::path::Path;
use std::sync::Arc;

use mains_base::Result;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::control::Client;
use crate::operations::{self, Operation};
use crate::settings::Settings;
use crate::site::{Applies, Site, Trouble};

/// The way to a site.
pub(crate) enum Backend {
    /// It is being served.
    Served(Client),
    /// Nobody serves it; the database is ours as long as the command runs.
    Own(Runtime, Arc<Site>),
}

impl Backend {
    /// Finds the way.
    pub(crate) fn open(folder: &Path, settings: Settings) -> Result<Self, Trouble> {
        if let Some(client) = Client::find(&folder.join("data"))? {
            return Ok(Self::Served(client));
        }
        let runtime = runtime()?;
        let site = runtime.block_on(Site::open(folder, settings, Applies::Beginning))?;
        Ok(Self::Own(runtime, site))
    }

    /// Does one thing.
    pub(crate) fn ask(&mut self, operation: Operation) -> Result<Value> {
        match self {
            Self::Served(client) => client.ask(&operation),
            Self::Own(runtime, site) => runtime.block_on(operations::perform(site, operation)),
        }
    }

    /// Ends it in order.
    pub(crate) fn close(self) {
        if let Self::Own(runtime, site) = self {
            runtime.block_on(site.close());
        }
    }
}

/// The runtime of everything asynchronous: a worker per core.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("mains").build()?)
}
