//! Deleting a record.

use std::sync::Arc;

use mains_base::{Caller, Result, Uuid};

use super::super::refusal::{self, is_too_many};
use super::super::{Image, Tx, deletion};
use super::{Target, act, target};

/// What became of a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The record and what goes with it are gone.
    Now(Uuid),
    /// More goes with it than one transaction takes: nothing was done yet.
    Large(Uuid),
}

/// As [`delete`], where no more goes with the record than one transaction takes.
pub fn delete_unless_large(tx: &mut Tx<'_>, caller: &Caller, target: &Target) -> Result<Deleted> {
    let image = deletable(tx, caller, target)?;
    // It is found before anything is written.
    match tx.delete_all(&[Arc::clone(&image)]) {
        Ok(()) => Ok(Deleted::Now(image.id())),
        Err(error) if is_too_many(&error) => Ok(Deleted::Large(image.id())),
        Err(error) => Err(error),
    }
}

/// Has a job delete a record with what goes with it ([`deletion`]). The record goes last.
pub fn begin_delete(tx: &mut Tx<'_>, caller: &Caller, target: &Target) -> Result<()> {
    let image = deletable(tx, caller, target)?;
    deletion::begin(tx, &image, caller)
}

/// The record, which the caller may delete.
fn deletable(tx: &mut Tx<'_>, caller: &Caller, target: &Target) -> Result<Arc<Image>> {
    let declared = tx.of(target.collection)?;
    let authority = act(tx, caller, declared.collection());
    let rule = declared.collection().rules.delete.as_ref();
    let image = target::get(tx, &authority, target, (rule, &[]))?.image;
    if declared.collection().commands_only.delete && !authority.sets {
        return Err(refusal::commands_only(&authority));
    }
    Ok(image)
}

/// Deletes a record with what goes with it, and names it.
pub fn delete(tx: &mut Tx<'_>, caller: &Caller, target: &Target) -> Result<Uuid> {
    let image = deletable(tx, caller, target)?;
    let id = image.id();
    tx.delete_all(&[image])?;
    Ok(id)
}
