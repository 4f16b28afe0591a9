//! Fields: types, inverses, literals, and the expressions that hang on them.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use super::declared::nobody;
use super::document::{Item, Keys};
use super::expressions::{Failed, Standing, tree};
use super::kinds::{self, Place};
use super::options::{self, later};
use super::skeleton::Source;
use super::{literal, names};
use crate::expression::{self, Tree, Type, Want};
use crate::schema::{CollectionId, Default, Field, FieldId, FieldKind, Inverse, Schema};

/// The field at a place, to be changed.
pub(super) fn at(schema: &mut Schema, collection: CollectionId, field: FieldId) -> Option<&mut Field> {
    schema.collections.get_mut(usize::from(collection.0))?.fields.get_mut(usize::from(field.0))
}

/// Gives every field its type and its plain options; false when some field got none.
pub(super) fn build(schema: &mut Schema, sources: &[Source<'_, '_>]) -> bool {
    let failed = Cell::new(false);
    let types: HashMap<(CollectionId, FieldId), String> = sources
        .iter()
        .filter_map(|source| Some(((source.collection, source.field), source.keys.text("type")?.to_owned())))
        .collect();
    for source in sources {
        let place = Place { schema, collection: source.collection, types: &types, failed: &failed };
        let built = one(source, &place);
        if let Some(field) = at(schema, source.collection, source.field) {
            *field = Field { id: field.id, name: field.name.clone(), owner: field.owner.clone(), ..built };
        }
    }
    !failed.get()
}

fn one(source: &Source<'_, '_>, place: &Place<'_>) -> Field {
    let keys = &source.keys;
    if keys.get("computed").is_some() {
        options::computed(keys);
        keys.refuse(
            "stored",
            later("stored"),
            Some("Leave it out for now; the field is then calculated when it is read."),
        );
        if keys.get("stored").is_none() {
            keys.refuse("index", "What is never stored has no index.", Some("Leave it out."));
        }
        let kind = FieldKind::Computed(Type::Null);
        return Field { hidden: keys.is("hidden"), label: options::label(keys), ..literal::blank(kind) };
    }
    let Some(name) = keys.text("type") else {
        if keys.get("type").is_none() {
            keys.error(
                "This field has no type.",
                Some("Say type = \"text\" or the like, or computed = '…'."),
            );
        }
        place.failed.set(true);
        return literal::blank(FieldKind::Bool);
    };
    if options::type_names(true).any(|known| known == name) {
        options::field(keys, name);
    }
    keys.refuse("stored", "Only a computed field can be `stored`.", Some("Every other field is."));
    let many = kinds::many(keys, name);
    let kind = kinds::kind(keys, name, place);
    exclusive(keys, name);
    Field {
        was: keys.text("was").map(str::to_owned),
        label: options::label(keys),
        many,
        // What a site adds to a ready-made collection binds commands, and old records have nothing there.
        required: keys.is("required") && !source.added,
        wanted: keys.is("required") && source.added,
        immutable: keys.is("immutable"),
        hidden: keys.is("hidden"),
        message: keys.text("message").map(str::to_owned),
        ..literal::blank(kind)
    }
}

/// Options that do not go together.
fn exclusive(keys: &Keys<'_, '_>, name: &str) {
    let has = |key: &str| keys.get(key).is_some();
    if has("on_write") {
        keys.refuse(
            "on_create",
            "`on_write` sets the field at the create too.",
            Some("Leave out `on_create`."),
        );
        if keys.is("immutable") {
            keys.refuse("immutable", "What is set at every write changes.", Some("Say `on_create` instead."));
        }
    }
    if has("on_create") || has("on_write") {
        keys.refuse("default", "The server sets this field, so there is no default.", Some("Leave it out."));
    }
    if matches!(name, "json" | "bytes" | "point" | "file") {
        let fits = name == "bytes";
        for key in ["unique", "index"].into_iter().filter(|_| !fits) {
            keys.refuse(key, format!("There is no index on {name}."), Some("Leave it out."));
        }
    }
    if name == "bool" && keys.is("required") {
        keys.refuse("required", "A bool is never null, so `required` says nothing.", Some("Leave it out."));
    }
}

/// The other side of every relation; names meet neither fields nor each other.
pub(super) fn inverses(schema: &mut Schema, sources: &[Source<'_, '_>]) {
    for source in sources {
        let field = schema.collection(source.collection).field(source.field);
        let FieldKind::Relation { to, inverse, .. } = &field.kind else { continue };
        let (to, name, many) = (*to, inverse.clone(), field.many.is_some());
        if let Some(name) = &name {
            refuse_inverse(source, schema, to, name);
        }
        let inverse = Inverse { name, from: source.collection, field: source.field, many };
        if let Some(target) = schema.collections.get_mut(usize::from(to.0)) {
            target.inverses.push(inverse);
        }
    }
}

