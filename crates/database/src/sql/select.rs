//! One SELECT over a collection under construction: its root, the joins its expressions need, its parameters.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use mains_base::{Error, Kind, Result, Value};
use mains_language::expression::{Auth, Cell, Node, TextKind, Tree, Type, Var};
use mains_language::schema::{CollectionId, FieldId, Schema};

use super::free::{bound, evaluate_constant, is_free};
use super::list::Element;
use super::literal::literal;
use super::place::{At, Join, Place};
use super::value::Piece;
use super::{Bind, Statement, numbers};
use crate::dialect::{Column, Dialect, quote};

/// The most bytes that one expression may become.
const MAX_TEXT: usize = 64 * 1024;

/// Where the bound rows of a [`Select::image`] begin: field `i` is slot `first + i`, a list one list.
#[derive(Clone, Copy, Debug)]
pub struct ImageSlots {
    /// The record.
    pub record: u16,
    /// The stored record before; absent when all its slots are null.
    pub old: Option<u16>,
}

/// One SELECT over a collection under construction. Expressions register the joins that they need in it.
pub struct Select<'s> {
    pub(super) schema: &'s Schema,
    pub(super) dialect: Dialect,
    root: Root,
    inline: bool,
    binds: Vec<(Bind, Column, bool)>,
    aliases: u32,
    /// Joins of the statement itself, then of each subquery that is open.
    pub(super) scopes: Vec<Vec<Join>>,
    /// Joins are not put into scopes before this one: the condition of a join sees only what stands before it.
    pub(super) floor: usize,
    /// What `Source::Record` means here.
    pub(super) record: Place,
    pub(super) old: Option<Place>,
    pub(super) elements: HashMap<Var, Element>,
    /// Where `auth.id` stands, if callers are rows.
    pub(super) caller: Option<String>,
}

enum Root {
    Table(String),
    Bound,
    Definition,
    Callers(String),
}

impl<'s> Select<'s> {
    /// Over the stored records of a collection, which stand under the alias `r`.
    pub fn stored(schema: &'s Schema, dialect: Dialect, collection: CollectionId) -> Self {
        let table = quote(&schema.collection(collection).name);
        Self::new(schema, dialect, Root::Table(table), Place::present(collection, At::Alias("r".into())))
    }

    /// Over one record that need not be stored: a bound row.
    pub fn image(schema: &'s Schema, dialect: Dialect, collection: CollectionId, slots: ImageSlots) -> Self {
        let place = Place::present(collection, At::Image(slots.record));
        let mut select = Self::new(schema, dialect, Root::Bound, place);
        if let Some(first) = slots.old {
            select.with_old(first);
        }
        select
    }

    /// Inside a table's definition: bare columns, literals inline.
    pub(super) fn definition(schema: &'s Schema, dialect: Dialect, collection: CollectionId) -> Self {
        let place = Place::present(collection, At::Alias(String::new()));
        Self { inline: true, ..Self::new(schema, dialect, Root::Definition, place) }
    }

    fn new(schema: &'s Schema, dialect: Dialect, root: Root, record: Place) -> Self {
        Self {
            schema,
            dialect,
            root,
            inline: false,
            binds: Vec::new(),
            aliases: 0,
            scopes: vec![Vec::new()],
            floor: 0,
            record,
            old: None,
            elements: HashMap::new(),
            caller: None,
        }
    }

    /// Over callers, whose ids are the list in slot `callers`, each beside one record that need not be stored: `auth.id`
    /// is each of them in turn. No other part of `auth` is theirs.
    pub fn callers(
        schema: &'s Schema,
        dialect: Dialect,
        collection: CollectionId,
        slots: ImageSlots,
        callers: u16,
    ) -> Self {
        let mut select = Self::image(schema, dialect, collection, slots);
        let list = select.bind_list(Bind::Slot(callers), Column::Id);
        select.root = Root::Callers(match dialect {
            Dialect::Sqlite => format!("{list} AS c"),
            Dialect::Postgres => format!("{list} AS c(value)"),
        });
        select.caller = Some("c.value".to_owned());
        select
    }

    /// Binds `old` as an image; it is absent when its id is null.
    pub fn with_old(&mut self, first_slot: u16) {
        let place = Place::present(self.record.collection, At::Image(first_slot));
        self.old = Some(Place { absent: true, ..place });
    }

    /// Lets `old` be the record itself: as a rule sees a stored record before a change.
    pub fn with_record_as_old(&mut self) {
        self.old = Some(self.record.clone());
    }

    /// A condition that is TRUE exactly where the expression is true.
    pub fn truth(&mut self, tree: &Tree) -> Result<String> {
        self.truth_of(tree, true)
    }

    /// A condition that is TRUE exactly where the expression is false.
    pub fn falsity(&mut self, tree: &Tree) -> Result<String> {
        self.truth_of(tree, false)
    }

    /// The expression's value; null and unknown are NULL.
    pub fn value(&mut self, tree: &Tree) -> Result<String> {
        self.value_of(tree)
    }

    /// The column of a stored single field of the record. Of money: the amount.
    pub fn column(&mut self, field: FieldId) -> String {
        let record = self.record.clone();
        self.column_at(&record, field)
    }

    /// The column in which a field that ignores case is compared; of others their own.
    pub fn folded_column(&mut self, field: FieldId) -> String {
        let record = self.record.clone();
        self.folded_at(&record, field)
    }

