//! Schemas built by hand: the planner's tests vary what a loader would make of files.

use std::sync::Arc;

use mains_base::{Currency, Prefix, Value};
use mains_language::expression::{Comparison, Node, Place, Row, Scope, Source, Tree, Type, check};
use mains_language::schema::{
    Check, Choice, Collection, CollectionId, CurrencyRule, Default, Field, FieldId, FieldKind, Index, Many,
    OnDelete, Owner, Schema, Sequence,
};

/// What a field holds, with names instead of places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Holds {
    Text(usize),
    Folded(usize),
    Email,
    Integer(Option<i64>, Option<i64>),
    Sequence(Option<String>),
    Number,
    Decimal(u8),
    Money(Option<&'static str>),
    Bool,
    Date,
    Datetime,
    /// Each value with the one that it was.
    Enum(Vec<(String, Option<String>)>),
    Slug(String),
    Relation(String),
}

#[derive(Clone, Debug)]
pub(crate) struct FieldSpec {
    pub(crate) name: String,
    pub(crate) was: Option<String>,
    pub(crate) holds: Holds,
    pub(crate) many: Option<usize>,
    pub(crate) required: bool,
    pub(crate) default: Option<Value>,
    pub(crate) expr: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct IndexSpec {
    pub(crate) fields: Vec<String>,
    pub(crate) unique: bool,
    /// Only rows whose integer field is greater than this.
    pub(crate) condition: Option<(String, i64)>,
}

#[derive(Clone, Debug)]
pub(crate) struct CollectionSpec {
    pub(crate) name: String,
    pub(crate) was: Option<String>,
    pub(crate) prefix: String,
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) indexes: Vec<IndexSpec>,
    /// Name, integer field, and what it must be less than.
    pub(crate) checks: Vec<(String, String, i64)>,
}

pub(crate) fn field(name: &str, holds: Holds) -> FieldSpec {
    FieldSpec { name: name.into(), was: None, holds, many: None, required: false, default: None, expr: None }
}

pub(crate) fn choices(values: &[&str]) -> Holds {
    let split = |value: &&str| match value.split_once('<') {
        Some((name, was)) => (name.to_owned(), Some(was.to_owned())),
        None => ((*value).to_owned(), None),
    };
    Holds::Enum(values.iter().map(split).collect())
}

impl FieldSpec {
    pub(crate) fn was(mut self, was: &str) -> Self {
        self.was = Some(was.into());
        self
    }

    pub(crate) fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) fn many(mut self, items: usize) -> Self {
        self.many = Some(items);
        self
    }

    pub(crate) fn expr(mut self, source: &'static str) -> Self {
        self.expr = Some(source);
        self
    }

    pub(crate) fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }
}

pub(crate) fn collection(name: &str) -> CollectionSpec {
    CollectionSpec {
        name: name.into(),
        was: None,
        prefix: name.trim_end_matches('s').into(),
        fields: vec![],
        indexes: vec![],
        checks: vec![],
    }
}

impl CollectionSpec {
    pub(crate) fn was(mut self, was: &str) -> Self {
        self.was = Some(was.into());
        self
    }

    pub(crate) fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    pub(crate) fn with(mut self, field: FieldSpec) -> Self {
        self.fields.push(field);
        self
    }

    pub(crate) fn unique(mut self, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        self.indexes.push(IndexSpec { fields, unique: true, condition: None });
        self
    }

    pub(crate) fn index(mut self, fields: &[&str], condition: Option<(&str, i64)>) -> Self {
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        let condition = condition.map(|(field, least)| (field.to_owned(), least));
        self.indexes.push(IndexSpec { fields, unique: false, condition });
        self
    }

    pub(crate) fn less(mut self, name: &str, field: &str, than: i64) -> Self {
        self.checks.push((name.into(), field.into(), than));
        self
    }
}

/// The schema of a site with these collections.
pub(crate) fn site(specs: &[CollectionSpec]) -> Arc<Schema> {
    owned(specs, &Owner::Site)
}

/// The same of another owner.
pub(crate) fn owned(specs: &[CollectionSpec], owner: &Owner) -> Arc<Schema> {
    let place = |name: &str| {
        let place = specs.iter().position(|spec| spec.name == name).unwrap_or_else(|| panic!("no {name}"));
        CollectionId(u16::try_from(place).unwrap())
    };
    let collections = specs.iter().map(|spec| built(spec, owner, &place)).collect();
    let names = specs.iter().map(|spec| (spec.name.clone(), place(&spec.name))).collect();
    let mut schema = Schema { collections, names };
    let declared = specs.iter().zip(0..).flat_map(|(spec, at)| {
        spec.fields
            .iter()
            .zip(4_u16..)
            .map(move |(field, place)| (CollectionId(at), FieldId(place), field.expr))
    });
    for (collection, field, source) in declared {
        let Some(source) = source else { continue };
        let tree = checked(&schema, collection, source);
        let field = &mut schema.collections[usize::from(collection.0)].fields[usize::from(field.0)];
        field.default = Some(Default::Expr(Arc::new(tree)));
    }
    Arc::new(schema)
}

