//! A site for the tests of writes: a blog, a tracker and what else the rules need.

use std::sync::Arc;

use mains_base::{Caller, Error, Result, Uuid, Value};
use mains_database::Db;
use mains_database::records::Key;
use mains_database::write::records::{self, Target, Written};
use mains_database::write::{Image, Input, Sent};
use mains_language::schema::{CollectionId, Field, FieldId, Owner, Schema};
use mains_language::site::{File, Layer, load};
use mains_language::values::{element_from_json, from_json, to_json};
use mains_testkit::TestDb;
use serde_json::{Map, Value as Json};

/// The site's files. `accounts` stand for the app of that name.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "accounts",
        r#"
prefix = "account"
[fields.name]
type = "text"
[fields.email]
type = "email"
unique = true
read = 'id == auth.id'
[rules]
read = 'true'
"#,
    ),
    (
        "posts",
        r#"
prefix = "post"
[fields.author]
type = "relation"
to = "accounts"
inverse = "posts"
required = true
on_delete = "cascade"
[fields.creator]
type = "relation"
to = "accounts"
on_create = 'auth.id'
immutable = true
on_delete = "clear"
[fields.title]
type = "text"
required = true
max = 60
[fields.slug]
type = "slug"
from = "title"
follows = true
[fields.secret]
type = "bool"
[fields.likes]
type = "integer"
default = 0
min = 0
max = 1000
[fields.tags]
type = "text"
many = true
max_items = 5
ignore_case = true
[fields.friends]
type = "relation"
to = "accounts"
many = true
[fields.kind]
type = "enum"
values = ["note", "essay"]
default = "note"
write = 'author == auth.id && likes < 10'
[fields.edited]
type = "datetime"
on_write = 'now'
[fields.status]
type = "enum"
values = ["draft", "review", "done"]
default = "draft"
[fields.status.transitions]
"draft -> review" = 'true'
"review -> done" = '"editor" in auth.roles'
"* -> draft" = 'author == auth.id'
[rules]
read = '!secret || author == auth.id'
create = 'author == auth.id'
update = 'author == auth.id'
delete = 'author == auth.id'
[[checks]]
expr = 'title != "forbidden"'
message = "This title is not wanted."
field = "title"
[[checks]]
expr = 'old == null || likes >= old.likes || likes == 0'
message = "Likes only grow."
field = "likes"
"#,
    ),
    (
        "comments",
        r#"
prefix = "comment"
append_only = true
[fields.post]
type = "relation"
to = "posts"
inverse = "comments"
on_delete = "cascade"
required = true
[fields.body]
type = "text"
required = true
[rules]
read = 'post.author == auth.id || !post.secret'
create = 'auth.signed_in'
delete = 'post.author == auth.id'
"#,
    ),
    (
        "reviews",
        r#"
prefix = "review"
[fields.post]
type = "relation"
to = "posts"
on_delete = "restrict"
required = true
[fields.veiled]
type = "bool"
[rules]
read = '!veiled'
create = 'auth.signed_in'
update = 'post.author == auth.id'
"#,
    ),
    (
        "votes",
        r#"
prefix = "vote"
[fields.post]
type = "relation"
to = "posts"
on_delete = "cascade"
required = true
immutable = true
[fields.account]
type = "relation"
to = "accounts"
on_delete = "cascade"
required = true
immutable = true
on_create = 'auth.id'
[fields.weight]
type = "integer"
default = 1
[[indexes]]
fields = ["post", "account"]
unique = true
message = "You voted already."
[[checks]]
expr = 'post.author != account'
message = "Nobody votes for their own."
field = "post"
[rules]
read = 'account == auth.id'
create = 'auth.signed_in'
update = 'account == auth.id'
delete = 'account == auth.id'
"#,
    ),
    (
        "teams",
        r#"
prefix = "team"
[fields.key]
type = "text"
unique = true
[fields.open]
type = "bool"
default = true
[rules]
read = 'open'
"#,
    ),
    (
        "issues",
        r#"
prefix = "issue"
[fields.team]
type = "relation"
to = "teams"
inverse = "issues"
required = true
on_delete = "cascade"
[fields.number]
type = "integer"
sequence = "team"
[fields.ticket]
type = "integer"
sequence = ""
gaps = true
[fields.parent]
type = "relation"
to = "issues"
inverse = "children"
on_delete = "clear"
[fields.related]
type = "relation"
to = "issues"
many = true
[fields.title]
type = "text"
[fields.slug]
type = "slug"
from = "title"
scope = "team"
[fields.label]
type = "text"
default = { expr = 'team.key + "!"' }
[[checks]]
expr = 'team.key.matches("[A-Z]+")'
message = "Only teams with a key of capitals have issues."
field = "team"
[rules]
read = 'team.open'
create = 'team.open'
update = 'team.open'
delete = 'team.open'
"#,
    ),
];

/// The schema of [`FILES`].
pub(crate) fn schema() -> Arc<Schema> {
    schema_of(FILES)
}

/// The schema of these files.
pub(crate) fn schema_of(files: &[(&str, &str)]) -> Arc<Schema> {
    schema_with(files, Vec::new())
}

/// The same, with tables of the server's own.
pub(crate) fn schema_with(files: &[(&str, &str)], tables: Vec<File>) -> Arc<Schema> {
    let file = |(name, source): &(&str, &str)| File {
        path: format!("collections/{name}.toml"),
        source: (*source).to_owned(),
    };
    let layer = Layer { owner: Owner::Site, files: files.iter().map(file).collect() };
    match load(&[Layer { owner: Owner::Server, files: tables }, layer]) {
        Ok(schema) => Arc::new(schema),
        Err(found) => panic!("{:?}", found.iter().map(ToString::to_string).collect::<Vec<_>>()),
    }
}

