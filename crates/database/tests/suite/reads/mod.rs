//! Reading records, on both databases.

mod aggregate;
mod cells;
mod expand;
mod get;
mod lists;
mod oracles;
mod paging;
mod plans;
mod torn;
mod world;

use std::future::Future;
use std::sync::Arc;

use mains_base::{Caller, Result, Uuid, Value, fold};
use mains_database::Epoch;
use mains_database::records::{AggregateRequest, Cursors, Found, Key, ListRequest, Shown, Source};
use mains_language::schema::{FieldKind, Schema};
use mains_testkit::TestDb;

use crate::schema::id;

/// A served database.
pub(crate) struct Site {
    pub(crate) db: TestDb,
    pub(crate) epoch: Epoch,
    pub(crate) cursors: Cursors,
}

/// Runs a test on both databases over [`world::world`].
pub(crate) fn on_both<F, Done>(test: F)
where
    F: Fn(Site) -> Done + Sync,
    Done: Future<Output = ()>,
{
    on_both_over(world::world, test);
}

/// Runs a test on both databases over a schema.
pub(crate) fn on_both_over<F, Done>(schema: impl Fn() -> Arc<Schema> + Sync, test: F)
where
    F: Fn(Site) -> Done + Sync,
    Done: Future<Output = ()>,
{
    mains_testkit::on_both_with(schema, async |db| test(Site::over(db)).await);
}

impl Site {
    fn over(db: TestDb) -> Self {
        let epoch = Epoch::new(1, Arc::clone(&db.schema), db.engine.dialect());
        Self { db, epoch, cursors: Cursors::new(&[7; 32]).unwrap() }
    }

    fn source(&self) -> Source<'_> {
        Source { engine: &self.db.engine, epoch: &self.epoch, cursors: &self.cursors }
    }

    /// The body of a list, asked for as an address does: `things?sort=-a&limit=2`.
    pub(crate) async fn list(&self, caller: &Caller, address: &str) -> Result<String> {
        let request = request(&self.db.schema, address);
        let body = self.source().list(caller, &request).await?;
        Ok(String::from_utf8(body.to_vec()).unwrap())
    }

    /// The same, as JSON.
    pub(crate) async fn page(&self, caller: &Caller, address: &str) -> serde_json::Value {
        let body = self.list(caller, address).await.expect(address);
        serde_json::from_str(&body).expect(&body)
    }

    /// The last numbers of the ids of a list, in order.
    pub(crate) async fn numbers(&self, caller: &Caller, address: &str) -> Vec<u8> {
        numbers(&self.page(caller, address).await)
    }

    /// Totals, asked for as an address does: `articles?group=status&sum=views`.
    pub(crate) async fn aggregate(&self, caller: &Caller, address: &str) -> Result<serde_json::Value> {
        let request = totals(&self.db.schema, address);
        let body = self.source().aggregate(caller, &request).await?;
        Ok(serde_json::from_slice(&body).unwrap())
    }

    /// The code of a refused list.
    pub(crate) async fn refused(&self, caller: &Caller, address: &str) -> &'static str {
        self.list(caller, address).await.expect_err(address).code()
    }

    /// A record by its address: `articles/slug=one`.
    pub(crate) async fn get(&self, caller: &Caller, address: &str) -> Result<Found> {
        let (name, rest) = address.split_once('/').unwrap();
        let (key, query) = rest.split_once('?').unwrap_or((rest, ""));
        let collection = self.db.schema.find(name).unwrap().id;
        let key = Key::parse(&self.db.schema, collection, caller, key)?;
        let find = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name));
        let shown = Shown { fields: find("fields="), expand: find("expand=") };
        self.source().get(caller, collection, &key, shown).await
    }

    /// Stores a record as it is, past all rules.
    pub(crate) async fn store(&self, name: &str, number: u8, cells: &[(&str, Value)]) {
        self.store_at(name, (id(number), i64::from(number)), cells).await;
    }

    /// The same, with an id and a `created` of its own.
    pub(crate) async fn store_at(&self, name: &str, (id, created): (Uuid, i64), cells: &[(&str, Value)]) {
        let statements = statements(&self.db.schema, name, (id, created), cells);
        let body = move |tx: &mut dyn mains_database::engine::Statements| {
            statements.iter().try_for_each(|(sql, values)| tx.execute(sql, values, None).map(drop))
        };
        self.db.engine.alter(body).await.expect(name);
    }
}

