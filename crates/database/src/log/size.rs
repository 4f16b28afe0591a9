//! How many bytes the log takes, counted once per row and beside the writes.
//!
//! Positions are dense, so the log falls into segments of equally many. When one is complete its bytes are summed and
//! kept; what a write costs does not change, and two nodes that count the same segment find the same.

use std::sync::Arc;

use mains_base::{Result, Value};

use super::{last, one_int};
use crate::dialect::Dialect;
use crate::engine::{Answer, Engine, ReadQuery, Route, Statements};

/// Positions of one segment.
pub(super) const SEGMENT: i64 = 1_000;

/// About what a row takes besides its texts: columns, ids, header, its place in the indexes.
const ROW: i64 = 128;

/// The bytes of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Size {
    /// Of complete segments, oldest first: their last position and their bytes.
    pub(super) segments: Vec<(i64, i64)>,
    /// Of all.
    pub(super) bytes: i64,
}

impl Size {
    /// The position up to which the log would have to go so that no more than `bytes` stay, in whole segments.
    pub(super) fn surplus(&self, bytes: i64) -> i64 {
        let (mut left, mut until) = (self.bytes, 0);
        for (end, taken) in &self.segments {
            if left <= bytes {
                break;
            }
            (left, until) = (left - taken, *end);
        }
        until
    }
}

/// Counts the segments that have become complete, and gives the size of all.
pub(super) async fn measure(engine: &Engine) -> Result<Size> {
    let last = last(engine).await?.0;
    let mut next = next(engine, last).await?;
    while (next + 1) * SEGMENT <= last {
        let bytes = sum(engine, next * SEGMENT, (next + 1) * SEGMENT).await?;
        keep(engine, next, bytes).await?;
        next += 1;
    }
    known(engine).await
}

/// The size of all, by the segments that were counted; writes nothing.
pub(super) async fn known(engine: &Engine) -> Result<Size> {
    let last = last(engine).await?.0;
    let tail = sum(engine, next(engine, last).await? * SEGMENT, last).await?;
    let segments = segments(engine).await?;
    let bytes = tail + segments.iter().map(|(_, bytes)| bytes).sum::<i64>();
    Ok(Size { segments, bytes })
}

/// The first segment that is not counted yet.
async fn next(engine: &Engine, last: i64) -> Result<i64> {
    let counted = one_int(engine, "SELECT max(segment) FROM mains_changes_sizes", Vec::new()).await?;
    let first = super::first(engine).await?.unwrap_or(last);
    Ok(counted.map_or(0, |counted| counted + 1).max(segment(first)))
}

/// The segment of a position.
fn segment(position: i64) -> i64 {
    (position - 1).max(0) / SEGMENT
}

/// The bytes of the rows behind `after`, up to `until`. No text is read for it, not even those stored apart.
async fn sum(engine: &Engine, after: i64, until: i64) -> Result<i64> {
    let from = match engine.dialect() {
        Dialect::Sqlite => "mains_changes",
        Dialect::Postgres => "mains_changes_positions JOIN mains_changes USING (seq)",
    };
    let lengths = ["collection", "request", "event", "data", "touched"]
        .map(|column| format!("coalesce(octet_length({column}), 0)"))
        .join(" + ");
    let text = format!(
        "SELECT CAST(coalesce(sum({ROW} + {lengths}), 0) AS bigint) FROM {from} WHERE position > $1 AND position <= $2"
    );
    let parameters = vec![Value::Int(after), Value::Int(until)];
    let query = ReadQuery { text: text.into(), parameters, route: Route::Pool };
    let bytes = engine.read(query, |rows| rows.next()?.map_or(Ok(None), |row| row.int(0))).await?;
    Ok(bytes.unwrap_or_default())
}

async fn keep(engine: &Engine, segment: i64, bytes: i64) -> Result<()> {
    let job = move |statements: &mut dyn Statements| {
        let sql = "INSERT INTO mains_changes_sizes (segment, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        statements.execute_later(sql, &[Value::Int(segment), Value::Int(bytes)], None)?;
        Ok(Box::new(()) as Answer)
    };
    engine.run(&[], Arc::new(job)).await.map(drop)
}

async fn segments(engine: &Engine) -> Result<Vec<(i64, i64)>> {
    let text = "SELECT segment, bytes FROM mains_changes_sizes ORDER BY segment";
    let query = ReadQuery { text: text.into(), parameters: Vec::new(), route: Route::Pool };
    let read = engine.read(query, |rows| {
        let mut segments = Vec::new();
        while let Some(row) = rows.next()? {
            let (segment, bytes) = (row.int(0)?.unwrap_or_default(), row.int(1)?.unwrap_or_default());
            segments.push(((segment + 1) * SEGMENT, bytes));
        }
        Ok(segments)
    });
    read.await
}

/// Forgets the segments that are gone up to this position.
pub(super) fn forget(statements: &mut dyn Statements, until: i64) -> Result<()> {
    let sql = "DELETE FROM mains_changes_sizes WHERE segment < $1";
    statements.execute_later(sql, &[Value::Int(until / SEGMENT)], None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_segments_go_until_the_rest_fits() {
        let size = Size { segments: vec![(1_000, 50), (2_000, 70), (3_000, 30)], bytes: 160 };
        assert_eq!(
            [200, 160, 159, 110, 109, 40, 0].map(|bytes| size.surplus(bytes)),
            [0, 0, 1_000, 1_000, 2_000, 2_000, 3_000]
        );
        assert_eq!([1, 1_000, 1_001].map(segment), [0, 0, 1]);
    }
}
