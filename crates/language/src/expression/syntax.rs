//! An expression as written: names are not resolved, types are not known.
//!
//! Invariant: no expression is deeper than [`MAX_DEPTH`]; chains of `&&` and `||` are flat and count once.

use std::ops::Range;

/// Arithmetic chains count, `&&` and `||` do not.
pub(super) const MAX_DEPTH: u16 = 32;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    /// What it is.
    pub(super) kind: ExprKind,
    /// Bytes of the source.
    pub(super) span: Range<usize>,
    /// 1 for a leaf, else one more than the deepest part.
    pub(super) depth: u16,
}

/// What a part of an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ExprKind {
    Null,
    Bool(bool),
    Int(i64),
    /// A literal with a point or an exponent; the text decides what it is beside a decimal.
    Number(f64, String),
    Text(String),
    List(Vec<Expr>),
    Name(String),
    /// `base.step.step`
    Path(Box<Expr>, Vec<Word>),
    /// `name(arguments)` or `target.name(arguments)`
    Call(Option<Box<Expr>>, Word, Vec<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Binary, Box<[Expr; 2]>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    If(Box<[Expr; 3]>),
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// Operators with two sides, but `&&` and `||`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Compare(super::Comparison),
    In,
    Arithmetic(super::Operator),
}

impl ExprKind {
    /// The parts of which it is made.
    pub(super) fn parts(&self) -> Vec<&Expr> {
        match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Number(..) | Self::Text(_) | Self::Name(_) => {
                Vec::new()
            }
            Self::List(parts) | Self::And(parts) | Self::Or(parts) => parts.iter().collect(),
            Self::Path(part, _) | Self::Not(part) | Self::Negate(part) => vec![part],
            Self::Call(target, _, arguments) => target.iter().map(AsRef::as_ref).chain(arguments).collect(),
            Self::Binary(_, sides) => sides.iter().collect(),
            Self::If(parts) => parts.iter().collect(),
        }
    }
}
