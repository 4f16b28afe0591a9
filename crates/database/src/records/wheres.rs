//! `where.<path>=value`: equality with a field, an element of a list, or a field over relations.
//!
//! A path is typed like any expression of a caller, so it sees only what rules show. Its values are lifted out: a
//! plan is the same for all of them. In the tree that is compiled each stands as a marker that no caller can write;
//! in the finished statement markers become slots.

use std::collections::HashSet;

use mains_base::{Caller, Result, Uuid, Value, fold};
use mains_language::expression::{Aggregate, Comparison, List, Node, TextKind, Tree, Type};
use mains_language::schema::{Collection, Schema};

use super::callers::Callers;
use super::refusal::{WHERE, malformed};
use super::texts;
use crate::sql::{Bind, Statement};

/// The most paths of one request.
const PATHS: usize = 32;
/// The most values of one path: those of the longest list, which a page asks for by what it found before.
const VALUES: usize = 512;

/// One path with what it must be one of, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) values: Vec<String>,
}

/// A path that was typed, and how many values it is compared with.
#[derive(Clone, Debug)]
pub(super) struct Path {
    name: String,
    target: Target,
    ty: Type,
    count: usize,
}

#[derive(Clone, Debug)]
enum Target {
    /// One value.
    Single(Tree),
    /// Any element of a list.
    List(List),
}

/// What a request asks: empty values are ignored, one said twice counts once, a path said twice is one path, and
/// numbers of values are rounded up so that few plans serve all.
pub(super) fn asked(wheres: &[(String, Vec<String>)]) -> Result<Vec<Asked>> {
    let mut paths: Vec<Asked> = Vec::new();
    for (path, values) in wheres {
        let values: Vec<String> = values.iter().filter(|value| !value.is_empty()).cloned().collect();
        match paths.iter_mut().find(|known| known.path == *path) {
            Some(known) => known.values.extend(values),
            None => paths.push(Asked { path: path.clone(), values }),
        }
    }
    paths.retain(|asked| !asked.values.is_empty());
    for asked in &mut paths {
        let mut seen = HashSet::with_capacity(asked.values.len());
        asked.values.retain(|value| seen.insert(value.clone()));
    }
    if paths.len() > PATHS || paths.iter().any(|asked| asked.values.len() > VALUES) {
        return Err(malformed(WHERE, format!("Name at most {PATHS} paths, and {VALUES} values of each.")));
    }
    for asked in &mut paths {
        let count = asked.values.len().next_power_of_two();
        let last = asked.values.last().cloned().unwrap_or_default();
        asked.values.resize(count, last);
    }
    Ok(paths)
}

/// Whether this value cannot be lifted out: truth values stand in the statement itself.
pub(super) fn stays(value: &str) -> bool {
    matches!(value, "true" | "false")
}

impl Path {
    /// Types a path of a collection as this caller sees it.
    pub(super) fn typed(callers: &Callers<'_>, collection: &Collection, asked: &Asked) -> Result<Self> {
        let name = asked.path.clone();
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.';
        let first = name.split('.').next().unwrap_or_default();
        if !name.bytes().all(plain) || collection.find(first).is_none() {
            return Err(super::refusal::no_field(WHERE, &collection.name, &name));
        }
        let count = asked.values.len();
        match callers.value(&name) {
            Ok(tree) if !texts::says(&tree.ty) => Err(malformed(WHERE, untold(&name, &tree.ty))),
            Ok(tree) => Ok(Self { name, ty: tree.ty.clone(), target: Target::Single(tree), count }),
            Err(complaint) => match callers.value(&format!("{name}.size()")).map(|tree| tree.node) {
                Ok(Node::Aggregate { aggregate: Aggregate::Size, list, .. }) => {
                    Ok(Self { name, ty: list.element.clone(), target: Target::List(list), count })
                }
                _ => Err(malformed(WHERE, format!("where.{name}: {}", complaint.message))),
            },
        }
    }