/// The statements that store one record.
pub(crate) fn statements(
    schema: &Schema,
    name: &str,
    (id, created): (Uuid, i64),
    cells: &[(&str, Value)],
) -> Vec<(String, Vec<Value>)> {
    let collection = schema.find(name).unwrap();
    let mut columns = vec!["id".to_owned(), "created".into(), "updated".into(), "version".into()];
    let mut values = vec![Value::Id(id), Value::Int(created), Value::Int(created), Value::Int(1)];
    let mut lists = Vec::new();
    for (field, value) in cells {
        let declared = collection.find(field).expect(field);
        match value {
            Value::List(items) => {
                for (item, position) in items.iter().zip(0..) {
                    lists.push((
                        format!(
                            "INSERT INTO \"{name}__{field}\" (record, target, position) VALUES ($1, $2, $3)"
                        ),
                        vec![Value::Id(id), item.clone(), Value::Int(position)],
                    ));
                }
                continue;
            }
            Value::Money(money) => {
                values.push(Value::Int(money.amount));
                if matches!(
                    declared.kind,
                    FieldKind::Money { currency: mains_language::schema::CurrencyRule::Free }
                ) {
                    columns.push(format!("{field}__currency"));
                    values.insert(values.len() - 1, Value::from(money.currency.as_str()));
                }
            }
            value => {
                if let (true, Value::Text(text)) = (declared.folds_case(), value) {
                    columns.push(format!("{field}__folded"));
                    values.push(Value::Text(fold(text)));
                }
                values.push(value.clone());
            }
        }
        columns.push((*field).to_owned());
    }
    let columns: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let places: Vec<String> = (1..=values.len()).map(|place| format!("${place}")).collect();
    let sql = format!("INSERT INTO \"{name}\" ({}) VALUES ({})", columns.join(", "), places.join(", "));
    std::iter::once((sql, values)).chain(lists).collect()
}

/// A request as an address says it; percent-decoding is the server's.
pub(crate) fn request(schema: &Schema, address: &str) -> ListRequest {
    let (name, query) = address.split_once('?').unwrap_or((address, ""));
    let mut request = ListRequest::of(schema.find(name).unwrap().id);
    let query = query.replace("&&", "\0");
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap();
        let value = value.replace('\0', "&&");
        let text = Some(value.clone());
        match key {
            "sort" => request.sort = text,
            "filter" => request.filter = text,
            "fields" => request.fields = text,
            "expand" => request.expand = text,
            "cursor" => request.cursor = text,
            "limit" => request.limit = value.parse().ok(),
            "total" => request.total = value == "true",
            _ => {
                let path = key.strip_prefix("where.").expect(key);
                request.wheres.push((path.to_owned(), vec![value]));
            }
        }
    }
    request
}

/// Totals as an address says them.
pub(crate) fn totals(schema: &Schema, address: &str) -> AggregateRequest {
    let (name, query) = address.split_once('?').unwrap_or((address, ""));
    let mut request = AggregateRequest::of(schema.find(name).unwrap().id);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let text = Some(value.to_owned());
        match key {
            "group" => request.group = text,
            "count" => request.count = true,
            "sum" => request.sum = text,
            "min" => request.min = text,
            "max" => request.max = text,
            "sort" => request.sort = text,
            "filter" => request.filter = text,
            "cursor" => request.cursor = text,
            "limit" => request.limit = value.parse().ok(),
            _ => request
                .wheres
                .push((key.strip_prefix("where.").expect(key).to_owned(), vec![value.to_owned()])),
        }
    }
    request
}

/// The last numbers of the ids of a page.
pub(crate) fn numbers(page: &serde_json::Value) -> Vec<u8> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| number(item["id"].as_str().unwrap())).collect()
}

/// The last byte of an id's text.
pub(crate) fn number(text: &str) -> u8 {
    Uuid::from_suffix(text.rsplit('_').next().unwrap()).unwrap().0[15]
}

/// An account that signed in.
pub(crate) fn account(number: u8) -> Caller {
    Caller::account(id(number))
}

/// A text list.
pub(crate) fn texts(items: &[&str]) -> Value {
    Value::List(items.iter().map(|&item| item.into()).collect())
}
