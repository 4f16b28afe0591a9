//! What comes back for one statement.

use super::wire::{Body, Found};

/// What came back for a statement.
#[derive(Debug)]
pub(super) enum Done {
    Count(u64),
    Rows(Found),
    /// The server says ROLLBACK: after COMMIT that nothing was stored.
    RolledBack,
}

impl Done {
    pub(super) fn count(&self) -> u64 {
        if let Self::Count(count) = self { *count } else { 0 }
    }
}

/// What a `CommandComplete` says: `INSERT 0 5`, `UPDATE 3`, `COMMIT`.
pub(super) fn ended(mut body: Body<'_>) -> Done {
    let text = body.text().unwrap_or_default();
    if text == "ROLLBACK" {
        return Done::RolledBack;
    }
    Done::Count(text.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default())
}
