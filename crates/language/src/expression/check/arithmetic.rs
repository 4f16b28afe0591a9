//! Arithmetic, unary minus and `? :`: what type comes out, and what widens to what.

use std::ops::Range;

use mains_base::Value;

use super::calls::sign;
use super::compare::account_alone;
use super::literals::{MAX_SCALE, rescaled};
use super::{Checker, Typed, made};
use crate::expression::syntax::{Binary, Expr};
use crate::expression::{Complaint, Function, Node, Operator, Source, TextKind, Tree, Type};

impl Checker<'_> {
    pub(super) fn negate(&mut self, inner: &Expr, span: &Range<usize>) -> Result<Typed, Complaint> {
        let typed = self.value(inner)?;
        if !typed.tree.ty.is_number() {
            let message = format!("`-` takes a number, and {}.", self.is(&typed));
            return Err(Complaint::new(&typed.span, message));
        }
        let (ty, unknown) = (typed.tree.ty.clone(), typed.tree.may_lack());
        let literal = typed.literal.map(super::literals::Decimal::negated);
        Ok(Typed { literal, ..Typed::new(made(Node::Negate(Box::new(typed.tree)), ty, unknown), span) })
    }

    pub(super) fn arithmetic(&mut self, operator: Operator, sides: &[Expr; 2]) -> Result<Tree, Complaint> {
        let [one, other] = sides;
        let left = self.value(one)?;
        if left.tree.ty == Type::Date {
            return self.days_away(operator, left, other);
        }
        let right = self.value(other)?;
        match (&left.tree.ty, &right.tree.ty) {
            (one, other) if one.is_number() && other.is_number() => self.numbers(operator, left, right),
            (Type::Text(_), Type::Text(_)) if operator == Operator::Add => {
                let unknown = left.tree.may_lack() || right.tree.may_lack();
                Ok(calculated(operator, left.tree, right.tree, Type::Text(TextKind::Plain), unknown))
            }
            (Type::Timestamp, Type::Duration) if matches!(operator, Operator::Add | Operator::Subtract) => {
                Ok(calculated(operator, left.tree, right.tree, Type::Timestamp, true))
            }
            (Type::Timestamp, Type::Timestamp) if operator == Operator::Subtract => {
                let unknown = left.tree.may_lack() || right.tree.may_lack();
                Ok(calculated(operator, left.tree, right.tree, Type::Duration, unknown))
            }
            _ => Err(self.no_arithmetic(operator, &left, &right)),
        }
    }

    fn no_arithmetic(&self, operator: Operator, left: &Typed, right: &Typed) -> Complaint {
        let name = sign(Binary::Arithmetic(operator));
        let message = format!("`{name}` cannot take these: {} and {}.", self.is(left), self.is(right));
        let complaint = Complaint::new(&(left.span.start..right.span.end), message);
        match (&left.tree.ty, &right.tree.ty) {
            (Type::Text(_), Type::Int | Type::Date) => {
                complaint.hint(format!("Write `string({})`.", self.words(&right.span)))
            }
            (Type::Int | Type::Date, Type::Text(_)) => {
                complaint.hint(format!("Write `string({})`.", self.words(&left.span)))
            }
            (Type::Timestamp, Type::Int) => complaint.hint("Say of what: `minutes(n)` or `days(n)`."),
            (Type::Duration, Type::Timestamp) => complaint.hint("The timestamp comes first."),
            (Type::Money, _) | (_, Type::Money) => complaint.hint("Calculate with `.amount` (minor units)."),
            _ => complaint,
        }
    }

    /// `date ± days(n)`
    fn days_away(&mut self, operator: Operator, left: Typed, other: &Expr) -> Result<Tree, Complaint> {
        let moves = matches!(operator, Operator::Add | Operator::Subtract);
        let Some(days) = Self::written_days(other).filter(|_| moves) else {
            let right = self.value(other)?;
            let complaint = self.no_arithmetic(operator, &left, &right);
            return Err(complaint.hint("A date moves by whole days alone: `date + days(n)`."));
        };
        let days = self.value(days)?;
        if days.tree.ty != Type::Int {
            return Err(Complaint::new(&days.span, format!("`days` takes an int, and {}.", self.is(&days))));
        }
        Ok(calculated(operator, left.tree, days.tree, Type::Date, true))
    }

    fn numbers(&self, operator: Operator, mut left: Typed, mut right: Typed) -> Result<Tree, Complaint> {
        let multiplies = operator == Operator::Multiply;
        if multiplies {
            Self::own_scale(&mut left, &right);
            Self::own_scale(&mut right, &left);
        } else {
            self.adapt(&mut left, &right)?;
            self.adapt(&mut right, &left)?;
        }
        let name = sign(Binary::Arithmetic(operator));
        let ty = match (&left.tree.ty, &right.tree.ty) {
            (Type::Int, Type::Int) => Type::Int,
            (Type::Double, Type::Double) if operator == Operator::Remainder => {
                let message = format!("`%` takes int alone, and {}.", self.is(&left));
                return Err(Complaint::new(&left.span, message));
            }
            (Type::Double, Type::Double) => Type::Double,
            (Type::Double, _) | (_, Type::Double) => return Err(self.unlike(&left, &right, name)),
            (one, other) => {
                let (one, other) = (scale(one), scale(other));
                let total = if multiplies { one.saturating_add(other) } else { one.max(other) };
                self.decimal(operator, &left, &right, total)?
            }
        };
        let (mut left, mut right) = (left.tree, right.tree);
        if let (Type::Decimal(total), false) = (&ty, multiplies) {
            left = widened(left, *total);
            right = widened(right, *total);
        }
        Ok(calculated(operator, left, right, ty, true))
    }

    fn decimal(&self, operator: Operator, left: &Typed, right: &Typed, total: u8) -> Result<Type, Complaint> {
        let span = left.span.start..right.span.end;
        match operator {
            Operator::Divide | Operator::Remainder => {
                let name = sign(Binary::Arithmetic(operator));
                let message = format!("A decimal has no `{name}`: the result would not be exact.");
                let hint = format!(
                    "Write `double({}) / double({})`.",
                    self.words(&left.span),
                    self.words(&right.span)
                );
                Err(Complaint::new(&span, message).hint(hint))
            }
            _ if total > MAX_SCALE => {
                let message =
                    format!("This has {total} digits after the point; a decimal has at most {MAX_SCALE}.");
                Err(Complaint::new(&span, message))
            }
            _ => Ok(Type::Decimal(total)),
        }
    }

    /// A literal with a point beside a decimal under `*` keeps the digits it is written with.
    fn own_scale(one: &mut Typed, other: &Typed) {
        match (one.literal, &one.tree.ty, &other.tree.ty) {
            (Some(literal), Type::Double, Type::Decimal(_)) => one.tree = literal.constant(literal.scale),
            (_, Type::Int, Type::Double) => {
                if let Some(number) = one.tree.as_constant().and_then(Value::as_int) {
                    one.tree = Tree::constant(Value::Double(number as f64), Type::Double);
                }
            }
            _ => {}
        }
    }

    /// `c ? a : b`
    pub(super) fn either(&mut self, parts: &[Expr; 3]) -> Result<Tree, Complaint> {
        let [condition, yes, no] = parts;
        let condition = self.value(condition)?;
        let condition = self.condition(condition, "What stands before `?`")?;
        let branches = vec![self.value(yes)?, self.value(no)?];
        let mut branches = self.alike(branches, "? :")?.into_iter().map(|branch| branch.tree);
        let (Some(yes), Some(no)) = (branches.next(), branches.next()) else {
            return Err(Complaint::new(&parts[0].span, "`? :` has two branches."));
        };
        let ty = match &yes.ty {
            Type::Text(_) => Type::Text(TextKind::Plain),
            other => other.clone(),
        };
        let null = yes.null || no.null;
        let unknown = condition.may_lack() || yes.unknown || no.unknown;
        let node = Node::If(Box::new([condition, yes, no]));
        Ok(Tree { node, ty, null, unknown }.folded())
    }

    /// Brings values to one type: null to the other's, int constants to double, decimals to the largest scale.
    pub(super) fn alike(&self, mut values: Vec<Typed>, name: &str) -> Result<Vec<Typed>, Complaint> {
        let Some(model) = values.iter().max_by_key(|value| rank(&value.tree.ty)).cloned() else {
            return Ok(values);
        };
        self.scalar(&model, name)?;
        let literals = values.iter().filter_map(|value| value.literal.map(|literal| literal.scale));
        let is_decimal = matches!(model.tree.ty, Type::Decimal(_));
        let most = literals.chain(values.iter().map(|value| scale(&value.tree.ty))).max().unwrap_or(0);
        for value in &mut values {
            if value.is_null() {
                value.tree.ty = model.tree.ty.clone();
                continue;
            }
            if let (Some(literal), true) = (value.literal, is_decimal) {
                value.tree = literal.constant(most);
            }
            self.adapt_to(value, &model)?;
            let number = matches!(value.tree.ty, Type::Int | Type::Decimal(_));
            if is_decimal && number {
                value.tree = widened(value.tree.clone(), most);
            }
            let text = matches!((&value.tree.ty, &model.tree.ty), (Type::Text(_), Type::Text(_)));
            if !(text || (is_decimal && number) || value.tree.ty == model.tree.ty) {
                return Err(self.unlike(&model, value, name));
            }
        }
        if is_decimal {
            for value in values.iter_mut().filter(|value| value.is_null()) {
                value.tree.ty = Type::Decimal(most);
            }
        }
        Ok(values)
    }

    /// As beside the model; texts stay as they are written.
    fn adapt_to(&self, value: &mut Typed, model: &Typed) -> Result<(), Complaint> {
        match (&value.tree.ty, &model.tree.ty) {
            (Type::Text(_), Type::Text(_)) | (_, Type::Decimal(_)) => Ok(()),
            _ => self.adapt(value, model),
        }
    }

    fn scalar(&self, model: &Typed, name: &str) -> Result<(), Complaint> {
        match &model.tree.ty {
            Type::Null => Err(Complaint::new(&model.span, format!("With null alone, `{name}` has no type."))),
            Type::Money | Type::Json | Type::File | Type::Point | Type::List(_) => Err(Complaint::new(
                &model.span,
                format!("{}, and `{name}` takes scalars alone.", self.is(model)),
            )),
            _ => match &model.tree.node {
                Node::Record(row) if row.source == Source::Account => Err(account_alone(model)),
                _ => Ok(()),
            },
        }
    }
}

/// Which of several types the others are brought to.
fn rank(ty: &Type) -> u8 {
    match ty {
        Type::Null => 0,
        Type::Text(_) => 1,
        Type::Int => 2,
        Type::Double => 3,
        _ => 4,
    }
}

/// Digits after the point.
fn scale(ty: &Type) -> u8 {
    if let Type::Decimal(scale) = ty { *scale } else { 0 }
}

/// An int or decimal on a larger scale; null stays null, what leaves the range is unknown.
pub(super) fn widened(tree: Tree, to: u8) -> Tree {
    let from = scale(&tree.ty);
    if tree.ty == Type::Decimal(to) {
        return tree;
    }
    if let Some(digits) =
        tree.as_constant().and_then(Value::as_int).and_then(|digits| rescaled(digits, from, to))
    {
        return Tree::constant(Value::Int(digits), Type::Decimal(to));
    }
    let null = tree.null;
    Tree { node: Node::Call(Function::Widen, vec![tree]), ty: Type::Decimal(to), null, unknown: true }
}

fn calculated(operator: Operator, left: Tree, right: Tree, ty: Type, unknown: bool) -> Tree {
    made(Node::Arithmetic(operator, Box::new([left, right])), ty, unknown)
}
