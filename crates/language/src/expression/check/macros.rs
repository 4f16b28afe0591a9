//! Lists and what is done with them: `exists`, `all`, `exists_one`, `filter`, `map`, `size`, `sum`, `min`, `max`.

use std::ops::Range;

use super::limits::MAX_MACROS;
use super::paths::Target;
use super::{Bound, Checker, Typed, Variable, made};
use crate::expression::syntax::{Expr, ExprKind, Word};
use crate::expression::{
    Aggregate, Complaint, Function, List, ListKind, Node, Place, Quantifier, Tree, Type, Var,
};

/// A list with the filters and the map so far.
pub(super) struct Walk {
    pub(super) list: List,
    filters: Vec<(Var, Tree)>,
    map: Option<(Var, Box<Tree>)>,
}

/// What a list can do.
const METHODS: [&str; 9] = ["size", "exists", "all", "exists_one", "filter", "map", "sum", "min", "max"];

impl Walk {
    pub(super) fn new(list: List) -> Self {
        Self { list, filters: Vec::new(), map: None }
    }

    /// The type of what stands in the list now.
    fn element(&self) -> &Type {
        self.map.as_ref().map_or(&self.list.element, |(_, tree)| &tree.ty)
    }

    pub(super) fn is_plain(&self) -> bool {
        self.filters.is_empty() && self.map.is_none()
    }
}

