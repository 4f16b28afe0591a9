//! A site's files to its [`Schema`]: layers of TOML, read, checked, typed and put together.
//!
//! Invariant: whatever is wrong is said with its file, its line and what to do; a schema is given only when nothing
//! is. Known options that are not built yet are refused, never ignored.

mod automatic;
mod checks;
mod commanded;
mod commands;
mod declared;
mod diagnostic;
mod document;
mod expressions;
mod fields;
mod formerly;
mod indexes;
mod kinds;
mod literal;
mod names;
mod narrow;
mod options;
mod personal;
mod rules;
mod skeleton;
#[cfg(test)]
mod tests;
mod transitions;

pub use diagnostic::{Diagnostic, Severity, render};

use crate::schema::{Owner, Schema};

/// The files of one owner. Layers stand in order: Mains itself, apps, the site.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Whose files they are.
    pub owner: Owner,
    /// In the order in which collections are to stand.
    pub files: Vec<File>,
}

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    /// `collections/<name>.toml` or `tables/<name>.toml`.
    pub path: String,
    /// Its text.
    pub source: String,
}

/// Puts the layers together, or says everything that is wrong with them.
pub fn load(layers: &[Layer]) -> Result<Schema, Vec<Diagnostic>> {
    let (schema, mut found) = read(layers);
    found.retain(|diagnostic| diagnostic.severity == Severity::Error);
    if found.is_empty() { Ok(schema) } else { Err(found) }
}

/// What is worth a second look in layers that load.
pub fn warnings(layers: &[Layer], _schema: &Schema) -> Vec<Diagnostic> {
    let (_, mut found) = read(layers);
    found.retain(|diagnostic| diagnostic.severity == Severity::Warning);
    found
}

fn read(layers: &[Layer]) -> (Schema, Vec<Diagnostic>) {
    let notes = document::Notes::default();
    let schema = {
        let documents = declared::documents(layers, &notes);
        let declared = declared::declared(&documents, &notes);
        declared.iter().for_each(options::collection);
        build(&declared)
    };
    (schema, notes.into_inner())
}

/// Names, then types, then what hangs on types, then expressions, then what is made by itself.
fn build(declared: &[declared::Declared<'_, '_>]) -> Schema {
    let (mut schema, sources) = skeleton::build(declared);
    if !fields::build(&mut schema, &sources) {
        return schema;
    }
    skeleton::keys(&mut schema, declared);
    formerly::check(&schema, declared, &sources);
    fields::inverses(&mut schema, &sources);
    personal::build(&mut schema, &sources);
    fields::defaults(&mut schema, &sources);
    let failed = expressions::computed(&mut schema, &sources);
    transitions::build(&mut schema, &sources, &failed);
    fields::expressions(&mut schema, &sources, &failed);
    rules::build(&mut schema, declared, &failed);
    commanded::build(&mut schema, declared);
    indexes::build(&mut schema, declared, &sources, &failed);
    checks::build(&mut schema, declared, &failed);
    commands::build(&mut schema, declared, &failed);
    automatic::build(&mut schema);
    schema
}
