//! What may be used where, computed fields, limits, and what only a write can do.

use std::sync::Arc;

use mains_base::{Time, Value};
use mains_language::expression::{Cell, Place, Rowless, Scope, Type, Want, check, check_as, evaluate};
use mains_language::schema::FieldKind;
use mains_testkit::vectors::World;

use crate::vectors::View;

fn scope(world: &World) -> Scope<'_> {
    Scope::new(&world.schema, world.schema.find("items").unwrap().id)
}

fn give(world: &World, place: Place, record: &str, source: &str) -> Cell {
    let items = world.schema.find("items").unwrap().id;
    let tree =
        check(source, &scope(world).at(place)).unwrap_or_else(|complaint| panic!("{source}: {complaint}"));
    let view = View { world, record: world.record(items, record), old: None, caller: &world.callers["ann"] };
    evaluate(&tree, &view)
}

fn said(world: &World, place: Place, source: &str) -> String {
    check(source, &scope(world).at(place)).unwrap_err().to_string()
}

/// Makes the stored field of `items` a computed one.
fn compute(world: &mut World, name: &str, source: &str) {
    let tree = Arc::new(check(source, &scope(world)).unwrap());
    let field = world.schema.collections[2].fields.iter_mut().find(|field| field.name == name).unwrap();
    field.kind = FieldKind::Computed(tree.ty.clone());
    field.computed = Some(tree);
}

#[test]
fn what_only_a_write_can_do() {
    let world = World::new();
    let write = |source: &str| give(&world, Place::Write, "full", source);
    let known = |value: Value| Cell::Known(value);
    assert_eq!(write("title.matches(\"^Hel+o\")"), known(true.into()));
    assert_eq!(write("note.matches(\"x\")"), known(false.into()));
    assert_eq!(write("starts.getHours(\"Europe/Berlin\")"), known(0.into()));
    assert_eq!(write("string(date(starts, \"Europe/Berlin\"))"), known("2024-03-01".into()));
    assert_eq!(write("starts.getHours(title)"), Cell::Unknown);
    assert_eq!(write("string(x)"), known("2.5".into()));
    assert_eq!(write("string(price)"), known("10.50".into()));
    assert_eq!(give(&world, Place::Write, "past", "string(price)"), known("-0.05".into()));
    assert_eq!(write("string(flag)"), known("true".into()));
    assert_eq!(write("string(starts)"), known("2024-02-29T23:30:00.000000Z".into()));
    assert_eq!(write("int(\"12\") + int(title)"), Cell::Unknown);
    assert_eq!(write("double(\"1e3\")"), known(Value::Double(1000.0)));
    assert_eq!(write("double(\"inf\")"), Cell::Unknown);
    assert_eq!(write("math.log10(1000.0)"), known(Value::Double(3.0)));
    assert_eq!(write("math.log10(0.0)"), Cell::Unknown);
    assert_eq!(write("friends.map(g, g.x).sum()"), known(Value::Double(0.5)));
}

#[test]
fn what_only_a_draw_can_do() {
    let world = World::new();
    let draw = |source: &str| give(&world, Place::Draw, "full", source);
    assert_eq!(draw("slugify(title)"), Cell::Known("hello-world".into()));
    assert_eq!(draw("random(6)"), Cell::Known("777777".into()));
    assert_eq!(draw("uuid()"), Cell::Known("07070707-0707-4707-8707-070707070707".into()));
    assert_eq!(
        said(&world, Place::Write, "random(6) == title"),
        "`random` works only in defaults, `on_create` and `on_write`."
    );
    assert!(said(&world, Place::Draw, "random(500)").contains("from 1 to 128"));
    assert!(!check("random(6)", &scope(&world).at(Place::Draw)).unwrap().is_row_free());
}

#[test]
fn an_index_sees_own_fields_alone() {
    let world = World::new();
    assert!(check("status == \"todo\" && n > 1", &scope(&world).at(Place::Physical)).unwrap().is_physical());
    for source in
        ["owner.name == \"x\"", "now > starts", "auth.signed_in", "tags.size() > 0", "children.size() > 0"]
    {
        assert!(said(&world, Place::Physical, source).contains("own stored fields alone"), "{source}");
    }
}

#[test]
fn computed_fields_stand_for_their_expression() {
    let mut world = World::new();
    compute(&mut world, "m", "owner.karma + 1");
    let read = |record: &str, source: &str| give(&world, Place::Read, record, source);
    assert_eq!(read("full", "m"), Cell::Known(121.into()));
    assert_eq!(read("edge", "m"), Cell::Known(Value::Null));
    assert_eq!(read("edge", "m == null"), Cell::Known(true.into()));
    assert_eq!(read("edge", "parent.m"), Cell::Known(121.into()));
    assert_eq!(read("null", "parent.m == null"), Cell::Unknown);
    assert_eq!(read("edge", "children.exists(c, c.m == 121)"), Cell::Known(true.into()));
}

