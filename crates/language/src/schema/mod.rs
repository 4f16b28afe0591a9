//! What a site declares, parsed, resolved and typed: the shape that databases, doors and tools read.
//!
//! Invariant: a `Schema` is whole. Every name is resolved to an index, every expression is typed, and whatever
//! `mains check` refuses never becomes one.

mod command;
mod field;

use std::collections::HashMap;
use std::sync::Arc;

use mains_base::{Caller, Prefix};

pub use command::{Answers, Argument, Command, On, Rate, Replay};
pub use field::{
    Choice, CurrencyRule, Default, Field, FieldKind, Many, OnDelete, Pattern, Sequence, Transition,
    TransitionFrom,
};

use crate::expression::Tree;

/// The place of a collection in [`Schema::collections`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionId(pub u16);

/// The place of a field in [`Collection::fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u16);

impl FieldId {
    /// `id` of every collection.
    pub const ID: Self = Self(0);
    /// `created` of every collection.
    pub const CREATED: Self = Self(1);
    /// `updated` of every collection.
    pub const UPDATED: Self = Self(2);
    /// `version` of every collection.
    pub const VERSION: Self = Self(3);
    /// The first declared field of a collection.
    pub const FIRST: Self = Self(4);
}

/// Who declared something; layers merge in this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Mains itself (keys, sessions).
    Server,
    /// A ready-made app.
    App(String),
    /// The site.
    Site,
}

/// Everything declared, by all layers.
#[derive(Debug, Default)]
pub struct Schema {
    /// In order of layers, then of names.
    pub collections: Vec<Collection>,
    /// Name → place.
    pub names: HashMap<String, CollectionId>,
}

/// One collection, or one private table.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the language")]
pub struct Collection {
    /// Its place.
    pub id: CollectionId,
    /// `lower_snake_case`, plural.
    pub name: String,
    /// Of its ids; `None` for private tables, which have no ids.
    pub prefix: Option<Prefix>,
    /// Who declared it first.
    pub owner: Owner,
    /// The name it had before (`was`).
    pub was: Option<String>,
    /// Collections: `id`, `created`, `updated`, `version`, then what is declared. Private tables: what is declared.
    pub fields: Vec<Field>,
    /// Private tables: the primary key. Collections: `[FieldId::ID]`.
    pub key: Vec<FieldId>,
    /// Who may; absent is nobody but staff and the system.
    pub rules: Rules,
    /// Declared indexes and those of `unique`, `index` and `slug`.
    pub indexes: Vec<Index>,
    /// What always holds.
    pub checks: Vec<Check>,
    /// No update; deleted only as its rules say.
    pub append_only: bool,
    /// The staff right that stands over the rules.
    pub area: String,
    /// A site narrowed an app's rules. The right stands over the app's part alone, so it is in the rules themselves:
    /// `(app || right) && site`.
    pub narrowed: bool,
    /// Ids are random (accounts), so that an id tells nothing of when it was made.
    pub random_ids: bool,
    /// Relations of all collections that point here, named or not.
    pub inverses: Vec<Inverse>,
    /// What one can do besides, by POST.
    pub commands: Vec<Command>,
    /// What those alone do.
    pub commands_only: CommandsOnly,
    /// A visitor's first write here makes a guest account.
    pub guests: bool,
    /// Facts of a provider: what a site adds never refuses them.
    pub facts: bool,
}

/// What the commands of a ready-made app do and no door of records, whoever asks: staff and API keys neither. Mains itself
/// may (imports, seeds).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandsOnly {
    /// Making a record.
    pub create: bool,
    /// Changing one, whatever of it.
    pub update: bool,
    /// Deleting one.
    pub delete: bool,
    /// Changing these.
    pub fields: Vec<FieldId>,
}

/// The rules of a collection.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// On the stored record.
    pub read: Option<Arc<Tree>>,
    /// On the new record.
    pub create: Option<Arc<Tree>>,
    /// On the stored record and again on the changed one.
    pub update: Option<Arc<Tree>>,
    /// On the stored record.
    pub delete: Option<Arc<Tree>>,
}

/// An index as declared. What the engine adds by itself (inverse relations, fields that read rules compare with
/// `auth`) carries `automatic`.
#[derive(Clone, Debug)]
pub struct Index {
    /// Stable name within the collection, made of its fields.
    pub name: String,
    /// In order.
    pub fields: Vec<FieldId>,
    /// Null is never equal to null.
    pub unique: bool,
    /// Own fields only.
    pub condition: Option<Arc<Tree>>,
    /// Said when a unique index is violated.
    pub message: Option<String>,
    /// Made by the engine.
    pub automatic: bool,
    /// Who declared it.
    pub owner: Owner,
}

/// An invariant.
#[derive(Clone, Debug)]
pub struct Check {
    /// Stable name within the collection.
    pub name: String,
    /// Must be true.
    pub expr: Arc<Tree>,
    /// Said when it is not.
    pub message: String,
    /// Where a form shows the message.
    pub field: Option<FieldId>,
    /// Own scalar fields only, without functions that only a write has: also a database CHECK.
    pub physical: bool,
    /// Who declared it.
    pub owner: Owner,
}

/// The other side of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inverse {
    /// Its name here; `None`: it cannot be followed from here, but deleting still sees it.
    pub name: Option<String>,
    /// The collection that declares the relation.
    pub from: CollectionId,
    /// The relation.
    pub field: FieldId,
    /// Whether the relation holds many.
    pub many: bool,
}

impl Schema {
    /// The collection at a place that this schema gave out.
    ///
    /// # Panics
    /// When `id` comes from another schema with more collections.
    #[expect(clippy::indexing_slicing, reason = "ids are places in this very list")]
    pub fn collection(&self, id: CollectionId) -> &Collection {
        &self.collections[usize::from(id.0)]
    }

    /// The collection of this name.
    pub fn find(&self, name: &str) -> Option<&Collection> {
        self.names.get(name).map(|&id| self.collection(id))
    }
}

impl Collection {
    /// A private table of the site of this name, with nothing said about it.
    pub fn new(id: CollectionId, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            prefix: None,
            owner: Owner::Site,
            was: None,
            fields: Vec::new(),
            key: Vec::new(),
            rules: Rules::default(),
            indexes: Vec::new(),
            checks: Vec::new(),
            append_only: false,
            area: "records".to_owned(),
            narrowed: false,
            random_ids: false,
            inverses: Vec::new(),
            commands: Vec::new(),
            commands_only: CommandsOnly::default(),
            guests: false,
            facts: false,
        }
    }

    /// The field at a place that this collection gave out.
    ///
    /// # Panics
    /// When `id` comes from another collection with more fields.
    #[expect(clippy::indexing_slicing, reason = "ids are places in this very list")]
    pub fn field(&self, id: FieldId) -> &Field {
        &self.fields[usize::from(id.0)]
    }

    /// The field of this name, `id`, `created`, `updated` and `version` included.
    pub fn find(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether the rules bind this caller: not the system, nor staff, nor, unless a site narrowed them, those who have
    /// the right of the area.
    pub fn binds(&self, caller: &Caller) -> bool {
        caller.is_bound(&self.area) || (self.narrowed && caller.is_bound(""))
    }

    /// The command of this name.
    pub fn command(&self, name: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.name == name)
    }

    /// The stored fields that a layer behind the collection's own added: what a command `takes`.
    pub fn added(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.owner != self.owner && field.owner != Owner::Server)
    }

    /// A private table has no door, no rules, no log and no id.
    pub fn is_table(&self) -> bool {
        self.prefix.is_none()
    }
}
