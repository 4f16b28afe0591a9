//! Records that meet several unique indexes at once: which one is told does not depend on the database.

use std::sync::Arc;

use mains_base::{Result, Uuid, Value};
use mains_database::Db;
use mains_database::write::{Changes, New};
use mains_testkit::on_both;

const ITEMS: &str = "prefix = \"item\"\n[fields.n]\ntype = \"integer\"\n[fields.code]\ntype = \"integer\"\n\
    unique = true\n[fields.flag]\ntype = \"bool\"\n\
    [[indexes]]\nfields = [\"n\", \"code\"]\nunique = true\nwhere = 'flag'\n\
    [[indexes]]\nfields = [\"n\"]\nunique = true\nmessage = \"N is taken.\"\n";

fn told<T>(outcome: Result<T>) -> String {
    outcome.err().map(|error| format!("{} {}", error.code(), error.detail())).unwrap_or_default()
}

#[test]
fn the_first_as_declared_is_told() {
    on_both(&[("items", ITEMS)], |test| async move {
        // Whole, so that the database stays as long as the test.
        let test = test;
        let db = Db::over(test.engine.clone(), Arc::new(test.clock.clone()));
        db.install(Arc::clone(&test.schema));
        let items = test.schema.find("items").unwrap();
        let of = items.id;
        let [n, code, flag] = ["n", "code", "flag"].map(|name| items.find(name).unwrap().id);
        let made = |id: Option<Uuid>, one: i64, other: i64, flagged: bool| {
            let db = db.clone();
            async move {
                db.write(&[], move |tx| {
                    let new = New::of([
                        (n, Value::Int(one)),
                        (code, Value::Int(other)),
                        (flag, Value::Bool(flagged)),
                    ]);
                    let new = match id {
                        Some(id) => new.id(id),
                        None => new,
                    };
                    tx.insert(of, &new).map(|image| image.id())
                })
                .await
            }
        };
        let first = made(None, 1, 1, true).await.unwrap();
        let second = made(None, 2, 2, true).await.unwrap();
        let expected: Vec<String> = {
            let indexes = items.indexes.iter().filter(|index| index.unique);
            let names = indexes.map(|index| {
                let fields: Vec<&str> =
                    index.fields.iter().map(|id| items.field(*id).name.as_str()).collect();
                fields.join(" and ")
            });
            names.collect()
        };
        let sentence = |name: &str| match name {
            "n" => "records.not_unique N is taken.".to_owned(),
            name => format!("records.not_unique There is already a record with this {name}."),
        };
        assert_eq!(expected.len(), 3);
        assert_eq!(told(made(None, 1, 1, true).await), sentence(&expected[0]));
        let unflagged: Vec<&String> = expected.iter().filter(|name| *name != "n and code").collect();
        assert_eq!(told(made(None, 1, 1, false).await), sentence(unflagged[0]));
        assert_eq!(
            told(made(Some(first), 1, 1, true).await),
            "records.id_taken Another record has this id. Make a new one."
        );
        assert_eq!(told(made(None, 1, 7, true).await), sentence("n"));
        let change = db.write(&[], move |tx| {
            let changes = Changes::of([(n, Value::Int(1)), (code, Value::Int(1))]);
            tx.update(of, second, &changes).map(drop)
        });
        assert_eq!(told(change.await), sentence(&expected[0]));
    });
}
