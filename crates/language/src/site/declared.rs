//! What the files declare, collection by collection: its own file, then those that extend it, in order of layers.

use std::sync::Arc;

use toml::Spanned;
use toml::de::DeTable;

use super::document::{Keys, Notes, Origin};
use super::{Layer, names};
use crate::schema::Owner;

/// A file that TOML could read.
pub(super) struct Document<'s> {
    pub(super) origin: Origin<'s>,
    pub(super) name: &'s str,
    pub(super) is_table: bool,
    pub(super) table: Spanned<DeTable<'s>>,
}

/// A collection or private table as its files say it.
pub(super) struct Declared<'a, 's> {
    pub(super) name: &'s str,
    pub(super) is_table: bool,
    /// Its own file.
    pub(super) base: Keys<'a, 's>,
    /// Files that extend it.
    pub(super) extensions: Vec<Keys<'a, 's>>,
}

impl<'a, 's> Declared<'a, 's> {
    /// Its own file, then those that extend it.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Keys<'a, 's>> {
        std::iter::once(&self.base).chain(&self.extensions)
    }
}

/// Reads every file of every layer; notes what is no TOML and what lies where nothing is looked for.
pub(super) fn documents<'s>(layers: &'s [Layer], notes: &Notes) -> Vec<Document<'s>> {
    let files = layers.iter().flat_map(|layer| layer.files.iter().map(move |file| (&layer.owner, file)));
    let mut documents = Vec::new();
    for (owner, file) in files {
        let origin = Origin { owner, path: &file.path, source: &file.source };
        let (is_table, rest) =
            match (file.path.strip_prefix("collections/"), file.path.strip_prefix("tables/")) {
                (Some(rest), _) => (false, rest),
                (_, Some(rest)) => (true, rest),
                _ => {
                    notes.error(
                        origin,
                        0..0,
                        "A collection lies in collections/, a private table in tables/.",
                        None,
                    );
                    continue;
                }
            };
        let Some(name) = rest.strip_suffix(".toml") else {
            notes.error(origin, 0..0, "The name of this file should end with .toml.", None);
            continue;
        };
        match DeTable::parse(&file.source) {
            Ok(table) => documents.push(Document { origin, name, is_table, table }),
            Err(error) => notes.error(origin, error.span().unwrap_or(0..0), sentence(error.message()), None),
        }
    }
    documents
}

/// The words of the TOML reader as one sentence.
fn sentence(message: &str) -> String {
    let line = message.lines().collect::<Vec<_>>().join("; ");
    format!("This is no TOML: {line}.")
}

/// Puts the files of one name together.
pub(super) fn declared<'a, 's>(documents: &'a [Document<'s>], notes: &'a Notes) -> Vec<Declared<'a, 's>> {
    let mut found: Vec<Declared<'a, 's>> = Vec::new();
    for document in documents {
        let origin = document.origin;
        let table = document.table.get_ref();
        let keys = Keys { origin, notes, table, span: beginning(origin.source) };
        let earlier = found.iter_mut().find(|declared| declared.name == document.name);
        match (earlier, keys.get("extends")) {
            (Some(base), Some(extends)) if extends.text() == Some(document.name) => extend(base, keys),
            (None, Some(extends)) if extends.text() == Some(document.name) => extends.error(
                format!("There is no ready-made collection `{}` to extend.", document.name),
                Some("Enable the app that has it, or leave out `extends` and give a `prefix`."),
            ),
            (_, Some(extends)) => {
                extends.error(
                    "A file extends the collection of its own name.",
                    Some(&format!("Write extends = \"{}\", or rename the file.", document.name)),
                );
            }
            (Some(base), None) => again(base, &keys),
            (None, None) => {
                if let Some(problem) = names::collection(document.name, *origin.owner == Owner::Server) {
                    keys.error(problem, None);
                }
                if document.is_table && *origin.owner == Owner::Site {
                    keys.error("Private tables are for ready-made apps; declare a collection instead.", None);
                }
                let (name, is_table) = (document.name, document.is_table);
                found.push(Declared { name, is_table, base: keys, extensions: Vec::new() });
            }
        }
    }
    found
}

fn extend<'a, 's>(base: &mut Declared<'a, 's>, keys: Keys<'a, 's>) {
    if *base.base.origin.owner == *keys.origin.owner || base.is_table {
        keys.error(
            "Only collections of ready-made apps can be extended.",
            Some("Change the collection's own file."),
        );
        return;
    }
    base.extensions.push(keys);
}

fn again(base: &Declared<'_, '_>, keys: &Keys<'_, '_>) {
    match base.base.origin.owner {
        Owner::App(app) => keys.error(
            format!("The app {app} has a collection `{}` already.", base.name),
            Some(&format!("Write extends = \"{}\" to add to it, or choose another name.", base.name)),
        ),
        _ => keys.error(format!("`{}` is declared twice.", base.name), Some("Choose another name.")),
    }
}

/// The first line that says something.
fn beginning(source: &str) -> std::ops::Range<usize> {
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let words = line.trim();
        if !words.is_empty() && !words.starts_with('#') {
            return start..start + line.trim_end().len();
        }
        start += line.len();
    }
    0..0
}

/// The rule that nobody passes.
pub(super) fn nobody() -> Arc<crate::expression::Tree> {
    let no = mains_base::Value::Bool(false);
    Arc::new(crate::expression::Tree::constant(no, crate::expression::Type::Bool))
}