/// A database with that schema, served.
pub(crate) struct Site {
    pub(crate) db: Db,
    pub(crate) test: TestDb,
}

impl Site {
    pub(crate) fn new(test: TestDb) -> Self {
        let db = Db::over(test.engine.clone(), Arc::new(test.clock.clone()));
        db.install(Arc::clone(&test.schema));
        Self { db, test }
    }

    pub(crate) fn collection(&self, name: &str) -> CollectionId {
        self.test.schema.find(name).unwrap().id
    }

    pub(crate) fn field(&self, collection: &str, name: &str) -> FieldId {
        self.test.schema.find(collection).unwrap().find(name).unwrap().id
    }

    /// What a client sends. Values of other types than the field's are the test's mistake.
    pub(crate) fn input(&self, collection: &str, json: &Json) -> Input {
        let schema = &self.test.schema;
        let collection = schema.find(collection).unwrap();
        let mut input = Input::default();
        for (name, json) in json.as_object().unwrap() {
            let field = collection.find(name).unwrap_or_else(|| panic!("no field {name}"));
            if field.id == FieldId::ID {
                input.id = from_json(field, schema, json).unwrap().as_id();
            } else {
                input.values.push((field.id, sent(field, schema, json)));
            }
        }
        input
    }

    pub(crate) async fn create(&self, caller: &Caller, collection: &str, json: Json) -> Result<Written> {
        let (id, input, caller) =
            (self.collection(collection), self.input(collection, &json), caller.clone());
        self.db.write(&[], move |tx| records::create(tx, &caller, id, &input)).await
    }

    pub(crate) async fn update(&self, caller: &Caller, target: Target, json: Json) -> Result<Written> {
        let name = self.test.schema.collection(target.collection).name.clone();
        let (input, caller) = (self.input(&name, &json), caller.clone());
        self.db.write(&[], move |tx| records::update(tx, &caller, &target, &input)).await
    }

    pub(crate) async fn put(&self, caller: &Caller, target: Target, json: Json) -> Result<Written> {
        let name = self.test.schema.collection(target.collection).name.clone();
        let (input, caller) = (self.input(&name, &json), caller.clone());
        self.db.write(&[], move |tx| records::put(tx, &caller, &target, &input)).await
    }

    pub(crate) async fn delete(&self, caller: &Caller, target: Target) -> Result<()> {
        let caller = caller.clone();
        self.db.write(&[], move |tx| records::delete(tx, &caller, &target).map(drop)).await
    }

    pub(crate) fn target(&self, collection: &str, id: Uuid) -> Target {
        Target::id(self.collection(collection), id)
    }

    pub(crate) fn unique(&self, collection: &str, pairs: &[(&str, Value)]) -> Target {
        let pairs = pairs.iter().map(|(name, value)| (self.field(collection, name), value.clone()));
        let key = Key::Unique(pairs.collect());
        Target { collection: self.collection(collection), key, if_match: None }
    }

    /// The stored record, whoever may see it.
    pub(crate) async fn find(&self, collection: &str, id: Uuid) -> Option<Arc<Image>> {
        let collection = self.collection(collection);
        self.db.write(&[], move |tx| tx.find(collection, id)).await.unwrap()
    }

    /// One field of it as JSON.
    pub(crate) async fn value(&self, collection: &str, id: Uuid, field: &str) -> Json {
        let image =
            self.find(collection, id).await.unwrap_or_else(|| panic!("no such record of {collection}"));
        let collection = self.test.schema.find(collection).unwrap();
        let field = collection.find(field).unwrap();
        to_json(field, &self.test.schema, image.value(field.id))
    }

    /// A new account.
    pub(crate) async fn account(&self, name: &str) -> Caller {
        let json = serde_json::json!({ "name": name });
        let written = self.create(&Caller::system(), "accounts", json).await.unwrap();
        Caller::account(written.id)
    }

    /// The id as a client says it.
    pub(crate) fn text(&self, collection: &str, id: Uuid) -> String {
        id.text(self.test.schema.find(collection).unwrap().prefix.as_ref().unwrap())
    }

    /// A post of this author, with what else is said.
    pub(crate) async fn post(&self, author: &Caller, more: Json) -> Result<Written> {
        let mut json = serde_json::json!({ "author": self.text("accounts", author.id), "title": "Hello" });
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.create(author, "posts", json).await
    }
}

fn sent(field: &Field, schema: &Schema, json: &Json) -> Sent {
    let change = json.as_object().filter(|object| object.keys().all(|key| key == "add" || key == "remove"));
    let Some(change) = change else { return Sent::Set(from_json(field, schema, json).unwrap()) };
    if field.many.is_none() {
        return Sent::AddNumber(Value::Int(change["add"].as_i64().unwrap()));
    }
    let list = |name: &str, change: &Map<String, Json>| {
        let items = change.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
        items.iter().map(|item| element_from_json(field, schema, item).unwrap()).collect()
    };
    Sent::List { add: list("add", change), remove: list("remove", change) }
}

/// An error as `code` and its fields: `records.invalid /title required, /slug pattern`.
pub(crate) fn said(error: &Error) -> String {
    let fields = error.fields().iter().map(|field| format!("{} {}", field.pointer, field.code));
    format!("{} {}", error.code(), fields.collect::<Vec<_>>().join(", ")).trim_end().to_owned()
}

/// The error of a write that must fail.
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    said(&outcome.expect_err("it must be refused"))
}
