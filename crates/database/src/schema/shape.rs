//! What the catalogue remembers of a declaration: enough to see what a later one changes.
//!
//! Invariant: two declarations that the database would hold differently have different shapes. What is only used
//! while a plan is made (`was`, what fills existing rows) is not remembered.

use std::sync::Arc;

use mains_base::Value;
use mains_language::expression::Tree;
use mains_language::schema::FieldId;
use serde::{Deserialize, Serialize};

use crate::sql::Statement;

/// A collection or a private table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TableShape {
    #[serde(skip)]
    pub(super) name: String,
    #[serde(skip)]
    pub(super) owner: String,
    #[serde(skip)]
    pub(super) release: String,
    #[serde(skip)]
    pub(super) was: Option<String>,
    /// Of the ids; private tables have none.
    pub(super) prefix: Option<String>,
    /// Fields of a private table's primary key.
    pub(super) key: Vec<String>,
    #[serde(skip)]
    pub(super) fields: Vec<FieldShape>,
    #[serde(skip)]
    pub(super) indexes: Vec<IndexShape>,
    #[serde(skip)]
    pub(super) checks: Vec<CheckShape>,
}

/// A stored field, without `id`, `created`, `updated` and `version`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FieldShape {
    #[serde(skip)]
    pub(super) name: String,
    #[serde(skip)]
    pub(super) owner: String,
    #[serde(skip)]
    pub(super) release: String,
    #[serde(skip)]
    pub(super) was: Option<String>,
    /// Its place in the declaration.
    #[serde(skip, default = "nowhere")]
    pub(super) place: FieldId,
    #[serde(skip)]
    pub(super) fill: Fill,
    /// Values of an enum that say `was`: the new name and the old one.
    #[serde(skip)]
    pub(super) values_were: Vec<(String, String)>,
    /// What it holds.
    pub(super) kind: KindShape,
    /// A list of at most so many elements.
    pub(super) many: Option<usize>,
    /// A column that is NOT NULL, or a list that is not empty.
    pub(super) required: bool,
}

fn nowhere() -> FieldId {
    FieldId::ID
}

/// What existing rows get in a field that is added.
#[derive(Clone, Debug, Default)]
pub(super) enum Fill {
    /// Null.
    #[default]
    Nothing,
    /// The same for all.
    Literal(Value),
    /// Calculated for each.
    Expr(Arc<Tree>),
    /// A slug made of this field.
    Slug(String),
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KindShape {
    Text { min: Option<usize>, max: usize, pattern: Option<String>, ignore_case: bool },
    Email { max: usize },
    Url { max: usize },
    Slug { scope: Option<String> },
    Integer { min: Option<i64>, max: Option<i64>, sequence: Option<SequenceShape> },
    Number { min: Option<f64>, max: Option<f64> },
    Decimal { scale: u8, min: Option<i64>, max: Option<i64> },
    Money { currency: CurrencyShape },
    Bool {},
    Date { min: Option<i64>, max: Option<i64> },
    Datetime { min: Option<i64>, max: Option<i64> },
    Enum { values: Vec<String> },
    Json { max_bytes: usize },
    Relation { to: String },
    Bytes { max_bytes: usize },
    File {},
    Point {},
}

/// A sequence, by the table that holds its counter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SequenceShape {
    /// The relation and the collection it names.
    pub(super) scope: Option<(String, String)>,
}

/// Where an amount's currency comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CurrencyShape {
    Free,
    Fixed(String),
    Field(String),
}

/// An index, of columns as they stand in the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct IndexShape {
    /// The name in the database.
    #[serde(skip)]
    pub(super) name: String,
    #[serde(skip)]
    pub(super) owner: String,
    #[serde(skip)]
    pub(super) release: String,
    /// Without the id at the end of an index that is not unique.
    pub(super) columns: Vec<String>,
    pub(super) unique: bool,
    /// SQL.
    pub(super) condition: Option<String>,
    pub(super) automatic: bool,
}

/// A check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CheckShape {
    /// The name as declared.
    #[serde(skip)]
    pub(super) name: String,
    #[serde(skip)]
    pub(super) owner: String,
    #[serde(skip)]
    pub(super) release: String,
    /// What stands in the CHECK; none where the check is made in the transaction.
    pub(super) sql: Option<String>,
    /// Counts the records that a check made in the transaction does not hold for, where a statement can tell; over
    /// tables as they are declared.
    #[serde(skip)]
    pub(super) breaks: Option<Statement>,
}

impl KindShape {
    /// The word of the language.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Email { .. } => "email",
            Self::Url { .. } => "url",
            Self::Slug { .. } => "slug",
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Decimal { .. } => "decimal",
            Self::Money { .. } => "money",
            Self::Bool {} => "bool",
            Self::Date { .. } => "date",
            Self::Datetime { .. } => "datetime",
            Self::Enum { .. } => "enum",
            Self::Json { .. } => "json",
            Self::Relation { .. } => "relation",
            Self::Bytes { .. } => "bytes",
            Self::File {} => "file",
            Self::Point {} => "point",
        }
    }

    /// Whether a folded twin stands beside it.
    pub(super) fn folds_case(&self) -> bool {
        matches!(self, Self::Email { .. } | Self::Text { ignore_case: true, .. })
    }

    /// The collection it points at.
    pub(super) fn target(&self) -> Option<&str> {
        if let Self::Relation { to } = self { Some(to) } else { None }
    }

    /// The sequence that counts it.
    pub(super) fn sequence(&self) -> Option<&SequenceShape> {
        if let Self::Integer { sequence, .. } = self { sequence.as_ref() } else { None }
    }
}

impl FieldShape {
    /// Type and options as a line of a plan shows them.
    pub(super) fn summary(&self) -> String {
        let mut text = match &self.kind {
            KindShape::Relation { to } if self.many.is_some() => format!("list of {to}"),
            KindShape::Relation { to } => format!("relation to {to}"),
            kind if self.many.is_some() => format!("list of {}", kind.word()),
            kind => kind.word().to_owned(),
        };
        if self.required && !matches!(self.kind, KindShape::Bool {}) {
            text.push_str(", required");
        }
        text
    }
}

impl TableShape {
    /// A private table has no ids.
    pub(super) fn is_private(&self) -> bool {
        self.prefix.is_none()
    }

    /// The field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&FieldShape> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// `collection` or `table`.
    pub(super) fn noun(&self) -> &'static str {
        if self.is_private() { "table" } else { "collection" }
    }
}

impl TableShape {
    /// Whether this declaration goes on with a stored one under another name.
    pub(super) fn goes_on_from(&self, old: &Self) -> bool {
        self.was.as_ref() == Some(&old.name)
    }

    /// Takes over which release brought what.
    pub(super) fn keep_releases(&mut self, old: &Self) {
        self.release.clone_from(&old.release);
        for field in &mut self.fields {
            let was = field.was.as_ref().filter(|_| old.field(&field.name).is_none());
            if let Some(before) = old.field(was.unwrap_or(&field.name)) {
                field.release.clone_from(&before.release);
            }
        }
        for index in &mut self.indexes {
            if let Some(before) = old.indexes.iter().find(|before| before.name == index.name) {
                index.release.clone_from(&before.release);
            }
        }
        for check in &mut self.checks {
            if let Some(before) = old.checks.iter().find(|before| before.name == check.name) {
                check.release.clone_from(&before.release);
            }
        }
    }
}
