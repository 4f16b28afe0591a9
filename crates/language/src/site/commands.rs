//! `[commands]` of ready-made collections. `[queries]`, the same by GET, are told that they are not built yet.

use std::cell::Cell;
use std::collections::HashMap;

use super::declared::Declared;
use super::document::{Item, Keys};
use super::expressions::{Failed, Standing, tree};
use super::kinds::{self, Place};
use super::{literal, names, options};
use crate::expression::{self, Want};
use crate::schema::{
    Answers, Argument, Collection, Command, Default, Field, FieldId, FieldKind, On, Owner, Rate, Replay,
    Schema,
};

/// Keys of a command.
const COMMAND: [&str; 8] = ["on", "allow", "staff", "input", "takes", "answers", "limits", "replay"];
/// Words of addresses that a command would hide.
const TAKEN: [&str; 5] = ["me", "aggregate", "history", "batch", "new"];

/// What is known while one command is read.
#[derive(Clone, Copy)]
struct Reading<'r> {
    schema: &'r Schema,
    collection: &'r Collection,
    failed: &'r Failed,
}

/// Reads the commands of every collection.
pub(super) fn build(schema: &mut Schema, declared: &[Declared<'_, '_>], failed: &Failed) {
    let mut all = Vec::with_capacity(declared.len());
    for (one, collection) in declared.iter().zip(&schema.collections) {
        let reading = Reading { schema, collection, failed };
        all.push(reading.commands(one));
        not_yet(one);
        reading.guests(one);
    }
    for (collection, commands) in schema.collections.iter_mut().zip(all) {
        collection.commands = commands;
    }
}

impl Reading<'_> {
    fn commands(self, one: &Declared<'_, '_>) -> Vec<Command> {
        let app = *one.base.origin.owner != Owner::Site && !one.is_table;
        let Some(keys) = one.base.get("commands").filter(|_| app).and_then(Item::keys) else {
            return Vec::new();
        };
        let mut commands = Vec::new();
        for (name, span, item) in keys.entries() {
            let Some(inner) = item.keys() else { continue };
            let inner = Keys { span, ..inner };
            if let Some(problem) = names::command(name, &TAKEN) {
                inner.error(problem, None);
            }
            inner.only(&COMMAND, "in a command");
            let command = self.command(name, &inner, one);
            no_secret_is_kept(&command, &inner);
            commands.push(command);
        }
        commands
    }

    fn command(self, name: &str, keys: &Keys<'_, '_>, one: &Declared<'_, '_>) -> Command {
        let on = on(keys);
        if keys.get("allow").is_none() && keys.get("staff").is_none() {
            keys.error(
                format!("Nobody may {name}."),
                Some("Say allow = 'id == auth.id' or the like, or staff = \"orders\"."),
            );
        }
        let command = Command {
            name: name.to_owned(),
            owner: keys.origin.owner.clone(),
            on,
            allow: keys.get("allow").and_then(|item| self.allow(item, on)),
            staff: keys.text("staff").map(str::to_owned),
            input: self.input(keys),
            takes: keys.is("takes"),
            answers: self.answers(keys),
            limits: keys.get("limits").and_then(rate),
            replay: replay(keys),
        };
        if command.takes {
            self.takes(&command, one);
        }
        command
    }

    fn allow(self, item: Item<'_, '_>, on: On) -> Option<std::sync::Arc<expression::Tree>> {
        let place = expression::Place::Write;
        let standing = Standing { collection: self.collection.id, place, old: false };
        let allow = tree(item, self.schema, self.failed, standing, &Want::Condition)?;
        if on == On::Collection && allow.is_about_record() {
            item.error(
                "This command is on the collection, so there is no record to ask about.",
                Some("Ask `auth` alone, or leave out on = \"collection\"."),
            );
        }
        Some(allow)
    }

    fn answers(self, keys: &Keys<'_, '_>) -> Answers {
        let Some((item, name)) = keys.get("answers").and_then(|item| Some((item, item.text()?))) else {
            return Answers::Nothing;
        };
        if name == "nothing" {
            return Answers::Nothing;
        }
        let found = self.schema.find(name).filter(|collection| !collection.is_table());
        if found.is_none() {
            let known = self.schema.collections.iter().filter(|one| !one.is_table());
            let near = mains_base::nearest(name, known.map(|one| one.name.as_str()).chain(["nothing"]));
            let near = near.map(|near| format!("Did you mean \"{near}\"?"));
            let hint = near.unwrap_or_else(|| "Name a collection, or \"nothing\".".to_owned());
            item.error(format!("There is no collection `{name}` to answer with."), Some(&hint));
        }
        found.map_or(Answers::Nothing, |collection| Answers::Record(collection.id))
    }

    fn input(self, keys: &Keys<'_, '_>) -> Vec<Argument> {
        let Some(input) = keys.get("input").and_then(Item::keys) else { return Vec::new() };
        let mut arguments = Vec::new();
        for ((name, span, item), place) in input.entries().zip(0_u16..) {
            let Some(inner) = item.keys() else { continue };
            let inner = Keys { span, ..inner };
            if let Some(problem) = names::field(name, "", false) {
                inner.error(problem, None);
            }
            let Some(field) = self.argument(name, FieldId(place), &inner) else { continue };
            let secret = inner.is("secret");
            if secret && !matches!(field.kind, FieldKind::Text { .. }) {
                inner.refuse("secret", "Only text can be secret.", Some("Leave `secret` out, or use text."));
            }
            arguments.push(Argument { field, secret });
        }
        arguments
    }

    fn argument(self, name: &str, id: FieldId, keys: &Keys<'_, '_>) -> Option<Field> {
        let Some(kind) = keys.text("type") else {
            if keys.get("type").is_none() {
                keys.error("This input has no type.", Some("Say type = \"text\" or the like."));
            }
            return None;
        };
        options::argument(keys, kind);
        let (types, failed) = (HashMap::new(), Cell::new(false));
        let place =
            Place { schema: self.schema, collection: self.collection.id, types: &types, failed: &failed };
        let many = kinds::many(keys, kind);
        let kind = kinds::kind(keys, kind, &place);
        let message = keys.text("message").map(str::to_owned);
        let required = keys.is("required");
        let label = options::label(keys);
        let mut field = Field { label, many, required, message, ..Field::new(id, name, kind) };
        field.owner = keys.origin.owner.clone();
        let default = keys.get("default").and_then(|item| literal::of_field(item, &field, self.schema));
        field.default = default.filter(|value| !value.is_null()).map(Default::Literal);
        (!failed.get()).then_some(field)
    }

    /// What a site adds is sent beside the command's own input.
    fn takes(self, command: &Command, one: &Declared<'_, '_>) {
        for field in self.collection.added().filter(|field| command.argument(&field.name).is_some()) {
            let declared = one.extensions.iter().find_map(|keys| {
                let fields = keys.get("fields")?.keys()?;
                Some((fields.get(&field.name).is_some(), fields.key_span(&field.name), keys))
            });
            if let Some((true, span, keys)) = declared {
                let message = format!("The command {} is sent a `{}` of its own.", command.name, field.name);
                keys.notes.error(keys.origin, span, message, Some("Choose another name."));
            }
        }
    }

    fn guests(self, one: &Declared<'_, '_>) {
        if self.collection.guests && self.schema.find("accounts").is_none() {
            one.base.refuse(
                "guests",
                "This site has no accounts, so a visitor cannot become a guest.",
                Some("Enable the app accounts, or leave this out."),
            );
        }
    }
}

