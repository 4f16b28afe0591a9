//! `== != < <= > >=` and `in` a written set.
//!
//! Plain `=` wherever one side is never null, because no index serves `IS NOT DISTINCT FROM`; for the truth of `==` it
//! is exact then, for its value and its falsity the null-safe form stands under what is known.

use mains_base::{Result, Value};
use mains_language::expression::{Comparison, Node, TextKind, Tree, Type};

use super::Select;
use super::known::{both, guarded};
use super::truth::{balanced, negated_unless};
use super::value::Piece;
use crate::dialect::Dialect;

impl Select<'_> {
    /// TRUE exactly where the comparison is `wanted`.
    pub(super) fn compare_truth(
        &mut self,
        comparison: Comparison,
        pair: &[Tree; 2],
        wanted: bool,
    ) -> Result<String> {
        match comparison {
            Comparison::Equal => self.equal_truth(pair, wanted),
            Comparison::NotEqual => self.equal_truth(pair, !wanted),
            _ => self.ordered(if wanted { comparison } else { opposite(comparison) }, pair),
        }
    }

    /// The value of a comparison.
    pub(super) fn compare_value(&mut self, comparison: Comparison, pair: &[Tree; 2]) -> Result<String> {
        match comparison {
            Comparison::Equal => self.equal_value(pair),
            Comparison::NotEqual => Ok(negated_unless(false, self.equal_value(pair)?)),
            _ => self.ordered(comparison, pair),
        }
    }

    fn ordered(&mut self, comparison: Comparison, pair: &[Tree; 2]) -> Result<String> {
        let (left, right) = self.sides(pair)?;
        let sign = match comparison {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        };
        Ok(format!("({left} {sign} {right})"))
    }

    fn equal_truth(&mut self, pair: &[Tree; 2], wanted: bool) -> Result<String> {
        let [left, right] = pair;
        if let Some(other) = beside_null(left, right) {
            return self.null_truth(other, wanted);
        }
        if wanted && !(left.null && right.null) {
            return self.equal_plain(pair);
        }
        if !wanted && !left.null && !right.null && left.ty != Type::Money {
            return self.ordered(Comparison::NotEqual, pair);
        }
        let known = self.both_known(left, right)?;
        let same = self.equal_null_safe(pair)?;
        let same = negated_unless(wanted, same);
        Ok(match known {
            Some(known) => format!("({known} AND {same})"),
            None => same,
        })
    }

    fn equal_value(&mut self, pair: &[Tree; 2]) -> Result<String> {
        let [left, right] = pair;
        if let Some(other) = beside_null(left, right) {
            return self.null_value(other);
        }
        if !left.null && !right.null {
            return self.equal_plain(pair);
        }
        let known = self.both_known(left, right)?;
        let same = self.equal_null_safe(pair)?;
        Ok(guarded(known, same))
    }

    /// Whether `tree` is null: TRUE exactly where that is `wanted`.
    fn null_truth(&mut self, tree: &Tree, wanted: bool) -> Result<String> {
        if !wanted {
            return Ok(match (tree.null, tree.unknown) {
                (false, false) => "TRUE".to_owned(),
                _ => format!("({} IS NOT NULL)", self.main_part(tree)?),
            });
        }
        if !tree.null {
            return Ok("FALSE".to_owned());
        }
        let known = self.known(tree)?;
        let null = format!("{} IS NULL", self.main_part(tree)?);
        Ok(format!("({})", both(known, Some(null)).unwrap_or_default()))
    }

    fn null_value(&mut self, tree: &Tree) -> Result<String> {
        let known = self.known(tree)?;
        if !tree.null {
            return Ok(guarded(known, "FALSE".to_owned()));
        }
        let null = format!("({} IS NULL)", self.main_part(tree)?);
        Ok(guarded(known, null))
    }

    fn equal_plain(&mut self, pair: &[Tree; 2]) -> Result<String> {
        let [left, right] = pair;
        let same = self.ordered(Comparison::Equal, pair)?;
        if left.ty != Type::Money {
            return Ok(same);
        }
        let currency = (self.piece_of(left, Piece::Currency)?, self.piece_of(right, Piece::Currency)?);
        Ok(format!("({same} AND {} = {})", currency.0, currency.1))
    }

    /// Of known values: null equals null alone. Never NULL.
    fn equal_null_safe(&mut self, pair: &[Tree; 2]) -> Result<String> {
        let word = match self.dialect {
            Dialect::Sqlite => "IS",
            Dialect::Postgres => "IS NOT DISTINCT FROM",
        };
        let (left, right) = self.sides(pair)?;
        let same = format!("({left} {word} {right})");
        if pair[0].ty != Type::Money {
            return Ok(same);
        }
        let (left, right) =
            (self.piece_of(&pair[0], Piece::Currency)?, self.piece_of(&pair[1], Piece::Currency)?);
        // Where an amount is null its currency is, too.
        Ok(format!("({same} AND {left} {word} {right})"))
    }

    /// Both sides as values that SQL compares as the language does.
    fn sides(&mut self, [left, right]: &[Tree; 2]) -> Result<(String, String)> {
        let folded = Type::Text(TextKind::Folded);
        if left.ty == folded || right.ty == folded {
            return Ok((self.piece_of(left, Piece::Folded)?, self.piece_of(right, Piece::Folded)?));
        }
        if left.ty == Type::Double || right.ty == Type::Double {
            return Ok((self.operand(left, &Type::Double)?, self.operand(right, &Type::Double)?));
        }
        let (a, b) = (scale_of(&left.ty), scale_of(&right.ty));
        Ok((self.raised(left, b.saturating_sub(a))?, self.raised(right, a.saturating_sub(b))?))
    }

    /// A whole number times 10^`digits`, exactly enough to compare: beyond ±M it need not fit.
    fn raised(&mut self, tree: &Tree, digits: u8) -> Result<String> {
        if digits == 0 {
            return self.value_of(tree);
        }
        if let Node::Constant(Value::Int(number)) = tree.node
            && let Some(number) = number.checked_mul(10_i64.pow(u32::from(digits)))
        {
            return self.value_of(&Tree { node: Node::Constant(Value::Int(number)), ..tree.clone() });
        }
        let (value, factor) = (self.value_of(tree)?, 10_i64.pow(u32::from(digits)));
        Ok(match self.dialect {
            Dialect::Sqlite => format!("({value} * {factor})"),
            Dialect::Postgres => format!("({value}::numeric * {factor})"),
        })
    }

    /// TRUE exactly where `item in [set]` is `wanted`.
    pub(super) fn in_set_truth(&mut self, item: &Tree, set: &[Tree], wanted: bool) -> Result<String> {
        if let Some(text) = self.in_constants(item, set)? {
            if wanted {
                return Ok(text);
            }
            let known = self.known(item)?;
            let outside =
                if item.null { format!("(NOT COALESCE({text}, FALSE))") } else { format!("(NOT {text})") };
            return Ok(both(known.filter(|_| item.null), Some(outside)).unwrap_or_default());
        }
        let parts: Result<Vec<String>> =
            set.iter().map(|one| self.equal_truth(&[item.clone(), one.clone()], wanted)).collect();
        Ok(balanced(&parts?, if wanted { "OR" } else { "AND" }))
    }

    /// The value of `item in [set]`.
    pub(super) fn in_set_value(&mut self, item: &Tree, set: &[Tree]) -> Result<String> {
        if let Some(text) = self.in_constants(item, set)? {
            if !item.null {
                return Ok(text);
            }
            let known = self.known(item)?;
            return Ok(guarded(known, format!("COALESCE({text}, FALSE)")));
        }
        let parts: Result<Vec<String>> =
            set.iter().map(|one| self.equal_value(&[item.clone(), one.clone()])).collect();
        Ok(balanced(&parts?, "OR"))
    }

    /// `item IN (…)`, where the set has only constants of the item's own type; NULL where the item is.
    fn in_constants(&mut self, item: &Tree, set: &[Tree]) -> Result<Option<String>> {
        let alike = |one: &Tree| {
            matches!(&one.node, Node::Constant(value) if !value.is_null())
                && scale_of(&one.ty) == scale_of(&item.ty)
        };
        let simple = !matches!(item.ty, Type::Money | Type::Double | Type::Null)
            && !set.iter().any(|one| one.ty == Type::Double);
        if !simple || set.is_empty() || !set.iter().all(alike) {
            return Ok(None);
        }
        let piece = if item.ty == Type::Text(TextKind::Folded) { Piece::Folded } else { Piece::Main };
        let item = self.piece_of(item, piece)?;
        let set: Result<Vec<String>> = set.iter().map(|one| self.piece_of(one, piece)).collect();
        Ok(Some(format!("({item} IN ({}))", set?.join(", "))))
    }
}

/// The other side, where one is the literal `null`.
fn beside_null<'t>(left: &'t Tree, right: &'t Tree) -> Option<&'t Tree> {
    let is_null = |tree: &Tree| matches!(tree.node, Node::Constant(Value::Null));
    if is_null(right) {
        Some(left)
    } else if is_null(left) {
        Some(right)
    } else {
        None
    }
}

fn opposite(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
    }
}

fn scale_of(ty: &Type) -> u8 {
    if let Type::Decimal(scale) = ty { *scale } else { 0 }
}
