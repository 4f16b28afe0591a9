//! The steps of `expand=` as statements, compiled once per epoch and standing of the caller.

use std::collections::BTreeMap;
use std::sync::Arc;

use mains_base::{Caller, Error, Result, Time};
use mains_language::expression::Tree;
use mains_language::schema::{Collection, CollectionId, FieldId, Schema};

use super::Way;
use super::parse::{Wish, wishes};
use super::resolve::{Link, Step, step};
use crate::dialect::{Column, Dialect, quote};
use crate::engine::Reading;
use crate::records::columns::{Columns, key};
use crate::records::draft::{Layout, OrderKey, order, ordered, where_clause};
use crate::records::plans::Plans;
use crate::records::standing::{Conditions, Rule, Standing};
use crate::records::{Source, selection, sort};
use crate::sql::{Bind, Select, Statement};

/// What `expand=` asks of the records of a page, compiled.
pub(in crate::records) struct Expansion {
    /// What their own statement has to select for it.
    pub(in crate::records) ways: Vec<Way>,
    /// The steps, in the order of the ways.
    pub(super) steps: Vec<StepPlan>,
}

/// One step.
pub(super) struct StepPlan {
    /// The name as it stands in the answer, with what comes before and after it.
    pub(super) key: Box<[u8]>,
    pub(super) way: WayOn,
    /// `None`: nothing of it is shown to this caller.
    pub(super) fetch: Option<Fetch>,
    pub(super) steps: Vec<StepPlan>,
}

/// How records are found for those of the step before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayOn {
    /// One for each, by the id that stands in its row.
    One,
    /// Up to so many for each, by its own id.
    Many(usize),
}

/// The statement of a step: its only slot is the list of ids.
pub(super) struct Fetch {
    pub(super) statement: Statement,
    pub(super) layout: Arc<Layout>,
    /// The column with the id of the record that leads here, where there are many.
    pub(super) parent: usize,
}

/// The expansion that `expand=` asks for, if it does.
pub(in crate::records) fn expansion(
    source: &Source<'_, impl Reading>,
    (caller, now): (&Caller, Time),
    collection: &Collection,
    text: Option<&str>,
) -> Result<Option<Arc<Expansion>>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let plans = source.epoch.part::<Plans>();
    let wishes = wishes(text)?;
    let (schema, dialect) = (&*source.epoch.schema, source.epoch.dialect);
    let mut compiler = Compiler { schema, dialect, sights: BTreeMap::new() };
    compiler.look(&plans, (caller, now), collection, &wishes)?;
    let key = compiler.key(collection, text);
    if let Some(known) = plans.expansions.get(key.as_slice()) {
        return Ok(Some(known));
    }
    let (ways, steps) = compiler.steps(collection, &wishes)?;
    let made = Arc::new(Expansion { ways, steps });
    plans.expansions.put(key, Arc::clone(&made));
    Ok(Some(made))
}

struct Compiler<'s> {
    schema: &'s Schema,
    dialect: Dialect,
    /// How the caller stands to each collection that is met.
    sights: BTreeMap<CollectionId, (Arc<Conditions>, Standing)>,
}

