//! Whether conditions hold for callers: all that is asked of one record at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mains_base::{Caller, Result, Time, Uuid, Value};

use super::condition::{Condition, Way};
use crate::engine::{ReadQuery, Route};
use crate::records::Source;
use crate::records::held::Sight;
use crate::sql::{Environment, Statement};
use crate::write::Image;

/// Asks about one record.
pub(super) struct Judge<'a> {
    source: &'a Source<'a>,
    image: &'a Image,
    now: Time,
    /// What was found already: for all callers, or for whom it is true.
    shared: HashMap<usize, bool>,
    together: HashMap<usize, HashSet<Uuid>>,
}

impl<'a> Judge<'a> {
    /// About this record, now.
    pub(super) fn of(source: &'a Source<'a>, image: &'a Image) -> Self {
        let now = source.engine.clock().now();
        Self { source, image, now, shared: HashMap::new(), together: HashMap::new() }
    }

    /// For each of these, whether it is true.
    pub(super) async fn verdicts(&mut self, asked: &[(&Arc<Caller>, &Arc<Condition>)]) -> Result<Vec<bool>> {
        self.ask_together(asked).await?;
        let mut verdicts = Vec::with_capacity(asked.len());
        for (caller, condition) in asked {
            verdicts.push(match &condition.way {
                Way::Memory { shared: true } => {
                    let image = self.image;
                    let now = self.now;
                    *self
                        .shared
                        .entry(address(condition))
                        .or_insert_with(|| holds(condition, caller, (image, now)))
                }
                Way::Memory { shared: false } => holds(condition, caller, (self.image, self.now)),
                Way::Together(_) => {
                    self.together.get(&address(condition)).is_some_and(|ids| ids.contains(&caller.id))
                }
                Way::Each(statement) => !self.ids(statement, caller, None).await?.is_empty(),
            });
        }
        Ok(verdicts)
    }

    /// Asks what follows relations, each condition once for all callers.
    async fn ask_together(&mut self, asked: &[(&Arc<Caller>, &Arc<Condition>)]) -> Result<()> {
        let mut left: HashMap<usize, (&Statement, HashSet<Uuid>)> = HashMap::new();
        for (caller, condition) in asked {
            let Way::Together(statement) = &condition.way else { continue };
            left.entry(address(condition)).or_insert_with(|| (statement, HashSet::new())).1.insert(caller.id);
        }
        let nobody = Caller::visitor();
        for (address, (statement, callers)) in left {
            let callers = Value::List(callers.into_iter().map(Value::Id).collect());
            let found = self.ids(statement, &nobody, Some(callers)).await?;
            self.together.entry(address).or_default().extend(found);
        }
        Ok(())
    }

    /// The ids that a statement gives; of one that gives none, the nil id for each row.
    async fn ids(&self, statement: &Statement, caller: &Caller, callers: Option<Value>) -> Result<Vec<Uuid>> {
        let slots: Vec<Value> = self.image.values().iter().cloned().chain(callers.clone()).collect();
        let environment = Environment { caller, now: self.now };
        let parameters = statement.parameters(&environment, &slots)?;
        let query = ReadQuery { text: Arc::clone(&statement.text), parameters, route: Route::Inline };
        let gives_ids = callers.is_some();
        let read = self.source.engine.read(query, move |rows| {
            let mut ids = Vec::new();
            while let Some(row) = rows.next()? {
                ids.push(if gives_ids { row.id(0)?.unwrap_or(Uuid::NIL) } else { Uuid::NIL });
            }
            Ok(ids)
        });
        read.await
    }
}

fn holds(condition: &Condition, caller: &Caller, (image, now): (&Image, Time)) -> bool {
    let sight = Sight { caller, now, image };
    sight.value(&condition.tree).and_then(|value| value.as_bool()) == Some(true)
}

/// Conditions are shared, so an address stands for one.
fn address(condition: &Arc<Condition>) -> usize {
    Arc::as_ptr(condition) as usize
}
