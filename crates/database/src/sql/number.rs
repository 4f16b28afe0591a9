//! Arithmetic that never fails: whatever does not fit is NULL.
//!
//! A range is checked with two NULLIFs around LEAST and GREATEST, which name their operand once. LEAST of PostgreSQL
//! ignores NULL, gives the bound beyond the range, and so comes out as NULL again.

use mains_base::{Date, Duration, Error, MAX_INTEGER, Result, Time, Value};
use mains_language::expression::{Node, Operator, Tree, Type};

use super::Select;
use crate::dialect::Dialect;

/// What stands between the endpoints, both included; else NULL.
pub(super) fn clamp(dialect: Dialect, text: &str, low: i64, high: i64) -> String {
    let (below, above) = (low - 1, high + 1);
    match dialect {
        Dialect::Sqlite => {
            format!("nullif(nullif(max(min({text}, {above}), {below}), {above}), {below})")
        }
        Dialect::Postgres => {
            format!("NULLIF(NULLIF(GREATEST(LEAST({text}, {above}), {below}), {above}), {below})::bigint")
        }
    }
}

impl Select<'_> {
    pub(super) fn whole(&self, text: &str) -> String {
        clamp(self.dialect, text, -MAX_INTEGER, MAX_INTEGER)
    }

    /// The value as one of type `want`: whole numbers widened, decimals rescaled.
    pub(super) fn operand(&mut self, tree: &Tree, want: &Type) -> Result<String> {
        match (&tree.ty, want) {
            (Type::Int, Type::Double) => {
                if let Node::Constant(Value::Int(number)) = tree.node {
                    let node = Node::Constant(Value::Double(number as f64));
                    return self.value_of(&Tree { node, ty: Type::Double, ..tree.clone() });
                }
                let value = self.value_of(tree)?;
                Ok(self.to_double(&value))
            }
            (Type::Decimal(scale), Type::Double) => {
                let value = self.value_of(tree)?;
                Ok(self.decimal_to_double(&value, *scale))
            }
            (Type::Int, Type::Decimal(scale)) => self.rescaled(tree, *scale),
            (Type::Decimal(from), Type::Decimal(to)) if to > from => self.rescaled(tree, to - from),
            _ => self.value_of(tree),
        }
    }

    fn rescaled(&mut self, tree: &Tree, digits: u8) -> Result<String> {
        let value = self.value_of(tree)?;
        if digits == 0 {
            return Ok(value);
        }
        let factor = 10_i64.pow(u32::from(digits));
        Ok(self.product(&value, &factor.to_string()))
    }

    fn product(&self, left: &str, right: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => self.whole(&format!("{left} * {right}")),
            Dialect::Postgres => self.whole(&format!("{left}::numeric * {right}")),
        }
    }

    fn to_double(&self, value: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("CAST({value} AS REAL)"),
            Dialect::Postgres => format!("({value})::float8"),
        }
    }

    pub(super) fn decimal_to_double(&self, value: &str, scale: u8) -> String {
        let divisor = 10_i64.pow(u32::from(scale));
        match self.dialect {
            Dialect::Sqlite => format!("(CAST({value} AS REAL) / {divisor}.0)"),
            Dialect::Postgres => format!("(({value})::float8 / {divisor}::float8)"),
        }
    }

    /// `+ - * / %`.
    pub(super) fn arithmetic(
        &mut self,
        operator: Operator,
        pair: &[Tree; 2],
        result: &Type,
    ) -> Result<String> {
        match result {
            Type::Int => self.whole_arithmetic(operator, pair),
            Type::Double => self.double_arithmetic(operator, pair),
            Type::Decimal(_) => self.decimal_arithmetic(operator, pair, result),
            Type::Text(_) => Ok(format!("({} || {})", self.value_of(&pair[0])?, self.value_of(&pair[1])?)),
            Type::Timestamp => self.ranged(operator, pair, Time::MIN.micros(), Time::MAX.micros()),
            Type::Duration => {
                let limit = Duration::MAX.micros();
                self.ranged(operator, pair, -limit, limit)
            }
            Type::Date => self.date_arithmetic(operator, pair),
            _ => Err(Error::internal("arithmetic of a type that has none")),
        }
    }

    fn whole_arithmetic(&mut self, operator: Operator, [left, right]: &[Tree; 2]) -> Result<String> {
        let (a, b) = (self.value_of(left)?, self.value_of(right)?);
        Ok(match operator {
            Operator::Add => self.whole(&format!("{a} + {b}")),
            Operator::Subtract => self.whole(&format!("{a} - {b}")),
            Operator::Multiply => self.product(&a, &b),
            Operator::Divide => format!("({a} / NULLIF({b}, 0))"),
            Operator::Remainder => format!("({a} % NULLIF({b}, 0))"),
        })
    }

    fn double_arithmetic(&mut self, operator: Operator, [left, right]: &[Tree; 2]) -> Result<String> {
        let (a, b) = (self.operand(left, &Type::Double)?, self.operand(right, &Type::Double)?);
        let sign = match operator {
            Operator::Add => '+',
            Operator::Subtract => '-',
            Operator::Multiply => '*',
            Operator::Divide => '/',
            Operator::Remainder => return Err(Error::internal("doubles have no remainder")),
        };
        Ok(match (self.dialect, operator) {
            (Dialect::Sqlite, _) => format!("nullif(nullif({a} {sign} {b}, 9e999), -9e999)"),
            (Dialect::Postgres, Operator::Add) => format!("mains.add({a}, {b})"),
            (Dialect::Postgres, Operator::Subtract) => format!("mains.add({a}, (- {b}))"),
            (Dialect::Postgres, Operator::Multiply) => format!("mains.mul({a}, {b})"),
            (Dialect::Postgres, _) => format!("mains.div({a}, {b})"),
        })
    }

    fn decimal_arithmetic(
        &mut self,
        operator: Operator,
        [left, right]: &[Tree; 2],
        result: &Type,
    ) -> Result<String> {
        if operator == Operator::Multiply {
            let (a, b) = (self.value_of(left)?, self.value_of(right)?);
            return Ok(self.product(&a, &b));
        }
        let (a, b) = (self.operand(left, result)?, self.operand(right, result)?);
        match operator {
            Operator::Add => Ok(self.whole(&format!("{a} + {b}"))),
            Operator::Subtract => Ok(self.whole(&format!("{a} - {b}"))),
            _ => Err(Error::internal("decimals are not divided")),
        }
    }

    fn ranged(
        &mut self,
        operator: Operator,
        [left, right]: &[Tree; 2],
        low: i64,
        high: i64,
    ) -> Result<String> {
        let sign = if operator == Operator::Subtract { '-' } else { '+' };
        let (a, b) = (self.value_of(left)?, self.value_of(right)?);
        Ok(clamp(self.dialect, &format!("{a} {sign} {b}"), low, high))
    }

    /// A day and a number of days, a whole number.
    fn date_arithmetic(&mut self, operator: Operator, [left, right]: &[Tree; 2]) -> Result<String> {
        let (day, span) = if left.ty == Type::Date { (left, right) } else { (right, left) };
        let sign = if operator == Operator::Subtract { '-' } else { '+' };
        let day = self.value_of(day)?;
        let span = self.value_of(span)?;
        let (low, high) = (Date::MIN.days(), Date::MAX.days());
        Ok(match self.dialect {
            Dialect::Sqlite => clamp(self.dialect, &format!("{day} {sign} {span}"), low, high),
            Dialect::Postgres => {
                format!(
                    "{}::integer",
                    clamp(self.dialect, &format!("({day})::bigint {sign} {span}"), low, high)
                )
            }
        })
    }
}
