//! Names and paths: the record's own fields, other sides of relations, `old`, `auth`, `now`, variables of macros.

use std::ops::Range;
use std::sync::Arc;

use super::macros::Walk;
use super::{Bound, Checker, Typed, made};
use crate::expression::scope::is_computed;
use crate::expression::syntax::{Expr, ExprKind, Word};
use crate::expression::types::is_nullable;
use crate::expression::{
    Auth, Complaint, Function, Hop, List, ListKind, Node, Row, Source, TextKind, Tree, Type, Viewer,
};
use crate::schema::{Collection, CollectionId, Field, FieldId, FieldKind, Inverse};

/// What a name or path leads to.
pub(super) enum Target {
    /// `old`, `auth.account`, an element: a record itself.
    Row(Row),
    /// A relation that is not followed yet.
    Relation(Row, FieldId, CollectionId),
    /// Bare `auth`.
    Auth,
    List(Box<Walk>),
    Value(Typed),
}

const AUTH: [&str; 11] = [
    "id",
    "account",
    "signed_in",
    "verified",
    "staff",
    "kind",
    "roles",
    "scopes",
    "rights",
    "level",
    "proven_at",
];

impl<'s> Checker<'s> {
    pub(super) fn target(&mut self, expr: &Expr) -> Result<Target, Complaint> {
        match &expr.kind {
            ExprKind::Name(name) => self.name(name, &expr.span),
            ExprKind::Path(base, steps) => {
                let mut target = self.target(base)?;
                for word in steps {
                    target = self.step(target, word)?;
                }
                Ok(target)
            }
            ExprKind::Call(None, word, arguments) => {
                Ok(Target::Value(self.function(word, arguments, &expr.span)?))
            }
            ExprKind::Call(Some(target), word, arguments) => self.method(target, word, arguments, &expr.span),
            _ => Ok(Target::Value(self.value(expr)?)),
        }
    }

    fn name(&mut self, name: &str, span: &Range<usize>) -> Result<Target, Complaint> {
        if let Some(variable) = self.variables.iter().find(|variable| variable.name == name) {
            return Ok(match variable.bound.clone() {
                Bound::Row(var, collection) => Target::Row(Row::new(Source::Element(var), collection)),
                Bound::Value(var, ty) => {
                    let tree = Tree { node: Node::Element(var), ty, null: false, unknown: false };
                    Target::Value(Typed::new(tree, span))
                }
            });
        }
        let collection = self.scope.collection;
        match name {
            "old" => self.old(span),
            "auth" => self.not_physical(span, "`auth`").map(|()| Target::Auth),
            "now" => {
                self.not_physical(span, "`now`")?;
                Ok(Target::Value(Typed::new(made(Node::Now, Type::Timestamp, false), span)))
            }
            "each" => Err(Complaint::new(span, "`each` stands only in effects, which are not there yet.")),
            _ => self.field(Row::new(Source::Record, collection), name, span),
        }
    }

    fn old(&self, span: &Range<usize>) -> Result<Target, Complaint> {
        if self.scope.old {
            return Ok(Target::Row(Row::new(Source::Old, self.scope.collection)));
        }
        Err(Complaint::new(span, "`old` means nothing here: there is no change, only the record.")
            .hint("It stands in update and write rules, checks, transitions and `on_write`."))
    }

    pub(super) fn step(&mut self, target: Target, word: &Word) -> Result<Target, Complaint> {
        match target {
            Target::Row(row) => self.field(row, &word.text, &word.span),
            Target::Relation(row, field, to) => {
                self.not_physical(&word.span, "A followed relation")?;
                let hop =
                    Hop { field, to, guard: self.read_guard(to), field_guard: self.field_guard(&row, field) };
                self.field(row.followed(hop), &word.text, &word.span)
            }
            Target::Auth => self.auth(word),
            Target::List(walk) => Err(self.part_of_list(&walk, word)),
            Target::Value(typed) => self.part(typed, word).map(Target::Value),
        }
    }

    /// The target as a value.
    pub(super) fn value_of(&self, target: Target, span: &Range<usize>) -> Result<Typed, Complaint> {
        match target {
            Target::Value(typed) => Ok(Typed { span: span.clone(), ..typed }),
            Target::Relation(row, field, to) => {
                Ok(Typed::new(self.stored(row, field, Type::Record(to)), span))
            }
            Target::Row(row) => {
                let ty = Type::Record(row.start);
                let null = matches!(row.source, Source::Old | Source::Account);
                Ok(Typed::new(Tree { node: Node::Record(row), ty, null, unknown: false }, span))
            }
            Target::Auth => Err(Complaint::new(span, "`auth` alone has no value.")
                .hint("Name a part of it: `auth.id`, `auth.signed_in`, `auth.account.…`.")),
            Target::List(walk) => Err(self.list_as_value(&walk, span)),
        }
    }

