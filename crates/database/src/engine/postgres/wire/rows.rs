//! The rows of one answer: all their bytes in one piece, with the places of the cells.

use std::ops::Range;
use std::sync::Arc;

use mains_base::{Error, Result, Uuid};
use tokio_postgres::types::Type;

use super::super::values::Cell;
use super::line::Body;
use crate::engine::{Row, RowStream, RowView, Rows};

/// The types of an answer's columns.
pub(crate) type Columns = Arc<[Type]>;

/// Rows that were found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    columns: Columns,
    bytes: Vec<u8>,
    /// Row after row; `None` is NULL.
    cells: Vec<Option<Range<usize>>>,
    rows: usize,
}

impl Found {
    pub(crate) fn new(columns: &Columns) -> Self {
        Self { columns: Arc::clone(columns), bytes: Vec::new(), cells: Vec::new(), rows: 0 }
    }

    /// Takes a `DataRow`; `None` when it is not one of these columns.
    pub(crate) fn push(&mut self, mut body: Body<'_>) -> Option<()> {
        if usize::from(body.short()?) != self.columns.len() {
            return None;
        }
        for _ in 0..self.columns.len() {
            let length = body.long()?;
            if length == u32::MAX {
                self.cells.push(None);
                continue;
            }
            let bytes = body.bytes(length as usize)?;
            let begin = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            self.cells.push(Some(begin..self.bytes.len()));
        }
        self.rows += 1;
        body.rest().is_empty().then_some(())
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// One cell.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Result<Cell<'_>> {
        let of = self.columns.get(column).filter(|_| row < self.rows);
        let of = of.ok_or_else(|| Error::internal(format!("there is no column {column}")))?;
        let place = self.cells.get(row * self.columns.len() + column).and_then(Option::as_ref);
        let bytes = place.and_then(|place| self.bytes.get(place.clone()));
        Ok(Cell { of, bytes })
    }

    /// The first row's text in this column; `None` too where there is no row.
    pub(crate) fn text(&self, column: usize) -> Result<Option<&str>> {
        if self.rows == 0 { Ok(None) } else { self.cell(0, column)?.text() }
    }

    /// The rows as a write keeps them.
    pub(crate) fn owned(&self) -> Result<Rows> {
        let values = |row| (0..self.columns.len()).map(move |column| self.cell(row, column)?.value());
        let rows = (0..self.rows).map(|row| values(row).collect::<Result<_>>().map(Row));
        rows.collect::<Result<_>>().map(Rows)
    }

    /// From the first row to the last.
    pub(crate) fn walk(self) -> Walk {
        Walk { found: self, at: None }
    }
}

/// Rows one after the other; it is itself the row that is being read.
pub(crate) struct Walk {
    found: Found,
    at: Option<usize>,
}

impl Walk {
    fn cell(&self, column: usize) -> Result<Cell<'_>> {
        self.found.cell(self.at.unwrap_or_default(), column)
    }

    /// Goes to the next row, if there is one.
    pub(crate) fn step(&mut self) -> bool {
        let next = self.at.map_or(0, |at| at + 1);
        self.at = Some(next.min(self.found.rows));
        next < self.found.rows
    }
}

impl RowView for Walk {
    fn is_null(&self, column: usize) -> Result<bool> {
        Ok(self.cell(column)?.bytes.is_none())
    }

    fn int(&self, column: usize) -> Result<Option<i64>> {
        self.cell(column)?.int()
    }

    fn double(&self, column: usize) -> Result<Option<f64>> {
        self.cell(column)?.double()
    }

    fn bool(&self, column: usize) -> Result<Option<bool>> {
        Ok(self.cell(column)?.int()?.map(|number| number != 0))
    }

    fn text(&self, column: usize) -> Result<Option<&str>> {
        self.cell(column)?.text()
    }

    fn id(&self, column: usize) -> Result<Option<Uuid>> {
        self.cell(column)?.id()
    }

    fn bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        Ok(self.cell(column)?.bytes)
    }
}

impl RowStream for Walk {
    fn next(&mut self) -> Result<Option<&dyn RowView>> {
        let more = self.step();
        Ok(more.then_some(self as &dyn RowView))
    }
}

/// The first cell of a row that came as text.
pub(crate) fn first_text(mut row: Body<'_>) -> Option<String> {
    row.short()?;
    let length = usize::try_from(row.long()?).ok()?;
    String::from_utf8(row.bytes(length)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found::new(&Arc::from([Type::INT8, Type::TEXT]))
    }

    const ROW: &[u8] = b"\0\x02\0\0\0\x08\0\0\0\0\0\0\0\x07\xff\xff\xff\xff";

    #[test]
    fn rows_are_taken_and_walked() {
        let mut found = found();
        found.push(Body::of(ROW)).unwrap();
        found.push(Body::of(b"\0\x02\xff\xff\xff\xff\0\0\0\x02hi")).unwrap();
        assert_eq!(found.owned().unwrap().0[0].int(0).unwrap(), Some(7));
        let mut walk = found.walk();
        assert_eq!(walk.next().unwrap().unwrap().text(1).unwrap(), None);
        let second = walk.next().unwrap().unwrap();
        assert_eq!((second.int(0).unwrap(), second.text(1).unwrap()), (None, Some("hi")));
        assert!(second.int(1).is_err());
        assert!(second.int(2).is_err());
        assert!(walk.next().unwrap().is_none());
        assert!(walk.next().unwrap().is_none());
    }

    #[test]
    fn rows_of_another_shape_are_refused() {
        for length in 0..ROW.len() {
            assert!(found().push(Body::of(&ROW[..length])).is_none());
        }
        let more = [ROW, b"x"].concat();
        let many = b"\0\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
        let long = b"\0\x02\x7f\xff\xff\xff\0\0\0\0";
        for row in [&more[..], many, long] {
            assert!(found().push(Body::of(row)).is_none());
        }
    }
}
