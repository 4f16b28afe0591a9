//! Fields: their types with their own options, and the options that all share.

use std::sync::Arc;

use mains_base::{Currency, Value};

use super::{CollectionId, FieldId, Owner};
use crate::expression::{Tree, Type};

/// A field of a collection or table.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the language")]
pub struct Field {
    /// Its place.
    pub id: FieldId,
    /// `lower_snake_case`.
    pub name: String,
    /// The name it had before (`was`).
    pub was: Option<String>,
    /// What people call it; absent: its name.
    pub label: Option<String>,
    /// Who declared it.
    pub owner: Owner,
    /// Its type.
    pub kind: FieldKind,
    /// An ordered list without duplicates, in a table of its own.
    pub many: Option<Many>,
    /// Not null; a list: not empty.
    pub required: bool,
    /// Added to a ready-made collection and required there: binds the commands that take the field. Records from before
    /// have nothing in it.
    pub wanted: bool,
    /// Used when the client gives none, and for existing rows when the field is added.
    pub default: Option<Default>,
    /// The server sets it once.
    pub on_create: Option<Arc<Tree>>,
    /// The server sets it at every write.
    pub on_write: Option<Arc<Tree>>,
    /// Read only, never stored.
    pub computed: Option<Arc<Tree>>,
    /// Never changes after the create.
    pub immutable: bool,
    /// Never leaves through any door.
    pub hidden: bool,
    /// Said when `unique` or `pattern` fails.
    pub message: Option<String>,
    /// Whose datum it is: relations to follow from this record to an account; empty: the record is the account.
    pub personal: Option<Vec<FieldId>>,
    /// Who may read it besides the record's rule; absent: as the record.
    pub read: Option<Arc<Tree>>,
    /// Who may write it besides the record's rule; absent: as the record.
    pub write: Option<Arc<Tree>>,
}

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Many {
    /// At most so many elements.
    pub max_items: usize,
}

/// A default value.
#[derive(Clone, Debug)]
pub enum Default {
    /// As it stands.
    Literal(Value),
    /// Calculated at the write.
    Expr(Arc<Tree>),
}

/// What a field holds, with the options of its type as collections.md names them.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "options are named as in the language")]
pub enum FieldKind {
    /// The record's id.
    Id,
    /// Unicode text, NFC; `""` is null. Lengths in characters.
    Text { min: Option<usize>, max: usize, pattern: Option<Pattern>, ignore_case: bool },
    /// An e-mail address; ignores case.
    Email { max: usize },
    /// An absolute http or https address.
    Url { max: usize },
    /// `[a-z0-9-]`, unique within `scope`; made from `from` when none is given, again with it when it `follows`.
    Slug { from: Option<FieldId>, scope: Option<FieldId>, follows: bool },
    /// A whole number within ±(2⁵³−1).
    Integer { min: Option<i64>, max: Option<i64>, sequence: Option<Sequence> },
    /// A finite double.
    Number { min: Option<f64>, max: Option<f64> },
    /// Exact, stored as an integer times 10^−`scale`; limits are scaled too.
    Decimal { scale: u8, min: Option<i64>, max: Option<i64> },
    /// Minor units and a currency.
    Money { currency: CurrencyRule },
    /// Never null.
    Bool,
    /// A calendar day; limits in days since 1970.
    Date { min: Option<i64>, max: Option<i64> },
    /// An instant; limits in microseconds since 1970.
    Datetime { min: Option<i64>, max: Option<i64> },
    /// One of `values`.
    Enum { values: Vec<Choice>, transitions: Option<Vec<Transition>> },
    /// Any JSON, canonical text.
    Json { max_bytes: usize },
    /// A record of `to`.
    Relation { to: CollectionId, inverse: Option<String>, on_delete: OnDelete },
    /// Raw bytes; private tables only.
    Bytes { max_bytes: usize },
    /// A file. Expressions know it already; a site cannot declare it yet. Its value is the list of name, type and size.
    File,
    /// A place on the globe. Expressions know it already; a site cannot declare it yet.
    Point,
    /// The type of a computed field.
    Computed(Type),
}

/// A regular expression over the whole value (RE2 syntax).
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As written.
    pub source: String,
    /// Anchored at both ends.
    pub regex: regex::Regex,
}

/// The next free number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Per record that this relation names; `None`: of the whole collection.
    pub scope: Option<FieldId>,
    /// Numbers may be skipped, and are made faster.
    pub gaps: bool,
}

/// Where a money field's currency comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrencyRule {
    /// Each value says its own.
    Free,
    /// Always this one.
    Fixed(Currency),
    /// Said once per record, by this text field.
    Field(FieldId),
}

/// One value of an enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// `lower_snake_case`.
    pub name: String,
    /// The name it had before (`was`).
    pub was: Option<String>,
}

/// One allowed change of an enum.
#[derive(Clone, Debug)]
pub struct Transition {
    /// Where it starts.
    pub from: TransitionFrom,
    /// Place in `values`.
    pub to: usize,
    /// Binds whom rules bind.
    pub rule: Arc<Tree>,
}

/// Where a transition starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionFrom {
    /// From any value (`*`).
    Any,
    /// The record is new (`new`).
    New,
    /// From the value at this place.
    Value(usize),
}

/// What happens to a record when the record it points at is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// The other cannot be deleted.
    Restrict,
    /// Deleted too.
    Cascade,
    /// The relation becomes null, or loses the element.
    Clear,
}

impl Field {
    /// A field of this type with nothing else said about it.
    pub fn new(id: FieldId, name: &str, kind: FieldKind) -> Self {
        Self {
            id,
            name: name.to_owned(),
            was: None,
            label: None,
            owner: Owner::Site,
            kind,
            many: None,
            required: false,
            wanted: false,
            default: None,
            on_create: None,
            on_write: None,
            computed: None,
            immutable: false,
            hidden: false,
            message: None,
            personal: None,
            read: None,
            write: None,
        }
    }

    /// What stands beside it where people see it: its label, else its name with spaces and a capital letter.
    pub fn title(&self) -> String {
        self.label.clone().unwrap_or_else(|| {
            let words = self.name.replace('_', " ");
            let mut letters = words.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
    }

    /// Whether it has a column or a join table, so not `computed`.
    pub fn is_stored(&self) -> bool {
        self.computed.is_none()
    }

    /// Whether comparing it folds case, so that a folded column stands beside it.
    pub fn folds_case(&self) -> bool {
        matches!(self.kind, FieldKind::Email { .. } | FieldKind::Text { ignore_case: true, .. })
    }

    /// What it says of a value that is missing or out of bounds: a number and a time say their message then.
    pub fn said_of_bounds(&self) -> Option<&str> {
        let has_bounds = matches!(
            self.kind,
            FieldKind::Integer { .. }
                | FieldKind::Number { .. }
                | FieldKind::Decimal { .. }
                | FieldKind::Money { .. }
                | FieldKind::Date { .. }
                | FieldKind::Datetime { .. }
        );
        self.message.as_deref().filter(|_| has_bounds)
    }

    /// The collection it points at.
    pub fn relation(&self) -> Option<CollectionId> {
        if let FieldKind::Relation { to, .. } = self.kind { Some(to) } else { None }
    }
}
