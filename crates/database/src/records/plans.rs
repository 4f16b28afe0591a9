//! What is compiled for reading, kept as long as the schema it was compiled for.

use std::sync::Arc;

use mains_base::Result;
use mains_language::schema::{Collection, Schema};

use super::aggregate::AggregatePlan;
use super::bounded::Bounded;
use super::expand::Expansion;
use super::get::GetPlan;
use super::held::Form;
use super::list::ListPlan;
use super::standing::Conditions;
use crate::engine::{ReadQuery, Reading, Route};
use crate::sql::{Environment, Statement};

/// The plans of one epoch.
pub(super) struct Plans {
    /// By everything that a plan depends on, as bytes.
    pub(super) lists: Bounded<Vec<u8>, Arc<ListPlan>>,
    /// Likewise.
    pub(super) gets: Bounded<Vec<u8>, Arc<GetPlan>>,
    /// Likewise.
    pub(super) aggregates: Bounded<Vec<u8>, Arc<AggregatePlan>>,
    /// Likewise.
    pub(super) expansions: Bounded<Vec<u8>, Arc<Expansion>>,
    /// Statements by their text: requests that differ in literals alone share a text, and so what is known of it.
    routes: Bounded<Arc<str>, (Arc<str>, Route)>,
    conditions: Bounded<u16, Arc<Conditions>>,
    forms: Bounded<u16, Arc<[Form]>>,
}

/// A statement and where it runs.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    statement: Statement,
    route: Route,
}

impl Default for Plans {
    fn default() -> Self {
        Self {
            lists: Bounded::new(1024),
            gets: Bounded::new(1024),
            aggregates: Bounded::new(256),
            expansions: Bounded::new(256),
            routes: Bounded::new(1024),
            conditions: Bounded::new(usize::from(u16::MAX)),
            forms: Bounded::new(usize::from(u16::MAX)),
        }
    }
}

impl Plans {
    /// The parts of a collection's rules that need no row.
    pub(super) fn conditions(&self, collection: &Collection) -> Arc<Conditions> {
        self.conditions.get(&collection.id.0).unwrap_or_else(|| {
            let conditions = Arc::new(Conditions::of(collection));
            self.conditions.put(collection.id.0, Arc::clone(&conditions));
            conditions
        })
    }

    /// How the fields of a collection are written, by their places.
    pub(super) fn forms(&self, schema: &Schema, collection: &Collection) -> Arc<[Form]> {
        self.forms.get(&collection.id.0).unwrap_or_else(|| {
            let forms: Arc<[Form]> =
                collection.fields.iter().map(|field| Form::of(schema, collection, field)).collect();
            self.forms.put(collection.id.0, Arc::clone(&forms));
            forms
        })
    }

    /// The statement with its route by its plan in the database.
    pub(super) async fn routed<R: Reading>(&self, engine: &R, mut statement: Statement) -> Result<Planned> {
        if !R::ROUTED {
            return Ok(Planned { statement, route: Route::Pool });
        }
        if let Some((text, route)) = self.routes.get(&*statement.text) {
            statement.text = text;
            return Ok(Planned { statement, route });
        }
        let route = engine.explain(&statement.text).await?;
        self.routes.put(Arc::clone(&statement.text), (Arc::clone(&statement.text), route));
        Ok(Planned { statement, route })
    }
}

impl Planned {
    /// A statement whose route is known.
    pub(super) fn new(statement: Statement, route: Route) -> Self {
        Self { statement, route }
    }

    /// The same, on the pool.
    pub(super) fn on_pool(self) -> Self {
        Self { route: Route::Pool, ..self }
    }

    /// The query of one run.
    pub(super) fn query(
        &self,
        environment: &Environment<'_>,
        slots: &[mains_base::Value],
    ) -> Result<ReadQuery> {
        let parameters = self.statement.parameters(environment, slots)?;
        Ok(ReadQuery { text: Arc::clone(&self.statement.text), parameters, route: self.route })
    }
}
