//! Loading records: whole, with their lists, in one statement; kept by the transaction.

use std::sync::Arc;

use mains_base::{Error, Result, Uuid, Value};
use mains_language::schema::{CollectionId, FieldId};

use super::layout::Layouts;
use super::{Image, Tx};
use crate::Epoch;
use crate::dialect::quote;
use crate::engine::Engine;
use crate::schema::names;

/// Ids in one statement.
pub(super) const CHUNK: usize = 1000;

impl Tx<'_> {
    /// The record; 404 when there is none.
    pub fn get(&mut self, collection: CollectionId, id: Uuid) -> Result<Arc<Image>> {
        self.find(collection, id)?.ok_or_else(Error::not_found)
    }

    /// The record, if there is one.
    pub fn find(&mut self, collection: CollectionId, id: Uuid) -> Result<Option<Arc<Image>>> {
        if let Some(kept) = self.state.kept.get((collection, id)) {
            return Ok(kept.now.clone());
        }
        let found = self.load(collection, "WHERE r.\"id\" = $1", &[id.into()])?;
        Ok(found.into_iter().next())
    }

    /// Those of the records that there are, in the order of the ids. What the transaction holds is not loaded again.
    pub fn get_all(&mut self, collection: CollectionId, ids: &[Uuid]) -> Result<Vec<Arc<Image>>> {
        let kept = &self.state.kept;
        let unknown: Vec<Uuid> =
            ids.iter().copied().filter(|id| kept.get((collection, *id)).is_none()).collect();
        for chunk in unknown.chunks(CHUNK) {
            let ids = Value::List(chunk.iter().copied().map(Value::Id).collect());
            self.load(collection, "WHERE r.\"id\" IN $1", &[ids])?;
        }
        let now = |id: &Uuid| self.state.kept.get((collection, *id))?.now.clone();
        Ok(ids.iter().filter_map(now).collect())
    }

    /// Records of `FROM collection AS r` and this end: `WHERE r."cart" = $1 ORDER BY r."id"`.
    pub fn images(
        &mut self,
        collection: CollectionId,
        tail: &str,
        parameters: &[Value],
    ) -> Result<Vec<Arc<Image>>> {
        self.settle()?;
        self.load(collection, tail, parameters)
    }

    /// The same by ids that the transaction does not hold: nothing that waits is among them, so nothing has to settle.
    fn load(
        &mut self,
        collection: CollectionId,
        tail: &str,
        parameters: &[Value],
    ) -> Result<Vec<Arc<Image>>> {
        let declared = self.of(collection)?;
        let layout = declared.layout()?;
        let text = format!("SELECT {} FROM {} AS r {tail}", layout.select, layout.table);
        let rows = self.statements.query(&text, parameters)?;
        let mut images = Vec::with_capacity(rows.0.len());
        for row in &rows.0 {
            let (image, _) = layout.image(declared.collection(), row)?;
            images.extend(self.state.kept.load(image));
        }
        Ok(images)
    }

    /// Whether any record names this one by a stored relation.
    pub fn is_pointed_at(&mut self, collection: CollectionId, id: Uuid) -> Result<bool> {
        let schema = self.schema();
        for other in schema.collections.iter().filter(|other| !other.is_table()) {
            for field in other.fields.iter().filter(|field| field.is_stored()) {
                let points = field.relation() == Some(collection);
                if points && !self.pointing(other.id, field.id, &[id], 1)?.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Records whose relation `field` names, or contains, one of `targets`.
    pub(super) fn pointing(
        &mut self,
        collection: CollectionId,
        field: FieldId,
        targets: &[Uuid],
        limit: usize,
    ) -> Result<Vec<Arc<Image>>> {
        let declared = self.of(collection)?;
        let field = declared.collection().field(field);
        let ids = Value::List(targets.iter().copied().map(Value::Id).collect());
        let condition = if field.many.is_some() {
            let table = quote(&names::join_table(&declared.collection().name, &field.name));
            format!("r.\"id\" IN (SELECT \"record\" FROM {table} WHERE \"target\" IN $1)")
        } else {
            format!("r.{} IN $1", quote(&field.name))
        };
        self.images(collection, &format!("WHERE {condition} LIMIT {limit}"), &[ids])
    }
}

/// Records as they are stored now, outside of any transaction; those that are gone are left out.
pub(crate) async fn stored(
    engine: &Engine,
    epoch: &Epoch,
    collection: CollectionId,
    ids: &[Uuid],
) -> Result<Vec<Image>> {
    let layouts = epoch.part::<Layouts>();
    let layout = layouts.of(epoch, collection)?;
    let text = format!("SELECT {} FROM {} AS r WHERE r.\"id\" IN $1", layout.select, layout.table);
    let chunks: Vec<Value> =
        ids.chunks(CHUNK).map(|chunk| Value::List(chunk.iter().copied().map(Value::Id).collect())).collect();
    let rows = engine.snapshot(move |tx| {
        let each = chunks.into_iter().map(|ids| tx.query(&text, &[ids]));
        each.collect::<Result<Vec<_>>>()
    });
    let declared = epoch.schema.collection(collection);
    let rows = rows.await?;
    rows.iter().flat_map(|rows| &rows.0).map(|row| Ok(layout.image(declared, row)?.0)).collect()
}
