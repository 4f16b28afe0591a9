//! Every vector on both databases: as a value, as a filter and as the negation of one, over the stored record and over
//! a bound image of it that is not stored.

use mains_base::{Result, Uuid, Value};
use mains_database::sql::{Environment, ImageSlots, Select, Statement};
use mains_language::expression::{Scope, Tree, Type, check};
use mains_testkit::vectors::{Case, Expect, World};

use super::base::Base;
use super::world::fill;

#[test]
fn every_vector_on_sqlite() {
    every_vector(&Base::sqlite());
}

#[test]
fn every_vector_on_postgres() {
    every_vector(&Base::postgres());
}

fn every_vector(base: &Base) {
    let world = World::new();
    fill(base, &world.schema, &world.records);
    let mut wrong = Vec::new();
    for case in &world.cases {
        let Expect::Values(ty, expected) = &case.expect else { continue };
        let scope = Scope::new(&world.schema, case.collection).with_old();
        let tree = match check(&case.source, &scope) {
            Ok(tree) => tree,
            Err(complaint) => {
                wrong.push(format!("{} {}: refused, {}", case.number, case.source, complaint.message));
                continue;
            }
        };
        let question = Question { base, world: &world, case, tree: &tree };
        for (key, expected) in expected {
            for image in [false, true] {
                if let Err(report) = question.ask(key, image, ty, expected.as_ref()) {
                    let over = if image { "image" } else { "stored" };
                    wrong.push(format!("{} {} ({over} {key}): {report}", case.number, case.source));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

struct Question<'a> {
    base: &'a Base,
    world: &'a World,
    case: &'a Case,
    tree: &'a Tree,
}

impl Question<'_> {
    fn ask(&self, key: &str, image: bool, ty: &Type, expected: Option<&Value>) -> Result<(), String> {
        let compiled = self.statement(image).map_err(|error| error.to_string())?;
        let row = self.row(&compiled, key, image)?;
        let value = typed(&row[0], ty);
        let (truth, falsity) = (row.get(1), row.get(2));
        let wanted = expected.filter(|value| !value.is_null());
        let same = match (&value, wanted) {
            (Value::Null, None) => true,
            (Value::Double(got), Some(Value::Double(wanted))) => {
                (got - wanted).abs() <= wanted.abs() * self.case.tolerance
            }
            (got, Some(wanted)) => got == wanted,
            _ => false,
        };
        if !same {
            return Err(format!("{value:?} instead of {wanted:?}\n    {}", compiled.text));
        }
        if *ty != Type::Bool {
            return Ok(());
        }
        let decided = [Value::Bool(true), Value::Bool(false)].map(|truth| wanted == Some(&truth));
        let found = [truth, falsity].map(|cell| cell == Some(&Value::Int(1)));
        if found == decided {
            return Ok(());
        }
        Err(format!("truth and falsity are {found:?} for {wanted:?}\n    {}", compiled.text))
    }

    /// The value; of a condition also its truth and its falsity.
    fn statement(&self, image: bool) -> Result<Statement> {
        let fields = u16::try_from(self.world.schema.collection(self.case.collection).fields.len()).unwrap();
        let (schema, dialect) = (&self.world.schema, self.base.dialect());
        let mut select = if image {
            let slots = ImageSlots { record: 1 + fields, old: Some(1) };
            Select::image(schema, dialect, self.case.collection, slots)
        } else {
            let mut select = Select::stored(schema, dialect, self.case.collection);
            select.with_old(1);
            select
        };
        let mut columns = select.value(self.tree)?;
        if self.tree.ty == Type::Bool {
            let (truth, falsity) = (select.truth(self.tree)?, select.falsity(self.tree)?);
            columns = format!("{columns}, ({truth}) IS TRUE, ({falsity}) IS TRUE");
        }
        let from = select.from();
        let only = if image {
            String::new()
        } else {
            let id = select.column(mains_language::schema::FieldId::ID);
            let slot = select.bind(mains_database::sql::Bind::Slot(0), mains_database::dialect::Column::Id);
            format!(" WHERE {id} = {slot}")
        };
        Ok(select.finish(format!("SELECT {columns} {from}{only}")))
    }

    fn row(&self, statement: &Statement, key: &str, image: bool) -> Result<Vec<Value>, String> {
        let (world, case) = (self.world, self.case);
        let record = world.record(case.collection, key);
        let absent = vec![Value::Null; record.values.len()];
        let old = case.old.as_ref().map_or(absent, |key| world.record(case.collection, key).values.clone());
        let mut slots = vec![Value::Id(record.id())];
        slots.extend(old);
        if image {
            slots.extend(record.values.clone());
        }
        let environment = Environment { caller: &world.callers[&case.caller], now: world.now };
        let parameters = statement.parameters(&environment, &slots).map_err(|error| error.to_string())?;
        let rows = self.base.query(&statement.text, &parameters);
        let rows = rows.map_err(|error| format!("{error}\n    {}\n    {parameters:?}", statement.text))?;
        match &rows[..] {
            [row] => Ok(row.clone()),
            rows => Err(format!("{} rows", rows.len())),
        }
    }
}

/// A cell as a value of this type; the id of nobody is null in a result.
fn typed(cell: &Value, ty: &Type) -> Value {
    match (cell, ty) {
        (Value::Id(Uuid::NIL), _) => Value::Null,
        (Value::Int(number), Type::Bool) => Value::Bool(*number != 0),
        (cell, _) => cell.clone(),
    }
}
