//! Comparisons and `in`: which types meet, and what a constant is beside the other side.

use mains_base::{IdError, Uuid, Value, fold, nearest};

use super::calls::sign;
use super::paths::Target;
use super::{Checker, Typed, made};
use crate::expression::syntax::{Binary, Expr, ExprKind};
use crate::expression::types::is_nullable;
use crate::expression::{Auth, Comparison, Complaint, Node, Source, TextKind, Tree, Type};
use crate::schema::{CollectionId, FieldKind};

const KINDS: [&str; 6] = ["visitor", "guest", "account", "key", "app", "system"];

impl Checker<'_> {
    pub(super) fn comparison(
        &mut self,
        comparison: Comparison,
        sides: &[Expr; 2],
    ) -> Result<Tree, Complaint> {
        let [left, right] = sides;
        let mut left = self.value(left)?;
        let mut right = self.value(right)?;
        let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let name = sign(Binary::Compare(comparison));
        if equality {
            self.equal(&mut left, &mut right, name)?;
        } else {
            self.ordered(&mut left, &mut right, name)?;
        }
        Ok(compared(comparison, left.tree, right.tree))
    }

    /// Makes both sides comparable by `==`, or complains.
    fn equal(&self, left: &mut Typed, right: &mut Typed, name: &str) -> Result<(), Complaint> {
        if left.is_null() || right.is_null() {
            return Self::with_null(left, right);
        }
        Self::no_account(left)?;
        Self::no_account(right)?;
        self.meet(left, right, name)?;
        match &left.tree.ty {
            Type::Json | Type::File | Type::Point => {
                let what = left.tree.ty.describe(self.scope.schema);
                let message = format!("{}, and {what} is compared with null alone.", self.is(left));
                Err(Complaint::new(&left.span, message))
            }
            _ => Ok(()),
        }
    }

    fn with_null(left: &Typed, right: &Typed) -> Result<(), Complaint> {
        for side in [left, right] {
            if matches!(side.tree.node, Node::Auth(Auth::Id)) {
                return Err(Complaint::new(
                    &side.span,
                    "`auth.id` is never null: a visitor has the id of nobody.",
                )
                .hint("Ask `auth.signed_in`."));
            }
        }
        Ok(())
    }

    fn no_account(side: &Typed) -> Result<(), Complaint> {
        match &side.tree.node {
            Node::Record(row) if row.source == Source::Account => Err(account_alone(side)),
            _ => Ok(()),
        }
    }

    fn ordered(&self, left: &mut Typed, right: &mut Typed, name: &str) -> Result<(), Complaint> {
        for side in [&*left, &*right] {
            if side.is_null() {
                return Err(Complaint::new(
                    &side.span,
                    format!("Null has no order, so `{name}` cannot compare it."),
                ));
            }
        }
        self.meet(left, right, name)?;
        for side in [left, right] {
            match &side.tree.ty {
                Type::Int
                | Type::Double
                | Type::Decimal(_)
                | Type::Date
                | Type::Timestamp
                | Type::Duration
                | Type::Text(TextKind::Plain | TextKind::Folded) => {}
                _ => {
                    let complaint =
                        Complaint::new(&side.span, format!("{}, which has no order.", self.is(side)));
                    return Err(match side.tree.ty {
                        Type::Money => complaint.hint("Compare `.amount`, and `.currency` with `==`."),
                        Type::Text(_) => complaint.hint("Use `in [\"…\", \"…\"]`."),
                        _ => complaint,
                    });
                }
            }
        }
        Ok(())
    }

    /// Makes both sides one type, as far as comparing needs it: numbers of several kinds are left as they are.
    fn meet(&self, left: &mut Typed, right: &mut Typed, name: &str) -> Result<(), Complaint> {
        self.adapt(left, right)?;
        self.adapt(right, left)?;
        let good = match (&left.tree.ty, &right.tree.ty) {
            (Type::Text(one), Type::Text(other)) => {
                if (*one == TextKind::Folded) != (*other == TextKind::Folded) {
                    let (folded, plain) =
                        if *one == TextKind::Folded { (&*left, &*right) } else { (&*right, &*left) };
                    let message = format!(
                        "`{}` ignores case and `{}` does not, so `{name}` has no meaning for both.",
                        self.words(&folded.span),
                        self.words(&plain.span)
                    );
                    return Err(Complaint::new(&plain.span, message)
                        .hint("Give both fields `ignore_case`, or compare with a literal."));
                }
                true
            }
            (Type::Int, Type::Double | Type::Decimal(_))
            | (Type::Double | Type::Decimal(_), Type::Int)
            | (Type::Decimal(_), Type::Decimal(_)) => true,
            (one, other) => one == other,
        };
        if good { Ok(()) } else { Err(self.unlike(left, right, name)) }
    }

    /// Two sides that do not go together.
    pub(super) fn unlike(&self, left: &Typed, right: &Typed, name: &str) -> Complaint {
        let span = left.span.start..right.span.end;
        let span = if span.start < span.end { span } else { right.span.clone() };
        let message = format!("{} and {}; `{name}` takes two of one type.", self.is(left), self.is(right));
        let complaint = Complaint::new(&span, message);
        let words = |side: &Typed| self.words(&side.span);
        match (&left.tree.ty, &right.tree.ty) {
            (Type::Int | Type::Decimal(_), Type::Double) => {
                complaint.hint(format!("Write `double({})`.", words(left)))
            }
            (Type::Double, Type::Int | Type::Decimal(_)) => {
                complaint.hint(format!("Write `double({})`.", words(right)))
            }
            (Type::Timestamp, Type::Text(_)) => complaint.hint("An instant is written `timestamp(\"…\")`."),
            (Type::Date, Type::Text(_)) => complaint.hint("A day is written `date(\"…\")`."),
            (Type::Timestamp, Type::Date) | (Type::Date, Type::Timestamp) => complaint
                .hint("A timestamp is an instant, a date is a day; neither is the other without a zone."),
            (Type::Money, Type::Int | Type::Double) => complaint.hint("Compare `.amount` (minor units)."),
            _ => complaint,
        }
    }

    /// Makes a constant what it is beside the other side.
    pub(super) fn adapt(&self, one: &mut Typed, other: &Typed) -> Result<(), Complaint> {
        let Some(value) = one.tree.as_constant() else { return Ok(()) };
        match (value, &one.tree.ty, &other.tree.ty) {
            (_, Type::Double | Type::Int, Type::Decimal(scale)) => self.to_decimal(one, *scale),
            (Value::Int(number), Type::Int, Type::Double) => {
                one.tree = Tree::constant(Value::Double(*number as f64), Type::Double);
                Ok(())
            }
            (Value::Text(text), Type::Text(_), Type::Record(to)) => {
                let id = self.id(text, *to, one)?;
                one.tree = Tree::constant(Value::Id(id), Type::Record(*to));
                Ok(())
            }
            (Value::Text(text), Type::Text(_), Type::Text(TextKind::Folded)) => {
                one.tree = Tree::constant(Value::Text(fold(text)), Type::Text(TextKind::Folded));
                Ok(())
            }
            (Value::Text(text), Type::Text(_), Type::Text(_)) => self.one_of(text, one, other),
            _ => Ok(()),
        }
    }

    /// A number beside a decimal of this scale.
    fn to_decimal(&self, one: &mut Typed, scale: u8) -> Result<(), Complaint> {
        if let (Some(literal), Type::Double) = (one.literal, &one.tree.ty) {
            if literal.scale > scale {
                let message = format!(
                    "`{}` has {} digits after the point, and the other side has {scale}.",
                    self.words(&one.span),
                    literal.scale
                );
                return Err(Complaint::new(&one.span, message));
            }
            one.tree = literal.constant(scale);
        } else if let (Some(number), Type::Int) =
            (one.tree.as_constant().and_then(Value::as_int), &one.tree.ty)
            && let Some(scaled) = super::literals::rescaled(number, 0, scale)
        {
            one.tree = Tree::constant(Value::Int(scaled), Type::Decimal(scale));
        }
        Ok(())
    }

    /// A literal id of a record of this collection.
    pub(super) fn id(&self, text: &str, to: CollectionId, one: &Typed) -> Result<Uuid, Complaint> {
        let collection = self.scope.schema.collection(to);
        let Some(prefix) = &collection.prefix else {
            return Err(Complaint::new(&one.span, format!("Rows of {} have no ids.", collection.name)));
        };
        Uuid::parse(text, prefix).map_err(|error| {
            let message = match error {
                IdError::Prefix => format!(
                    "\"{text}\" is no id of {}: those begin with `{}_`.",
                    collection.name,
                    prefix.as_str()
                ),
                IdError::Suffix => {
                    format!("\"{text}\" is no id: after `{}_` stand 26 characters.", prefix.as_str())
                }
            };
            Complaint::new(&one.span, message)
        })
    }

    /// A literal beside an enum, or beside `auth.kind`, must be one of its values.
    fn one_of(&self, text: &str, one: &Typed, other: &Typed) -> Result<(), Complaint> {
        let values: Vec<&str> = match &other.tree.node {
            Node::Auth(Auth::Kind) => KINDS.to_vec(),
            Node::Field(row, field) => match &self.scope.schema.collection(row.at()).field(*field).kind {
                FieldKind::Enum { values, .. } => values.iter().map(|value| value.name.as_str()).collect(),
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        if values.contains(&text) {
            return Ok(());
        }
        let message = format!("`{}` is never \"{text}\".", self.words(&other.span));
        let complaint = Complaint::new(&one.span, message);
        Err(match nearest(text, values.iter().copied()) {
            Some(near) => complaint.hint(format!("Did you mean \"{near}\"?")),
            None => complaint.hint(format!("Its values are {}.", values.join(", "))),
        })
    }

    pub(super) fn membership(&mut self, sides: &[Expr; 2]) -> Result<Tree, Complaint> {
        let [element, list] = sides;
        let one = self.value(element)?;
        if let ExprKind::List(elements) = &list.kind {
            return self.in_set(one, elements, list);
        }
        let target = match &list.kind {
            ExprKind::Name(_) | ExprKind::Path(..) | ExprKind::Call(..) => self.target(list)?,
            _ => Target::Value(self.value(list)?),
        };
        match target {
            Target::List(walk) if walk.is_plain() => self.in_list(one, walk.list, list),
            Target::List(walk) => {
                Err(self.list_as_value(&walk, &list.span).hint("Write `.exists(x, …)` instead of `in`."))
            }
            other => {
                let typed = self.value_of(other, &list.span)?;
                let message = format!("`in` takes a list on its right side, and {}.", self.is(&typed));
                let complaint = Complaint::new(&list.span, message);
                let text = matches!(typed.tree.ty, Type::Text(_));
                Err(if text {
                    complaint.hint("Within a text, write `text.contains(part)`.")
                } else {
                    complaint
                })
            }
        }
    }

    /// `x in [a, b]`: the OR of `x == a`, `x == b`.
    fn in_set(&mut self, one: Typed, elements: &[Expr], list: &Expr) -> Result<Tree, Complaint> {
        if elements.is_empty() {
            return Err(Complaint::new(&list.span, "`in []` is never true."));
        }
        let mut pairs = Vec::with_capacity(elements.len());
        for element in elements {
            let (mut left, mut right) = (one.clone(), self.value(element)?);
            self.equal(&mut left, &mut right, "in")?;
            pairs.push((left.tree, right.tree));
        }
        if one.tree.as_constant().is_none() {
            let items: Vec<Tree> = pairs.into_iter().map(|(_, item)| item).collect();
            let unknown = one.tree.unknown || items.iter().any(|item| item.unknown);
            return Ok(made(Node::InSet(Box::new(one.tree), items), Type::Bool, unknown));
        }
        // A constant on the left may be something else beside each element.
        let test = |(left, right)| compared(Comparison::Equal, left, right);
        let mut tests: Vec<Tree> = pairs.into_iter().map(test).collect();
        match (tests.pop(), tests.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                tests.extend(last);
                let unknown = tests.iter().any(|test| test.unknown);
                Ok(made(Node::Or(tests), Type::Bool, unknown))
            }
        }
    }

    fn in_list(
        &mut self,
        mut one: Typed,
        list: crate::expression::List,
        expr: &Expr,
    ) -> Result<Tree, Complaint> {
        Self::no_account(&one)?;
        let tree = Tree { node: Node::Now, ty: list.element.clone(), null: false, unknown: false };
        let mut element = Typed::new(tree, &expr.span);
        if !one.is_null() {
            self.meet(&mut one, &mut element, "in").map_err(|complaint| {
                let holds = format!(
                    "`{}` holds {}",
                    self.words(&expr.span),
                    list.element.describe(self.scope.schema)
                );
                let message = format!("{holds}, and {}.", self.is(&one));
                Complaint { message, ..complaint }
            })?;
        }
        self.known_element(&one, &list)?;
        let unknown = one.tree.unknown || list.unknown;
        Ok(made(Node::InList(Box::new(one.tree), list), Type::Bool, unknown))
    }

    /// A literal looked for in a list of an enum must be one of its values.
    fn known_element(&self, one: &Typed, list: &crate::expression::List) -> Result<(), Complaint> {
        let crate::expression::ListKind::Field(field) = list.kind else { return Ok(()) };
        let Some(Value::Text(text)) = one.tree.as_constant() else { return Ok(()) };
        let row = list.row.clone();
        let null =
            is_nullable(self.scope.schema, row.at(), self.scope.schema.collection(row.at()).field(field));
        let tree =
            Tree { node: Node::Field(row, field), ty: list.element.clone(), null, unknown: list.unknown };
        self.one_of(text, one, &Typed::new(tree, &one.span))
    }
}

/// Bare `auth.account` would be null for a visitor, as ownerless records' relations are.
pub(super) fn account_alone(side: &Typed) -> Complaint {
    Complaint::new(
        &side.span,
        "`auth.account` is null for a visitor, so it would equal every empty relation.",
    )
    .hint("Compare `auth.id`, which equals nothing then.")
}

fn compared(comparison: Comparison, left: Tree, right: Tree) -> Tree {
    let unknown = match comparison {
        Comparison::Equal | Comparison::NotEqual => left.unknown || right.unknown,
        _ => left.may_lack() || right.may_lack(),
    };
    made(Node::Compare(comparison, Box::new([left, right])), Type::Bool, unknown)
}