fn checked(schema: &Schema, collection: CollectionId, source: &str) -> Tree {
    check(source, &Scope::new(schema, collection).at(Place::Draw))
        .unwrap_or_else(|complaint| panic!("{source}: {}", complaint.message))
}

fn built(spec: &CollectionSpec, owner: &Owner, place: &dyn Fn(&str) -> CollectionId) -> Collection {
    let times = || FieldKind::Datetime { min: None, max: None };
    let count = || FieldKind::Integer { min: None, max: None, sequence: None };
    let system = [("id", FieldKind::Id), ("created", times()), ("updated", times()), ("version", count())];
    let mut fields: Vec<Field> = system
        .into_iter()
        .zip(0..)
        .map(|((name, kind), id)| made(&field(name, Holds::Bool).required(), kind, FieldId(id), owner))
        .collect();
    let find = |name: &str| {
        let system = ["id", "created", "updated", "version"].iter().position(|system| *system == name);
        let own = || Some(4 + spec.fields.iter().position(|field| field.name == name)?);
        let place = system.or_else(own).unwrap_or_else(|| panic!("no field {name}"));
        FieldId(u16::try_from(place).unwrap())
    };
    for (declared, id) in spec.fields.iter().zip(4..) {
        let kind = kind(&declared.holds, &find, place);
        fields.push(made(declared, kind, FieldId(id), owner));
    }
    let id = place(&spec.name);
    let indexes = spec.indexes.iter().map(|index| Index {
        name: index.fields.join("_"),
        fields: index.fields.iter().map(|name| find(name)).collect(),
        unique: index.unique,
        condition: index
            .condition
            .as_ref()
            .map(|(name, least)| Arc::new(compare(id, find(name), Comparison::Greater, *least))),
        message: None,
        automatic: false,
        owner: owner.clone(),
    });
    let checks = spec.checks.iter().map(|(name, field, than)| Check {
        name: name.clone(),
        expr: Arc::new(compare(id, find(field), Comparison::Less, *than)),
        message: "Too much.".into(),
        field: None,
        physical: true,
        owner: owner.clone(),
    });
    Collection {
        prefix: Some(Prefix::new(&spec.prefix).unwrap()),
        owner: owner.clone(),
        was: spec.was.clone(),
        fields,
        key: vec![FieldId::ID],
        indexes: indexes.collect(),
        checks: checks.collect(),
        ..Collection::new(id, &spec.name)
    }
}

fn compare(start: CollectionId, field: FieldId, comparison: Comparison, with: i64) -> Tree {
    let row = Row { source: Source::Record, start, hops: vec![] };
    let side = |node, null| Tree { node, ty: Type::Int, null, unknown: false };
    let sides = [side(Node::Field(row, field), true), side(Node::Constant(Value::Int(with)), false)];
    let node = Node::Compare(comparison, Box::new(sides));
    Tree { node, ty: Type::Bool, null: false, unknown: true }
}

fn made(spec: &FieldSpec, kind: FieldKind, id: FieldId, owner: &Owner) -> Field {
    Field {
        was: spec.was.clone(),
        owner: owner.clone(),
        many: spec.many.map(|max_items| Many { max_items }),
        required: spec.required,
        default: spec.default.clone().map(Default::Literal),
        ..Field::new(id, &spec.name, kind)
    }
}

fn kind(holds: &Holds, find: &dyn Fn(&str) -> FieldId, place: &dyn Fn(&str) -> CollectionId) -> FieldKind {
    match holds {
        Holds::Text(max) => FieldKind::Text { min: None, max: *max, pattern: None, ignore_case: false },
        Holds::Folded(max) => FieldKind::Text { min: None, max: *max, pattern: None, ignore_case: true },
        Holds::Email => FieldKind::Email { max: 254 },
        Holds::Integer(min, max) => FieldKind::Integer { min: *min, max: *max, sequence: None },
        Holds::Sequence(scope) => FieldKind::Integer {
            min: None,
            max: None,
            sequence: Some(Sequence { scope: scope.as_deref().map(find), gaps: false }),
        },
        Holds::Number => FieldKind::Number { min: None, max: None },
        Holds::Decimal(scale) => FieldKind::Decimal { scale: *scale, min: None, max: None },
        Holds::Money(currency) => FieldKind::Money {
            currency: currency
                .map_or(CurrencyRule::Free, |code| CurrencyRule::Fixed(Currency::new(code).unwrap())),
        },
        Holds::Bool => FieldKind::Bool,
        Holds::Date => FieldKind::Date { min: None, max: None },
        Holds::Datetime => FieldKind::Datetime { min: None, max: None },
        Holds::Enum(values) => FieldKind::Enum {
            values: values
                .iter()
                .map(|(name, was)| Choice { name: name.clone(), was: was.clone() })
                .collect(),
            transitions: None,
        },
        Holds::Slug(from) => FieldKind::Slug { from: Some(find(from)), scope: None, follows: false },
        Holds::Relation(to) => {
            FieldKind::Relation { to: place(to), inverse: None, on_delete: OnDelete::Restrict }
        }
    }
}