    /// A parameter of this type; the same one for the same bind.
    pub fn bind(&mut self, bind: Bind, column: Column) -> String {
        if self.inline
            && let Some(text) = self.inlined(&bind, column)
        {
            return text;
        }
        let number = self.number(bind, column, false);
        match self.dialect {
            Dialect::Sqlite => format!("${number}"),
            Dialect::Postgres => format!("${number}::{}", self.dialect.column_type(column)),
        }
    }

    /// A list as one parameter: `rarray($1)` of SQLite, `unnest($1::bigint[])` of PostgreSQL.
    pub fn bind_list(&mut self, bind: Bind, column: Column) -> String {
        let number = self.number(bind, column, true);
        match self.dialect {
            Dialect::Sqlite => format!("rarray(${number})"),
            Dialect::Postgres => {
                let plain = self.dialect.column_type(column).split(" COLLATE").next().unwrap_or("text");
                format!("unnest(${number}::{plain}[])")
            }
        }
    }

    /// A list as one parameter, to stand behind `IN`.
    pub fn bind_set(&mut self, bind: Bind, column: Column) -> String {
        let number = self.number(bind, column, true);
        match self.dialect {
            Dialect::Sqlite => format!("${number}"),
            Dialect::Postgres => {
                let plain = self.dialect.column_type(column).split(" COLLATE").next().unwrap_or("text");
                format!("${number}::{plain}[]")
            }
        }
    }

    /// Runs `body` about another record, which stands under `alias` in a subquery; gives the joins that it needs, too.
    pub fn beside<T>(
        &mut self,
        (collection, alias): (CollectionId, &str),
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(T, String)> {
        self.scopes.push(Vec::new());
        let scope = self.scopes.len() - 1;
        let place = Place { scope, ..Place::present(collection, At::Alias(alias.to_owned())) };
        let result = self.inside(place, body);
        let joins = self.scopes.pop().unwrap_or_default();
        let joins = joins.iter().fold(String::new(), |text, join| text + " " + &join.text);
        Ok((result?, joins))
    }

    /// The value as it is compared: of a text that ignores case, folded.
    pub fn compared_value(&mut self, tree: &Tree) -> Result<String> {
        let folds = tree.ty == Type::Text(TextKind::Folded);
        self.piece_of(tree, if folds { Piece::Folded } else { Piece::Main })
    }

    /// The currency of a value of money.
    pub fn currency_value(&mut self, tree: &Tree) -> Result<String> {
        self.piece_of(tree, Piece::Currency)
    }

    /// `FROM …`, with the joins that the expressions so far need.
    pub fn from(&self) -> String {
        let mut text = match &self.root {
            Root::Table(table) => format!("FROM {table} AS r"),
            Root::Bound | Root::Definition => "FROM (SELECT 1) AS r".to_owned(),
            Root::Callers(callers) => format!("FROM {callers}"),
        };
        for join in self.scopes.first().into_iter().flatten() {
            let _ = write!(text, " {}", join.text);
        }
        text
    }

    /// The statement with this text. Parameters that it does not use are left out, the others numbered anew.
    pub fn finish(self, text: impl Into<Arc<str>>) -> Statement {
        let text = text.into();
        let used = numbers::used(&text);
        let binds: Vec<Bind> = self.binds.into_iter().map(|(bind, ..)| bind).collect();
        let kept: Vec<usize> = (1..=binds.len()).filter(|number| used.contains(number)).collect();
        let text = if kept.len() == binds.len() { text } else { numbers::renumbered(&text, &kept).into() };
        let kept = |number: &usize| binds.get(number - 1).cloned();
        Statement { text, binds: used.iter().filter_map(kept).collect() }
    }

    fn inlined(&self, bind: &Bind, column: Column) -> Option<String> {
        let value = match bind {
            Bind::Value(value) => value.clone(),
            Bind::Folded(tree) => bound(evaluate_constant(tree)?),
            Bind::Known(tree) => Value::Bool(evaluate_constant(tree)? != Cell::Unknown),
            Bind::Slot(_) | Bind::Part(..) => return None,
        };
        literal(self.dialect, &value, column).ok()
    }

    fn number(&mut self, bind: Bind, column: Column, list: bool) -> usize {
        let bind = (bind, column, list);
        if let Some(place) = self.binds.iter().position(|known| *known == bind) {
            return place + 1;
        }
        self.binds.push(bind);
        self.binds.len()
    }

    /// Whether it has one value for the whole statement, so that it is bound.
    pub(super) fn is_free(&self, tree: &Tree) -> bool {
        let of_caller = |part: &Tree| matches!(part.node, Node::Auth(Auth::Id));
        is_free(tree) && (self.caller.is_none() || !tree.any(&of_caller))
    }

    pub(super) fn is_inline(&self) -> bool {
        self.inline
    }

    pub(super) fn alias(&mut self, letter: char) -> String {
        self.aliases += 1;
        format!("{letter}{}", self.aliases)
    }

    /// Runs `body` with another record under `Source::Record` and no macro variables, as in a computed field.
    pub(super) fn inside<T>(&mut self, record: Place, body: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.record, record);
        let elements = std::mem::take(&mut self.elements);
        let result = body(self);
        self.record = outer;
        self.elements = elements;
        result
    }
}

/// Refuses text that has grown beyond what a statement may be.
pub(super) fn limited(text: String) -> Result<String> {
    if text.len() <= MAX_TEXT {
        return Ok(text);
    }
    let sentence = "This expression becomes too long for the database. Make it simpler.";
    Err(Error::new(Kind::Invalid, "query.too_complex", sentence))
}
