//! Evaluation in memory, exactly as both databases do it.
//!
//! Invariant: total. Whatever the world says, the result is a value, null or unknown; nothing panics or fails.

mod calls;
mod lists;
mod numbers;
mod operators;
mod slug;
mod times;

use std::sync::Arc;

use mains_base::{Caller, Time, Uuid, Value, fold};

use super::{Auth, Node, Row, Source, TextKind, Tree, Type, Var};
use crate::schema::{CollectionId, FieldId};

pub use slug::slugify;

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A value, or null.
    Known(Value),
    /// Unknown: it counts as no in a condition, and as null in a field.
    Unknown,
}

/// A record that the world knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handle {
    /// The record the expression is about.
    Record,
    /// The stored record before the change.
    Old,
    /// A stored record.
    Stored(CollectionId, Uuid),
}

/// The records, the caller and the instant of an evaluation. What it cannot reach it calls unknown, so that
/// everything fails closed.
pub trait World {
    /// Who asks.
    fn caller(&self) -> &Caller;
    /// `now`.
    fn now(&self) -> Time;
    /// Whether there is such a record.
    fn is_present(&self, record: Handle) -> bool;
    /// A stored single field of a record that is present. A file is the list of its name, type and size.
    fn field(&self, record: Handle, field: FieldId) -> Cell;
    /// The elements of a `many` field, or the ids of the records whose relation names this one; `None` is unknown.
    fn list(&self, record: Handle, kind: &super::ListKind) -> Option<Vec<Value>>;
    /// Fills bytes at random, for `random` and `uuid`.
    fn draw(&self, bytes: &mut [u8]);
}

/// A world without records: for parts that read no row.
#[derive(Clone, Copy, Debug)]
pub struct Rowless<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// `now`.
    pub now: Time,
}

impl World for Rowless<'_> {
    fn caller(&self) -> &Caller {
        self.caller
    }

    fn now(&self) -> Time {
        self.now
    }

    fn is_present(&self, _: Handle) -> bool {
        false
    }

    fn field(&self, _: Handle, _: FieldId) -> Cell {
        Cell::Unknown
    }

    fn list(&self, _: Handle, _: &super::ListKind) -> Option<Vec<Value>> {
        None
    }

    fn draw(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

impl Cell {
    /// Whether it is true; null and unknown are not.
    pub fn is_true(&self) -> bool {
        *self == Self::Known(Value::Bool(true))
    }

    /// As it is stored in a field: unknown, `""` and nobody's id become null.
    pub fn into_value(self) -> Value {
        match self {
            Self::Unknown | Self::Known(Value::Id(Uuid::NIL)) => Value::Null,
            Self::Known(Value::Text(text)) if text.is_empty() => Value::Null,
            Self::Known(value) => value,
        }
    }

    /// The value, where there is one.
    fn present(self) -> Option<Value> {
        match self {
            Self::Known(Value::Null) | Self::Unknown => None,
            Self::Known(value) => Some(value),
        }
    }

    /// A result that may have left its range.
    fn of(value: Option<impl Into<Value>>) -> Self {
        value.map_or(Self::Unknown, |value| Self::Known(value.into()))
    }
}

/// Evaluates over the world's record.
pub fn evaluate(tree: &Tree, world: &dyn World) -> Cell {
    Frame { world, record: Handle::Record, link: None }.cell(tree)
}

/// What names mean at one place: the record, and the elements of the macros around.
#[derive(Clone, Copy)]
struct Frame<'a> {
    world: &'a dyn World,
    record: Handle,
    link: Option<&'a Link<'a>>,
}

/// One macro's variable.
struct Link<'a> {
    var: Var,
    element: &'a Element,
    outer: Option<&'a Link<'a>>,
}

/// An element of a walked list.
enum Element {
    Record(Handle),
    Value(Value),
}

