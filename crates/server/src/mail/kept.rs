//! Mails that were kept instead of sent, so that whoever builds a site sees them.

use mains_base::{Error, Kind, Result, Time};
use mains_database::engine::Engine;
use mains_database::write::Tx;

use super::store;

/// A mail as it was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Names it; later ones are greater.
    pub id: String,
    /// When it was kept.
    pub at: Time,
    /// Whom it would have gone to.
    pub to: String,
    /// Its template.
    pub template: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
}

/// All that are kept, the newest first.
pub async fn list(engine: &Engine) -> Result<Vec<Kept>> {
    store::list(engine).await
}

/// Forgets those to an address: whoever had it is erased.
pub fn forget(tx: &mut Tx<'_>, to: &str) -> Result<()> {
    store::forget(tx, to)
}

/// One of them.
pub async fn find(engine: &Engine, id: &str) -> Result<Kept> {
    let found = list(engine).await?.into_iter().find(|kept| kept.id == id);
    found.ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            "mails.unknown",
            format!("No mail {id} is kept; `mains mails` lists them."),
        )
    })
}
