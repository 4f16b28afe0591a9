//! A record that is held in memory, as a read would show it: the answer of a write without another round trip.
//!
//! Invariant: the bytes are those that a read of the same record gives, or none are given.

use bytes::{BufMut, BytesMut};
use mains_base::{Caller, Error, Result, Time, Uuid, Value};
use mains_language::expression::{Cell, Handle, ListKind, Tree, World, evaluate};
use mains_language::schema::{Collection, CurrencyRule, Field, FieldId, FieldKind, Schema};

use super::Source;
use super::columns::stored;
use super::encode::{self, Kind};
use super::get::Found;
use super::plans::Plans;
use super::standing::Rule;
use super::{json, selection};
use crate::engine::{Reading, RowView};
use crate::write::Image;

/// Bytes that most records need.
const ONE: usize = 512;

/// See [`Source::held`].
pub(super) fn held(
    source: &Source<'_, impl Reading>,
    caller: &Caller,
    image: &Image,
    fields: Option<&str>,
) -> Result<Option<Found>> {
    let collection = source.epoch.schema.collection(image.collection);
    let plans = source.epoch.part::<Plans>();
    let conditions = plans.conditions(collection);
    let now = source.engine.clock().now();
    let standing = conditions.standing(collection, caller, now)?;
    let sight = Sight { caller, now, image };
    match sight.truth(&conditions.records(collection, standing)) {
        Some(true) => {}
        Some(false) => return Err(Error::not_found()),
        None => return Ok(None),
    }
    let forms = plans.forms(&source.epoch.schema, collection);
    let mut out = BytesMut::with_capacity(ONE);
    for id in selection::selected(collection, fields)? {
        let (field, form) = (collection.field(id), forms.get(usize::from(id.0)));
        let form = form.ok_or_else(|| Error::internal("a field without a form"))?;
        match sight.truth(&conditions.field(field, standing)) {
            Some(true) => {}
            Some(false) => continue,
            None => return Ok(None),
        }
        out.put_u8(if out.is_empty() { b'{' } else { b',' });
        out.put_slice(&form.key);
        if sight.member(&mut out, field, form.kind.as_ref())?.is_none() {
            return Ok(None);
        }
    }
    out.put_u8(b'}');
    Ok(Some(Found { body: out.freeze(), version: image.version() }))
}

/// How a field is written: the same for every record and everybody, so it is found out once.
pub(super) struct Form {
    /// `"title":`
    pub(super) key: Box<[u8]>,
    /// `None`: no JSON has it.
    pub(super) kind: Option<Kind>,
}

impl Form {
    /// That of a field.
    pub(super) fn of(schema: &Schema, collection: &Collection, field: &Field) -> Self {
        let mut key = BytesMut::new();
        json::text(&mut key, &field.name);
        key.put_u8(b':');
        let kind = match (field.id, &collection.prefix) {
            (FieldId::ID, Some(prefix)) => Some(Kind::Id(prefix.clone())),
            _ => stored(schema, field),
        };
        Self { key: key.as_ref().into(), kind }
    }
}

/// What can be known of the record alone.
pub(super) struct Sight<'a> {
    pub(super) caller: &'a Caller,
    pub(super) now: Time,
    pub(super) image: &'a Image,
}

