//! One site on both databases, and what each answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use mains_base::{Caller, CallerKind, Error, Result, Time, Uuid};
use mains_database::dialect::Dialect;
use mains_database::log::{Position, read};
use mains_database::records::Key;
use mains_database::write::records::{self, IfMatch, Many, Target, Written};
use mains_database::write::{Input, Sent};
use mains_language::schema::{Field, FieldId};
use mains_language::values::{FieldProblem, element_from_json, from_json};
use mains_testkit::TestDb;
use mains_testkit::database::{START, site};
use serde_json::{Value as Json, json};

use super::super::reading::{get, list};
use super::Files;
use super::operations::{Operation, RECORDS, Which, Who};
use super::site::NAMES;
use crate::writes::site::Site;

/// The same site twice: on SQLite, then on PostgreSQL.
pub(super) struct Pair([Side; 2]);

struct Side(Site);

fn account(name: &str) -> Uuid {
    Uuid::v4([name.as_bytes()[0]; 16])
}

/// The id of a collection's record of this number.
fn id(collection: &str, number: usize) -> Uuid {
    let letter = collection.as_bytes()[0];
    Uuid::v7(Time::from_micros(START), [letter, u8::try_from(number).unwrap(), 0, 0, 0, 0, 0, 0, 0, 1])
}

fn caller(who: Who) -> Caller {
    match who {
        Who::Visitor => Caller::visitor(),
        Who::Ada => Caller::account(account("ada")),
        Who::Eve => Caller::account(account("eve")),
        Who::Editor => Caller { kind: CallerKind::Key, roles: vec!["editor".into()], ..Caller::visitor() },
        Who::Staff => Caller { staff: true, ..Caller::account(account("ada")) },
        Who::System => Caller::system(),
    }
}

impl Pair {
    pub(super) async fn open(files: &Files) -> Self {
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, toml)| (name.as_str(), toml.as_str())).collect();
        let schema = site(&files);
        let mut sides = Vec::new();
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let side = Side(Site::new(TestDb::with_schema(dialect, schema.clone()).await));
            for (name, karma) in [("ada", 5), ("eve", 1)] {
                let made =
                    json!({ "id": side.0.text("accounts", account(name)), "name": name, "karma": karma });
                side.0.create(&Caller::system(), "accounts", made).await.unwrap();
            }
            sides.push(side);
        }
        Self(sides.try_into().ok().unwrap())
    }

    /// What both answer.
    pub(super) async fn run(&self, operation: &Operation) -> [String; 2] {
        let [sqlite, postgres] = &self.0;
        let (one, other) = tokio::join!(sqlite.run(operation), postgres.run(operation));
        [one, other]
    }

    /// All that is stored; with the log, if it is asked for.
    pub(super) async fn everything(&self, log: bool) -> [String; 2] {
        let [sqlite, postgres] = &self.0;
        let (one, other) = tokio::join!(sqlite.stored(), postgres.stored());
        if !log || one != other {
            return [one, other];
        }
        let count = read(sqlite.0.db.engine(), Position(0), 1000).await.unwrap().len();
        [sqlite.log(count).await, postgres.log(count).await]
    }
}

impl Side {
    async fn run(&self, operation: &Operation) -> String {
        match operation {
            Operation::Create(who, name, number, body) => {
                let mut input = self.input(name, body);
                // Without a number of its own a record is one more of the last.
                let number = number.unwrap_or(RECORDS);
                input.id = Some(id(name, number));
                let (of, caller) = (self.0.collection(name), caller(*who));
                Self::written(self.0.db.write(&[], move |tx| records::create(tx, &caller, of, &input)).await)
            }
            Operation::Patch(who, name, which, version, body) => {
                let Some(target) = self.target(name, which) else { return "no address".into() };
                let target = Target { if_match: version.map(IfMatch::Version), ..target };
                let (input, caller) = (self.input(name, body), caller(*who));
                Self::written(
                    self.0.db.write(&[], move |tx| records::update(tx, &caller, &target, &input)).await,
                )
            }
            Operation::Put(who, name, which, body) => {
                let Some(target) = self.target(name, which) else { return "no address".into() };
                let mut input = self.input(name, body);
                // A record that is made at another address would have an id drawn at random.
                input.id = matches!(which, Which::Unique(..)).then(|| id(name, RECORDS + 1));
                let caller = caller(*who);
                Self::written(
                    self.0.db.write(&[], move |tx| records::put(tx, &caller, &target, &input)).await,
                )
            }
            Operation::Delete(who, name, which) => {
                let Some(target) = self.target(name, which) else { return "no address".into() };
                let caller = caller(*who);
                told(
                    self.0.db.write(&[], move |tx| records::delete(tx, &caller, &target).map(drop)).await,
                    |()| "deleted".into(),
                )
            }
            Operation::PatchMany(who, name, numbers, body) => {
                let (input, of, caller, ids) =
                    (self.input(name, body), self.0.collection(name), caller(*who), ids(name, numbers));
                many(
                    self.0
                        .db
                        .write(&[], move |tx| records::update_many(tx, &caller, of, (&ids, &input)))
                        .await,
                )
            }
            Operation::DeleteMany(who, name, numbers) => {
                let (of, caller, ids) = (self.0.collection(name), caller(*who), ids(name, numbers));
                many(self.0.db.write(&[], move |tx| records::delete_many(tx, &caller, of, &ids)).await)
            }
            Operation::Get(who, name, which) => self.get(&caller(*who), name, which).await,
            Operation::List(who, name, query, limit) => self.list(&caller(*who), name, query, *limit).await,
            Operation::Wait => {
                self.0.test.clock.advance_micros(1_234_567);
                "waited".into()
            }
        }
    }

