//! Rules and virtual computed fields for the world of the vectors.

use std::sync::Arc;

use mains_base::Value;
use mains_language::expression::{Scope, Tree, check};
use mains_language::schema::{FieldId, FieldKind};
use mains_testkit::vectors::World;

/// Collection, name, expression.
const COMPUTED: [(&str, &str, &str); 6] = [
    ("items", "busy", "n > m && parent.flag"),
    ("items", "twice", "n * 2"),
    ("items", "lone", "parent == null ? null : note"),
    ("groups", "lead", "owner.name"),
    ("groups", "load", "items.map(i, i.m).sum()"),
    ("accounts", "mine", "id == auth.id || groups.exists(g, g.flag)"),
];
const READ: [(&str, &str); 3] = [
    ("accounts", "karma != 2 || boss.karma > 0 || id == auth.id"),
    ("groups", "flag || owner == auth.id || auth.account.groups.exists(g, g == id)"),
    ("items", "team.flag || n > 0 || \"a\" in tags"),
];
const FIELDS: [(&str, &str, &str); 8] = [
    ("items", "n", "flag"),
    ("items", "nick", "auth.signed_in"),
    ("items", "owner", "m != 7 && team.flag"),
    ("items", "friends", "title != \"a\""),
    ("items", "tags", "flag || parent.flag"),
    ("accounts", "boss", "banned || boss.banned"),
    ("groups", "title", "owner.karma > 0"),
    ("groups", "lead", "flag"),
];

/// Declares them.
pub(super) fn declare(world: &mut World) {
    for (collection, name, source) in COMPUTED {
        let tree = checked(world, collection, source);
        let place = usize::from(world.schema.find(collection).unwrap().id.0);
        let collection = &mut world.schema.collections[place];
        let mut field = collection.fields[4].clone();
        field.id = FieldId(u16::try_from(collection.fields.len()).unwrap());
        name.clone_into(&mut field.name);
        field.kind = FieldKind::Computed(tree.ty.clone());
        field.required = false;
        field.computed = Some(tree);
        let id = collection.id;
        collection.fields.push(field);
        world
            .records
            .iter_mut()
            .filter(|record| record.collection == id)
            .for_each(|record| record.values.push(Value::Null));
    }
    for (collection, source) in READ {
        let tree = checked(world, collection, source);
        let place = usize::from(world.schema.find(collection).unwrap().id.0);
        world.schema.collections[place].rules.read = Some(tree);
    }
    for (collection, name, source) in FIELDS {
        let tree = checked(world, collection, source);
        let place = usize::from(world.schema.find(collection).unwrap().id.0);
        let fields = &mut world.schema.collections[place].fields;
        fields.iter_mut().find(|field| field.name == name).unwrap().read = Some(tree);
    }
}

fn checked(world: &World, collection: &str, source: &str) -> Arc<Tree> {
    let collection = world.schema.find(collection).unwrap().id;
    check(source, &Scope::new(&world.schema, collection))
        .unwrap_or_else(|complaint| panic!("{source}: {complaint}"))
        .into()
}
