//! A record as the transaction holds it: all its columns, its lists too.

use mains_base::{Currency, Money, Uuid, Value};
use mains_language::schema::{Collection, CollectionId, CurrencyRule, FieldId, FieldKind};
use mains_language::values::no_currency;

/// A record with every stored field; computed ones are null here.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Of which collection.
    pub collection: CollectionId,
    values: Vec<Value>,
}

impl Image {
    /// A record of these values, in the order of the collection's fields.
    pub fn new(collection: CollectionId, values: Vec<Value>) -> Self {
        Self { collection, values }
    }

    /// A record in which nothing is set but its empty lists.
    pub(crate) fn blank(collection: &Collection) -> Self {
        let blank = |many: bool| if many { Value::List(Vec::new()) } else { Value::Null };
        let values = collection.fields.iter().map(|field| blank(field.many.is_some())).collect();
        Self { collection: collection.id, values }
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        self.value(FieldId::ID).as_id().unwrap_or(Uuid::NIL)
    }

    /// How often it was written.
    pub fn version(&self) -> i64 {
        self.value(FieldId::VERSION).as_int().unwrap_or(0)
    }

    /// The value of a field; null where there is none.
    pub fn value(&self, field: FieldId) -> &Value {
        self.values.get(usize::from(field.0)).unwrap_or(&Value::Null)
    }

    /// All values, in the order of the collection's fields.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Sets a field.
    pub(crate) fn set(&mut self, field: FieldId, value: Value) {
        if let Some(place) = self.values.get_mut(usize::from(field.0)) {
            *place = value;
        }
    }

    /// Gives every amount whose currency another field says that field's currency.
    pub(crate) fn follow_currencies(&mut self, collection: &Collection) {
        for field in &collection.fields {
            let FieldKind::Money { currency: CurrencyRule::Field(by) } = field.kind else { continue };
            let &Value::Money(Money { amount, .. }) = self.value(field.id) else { continue };
            let currency = self.value(by).as_text().and_then(Currency::new).unwrap_or_else(no_currency);
            let value = Value::Money(Money { amount, currency });
            self.set(field.id, value);
        }
    }
}