impl Compiler<'_> {
    fn look(
        &mut self,
        plans: &Plans,
        who: (&Caller, Time),
        from: &Collection,
        wishes: &[Wish],
    ) -> Result<()> {
        let conditions = plans.conditions(from);
        let standing = conditions.standing(from, who.0, who.1)?;
        self.sights.insert(from.id, (conditions, standing));
        for wish in wishes {
            let to = self.schema.collection(step(self.schema, from, wish)?.to);
            self.look(plans, who, to, &wish.wishes)?;
        }
        Ok(())
    }

    /// Everything that the expansion depends on.
    fn key(&self, from: &Collection, text: &str) -> Vec<u8> {
        let mut out = from.id.0.to_be_bytes().to_vec();
        for (id, (_, standing)) in &self.sights {
            out.extend(id.0.to_be_bytes());
            out.push(u8::from(standing.bound));
            out.extend(standing.known.to_be_bytes());
        }
        out.extend_from_slice(text.as_bytes());
        out
    }

    fn sight(&self, collection: &Collection) -> Result<(&Conditions, Standing)> {
        let sight = self.sights.get(&collection.id).map(|(conditions, standing)| (&**conditions, *standing));
        sight.ok_or_else(|| Error::internal("a collection was not looked at"))
    }

    fn steps(&self, from: &Collection, wishes: &[Wish]) -> Result<(Vec<Way>, Vec<StepPlan>)> {
        let steps = wishes.iter().map(|wish| self.step(from, step(self.schema, from, wish)?));
        Ok(steps.collect::<Result<Vec<_>>>()?.into_iter().unzip())
    }

    fn step(&self, from: &Collection, step: Step<'_>) -> Result<(Way, StepPlan)> {
        let (conditions, standing) = self.sight(from)?;
        let (relation, gate) = match step.link {
            Link::One(field) => (Some(field), conditions.field(from.field(field), standing)),
            Link::Many(field) => (None, conditions.field(from.field(field), standing)),
            Link::Inverse { .. } => (None, Rule::Always),
        };
        let to = self.schema.collection(step.to);
        let (ways, steps) = self.steps(to, &step.wish.wishes)?;
        let fetch = if gate == Rule::Never { None } else { self.fetch(from, &step, &ways)? };
        let way = match step.link {
            Link::One(_) => WayOn::One,
            _ => WayOn::Many(usize::try_from(step.limit).unwrap_or(0)),
        };
        let rule = if let Rule::Where(rule) = gate { Some(rule) } else { None };
        let key = key(false, &step.wish.name);
        Ok((Way { relation, rule }, StepPlan { key, way, fetch, steps }))
    }

    /// The statement of a step; nothing where no record of it is shown to this caller.
    fn fetch(&self, from: &Collection, step: &Step<'_>, ways: &[Way]) -> Result<Option<Fetch>> {
        let to = self.schema.collection(step.to);
        let (conditions, standing) = self.sight(to)?;
        let leading = match step.link {
            Link::Inverse { field, .. } => conditions.field(to.field(field), standing),
            _ => Rule::Always,
        };
        let mut rules = Vec::new();
        for rule in [conditions.records(to, standing), leading] {
            match rule {
                Rule::Always => {}
                Rule::Never => return Ok(None),
                Rule::Where(rule) => rules.push(rule),
            }
        }
        let mut select = Select::stored(self.schema, self.dialect, to.id);
        let fields = selection::selected(to, None)?;
        let mut columns = Columns::of(&mut select, self.schema, (to, &fields), (conditions, standing))?;
        let gates = columns.gates(&mut select, ways)?;
        let order = match (step.link, &step.wish.sort) {
            (Link::One(_), _) | (Link::Many(_), None) => Vec::new(),
            (_, sort) => order(to, conditions, standing, &sort::keys(to, sort.as_deref())?),
        };
        let writer = Writer { compiler: self, from, to, rules, order, limit: step.limit };
        let (text, parent) = match step.link {
            Link::One(_) => (writer.one(&mut select, &columns)?, 0),
            Link::Many(field) => writer.many(&mut select, &mut columns, field)?,
            Link::Inverse { field, many } => writer.inverse(&mut select, &mut columns, (field, many))?,
        };
        let layout = Layout { members: columns.members, lists: columns.lists, gates, keys: Vec::new() };
        let statement = select.finish(Arc::<str>::from(text)).kept(self.dialect);
        Ok(Some(Fetch { statement, layout: Arc::new(layout), parent }))
    }
}

/// Writes the statement of one step.
struct Writer<'a> {
    compiler: &'a Compiler<'a>,
    from: &'a Collection,
    to: &'a Collection,
    rules: Vec<Tree>,
    order: Vec<OrderKey>,
    limit: u32,
}

