//! Values: what a projected expression or an operand is in SQL.

use std::sync::Arc;

use mains_base::{Error, Result, Value};
use mains_language::expression::{Auth, Node, Row, Tree, Type};
use mains_language::schema::FieldId;

use super::known::guarded;
use super::list::Element;
use super::place::Place;
use super::select::limited;
use super::truth::balanced;
use super::{Bind, Part, Select, column_of};
use crate::dialect::{Column, Dialect};

/// Which part of a value that has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The value; of money the amount, of a point the latitude, of a file the name.
    Main,
    /// As `ignore_case` compares it.
    Folded,
    /// Of money.
    Currency,
    /// Of a point.
    Longitude,
    /// Of a file.
    FileType,
    /// Of a file.
    FileSize,
}

impl Select<'_> {
    /// The value; null and unknown are NULL.
    pub(super) fn value_of(&mut self, tree: &Tree) -> Result<String> {
        self.piece_of(tree, Piece::Main)
    }

    /// The column that is NULL exactly where the value is null or unknown.
    pub(super) fn main_part(&mut self, tree: &Tree) -> Result<String> {
        self.piece_of(tree, Piece::Main)
    }

    /// One part of the value of whatever stands for a field; of other expressions there is only the main one.
    pub(super) fn piece_of(&mut self, tree: &Tree, piece: Piece) -> Result<String> {
        if let Node::Constant(value) = &tree.node {
            return self.constant(value, &tree.ty);
        }
        if let (Node::Auth(Auth::Id), Some(caller)) = (&tree.node, &self.caller) {
            return Ok(caller.clone());
        }
        if self.is_free(tree) {
            let bind = Bind::Folded(Arc::new(tree.clone()));
            let bind = if piece == Piece::Folded { Bind::Part(Box::new(bind), Part::Fold) } else { bind };
            return Ok(self.bind(bind, column_of(&tree.ty)));
        }
        limited(match &tree.node {
            Node::Field(row, field) => self.field_piece(row, *field, piece)?,
            Node::Element(var) => match (self.elements.get(var), piece) {
                (Some(Element::Value { folded, .. }), Piece::Folded) => folded.clone(),
                (Some(Element::Value { text, .. }), _) => text.clone(),
                (Some(Element::Row(place)), _) => {
                    let place = place.clone();
                    self.column_at(&place, FieldId::ID)
                }
                (None, _) => return Err(Error::internal("a variable stands outside its macro")),
            },
            Node::Inside(row, inner) => {
                let place = self.place(row)?;
                let presence = self.presence(&place);
                let place = Place { absent: false, ..place };
                let value = self.inside(place, |select| select.piece_of(inner, piece))?;
                guarded(presence, value)
            }
            Node::Visible { rule, value } => {
                let rule = self.truth_of(rule, true)?;
                let value = self.piece_of(value, piece)?;
                guarded(Some(rule), value)
            }
            Node::If(parts) => self.choice(parts, &tree.ty, piece)?,
            _ => self.calculated(tree)?,
        })
    }

    fn calculated(&mut self, tree: &Tree) -> Result<String> {
        match &tree.node {
            Node::Record(row) => self.record_id(row),
            Node::Not(inner) => Ok(format!("(NOT {})", self.value_of(inner)?)),
            Node::And(parts) => self.logic(parts, "AND"),
            Node::Or(parts) => self.logic(parts, "OR"),
            Node::Compare(comparison, pair) => self.compare_value(*comparison, pair),
            Node::InSet(item, set) => self.in_set_value(item, set),
            Node::InList(item, list) => self.in_list_value(item, list),
            Node::Quantified { .. } => self.quantified_value(tree),
            Node::Aggregate { .. } => self.aggregate(tree),
            Node::Arithmetic(operator, pair) => self.arithmetic(*operator, pair, &tree.ty),
            Node::Negate(inner) => Ok(format!("(- {})", self.value_of(inner)?)),
            Node::Call(function, arguments) => self.call(*function, arguments, &tree.ty),
            _ => Err(Error::internal("a node has two meanings")),
        }
    }

    fn logic(&mut self, parts: &[Tree], word: &str) -> Result<String> {
        let texts: Result<Vec<String>> = parts.iter().map(|part| self.value_of(part)).collect();
        Ok(balanced(&texts?, word))
    }

    /// A constant of this type: whole numbers written where a double is meant become one.
    fn constant(&mut self, value: &Value, ty: &Type) -> Result<String> {
        let value = match (value, ty) {
            (Value::Null, Type::Null) => return Ok("NULL".to_owned()),
            (Value::Bool(truth), _) => return Ok(if *truth { "TRUE" } else { "FALSE" }.to_owned()),
            (Value::Int(number), Type::Double) => Value::Double(*number as f64),
            (value, _) => value.clone(),
        };
        if self.is_inline() {
            return super::literal::literal(self.dialect, &value, column_of(ty));
        }
        Ok(self.bind(Bind::Value(value), column_of(ty)))
    }

    fn choice(&mut self, parts: &[Tree; 3], ty: &Type, piece: Piece) -> Result<String> {
        let [condition, then, otherwise] = parts;
        let condition = self.value_of(condition)?;
        let then = self.branch(then, ty, piece)?;
        let otherwise = self.branch(otherwise, ty, piece)?;
        Ok(format!("(CASE {condition} WHEN TRUE THEN {then} WHEN FALSE THEN {otherwise} END)"))
    }

    fn branch(&mut self, branch: &Tree, ty: &Type, piece: Piece) -> Result<String> {
        if branch.ty != Type::Null {
            return if piece == Piece::Main {
                self.operand(branch, ty)
            } else {
                self.piece_of(branch, piece)
            };
        }
        Ok(match self.dialect {
            Dialect::Sqlite => "NULL".to_owned(),
            Dialect::Postgres => format!("NULL::{}", self.dialect.column_type(column_of(ty))),
        })
    }

    fn field_piece(&mut self, row: &Row, field: FieldId, piece: Piece) -> Result<String> {
        if field == FieldId::ID && !row.hops.is_empty() {
            return self.record_id(row);
        }
        let place = self.place(row)?;
        Ok(match piece {
            Piece::Main => self.column_at(&place, field),
            Piece::Folded => self.folded_at(&place, field),
            Piece::Currency => self.currency_at(&place, field),
            Piece::Longitude => {
                self.part_at(&place, field, ("__longitude", Some(Part::Longitude), Column::Double))
            }
            Piece::FileType => self.part_at(&place, field, ("__type", Some(Part::Item(1)), Column::Text)),
            Piece::FileSize => self.part_at(&place, field, ("__size", Some(Part::Item(2)), Column::Int)),
        })
    }

    /// The id of the row itself; of a followed relation that nothing guards its column, without a join.
    fn record_id(&mut self, row: &Row) -> Result<String> {
        if let Some(hop) = row.hops.last()
            && hop.guard.is_none()
            && hop.field_guard.is_none()
        {
            let before = self.place_before(row)?;
            return Ok(self.column_at(&before, hop.field));
        }
        let place = self.place(row)?;
        Ok(self.column_at(&place, FieldId::ID))
    }
}
