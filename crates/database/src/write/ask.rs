//! Evaluating expressions over a record that need not be stored: all that are asked at once are one statement.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

use mains_base::{Caller, Result, Value};
use mains_language::expression::{Cell, Tree, Type};
use mains_language::schema::{CollectionId, FieldId};

use super::layout::typed;
use super::{Image, Tx};
use crate::Epoch;
use crate::dialect::Column;
use crate::sql::{Environment, ImageSlots, Select, Statement};

/// The record an expression is about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// The record, stored or not.
    pub(super) record: &'a Image,
    /// The stored record before, if there is one.
    pub(super) old: Option<&'a Image>,
}

/// Statements compiled for one epoch. The trees are kept beside them, so an address stands for one tree.
#[derive(Default)]
struct Compiled(RwLock<HashMap<Question, Arc<Answering>>>);

/// What a statement answers: a sort of question, what it is about, and its expressions by address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) sort: &'static str,
    pub(super) collection: CollectionId,
    pub(super) fields: Vec<FieldId>,
    pub(super) trees: Vec<usize>,
}

pub(super) struct Answering {
    pub(super) statement: Statement,
    _trees: Vec<Arc<Tree>>,
}

/// Statements kept for one epoch; a schema asks far fewer different questions.
const KEPT: usize = 10_000;

impl Tx<'_> {
    /// Which of the conditions are true; unknown is no.
    pub(super) fn truths(
        &mut self,
        trees: &[Arc<Tree>],
        caller: &Caller,
        about: About<'_>,
    ) -> Result<Vec<bool>> {
        let answers = self.answers(trees, true, caller, about)?;
        Ok(answers.iter().map(|answer| answer.as_bool() == Some(true)).collect())
    }

    /// The values of expressions; unknown is null, and so is the id of nobody.
    pub(super) fn values(
        &mut self,
        trees: &[Arc<Tree>],
        caller: &Caller,
        about: About<'_>,
    ) -> Result<Vec<Value>> {
        let answers = self.answers(trees, false, caller, about)?;
        Ok(answers.into_iter().map(|answer| Cell::Known(answer).into_value()).collect())
    }

    fn answers(
        &mut self,
        trees: &[Arc<Tree>],
        truths: bool,
        caller: &Caller,
        about: About<'_>,
    ) -> Result<Vec<Value>> {
        let mut local = Vec::with_capacity(trees.len());
        for tree in trees {
            let here = tree.is_local() || tree.needs_memory();
            local.push(if here { Some(super::sight::evaluate(self, tree, caller, about)?) } else { None });
        }
        let asked: Vec<Arc<Tree>> = trees
            .iter()
            .zip(&local)
            .filter(|(_, known)| known.is_none())
            .map(|(tree, _)| Arc::clone(tree))
            .collect();
        let mut found =
            if asked.is_empty() { Vec::new() } else { self.ask(&asked, truths, caller, about)? }.into_iter();
        Ok(local.into_iter().map(|known| known.or_else(|| found.next()).unwrap_or(Value::Null)).collect())
    }

    fn ask(
        &mut self,
        trees: &[Arc<Tree>],
        truths: bool,
        caller: &Caller,
        about: About<'_>,
    ) -> Result<Vec<Value>> {
        let question =
            Question::new(if truths { "truths" } else { "values" }, about.record.collection, trees);
        let epoch = Arc::clone(self.epoch());
        let answering = answering(&epoch, question, trees, || compile(&epoch, trees, truths, about.record))?;
        let mut slots = about.record.values().to_vec();
        slots.extend(about.old.into_iter().flat_map(Image::values).cloned());
        let environment = Environment { caller, now: self.now() };
        let parameters = answering.statement.parameters(&environment, &slots)?;
        let rows = self.ask_rows(&answering.statement.text, &parameters)?;
        let row = rows.0.first().cloned().unwrap_or_default();
        let column = |tree: &Tree| if truths { Column::Bool } else { column(&tree.ty) };
        trees.iter().enumerate().map(|(place, tree)| typed(&row, place, column(tree))).collect()
    }
}

fn column(ty: &Type) -> Column {
    match ty {
        Type::Bool => Column::Bool,
        Type::Double => Column::Double,
        Type::Record(_) => Column::Id,
        Type::Int | Type::Decimal(_) | Type::Date | Type::Timestamp | Type::Duration | Type::Money => {
            Column::Int
        }
        _ => Column::Text,
    }
}

impl Question {
    pub(super) fn new(sort: &'static str, collection: CollectionId, trees: &[Arc<Tree>]) -> Self {
        let trees = trees.iter().map(|tree| Arc::as_ptr(tree) as usize).collect();
        Self { sort, collection, fields: Vec::new(), trees }
    }
}

/// The statement of a question, compiled at its first call.
pub(super) fn answering(
    epoch: &Epoch,
    question: Question,
    trees: &[Arc<Tree>],
    compile: impl FnOnce() -> Result<Statement>,
) -> Result<Arc<Answering>> {
    let compiled = epoch.part::<Compiled>();
    let known = compiled.0.read().unwrap_or_else(PoisonError::into_inner).get(&question).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    let answering = Arc::new(Answering { statement: compile()?.kept(epoch.dialect), _trees: trees.to_vec() });
    let mut kept = compiled.0.write().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < KEPT {
        kept.insert(question, Arc::clone(&answering));
    }
    Ok(answering)
}

fn compile(epoch: &Epoch, trees: &[Arc<Tree>], truths: bool, record: &Image) -> Result<Statement> {
    let width = u16::try_from(record.values().len()).unwrap_or(u16::MAX);
    // Without a stored record every slot of `old` is null, which is how an absent one is bound.
    let slots = ImageSlots { record: 0, old: Some(width) };
    let mut select = Select::image(&epoch.schema, epoch.dialect, record.collection, slots);
    let mut text = "SELECT ".to_owned();
    for (place, tree) in trees.iter().enumerate() {
        let sql = if truths { select.truth(tree) } else { select.value(tree) }?;
        let comma = if place == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}({sql})");
    }
    let _ = write!(text, " {}", select.from());
    Ok(select.finish(text))
}
