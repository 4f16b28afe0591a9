//! Records that were read whole, one by one, before they are written into an answer.

use bytes::BytesMut;
use mains_base::{Result, Uuid, Value};

use super::draft::Layout;
use super::encode::{self, Gap, Kept};
use super::page::{fetched, keys, stitched};
use crate::engine::{RowStream, RowView, View};

/// Bytes that most records need.
const ONE: usize = 512;

/// Records in the order of their rows.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) records: Vec<Held>,
    /// Whether there was one more row than there was room for.
    pub(super) more: bool,
    /// The keys of the row that filled the page.
    pub(super) last: Vec<Value>,
}

/// One record.
pub(super) struct Held {
    pub(super) id: Uuid,
    /// Its whole object.
    pub(super) json: BytesMut,
    gaps: Vec<Gap>,
    /// Where it leads, step by step.
    pub(super) leads: Vec<Lead>,
}

/// Where a record leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// Nowhere.
    Closed,
    /// To whatever names this record.
    Open,
    /// To this record.
    To(Uuid),
}

impl Held {
    /// Reads a row.
    pub(super) fn read(layout: &Layout, row: &dyn RowView) -> Result<Self> {
        let (mut json, mut kept) = (BytesMut::with_capacity(ONE), Kept::default());
        encode::row(&mut json, &layout.members, row, &mut kept)?;
        let mut held = Self { id: row.id(0)?.unwrap_or(Uuid::NIL), json, gaps: kept.gaps, leads: Vec::new() };
        for gate in &layout.gates {
            let open = match gate.visible {
                Some(visible) => row.bool(visible)? == Some(true),
                None => true,
            };
            held.leads.push(match gate.relation {
                _ if !open => Lead::Closed,
                None => Lead::Open,
                Some(relation) => row.id(relation)?.map_or(Lead::Closed, Lead::To),
            });
        }
        Ok(held)
    }
}

impl Shelf {
    /// Reads rows until there are `most` records.
    pub(super) fn read(layout: &Layout, rows: &mut dyn RowStream, most: usize) -> Result<Self> {
        let mut shelf = Self::default();
        while let Some(row) = rows.next()? {
            if shelf.records.len() == most {
                shelf.more = true;
                break;
            }
            shelf.records.push(Held::read(layout, row)?);
            if shelf.records.len() == most {
                shelf.last = keys(layout, row)?;
            }
        }
        Ok(shelf)
    }

    /// Adds records that come after.
    pub(super) fn add(&mut self, next: Self) {
        self.more = next.more;
        if !next.records.is_empty() {
            self.records.extend(next.records);
            self.last = next.last;
        }
    }

    /// Fetches the lists of all records, one query for each list, and puts them where they belong.
    pub(super) fn fill(&mut self, view: &View<'_>, layout: &Layout) -> Result<()> {
        let mut found = Vec::with_capacity(layout.lists.len());
        for (place, list) in layout.lists.iter().enumerate() {
            let with = |held: &&Held| held.gaps.iter().any(|gap| gap.list == place);
            let ids: Vec<Value> = self.records.iter().filter(with).map(|held| Value::Id(held.id)).collect();
            found.push(View::run(fetched(view, list, ids))?);
        }
        for held in &mut self.records {
            if !held.gaps.is_empty() {
                held.json = stitched(&held.json, &held.gaps, &found);
                held.gaps.clear();
            }
        }
        Ok(())
    }
}