impl Sight<'_> {
    /// Whether a rule holds; `None` when it looks at other records.
    fn truth(&self, rule: &Rule) -> Option<bool> {
        match rule {
            Rule::Always => Some(true),
            Rule::Never => Some(false),
            Rule::Where(tree) => Some(self.value(tree)?.as_bool() == Some(true)),
        }
    }

    /// The value of an expression; `None` when it looks at other records.
    pub(super) fn value(&self, tree: &Tree) -> Option<Value> {
        tree.is_local().then(|| evaluate(tree, self).into_value())
    }

    /// Writes one value; `None` when it cannot be known here.
    pub(super) fn member(
        &self,
        out: &mut BytesMut,
        field: &Field,
        kind: Option<&Kind>,
    ) -> Result<Option<()>> {
        let calculated;
        let value = match &field.computed {
            Some(tree) => {
                let Some(value) = self.value(tree) else { return Ok(None) };
                calculated = value;
                &calculated
            }
            None => self.image.value(field.id),
        };
        if let FieldKind::Money { currency } = field.kind {
            if field.computed.is_some() {
                return Ok(None);
            }
            self.money(out, value, currency);
            return Ok(Some(()));
        }
        let Some(kind) = kind else {
            json::null(out);
            return Ok(Some(()));
        };
        if field.many.is_none() {
            return encode::cell(out, &One(value), 0, kind).map(Some);
        }
        out.put_u8(b'[');
        for (place, item) in value.as_list().unwrap_or_default().iter().enumerate() {
            if place > 0 {
                out.put_u8(b',');
            }
            encode::cell(out, &One(item), 0, kind)?;
        }
        out.put_u8(b']');
        Ok(Some(()))
    }

    fn money(&self, out: &mut BytesMut, value: &Value, currency: CurrencyRule) {
        let Value::Money(money) = value else { return json::null(out) };
        let currency = match currency {
            CurrencyRule::Field(by) => self.image.value(by).as_text(),
            CurrencyRule::Fixed(_) | CurrencyRule::Free => Some(money.currency.as_str()),
        };
        encode::money(out, money.amount, currency);
    }
}

impl World for Sight<'_> {
    fn caller(&self) -> &Caller {
        self.caller
    }

    fn now(&self) -> Time {
        self.now
    }

    fn is_present(&self, record: Handle) -> bool {
        matches!(record, Handle::Record)
    }

    fn field(&self, record: Handle, field: FieldId) -> Cell {
        match record {
            Handle::Record => Cell::Known(self.image.value(field).clone()),
            Handle::Old | Handle::Stored(..) => Cell::Unknown,
        }
    }

    fn list(&self, record: Handle, kind: &ListKind) -> Option<Vec<Value>> {
        match (record, kind) {
            (Handle::Record, ListKind::Field(field)) => {
                self.image.value(*field).as_list().map(<[Value]>::to_vec)
            }
            _ => None,
        }
    }

    /// Nothing that is read draws anything.
    fn draw(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// A row of one value.
struct One<'v>(&'v Value);

impl One<'_> {
    fn wrong<T>() -> Result<Option<T>> {
        Err(Error::internal("a value of another type than its field has"))
    }
}

impl RowView for One<'_> {
    fn is_null(&self, _column: usize) -> Result<bool> {
        Ok(self.0.is_null())
    }

    fn int(&self, _column: usize) -> Result<Option<i64>> {
        match self.0 {
            Value::Null => Ok(None),
            Value::Int(number) => Ok(Some(*number)),
            _ => Self::wrong(),
        }
    }

    fn double(&self, _column: usize) -> Result<Option<f64>> {
        match self.0 {
            Value::Null => Ok(None),
            Value::Double(number) => Ok(Some(*number)),
            Value::Int(number) => Ok(Some(*number as f64)),
            _ => Self::wrong(),
        }
    }

    fn bool(&self, _column: usize) -> Result<Option<bool>> {
        match self.0 {
            Value::Null => Ok(None),
            Value::Bool(truth) => Ok(Some(*truth)),
            Value::Int(number) => Ok(Some(*number != 0)),
            _ => Self::wrong(),
        }
    }

    fn text(&self, _column: usize) -> Result<Option<&str>> {
        match self.0 {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => Self::wrong(),
        }
    }

    fn id(&self, _column: usize) -> Result<Option<Uuid>> {
        match self.0 {
            Value::Null => Ok(None),
            Value::Id(id) => Ok(Some(*id)),
            _ => Self::wrong(),
        }
    }

    fn bytes(&self, _column: usize) -> Result<Option<&[u8]>> {
        match self.0 {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            _ => Self::wrong(),
        }
    }
}