fn refuse_inverse(source: &Source<'_, '_>, schema: &Schema, to: CollectionId, name: &str) {
    let Some(item) = source.keys.get("inverse") else { return };
    let target = schema.collection(to);
    let taken = target.inverses.iter().any(|other| other.name.as_deref() == Some(name));
    if let Some(problem) = names::field(name, "", true) {
        item.error(problem, None);
    } else if schema.collection(source.collection).is_table() {
        item.error("A private table has no door, so nothing leads to it.", Some("Leave out `inverse`."));
    } else if target.find(name).is_some() {
        item.error(format!("{} has a field `{name}` already.", target.name), Some("Choose another name."));
    } else if taken {
        item.error(format!("{} has an inverse `{name}` already.", target.name), Some("Choose another name."));
    }
}

/// Literal defaults.
pub(super) fn defaults(schema: &mut Schema, sources: &[Source<'_, '_>]) {
    for source in sources {
        let Some(item) = source.keys.get("default") else {
            if let Some(field) = at(schema, source.collection, source.field) {
                field.default = never_null(field, &source.keys);
            }
            continue;
        };
        let field = schema.collection(source.collection).field(source.field);
        if item.value.get_ref().is_table() && item.keys().is_some_and(|keys| keys.get("expr").is_some()) {
            continue;
        }
        if field.many.is_some() && item.value.get_ref().is_table() {
            continue;
        }
        let value = literal::of_field(item, field, schema);
        if matches!(field.kind, FieldKind::Relation { .. }) {
            item.error(
                "A relation has no literal default.",
                Some("Write default = { expr = 'auth.id' } or the like."),
            );
        }
        if let Some(field) = at(schema, source.collection, source.field) {
            field.default = value.filter(|value| !value.is_null()).map(Default::Literal);
        }
    }
}

/// A bool is never null: false where nothing else is said.
fn never_null(field: &Field, keys: &Keys<'_, '_>) -> Option<Default> {
    let set = keys.get("on_create").is_some() || keys.get("on_write").is_some();
    (matches!(field.kind, FieldKind::Bool) && !set).then(|| Default::Literal(false.into()))
}

/// What is written and read by expressions of the field.
pub(super) fn expressions(schema: &mut Schema, sources: &[Source<'_, '_>], failed: &Failed) {
    for source in sources {
        let mut field = schema.collection(source.collection).field(source.field).clone();
        written(&mut field, source, schema, failed);
        let rule = |key: &str, place, old| {
            let standing = Standing { collection: source.collection, place, old };
            let item = source.keys.get(key);
            let rule = item.and_then(|item| tree(item, schema, failed, standing, &Want::Condition));
            // What a site adds to a ready-made collection is closed until it says otherwise.
            rule.or_else(|| (source.added && item.is_none()).then(nobody))
        };
        field.read = rule("read", expression::Place::Read, false);
        field.write = if field.is_stored() { rule("write", expression::Place::Write, true) } else { None };
        if schema.collection(source.collection).is_table() {
            for key in ["read", "write", "personal", "hidden"] {
                source.keys.refuse(key, "A private table has no door.", Some("Leave this out."));
            }
        }
        if let Some(place) = at(schema, source.collection, source.field) {
            *place = field;
        }
    }
}

fn written(field: &mut Field, source: &Source<'_, '_>, schema: &Schema, failed: &Failed) {
    let Some(want) = Type::of(field).map(Want::Value).filter(|_| field.is_stored()) else { return };
    let drawn = |item: Option<Item<'_, '_>>, old| -> Option<Arc<Tree>> {
        let standing = Standing { collection: source.collection, place: expression::Place::Draw, old };
        tree(item?, schema, failed, standing, &want)
    };
    field.on_create = drawn(source.keys.get("on_create"), false);
    field.on_write = drawn(source.keys.get("on_write"), true);
    let calculated = |item: &Item<'_, '_>| item.value.get_ref().is_table() && field.many.is_none();
    let default = source.keys.get("default").filter(calculated);
    if let Some(keys) = default.and_then(Item::keys)
        && let Some(expr) = keys.get("expr")
    {
        keys.only(&["expr"], "in a default");
        field.default = drawn(Some(expr), false).map(Default::Expr);
    }
}
