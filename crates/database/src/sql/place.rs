//! Rows that expressions reach: where they stand in the statement, and the joins that bring them in.
//!
//! A row that a foreign key vouches for is joined only when another column than its id is needed.

use std::sync::Arc;

use mains_base::{Error, Result, Value};
use mains_language::expression::{Auth, Hop, Node, Row, Source, Tree, Type};
use mains_language::schema::{CollectionId, CurrencyRule, FieldId, FieldKind};

use super::list::Element;
use super::{Bind, Part, Select, column_of_field};
use crate::dialect::{Column, quote};

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) collection: CollectionId,
    /// The subquery that owns it; 0 is the statement.
    pub(super) scope: usize,
    pub(super) at: At,
    /// It may be that there is none.
    pub(super) absent: bool,
}

/// Where a row stands.
#[derive(Clone, Debug)]
pub(super) enum At {
    /// Under this alias; the empty one is for bare columns.
    Alias(String),
    /// Bound, from this slot on.
    Image(u16),
    /// Only its id is at hand, in this text; joined when more is needed.
    Key(String),
}

/// A join of a scope.
#[derive(Clone, Debug)]
pub(super) struct Join {
    collection: CollectionId,
    key: String,
    guards: Guards,
    alias: String,
    pub(super) text: String,
}

/// Conditions on a followed relation: of the target, and of the row it is followed from.
type Guards = (Option<Arc<Tree>>, Option<Arc<Tree>>);

impl Place {
    pub(super) fn present(collection: CollectionId, at: At) -> Self {
        Self { collection, scope: 0, at, absent: false }
    }
}

