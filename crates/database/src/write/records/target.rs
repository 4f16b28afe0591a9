//! The stored records that a write is about, with the rules that are asked of them: one statement.

use std::fmt::Write as _;
use std::sync::Arc;

use mains_base::{Caller, Error, Result, Uuid, Value, fold};
use mains_language::expression::Tree;
use mains_language::schema::{Collection, CollectionId, FieldId};

use super::super::ask::{About, Question, answering};
use super::super::input::Authority;
use super::super::layout::{element, typed};
use super::super::tx::Declared;
use super::super::{Image, Tx, refusal};
use super::{Target, act};
use crate::dialect::Column;
use crate::records::Key;
use crate::sql::{Bind, Environment, Select, Statement};

/// A stored record that the caller may read.
pub(super) struct Found {
    pub(super) image: Arc<Image>,
    /// Whether each of the further conditions holds.
    pub(super) truths: Vec<bool>,
}

/// Which records.
#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    Key(&'a Key),
    Ids(&'a [Uuid]),
}

/// The record, if it is there and the caller may read it; with the truth of each condition about it, where `old` is
/// the record itself.
pub(super) fn find(
    tx: &mut Tx<'_>,
    authority: &Authority,
    collection: CollectionId,
    (which, conditions): (Which<'_>, &[Arc<Tree>]),
) -> Result<Vec<Found>> {
    let declared = tx.of(collection)?;
    let mut trees = Vec::new();
    let mut reading = 0;
    if authority.bound {
        let Some(shows) = shows(declared.collection(), which) else { return Ok(Vec::new()) };
        reading = shows.len();
        trees = shows;
        trees.extend(conditions.iter().cloned());
    }
    let found = load(tx, authority, (&declared, which), &trees)?;
    let readable = found.into_iter().filter(|(_, truths)| truths.iter().take(reading).all(|truth| *truth));
    Ok(readable
        .map(|(image, mut truths)| {
            if authority.bound {
                truths.drain(..reading);
            } else {
                truths = vec![true; conditions.len()];
            }
            Found { image, truths }
        })
        .collect())
}

/// The rules by which a record at this address shows: its own, and those of the fields that the address names, which
/// would tell their values. `None`: it shows to nobody.
fn shows(collection: &Collection, which: Which<'_>) -> Option<Vec<Arc<Tree>>> {
    let mut rules = vec![Arc::clone(collection.rules.read.as_ref()?)];
    if let Which::Key(Key::Unique(pairs)) = which {
        for field in pairs.iter().map(|(id, _)| collection.field(*id)) {
            if field.hidden {
                return None;
            }
            rules.extend(field.read.clone());
        }
    }
    Some(rules)
}

/// [`find`] of one record: 404 when there is none; 403 when the first condition, the rule of what is to be done, does
/// not hold or is not there; 412 when it has another version than the caller has seen.
pub(super) fn get(
    tx: &mut Tx<'_>,
    authority: &Authority,
    target: &Target,
    (rule, more): (Option<&Arc<Tree>>, &[Arc<Tree>]),
) -> Result<Found> {
    let conditions: Vec<Arc<Tree>> = rule.into_iter().chain(more).cloned().collect();
    let found = find(tx, authority, target.collection, (Which::Key(&target.key), &conditions))?;
    let mut found = found.into_iter().next().ok_or_else(Error::not_found)?;
    let allowed = !authority.bound || (rule.is_some() && found.truths.first() == Some(&true));
    if !allowed {
        return Err(refusal::forbidden(&authority.caller));
    }
    if rule.is_some() {
        found.truths.remove(0);
    }
    target.check_version(&found.image)?;
    Ok(found)
}

impl Tx<'_> {
    /// The record that a command is about, loaded with its rules in one statement: 404 when the caller may not read
    /// it; 403 when `allow`, the rule of the command, does not hold. Those with the right of the collection's area
    /// pass. The transaction acts for the caller from here on.
    pub fn target(
        &mut self,
        collection: CollectionId,
        id: Uuid,
        (caller, allow): (&Caller, Option<&Arc<Tree>>),
    ) -> Result<Arc<Image>> {
        let declared = self.of(collection)?;
        let authority = act(self, caller, declared.collection());
        Ok(get(self, &authority, &Target::id(collection, id), (allow, &[]))?.image)
    }
}

type Loaded = Vec<(Arc<Image>, Vec<bool>)>;

