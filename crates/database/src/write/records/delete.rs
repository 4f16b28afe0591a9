//! Deleting a record.

use mains_base::{Caller, Result, Uuid};

use super::super::{Tx, refusal};
use super::{Target, act, target};

/// Deletes a record with what goes with it, and names it.
pub fn delete(tx: &mut Tx<'_>, caller: &Caller, target: &Target) -> Result<Uuid> {
    let declared = tx.of(target.collection)?;
    let authority = act(tx, caller, declared.collection());
    let rule = declared.collection().rules.delete.as_ref();
    let found = target::get(tx, &authority, target, (rule, &[]))?;
    if declared.collection().commands_only.delete && !authority.sets {
        return Err(refusal::commands_only(&authority));
    }
    let id = found.image.id();
    tx.delete_all(&[found.image])?;
    Ok(id)
}
