//! Every code of an error stands in `docs/errors.md`, and nothing else does.

use std::collections::BTreeMap;

use crate::tree::File;

const PAGE: &str = "docs/errors.md";
/// The codes that belong to no area.
const BARE: [&str; 3] = ["internal", "not_found", "outcome_unknown"];

/// Codes that are not documented, and documented ones that no error has.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let page = files.iter().find(|file| file.path == PAGE).map_or("", |file| file.text.as_str());
    let documented: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let product = files.iter().filter(|file| file.path.starts_with("crates/") && file.path.contains("/src/"));
    let mut used: BTreeMap<&str, &str> = BTreeMap::new();
    for file in product.filter(|file| file.path.ends_with(".rs") && !file.path.starts_with("crates/testkit/"))
    {
        let text = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        used.extend(codes(text).into_iter().map(|code| (code, file.path.as_str())));
    }
    let missing = used.iter().filter(|(code, _)| !documented.contains(code));
    let mut found: Vec<String> =
        missing.map(|(code, path)| format!("{path}: {code} is not in {PAGE}")).collect();
    let unused = documented.iter().filter(|code| !used.contains_key(*code));
    found.extend(unused.map(|code| format!("{PAGE}: no error has the code {code}")));
    found
}

/// The literals that stand where a code stands: after a kind of error, and first in `Error::conflict`.
fn codes(text: &str) -> Vec<&str> {
    let after_kind =
        text.split("Kind::").skip(1).filter_map(|rest| rest.split_once(',').map(|(_, rest)| rest));
    let in_conflict = text.split("Error::conflict(").skip(1);
    let literal = |rest: &'_ str| -> Option<(usize, usize)> {
        let start = rest.find(|letter: char| !letter.is_whitespace())?;
        let inner = rest.get(start..)?.strip_prefix('"')?;
        let length = inner.find('"')?;
        Some((start + 1, start + 1 + length))
    };
    let code = |rest: &'_ str| literal(rest).map(|(from, to)| from..to);
    let all = after_kind.chain(in_conflict);
    all.filter_map(|rest| rest.get(code(rest)?)).filter(|code| is_code(code)).collect()
}

fn is_code(text: &str) -> bool {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.' | b'0'..=b'9'));
    plain && (text.contains('.') || BARE.contains(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_the_page_agree() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let source = file(
            "crates/a/src/b.rs",
            "Error::new(Kind::Invalid, \"a.b\", x); Error::conflict(\n    \"c.d\", y); Error::new(Kind::NotFound, code, z)",
        );
        assert_eq!(codes(&source.text), ["a.b", "c.d"]);
        let page = file(PAGE, "| `a.b` | x |\n| `e.f` | y |\n");
        let found = check(&[source, page]);
        assert_eq!(
            found,
            ["crates/a/src/b.rs: c.d is not in docs/errors.md", "docs/errors.md: no error has the code e.f"]
        );
    }
}
