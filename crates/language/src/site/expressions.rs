//! Expressions of the files: virtual computed fields first, in the order in which they need each other, then all others.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::document::Item;
use super::skeleton::Source;
use crate::expression::{Complaint, Computed, Place, Scope, Tree, Type, Want, check, check_as};
use crate::schema::{CollectionId, FieldId, FieldKind, Schema};

type Name = (CollectionId, FieldId);

/// Computed fields that were refused; what uses them is not complained about again.
pub(super) struct Failed {
    fields: HashSet<Name>,
    asked: Cell<bool>,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) collection: CollectionId,
    pub(super) place: Place,
    pub(super) old: bool,
}

/// A schema whose computed fields are done, but for those that failed.
struct Known<'k> {
    schema: &'k Schema,
    failed: &'k Failed,
}

impl Computed for Known<'_> {
    fn tree(&self, collection: CollectionId, field: FieldId) -> Result<Arc<Tree>, Complaint> {
        if self.failed.fields.contains(&(collection, field)) {
            self.failed.asked.set(true);
        }
        self.schema.tree(collection, field)
    }
}

/// Checks one expression and notes what is wrong with it.
pub(super) fn tree(
    item: Item<'_, '_>,
    schema: &Schema,
    failed: &Failed,
    standing: Standing,
    want: &Want,
) -> Option<Arc<Tree>> {
    let source = item.text()?;
    let Standing { collection, place, old } = standing;
    let known = Known { schema, failed };
    let scope = Scope { computed: &known, old, ..Scope::new(schema, collection).at(place) };
    failed.asked.set(false);
    match check_as(source, &scope, want) {
        Ok(tree) => Some(Arc::new(tree)),
        Err(complaint) => {
            if !failed.asked.get() {
                item.complain(&complaint);
            }
            None
        }
    }
}

/// The state of computed fields while they are checked.
struct Checking<'c, 'a, 's> {
    schema: &'c Schema,
    sources: HashMap<Name, Item<'a, 's>>,
    done: RefCell<HashMap<Name, Option<Arc<Tree>>>>,
    busy: RefCell<Vec<Name>>,
    cascaded: Cell<bool>,
}

impl Checking<'_, '_, '_> {
    fn name(&self, (collection, field): Name) -> String {
        let collection = self.schema.collection(collection);
        format!("{}.{}", collection.name, collection.field(field).name)
    }

    fn failure(&self) -> Complaint {
        self.cascaded.set(true);
        Complaint::new(&(0..0), "it is wrong itself")
    }

    fn circle(&self, name: Name) -> Option<String> {
        let busy = self.busy.borrow();
        let start = busy.iter().position(|other| *other == name)?;
        let names = busy.iter().skip(start).chain([&name]).map(|name| self.name(*name));
        Some(names.collect::<Vec<_>>().join(" → "))
    }

    fn check(&self, name: Name, item: Item<'_, '_>) -> Option<Arc<Tree>> {
        let source = item.text()?;
        let scope = Scope { computed: self, ..Scope::new(self.schema, name.0) };
        let outer = self.cascaded.replace(false);
        self.busy.borrow_mut().push(name);
        let checked = check(source, &scope);
        self.busy.borrow_mut().pop();
        let cascaded = self.cascaded.replace(outer);
        match checked {
            Ok(tree) => match unanswerable(self.schema, &tree.ty) {
                None => Some(Arc::new(tree)),
                Some((problem, hint)) => {
                    item.error(problem, Some(hint));
                    None
                }
            },
            Err(complaint) => {
                if !cascaded {
                    item.complain(&complaint);
                }
                None
            }
        }
    }
}

/// Why no answer can carry a value of this type, and what to do. What is stored is written by its field's options, and a
/// computed field has none of them.
fn unanswerable(schema: &Schema, ty: &Type) -> Option<(String, &'static str)> {
    let hint = match ty {
        Type::Money => "Say its `.amount`: minor units, a whole number.",
        Type::Null => "Say a value.",
        Type::List(_) => "Say its `.size()`, or fold it with `.sum()`, `.min()` or `.max()`.",
        Type::Json | Type::File | Type::Point => "Show the field itself.",
        _ => return None,
    };
    Some((format!("A computed field cannot be {}.", ty.describe(schema)), hint))
}

impl Computed for Checking<'_, '_, '_> {
    fn tree(&self, collection: CollectionId, field: FieldId) -> Result<Arc<Tree>, Complaint> {
        let name = (collection, field);
        if let Some(done) = self.done.borrow().get(&name) {
            return done.clone().ok_or_else(|| self.failure());
        }
        if let Some(circle) = self.circle(name) {
            return Err(Complaint::new(&(0..0), format!("it needs itself ({circle}).")));
        }
        let item = self.sources.get(&name).copied().ok_or_else(|| self.failure())?;
        let tree = self.check(name, item);
        self.done.borrow_mut().insert(name, tree.clone());
        tree.ok_or_else(|| self.failure())
    }
}

/// Checks all computed fields and puts their trees and types into the schema.
pub(super) fn computed(schema: &mut Schema, sources: &[Source<'_, '_>]) -> Failed {
    let items: Vec<(Name, Item<'_, '_>)> = sources
        .iter()
        .filter_map(|source| Some(((source.collection, source.field), source.keys.get("computed")?)))
        .collect();
    let checking = Checking {
        schema,
        sources: items.iter().copied().collect(),
        done: RefCell::default(),
        busy: RefCell::default(),
        cascaded: Cell::new(false),
    };
    for (name, _) in &items {
        let _ = checking.tree(name.0, name.1);
    }
    let done = checking.done.into_inner();
    let mut failed = HashSet::new();
    for ((collection, field), tree) in done {
        let target = schema.collections.get_mut(usize::from(collection.0));
        let target = target.and_then(|target| target.fields.get_mut(usize::from(field.0)));
        match (target, tree) {
            (Some(target), Some(tree)) => {
                target.kind = FieldKind::Computed(tree.ty.clone());
                target.computed = Some(tree);
            }
            _ => _ = failed.insert((collection, field)),
        }
    }
    Failed { fields: failed, asked: Cell::new(false) }
}
