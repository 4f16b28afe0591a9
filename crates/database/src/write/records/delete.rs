//! Deleting a record.

use mains_base::{Caller, Result};
use mains_language::schema::CollectionId;

use super::super::{Tx, refusal};
use super::{Target, act, target};

/// Deletes a record with what goes with it. `if_match` is the version that the caller has seen.
pub fn delete(
    tx: &mut Tx<'_>,
    caller: &Caller,
    collection: CollectionId,
    (address, if_match): (&Target, Option<i64>),
) -> Result<()> {
    let declared = tx.of(collection)?;
    let authority = act(tx, caller, &declared.collection().area);
    let rule = declared.collection().rules.delete.as_ref();
    let found = target::get(tx, &authority, collection, (address, rule, &[]))?;
    if if_match.is_some_and(|version| version != found.image.version()) {
        return Err(refusal::changed_meanwhile());
    }
    tx.delete_all(&[found.image])
}
