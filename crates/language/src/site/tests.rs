//! Sites that load and what they become; what is refused, with its words.

use std::path::Path;

use super::*;
use crate::schema::{Collection, FieldId, FieldKind, OnDelete};

fn layer(owner: Owner, files: &[(&str, &str)]) -> Layer {
    let file = |(path, source): &(&str, &str)| File { path: (*path).into(), source: (*source).into() };
    Layer { owner, files: files.iter().map(file).collect() }
}

/// One collection `notes` of the site, beside `people`.
fn notes(source: &str) -> Result<Schema, Vec<Diagnostic>> {
    let notes = format!("prefix = \"note\"\n{source}");
    let people = "prefix = \"person\"\n[fields.name]\ntype = \"text\"\n";
    load(&[layer(Owner::Site, &[("collections/people.toml", people), ("collections/notes.toml", &notes)])])
}

fn words(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

/// What is said of a site, one line each.
fn refused(source: &str) -> Vec<String> {
    match notes(source) {
        Ok(_) => panic!("this loads: {source}"),
        Err(found) => words(&found),
    }
}

fn of<'s>(schema: &'s Schema, name: &str) -> &'s Collection {
    schema.find(name).unwrap()
}

/// The files of a folder, as a layer.
fn folder(owner: Owner, name: &str) -> Layer {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sites").join(name);
    let mut files = Vec::new();
    for kind in ["collections", "tables"] {
        let Ok(entries) = std::fs::read_dir(root.join(kind)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            files.push(File {
                path: format!("{kind}/{name}"),
                source: std::fs::read_to_string(&path).unwrap(),
            });
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Layer { owner, files }
}

#[test]
fn conduit_and_tracker_load() {
    for (name, count) in [("conduit", 7), ("tracker", 15)] {
        let layers = [folder(Owner::App("accounts".into()), "accounts"), folder(Owner::Site, name)];
        let schema = match load(&layers) {
            Ok(schema) => schema,
            Err(found) => {
                panic!("{}", found.iter().map(|one| render(one, false)).collect::<Vec<_>>().join("\n\n"))
            }
        };
        assert_eq!(schema.collections.len(), count + 1, "{name}");
        assert_eq!(warnings(&layers, &schema), Vec::new());
    }
}
