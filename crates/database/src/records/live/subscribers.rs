//! Everybody who listens, found by what they listen to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mains_base::{Caller, Result, Value};
use mains_language::schema::{Collection, CollectionId, FieldId};

use super::changed::{Changed, changed};
use super::condition::Condition;
use super::judge::Judge;
use super::topic::{Part, Topic};
use super::view::{Shows, View, view};
use crate::log::{Change, Op, Position};
use crate::records::Source;
use crate::write::Image;

/// What a caller listens to: one topic with all that its rules ask.
#[derive(Clone)]
pub struct Wish {
    caller: Arc<Caller>,
    view: Arc<View>,
    /// By which fields it is looked up, and under which values.
    fields: Vec<FieldId>,
    values: Vec<Part>,
    /// What must be true besides.
    conditions: Vec<Arc<Condition>>,
}

/// What those who listen see of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The record is there, as this JSON.
    Record {
        /// Whether the change made it.
        created: bool,
        /// The record, as the caller may read it.
        json: Bytes,
    },
    /// It is out of their sight from now on.
    Gone,
}

/// What a change is to some of those who listen.
#[derive(Debug)]
pub struct Outcome<T> {
    /// What they see.
    pub seen: Seen,
    /// Who.
    pub to: Vec<T>,
}

/// Everybody who listens; `T` stands for whoever is told.
pub struct Subscribers<T> {
    held: Mutex<Held<T>>,
}

struct Held<T> {
    position: Position,
    /// By collection and the fields by which they are looked up.
    shapes: HashMap<CollectionId, BTreeMap<Vec<FieldId>, Groups<T>>>,
    streams: HashMap<u64, Vec<Wish>>,
}

type Groups<T> = HashMap<Vec<Part>, BTreeMap<(u64, usize), Listener<T>>>;

#[derive(Clone)]
struct Listener<T> {
    stream: u64,
    wish: Wish,
    whose: T,
}

/// Makes wishes of topics; a topic of which the caller can see nothing is none.
pub fn wishes(source: &Source<'_>, caller: &Arc<Caller>, topics: &[Topic]) -> Result<Vec<Wish>> {
    let each = topics.iter().map(|topic| wish(source, caller, topic));
    Ok(each.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn wish(source: &Source<'_>, caller: &Arc<Caller>, topic: &Topic) -> Result<Option<Wish>> {
    let collection = source.epoch.schema.collection(topic.collection);
    let view = view(source.epoch, collection, caller, source.engine.clock().now())?;
    let Some(records) = &view.records else { return Ok(None) };
    let mut keys: BTreeMap<FieldId, Part> = BTreeMap::new();
    let mut conditions: Vec<Arc<Condition>> = records.rest.iter().cloned().collect();
    let own = records.own.iter().map(|field| (*field, Value::Id(caller.id)));
    for (id, value) in own.chain(topic.equal.iter().cloned()) {
        let Some(part) = Part::of(collection.field(id), &value) else { return Ok(None) };
        if keys.insert(id, part.clone()).is_some_and(|known| known != part) {
            return Ok(None);
        }
    }
    for (id, _) in &topic.equal {
        match view.field(*id) {
            Shows::Never => return Ok(None),
            Shows::Always => {}
            Shows::Where(condition) => conditions.push(Arc::clone(condition)),
        }
    }
    let (fields, values) = keys.into_iter().unzip();
    Ok(Some(Wish { caller: Arc::clone(caller), view: Arc::clone(&view), fields, values, conditions }))
}

impl Wish {
    /// The collection it is about.
    pub(super) fn collection(&self) -> CollectionId {
        self.view.collection
    }

    /// Whether a look-up would find it by this record.
    pub(super) fn is_found_by(&self, collection: &Collection, image: &Image) -> bool {
        key(collection, image, &self.fields).as_ref() == Some(&self.values)
    }
}

/// The wishes by which a record is seen, among those that a look-up found.
pub(super) async fn seeing<'w>(
    source: &Source<'_>,
    image: &Image,
    found: impl Iterator<Item = &'w Wish>,
) -> Result<Vec<bool>> {
    let found: Vec<&Wish> = found.collect();
    let asked =
        found.iter().flat_map(|wish| wish.conditions.iter().map(|condition| (&wish.caller, condition)));
    let asked: Vec<_> = asked.collect();
    let mut verdicts = Judge::of(source, image).verdicts(&asked).await?.into_iter();
    Ok(found
        .iter()
        .map(|wish| verdicts.by_ref().take(wish.conditions.len()).fold(true, |all, one| all & one))
        .collect())
}

/// The record as each of these may read it.
pub(super) async fn shown(source: &Source<'_>, image: &Image, wishes: &[&Wish]) -> Result<Vec<Bytes>> {
    let mut judge = Judge::of(source, image);
    let asked = wishes
        .iter()
        .flat_map(|wish| wish.view.fields.iter().map(|(_, condition)| (&wish.caller, condition)));
    let asked: Vec<_> = asked.collect();
    let mut verdicts = judge.verdicts(&asked).await?.into_iter();
    let mut made: HashMap<(usize, Vec<bool>), Bytes> = HashMap::new();
    let now = source.engine.clock().now();
    let mut shown = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let mask: Vec<bool> = verdicts.by_ref().take(wish.view.fields.len()).collect();
        let key = (Arc::as_ptr(&wish.view) as usize, mask);
        let json = if let Some(json) = made.get(&key) {
            json.clone()
        } else {
            let json = wish.view.record(&source.epoch.schema, image, &key.1, now)?;
            made.entry(key).or_insert(json).clone()
        };
        shown.push(json);
    }
    Ok(shown)
}

