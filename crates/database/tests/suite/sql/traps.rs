//! What would go wrong if a rule of the generated text were dropped.

use std::fmt::Write as _;
use std::sync::Arc;

use mains_base::{Caller, MAX_INTEGER, Value};
use mains_database::dialect::Dialect;
use mains_database::sql::{Environment, Select, check_constraint, index_condition};
use mains_language::expression::{Comparison, Node, Place, Scope, Tree, Type, check};
use mains_language::schema::CollectionId;
use mains_testkit::vectors::World;

use super::base::Base;
use super::world::fill;

fn items(world: &World) -> CollectionId {
    world.schema.find("items").unwrap().id
}

fn tree(world: &World, source: &str) -> Tree {
    check(source, &Scope::new(&world.schema, items(world))).unwrap()
}

fn truth(world: &World, dialect: Dialect, source: &str) -> String {
    let mut select = Select::stored(&world.schema, dialect, items(world));
    select.truth(&tree(world, source)).unwrap()
}

/// The titles for which a condition is true.
fn titles(base: &Base, world: &World, tree: &Tree) -> Vec<Value> {
    let mut select = Select::stored(&world.schema, base.dialect(), items(world));
    let truth = select.truth(tree).unwrap();
    let text = format!("SELECT r.title {} WHERE {truth} ORDER BY r.created", select.from());
    let statement = select.finish(text);
    let environment = Environment { caller: &Caller::visitor(), now: world.now };
    let rows = base.query(&statement.text, &statement.parameters(&environment, &[]).unwrap()).unwrap();
    rows.into_iter().map(|row| row[0].clone()).collect()
}

#[test]
fn equality_is_plain_where_an_index_should_serve_it() {
    let world = World::new();
    for (source, sqlite, postgres) in [
        ("owner == auth.id", "(r.\"owner\" = $1)", "(r.\"owner\" = $1::uuid)"),
        ("status == \"todo\"", "(r.\"status\" = $1)", "(r.\"status\" = $1::text COLLATE \"C\")"),
        ("flag", "(r.\"flag\" = 1)", "r.\"flag\""),
    ] {
        assert_eq!(truth(&world, Dialect::Sqlite, source), sqlite);
        assert_eq!(truth(&world, Dialect::Postgres, source), postgres);
    }
    assert_eq!(truth(&world, Dialect::Sqlite, "n == m"), "(r.\"n\" IS r.\"m\")");
}

#[test]
fn a_relation_is_joined_once_and_only_for_more_than_its_id() {
    let world = World::new();
    let mut select = Select::stored(&world.schema, Dialect::Postgres, items(&world));
    select.truth(&tree(&world, "team.id == parent.team")).unwrap();
    assert_eq!(select.from(), "FROM \"items\" AS r LEFT JOIN \"items\" AS j1 ON j1.\"id\" = r.\"parent\"");
    select.truth(&tree(&world, "parent.n > 1 && parent.flag")).unwrap();
    assert_eq!(select.from().matches("JOIN").count(), 1);
}

#[test]
fn a_long_chain_stays_within_the_depth_that_sqlite_takes() {
    let world = World::new();
    let chain = (0..370).map(|number| format!("n=={number}")).collect::<Vec<_>>().join("||");
    for base in Base::both() {
        fill(&base, &world.schema, &world.records);
        assert_eq!(titles(&base, &world, &tree(&world, &chain)).first(), Some(&Value::from("Hello World")));
    }
}

#[test]
fn text_beyond_64_kilobytes_is_refused() {
    let world = World::new();
    let bool = |node| Tree { node, ty: Type::Bool, null: true, unknown: true };
    let mut nested = tree(&world, "parent.flag ? null : parent.flag");
    for _ in 0..24 {
        let same = Node::Compare(Comparison::Equal, Box::new([nested.clone(), tree(&world, "n > 1")]));
        let parts = [bool(same), tree(&world, "flag"), bool(Node::Constant(Value::Null))];
        nested = bool(Node::If(Box::new(parts)));
    }
    let mut select = Select::stored(&world.schema, Dialect::Sqlite, items(&world));
    assert_eq!(select.value(&nested).unwrap_err().code(), "query.too_complex");
}

#[test]
fn a_sum_beyond_64_bits_is_unknown_and_no_error() {
    let mut world = World::new();
    let place = usize::from(world.schema.collection(items(&world)).find("scores").unwrap().id.0);
    let full = world.records.iter_mut().find(|record| record.key == "full").unwrap();
    full.values[place] = Value::List(vec![Value::Int(MAX_INTEGER); 1_100]);
    for base in Base::both() {
        fill(&base, &world.schema, &world.records);
        let known = titles(&base, &world, &tree(&world, "scores.sum() <= 0 || scores.sum() > 0"));
        assert!(!known.contains(&Value::from("Hello World")) && known.len() > 1, "{known:?}");
    }
}

#[test]
fn checks_and_conditions_stand_in_definitions() {
    let world = World::new();
    let scope = Scope::new(&world.schema, items(&world)).at(Place::Physical);
    let sources = [
        "n > 0 && n * n < 100",
        "price >= 10.05 && price + tax != 3.5",
        "x * 2.0 < 1e308 || y / x > 0.1",
        "note != \"a'b\\\\c\" && nick == \"STRASSE\"",
        "starts < ends && ends - starts < duration(\"36h\") && day + days(1) > date(\"2024-01-01\")",
        "cost.currency in [\"EUR\", \"USD\"] && cost.amount % 2 == 0",
        "math.round(x) > 1 ? flag : status == \"todo\"",
    ];
    for base in Base::both() {
        fill(&base, &world.schema, &world.records);
        for (number, source) in sources.iter().enumerate() {
            let tree = check(source, &scope).unwrap();
            let mut text = String::new();
            let condition = index_condition(base.dialect(), &world.schema, items(&world), &tree).unwrap();
            write!(text, "CREATE INDEX i{number} ON items (id) WHERE {condition};").unwrap();
            let check = check_constraint(base.dialect(), &world.schema, items(&world), &tree).unwrap();
            write!(text, "CREATE TABLE t{number} AS SELECT * FROM items WHERE {check};").unwrap();
            base.run(&text);
            let count = base.query(&format!("SELECT count(*) FROM t{number}"), &[]).unwrap();
            let true_of = Value::Int(titles(&base, &world, &Arc::new(tree)).len() as i64);
            assert_eq!(count[0][0], true_of, "{source}");
        }
    }
}

#[test]
fn a_check_refuses_what_is_not_known() {
    let world = World::new();
    let tree = check("n > 0", &Scope::new(&world.schema, items(&world)).at(Place::Physical)).unwrap();
    for base in Base::both() {
        let check = check_constraint(base.dialect(), &world.schema, items(&world), &tree).unwrap();
        base.run(&format!("CREATE TABLE t (n bigint, CHECK ({check}))"));
        let insert = |value| base.query("INSERT INTO t VALUES ($1)", &[value]);
        assert!(insert(Value::Int(1)).is_ok());
        assert!(insert(Value::Int(0)).is_err());
        assert!(insert(Value::Null).is_err());
    }
}
