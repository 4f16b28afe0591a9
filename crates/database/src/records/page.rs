//! The rows of a page as bytes, and the lists that belong into them.
//!
//! Invariant: a part has no gaps: records with lists take several statements, and are read in a view, record by record.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use mains_base::{Error, Result, Uuid, Value};
use mains_language::schema::{Collection, FieldId};

use super::columns::ListColumn;
use super::draft::Layout;
use super::encode::{self, Gap, Kept, Kind};
use crate::dialect::{Column, quote};
use crate::engine::{ReadQuery, Reading, Route, RowStream, RowView};

/// More ids than this make a list's query one for the pool.
const SMALL: usize = 100;
/// Bytes that most records need.
const ONE: usize = 512;

/// Some rows of a page.
#[derive(Debug)]
pub(super) struct Part {
    /// What the page opens with, then objects with commas between them.
    pub(super) bytes: BytesMut,
    /// How many objects.
    pub(super) rows: u32,
    /// Whether there was one more row than there was room for.
    pub(super) more: bool,
    /// The keys of the row that filled the page.
    pub(super) last: Vec<Value>,
}

/// What there is room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Stands before the first row.
    pub(super) opening: &'static [u8],
    /// A guess of the bytes to come.
    pub(super) bytes: usize,
    /// How many rows.
    pub(super) rows: u32,
}

impl Part {
    /// No rows.
    pub(super) fn none(opening: &[u8]) -> Self {
        Self { bytes: BytesMut::from(opening), rows: 0, more: false, last: Vec::new() }
    }

    /// Writes rows until there is no more room.
    pub(super) fn read(layout: &Layout, rows: &mut dyn RowStream, room: Room) -> Result<Self> {
        let mut part = Self::none(b"");
        part.bytes.reserve(room.bytes);
        part.bytes.put_slice(room.opening);
        let mut kept = Kept::default();
        while let Some(row) = rows.next()? {
            if part.rows == room.rows {
                part.more = true;
                break;
            }
            if part.rows > 0 {
                part.bytes.put_u8(b',');
            }
            encode::row(&mut part.bytes, &layout.members, row, &mut kept)?;
            part.rows += 1;
            if part.rows == room.rows {
                part.last = keys(layout, row)?;
            }
        }
        Ok(part)
    }

    /// One row.
    pub(super) fn one(layout: &Layout, row: &dyn RowView) -> Result<Self> {
        let mut part = Self { bytes: BytesMut::with_capacity(ONE), rows: 1, ..Self::none(b"") };
        encode::row(&mut part.bytes, &layout.members, row, &mut Kept::default())?;
        Ok(part)
    }

    /// Adds rows that come after.
    pub(super) fn add(&mut self, next: Self) -> &mut Self {
        self.more = next.more;
        if next.rows > 0 {
            if self.rows > 0 {
                self.bytes.put_u8(b',');
            }
            self.bytes.extend_from_slice(&next.bytes);
            self.rows += next.rows;
            self.last = next.last;
        }
        self
    }
}

/// The bytes with the elements of lists put into their gaps.
pub(super) fn stitched(whole: &[u8], gaps: &[Gap], found: &[Elements]) -> BytesMut {
    let added: usize =
        gaps.iter().filter_map(|gap| Some(found.get(gap.list)?.of(gap.record).len() + 2)).sum();
    let mut bytes = BytesMut::with_capacity(whole.len() + added);
    let mut from = 0;
    for gap in gaps {
        bytes.extend_from_slice(whole.get(from..gap.at).unwrap_or_default());
        from = gap.at;
        bytes.put_u8(b'[');
        if let Some(list) = found.get(gap.list) {
            bytes.extend_from_slice(list.of(gap.record));
        }
        bytes.put_u8(b']');
    }
    bytes.extend_from_slice(whole.get(from..).unwrap_or_default());
    bytes
}

/// The keys by which this row was ordered.
pub(super) fn keys(layout: &Layout, row: &dyn RowView) -> Result<Vec<Value>> {
    let each = layout.keys.iter().map(|&(place, column)| {
        Ok(match column {
            Column::Bool => row.bool(place)?.into(),
            Column::Int | Column::Date => row.int(place)?.into(),
            Column::Double => row.double(place)?.map_or(Value::Null, Value::Double),
            Column::Text => row.text(place)?.into(),
            Column::Id => row.id(place)?.into(),
            Column::Bytes => return Err(Error::internal("bytes are no sort key")),
        })
    });
    each.collect()
}

/// The elements of one list field, record by record, as JSON without brackets.
#[derive(Default)]
pub(super) struct Elements {
    bytes: BytesMut,
    ranges: HashMap<Uuid, Range<usize>>,
}

impl Elements {
    /// Writes rows of record and element.
    pub(super) fn read(rows: &mut dyn RowStream, kind: &Kind) -> Result<Self> {
        let mut found = Self::default();
        while let Some(row) = rows.next()? {
            let record = row.id(0)?.unwrap_or(Uuid::NIL);
            let range = found.ranges.entry(record).or_insert(found.bytes.len()..found.bytes.len());
            if range.start < range.end {
                found.bytes.put_u8(b',');
            }
            encode::cell(&mut found.bytes, row, 1, kind)?;
            range.end = found.bytes.len();
        }
        Ok(found)
    }

    fn of(&self, record: Uuid) -> &[u8] {
        self.ranges.get(&record).and_then(|range| self.bytes.get(range.clone())).unwrap_or_default()
    }
}

/// Fetches the elements of a list of many records.
pub(super) async fn fetched(
    engine: &impl Reading,
    list: &ListColumn,
    records: Vec<Value>,
) -> Result<Elements> {
    if records.is_empty() {
        return Ok(Elements::default());
    }
    let route = if records.len() <= SMALL { Route::Inline } else { Route::Pool };
    let query = ReadQuery { text: Arc::clone(&list.text), parameters: vec![Value::List(records)], route };
    let kind = list.kind.clone();
    engine.read(query, move |rows| Elements::read(rows, &kind)).await
}

/// The query for the elements of a list of many records.
pub(super) fn list_query(collection: &Collection, field: FieldId) -> Arc<str> {
    let table = quote(&format!("{}__{}", collection.name, collection.field(field).name));
    format!(
        "SELECT \"record\", \"target\" FROM {table} WHERE \"record\" IN $1 ORDER BY \"record\", \"position\""
    )
    .into()
}
