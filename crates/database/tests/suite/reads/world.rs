//! The site that reads are tested on: accounts, their articles with every type of field, comments, and plain things
//! to be sorted.

use std::sync::Arc;

use mains_language::expression::{Scope, Tree, Want, check, check_as};
use mains_language::schema::{FieldKind, Inverse, OnDelete, Schema};

use crate::schema::build::{CollectionSpec, Holds, choices, collection, field, site};

fn accounts() -> CollectionSpec {
    collection("accounts")
        .with(field("name", Holds::Text(100)).required())
        .with(field("email", Holds::Email))
        .with(field("secret", Holds::Text(100)))
        .unique(&["email"])
        .unique(&["secret"])
}

fn articles() -> CollectionSpec {
    collection("articles")
        .with(field("slug", Holds::Text(100)).required())
        .with(field("title", Holds::Text(200)))
        .with(field("author", Holds::Relation("accounts".into())).required())
        .with(field("status", choices(&["draft", "published"])).required())
        .with(field("views", Holds::Integer(None, None)))
        .with(field("score", Holds::Number))
        .with(field("price", Holds::Decimal(2)))
        .with(field("cost", Holds::Money(Some("EUR"))))
        .with(field("fee", Holds::Money(None)))
        .with(field("day", Holds::Date))
        .with(field("at", Holds::Datetime))
        .with(field("flag", Holds::Bool))
        .with(field("extra", Holds::Text(100)))
        .with(field("nick", Holds::Folded(50)))
        .with(field("tags", Holds::Text(40)).many(20))
        .with(field("reviewers", Holds::Relation("accounts".into())).many(20))
        .with(field("note", Holds::Text(100)))
        .with(field("secret", Holds::Text(100)))
        .with(field("mine", Holds::Bool))
        .with(field("answers", Holds::Integer(None, None)))
        .unique(&["slug"])
        .unique(&["author", "nick"])
        .index(&["author", "created"], None)
        .index(&["views"], None)
}

fn comments() -> CollectionSpec {
    collection("comments")
        .with(field("article", Holds::Relation("articles".into())).required())
        .with(field("text", Holds::Text(100)))
        .with(field("visible", Holds::Bool))
        .index(&["article", "created"], None)
}

fn things() -> CollectionSpec {
    collection("things")
        .with(field("a", Holds::Integer(None, None)))
        .with(field("b", Holds::Text(50)))
        .with(field("c", Holds::Bool))
        .with(field("d", Holds::Folded(50)))
        .with(field("e", Holds::Number))
        .with(field("f", Holds::Integer(None, None)).required())
        .with(field("g", Holds::Integer(None, None)))
        .index(&["a"], None)
        .index(&["a", "b"], None)
        .index(&["f"], None)
}

/// The schema.
pub(crate) fn world() -> Arc<Schema> {
    let closed = collection("secrets").with(field("text", Holds::Text(100)));
    let mut schema =
        Arc::into_inner(site(&[accounts(), articles(), comments(), things(), closed])).expect("it is ours");
    place(&mut schema, "accounts").random_ids = true;
    inverse(&mut schema);
    field_of(&mut schema, "articles", "extra").kind = FieldKind::Json { max_bytes: 1000 };
    read_rule(&mut schema, "accounts", "true");
    read_rule(&mut schema, "articles", "auth.verified || status == \"published\" || author == auth.id");
    read_rule(&mut schema, "comments", "visible");
    read_rule(&mut schema, "things", "true");
    field_rule(&mut schema, "accounts", "email", "id == auth.id");
    field_rule(&mut schema, "articles", "note", "author == auth.id");
    field_rule(&mut schema, "things", "g", "f % 2 == 0 && auth.signed_in");
    computed(&mut schema, "articles", "mine", "author == auth.id");
    computed(&mut schema, "articles", "answers", "comments.size()");
    for name in ["accounts", "articles"] {
        field_of(&mut schema, name, "secret").hidden = true;
    }
    Arc::new(schema)
}

fn place<'s>(schema: &'s mut Schema, name: &str) -> &'s mut mains_language::schema::Collection {
    let id = schema.find(name).unwrap().id;
    &mut schema.collections[usize::from(id.0)]
}

fn field_of<'s>(schema: &'s mut Schema, name: &str, field: &str) -> &'s mut mains_language::schema::Field {
    place(schema, name).fields.iter_mut().find(|known| known.name == field).unwrap()
}

fn inverse(schema: &mut Schema) {
    let (articles, comments) = (schema.find("articles").unwrap().id, schema.find("comments").unwrap());
    let (from, field) = (comments.id, comments.find("article").unwrap().id);
    let name = Some("comments".to_owned());
    field_of(schema, "comments", "article").kind =
        FieldKind::Relation { to: articles, inverse: name.clone(), on_delete: OnDelete::Restrict };
    place(schema, "articles").inverses.push(Inverse { name, from, field, many: false });
}

/// A condition about records of a collection.
pub(crate) fn condition(schema: &Schema, name: &str, source: &str) -> Arc<Tree> {
    let scope = Scope::new(schema, schema.find(name).unwrap().id);
    Arc::new(check_as(source, &scope, &Want::Condition).expect(source))
}

/// Gives a collection another read rule.
pub(crate) fn read_rule(schema: &mut Schema, name: &str, source: &str) {
    let rule = condition(schema, name, source);
    place(schema, name).rules.read = Some(rule);
}

fn field_rule(schema: &mut Schema, name: &str, field: &str, source: &str) {
    let rule = condition(schema, name, source);
    field_of(schema, name, field).read = Some(rule);
}

fn computed(schema: &mut Schema, name: &str, field: &str, source: &str) {
    let scope = Scope::new(schema, schema.find(name).unwrap().id);
    let tree = check(source, &scope).expect(source);
    let field = field_of(schema, name, field);
    field.kind = FieldKind::Computed(tree.ty.clone());
    field.computed = Some(Arc::new(tree));
}
