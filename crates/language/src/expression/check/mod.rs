//! The checker: an expression as written to a typed [`Tree`].
//!
//! Invariant: what it lets through every evaluator can do, within the limits, and without an error at run time.

mod arithmetic;
mod calls;
mod compare;
mod fit;
mod guards;
mod limits;
mod literals;
mod macros;
mod methods;
mod paths;

use std::ops::Range;

use mains_base::Value;

use super::parse::parse;
use super::syntax::{Binary, Expr, ExprKind};
use super::{Complaint, Node, Place, Scope, TextKind, Tree, Type, Var, Want};
use crate::schema::CollectionId;
use literals::Decimal;

#[cfg(test)]
pub(super) use calls::sign;

/// Checks an expression of any type.
pub fn check(source: &str, scope: &Scope<'_>) -> Result<Tree, Complaint> {
    let expr = parse(source)?;
    let mut checker = Checker::new(source, *scope);
    let typed = checker.value(&expr)?;
    limits::within(typed.tree, &expr.span)
}

/// Checks an expression that must give what is wanted.
pub fn check_as(source: &str, scope: &Scope<'_>, want: &Want) -> Result<Tree, Complaint> {
    let expr = parse(source)?;
    let mut checker = Checker::new(source, *scope);
    let typed = checker.value(&expr)?;
    let tree = match want {
        Want::Condition => checker.condition(typed, "A condition")?,
        Want::Value(ty) => checker.fit(typed, ty)?,
    };
    limits::within(tree, &expr.span)
}

struct Checker<'s> {
    source: &'s str,
    scope: Scope<'s>,
    variables: Vec<Variable>,
    next: u16,
}

/// A macro's variable that is in sight.
struct Variable {
    name: String,
    bound: Bound,
}

#[derive(Clone)]
enum Bound {
    Row(Var, CollectionId),
    Value(Var, Type),
}

/// A typed part and where it stands.
#[derive(Clone)]
struct Typed {
    tree: Tree,
    span: Range<usize>,
    /// A literal with a point: what it is beside a decimal.
    literal: Option<Decimal>,
}

impl Typed {
    fn new(tree: Tree, span: &Range<usize>) -> Self {
        Self { tree, span: span.clone(), literal: None }
    }

    fn is_null(&self) -> bool {
        self.tree.as_constant().is_some_and(Value::is_null)
    }
}

impl<'s> Checker<'s> {
    fn new(source: &'s str, scope: Scope<'s>) -> Self {
        Self { source, scope, variables: Vec::new(), next: 0 }
    }

    /// The words of the source, shortened.
    fn words(&self, span: &Range<usize>) -> String {
        let words = self.source.get(span.clone()).unwrap_or_default();
        match words.char_indices().nth(40) {
            Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
            None => words.to_owned(),
        }
    }

    /// `` `words` is type``.
    fn is(&self, typed: &Typed) -> String {
        format!("`{}` is {}", self.words(&typed.span), typed.tree.ty.describe(self.scope.schema))
    }

    fn value(&mut self, expr: &Expr) -> Result<Typed, Complaint> {
        let span = &expr.span;
        let tree = match &expr.kind {
            ExprKind::Name(_) | ExprKind::Path(..) | ExprKind::Call(..) => {
                let target = self.target(expr)?;
                return self.value_of(target, span);
            }
            ExprKind::Null => Tree::constant(Value::Null, Type::Null),
            ExprKind::Bool(truth) => Tree::constant(Value::Bool(*truth), Type::Bool),
            ExprKind::Int(number) => Tree::constant(Value::Int(*number), Type::Int),
            ExprKind::Text(text) => Tree::constant(Value::Text(text.clone()), Type::Text(TextKind::Plain)),
            ExprKind::Number(number, text) => {
                let tree = Tree::constant(Value::Double(*number), Type::Double);
                return Ok(Typed { literal: Decimal::read(text), ..Typed::new(tree, span) });
            }
            ExprKind::List(_) => {
                return Err(Complaint::new(span, "A list in brackets stands only after `in`."));
            }
            ExprKind::Not(inner) => self.not(inner)?,
            ExprKind::Negate(inner) => return self.negate(inner, span),
            ExprKind::And(parts) => self.logic(parts, true)?,
            ExprKind::Or(parts) => self.logic(parts, false)?,
            ExprKind::If(parts) => self.either(parts)?,
            ExprKind::Binary(Binary::Compare(comparison), sides) => self.comparison(*comparison, sides)?,
            ExprKind::Binary(Binary::In, sides) => self.membership(sides)?,
            ExprKind::Binary(Binary::Arithmetic(operator), sides) => self.arithmetic(*operator, sides)?,
        };
        Ok(Typed::new(tree, span))
    }

    /// The part as true or false; `what` begins the complaint.
    fn condition(&self, typed: Typed, what: &str) -> Result<Tree, Complaint> {
        if typed.tree.ty == Type::Bool {
            return Ok(typed.tree);
        }
        let message = format!("{what} is true or false, and {}.", self.is(&typed));
        let complaint = Complaint::new(&typed.span, message);
        Err(match typed.tree.ty {
            Type::Null => complaint,
            _ if typed.tree.null => {
                complaint.hint(format!("Did you mean `{} != null`?", self.words(&typed.span)))
            }
            _ => complaint,
        })
    }

    fn not(&mut self, inner: &Expr) -> Result<Tree, Complaint> {
        let typed = self.value(inner)?;
        let operand = self.condition(typed, "What `!` turns around")?;
        let unknown = operand.may_lack();
        Ok(made(Node::Not(Box::new(operand)), Type::Bool, unknown))
    }

    /// `&&` or `||`; constants that decide or do nothing leave.
    fn logic(&mut self, parts: &[Expr], and: bool) -> Result<Tree, Complaint> {
        let sign = if and { "Each side of `&&`" } else { "Each side of `||`" };
        let mut trees = Vec::with_capacity(parts.len());
        let mut decided = false;
        for part in parts {
            let typed = self.value(part)?;
            let tree = self.condition(typed, sign)?;
            match tree.as_constant() {
                Some(Value::Bool(truth)) if *truth == and => {}
                Some(Value::Bool(_)) => decided = true,
                _ => trees.push(tree),
            }
        }
        if decided || trees.is_empty() {
            return Ok(Tree::constant(Value::Bool(and != decided), Type::Bool));
        }
        if let [only] = trees.as_slice()
            && !only.null
        {
            return Ok(only.clone());
        }
        let unknown = trees.iter().any(Tree::may_lack);
        Ok(made(if and { Node::And(trees) } else { Node::Or(trees) }, Type::Bool, unknown))
    }

    /// Complains unless a record is being written here.
    fn only_where_written(&self, span: &Range<usize>, what: &str) -> Result<(), Complaint> {
        if matches!(self.scope.place, Place::Write | Place::Draw) {
            return Ok(());
        }
        let message = format!("{what} works only where a record is being written.");
        let places = "That is in checks, in create, update, delete and write rules, transitions, defaults, `on_create` and `on_write`.";
        Err(Complaint::new(span, message).hint(places))
    }

    /// Complains in the condition of an index.
    fn not_physical(&self, span: &Range<usize>, what: &str) -> Result<(), Complaint> {
        if self.scope.place != Place::Physical {
            return Ok(());
        }
        let message = format!(
            "{what} cannot stand here: the condition of an index sees the record's own stored fields alone."
        );
        Err(Complaint::new(span, message))
    }
}

/// A node that is never null; folded when all its parts are constants.
fn made(node: Node, ty: Type, unknown: bool) -> Tree {
    Tree { node, ty, null: false, unknown }.folded()
}
