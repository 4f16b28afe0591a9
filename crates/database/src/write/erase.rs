//! Erasing an account: its personal data becomes null, what goes with it goes, and the log forgets both.
//!
//! Invariants: what is erased is in no row and in no change of the log, not even in the change that erased it;
//! a record that others need stays, pointing at a tombstone. Rules and invariants do not stand in the way: they were
//! made for people who are there.

use std::sync::Arc;

use mains_base::{Result, Uuid, Value};
use mains_language::schema::{Collection, CollectionId, Field, FieldId, FieldKind, OnDelete, Schema};

use super::input::{Authority, Input, Sent};
use super::{Image, Tx};
use crate::dialect::quote;
use crate::schema::names;

/// Records that one transaction erases.
const BATCH: usize = 200;

impl Tx<'_> {
    /// Erases a part of what an account left: up to some hundred records. Answers whether more is there. The account's
    /// own record is erased with the last part; it stays, without what was personal.
    pub fn erase_account(&mut self, accounts: CollectionId, account: Uuid) -> Result<bool> {
        let schema = self.schema();
        let mut left = BATCH;
        let others = || schema.collections.iter().filter(|one| !one.is_table() && one.id != accounts);
        // What is personal first: once the relations that lead to it are cleared or gone, nobody finds it. For the same
        // reason what lies behind more of them comes before what lies behind fewer.
        let mut paths: Vec<_> =
            others().flat_map(|one| paths(one).into_iter().map(move |path| (one, path))).collect();
        paths.sort_by_key(|(_, path)| std::cmp::Reverse(path.len()));
        for (collection, path) in paths {
            left = left.saturating_sub(self.erase_in(&schema, (collection, path), (account, left))?);
            if left == 0 {
                return Ok(true);
            }
        }
        for collection in others() {
            left = left.saturating_sub(self.erase_going(collection, (accounts, account), left)?);
            if left == 0 {
                return Ok(true);
            }
        }
        let own = self.get(accounts, account)?;
        self.erase_fields(schema.collection(accounts), &own, |field| {
            field.personal.as_ref().is_some_and(Vec::is_empty)
        })?;
        Ok(false)
    }

    /// Records that cascade with the account, and relations that are cleared with it.
    fn erase_going(
        &mut self,
        collection: &Collection,
        (accounts, account): (CollectionId, Uuid),
        most: usize,
    ) -> Result<usize> {
        let mut count = 0;
        for field in collection.fields.iter().filter(|field| field.is_stored()) {
            let FieldKind::Relation { to, on_delete, .. } = field.kind else { continue };
            if to != accounts || on_delete == OnDelete::Restrict {
                continue;
            }
            let images = self.pointing(collection.id, field.id, &[account], most)?;
            count += images.len();
            if on_delete == OnDelete::Cascade {
                self.delete_all(&images)?;
                let keys: Vec<_> = images.iter().map(|image| (image.collection, image.id())).collect();
                for key in keys {
                    self.state.kept.silence(key);
                }
            } else {
                images.iter().try_for_each(|image| self.clear_account(image, field, account))?;
            }
        }
        Ok(count)
    }

    fn clear_account(&mut self, image: &Arc<Image>, field: &Field, account: Uuid) -> Result<()> {
        let value = match image.value(field.id) {
            Value::List(items) => {
                Value::List(items.iter().filter(|item| item.as_id() != Some(account)).cloned().collect())
            }
            _ => Value::Null,
        };
        let authority = Authority { forces: true, ..Authority::own(&self.state.caller) };
        let input = Input { values: vec![(field.id, Sent::Set(value))], ..Input::default() };
        let image = self.get(image.collection, image.id())?;
        self.change(&authority, &image, (&input, &[]))?;
        self.state.kept.silence((image.collection, image.id()));
        Ok(())
    }

    /// Personal fields of another collection whose path leads to the account.
    fn erase_in(
        &mut self,
        schema: &Schema,
        (collection, path): (&Collection, &[FieldId]),
        (account, most): (Uuid, usize),
    ) -> Result<usize> {
        let personal = |field: &Field| field.is_stored() && field.personal.as_deref() == Some(path);
        let Some(tail) = tail(schema, collection, path, personal) else { return Ok(0) };
        let images = self.images(collection.id, &format!("{tail} LIMIT {most}"), &[account.into()])?;
        for image in &images {
            self.erase_fields(collection, image, personal)?;
        }
        if path.len() > 1 {
            self.forget_changes(collection, &images)?;
        }
        Ok(images.len())
    }

    /// Forgets what the log says of records that do not name the account themselves, so that nobody finds them by it.
    fn forget_changes(&mut self, collection: &Collection, images: &[Arc<Image>]) -> Result<()> {
        let ids = Value::List(images.iter().map(|image| image.id().into()).collect());
        let text = "UPDATE mains_changes SET data = NULL WHERE collection = $1 AND record IN $2";
        self.statements.execute_later(text, &[collection.name.as_str().into(), ids], None)
    }

    /// Makes these fields of a record null, asking nobody.
    fn erase_fields(
        &mut self,
        collection: &Collection,
        image: &Arc<Image>,
        gone: impl Fn(&Field) -> bool,
    ) -> Result<()> {
        let mut erased = (**image).clone();
        for field in collection.fields.iter().filter(|field| gone(field)) {
            let empty = if field.many.is_some() { Value::List(Vec::new()) } else { Value::Null };
            erased.set(field.id, empty);
        }
        if erased != **image {
            self.stamp(&mut erased);
            self.store_changed(image, erased, &[])?;
        }
        self.state.kept.silence((collection.id, image.id()));
        Ok(())
    }
}

/// The different paths to accounts whose personal data stands in a collection.
fn paths(collection: &Collection) -> Vec<&[FieldId]> {
    let stored = collection.fields.iter().filter(|field| field.is_stored());
    let mut paths: Vec<&[FieldId]> = stored.filter_map(|field| field.personal.as_deref()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths.retain(|path| !path.is_empty());
    paths
}

/// `WHERE` that finds records whose path leads to the account `$1` and that still hold something personal.
fn tail(
    schema: &Schema,
    collection: &Collection,
    path: &[FieldId],
    personal: impl Fn(&Field) -> bool,
) -> Option<String> {
    let condition = leads(schema, collection, path, "r.")?;
    let held = collection.fields.iter().filter(|field| personal(field)).map(|field| {
        if field.many.is_some() {
            let list = quote(&names::join_table(&collection.name, &field.name));
            return format!("EXISTS (SELECT 1 FROM {list} WHERE {list}.\"record\" = r.\"id\")");
        }
        format!("r.{} IS NOT NULL", quote(&field.name))
    });
    let held: Vec<String> = held.collect();
    Some(format!("WHERE {condition} AND ({})", held.join(" OR ")))
}

/// `r."post" IN (SELECT "id" FROM "posts" WHERE "author" = $1)`.
fn leads(schema: &Schema, collection: &Collection, path: &[FieldId], alias: &str) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let field = collection.field(*first);
    let column = format!("{alias}{}", quote(&field.name));
    if rest.is_empty() {
        return Some(format!("{column} = $1"));
    }
    let to = schema.collection(field.relation()?);
    let inner = leads(schema, to, rest, "")?;
    Some(format!("{column} IN (SELECT \"id\" FROM {} WHERE {inner})", quote(&to.name)))
}
