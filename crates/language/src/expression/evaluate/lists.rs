//! Lists: the elements a viewer sees, quantifiers as Kleene folds, aggregates.

use std::sync::Arc;

use mains_base::Value;

use super::{Cell, Element, Frame, Link, numbers};
use crate::expression::{Aggregate, List, ListKind, Quantifier, Tree, Type, Var};

impl Frame<'_> {
    /// The elements that are there and for which each filter is true; `None`: the list is unknown.
    pub(super) fn elements(&self, list: &List, filters: &[(Var, Tree)]) -> Option<Vec<Element>> {
        let found = if let ListKind::Auth(part) = list.kind {
            if let Value::List(items) = self.auth(part) { items } else { Vec::new() }
        } else {
            let record = self.reach(&list.row)?;
            let sees = |rule: &Arc<Tree>| self.about(record).truth(rule) == Some(true);
            if list.field_guard.as_ref().is_none_or(sees) {
                self.world.list(record, &list.kind)?
            } else {
                Vec::new()
            }
        };
        let elements = found.into_iter().filter_map(|value| match (&list.element, value) {
            (Type::Record(collection), Value::Id(id)) => {
                let record = super::Handle::Stored(*collection, id);
                let guard = list.guard.as_ref();
                let sees = guard.is_none_or(|rule| self.about(record).truth(rule) == Some(true));
                sees.then_some(Element::Record(record))
            }
            (Type::Record(_), _) => None,
            (_, value) => Some(Element::Value(value)),
        });
        let passes = |element: &Element| {
            filters.iter().all(|(var, filter)| self.truth_of(element, *var, filter) == Some(true))
        };
        Some(elements.filter(passes).collect())
    }

    fn truth_of(&self, element: &Element, var: Var, body: &Tree) -> Option<bool> {
        self.with(element, var, |frame| frame.truth(body))
    }

    fn with<T>(&self, element: &Element, var: Var, run: impl FnOnce(&Frame<'_>) -> T) -> T {
        let link = Link { var, element, outer: self.link };
        run(&Frame { world: self.world, record: self.record, link: Some(&link) })
    }

    pub(super) fn quantified(
        &self,
        quantifier: Quantifier,
        found: &[Element],
        var: Var,
        body: &Tree,
    ) -> Cell {
        let (mut yes, mut no, mut unknown) = (0_usize, 0_usize, 0_usize);
        for element in found {
            match self.truth_of(element, var, body) {
                Some(true) => yes += 1,
                Some(false) => no += 1,
                None => unknown += 1,
            }
            let decided = match quantifier {
                Quantifier::Exists if yes > 0 => Some(true),
                Quantifier::All if no > 0 => Some(false),
                Quantifier::One if yes > 1 => Some(false),
                _ => None,
            };
            if let Some(truth) = decided {
                return Cell::Known(Value::Bool(truth));
            }
        }
        if unknown > 0 {
            return Cell::Unknown;
        }
        Cell::Known(Value::Bool(match quantifier {
            Quantifier::Exists => false,
            Quantifier::All => true,
            Quantifier::One => yes == 1,
        }))
    }

    pub(super) fn aggregate(
        &self,
        aggregate: Aggregate,
        found: &[Element],
        map: Option<&(Var, Box<Tree>)>,
    ) -> Cell {
        if aggregate == Aggregate::Size {
            return Cell::of(i64::try_from(found.len()).ok());
        }
        let values = found.iter().filter_map(|element| match (map, element) {
            (Some((var, body)), _) => self.with(element, *var, |frame| frame.cell(body)).present(),
            (None, Element::Value(value)) => Some(value.clone()),
            (None, Element::Record(_)) => None,
        });
        match aggregate {
            Aggregate::Sum => sum(&values.collect::<Vec<Value>>()),
            Aggregate::Min => Cell::Known(
                values
                    .reduce(|best, next| if less(&next, &best) { next } else { best })
                    .unwrap_or(Value::Null),
            ),
            _ => Cell::Known(
                values
                    .reduce(|best, next| if less(&best, &next) { next } else { best })
                    .unwrap_or(Value::Null),
            ),
        }
    }
}

fn less(one: &Value, other: &Value) -> bool {
    numbers::order(one, &Type::Int, other, &Type::Int).is_some_and(std::cmp::Ordering::is_lt)
}

/// The range is checked once, at the end; the sum of none is 0.
fn sum(values: &[Value]) -> Cell {
    if let Some(Value::Double(_)) = values.first() {
        let doubles =
            values.iter().map(|value| if let Value::Double(number) = value { *number } else { 0.0 });
        return Cell::of(numbers::finite(doubles.sum()).map(Value::Double));
    }
    let total = values.iter().filter_map(Value::as_int).map(i128::from).sum();
    Cell::of(numbers::clamp(total))
}
