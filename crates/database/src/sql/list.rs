//! Lists: `in`, `exists all exists_one`, `size sum min max`.
//!
//! A list is walked in a subquery with joins of its own. Aggregates stand over a subselect: `SELECT max(e) FROM …` with
//! an `e` of outer columns alone would belong to the outer query.

use mains_base::{Error, Result};
use mains_language::expression::{
    Aggregate, Auth, List, ListKind, Node, Quantifier, TextKind, Tree, Type, Var,
};
use mains_language::schema::{CollectionId, FieldId};

use super::known::{both, guarded};
use super::place::{At, Place};
use super::truth::{balanced, negated_unless};
use super::value::Piece;
use super::{Bind, Part, Select, column_of};
use crate::dialect::{Column, Dialect, quote};

/// A variable that no expression has: the element of the list at hand.
const OWN: Var = Var(u16::MAX);

/// What a macro's variable stands for.
#[derive(Clone, Debug)]
pub(super) enum Element {
    /// A record.
    Row(Place),
    /// A value, and the text in which it is compared without regard to case.
    Value { text: String, folded: String },
}

/// A list that is being walked, in the subquery that was opened for it.
pub(super) struct Walk {
    source: String,
    conditions: Vec<String>,
    element: Element,
}

impl Select<'_> {
    /// Opens the subquery of a list.
    pub(super) fn open(&mut self, list: &List) -> Result<Walk> {
        let place = match list.kind {
            ListKind::Auth(_) => None,
            _ => Some(self.place(&list.row)?),
        };
        let hidden = match (&list.field_guard, &place) {
            (Some(rule), Some(place)) => {
                let place = Place { absent: false, ..place.clone() };
                Some(self.inside(place, |select| select.truth_of(rule, true))?)
            }
            _ => None,
        };
        self.scopes.push(Vec::new());
        let mut walk = match (&list.kind, &place) {
            (ListKind::Auth(part), _) => self.walk_auth(*part),
            (ListKind::Field(field), Some(place)) => self.walk_field(place, *field, list),
            (ListKind::Inverse { from, field, many }, Some(place)) => {
                self.walk_inverse(place, (*from, *field, *many))
            }
            (_, None) => return Err(Error::internal("a list hangs on no row")),
        };
        walk.conditions.extend(hidden);
        if let (Some(rule), Element::Row(place)) = (&list.guard, &walk.element) {
            let seen = self.inside(place.clone(), |select| select.truth_of(rule, true))?;
            walk.conditions.push(seen);
        }
        Ok(walk)
    }

    /// Closes the subquery: `FROM … WHERE …`.
    pub(super) fn close(&mut self, walk: &Walk) -> String {
        let mut text = format!("FROM {}", walk.source);
        for join in self.scopes.pop().unwrap_or_default() {
            text.push(' ');
            text.push_str(&join.text);
        }
        if !walk.conditions.is_empty() {
            text.push_str(" WHERE ");
            text.push_str(&balanced(&walk.conditions, "AND"));
        }
        text
    }

    fn innermost(&self) -> usize {
        self.scopes.len().saturating_sub(1)
    }

    fn element_row(&self, collection: CollectionId, at: At) -> Element {
        Element::Row(Place { collection, scope: self.innermost(), at, absent: false })
    }

    fn walk_auth(&mut self, part: Auth) -> Walk {
        let ty = Type::List(Box::new(Type::Text(TextKind::Plain)));
        let node = Tree { node: Node::Auth(part), ty, null: false, unknown: false };
        let alias = self.alias('l');
        let bind = Bind::Part(Box::new(Bind::Folded(node.into())), Part::List);
        let source = self.bound_list(bind, &alias, Column::Text);
        let text = format!("{alias}.target");
        Walk { source, conditions: Vec::new(), element: Element::Value { folded: text.clone(), text } }
    }

    fn bound_list(&mut self, bind: Bind, alias: &str, column: Column) -> String {
        let list = self.bind_list(bind, column);
        match (self.dialect, column) {
            (Dialect::Sqlite, _) => format!("(SELECT value AS target FROM {list}) AS {alias}"),
            (Dialect::Postgres, Column::Text) => {
                format!("(SELECT u COLLATE \"C\" AS target FROM {list} AS u) AS {alias}")
            }
            (Dialect::Postgres, _) => format!("(SELECT u AS target FROM {list} AS u) AS {alias}"),
        }
    }

    fn walk_field(&mut self, place: &Place, field: FieldId, list: &List) -> Walk {
        let collection = self.schema.collection(place.collection);
        let (alias, column) = (self.alias('l'), column_of(&list.element));
        let folds = list.element == Type::Text(TextKind::Folded);
        let (source, conditions) = if let At::Image(first) = place.at {
            let bind = Bind::Part(Box::new(Bind::Slot(first + field.0)), Part::List);
            (self.image_list(bind, &alias, (column, folds)), Vec::new())
        } else {
            let table = quote(&format!("{}__{}", collection.name, collection.field(field).name));
            let id = self.column_at(place, FieldId::ID);
            (format!("{table} AS {alias}"), vec![format!("{alias}.\"record\" = {id}")])
        };
        let text = format!("{alias}.\"target\"");
        let element = match list.element {
            Type::Record(to) => self.element_row(to, At::Key(text)),
            _ if folds => Element::Value { folded: format!("{alias}.\"target__folded\""), text },
            _ => Element::Value { folded: text.clone(), text },
        };
        Walk { source, conditions, element }
    }

    /// A list of an image: it is bound, because the join table may hold another or none. Folded elements are bound beside.
    fn image_list(&mut self, bind: Bind, alias: &str, (column, folds): (Column, bool)) -> String {
        if !folds {
            return self.bound_list(bind, alias, column);
        }
        let plain = self.bind_list(bind.clone(), column);
        if self.dialect == Dialect::Sqlite {
            return format!(
                "(SELECT value AS target, mains_fold(value) AS target__folded FROM {plain}) AS {alias}"
            );
        }
        let folded = self.bind_list(Bind::Part(Box::new(bind), Part::Fold), column);
        let strip = |text: &str| text.trim_start_matches("unnest(").trim_end_matches(')').to_owned();
        let both = format!("unnest({}, {})", strip(&plain), strip(&folded));
        format!(
            "(SELECT u COLLATE \"C\" AS target, f COLLATE \"C\" AS target__folded FROM {both} AS b(u, f)) AS {alias}"
        )
    }

    fn walk_inverse(&mut self, place: &Place, (from, field, many): (CollectionId, FieldId, bool)) -> Walk {
        let id = self.column_at(place, FieldId::ID);
        let schema = self.schema;
        let collection = schema.collection(from);
        let name = &collection.field(field).name;
        let alias = self.alias('e');
        if many {
            let table = quote(&format!("{}__{name}", collection.name));
            let element = self.element_row(from, At::Key(format!("{alias}.\"record\"")));
            let conditions = vec![format!("{alias}.\"target\" = {id}")];
            return Walk { source: format!("{table} AS {alias}"), conditions, element };
        }
        let source = format!("{} AS {alias}", quote(&collection.name));
        let conditions = vec![format!("{alias}.{} = {id}", quote(name))];
        Walk { source, conditions, element: self.element_row(from, At::Alias(alias)) }
    }

    /// `SELECT <what> FROM …` over the elements for which a condition holds.
    fn over(
        &mut self,
        list: &List,
        vars: &[Var],
        body: impl FnOnce(&mut Self, &mut Vec<String>) -> Result<String>,
    ) -> Result<String> {
        let scopes = self.scopes.len();
        let outer = self.elements.clone();
        let mut walk = self.open(list)?;
        for var in vars {
            self.elements.insert(*var, walk.element.clone());
        }
        let what = body(self, &mut walk.conditions);
        let from = self.close(&walk);
        self.elements = outer;
        self.scopes.truncate(scopes);
        Ok(format!("SELECT {} {from}", what?))
    }

    /// TRUE exactly where `item in list` is `wanted`.
    pub(super) fn in_list_truth(&mut self, item: &Tree, list: &List, wanted: bool) -> Result<String> {
        let exists = self.contains(item, list)?;
        if wanted {
            return Ok(exists);
        }
        let known = both(self.known(item)?, self.list_known(list)?);
        Ok(format!("({})", both(known, Some(format!("NOT {exists}"))).unwrap_or_default()))
    }

    /// The value of `item in list`.
    pub(super) fn in_list_value(&mut self, item: &Tree, list: &List) -> Result<String> {
        let known = both(self.known(item)?, self.list_known(list)?);
        Ok(guarded(known, self.contains(item, list)?))
    }

    fn contains(&mut self, item: &Tree, list: &List) -> Result<String> {
        let folded = list.element == Type::Text(TextKind::Folded);
        let item = self.piece_of(item, if folded { Piece::Folded } else { Piece::Main })?;
        let select = self.over(list, &[OWN], |select, conditions| {
            let element = match select.elements.get(&OWN).cloned() {
                Some(Element::Row(place)) => select.column_at(&place, FieldId::ID),
                Some(Element::Value { folded: text, .. }) if folded => text,
                Some(Element::Value { text, .. }) => text,
                None => String::new(),
            };
            conditions.push(format!("{element} = {item}"));
            Ok("1".to_owned())
        })?;
        Ok(format!("EXISTS ({select})"))
    }

    /// TRUE exactly where a quantifier is `wanted`.
    pub(super) fn quantified_truth(&mut self, tree: &Tree, wanted: bool) -> Result<String> {
        let Node::Quantified { quantifier, list, filters, var, body } = &tree.node else {
            return Err(Error::internal("no quantifier"));
        };
        if *quantifier == Quantifier::One {
            let one = self.exactly_one(tree)?;
            if wanted {
                return Ok(one);
            }
            let known = self.list_known(list)?;
            return Ok(format!("({})", both(known, Some(format!("NOT {one}"))).unwrap_or_default()));
        }
        // `exists` is decided by one element for which the body is true, `all` by one for which it is false.
        let deciding = *quantifier == Quantifier::Exists;
        let select = self.over(list, &variables(filters, Some(*var)), |select, conditions| {
            select.kept(filters, conditions)?;
            let body = select.truth_of(body, wanted)?;
            conditions.push(if wanted == deciding { body } else { format!("(({body}) IS NOT TRUE)") });
            Ok("1".to_owned())
        })?;
        if wanted == deciding {
            return Ok(format!("EXISTS ({select})"));
        }
        let known = self.list_known(list)?;
        Ok(format!("({})", both(known, Some(format!("NOT EXISTS ({select})"))).unwrap_or_default()))
    }

    /// The value of a quantifier.
    pub(super) fn quantified_value(&mut self, tree: &Tree) -> Result<String> {
        let Node::Quantified { quantifier, list, body, .. } = &tree.node else {
            return Err(Error::internal("no quantifier"));
        };
        if *quantifier == Quantifier::One {
            let one = self.exactly_one(tree)?;
            return Ok(guarded(self.list_known(list)?, one));
        }
        if !body.null && !body.unknown {
            let exists = *quantifier == Quantifier::Exists;
            let decided = self.quantified_truth(tree, exists)?;
            return Ok(guarded(self.list_known(list)?, negated_unless(exists, decided)));
        }
        let (yes, no) = (self.quantified_truth(tree, true)?, self.quantified_truth(tree, false)?);
        Ok(format!("(CASE WHEN {yes} THEN TRUE WHEN {no} THEN FALSE END)"))
    }

    /// `exists_one`: false from the second true element on, unknown while an unknown one could decide.
    fn exactly_one(&mut self, tree: &Tree) -> Result<String> {
        let Node::Quantified { list, filters, var, body, .. } = &tree.node else {
            return Err(Error::internal("no quantifier"));
        };
        let rows = self.over(list, &variables(filters, Some(*var)), |select, conditions| {
            select.kept(filters, conditions)?;
            Ok(format!("{} AS v", select.value_of(body)?))
        })?;
        let alias = self.alias('q');
        Ok(format!(
            "(SELECT CASE WHEN count(CASE WHEN v THEN 1 END) > 1 THEN FALSE WHEN count(v) < count(*) THEN NULL \
             ELSE count(CASE WHEN v THEN 1 END) = 1 END FROM ({rows}) AS {alias})"
        ))
    }

    /// Only elements for which each filter is true.
    fn kept(&mut self, filters: &[(Var, Tree)], conditions: &mut Vec<String>) -> Result<()> {
        for (_, filter) in filters {
            conditions.push(self.truth_of(filter, true)?);
        }
        Ok(())
    }

    /// `size sum min max`, with what stands before.
    pub(super) fn aggregate(&mut self, tree: &Tree) -> Result<String> {
        let Node::Aggregate { aggregate, list, filters, map } = &tree.node else {
            return Err(Error::internal("no aggregate"));
        };
        let mut vars = variables(filters, map.as_ref().map(|(var, _)| *var));
        vars.push(OWN);
        let rows = self.over(list, &vars, |select, conditions| {
            select.kept(filters, conditions)?;
            if *aggregate == Aggregate::Size {
                return Ok("count(*)".to_owned());
            }
            let value = match map {
                Some((_, map)) => select.operand(map, &tree.ty)?,
                None => match select.elements.get(&OWN) {
                    Some(Element::Value { text, .. }) => text.clone(),
                    _ => return Err(Error::internal("records have no sum")),
                },
            };
            Ok(format!("{value} AS v"))
        })?;
        let alias = self.alias('q');
        let known = self.list_known(list)?;
        Ok(match aggregate {
            Aggregate::Size => guarded(known, format!("({rows})")),
            Aggregate::Sum => {
                guarded(known, format!("(SELECT {} FROM ({rows}) AS {alias})", self.sum_of("v")))
            }
            Aggregate::Min => format!("(SELECT min(v) FROM ({rows}) AS {alias})"),
            Aggregate::Max => format!("(SELECT max(v) FROM ({rows}) AS {alias})"),
        })
    }

    /// The sum of a column of whole numbers: of none 0, beyond ±M NULL. SQLite adds the upper and the lower bits apart,
    /// because its own sum of whole numbers fails beyond 64 bits.
    pub fn sum_of(&self, column: &str) -> String {
        match self.dialect {
            Dialect::Postgres => self.whole(&format!("coalesce(sum({column}), 0)")),
            Dialect::Sqlite => self.whole(&format!(
                "CASE WHEN count({column}) = 0 THEN 0 WHEN abs(sum({column} >> 26)) < 1099511627776 \
                 THEN sum({column} >> 26) * 67108864 + sum({column} & 67108863) END",
            )),
        }
    }
}

fn variables(filters: &[(Var, Tree)], last: Option<Var>) -> Vec<Var> {
    filters.iter().map(|(var, _)| *var).chain(last).collect()
}
