//! What a caller writes sees only what the read rules show.

use std::sync::Arc;

use mains_base::Value;
use mains_language::expression::{Cell, Place, Scope, Want, check, check_as, evaluate};
use mains_language::schema::Schema;
use mains_testkit::vectors::World;

use crate::vectors::View;

fn rule(schema: &Schema, collection: &str, source: &str) -> Arc<mains_language::expression::Tree> {
    let scope = Scope::new(schema, schema.find(collection).unwrap().id);
    Arc::new(check_as(source, &scope, &Want::Condition).unwrap())
}

/// Everybody reads items and groups with `flag`; accounts see themselves; karma is one's own.
fn world() -> World {
    let mut world = World::new();
    let rules = [("items", "true"), ("groups", "flag"), ("accounts", "id == auth.id")]
        .map(|(name, source)| (name, rule(&world.schema, name, source)));
    let own = rule(&world.schema, "items", "owner == auth.id");
    for (name, rule) in rules {
        let id = world.schema.find(name).unwrap().id;
        world.schema.collections[usize::from(id.0)].rules.read = Some(rule);
    }
    let items = &mut world.schema.collections[2];
    assert_eq!(items.name, "items");
    for field in &mut items.fields {
        match field.name.as_str() {
            "note" | "tags" | "parent" => field.read = Some(Arc::clone(&own)),
            "mail" => field.hidden = true,
            _ => {}
        }
    }
    world
}

fn ask(world: &World, caller: &str, record: &str, source: &str) -> Cell {
    let items = world.schema.find("items").unwrap().id;
    let tree = check(source, &Scope::new(&world.schema, items).by_caller()).unwrap();
    let view = View { world, record: world.record(items, record), old: None, caller: &world.callers[caller] };
    evaluate(&tree, &view)
}

fn known(value: impl Into<Value>) -> Cell {
    Cell::Known(value.into())
}

#[test]
fn a_followed_relation_needs_its_targets_read_rule() {
    let world = world();
    assert_eq!(ask(&world, "visitor", "full", "owner.name == \"Ann\""), Cell::Unknown);
    assert_eq!(ask(&world, "visitor", "full", "!(owner.name == \"Ann\")"), Cell::Unknown);
    assert_eq!(ask(&world, "ann", "full", "owner.name == \"Ann\""), known(true));
    assert_eq!(ask(&world, "ann", "edge", "owner.name == \"Bob\""), Cell::Unknown);
    assert_eq!(ask(&world, "ann", "full", "team.title"), known("Red"));
    assert_eq!(ask(&world, "ann", "edge", "team.title"), Cell::Unknown);
    assert_eq!(ask(&world, "ann", "edge", "team == null"), known(false));
}

#[test]
fn a_list_shows_readable_elements_alone() {
    let world = world();
    assert_eq!(ask(&world, "ann", "past", "friends.size()"), known(1));
    assert_eq!(ask(&world, "ann", "past", "friends.exists(g, g.title == \"Blue\")"), known(false));
    assert_eq!(ask(&world, "ann", "past", "friends.all(g, g.title == \"Red\")"), known(true));
    assert_eq!(ask(&world, "ann", "past", "friends.map(g, g.n).sum()"), known(5));
    assert_eq!(ask(&world, "ann", "full", "owner in team.members"), known(true));
    assert_eq!(ask(&world, "visitor", "full", "owner in team.members"), known(false));
}

#[test]
fn an_unreadable_field_is_null() {
    let world = world();
    assert_eq!(ask(&world, "ann", "full", "note"), known("a note"));
    assert_eq!(ask(&world, "visitor", "full", "note"), Cell::Known(Value::Null));
    assert_eq!(ask(&world, "visitor", "full", "note == null"), known(true));
    assert_eq!(ask(&world, "visitor", "full", "note.size()"), Cell::Unknown);
    assert_eq!(ask(&world, "visitor", "full", "tags.size()"), known(0));
    assert_eq!(ask(&world, "ann", "full", "\"a\" in tags"), known(true));
    assert_eq!(ask(&world, "visitor", "full", "\"a\" in tags"), known(false));
}