    fn written(outcome: Result<Written>) -> String {
        told(outcome, |written| {
            format!(
                "{:?} v{} created={} changed={} {:?}",
                written.id, written.version, written.created, written.changed, written.image
            )
        })
    }

    fn target(&self, name: &str, which: &Which) -> Option<Target> {
        match which {
            Which::Number(number) => Some(self.0.target(name, id(name, *number))),
            Which::Unique(field, value) => {
                let schema = &self.0.test.schema;
                let field = schema.find(name).unwrap().find(field).unwrap();
                let value = from_json(field, schema, value).ok().filter(|value| !value.is_null())?;
                let key = Key::Unique(vec![(field.id, value)]);
                Some(Target { collection: self.0.collection(name), key, if_match: None })
            }
        }
    }

    async fn get(&self, caller: &Caller, name: &str, which: &Which) -> String {
        let address = match which {
            Which::Number(number) => self.0.text(name, id(name, *number)),
            Which::Unique(field, value) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let encoded: String =
                    text.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
                format!("{field}={encoded}")
            }
        };
        get(&self.0, caller, name, &address).await.map_or_else(|said| said, |json| json.to_string())
    }

    /// All pages of a list, one after the other.
    async fn list(&self, caller: &Caller, name: &str, query: &str, limit: u32) -> String {
        let (mut shown, mut cursor) = (String::new(), String::new());
        loop {
            let page = match list(&self.0, caller, name, &format!("{query}&limit={limit}{cursor}")).await {
                Ok(page) => page,
                Err(said) => return shown + &said,
            };
            writeln!(shown, "{} total {}", page["items"], page["total"]).unwrap();
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return shown,
            }
        }
    }

    async fn stored(&self) -> String {
        let mut shown = String::new();
        for name in NAMES {
            let all = self.list(&Caller::system(), name, "sort=id", 100).await;
            writeln!(shown, "{name}: {all}").unwrap();
        }
        shown
    }

    /// The rows of the log; those of one transaction in the order of what they are about.
    async fn log(&self, count: usize) -> String {
        let mut committed = self.0.db.engine().committed();
        let wait = async {
            loop {
                let rows = read(self.0.db.engine(), Position(0), 1000).await.unwrap();
                if rows.len() >= count {
                    return rows;
                }
                let _ = tokio::time::timeout(Duration::from_millis(20), committed.changed()).await;
            }
        };
        let rows = tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the rows of the log");
        let mut transactions: BTreeMap<i64, usize> = BTreeMap::new();
        let mut lines: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let place = transactions.len();
                let place = *transactions.entry(row.transaction).or_insert(place);
                let what = (row.op, row.version, row.actor, row.at, row.data, row.touched);
                (place, row.collection, row.record, format!("{what:?}"))
            })
            .collect();
        lines.sort();
        format!("{lines:#?}")
    }

    /// Reads what a client sent as the server does.
    fn input(&self, name: &str, body: &Json) -> Input {
        let schema = &self.0.test.schema;
        let collection = schema.find(name).unwrap();
        let mut input = Input::default();
        for (name, value) in body.as_object().unwrap() {
            let field = collection.find(name).unwrap();
            assert!(field.id >= FieldId::FIRST);
            match self.sent(field, &self.with_ids(field, value)) {
                Ok(sent) => input.values.push((field.id, sent)),
                Err(problem) => input.problems.push(problem.at(name)),
            }
        }
        input
    }

    fn sent(&self, field: &Field, value: &Json) -> Result<Sent, FieldProblem> {
        let schema = &self.0.test.schema;
        let change = value.as_object().filter(|members| members.contains_key("add"));
        let Some(change) = change else { return from_json(field, schema, value).map(Sent::Set) };
        if field.many.is_none() {
            return from_json(field, schema, &change["add"]).map(Sent::AddNumber);
        }
        let list = |name: &str| -> Result<Vec<_>, FieldProblem> {
            change[name]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| element_from_json(field, schema, item))
                .collect()
        };
        Ok(Sent::List { add: list("add")?, remove: list("remove")? })
    }

    /// `@3` as the id of record 3 of what the field points at.
    fn with_ids(&self, field: &Field, value: &Json) -> Json {
        let Some(to) = field.relation() else { return value.clone() };
        match value {
            Json::String(text) => {
                let to = &self.0.test.schema.collection(to).name;
                let id = match text.trim_start_matches('@').parse() {
                    Ok(number) => id(to, number),
                    Err(_) => account(text.trim_start_matches('@')),
                };
                json!(self.0.text(to, id))
            }
            Json::Array(items) => items.iter().map(|item| self.with_ids(field, item)).collect(),
            Json::Object(members) => {
                members.iter().map(|(name, item)| (name.clone(), self.with_ids(field, item))).collect()
            }
            other => other.clone(),
        }
    }
}

fn ids(name: &str, numbers: &[usize]) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = numbers.iter().map(|number| id(name, *number)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn many(outcome: Result<Many>) -> String {
    told(outcome, |many| format!("{many:?}"))
}

fn told<T>(outcome: Result<T>, show: impl FnOnce(T) -> String) -> String {
    outcome.map_or_else(|error| refusal(&error), show)
}

fn refusal(error: &Error) -> String {
    format!("{} {:?} {} {:?}", error.code(), error.kind(), error.detail(), error.fields())
}