/// The values of these fields; nothing where one is null.
fn key(collection: &Collection, image: &Image, fields: &[FieldId]) -> Option<Vec<Part>> {
    fields.iter().map(|&field| Part::of(collection.field(field), image.value(field))).collect()
}

impl<T> Default for Subscribers<T> {
    fn default() -> Self {
        let held = Held { position: Position(0), shapes: HashMap::new(), streams: HashMap::new() };
        Self { held: Mutex::new(held) }
    }
}

impl<T: Clone> Subscribers<T> {
    fn held(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many listen.
    pub fn len(&self) -> usize {
        self.held().streams.len()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last change that was told.
    pub fn position(&self) -> Position {
        self.held().position
    }

    /// Where to begin, as long as nobody listens.
    pub fn begin_at(&self, position: Position) {
        let mut held = self.held();
        if held.streams.is_empty() {
            held.position = held.position.max(position);
        }
    }

    /// Skips what comes before a position.
    pub fn go_on_from(&self, position: Position) {
        let mut held = self.held();
        held.position = held.position.max(position);
    }

    /// Adds somebody, who is told every change after the position that is given.
    pub fn join(&self, stream: u64, whose: &T, wishes: &[Wish]) -> Position {
        let mut held = self.held();
        for (number, wish) in wishes.iter().enumerate() {
            let shapes = held.shapes.entry(wish.collection()).or_default();
            let group =
                shapes.entry(wish.fields.clone()).or_default().entry(wish.values.clone()).or_default();
            group.insert((stream, number), Listener { stream, wish: wish.clone(), whose: whose.clone() });
        }
        held.streams.insert(stream, wishes.to_vec());
        held.position
    }

    /// Removes somebody.
    pub fn leave(&self, stream: u64) {
        let mut held = self.held();
        for (number, wish) in held.streams.remove(&stream).into_iter().flatten().enumerate() {
            let Some(shapes) = held.shapes.get_mut(&wish.collection()) else { continue };
            let Some(groups) = shapes.get_mut(&wish.fields) else { continue };
            if let Some(group) = groups.get_mut(&wish.values) {
                group.remove(&(stream, number));
                if group.is_empty() {
                    groups.remove(&wish.values);
                }
            }
            if groups.is_empty() {
                shapes.remove(&wish.fields);
            }
        }
    }

    /// Who is to be told what of the next change of the log.
    pub async fn told(&self, source: &Source<'_>, change: &Change) -> Result<Vec<Outcome<T>>> {
        let collection = source.epoch.schema.find(&change.collection);
        let collection = collection.filter(|collection| self.is_heard(collection.id));
        let Some(collection) = collection else {
            self.go_on_from(change.position);
            return Ok(Vec::new());
        };
        let changed = changed(source, collection, change).await;
        // From here on whoever joins is told what comes after.
        let (after, before) = self.found(collection, change.position, changed.as_ref().ok());
        let Changed { before: image_before, after: image_after } = changed?;
        let mut outcomes = Vec::new();
        let mut seen = HashSet::new();
        if let Some(image) = &image_after {
            let after = kept(source, image, after).await?;
            let after: Vec<Listener<T>> =
                after.into_iter().filter(|listener| seen.insert(listener.stream)).collect();
            outcomes = grouped(source, image, after, change.op == Op::Create).await?;
        }
        if let Some(image) = &image_before {
            let left = before.into_iter().filter(|listener| !seen.contains(&listener.stream)).collect();
            let gone = kept(source, image, left).await?;
            let gone = gone.into_iter().filter(|listener| seen.insert(listener.stream));
            let to: Vec<T> = gone.map(|listener| listener.whose).collect();
            if !to.is_empty() && !is_unreadable_now(change.op, image_after.as_ref()) {
                outcomes.push(Outcome { seen: Seen::Gone, to });
            }
        }
        Ok(outcomes)
    }

    fn is_heard(&self, collection: CollectionId) -> bool {
        self.held().shapes.get(&collection).is_some_and(|shapes| !shapes.is_empty())
    }

    /// Whom look-ups find by the record after and before the change.
    fn found(
        &self,
        collection: &Collection,
        position: Position,
        changed: Option<&Changed>,
    ) -> (Vec<Listener<T>>, Vec<Listener<T>>) {
        let mut held = self.held();
        held.position = held.position.max(position);
        let shapes = held.shapes.get(&collection.id);
        let by = |image: Option<&Image>| {
            let mut found = Vec::new();
            for (fields, groups) in shapes.into_iter().flatten() {
                let group = image.and_then(|image| groups.get(&key(collection, image, fields)?));
                found.extend(group.into_iter().flat_map(BTreeMap::values).cloned());
            }
            found
        };
        (
            by(changed.and_then(|changed| changed.after.as_ref())),
            by(changed.and_then(|changed| changed.before.as_ref())),
        )
    }
}

/// An update whose record is gone meanwhile: its own end tells it.
fn is_unreadable_now(op: Op, after: Option<&Image>) -> bool {
    op == Op::Update && after.is_none()
}

async fn kept<T>(source: &Source<'_>, image: &Image, found: Vec<Listener<T>>) -> Result<Vec<Listener<T>>> {
    let verdicts = seeing(source, image, found.iter().map(|listener| &listener.wish)).await?;
    Ok(found.into_iter().zip(verdicts).filter(|(_, sees)| *sees).map(|(listener, _)| listener).collect())
}

/// One outcome for all who see the same.
async fn grouped<T>(
    source: &Source<'_>,
    image: &Image,
    listeners: Vec<Listener<T>>,
    created: bool,
) -> Result<Vec<Outcome<T>>> {
    let wishes: Vec<&Wish> = listeners.iter().map(|listener| &listener.wish).collect();
    let shown = shown(source, image, &wishes).await?;
    let mut outcomes: Vec<Outcome<T>> = Vec::new();
    let mut places: HashMap<Bytes, usize> = HashMap::new();
    for (listener, json) in listeners.into_iter().zip(shown) {
        let place = *places.entry(json.clone()).or_insert_with(|| {
            outcomes.push(Outcome { seen: Seen::Record { created, json }, to: Vec::new() });
            outcomes.len() - 1
        });
        if let Some(outcome) = outcomes.get_mut(place) {
            outcome.to.push(listener.whose);
        }
    }
    Ok(outcomes)
}