#[test]
fn limits_count_what_computed_fields_hold() {
    let mut world = World::new();
    compute(&mut world, "m", "children.exists(c, c.friends.exists(g, g.items.exists(i, i.flag))) ? 1 : 0");
    assert!(check("m == 1", &scope(&world)).is_ok());
    assert!(said(&world, Place::Read, "friends.exists(g, g.items.exists(i, i.m == 1))").contains("macros"));
    let far = |name: &str| format!("{name}.boss.boss.boss.boss.boss.boss.karma > 1");
    assert!(check(&far("owner"), &scope(&world)).is_ok());
    let both = format!("{} && {}", far("owner"), far("parent.owner"));
    assert!(said(&world, Place::Read, &both).starts_with("This follows 15 relations"));
    let four = "friends.exists(a, a.items.exists(b, b.friends.exists(c, c.items.exists(d, d.flag))))";
    assert!(said(&world, Place::Read, four).contains("At most 3 macros"));
}

#[test]
fn computed_fields_that_double_are_stopped() {
    let mut world = World::new();
    let doubled = |name: &str| vec![name; 30].join(" + ");
    compute(&mut world, "m", &doubled("n"));
    compute(&mut world, "x", &doubled("m"));
    assert!(said(&world, Place::Read, &doubled("x")).contains("more than 10000 parts"));
}

#[test]
fn values_fit_what_is_wanted() {
    let world = World::new();
    let fit = |source: &str, ty: Type| check_as(source, &scope(&world), &Want::Value(ty));
    let constant = |source: &str, ty: Type| fit(source, ty).unwrap().as_constant().cloned();
    assert_eq!(constant("3", Type::Double), Some(Value::Double(3.0)));
    assert_eq!(constant("3", Type::Decimal(2)), Some(Value::Int(300)));
    assert_eq!(constant("1.5", Type::Decimal(2)), Some(Value::Int(150)));
    assert_eq!(constant("null", Type::Date), Some(Value::Null));
    assert!(fit("1.555", Type::Decimal(2)).is_err());
    assert!(fit("n", Type::Decimal(2)).is_ok());
    assert!(fit("tax", Type::Decimal(2)).is_err());
    assert_eq!(
        fit("n", Type::Double).unwrap_err().to_string(),
        "This is int, and double is wanted. Write `double(n)`."
    );
    let accounts = world.schema.find("accounts").unwrap().id;
    assert!(fit("auth.id", Type::Record(accounts)).is_ok());
    assert!(fit("team", Type::Record(accounts)).is_err());
    assert!(check_as("title", &scope(&world), &Want::Condition).is_err());
}

#[test]
fn near_names_are_named() {
    let world = World::new();
    let said = |source: &str| said(&world, Place::Read, source);
    assert_eq!(said("titel == \"x\""), "items has no field `titel`. Did you mean `title`?");
    assert_eq!(said("owner.nmae == \"x\""), "accounts has no field `nmae`. Did you mean `name`?");
    assert_eq!(said("status == \"doen\""), "`status` is never \"doen\". Did you mean \"done\"?");
    assert_eq!(said("auth.sigend_in"), "`auth` has no part `sigend_in`. Did you mean `signed_in`?");
    assert_eq!(
        said("title.startWith(\"a\")"),
        "`title` is string, which has no `startWith`. Did you mean `startsWith`?"
    );
    assert_eq!(said("minuts(3) > minutes(1)"), "There is no function `minuts`. Did you mean `minutes`?");
    assert_eq!(said("tags.exist(t, true)"), "A list has no `exist`. Did you mean `exists`?");
    assert_eq!(
        said("created > \"2026\""),
        "`created` is timestamp and `\"2026\"` is string; `>` takes two of one type. An instant is written `timestamp(\"…\")`."
    );
    assert_eq!(
        said("old.n == 1"),
        "`old` means nothing here: there is no change, only the record. It stands in update and write rules, checks, transitions and `on_write`."
    );
}

#[test]
fn parts_of_constants_are_folded() {
    let world = World::new();
    let tree = check("2 * 3 + 1", &scope(&world)).unwrap();
    assert_eq!(tree.as_constant(), Some(&Value::Int(7)));
    assert!(!tree.may_lack());
    let tree = check("1 / 0", &scope(&world)).unwrap();
    assert!(tree.unknown && tree.is_row_free());
    let caller = &world.callers["visitor"];
    assert_eq!(evaluate(&tree, &Rowless { caller, now: Time::MIN }), Cell::Unknown);
    let open = check("true || n > 1", &scope(&world)).unwrap();
    assert_eq!(open.as_constant(), Some(&Value::Bool(true)));
}
