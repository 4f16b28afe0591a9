//! Sites that load and what they become; what is refused, with its words.

mod commands;
mod refusals;
mod sites;

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

/// The loaded schema, or a panic that shows every mistake.
fn loaded(layers: &[Layer]) -> Schema {
    match load(layers) {
        Ok(schema) => schema,
        Err(found) => {
            panic!("{}", found.iter().map(|one| render(one, false)).collect::<Vec<_>>().join("\n\n"))
        }
    }
}

#[test]
fn options_and_their_defaults() {
    let schema = notes(
        "was = \"memos\"\nappend_only = true\n\
         [fields.title]\ntype = \"text\"\nrequired = true\nwas = \"name\"\n\
         [fields.slug]\ntype = \"slug\"\nfrom = \"title\"\nscope = \"person\"\nfollows = true\n\
         [fields.person]\ntype = \"relation\"\nto = \"people\"\ninverse = \"notes\"\nrequired = true\n\
         [fields.friends]\ntype = \"relation\"\nto = \"people\"\nmany = true\n\
         [fields.number]\ntype = \"integer\"\nsequence = \"person\"\ngaps = true\n\
         [fields.price]\ntype = \"decimal\"\nscale = 2\nmin = 0.5\nmax = \"10\"\ndefault = 1.25\n\
         [fields.day]\ntype = \"date\"\nmin = 1970-01-02\n\
         [fields.state]\ntype = \"enum\"\nvalues = [\"open\", { name = \"done\", was = \"shut\" }]\ndefault = \"open\"\n\
         [fields.state.transitions]\n\"* -> done\" = 'title != \"x\"'\n\"new -> open\" = 'true'\n",
    )
    .unwrap();
    let notes = of(&schema, "notes");
    let kind = |name: &str| format!("{:?}", notes.find(name).unwrap().kind);
    assert_eq!(
        (notes.was.as_deref(), notes.append_only, notes.area.as_str()),
        (Some("memos"), true, "records")
    );
    assert_eq!(notes.key, [FieldId::ID]);
    assert_eq!(kind("title"), "Text { min: None, max: 5000, pattern: None, ignore_case: false }");
    assert_eq!(kind("slug"), "Slug { from: Some(FieldId(4)), scope: Some(FieldId(6)), follows: true }");
    assert_eq!(
        kind("number"),
        "Integer { min: None, max: None, sequence: Some(Sequence { scope: Some(FieldId(6)), gaps: true }) }"
    );
    assert_eq!(kind("price"), "Decimal { scale: 2, min: Some(50), max: Some(1000) }");
    assert_eq!(kind("day"), "Date { min: Some(1), max: None }");
    assert!(matches!(
        notes.find("friends").unwrap().kind,
        FieldKind::Relation { on_delete: OnDelete::Clear, .. }
    ));
    assert!(matches!(
        notes.find("person").unwrap().kind,
        FieldKind::Relation { on_delete: OnDelete::Restrict, .. }
    ));
    assert_eq!(notes.find("friends").unwrap().many.unwrap().max_items, 100);
    let inverses: Vec<_> = of(&schema, "people")
        .inverses
        .iter()
        .map(|inverse| (inverse.name.as_deref(), inverse.many))
        .collect();
    assert_eq!(inverses, [(Some("notes"), false), (None, true)]);
}

#[test]
fn indexes_that_nobody_asked_for() {
    let accounts = "prefix = \"account\"\n[fields.email]\ntype = \"email\"\nunique = true\n";
    let notes = "prefix = \"note\"\n\
        [fields.author]\ntype = \"relation\"\nto = \"accounts\"\n\
        [fields.team]\ntype = \"relation\"\nto = \"accounts\"\n\
        [fields.email]\ntype = \"email\"\n\
        [fields.mine]\ncomputed = 'email == auth.account.email'\n\
        [[indexes]]\nfields = [\"team\", \"created\"]\n\
        [rules]\nread = 'author == auth.id || mine'\n";
    let files = [("collections/accounts.toml", accounts), ("collections/notes.toml", notes)];
    let schema = loaded(&[layer(Owner::Site, &files)]);
    let indexes: Vec<_> =
        of(&schema, "notes").indexes.iter().map(|index| (index.name.as_str(), index.automatic)).collect();
    assert_eq!(indexes, [("team_created", false), ("author_created", true), ("email_created", true)]);
    let unique: Vec<_> =
        of(&schema, "accounts").indexes.iter().map(|index| (index.name.as_str(), index.unique)).collect();
    assert_eq!(unique, [("email_unique", true)]);
}

#[test]
fn computed_fields_need_each_other_in_any_order() {
    let schema = notes(
        "[fields.twice]\ncomputed = 'once * 2'\n[fields.once]\ncomputed = 'number + 1'\n\
         [fields.number]\ntype = \"integer\"\n[rules]\nread = 'twice > 4'\n",
    )
    .unwrap();
    assert_eq!(format!("{:?}", of(&schema, "notes").find("twice").unwrap().kind), "Computed(Int)");
    assert_eq!(
        refused("[fields.a]\ncomputed = 'b + 1'\n[fields.b]\ncomputed = 'a + 1'\n[rules]\nread = 'a > 1'\n"),
        [
            "collections/notes.toml:5: The computed field `a` is itself refused: it needs itself (notes.a → notes.b → notes.a)."
        ]
    );
}

#[test]
fn an_index_on_updated_is_worth_a_look() {
    let notes = "prefix = \"note\"\n[[indexes]]\nfields = [\"updated\"]\n";
    let layers = [layer(Owner::Site, &[("collections/notes.toml", notes)])];
    let schema = loaded(&layers);
    assert_eq!(
        words(&warnings(&layers, &schema)),
        [
            "collections/notes.toml:3: An index on `updated` slows every write down. On PostgreSQL an index on a column that every write changes makes writes wait for each other."
        ]
    );
}

#[test]
fn a_mistake_is_drawn() {
    let found = notes("[fields.title]\ntype = \"text\"\nrequird = true\n\n[rules]\nread = 'titel == null'\n")
        .unwrap_err();
    let drawn: Vec<String> = found.iter().map(|one| render(one, false)).collect();
    assert_eq!(
        drawn[0],
        "\
error: There is no `requird` in a field.
 --> collections/notes.toml:4:1
  |
4 | requird = true
  | ^^^^^^^
  |
  = help: Did you mean `required`?"
    );
    assert_eq!(drawn[1].lines().nth(4), Some("  |         ^^^^^"), "{}", drawn[1]);
    assert!(render(&found[0], true).contains("\u{1b}["));
}