impl Frame<'_> {
    fn cell(&self, tree: &Tree) -> Cell {
        match &tree.node {
            Node::Constant(value) => Cell::Known(value.clone()),
            Node::Now => Cell::Known(Value::Int(self.world.now().micros())),
            Node::Auth(part) => Cell::Known(self.auth(*part)),
            Node::Field(row, field) => {
                self.reach(row).map_or(Cell::Unknown, |record| self.field(record, *field))
            }
            Node::Record(row) => match self.reach(row) {
                Some(record) => self.field(record, FieldId::ID),
                None => Cell::Known(Value::Null),
            },
            Node::Element(var) => match self.element(*var) {
                Some(Element::Value(value)) => Cell::Known(value.clone()),
                Some(Element::Record(record)) => self.field(*record, FieldId::ID),
                None => Cell::Unknown,
            },
            Node::Inside(row, inner) => self.inside(row, inner),
            Node::Visible { rule, value } => match self.cell(value) {
                Cell::Known(_) if self.truth(rule) != Some(true) => Cell::Known(Value::Null),
                cell => cell,
            },
            Node::Not(operand) => Cell::of(self.truth(operand).map(|truth| !truth)),
            Node::And(parts) => self.all(parts),
            Node::Or(parts) => self.any(parts),
            Node::If(parts) => {
                let [condition, yes, no] = parts.as_ref();
                self.truth(condition).map_or(Cell::Unknown, |truth| self.cell(if truth { yes } else { no }))
            }
            Node::Compare(comparison, sides) => self.compare(*comparison, sides),
            Node::InSet(one, items) => self.in_set(one, items),
            Node::InList(one, list) => self.in_list(one, list),
            Node::Arithmetic(operator, sides) => self.arithmetic(*operator, sides, &tree.ty),
            Node::Negate(operand) => {
                self.cell(operand).present().and_then(|value| numbers::negated(&value)).into()
            }
            Node::Call(function, arguments) => self.call(*function, arguments, &tree.ty),
            Node::Quantified { quantifier, list, filters, var, body } => self
                .elements(list, filters)
                .map_or(Cell::Unknown, |found| self.quantified(*quantifier, &found, *var, body)),
            Node::Aggregate { aggregate, list, filters, map } => self
                .elements(list, filters)
                .map_or(Cell::Unknown, |found| self.aggregate(*aggregate, &found, map.as_ref())),
        }
    }

    /// True, false, or neither: null counts as unknown.
    fn truth(&self, tree: &Tree) -> Option<bool> {
        match self.cell(tree) {
            Cell::Known(Value::Bool(truth)) => Some(truth),
            _ => None,
        }
    }

    fn all(&self, parts: &[Tree]) -> Cell {
        let mut unknown = false;
        for part in parts {
            match self.truth(part) {
                Some(false) => return Cell::Known(Value::Bool(false)),
                Some(true) => {}
                None => unknown = true,
            }
        }
        if unknown { Cell::Unknown } else { Cell::Known(Value::Bool(true)) }
    }

    fn any(&self, parts: &[Tree]) -> Cell {
        let mut unknown = false;
        for part in parts {
            match self.truth(part) {
                Some(true) => return Cell::Known(Value::Bool(true)),
                Some(false) => {}
                None => unknown = true,
            }
        }
        if unknown { Cell::Unknown } else { Cell::Known(Value::Bool(false)) }
    }

    fn inside(&self, row: &Row, inner: &Tree) -> Cell {
        let Some(record) = self.reach(row) else { return Cell::Unknown };
        match self.about(record).cell(inner) {
            Cell::Unknown => Cell::Known(Value::Null),
            known @ Cell::Known(_) => known,
        }
    }

    /// A frame about another record, without variables.
    fn about(&self, record: Handle) -> Self {
        Self { world: self.world, record, link: None }
    }

    fn element(&self, var: Var) -> Option<&Element> {
        let mut link = self.link;
        while let Some(here) = link {
            if here.var == var {
                return Some(here.element);
            }
            link = here.outer;
        }
        None
    }

    /// The record at the end of a path, if there is one and the viewer may see the way.
    fn reach(&self, row: &Row) -> Option<Handle> {
        let mut at = match row.source {
            Source::Record => self.record,
            Source::Old => Handle::Old,
            Source::Account => Handle::Stored(row.start, self.world.caller().id),
            Source::Element(var) => match self.element(var)? {
                Element::Record(record) => *record,
                Element::Value(_) => return None,
            },
        };
        let sees = |record, guard: &Option<Arc<Tree>>| match guard {
            Some(rule) => self.about(record).truth(rule) == Some(true),
            None => true,
        };
        if !self.world.is_present(at) {
            return None;
        }
        for hop in &row.hops {
            if !sees(at, &hop.field_guard) {
                return None;
            }
            let Cell::Known(Value::Id(id)) = self.field(at, hop.field) else { return None };
            at = Handle::Stored(hop.to, id);
            if !self.world.is_present(at) || !sees(at, &hop.guard) {
                return None;
            }
        }
        Some(at)
    }

    fn field(&self, record: Handle, field: FieldId) -> Cell {
        match (record, field) {
            (Handle::Stored(_, id), FieldId::ID) => Cell::Known(Value::Id(id)),
            _ => self.world.field(record, field),
        }
    }

    fn auth(&self, part: Auth) -> Value {
        let caller = self.world.caller();
        match part {
            Auth::Id => Value::Id(caller.id),
            Auth::SignedIn => Value::Bool(caller.signed_in()),
            Auth::Verified => Value::Bool(caller.verified),
            Auth::Staff => Value::Bool(caller.staff),
            Auth::Kind => caller.kind.as_str().into(),
            Auth::Level => Value::Int(caller.level),
            Auth::ProvenAt => caller.proven_at.map(Time::micros).into(),
            Auth::Roles | Auth::Scopes | Auth::Rights => texts(self.words(part).unwrap_or_default()),
        }
    }

    /// The parts of the caller that are lists of words.
    fn words(&self, part: Auth) -> Option<&[String]> {
        let caller = self.world.caller();
        match part {
            Auth::Roles => Some(&caller.roles),
            Auth::Scopes => Some(&caller.scopes),
            Auth::Rights => Some(&caller.rights),
            _ => None,
        }
    }

    /// The value as it compares: folded where texts ignore case.
    fn comparable(&self, tree: &Tree, folded: bool) -> Cell {
        match self.cell(tree) {
            Cell::Known(Value::Text(text)) if folded && tree.as_constant().is_none() => {
                Cell::Known(Value::Text(fold(&text)))
            }
            cell => cell,
        }
    }
}

fn texts(texts: &[String]) -> Value {
    Value::List(texts.iter().map(|text| Value::Text(text.clone())).collect())
}

fn is_folded(ty: &Type) -> bool {
    *ty == Type::Text(TextKind::Folded)
}

impl From<Option<Value>> for Cell {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Unknown, Self::Known)
    }
}