fn load(
    tx: &mut Tx<'_>,
    authority: &Authority,
    (declared, which): (&Declared, Which<'_>),
    trees: &[Arc<Tree>],
) -> Result<Loaded> {
    let id = declared.collection().id;
    let remote: Vec<Arc<Tree>> =
        trees.iter().filter(|tree| !(tree.is_local() || tree.needs_memory())).cloned().collect();
    let Some((fields, slots)) = slots(declared, which) else { return Ok(Vec::new()) };
    let question = Question { fields, ..Question::new(which.sort(), id, &remote) };
    let statement = answering(&declared.epoch, question.clone(), &remote, || {
        compile(declared, &question.fields, which, &remote)
    })?;
    let environment = Environment { caller: &authority.caller, now: tx.now() };
    let parameters = statement.statement.parameters(&environment, &slots)?;
    let rows = tx.ask_rows(&statement.statement.text, &parameters)?;
    let mut loaded = Vec::with_capacity(rows.0.len());
    for row in &rows.0 {
        let (image, width) = declared.layout()?.image(declared.collection(), row)?;
        let asked: Result<Vec<bool>> = (width..width + remote.len())
            .map(|place| Ok(typed(row, place, Column::Bool)?.as_bool() == Some(true)))
            .collect();
        if let Some(image) = tx.state.kept.load(image) {
            let truths = answers(tx, authority, &image, (trees, asked?))?;
            loaded.push((image, truths));
        }
    }
    Ok(loaded)
}

/// Puts the answers of memory between those of the database.
fn answers(
    tx: &mut Tx<'_>,
    authority: &Authority,
    image: &Arc<Image>,
    (trees, asked): (&[Arc<Tree>], Vec<bool>),
) -> Result<Vec<bool>> {
    let about = About { record: image, old: Some(image) };
    let mut asked = asked.into_iter();
    let mut truths = Vec::with_capacity(trees.len());
    for tree in trees {
        let here = tree.is_local() || tree.needs_memory();
        let truth = if here {
            tx.truths(std::slice::from_ref(tree), &authority.caller, about)?.first() == Some(&true)
        } else {
            asked.next().unwrap_or(false)
        };
        truths.push(truth);
    }
    Ok(truths)
}

impl Which<'_> {
    fn sort(self) -> &'static str {
        match self {
            Self::Key(_) => "target",
            Self::Ids(_) => "targets",
        }
    }
}

/// The fields that are compared and what with; `None` when a value is null, which no unique index finds.
fn slots(declared: &Declared, which: Which<'_>) -> Option<(Vec<FieldId>, Vec<Value>)> {
    match which {
        Which::Ids(ids) => {
            Some((vec![FieldId::ID], vec![Value::List(ids.iter().copied().map(Value::Id).collect())]))
        }
        Which::Key(Key::Id(id)) => Some((vec![FieldId::ID], vec![(*id).into()])),
        Which::Key(Key::Unique(pairs)) => {
            let compared = pairs.iter().map(|(id, value)| match value {
                Value::Null => None,
                Value::Text(text) if declared.collection().field(*id).folds_case() => {
                    Some(Value::Text(fold(text)))
                }
                value => Some(value.clone()),
            });
            let values: Option<Vec<Value>> = compared.collect();
            Some((pairs.iter().map(|(id, _)| *id).collect(), values?))
        }
    }
}

fn compile(
    declared: &Declared,
    fields: &[FieldId],
    which: Which<'_>,
    trees: &[Arc<Tree>],
) -> Result<Statement> {
    let collection = declared.collection();
    let epoch = &declared.epoch;
    let mut select = Select::stored(&epoch.schema, epoch.dialect, collection.id);
    select.with_record_as_old();
    let mut text = format!("SELECT {}", declared.layout()?.select);
    for tree in trees {
        let truth = select.truth(tree)?;
        let _ = write!(text, ", ({truth})");
    }
    let mut conditions = Vec::new();
    for (slot, &id) in (0_u16..).zip(fields) {
        let column = select.folded_column(id);
        conditions.push(match which {
            Which::Ids(_) => {
                format!("{column} IN (SELECT * FROM {})", select.bind_list(Bind::Slot(slot), Column::Id))
            }
            Which::Key(_) => {
                format!("{column} = {}", select.bind(Bind::Slot(slot), element(collection.field(id))))
            }
        });
    }
    let _ = write!(text, " {} WHERE {}", select.from(), conditions.join(" AND "));
    Ok(select.finish(text))
}
