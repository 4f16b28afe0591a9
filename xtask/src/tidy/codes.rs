//! Every code of an error stands in `docs/errors.md`, and nothing else does: codes of answers (`records.not_unique`) and
//! codes of single fields (`too_long`).

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::File;

const PAGE: &str = "docs/errors.md";
/// The codes that belong to no area.
const BARE: [&str; 6] =
    ["forbidden", "internal", "not_found", "not_yet", "outcome_unknown", "unauthenticated"];

/// Codes that are not documented, and documented ones that no error has.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let page = files.iter().find(|file| file.path == PAGE).map_or("", |file| file.text.as_str());
    let documented: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let used = used(files, &documented);
    let missing = used.iter().filter(|(code, _)| !documented.contains(code));
    let mut found: Vec<String> =
        missing.map(|(code, path)| format!("{path}: {code} is not in {PAGE}")).collect();
    let unused = documented.iter().filter(|code| !used.contains_key(*code));
    found.extend(unused.map(|code| format!("{PAGE}: no error has the code {code}")));
    found
}

/// The codes of the product, each with a file that has it.
fn used<'f>(files: &'f [File], documented: &[&'f str]) -> BTreeMap<&'f str, &'f str> {
    let product = files.iter().filter(|file| {
        file.path.starts_with("crates/")
            && file.path.contains("/src/")
            && file.has_ending("rs")
            && !file.path.ends_with("/tests.rs")
            && !file.path.starts_with("crates/testkit/")
    });
    let texts: Vec<(&'f str, &'f str)> = product
        .map(|file| (file.text.split("#[cfg(test)]").next().unwrap_or_default(), file.path.as_str()))
        .collect();
    let mut used: BTreeMap<&'f str, &'f str> = BTreeMap::new();
    for (text, path) in &texts {
        used.extend(codes(text).into_iter().chain(field_codes(text)).map(|code| (code, *path)));
    }
    let known = used.keys().chain(documented);
    let areas: BTreeSet<&str> = known.filter_map(|code| code.split_once('.')).map(|(area, _)| area).collect();
    for (text, path) in &texts {
        // A code may also be handed on: a constant, an argument. Its area tells it from names of files.
        let handed = literals(text).filter(|text| is_code(text));
        used.extend(
            handed
                .filter(|code| code.split_once('.').is_some_and(|(area, _)| areas.contains(area)))
                .map(|code| (code, *path)),
        );
    }
    used
}

/// The literals that stand where a code stands: after a kind of error, and first in `Error::conflict`.
fn codes(text: &str) -> Vec<&str> {
    let after_kind = text.split("Kind::").skip(1).filter_map(after_comma);
    let in_conflict = text.split("Error::conflict(").skip(1);
    after_kind.chain(in_conflict).filter_map(first_literal).filter(|code| is_code(code)).collect()
}

/// The codes of single fields: second in `FieldError::new`, first in `FieldProblem::new`.
fn field_codes(text: &str) -> Vec<&str> {
    let errors = text.split("FieldError::new(").skip(1).filter_map(after_comma);
    let problems = text.split("FieldProblem::new(").skip(1);
    errors.chain(problems).filter_map(first_literal).filter(|code| is_plain(code)).collect()
}

fn after_comma(rest: &str) -> Option<&str> {
    rest.split_once(',').map(|(_, rest)| rest)
}

/// The literal that the text begins with, blanks aside.
fn first_literal(rest: &str) -> Option<&str> {
    rest.trim_start().strip_prefix('"')?.split('"').next()
}

/// Whatever stands between two quotes of one line.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| line.split('"'))
}

fn is_code(text: &str) -> bool {
    is_plain(text) && (text.contains('.') || BARE.contains(&text))
}

fn is_plain(text: &str) -> bool {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.' | b'0'..=b'9'));
    plain && !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_the_page_agree() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let source = file(
            "crates/a/src/b.rs",
            "Error::new(Kind::Invalid, \"a.b\", x); Error::conflict(\n    \"c.d\", y); Error::new(Kind::NotFound, code, z)\n\
             const HANDED: &str = \"a.c\"; let file = \"index.html\";\n\
             FieldError::new(&field.name, \"too_odd\", x); FieldProblem::new(\"url\", y)",
        );
        assert_eq!(codes(&source.text), ["a.b", "c.d"]);
        assert_eq!(field_codes(&source.text), ["too_odd", "url"]);
        let page = file(PAGE, "| `a.b` | x |\n| `e.f` | y |\n| `url` | z |\n");
        let found = check(&[source, page]);
        assert_eq!(
            found,
            [
                "crates/a/src/b.rs: a.c is not in docs/errors.md",
                "crates/a/src/b.rs: c.d is not in docs/errors.md",
                "crates/a/src/b.rs: too_odd is not in docs/errors.md",
                "docs/errors.md: no error has the code e.f"
            ]
        );
    }
}
