//! The vectors in memory: what is refused, the type of what is not, and each value.

use std::fmt::Write as _;

use mains_base::{Caller, Time, Uuid, Value};
use mains_language::expression::{
    Cell, Complaint, Handle, ListKind, Scope, TextKind, Tree, Type, World as Records, check, evaluate,
};
use mains_language::schema::{CollectionId, FieldId};
use mains_testkit::vectors::{Case, Expect, Record, World};

/// The vectors' records, seen from one of them.
pub(crate) struct View<'w> {
    pub(crate) world: &'w World,
    pub(crate) record: &'w Record,
    pub(crate) old: Option<&'w Record>,
    pub(crate) caller: &'w Caller,
}

impl View<'_> {
    fn find(&self, handle: Handle) -> Option<&Record> {
        match handle {
            Handle::Record => Some(self.record),
            Handle::Old => self.old,
            Handle::Stored(of, id) => self.world.records_of(of).find(|record| record.id() == id),
        }
    }
}

impl Records for View<'_> {
    fn caller(&self) -> &Caller {
        self.caller
    }

    fn now(&self) -> Time {
        self.world.now
    }

    fn is_present(&self, record: Handle) -> bool {
        self.find(record).is_some()
    }

    fn field(&self, record: Handle, field: FieldId) -> Cell {
        self.find(record)
            .map_or(Cell::Unknown, |record| Cell::Known(record.values[usize::from(field.0)].clone()))
    }

    fn list(&self, record: Handle, kind: &ListKind) -> Option<Vec<Value>> {
        let record = self.find(record)?;
        let place = |field: &FieldId| usize::from(field.0);
        Some(match kind {
            ListKind::Field(field) => record.values[place(field)].as_list()?.to_vec(),
            ListKind::Inverse { from, field, .. } => {
                let id = Value::Id(record.id());
                let points = |other: &&Record| match &other.values[place(field)] {
                    Value::List(items) => items.contains(&id),
                    value => *value == id,
                };
                self.world.records_of(*from).filter(points).map(|other| Value::Id(other.id())).collect()
            }
            ListKind::Auth(_) => return None,
        })
    }

    fn draw(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

pub(crate) fn checked(world: &World, case: &Case) -> Result<Tree, Complaint> {
    check(&case.source, &Scope::new(&world.schema, case.collection).with_old())
}

fn same(expected: Option<&Value>, got: &Cell, tolerance: f64) -> bool {
    match (expected, got) {
        (None, Cell::Unknown) => true,
        (Some(Value::Double(expected)), Cell::Known(Value::Double(got))) => {
            (expected - got).abs() <= tolerance * expected.abs()
        }
        (Some(Value::Null), Cell::Known(value)) => *value == Value::Null || *value == Value::Id(Uuid::NIL),
        (Some(expected), Cell::Known(got)) => expected == got,
        _ => false,
    }
}

fn same_type(expected: &Type, got: &Type) -> bool {
    match (expected, got) {
        (Type::Text(TextKind::Plain), Type::Text(_)) => true,
        (one, other) => one == other,
    }
}

fn old<'w>(world: &'w World, collection: CollectionId, key: Option<&str>) -> Option<&'w Record> {
    key.map(|key| world.record(collection, key))
}

fn problems(world: &World, case: &Case, out: &mut String) {
    let Case { number, source, .. } = case;
    let tree = match (checked(world, case), &case.expect) {
        (Err(_), Expect::Refused(_)) => return,
        (Ok(_), Expect::Refused(why)) => {
            writeln!(out, "{number}: {source}\n    is let through: {why}").unwrap();
            return;
        }
        (Err(complaint), _) => {
            writeln!(out, "{number}: {source}\n    is refused: {complaint}").unwrap();
            return;
        }
        (Ok(tree), _) => tree,
    };
    let Expect::Values(ty, values) = &case.expect else { return };
    if !same_type(ty, &tree.ty) {
        writeln!(out, "{number}: {source}\n    is {:?}, not {ty:?}", tree.ty).unwrap();
    }
    for (key, expected) in values {
        let record = world.record(case.collection, key);
        let old = old(world, case.collection, case.old.as_deref());
        let view = View { world, record, old, caller: &world.callers[&case.caller] };
        let got = evaluate(&tree, &view);
        if !same(expected.as_ref(), &got, case.tolerance) {
            writeln!(out, "{number}: {source}\n    of {key} is {got:?}, not {expected:?}").unwrap();
        }
        let impossible = match &got {
            Cell::Unknown => !tree.unknown,
            Cell::Known(value) => value.is_null() && !tree.null,
        };
        if impossible {
            writeln!(out, "{number}: {source}\n    of {key} is {got:?}, against its flags").unwrap();
        }
    }
}

#[test]
fn memory_says_what_the_vectors_say() {
    let world = World::new();
    let mut out = String::new();
    for case in &world.cases {
        problems(&world, case, &mut out);
    }
    assert!(out.is_empty(), "{out}");
}

#[test]
fn refusals_are_said_well() {
    let world = World::new();
    for case in world.cases.iter().filter(|case| matches!(case.expect, Expect::Refused(_))) {
        let complaint = checked(&world, case).unwrap_err();
        let message = &complaint.message;
        assert!(message.ends_with('.'), "{}: {message}", case.source);
        assert!(case.source.get(complaint.span.clone()).is_some(), "{}: {complaint:?}", case.source);
        println!("{}\n    {complaint}", case.source);
    }
}
