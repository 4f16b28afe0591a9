//! Functions: conversions, times, numbers, what only a draw may use.

use std::ops::Range;

use mains_base::{Date, Duration, Time, Value};

use super::literals::duration;
use super::{Checker, Typed, made};
use crate::expression::syntax::{Binary, Expr, ExprKind, Word};
use crate::expression::{Comparison, Complaint, Function, Node, Place, TextKind, Tree, Type};

const FUNCTIONS: [&str; 12] = [
    "timestamp",
    "date",
    "duration",
    "minutes",
    "days",
    "distance",
    "string",
    "int",
    "double",
    "slugify",
    "random",
    "uuid",
];
const MATH: [&str; 6] = ["abs", "sign", "round", "least", "greatest", "log10"];

/// So many characters `random` gives at most.
const MAX_RANDOM: i64 = 128;

impl Checker<'_> {
    pub(super) fn function(
        &mut self,
        word: &Word,
        arguments: &[Expr],
        span: &Range<usize>,
    ) -> Result<Typed, Complaint> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        let tree = match word.text.as_str() {
            "timestamp" => {
                Self::literal(word, &values, Type::Timestamp, |text| Time::parse(text).map(Time::micros))?
            }
            "date" if values.len() == 2 => self.date_in_zone(values)?,
            "date" => Self::literal(word, &values, Type::Date, |text| Date::parse(text).map(Date::days))?,
            "duration" => {
                Self::literal(word, &values, Type::Duration, |text| duration(text).map(Duration::micros))?
            }
            "minutes" => self.span(word, values, Function::Minutes)?,
            "days" => self.span(word, values, Function::Days)?,
            "distance" => self.distance(word, values)?,
            "string" | "int" | "double" => self.conversion(word, values)?,
            "slugify" | "random" | "uuid" => self.drawn(word, values)?,
            name => return Err(unknown_function(name, word)),
        };
        Ok(Typed::new(tree, span))
    }

    /// `timestamp("…")` and its like: a literal, checked here.
    fn literal(
        word: &Word,
        values: &[Typed],
        ty: Type,
        read: impl Fn(&str) -> Option<i64>,
    ) -> Result<Tree, Complaint> {
        Self::count(word, values, 1, 1)?;
        let form = match ty {
            Type::Timestamp => "an instant such as \"2026-01-31T09:30:00Z\"",
            Type::Date => "a day such as \"2026-01-31\"",
            _ => "a span such as \"36h\" or \"45m0.5s\" (units h m s ms us)",
        };
        let [Typed { tree: Tree { node: Node::Constant(Value::Text(text)), .. }, span, .. }] = values else {
            return Err(Complaint::new(&word.span, format!("`{}` takes a literal: {form}.", word.text)));
        };
        let Some(number) = read(text) else {
            let complaint = Complaint::new(span, format!("\"{text}\" is not {form}."));
            let days = ty == Type::Duration && text.ends_with('d');
            return Err(if days { complaint.hint("Write `days(n)`.") } else { complaint });
        };
        Ok(Tree::constant(Value::Int(number), ty))
    }

    fn date_in_zone(&self, values: Vec<Typed>) -> Result<Tree, Complaint> {
        let mut unknown = true;
        if let [time, zone] = values.as_slice() {
            unknown = self.zone(zone)?;
            if time.tree.ty != Type::Timestamp {
                let message = format!("`date` with a zone takes a timestamp, and {}.", self.is(time));
                return Err(Complaint::new(&time.span, message));
            }
        }
        // A day of year 10000 somewhere east of Greenwich is no date.
        let mut tree = Self::call(Function::DateInZone, values, Type::Date);
        tree.unknown |= unknown || tree.as_constant().is_none();
        Ok(tree)
    }

    fn span(&self, word: &Word, values: Vec<Typed>, function: Function) -> Result<Tree, Complaint> {
        Self::count(word, &values, 1, 1)?;
        for value in &values {
            self.want(value, &word.text, "an int", value.tree.ty == Type::Int)?;
        }
        let arguments = values.into_iter().map(|value| value.tree).collect();
        Ok(made(Node::Call(function, arguments), Type::Duration, true))
    }

    fn distance(&self, word: &Word, values: Vec<Typed>) -> Result<Tree, Complaint> {
        Self::count(word, &values, 2, 2)?;
        for value in &values {
            self.want(value, &word.text, "points", value.tree.ty == Type::Point)?;
        }
        Ok(Self::call(Function::Distance, values, Type::Double))
    }

    fn want(&self, value: &Typed, name: &str, takes: &str, good: bool) -> Result<(), Complaint> {
        if good {
            return Ok(());
        }
        Err(Complaint::new(&value.span, format!("`{name}` takes {takes}, and {}.", self.is(value))))
    }

    fn conversion(&self, word: &Word, mut values: Vec<Typed>) -> Result<Tree, Complaint> {
        Self::count(word, &values, 1, 1)?;
        let Some(value) = values.pop() else {
            return Err(Complaint::new(&word.span, "A conversion takes one argument."));
        };
        let (function, ty, everywhere, written) = match word.text.as_str() {
            "string" => {
                let everywhere = matches!(value.tree.ty, Type::Int | Type::Date);
                let written =
                    matches!(value.tree.ty, Type::Double | Type::Decimal(_) | Type::Bool | Type::Timestamp);
                (Function::ToString, Type::Text(TextKind::Plain), everywhere, written)
            }
            "int" => {
                let everywhere = value.tree.ty.is_number() || value.tree.ty == Type::Timestamp;
                (Function::ToInt, Type::Int, everywhere, matches!(value.tree.ty, Type::Text(_)))
            }
            _ => {
                let everywhere = value.tree.ty.is_number();
                (Function::ToDouble, Type::Double, everywhere, matches!(value.tree.ty, Type::Text(_)))
            }
        };
        if written {
            self.only_where_written(
                &value.span,
                &format!("`{}` of {}", word.text, value.tree.ty.describe(self.scope.schema)),
            )?;
        } else if !everywhere {
            let message = format!("{}, which `{}` does not take.", self.is(&value), word.text);
            return Err(Complaint::new(&value.span, message));
        }
        let fails = written && function != Function::ToString;
        let unknown = value.tree.may_lack()
            || fails
            || matches!((function, &value.tree.ty), (Function::ToInt, Type::Double));
        Ok(made(Node::Call(function, vec![value.tree]), ty, unknown))
    }

    fn drawn(&self, word: &Word, values: Vec<Typed>) -> Result<Tree, Complaint> {
        if self.scope.place != Place::Draw {
            let message = format!("`{}` works only in defaults, `on_create` and `on_write`.", word.text);
            return Err(Complaint::new(&word.span, message));
        }
        let function = match word.text.as_str() {
            "slugify" => Function::Slugify,
            "random" => Function::Random,
            _ => Function::NewUuid,
        };
        let takes = usize::from(function != Function::NewUuid);
        Self::count(word, &values, takes, takes)?;
        for value in &values {
            if function == Function::Slugify {
                self.want_text(value, &word.text)?;
                continue;
            }
            let length = value.tree.as_constant().and_then(Value::as_int).unwrap_or(0);
            let takes = format!("a literal from 1 to {MAX_RANDOM}");
            let good = value.tree.ty == Type::Int && (1..=MAX_RANDOM).contains(&length);
            self.want(value, &word.text, &takes, good)?;
        }
        Ok(Self::call(function, values, Type::Text(TextKind::Plain)))
    }

    /// `math.name(arguments)`
    pub(super) fn math(
        &mut self,
        word: &Word,
        arguments: &[Expr],
        span: &Range<usize>,
    ) -> Result<Typed, Complaint> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        let name = format!("math.{}", word.text);
        let function = match word.text.as_str() {
            "abs" => Function::Abs,
            "sign" => Function::Sign,
            "round" => Function::Round,
            "log10" => Function::Log10,
            "least" => Function::Least,
            "greatest" => Function::Greatest,
            other => {
                return Err(Complaint::new(&word.span, format!("There is no `{name}`.")).near(other, MATH));
            }
        };
        let many = matches!(function, Function::Least | Function::Greatest);
        if many {
            Self::count(word, &values, 2, usize::MAX)?;
            values = self.alike(values, &name)?;
        } else {
            Self::count(word, &values, 1, 1)?;
        }
        let only_double = matches!(function, Function::Round | Function::Log10);
        for value in &values {
            let good = if only_double { value.tree.ty == Type::Double } else { value.tree.ty.is_number() };
            self.want(value, &name, if only_double { "a double" } else { "numbers" }, good)?;
        }
        if function == Function::Log10 {
            self.only_where_written(&word.span, "`math.log10`")?;
        }
        let ty = match function {
            Function::Sign => Type::Int,
            _ => values.first().map_or(Type::Int, |value| value.tree.ty.clone()),
        };
        let unknown = function == Function::Log10 || values.iter().any(|value| value.tree.may_lack());
        let trees = values.into_iter().map(|value| value.tree).collect();
        Ok(Typed::new(made(Node::Call(function, trees), ty, unknown), span))
    }

    /// `n` of a part written `days(n)`.
    pub(super) fn written_days(expr: &Expr) -> Option<&Expr> {
        match &expr.kind {
            ExprKind::Call(None, word, arguments) if word.text == "days" => match arguments.as_slice() {
                [days] => Some(days),
                _ => None,
            },
            _ => None,
        }
    }
}

fn unknown_function(name: &str, word: &Word) -> Complaint {
    let complaint = Complaint::new(&word.span, format!("There is no function `{name}`."));
    match name {
        "size" | "matches" | "contains" | "startsWith" | "endsWith" => {
            complaint.hint(format!("It stands after its value: `x.{name}(…)`."))
        }
        "abs" | "round" | "least" | "greatest" | "sign" | "log10" => {
            complaint.hint(format!("It is called `math.{name}`."))
        }
        "min" | "max" => {
            complaint.hint("Of a list: `x.min()`; of numbers: `math.least(a, b)`, `math.greatest(a, b)`.")
        }
        "lower" => complaint.hint("Write `x.lowerAscii()`, or let the field ignore case."),
        "has" => complaint.hint("Compare with null: `x != null`."),
        _ => complaint.near(name, FUNCTIONS),
    }
}

/// The operator as it is written.
pub(in crate::expression) fn sign(binary: Binary) -> &'static str {
    use crate::expression::Operator;
    match binary {
        Binary::In => "in",
        Binary::Compare(comparison) => match comparison {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        },
        Binary::Arithmetic(operator) => match operator {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
        },
    }
}
