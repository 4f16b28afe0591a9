//! What callers of one standing see of a collection: which records, and which fields of them.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use mains_base::{Caller, Result, Time};
use mains_language::expression::{Node, Tree, Type};
use mains_language::schema::{Collection, CollectionId, FieldId, Schema};

use super::condition::{Condition, own_relation};
use crate::Epoch;
use crate::records::bounded::Bounded;
use crate::records::held::{Form, Sight};
use crate::records::selection::is_shown;
use crate::records::standing::{Conditions, Rule, Standing};
use crate::write::Image;

/// The views of one epoch: callers of one standing share theirs.
pub(super) struct Views(Bounded<(CollectionId, Standing), Arc<View>>);

impl Default for Views {
    fn default() -> Self {
        Self(Bounded::new(1024))
    }
}

/// What callers of one standing see of a collection.
pub(super) struct View {
    pub(super) collection: CollectionId,
    /// `None`: nothing.
    pub(super) records: Option<Records>,
    members: Vec<Member>,
    /// The conditions of fields that do not always show; a record's mask has their verdicts.
    pub(super) fields: Vec<(FieldId, Arc<Condition>)>,
}

/// Which records.
pub(super) struct Records {
    /// Relations that must name the caller.
    pub(super) own: Vec<FieldId>,
    /// What must be true besides.
    pub(super) rest: Option<Arc<Condition>>,
}

struct Member {
    field: FieldId,
    /// The place of its condition, where it has one.
    condition: Option<usize>,
}

/// When a field shows.
pub(super) enum Shows<'v> {
    /// In no record.
    Never,
    /// In every one.
    Always,
    /// Where this is true.
    Where(&'v Arc<Condition>),
}

/// The view of a caller, and the one that others of its standing have.
pub(super) fn view(epoch: &Epoch, collection: &Collection, caller: &Caller, now: Time) -> Result<Arc<View>> {
    let conditions = Conditions::lasting(collection);
    let standing = conditions.standing(collection, caller, now)?;
    let views = epoch.part::<Views>();
    let key = (collection.id, standing);
    if let Some(known) = views.0.get(&key) {
        return Ok(known);
    }
    let made = Arc::new(View::of(epoch, collection, (&conditions, standing))?);
    views.0.put(key, Arc::clone(&made));
    Ok(made)
}

impl View {
    fn of(epoch: &Epoch, collection: &Collection, rules: (&Conditions, Standing)) -> Result<Self> {
        let (conditions, standing) = rules;
        let condition = |tree: Tree| Condition::of(&epoch.schema, epoch.dialect, collection.id, tree);
        let records = match conditions.records(collection, standing) {
            Rule::Never => None,
            Rule::Always => Some(Records { own: Vec::new(), rest: None }),
            Rule::Where(tree) => {
                let parts = if let Node::And(parts) = tree.node { parts } else { vec![tree] };
                let (own, rest): (Vec<Tree>, Vec<Tree>) =
                    parts.into_iter().partition(|part| own_relation(part).is_some());
                let own = own.iter().filter_map(own_relation).collect();
                Some(Records { own, rest: joined(rest).map(&condition).transpose()? })
            }
        };
        let (mut members, mut fields) = (Vec::new(), Vec::new());
        for field in collection.fields.iter().filter(|field| is_shown(field)) {
            let told = |tree: &Arc<Tree>| tree.is_local() && !tree.is_about_caller_or_time();
            if !field.computed.as_ref().is_none_or(told) {
                continue;
            }
            let place = match conditions.field(field, standing) {
                Rule::Never => continue,
                Rule::Always => None,
                Rule::Where(tree) => {
                    fields.push((field.id, condition(tree)?));
                    Some(fields.len() - 1)
                }
            };
            members.push(Member { field: field.id, condition: place });
        }
        Ok(Self { collection: collection.id, records, members, fields })
    }

    /// When a field shows.
    pub(super) fn field(&self, field: FieldId) -> Shows<'_> {
        let Some(member) = self.members.iter().find(|member| member.field == field) else {
            return Shows::Never;
        };
        let condition = member.condition.and_then(|place| self.fields.get(place));
        condition.map_or(Shows::Always, |(_, condition)| Shows::Where(condition))
    }

    /// The record as JSON, with those fields whose condition is true.
    pub(super) fn record(&self, schema: &Schema, image: &Image, mask: &[bool], now: Time) -> Result<Bytes> {
        let collection = schema.collection(self.collection);
        let nobody = Caller::visitor();
        let sight = Sight { caller: &nobody, now, image };
        let mut out = BytesMut::with_capacity(512);
        for member in &self.members {
            if member.condition.is_some_and(|place| mask.get(place) != Some(&true)) {
                continue;
            }
            let field = collection.field(member.field);
            let (before, form) = (out.len(), Form::of(schema, collection, field));
            out.put_u8(if out.is_empty() { b'{' } else { b',' });
            out.put_slice(&form.key);
            if sight.member(&mut out, field, form.kind.as_ref())?.is_none() {
                out.truncate(before);
            }
        }
        if out.is_empty() {
            out.put_u8(b'{');
        }
        out.put_u8(b'}');
        Ok(out.freeze())
    }
}

fn joined(mut parts: Vec<Tree>) -> Option<Tree> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let (null, unknown) = (parts.iter().any(|part| part.null), parts.iter().any(|part| part.unknown));
    Some(Tree { node: Node::And(parts), ty: Type::Bool, null, unknown })
}
