//! Random expressions over random records: memory, SQLite and PostgreSQL give one answer, as a value, as a truth and as
//! a falsity, over stored records and over bound images.
//!
//! A failure names its seed, its round and its expression, which repeat it. For a long run, `MAINS_PROPERTY_ROUNDS` says
//! how many rounds there are, and `MAINS_PROPERTY_SEED` where they begin.

use mains_base::{Caller, Uuid, Value};
use mains_database::dialect::Column;
use mains_database::sql::{Bind, Environment, ImageSlots, Select, Statement};
use mains_language::expression::{Cell, Scope, TextKind, Tree, Type, check, evaluate};
use mains_language::schema::{CollectionId, FieldId};
use mains_testkit::vectors::{Record, View, World};

use super::base::Base;
use super::drawn::add_fields;
use super::grammar::Grammar;
use super::random::{Random, records};
use super::rules;
use super::world::{clear, create_all, drop_all, insert_all};

/// So many worlds, and so many expressions about each: more of them for a long run.
const ROUNDS: u64 = 6;
const EXPRESSIONS: u64 = 300;
/// The checker refuses some of what is drawn.
const ACCEPTED_AT_LEAST: u64 = 50;

#[test]
fn memory_and_both_databases_agree() {
    agree(&mut World::new(), false);
}

#[test]
fn they_agree_on_what_callers_see_and_on_computed_fields() {
    let mut world = World::new();
    rules::declare(&mut world);
    agree(&mut world, true);
}

#[test]
fn they_agree_over_fields_that_nobody_chose() {
    let bases = Base::both();
    let (first, rounds) = (said("MAINS_PROPERTY_SEED", 0), said("MAINS_PROPERTY_ROUNDS", ROUNDS));
    for seed in first..first + rounds {
        let mut world = World::new();
        let mut random = Random(seed ^ 0x5eed);
        add_fields(&mut random, &mut world.schema);
        world.records = records(&mut random, &world.schema, &world.records.clone());
        for base in &bases {
            create_all(base, &world.schema);
            insert_all(base, &world.schema, &world.records);
        }
        for number in 0..EXPRESSIONS {
            let mut random = Random((seed << 32) | number);
            if let Err(report) = one(&bases, &world, &mut random, number % 2 == 0) {
                panic!("MAINS_PROPERTY_SEED={seed}, expression {number}: {report}");
            }
        }
        for base in &bases {
            drop_all(base, &world.schema);
        }
    }
}

/// A number that the environment says, for long runs.
#[expect(clippy::disallowed_methods, reason = "a long run is asked for from outside")]
fn said(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect(name))
}

fn agree(world: &mut World, by_caller: bool) {
    let bases = Base::both();
    for base in &bases {
        create_all(base, &world.schema);
    }
    let original = world.records.clone();
    let mut accepted = 0;
    for round in 0..ROUNDS {
        world.records = records(&mut Random(round), &world.schema, &original);
        for base in &bases {
            clear(base, &world.schema);
            insert_all(base, &world.schema, &world.records);
        }
        for number in 0..EXPRESSIONS {
            let mut random = Random((round << 32) | number);
            match one(&bases, world, &mut random, by_caller) {
                Ok(let_through) => accepted += u64::from(let_through),
                Err(report) => panic!("round {round}, expression {number}: {report}"),
            }
        }
    }
    let share = accepted * 100 / (ROUNDS * EXPRESSIONS);
    assert!(share >= ACCEPTED_AT_LEAST, "the checker lets only {share} % through");
}

/// Draws an expression and asks it of all; whether the checker let it through.
fn one(bases: &[Base], world: &World, random: &mut Random, by_caller: bool) -> Result<bool, String> {
    let collection = CollectionId(u16::try_from(random.below(3)).unwrap());
    let types = [
        Type::Bool,
        Type::Bool,
        Type::Int,
        Type::Double,
        Type::Decimal(2),
        Type::Text(TextKind::Plain),
        Type::Date,
        Type::Timestamp,
    ];
    let ty = random.pick(&types).clone();
    let accounts = world.schema.find("accounts").unwrap().id;
    let here = || (String::new(), collection);
    let rows =
        vec![here(), here(), here(), ("old.".to_owned(), collection), ("auth.account.".to_owned(), accounts)];
    let source = Grammar { random, schema: &world.schema, rows, next: 0 }.draw(&ty, 4);
    let scope = Scope::new(&world.schema, collection).with_old();
    let scope = if by_caller { scope.by_caller() } else { scope };
    let Ok(tree) = check(&source, &scope) else { return Ok(false) };
    let callers: Vec<&Caller> = world.callers.values().collect();
    let of: Vec<&Record> = world.records_of(collection).collect();
    let old = (!random.once_in(3)).then(|| *random.pick(&of));
    let asked = Asked { world, collection, tree: &tree, caller: random.pick::<&Caller>(&callers), old };
    for base in bases {
        for record in [None, Some(*random.pick(&of))] {
            let said = asked.compare(base, record);
            said.map_err(|report| format!("{source}\n{:?}: {report}", base.dialect()))?;
        }
    }
    Ok(true)
}