impl Checker<'_> {
    pub(super) fn list_method(
        &mut self,
        walk: Walk,
        word: &Word,
        arguments: &[Expr],
        span: &Range<usize>,
    ) -> Result<Target, Complaint> {
        let name = word.text.as_str();
        let value = |tree: Tree| Target::Value(Typed::new(tree, span));
        match name {
            "exists" => self.quantified(walk, Quantifier::Exists, word, arguments).map(value),
            "all" => self.quantified(walk, Quantifier::All, word, arguments).map(value),
            "exists_one" => self.quantified(walk, Quantifier::One, word, arguments).map(value),
            "filter" => self.filter(walk, word, arguments),
            "map" => self.map(walk, word, arguments),
            "size" => self.aggregate(walk, Aggregate::Size, word, arguments).map(value),
            "sum" => self.aggregate(walk, Aggregate::Sum, word, arguments).map(value),
            "min" => self.aggregate(walk, Aggregate::Min, word, arguments).map(value),
            "max" => self.aggregate(walk, Aggregate::Max, word, arguments).map(value),
            "contains" => {
                Err(Complaint::new(&word.span, "A list has no `contains`.").hint("Write `x in list`."))
            }
            _ => {
                let complaint = Complaint::new(&word.span, format!("A list has no `{name}`."));
                Err(complaint.near(name, METHODS))
            }
        }
    }

    fn quantified(
        &mut self,
        walk: Walk,
        quantifier: Quantifier,
        word: &Word,
        arguments: &[Expr],
    ) -> Result<Tree, Complaint> {
        let (var, typed) = self.over(&walk, word, arguments)?;
        let body = self.condition(typed, &format!("What `{}` asks of each element", word.text))?;
        let unknown = walk.list.unknown || body.may_lack();
        let Walk { list, filters, .. } = walk;
        let node = Node::Quantified { quantifier, list, filters, var, body: Box::new(body) };
        Ok(made(node, Type::Bool, unknown))
    }

    fn filter(&mut self, mut walk: Walk, word: &Word, arguments: &[Expr]) -> Result<Target, Complaint> {
        let (var, typed) = self.over(&walk, word, arguments)?;
        let body = self.condition(typed, "What `filter` asks of each element")?;
        walk.filters.push((var, body));
        Ok(Target::List(Box::new(walk)))
    }

    fn map(&mut self, mut walk: Walk, word: &Word, arguments: &[Expr]) -> Result<Target, Complaint> {
        let (var, typed) = self.over(&walk, word, arguments)?;
        walk.map = Some((var, Box::new(typed.tree)));
        Ok(Target::List(Box::new(walk)))
    }

    /// The body `(name, body)` of a macro, with its variable in sight.
    fn over(&mut self, walk: &Walk, word: &Word, arguments: &[Expr]) -> Result<(Var, Typed), Complaint> {
        let name = word.text.as_str();
        if walk.map.is_some() {
            let message = format!("After `map` comes only `sum`, `min` or `max`, not `{name}`.");
            return Err(Complaint::new(&word.span, message).hint("Put `filter` before `map`."));
        }
        if matches!(walk.list.kind, ListKind::Auth(_)) {
            let message = format!("`{name}` does not walk over parts of `auth`.");
            return Err(Complaint::new(&word.span, message).hint("Write `\"name\" in auth.roles`."));
        }
        let [variable, body] = arguments else {
            let message = format!("`{name}` takes a name and what to do with it: `.{name}(x, …)`.");
            return Err(Complaint::new(&word.span, message));
        };
        let variable_name = self.fresh(variable)?;
        let var = Var(self.next);
        self.next += 1;
        let bound = match &walk.list.element {
            Type::Record(collection) => Bound::Row(var, *collection),
            other => Bound::Value(var, other.clone()),
        };
        self.variables.push(Variable { name: variable_name, bound });
        let typed = self.value(body);
        self.variables.pop();
        Ok((var, typed?))
    }

    /// The name of a variable that hides nothing.
    fn fresh(&self, expr: &Expr) -> Result<String, Complaint> {
        let ExprKind::Name(name) = &expr.kind else {
            return Err(Complaint::new(&expr.span, "The first argument is a name for the element."));
        };
        if self.variables.len() >= MAX_MACROS {
            let message = format!("At most {MAX_MACROS} macros stand within each other.");
            return Err(Complaint::new(&expr.span, message).hint("Move the inner one into a computed field."));
        }
        let own = self.scope.schema.collection(self.scope.collection);
        let inverse = own.inverses.iter().any(|inverse| inverse.name.as_deref() == Some(name));
        let variable = self.variables.iter().any(|variable| variable.name == *name);
        let reserved = ["old", "auth", "now", "each", "math"].contains(&name.as_str());
        if reserved || variable || inverse || own.find(name).is_some() {
            let message = format!("The name `{name}` already means something here, and would be hidden.");
            return Err(Complaint::new(&expr.span, message).hint("Take another name for the element."));
        }
        Ok(name.clone())
    }

    fn aggregate(
        &mut self,
        walk: Walk,
        aggregate: Aggregate,
        word: &Word,
        arguments: &[Expr],
    ) -> Result<Tree, Complaint> {
        if let Some(extra) = arguments.first() {
            return Err(Complaint::new(&extra.span, format!("`{}` takes nothing.", word.text)));
        }
        let element = walk.element().clone();
        let (ty, null, unknown) = match aggregate {
            Aggregate::Size => (Type::Int, false, walk.list.unknown),
            Aggregate::Sum => (element.clone(), false, true),
            Aggregate::Min | Aggregate::Max => (element.clone(), true, walk.list.unknown),
        };
        self.takes(&walk, aggregate, &element, word)?;
        let Walk { list, filters, map } = walk;
        Ok(Tree { node: Node::Aggregate { aggregate, list, filters, map }, ty, null, unknown })
    }

    /// Whether this aggregate takes elements of this type.
    fn takes(&self, walk: &Walk, aggregate: Aggregate, element: &Type, word: &Word) -> Result<(), Complaint> {
        let what = element.describe(self.scope.schema);
        let complaint = |takes: &str| {
            Complaint::new(&word.span, format!("`{}` takes {takes}, and these are {what}.", word.text))
        };
        match aggregate {
            Aggregate::Size if walk.map.is_some() => {
                Err(Complaint::new(&word.span, "`size` counts elements, so `map` before it does nothing.")
                    .hint("Leave `map` away, or count with `filter`."))
            }
            Aggregate::Size => Ok(()),
            Aggregate::Sum if matches!(element, Type::Int | Type::Decimal(_)) => Ok(()),
            Aggregate::Sum if *element == Type::Double && self.scope.place != Place::Physical => {
                self.only_where_written(&word.span, "The sum of doubles").map_err(|complaint| {
                    complaint.hint("Doubles have no exact sum; a `decimal` or `integer` field has one.")
                })
            }
            Aggregate::Sum => Err(complaint("int or decimal")),
            Aggregate::Min | Aggregate::Max => match element {
                Type::Int | Type::Double | Type::Decimal(_) | Type::Date | Type::Timestamp => Ok(()),
                _ => Err(complaint("numbers, dates or timestamps")),
            },
        }
    }

    pub(super) fn part_of_list(&self, walk: &Walk, word: &Word) -> Complaint {
        let element = walk.element().describe(self.scope.schema);
        let message = format!("This is a list of {element}, and a list has no field `{}`.", word.text);
        if METHODS.contains(&word.text.as_str()) {
            return Complaint::new(&word.span, message).hint(format!("Write `.{}(…)`.", word.text));
        }
        let hint = format!("Ask its elements: `.exists(x, x.{} …)`.", word.text);
        Complaint::new(&word.span, message).hint(hint)
    }

    pub(super) fn list_as_value(&self, walk: &Walk, span: &Range<usize>) -> Complaint {
        if !walk.is_plain() {
            return Complaint::new(
                span,
                "`filter` and `map` stand only before `size`, `sum`, `min`, `max`, `exists` or `all`.",
            );
        }
        Complaint::new(span, format!("`{}` is a list, and a list has no value of its own.", self.words(span)))
            .hint("Use `.size()`, `x in list`, `.exists(x, …)` or `.all(x, …)`.")
    }

    /// A call on a target.
    pub(super) fn method(
        &mut self,
        target: &Expr,
        word: &Word,
        arguments: &[Expr],
        span: &Range<usize>,
    ) -> Result<Target, Complaint> {
        if let ExprKind::Name(name) = &target.kind
            && name == "math"
            && self.scope.schema.collection(self.scope.collection).find("math").is_none()
        {
            return self.math(word, arguments, span).map(Target::Value);
        }
        if let ExprKind::List(_) = &target.kind {
            return Err(Complaint::new(&target.span, "A list in brackets has no methods.")
                .hint("Write `x in [a, b]`, or join comparisons with `||`."));
        }
        match self.target(target)? {
            Target::List(walk) => self.list_method(*walk, word, arguments, span),
            other => {
                let typed = self.value_of(other, &target.span)?;
                self.value_method(typed, word, arguments, span).map(Target::Value)
            }
        }
    }

    /// A call of a function; its flags come from its arguments.
    pub(super) fn call(function: Function, arguments: Vec<Typed>, ty: Type) -> Tree {
        let unknown = arguments.iter().any(|argument| argument.tree.may_lack());
        made(Node::Call(function, arguments.into_iter().map(|argument| argument.tree).collect()), ty, unknown)
    }
}
