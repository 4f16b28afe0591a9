//! The typed expression: what the checker makes, and what memory and both databases evaluate.
//!
//! Every node says statically whether it may be null and whether it may be unknown; SQL has one NULL for both, so
//! the flags decide which text is generated. Virtual computed fields and rules stand inside as [`Node::Inside`].

use std::sync::Arc;

use mains_base::Value;

use crate::schema::{CollectionId, FieldId};

/// A typed node.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// What it does.
    pub node: Node,
    /// What it gives.
    pub ty: Type,
    /// It may be null.
    pub null: bool,
    /// It may be unknown.
    pub unknown: bool,
}

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// The literal `null`.
    Null,
    /// True or false.
    Bool,
    /// Whole number within ±(2⁵³−1).
    Int,
    /// Finite double.
    Double,
    /// Whole number times 10^−scale.
    Decimal(u8),
    /// Text.
    Text(TextKind),
    /// Calendar day.
    Date,
    /// Instant.
    Timestamp,
    /// Span.
    Duration,
    /// A record; compares as its id.
    Record(CollectionId),
    /// Amount and currency.
    Money,
    /// A place.
    Point,
    /// A file.
    File,
    /// Opaque.
    Json,
    /// A list.
    List(Box<Type>),
}

/// How a text compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// By code point.
    Plain,
    /// Folded (`ignore_case`).
    Folded,
    /// One of an enum's values: no order.
    Enum,
}

/// A variable of a macro, numbered within one expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Var(pub u16);

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The record the expression is about (inside [`Node::Inside`] and guards: the row named there).
    Record,
    /// The stored record; absent on create.
    Old,
    /// `auth.account`; absent for a visitor.
    Account,
    /// The element of a macro over records.
    Element(Var),
}

/// A record reached from a source over single relations.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it begins.
    pub source: Source,
    /// The source's collection.
    pub start: CollectionId,
    /// Relations followed, in order. A relation that ends a path is no hop: it is the [`Node::Field`] of the row before.
    pub hops: Vec<Hop>,
}

/// One followed relation.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// The relation, of the row so far.
    pub field: FieldId,
    /// Where it leads.
    pub to: CollectionId,
    /// Of the target: not true is as if there were no target. Only in what a caller writes.
    pub guard: Option<Arc<Tree>>,
    /// The relation field's own read rule, of the row so far: not true is as if the relation were null. Only in what a caller writes.
    pub field_guard: Option<Arc<Tree>>,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the parts of a variant are said in its line")]
pub enum Node {
    /// A constant, `null` included. Text is NFC, and folded where it meets a folded one.
    Constant(Value),
    /// `now`.
    Now,
    /// A part of `auth` but its account's record.
    Auth(Auth),
    /// A stored single field of a row, a relation that ends a path included. Of money: the pair.
    Field(Row, FieldId),
    /// A row itself, as its id: `old`, an element, `auth.account`; it has no hops.
    Record(Row),
    /// The element of a macro over values.
    Element(Var),
    /// A virtual computed field, or a rule: evaluated with this row as its record, where unknown becomes null; unknown
    /// when the row is absent. Its texts never fold.
    Inside(Row, Arc<Tree>),
    /// The value where the rule (about the same record as this node) is true, else null; unknown where the value is.
    /// Only in what a caller writes.
    Visible { rule: Arc<Tree>, value: Box<Tree> },
    /// `!`
    Not(Box<Tree>),
    /// `&&`, flat.
    And(Vec<Tree>),
    /// `||`, flat.
    Or(Vec<Tree>),
    /// `c ? a : b`
    If(Box<[Tree; 3]>),
    /// `== != < <= > >=`; both sides have types that meet.
    Compare(Comparison, Box<[Tree; 2]>),
    /// `x in [a, b]`
    InSet(Box<Tree>, Vec<Tree>),
    /// `x in list`
    InList(Box<Tree>, List),
    /// `+ - * / %` of numbers, text, times; the types say which. `date ± days(n)` has `n` itself, an int, on the right.
    /// `+ -` of decimals: both sides have the result's scale (by [`Function::Widen`]).
    Arithmetic(Operator, Box<[Tree; 2]>),
    /// Unary minus.
    Negate(Box<Tree>),
    /// A function.
    Call(Function, Vec<Tree>),
    /// `exists`, `all`, `exists_one` over the elements for which each filter in turn is true.
    Quantified { quantifier: Quantifier, list: List, filters: Vec<(Var, Tree)>, var: Var, body: Box<Tree> },
    /// `size`, `sum`, `min`, `max`, with what stands before.
    Aggregate { aggregate: Aggregate, list: List, filters: Vec<(Var, Tree)>, map: Option<(Var, Box<Tree>)> },
}

/// A list that is walked.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// What it hangs on (unused for parts of `auth`).
    pub row: Row,
    /// Which list.
    pub kind: ListKind,
    /// Of one element.
    pub element: Type,
    /// Of the element: not true is as if it were not there. Only in what a caller writes.
    pub guard: Option<Arc<Tree>>,
    /// The list field's own read rule, of the row: not true is as if the list were empty. Only in what a caller writes.
    pub field_guard: Option<Arc<Tree>>,
    /// The list itself may be unknown (reached through a row that may be absent).
    pub unknown: bool,
}

/// Which list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of a variant are said in its line")]
pub enum ListKind {
    /// A `many` field of the row.
    Field(FieldId),
    /// Records of `from` whose relation `field` names (or, when `many`, contains) the row.
    Inverse { from: CollectionId, field: FieldId, many: bool },
    /// `auth.roles`, `auth.scopes`, `auth.rights`.
    Auth(Auth),
}

/// Parts of `auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// Id of the account; nil for nobody.
    Id,
    /// Signed in.
    SignedIn,
    /// Address verified.
    Verified,
    /// Every right.
    Staff,
    /// Which sort of caller.
    Kind,
    /// Roles.
    Roles,
    /// Scopes.
    Scopes,
    /// Areas where one is staff.
    Rights,
    /// How strongly proven.
    Level,
    /// When last proven.
    ProvenAt,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// Quantifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// Fold of `||`.
    Exists,
    /// Fold of `&&`.
    All,
    /// Exactly one element is true: false from the second true on, unknown while an unknown element could decide.
    One,
}

/// Aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// How many.
    Size,
    /// Sum; of none 0.
    Sum,
    /// Least; of none null.
    Min,
    /// Greatest; of none null.
    Max,
}

/// Functions. The types of arguments and result say which overload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in collections.md")]
pub enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    Matches,
    Abs,
    Sign,
    Least,
    Greatest,
    Round,
    Log10,
    /// `minutes(n)`
    Minutes,
    /// `days(n)`
    Days,
    FullYear,
    Month,
    DayOfMonth,
    DayOfWeek,
    Hours,
    Minute,
    /// `date(t, zone)`
    DateInZone,
    Distance,
    ToString,
    ToInt,
    ToDouble,
    Slugify,
    Random,
    NewUuid,
    /// `.amount` of money.
    Amount,
    /// `.currency` of money.
    Currency,
    /// `.name` of a file.
    FileName,
    /// `.type` of a file.
    FileType,
    /// `.size` of a file.
    FileSize,
    /// An int or decimal on the larger scale of the result: null stays null, what leaves the range is unknown.
    Widen,
}