    /// A stored single field, as the viewer sees it.
    fn stored(&self, row: Row, id: FieldId, ty: Type) -> Tree {
        let collection = row.at();
        let field = self.scope.schema.collection(collection).field(id);
        let null = is_nullable(self.scope.schema, collection, field);
        let unknown = self.may_be_absent(&row);
        let value = Tree { node: Node::Field(row.clone(), id), ty, null, unknown };
        self.visible(row, id, value)
    }

    /// Whether there may be no record at the end of the path.
    pub(super) fn may_be_absent(&self, row: &Row) -> bool {
        let mut at = row.start;
        matches!(row.source, Source::Old | Source::Account)
            || row.hops.iter().any(|hop| {
                let field = self.scope.schema.collection(at).field(hop.field);
                let nullable = is_nullable(self.scope.schema, at, field);
                at = hop.to;
                nullable || hop.guard.is_some() || hop.field_guard.is_some()
            })
    }

    fn field(&self, row: Row, name: &str, span: &Range<usize>) -> Result<Target, Complaint> {
        let collection = self.scope.schema.collection(row.at());
        if let Some(field) = collection.find(name).filter(|field| self.sees(field)) {
            return self.declared(row, field, span);
        }
        let named = |inverse: &&Inverse| inverse.name.as_deref() == Some(name);
        if let Some(inverse) = collection.inverses.iter().find(named) {
            self.not_physical(span, "The other side of a relation")?;
            return Ok(Target::List(Box::new(Walk::new(self.inverse(row, inverse)))));
        }
        Err(self.no_field(collection, name, span))
    }

    fn sees(&self, field: &Field) -> bool {
        self.scope.viewer == Viewer::All || !field.hidden
    }

    fn no_field(&self, collection: &Collection, name: &str, span: &Range<usize>) -> Complaint {
        let message = format!("{} has no field `{name}`.", collection.name);
        let fields =
            collection.fields.iter().filter(|field| self.sees(field)).map(|field| field.name.as_str());
        let inverses = collection.inverses.iter().filter_map(|inverse| inverse.name.as_deref());
        let variables = self.variables.iter().map(|variable| variable.name.as_str());
        let own =
            if collection.id == self.scope.collection { vec!["auth", "now", "old"] } else { Vec::new() };
        Complaint::new(span, message).near(name, fields.chain(inverses).chain(variables).chain(own))
    }

    fn declared(&self, row: Row, field: &'s Field, span: &Range<usize>) -> Result<Target, Complaint> {
        if is_computed(field) {
            return self.computed(row, field, span);
        }
        let ty = match field.kind {
            FieldKind::Id => Some(Type::Record(row.at())),
            _ => Type::of(field),
        };
        let Some(ty) = ty else {
            return Err(Complaint::new(span, "Raw bytes cannot stand in an expression."));
        };
        if field.many.is_some() {
            self.not_physical(span, "A list")?;
            return Ok(Target::List(Box::new(Walk::new(self.many(row, field.id, ty)))));
        }
        Ok(match field.kind {
            FieldKind::Relation { to, .. } => Target::Relation(row, field.id, to),
            _ => Target::Value(Typed::new(self.stored(row, field.id, ty), span)),
        })
    }

    fn computed(&self, row: Row, field: &Field, span: &Range<usize>) -> Result<Target, Complaint> {
        self.not_physical(span, "A computed field")?;
        let tree = self.scope.computed.tree(row.at(), field.id).map_err(|inner| {
            let message = format!("The computed field `{}` is itself refused: {}", field.name, inner.message);
            Complaint { message, hint: inner.hint, span: span.clone() }
        })?;
        let ty = match &tree.ty {
            Type::Text(_) => Type::Text(TextKind::Plain),
            other => other.clone(),
        };
        let (null, unknown) = (tree.may_lack(), self.may_be_absent(&row));
        let value = Tree { node: Node::Inside(row.clone(), Arc::clone(&tree)), ty, null, unknown };
        Ok(Target::Value(Typed::new(self.visible(row, field.id, value), span)))
    }