impl Select<'_> {
    /// Where the row of a path stands.
    pub(super) fn place(&mut self, row: &Row) -> Result<Place> {
        let mut place = self.source(row)?;
        for hop in &row.hops {
            place = self.follow(&place, hop)?;
        }
        Ok(place)
    }

    /// The row from which the last relation of a path is followed.
    pub(super) fn place_before(&mut self, row: &Row) -> Result<Place> {
        let mut place = self.source(row)?;
        let before = row.hops.len().saturating_sub(1);
        for hop in row.hops.iter().take(before) {
            place = self.follow(&place, hop)?;
        }
        Ok(place)
    }

    fn source(&mut self, row: &Row) -> Result<Place> {
        match row.source {
            Source::Record => Ok(self.record.clone()),
            Source::Old => self.old.clone().ok_or_else(|| Error::internal("`old` is not bound here")),
            Source::Account => self.account(row.start),
            Source::Element(var) => match self.elements.get(&var) {
                Some(Element::Row(place)) => Ok(place.clone()),
                _ => Err(Error::internal("a variable does not stand for a record here")),
            },
        }
    }

    fn account(&mut self, accounts: CollectionId) -> Result<Place> {
        let id = Tree { node: Node::Auth(Auth::Id), ty: Type::Record(accounts), null: false, unknown: false };
        let key = match &self.caller {
            Some(caller) => caller.clone(),
            None => self.bind(Bind::Folded(Arc::new(id)), Column::Id),
        };
        let root = Place { collection: accounts, scope: 0, at: At::Key(key.clone()), absent: true };
        self.joined(&root, accounts, &key, (None, None))
    }

    fn follow(&mut self, place: &Place, hop: &Hop) -> Result<Place> {
        let field = self.schema.collection(place.collection).field(hop.field);
        let guarded = hop.guard.is_some() || hop.field_guard.is_some();
        let absent = place.absent || guarded || !field.required || field.personal.is_some();
        let key = self.column_at(place, hop.field);
        // An image's relation is vouched for by no foreign key yet.
        if !guarded && !matches!(place.at, At::Image(_)) {
            return Ok(Place { collection: hop.to, scope: place.scope, at: At::Key(key), absent });
        }
        let target = self.joined(place, hop.to, &key, (hop.guard.clone(), hop.field_guard.clone()))?;
        Ok(Place { absent, ..target })
    }

    /// Joins the record of `collection` whose id is `key`, in the scope of `place`.
    fn joined(
        &mut self,
        place: &Place,
        collection: CollectionId,
        key: &str,
        guards: Guards,
    ) -> Result<Place> {
        let scope = place.scope.max(self.floor);
        let found = self.scopes.get(scope).into_iter().flatten();
        let known = found
            .into_iter()
            .find(|join| join.collection == collection && join.key == key && join.guards == guards);
        if let Some(join) = known {
            let at = At::Alias(join.alias.clone());
            return Ok(Place { collection, scope, at, absent: true });
        }
        let alias = self.alias('j');
        let target = Place { collection, scope, at: At::Alias(alias.clone()), absent: true };
        let table = quote(&self.schema.collection(collection).name);
        let mut text = format!("LEFT JOIN {table} AS {alias} ON {alias}.\"id\" = {key}");
        if let Some(rule) = &guards.1 {
            text.push_str(" AND ");
            text.push_str(&self.guard(place, rule)?);
        }
        if let Some(rule) = &guards.0 {
            text.push_str(" AND ");
            text.push_str(&self.guard(&target, rule)?);
        }
        let join = Join { collection, key: key.to_owned(), guards, alias, text };
        if let Some(joins) = self.scopes.get_mut(scope) {
            joins.push(join);
        }
        Ok(target)
    }

    /// A condition on a row as part of a join's: what it follows is joined in a subquery of its own, because a join sees
    /// only what stands before it.
    fn guard(&mut self, place: &Place, rule: &Tree) -> Result<String> {
        let floor = self.floor;
        self.scopes.push(Vec::new());
        self.floor = self.scopes.len() - 1;
        let truth =
            self.inside(Place { absent: false, ..place.clone() }, |select| select.truth_of(rule, true));
        let joins = self.scopes.pop().unwrap_or_default();
        self.floor = floor;
        let truth = truth?;
        if joins.is_empty() {
            return Ok(format!("({truth})"));
        }
        let from = joins.iter().fold("(SELECT 1) AS s".to_owned(), |from, join| from + " " + &join.text);
        Ok(format!("EXISTS (SELECT 1 FROM {from} WHERE {truth})"))
    }

    /// Whether there is such a row, for one that may be absent; `None` where there always is.
    pub(super) fn presence(&mut self, place: &Place) -> Option<String> {
        let id = place.absent.then(|| self.column_at(place, FieldId::ID))?;
        Some(format!("{id} IS NOT NULL"))
    }

    /// The main column of a single field: its value, of money the amount, of a point the latitude, of a file the name.
    pub(super) fn column_at(&mut self, place: &Place, id: FieldId) -> String {
        let field = self.schema.collection(place.collection).field(id);
        let (suffix, part) = match &field.kind {
            FieldKind::Money { .. } => ("", Some(Part::Amount)),
            FieldKind::Point => ("__latitude", Some(Part::Latitude)),
            FieldKind::File => ("__name", Some(Part::Item(0))),
            _ => ("", None),
        };
        self.part_at(place, id, (suffix, part, column_of_field(field)))
    }

    /// A column that stands beside a field's main one, by its suffix; of an image the part of the value.
    pub(super) fn part_at(
        &mut self,
        place: &Place,
        id: FieldId,
        (suffix, part, column): (&str, Option<Part>, Column),
    ) -> String {
        let name = format!("\"{}{suffix}\"", self.schema.collection(place.collection).field(id).name);
        match &place.at {
            At::Alias(alias) if alias.is_empty() => name,
            At::Alias(alias) => format!("{alias}.{name}"),
            At::Image(first) => {
                let slot = Bind::Slot(first + id.0);
                let bind = part.map_or(slot.clone(), |part| Bind::Part(Box::new(slot), part));
                self.bind(bind, column)
            }
            At::Key(key) if id == FieldId::ID => key.clone(),
            At::Key(key) => {
                let key = key.clone();
                match self.joined(place, place.collection, &key, (None, None)) {
                    Ok(Place { at: At::Alias(alias), .. }) => format!("{alias}.{name}"),
                    // A join without guards is always made.
                    _ => "NULL".to_owned(),
                }
            }
        }
    }

    /// The column in which a field is compared without regard to case.
    pub(super) fn folded_at(&mut self, place: &Place, id: FieldId) -> String {
        if !self.schema.collection(place.collection).field(id).folds_case() {
            return self.column_at(place, id);
        }
        self.part_at(place, id, ("__folded", Some(Part::Fold), Column::Text))
    }

    /// The currency of a money field.
    pub(super) fn currency_at(&mut self, place: &Place, id: FieldId) -> String {
        let field = self.schema.collection(place.collection).field(id);
        match field.kind {
            FieldKind::Money { currency: CurrencyRule::Fixed(currency) } => {
                // Null where the amount is.
                let amount = self.column_at(place, id);
                let currency = self.bind(Bind::Value(Value::from(currency.as_str())), Column::Text);
                format!("(CASE WHEN {amount} IS NOT NULL THEN {currency} END)")
            }
            FieldKind::Money { currency: CurrencyRule::Field(currency) } => {
                let amount = self.column_at(place, id);
                let currency = self.column_at(place, currency);
                format!("(CASE WHEN {amount} IS NOT NULL THEN {currency} END)")
            }
            _ => self.part_at(place, id, ("__currency", Some(Part::Currency), Column::Text)),
        }
    }
}
