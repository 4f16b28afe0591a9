//! Who listens, for as long as the stream is open.

use mains_base::CallerKind;

use crate::callers::{Asker, By, Callers};

/// Under what the streams of a caller are counted; a visitor has nothing of the kind, and a visitor becomes as many
/// guests as it likes.
pub(super) fn counted_as(asker: &Asker) -> Option<Vec<u8>> {
    match &asker.by {
        By::Nothing => None,
        By::Session(_) if asker.caller.kind == CallerKind::Guest => None,
        By::Key(hash) => Some(hash.to_vec()),
        By::Session(seat) => Some(seat.account.0.to_vec()),
    }
}

/// Whether it may go on just as it is.
pub(super) async fn is_the_same(asker: &Asker, callers: &Callers) -> bool {
    let now = callers.again(asker).await;
    now.is_ok_and(|now| now.is_some_and(|now| *now.caller == *asker.caller))
}