#[test]
fn a_relation_is_hidden_from_both_sides() {
    let world = world();
    assert_eq!(ask(&world, "visitor", "full", "parent == null"), known(true));
    assert_eq!(ask(&world, "visitor", "full", "parent.n"), Cell::Unknown);
    assert_eq!(ask(&world, "visitor", "edge", "children.size()"), known(0));
    assert_eq!(ask(&world, "ann", "edge", "children.size()"), known(1));
}

#[test]
fn ones_own_account_needs_its_read_rule_too() {
    let mut world = world();
    assert_eq!(ask(&world, "ann", "full", "auth.account.karma > 100"), known(true));
    let staff = rule(&world.schema, "accounts", "auth.staff");
    world.schema.collections[0].rules.read = Some(staff);
    assert_eq!(ask(&world, "ann", "full", "auth.account.karma > 100"), Cell::Unknown);
    assert_eq!(ask(&world, "ann", "full", "auth.account.name == \"Ann\""), known(false));
    assert_eq!(ask(&world, "cid", "full", "auth.account.boss.name == \"Bob\""), Cell::Unknown);
    assert_eq!(ask(&world, "ann", "full", "auth.account.groups.size()"), known(0));
    assert_eq!(ask(&world, "ann", "full", "auth.account.items.size()"), known(0));
}

#[test]
fn without_a_read_rule_nobody_sees() {
    let mut world = world();
    world.schema.collections[1].rules.read = None;
    assert_eq!(ask(&world, "ann", "past", "friends.size()"), known(0));
    assert_eq!(ask(&world, "ann", "full", "team.title"), Cell::Unknown);
}

#[test]
fn hidden_fields_do_not_exist() {
    let world = world();
    let items = world.schema.find("items").unwrap().id;
    let scope = Scope::new(&world.schema, items);
    assert!(check("mail == \"a@b.c\"", &scope).is_ok());
    let complaint = check("maill == \"a@b.c\"", &scope).unwrap_err();
    assert_eq!(complaint.hint.as_deref(), Some("Did you mean `mail`?"));
    let complaint = check("maill == \"a@b.c\"", &scope.by_caller()).unwrap_err();
    assert_ne!(complaint.hint.as_deref(), Some("Did you mean `mail`?"));
    assert!(check("mail == \"a@b.c\"", &scope.by_caller()).is_err());
}

#[test]
fn what_a_tree_reads_is_named_with_its_guards() {
    let world = world();
    let items = world.schema.find("items").unwrap();
    let groups = world.schema.find("groups").unwrap();
    let scope = Scope::new(&world.schema, items.id);
    let team = items.find("team").unwrap().id;
    let title = groups.find("title").unwrap().id;
    let flag = groups.find("flag").unwrap().id;
    let plain = check("team.title == \"x\"", &scope).unwrap();
    assert_eq!(plain.names().into_iter().collect::<Vec<_>>(), [(groups.id, title), (items.id, team)]);
    let guarded = check("team.title == \"x\"", &scope.by_caller()).unwrap();
    assert!(guarded.names().contains(&(groups.id, flag)));
}

#[test]
fn trees_know_who_can_evaluate_them() {
    let world = World::new();
    let items = world.schema.find("items").unwrap().id;
    let scope = Scope::new(&world.schema, items).at(Place::Write).with_old();
    let tree = |source: &str| check(source, &scope).unwrap();
    assert!(tree("n > 1 && old.tags.size() == 0 && owner == auth.id").is_local());
    assert!(!tree("owner.name == \"x\"").is_local());
    assert!(!tree("children.size() == 0").is_local());
    assert!(!tree("auth.account.karma > 1").is_local());
    assert!(tree("\"m\" in auth.roles && now > timestamp(\"2026-01-01T00:00:00Z\")").is_row_free());
    assert!(!tree("n > 1").is_row_free());
    assert!(tree("n > 1 && day != null").is_physical());
    assert!(!tree("n > 1 && old == null").is_physical());
    assert!(!tree("note.matches(\"^a\")").is_physical());
    assert!(tree("note.matches(\"^a\")").needs_memory());
    assert!(tree("old.n == n").is_about_change());
    assert!(tree("owner == auth.id").is_about_caller_or_time());
}
