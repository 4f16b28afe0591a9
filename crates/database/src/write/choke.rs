//! The choke point: how services insert, update and delete. Invariants hold for them as for everybody; rules do not.

use std::sync::Arc;

use mains_base::{Result, Uuid, Value};
use mains_language::schema::{CollectionId, FieldId};

use super::draft::{self, Purpose};
use super::input::{Authority, Input, Sent, Stored};
use super::violation::{Meaning, OnUnique};
use super::{Image, Tx, refusal};

/// A record to be made.
#[derive(Clone, Debug, Default)]
pub struct New {
    pub(super) input: Input,
    pub(super) meanings: Vec<OnUnique>,
}

/// What to change of a record.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    input: Input,
    meanings: Vec<OnUnique>,
}

impl New {
    /// A record with these values; the server sets the others as it always does.
    pub fn of(values: impl IntoIterator<Item = (FieldId, Value)>) -> Self {
        Self { input: Input::of(values), meanings: Vec::new() }
    }

    /// With this id, which [`Tx::id`] gave.
    #[must_use]
    pub fn id(mut self, id: Uuid) -> Self {
        self.input.id = Some(id);
        self
    }

    /// With the meaning of a unique index of this name.
    #[must_use]
    pub fn on_unique(mut self, index: &'static str, meaning: fn() -> mains_base::Error) -> Self {
        self.meanings.push(OnUnique { index, meaning: Meaning::Say(meaning) });
        self
    }
}

impl Changes {
    /// These values and nothing else.
    pub fn of(values: impl IntoIterator<Item = (FieldId, Value)>) -> Self {
        Self { input: Input::of(values), meanings: Vec::new() }
    }

    /// Adds to the stored number.
    #[must_use]
    pub fn add(mut self, field: FieldId, number: Value) -> Self {
        self.input.values.push((field, Sent::AddNumber(number)));
        self
    }

    /// With the meaning of a unique index of this name.
    #[must_use]
    pub fn on_unique(mut self, index: &'static str, meaning: fn() -> mains_base::Error) -> Self {
        self.meanings.push(OnUnique { index, meaning: Meaning::Say(meaning) });
        self
    }
}

impl Tx<'_> {
    /// Makes a record. On PostgreSQL the statement is queued, so a broken constraint may show later.
    pub fn insert(&mut self, collection: CollectionId, new: &New) -> Result<Arc<Image>> {
        let authority = Authority::own(&self.state.caller);
        let declared = self.of(collection)?;
        let mut draft = draft::new(self, &authority, &declared, (&new.input, Purpose::Store))?;
        self.judge(&authority, declared.collection(), None, &mut draft)?;
        self.store_new(draft.image, &new.meanings)
    }

    /// Changes a record. Without a difference nothing is stored and no log row is written. Several changes of a record
    /// are one in the end: its checks, and its unique indexes, speak when the transaction settles.
    pub fn update(&mut self, collection: CollectionId, id: Uuid, changes: &Changes) -> Result<Arc<Image>> {
        let authority = Authority { stored: Stored::Settled, ..Authority::own(&self.state.caller) };
        let before = self.get(collection, id)?;
        self.change(&authority, &before, (&changes.input, &changes.meanings))
    }

    /// Deletes a record with what goes with it.
    pub fn delete(&mut self, collection: CollectionId, id: Uuid) -> Result<()> {
        let image = self.get(collection, id)?;
        self.delete_all(&[image])
    }

    /// Changes a record that was loaded, with what is asked of it on the way.
    pub(super) fn change(
        &mut self,
        authority: &Authority,
        before: &Arc<Image>,
        (input, meanings): (&Input, &[OnUnique]),
    ) -> Result<Arc<Image>> {
        let declared = self.of(before.collection)?;
        if declared.collection().append_only && !authority.forces {
            return Err(refusal::append_only());
        }
        let mut draft = draft::changed(self, authority, &declared, (before, input))?;
        if draft.image == **before && draft.problems.is_empty() {
            return Ok(Arc::clone(before));
        }
        self.judge(authority, declared.collection(), Some(before), &mut draft)?;
        self.stamp(&mut draft.image);
        if authority.stored == Stored::Settled {
            return self.wait(before, draft.image, meanings);
        }
        self.settle()?;
        self.store_changed(before, draft.image, meanings)
    }

    /// One version and one moment for all that a transaction changes of a record.
    pub(super) fn stamp(&self, image: &mut Image) {
        let kept = self.state.kept.get((image.collection, image.id()));
        let version = kept.and_then(|kept| kept.before.as_ref()).map_or(1, |before| before.version() + 1);
        image.set(FieldId::VERSION, Value::Int(version));
        image.set(FieldId::UPDATED, Value::Int(self.now().micros()));
    }
}
