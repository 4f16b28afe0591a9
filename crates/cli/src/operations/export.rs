//! Records out, page by page, all stored fields, as the system sees them.

use mains_base::{Caller, Error, Result};
use mains_database::records::ListRequest;
use mains_language::schema::{Collection, Field, FieldKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::unknown_collection;
use crate::site::Site;

/// Records of one page.
const PAGE: u32 = 500;

/// Answers `{items, next}`.
pub(super) async fn page(
    site: &Site,
    name: &str,
    fields: Option<String>,
    cursor: Option<String>,
) -> Result<Value> {
    let epoch = site.db().epoch();
    let collection = epoch.schema.find(name).filter(|collection| !collection.is_table());
    let collection = collection.ok_or_else(|| unknown_collection(&epoch.schema, name))?;
    let names = chosen(collection, fields.as_deref())?;
    let mut request = ListRequest::of(collection.id);
    request.fields = Some(names.join(","));
    request.limit = Some(PAGE);
    request.cursor = cursor;
    let body = site.records.source(&epoch).list(&Caller::system(), &request).await?;
    serde_json::from_slice(&body).map_err(Error::internal)
}

/// A field that is exported.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// How its values stand in a cell.
    pub(crate) cell: Cell,
}

/// How a value stands in a cell, so that an import reads it as the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cell {
    /// A text as it is, everything else as JSON.
    Plain,
    /// `1999 EUR`.
    Money,
    /// JSON, texts too.
    Json,
}

/// Answers the exported fields, in order.
pub(super) fn fields(site: &Site, name: &str, fields: Option<&str>) -> Result<Value> {
    let epoch = site.db().epoch();
    let collection = epoch.schema.find(name).filter(|collection| !collection.is_table());
    let collection = collection.ok_or_else(|| unknown_collection(&epoch.schema, name))?;
    let column = |name: String| {
        let cell = match collection.find(&name) {
            Some(field) if field.many.is_some() => Cell::Plain,
            Some(Field { kind: FieldKind::Money { .. }, .. }) => Cell::Money,
            Some(Field { kind: FieldKind::Json { .. }, .. }) => Cell::Json,
            _ => Cell::Plain,
        };
        Column { name, cell }
    };
    let columns: Vec<Column> = chosen(collection, fields)?.into_iter().map(column).collect();
    serde_json::to_value(columns).map_err(Error::internal)
}

/// Stored fields in order of declaration, as `--fields` chooses them. Hidden ones never leave.
fn chosen(collection: &Collection, fields: Option<&str>) -> Result<Vec<String>> {
    let all: Vec<&Field> =
        collection.fields.iter().filter(|field| field.is_stored() && !field.hidden).collect();
    let asked: Vec<&str> = fields.into_iter().flat_map(|fields| fields.split(',')).map(str::trim).collect();
    let bare = |name: &str| name.trim_start_matches('-').to_owned();
    if let Some(unknown) = asked.iter().find(|name| !all.iter().any(|field| field.name == bare(name))) {
        let near = mains_base::nearest(&bare(unknown), all.iter().map(|field| field.name.as_str()));
        let hint = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
        let detail = format!("{} has no stored field {}.{hint}", collection.name, bare(unknown));
        return Err(Error::new(mains_base::Kind::Invalid, "cli.unknown_field", detail));
    }
    let without = asked.iter().all(|name| name.starts_with('-'));
    let kept = |name: &str| {
        if without { !asked.iter().any(|asked| bare(asked) == name) } else { asked.contains(&name) }
    };
    Ok(all.into_iter().filter(|field| kept(&field.name)).map(|field| field.name.clone()).collect())
}