impl Writer<'_> {
    fn rules(&self, select: &mut Select<'_>) -> Result<Vec<String>> {
        self.rules.iter().map(|rule| select.truth(rule)).collect()
    }

    fn order(&self, select: &mut Select<'_>) -> Result<Vec<String>> {
        let dialect = self.compiler.dialect;
        self.order.iter().map(|key| Ok(ordered(dialect, &key.sql(select)?, key.key))).collect()
    }

    /// On SQLite each record is looked up by its id, which no other has: a set of ids would be a table of its own first.
    fn one(&self, select: &mut Select<'_>, columns: &Columns) -> Result<String> {
        let id = select.column(FieldId::ID);
        let (mut conditions, ids) = match self.compiler.dialect {
            Dialect::Sqlite => (vec![format!("{id} = p.value")], select.bind_list(Bind::Slot(0), Column::Id)),
            Dialect::Postgres => {
                (vec![format!("{id} IN {}", select.bind_set(Bind::Slot(0), Column::Id))], String::new())
            }
        };
        conditions.extend(self.rules(select)?);
        let from = match self.compiler.dialect {
            Dialect::Sqlite => format!("FROM {ids} AS p CROSS JOIN {}", source(select)),
            Dialect::Postgres => select.from(),
        };
        Ok(format!("SELECT {} {from}{}", columns.sql.join(", "), where_clause(&conditions)))
    }

    /// A list holds few elements, so all of them are read and the rest is cut off.
    fn many(
        &self,
        select: &mut Select<'_>,
        columns: &mut Columns,
        field: FieldId,
    ) -> Result<(String, usize)> {
        let table = quote(&format!("{}__{}", self.from.name, self.from.field(field).name));
        let ids = select.bind_set(Bind::Slot(0), Column::Id);
        let parent = columns.place("l.\"record\"".to_owned());
        let mut conditions = vec![format!("l.\"record\" IN {ids}"), "r.\"id\" = l.\"target\"".to_owned()];
        conditions.extend(self.rules(select)?);
        let mut order = vec!["l.\"record\"".to_owned()];
        order.extend(self.order(select)?);
        order.push("l.\"position\"".to_owned());
        let text = format!(
            "SELECT {} FROM {table} AS l CROSS JOIN {}{} ORDER BY {}",
            columns.sql.join(", "),
            source(select),
            where_clause(&conditions),
            order.join(", "),
        );
        Ok((text, parent))
    }

    /// The first records of each parent are found by an index of their own, however many there are.
    fn inverse(
        &self,
        select: &mut Select<'_>,
        columns: &mut Columns,
        (field, many): (FieldId, bool),
    ) -> Result<(String, usize)> {
        let parents = select.bind_list(Bind::Slot(0), Column::Id);
        let (parents, id, row) = match self.compiler.dialect {
            Dialect::Sqlite => (format!("{parents} AS p"), "p.value", "\"_row\""),
            Dialect::Postgres => (format!("{parents} AS p(u)"), "p.u", "\"id\""),
        };
        let first = self.first(select, (field, many), (id, row))?;
        let parent = columns.place(id.to_owned());
        let mut order = vec![id.to_owned()];
        order.extend(self.order(select)?);
        let source = source(select);
        let (columns, order) = (columns.sql.join(", "), order.join(", "));
        let text = match self.compiler.dialect {
            Dialect::Sqlite => format!(
                "SELECT {columns} FROM {parents} CROSS JOIN {source} WHERE r.{row} IN ({first}) ORDER BY {order}"
            ),
            Dialect::Postgres => format!(
                "SELECT {columns} FROM {parents} CROSS JOIN LATERAL ({first}) AS x CROSS JOIN {source} \
                 WHERE r.{row} = x.{row} ORDER BY {order}"
            ),
        };
        Ok((text, parent))
    }

    /// The keys of the first records of one parent, under the rules.
    fn first(
        &self,
        select: &mut Select<'_>,
        (field, many): (FieldId, bool),
        (parent, row): (&str, &str),
    ) -> Result<String> {
        let ((mut conditions, order, link), joins) = select.beside((self.to.id, "s"), |select| {
            let link = if many { String::new() } else { select.column(field) };
            Ok((self.rules(select)?, self.order(select)?, link))
        })?;
        let table = quote(&self.to.name);
        let source = if many {
            let list = quote(&format!("{}__{}", self.to.name, self.to.field(field).name));
            conditions.insert(0, "s.\"id\" = l.\"record\"".to_owned());
            conditions.insert(0, format!("l.\"target\" = {parent}"));
            format!("{list} AS l CROSS JOIN {table} AS s{joins}")
        } else {
            conditions.insert(0, format!("{link} = {parent}"));
            format!("{table} AS s{joins}")
        };
        let (conditions, order, limit) = (where_clause(&conditions), order.join(", "), self.limit);
        Ok(format!("SELECT s.{row} FROM {source}{conditions} ORDER BY {order} LIMIT {limit}"))
    }
}

/// What stands behind `FROM`.
fn source(select: &Select<'_>) -> String {
    let from = select.from();
    from.strip_prefix("FROM ").map(str::to_owned).unwrap_or(from)
}
