//! Sums, least and greatest values of a group: typed as what they are made of.
//!
//! Always true: a sum is exact, so it is the same on both databases and in any order; sums of doubles are refused.

use bytes::{BufMut, BytesMut};
use mains_base::{Error, Kind as Failure, Result};
use mains_language::expression::{Tree, Type};
use mains_language::schema::{Collection, CurrencyRule, FieldKind, Schema};

use super::request::Function;
use crate::dialect::Column;
use crate::engine::RowView;
use crate::records::callers::Callers;
use crate::records::columns::of_type;
use crate::records::encode::{self, Kind};
use crate::records::json;
use crate::records::refusal::{MEASURE, malformed, no_path};
use crate::sql::{Select, column_of};

/// One calculated value.
pub(super) struct Measure {
    pub(super) function: Function,
    /// The path, as it was written.
    pub(super) name: String,
    tree: Tree,
    written: Written,
}

/// How it is written.
#[derive(Clone, Debug)]
pub(super) enum Written {
    Cell(Kind),
    /// An amount; its currency is that of the whole group.
    Money,
}

impl Measure {
    /// Types a path as this caller sees it.
    pub(super) fn typed(
        schema: &Schema,
        callers: &Callers<'_>,
        collection: &Collection,
        (function, name): (Function, &str),
    ) -> Result<Self> {
        let what = function.name();
        no_path(MEASURE, name)?;
        let tree = callers.value(name).map_err(|complaint| {
            let hint = complaint.hint.map(|hint| format!(" {hint}")).unwrap_or_default();
            malformed(MEASURE, format!("{what} {name:?}: {}{hint}", complaint.message))
        })?;
        let written = match (&tree.ty, function) {
            (Type::Money, _) => Some(Written::Money),
            (Type::Double, Function::Sum) => {
                let detail = format!(
                    "sum {name:?}: a sum of doubles depends on their order; make it an integer, decimal or money field."
                );
                return Err(malformed(MEASURE, detail));
            }
            (Type::Int | Type::Decimal(_) | Type::Duration | Type::Double, _)
            | (Type::Date | Type::Timestamp, Function::Min | Function::Max) => {
                of_type(schema, &tree.ty).map(Written::Cell)
            }
            _ => None,
        };
        let written = written.ok_or_else(|| {
            let of = if function == Function::Sum {
                "numbers and money"
            } else {
                "numbers, money, days and instants"
            };
            malformed(MEASURE, format!("{what} {name:?}: there is a {what} of {of} only."))
        })?;
        // A computed field of money gives its minor units.
        let written = match collection.find(name).map(|field| &field.kind) {
            Some(FieldKind::Money { currency: CurrencyRule::Fixed(currency) }) => {
                Written::Cell(Kind::Money(*currency))
            }
            _ => written,
        };
        Ok(Self { function, name: name.to_owned(), tree, written })
    }

    /// How it is written.
    pub(super) fn written(&self) -> Written {
        self.written.clone()
    }

    /// As `sort=` names it.
    pub(super) fn label(&self) -> String {
        format!("{}({})", self.function.name(), self.name)
    }

    /// The value of one record, and its currency where records may have several.
    pub(super) fn sql(&self, select: &mut Select<'_>) -> Result<(String, Option<String>)> {
        let currency = match self.written {
            Written::Money => Some(select.currency_value(&self.tree)?),
            Written::Cell(_) => None,
        };
        Ok((select.value(&self.tree)?, currency))
    }

    /// The column of the result.
    pub(super) fn column(&self) -> Column {
        column_of(&self.tree.ty)
    }
}

impl Written {
    /// Writes a result: of money, the least and the greatest currency stand in the two columns behind it.
    pub(super) fn write(
        &self,
        out: &mut BytesMut,
        row: &dyn RowView,
        column: usize,
        name: &str,
    ) -> Result<()> {
        match self {
            Self::Cell(kind) => encode::cell(out, row, column, kind),
            Self::Money => {
                let (least, greatest) = (row.text(column + 1)?, row.text(column + 2)?);
                if least != greatest {
                    return Err(currencies(name));
                }
                match (row.int(column)?, least) {
                    (Some(amount), Some(currency)) => encode::money(out, amount, Some(currency)),
                    _ => json::null(out),
                }
                Ok(())
            }
        }
    }
}

/// Opens an object's member.
pub(super) fn member(out: &mut BytesMut, first: bool, name: &str) {
    out.put_u8(if first { b'{' } else { b',' });
    json::text(out, name);
    out.put_u8(b':');
}

fn currencies(name: &str) -> Error {
    let detail = format!("{name} has several currencies in one group; add {name}.currency to group.");
    Error::new(Failure::Invalid, "query.currencies", detail)
}