/// What an app could say one day, refused until it is built.
fn not_yet(one: &Declared<'_, '_>) {
    let app = *one.base.origin.owner != Owner::Site && !one.is_table;
    if let Some(keys) = one.base.get("queries").filter(|_| app).and_then(Item::keys) {
        for (name, ..) in keys.entries() {
            let message = format!("Queries are not built yet, so nobody could ask `{name}`.");
            keys.refuse(name, message, Some("Leave it out; records are asked for with a filter."));
        }
    }
}

fn on(keys: &Keys<'_, '_>) -> On {
    let Some(item) = keys.get("on") else { return On::Record };
    match item.text() {
        Some("collection") => On::Collection,
        Some("record") | None => On::Record,
        Some(_) => {
            item.error("A command is on \"collection\" or on \"record\".", None);
            On::Record
        }
    }
}

fn rate(item: Item<'_, '_>) -> Option<Rate> {
    let rate = Rate::parse(item.text()?);
    if rate.is_none() {
        item.error("A limit is so many times in so long.", Some("Write \"10/1h\", or with s, m or d."));
    }
    rate
}

/// By an `Idempotency-Key` a hash of all that was sent is stored, from which a password could be guessed.
fn no_secret_is_kept(command: &Command, keys: &Keys<'_, '_>) {
    let secret = command.input.iter().find(|argument| argument.secret);
    if let Some(Argument { field, .. }) = secret.filter(|_| command.replay != Replay::Never) {
        let message = format!(
            "An Idempotency-Key would store a hash of what {} is sent, of the secret `{}` too.",
            command.name, field.name
        );
        keys.error(message, Some("Say replay = false."));
    }
}

fn replay(keys: &Keys<'_, '_>) -> Replay {
    let Some(item) = keys.get("replay") else { return Replay::Stored };
    match (item.value.get_ref().as_bool(), item.value.get_ref().as_str()) {
        (Some(true), _) => Replay::Stored,
        (Some(false), _) => Replay::Never,
        (_, Some("required")) => Replay::Required,
        _ => {
            item.error("Say replay = \"required\", or false where an answer is told once.", None);
            Replay::Stored
        }
    }
}