struct Asked<'a> {
    world: &'a World,
    collection: CollectionId,
    tree: &'a Tree,
    caller: &'a Caller,
    old: Option<&'a Record>,
}

impl Asked<'_> {
    /// Over every stored record, or over the image of one.
    fn compare(&self, base: &Base, image: Option<&Record>) -> Result<(), String> {
        let statement = match self.statement(base, image.is_some()) {
            Err(error) if error.code() == "query.too_complex" => return Ok(()),
            statement => statement.map_err(|error| format!("{error:?}"))?,
        };
        let fields = self.world.schema.collection(self.collection).fields.len();
        let mut slots = self.old.map_or(vec![Value::Null; fields], |old| old.values.clone());
        slots.extend(image.map(|record| record.values.clone()).into_iter().flatten());
        let environment = Environment { caller: self.caller, now: self.world.now };
        let parameters = statement.parameters(&environment, &slots).unwrap();
        let text = &statement.text;
        let rows =
            base.query(text, &parameters).map_err(|error| format!("{error}\n{text}\n{parameters:?}"))?;
        let stored = self.world.records_of(self.collection).count();
        if rows.len() != image.map_or(stored, |_| 1) {
            return Err(format!("{} rows\n{text}", rows.len()));
        }
        for row in rows {
            let record = match (image, &row[0]) {
                (Some(record), _) => record,
                (None, id) => self.world.records.iter().find(|record| record.values[0] == *id).unwrap(),
            };
            let expected = self.expected(record);
            let got = [plain(&row[1], &self.tree.ty), row[2].clone(), row[3].clone()];
            if got != expected {
                return Err(format!(
                    "{}: {got:?}, in memory {expected:?}\n{text}\n{parameters:?}",
                    record.key
                ));
            }
        }
        Ok(())
    }

    fn statement(&self, base: &Base, image: bool) -> mains_base::Result<Statement> {
        let fields = u16::try_from(self.world.schema.collection(self.collection).fields.len()).unwrap();
        let (schema, dialect) = (&self.world.schema, base.dialect());
        let mut select = if image {
            Select::image(schema, dialect, self.collection, ImageSlots { record: fields, old: Some(0) })
        } else {
            let mut select = Select::stored(schema, dialect, self.collection);
            select.with_old(0);
            select
        };
        let value = select.value(self.tree)?;
        let decided = if self.tree.ty == Type::Bool {
            let (truth, falsity) = (select.truth(self.tree)?, select.falsity(self.tree)?);
            format!("({truth}) IS TRUE, ({falsity}) IS TRUE")
        } else {
            "FALSE, FALSE".to_owned()
        };
        let id = if image {
            select.bind(Bind::Value(Value::Null), Column::Id)
        } else {
            select.column(FieldId::ID)
        };
        let text = format!("SELECT {id}, {value}, {decided} {}", select.from());
        Ok(select.finish(text))
    }

    /// The value, and whether it is true and false.
    fn expected(&self, record: &Record) -> [Value; 3] {
        let (records, old) = (&self.world.records[..], self.old);
        let view = View { records, record, old, caller: self.caller, now: self.world.now };
        let cell = evaluate(self.tree, &view);
        let is = |truth: bool| Value::Int(i64::from(cell == Cell::Known(Value::Bool(truth))));
        let decided = [is(true), is(false)];
        let value = match cell {
            Cell::Unknown | Cell::Known(Value::Id(Uuid::NIL)) => Value::Null,
            Cell::Known(value) => value,
        };
        let [truth, falsity] = decided;
        [value, truth, falsity]
    }
}

/// A cell as a value of this type; the id of nobody is null in a result.
fn plain(cell: &Value, ty: &Type) -> Value {
    match (cell, ty) {
        (Value::Id(Uuid::NIL), _) => Value::Null,
        (Value::Int(number), Type::Bool) => Value::Bool(*number != 0),
        (cell, _) => cell.clone(),
    }
}