    fn many(&self, row: Row, field: FieldId, element: Type) -> List {
        let guard = if let Type::Record(to) = element { self.read_guard(to) } else { None };
        let field_guard = self.field_guard(&row, field);
        let unknown = self.may_be_absent(&row);
        List { row, kind: ListKind::Field(field), element, guard, field_guard, unknown }
    }

    fn inverse(&self, row: Row, inverse: &Inverse) -> List {
        let &Inverse { from, field, many, .. } = inverse;
        let unknown = self.may_be_absent(&row);
        let guard = self.inverse_guard(from, field);
        let field_guard = self.source_guard(&row);
        let kind = ListKind::Inverse { from, field, many };
        List { row, kind, element: Type::Record(from), guard, field_guard, unknown }
    }

    fn auth(&self, word: &Word) -> Result<Target, Complaint> {
        let value = |auth, ty, null| {
            let tree = Tree { node: Node::Auth(auth), ty, null, unknown: false };
            Ok(Target::Value(Typed::new(tree, &word.span)))
        };
        let list = |auth| {
            let row = Row::new(Source::Record, self.scope.collection);
            let element = Type::Text(TextKind::Plain);
            let kind = ListKind::Auth(auth);
            let list = List { row, kind, element, guard: None, field_guard: None, unknown: false };
            Ok(Target::List(Box::new(Walk::new(list))))
        };
        match word.text.as_str() {
            "id" => value(Auth::Id, Type::Record(self.accounts(&word.span)?), false),
            "account" => Ok(Target::Row(Row::new(Source::Account, self.accounts(&word.span)?))),
            "signed_in" => value(Auth::SignedIn, Type::Bool, false),
            "verified" => value(Auth::Verified, Type::Bool, false),
            "staff" => value(Auth::Staff, Type::Bool, false),
            "kind" => value(Auth::Kind, Type::Text(TextKind::Plain), false),
            "level" => value(Auth::Level, Type::Int, false),
            "proven_at" => value(Auth::ProvenAt, Type::Timestamp, true),
            "roles" => list(Auth::Roles),
            "scopes" => list(Auth::Scopes),
            "rights" => list(Auth::Rights),
            other => {
                let complaint = Complaint::new(&word.span, format!("`auth` has no part `{other}`."));
                Err(complaint.near(other, AUTH.into_iter().chain(["proven_at"])))
            }
        }
    }

    fn accounts(&self, span: &Range<usize>) -> Result<CollectionId, Complaint> {
        let accounts = self.scope.schema.find("accounts").map(|accounts| accounts.id);
        accounts.ok_or_else(|| {
            Complaint::new(span, "This site has no accounts, so there is no account to ask about.")
                .hint("Declare a collection `accounts`, or use `auth.signed_in`, `auth.staff`, `auth.roles`.")
        })
    }

    /// A part of a value: of money or a file.
    fn part(&self, typed: Typed, word: &Word) -> Result<Typed, Complaint> {
        let name = word.text.as_str();
        let (function, ty) = match (&typed.tree.ty, name) {
            (Type::Money, "amount") => (Function::Amount, Type::Int),
            (Type::Money, "currency") => (Function::Currency, Type::Text(TextKind::Plain)),
            (Type::File, "name") => (Function::FileName, Type::Text(TextKind::Plain)),
            (Type::File, "type") => (Function::FileType, Type::Text(TextKind::Plain)),
            (Type::File, "size") => (Function::FileSize, Type::Int),
            _ => return Err(self.no_part(&typed, word)),
        };
        let unknown = typed.tree.may_lack();
        let span = typed.span.start..word.span.end;
        Ok(Typed::new(made(Node::Call(function, vec![typed.tree]), ty, unknown), &span))
    }

    fn no_part(&self, typed: &Typed, word: &Word) -> Complaint {
        let name = word.text.as_str();
        let complaint = Complaint::new(&word.span, format!("{}, which has no `{name}`.", self.is(typed)));
        match (&typed.tree.node, &typed.tree.ty) {
            (Node::Auth(Auth::Id), _) => complaint.hint(format!("Write `auth.account.{name}`.")),
            (Node::Field(_, FieldId::ID), Type::Record(_)) => {
                complaint.hint("An id has no fields; leave `.id` or `id.` away.")
            }
            (_, Type::Record(_)) => {
                Complaint::new(&word.span, "Only a path can be followed, and this is a calculated record.")
                    .hint("Follow the relation in each branch instead.")
            }
            (_, Type::Money) => complaint.near(name, ["amount", "currency"]),
            (_, Type::File) => complaint.near(name, ["name", "type", "size"]),
            _ => complaint,
        }
    }
}