    /// The condition, its values marked from `first` on (truth values as they are).
    pub(super) fn condition(&self, first: usize, asked: &Asked) -> Tree {
        let constants = asked.values.iter().enumerate().map(|(place, text)| {
            let value = if self.ty == Type::Bool {
                Value::Bool(text == "true")
            } else {
                marker(&self.ty, first + place)
            };
            Tree { node: Node::Constant(value), ty: self.ty.clone(), null: false, unknown: false }
        });
        let mut constants: Vec<Tree> = constants.collect();
        let truth = |node| Tree { node, ty: Type::Bool, null: false, unknown: true };
        match &self.target {
            Target::List(list) => {
                let each = constants.into_iter();
                truth(Node::Or(each.map(|one| truth(Node::InList(Box::new(one), list.clone()))).collect()))
            }
            Target::Single(tree) if constants.len() == 1 => {
                let pair = Box::new([tree.clone(), constants.remove(0)]);
                truth(Node::Compare(Comparison::Equal, pair))
            }
            Target::Single(tree) => truth(Node::InSet(Box::new(tree.clone()), constants)),
        }
    }

    /// The stored field of the record itself that it names, if it does.
    pub(super) fn own_field<'c>(&self, collection: &'c Collection) -> Option<&'c str> {
        let field = collection.find(&self.name).filter(|field| field.is_stored() && field.many.is_none());
        field.map(|field| field.name.as_str())
    }

    /// How many slots it takes.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The values to run with, read from their texts.
    pub(super) fn values(&self, schema: &Schema, caller: &Caller, asked: &Asked) -> Result<Vec<Value>> {
        let each = asked.values.iter().map(|text| match texts::read(schema, caller, &self.ty, text) {
            Some(Value::Text(text)) if self.ty == Type::Text(TextKind::Folded) => {
                Ok(Value::Text(fold(&text)))
            }
            Some(value) => Ok(value),
            None => {
                let wanted = texts::wanted(schema, &self.ty);
                Err(malformed(WHERE, format!("where.{}: {text:?} is no {wanted}.", self.name)))
            }
        });
        each.collect()
    }
}

/// Why a path of this type cannot be asked.
fn untold(name: &str, ty: &Type) -> String {
    match ty {
        Type::Money => {
            format!("Money is asked by its parts: where.{name}.amount=1999&where.{name}.currency=EUR.")
        }
        _ => format!("where.{name}: values of this kind cannot be compared here; use filter."),
    }
}

/// A value that no caller can write, so that it is found again among the binds.
fn marker(ty: &Type, slot: usize) -> Value {
    let number = i64::try_from(slot).unwrap_or(0);
    match ty {
        Type::Text(_) => Value::Text(format!("\0{slot}")),
        Type::Double => Value::Double(f64::from_bits(f64::MAX.to_bits() - slot as u64)),
        Type::Record(_) => {
            let mut bytes = [0xff; 16];
            bytes[8..].copy_from_slice(&(-1 - number).to_be_bytes());
            Value::Id(Uuid(bytes))
        }
        _ => Value::Int(i64::MIN + number),
    }
}

/// Makes slots of the markers of `types`.
pub(super) fn lift(statement: &mut Statement, paths: &[Path]) {
    let types = paths.iter().flat_map(|path| std::iter::repeat_n(&path.ty, path.count));
    for (slot, ty) in types.enumerate() {
        let marker = Bind::Value(marker(ty, slot));
        for bind in statement.binds.iter_mut().filter(|bind| **bind == marker) {
            *bind = Bind::Slot(u16::try_from(slot).unwrap_or(u16::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_values_are_ignored_and_counts_rounded_up() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let wheres = vec![
            ("a".to_owned(), texts(&["", "1", "2"])),
            ("b".to_owned(), texts(&[""])),
            ("a".to_owned(), texts(&["3"])),
        ];
        let asked = asked(&wheres).unwrap();
        assert_eq!(asked, [Asked { path: "a".to_owned(), values: texts(&["1", "2", "3", "3"]) }]);
    }

    #[test]
    fn a_value_counts_once_and_one_too_many_is_refused() {
        let of = |count: usize| vec![("a".to_owned(), (0..count).map(|value| value.to_string()).collect())];
        assert_eq!(asked(&of(VALUES)).unwrap()[0].values.len(), VALUES);
        assert_eq!(asked(&of(VALUES + 1)).unwrap_err().code(), WHERE);
        let same = vec![("a".to_owned(), vec!["1".to_owned(); 2 * VALUES])];
        assert_eq!(asked(&same).unwrap()[0].values, ["1"]);
        let paths =
            |count: usize| (0..count).map(|path| (format!("a{path}"), vec!["1".to_owned()])).collect();
        let (fit, more): (Vec<_>, Vec<_>) = (paths(PATHS), paths(PATHS + 1));
        assert_eq!(asked(&fit).unwrap().len(), PATHS);
        assert_eq!(asked(&more).unwrap_err().code(), WHERE);
    }
}
