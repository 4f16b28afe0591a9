//! Where an expression stands: what names mean there, and what it may use.

use std::sync::Arc;

use mains_base::Caller;

use super::{Complaint, Tree, Type};
use crate::schema::{CollectionId, FieldId, FieldKind, Schema};

/// Where an expression stands.
#[derive(Clone, Copy)]
pub struct Scope<'s> {
    /// What is declared.
    pub schema: &'s Schema,
    /// Whose record it is about.
    pub collection: CollectionId,
    /// Whether `old` may be named.
    pub old: bool,
    /// What it may use.
    pub place: Place,
    /// Who writes it.
    pub viewer: Viewer,
    /// The very caller who writes it, where it is known: what stands in an area whose rules do not bind it is seen as it is.
    pub caller: Option<&'s Caller>,
    /// Where trees of virtual computed fields come from: the schema itself once it is whole.
    pub computed: &'s dyn Computed,
}

/// What an expression may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Read rules, filters, virtual computed fields: whatever both databases can do.
    Read,
    /// Checks, create, update, delete and write rules, transitions: also what only a write has (W).
    Write,
    /// `default`, `on_create`, `on_write`: also `slugify`, `random`, `uuid`.
    Draw,
    /// Conditions of indexes: own stored fields only.
    Physical,
}

/// Who writes an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// The site: it sees all data.
    All,
    /// A caller: it sees what the read rules show, so guards are added, and hidden fields do not exist.
    Caller,
}

/// What an expression must give.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// True or false.
    Condition,
    /// A value of this type; integers widen to decimals, integer literals to doubles.
    Value(Type),
}

/// Gives the checked trees of virtual computed fields. While a schema is being built, its builder implements this: it
/// checks a field when it is asked for, keeps the tree, and refuses a field that is asked for while it is checked.
pub trait Computed {
    /// The tree of this computed field.
    fn tree(&self, collection: CollectionId, field: FieldId) -> Result<Arc<Tree>, Complaint>;
}

impl<'s> Scope<'s> {
    /// A scope of a whole schema: reads, sees all, without `old`.
    pub fn new(schema: &'s Schema, collection: CollectionId) -> Self {
        Self {
            schema,
            collection,
            old: false,
            place: Place::Read,
            viewer: Viewer::All,
            caller: None,
            computed: schema,
        }
    }

    /// The same, with another place.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// The same, where `old` may be named.
    #[must_use]
    pub fn with_old(self) -> Self {
        Self { old: true, ..self }
    }

    /// The same, as written by a caller.
    #[must_use]
    pub fn by_caller(self) -> Self {
        Self { viewer: Viewer::Caller, ..self }
    }

    /// The same, as written by this caller.
    #[must_use]
    pub fn by(self, caller: &'s Caller) -> Self {
        Self { caller: Some(caller), ..self.by_caller() }
    }

    /// Whether the read rules of this collection and of its fields are no matter here.
    pub(super) fn sees_all(&self, collection: CollectionId) -> bool {
        let collection = self.schema.collection(collection);
        self.viewer == Viewer::All || self.caller.is_some_and(|caller| !collection.binds(caller))
    }
}

impl Computed for Schema {
    fn tree(&self, collection: CollectionId, field: FieldId) -> Result<Arc<Tree>, Complaint> {
        let field = self.collection(collection).field(field);
        let missing =
            || Complaint::new(&(0..0), format!("The computed field `{}` is not checked yet.", field.name));
        field.computed.clone().ok_or_else(missing)
    }
}

/// Whether the field is computed and never stored.
pub(super) fn is_computed(field: &crate::schema::Field) -> bool {
    field.computed.is_some() || matches!(field.kind, FieldKind::Computed(_))
}
